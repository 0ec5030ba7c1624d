"""An error of ours, or of a plugin, that costs one session or one message, and no other (docs/analyze.md).

What is told of it is the kind of error and the line of the program, never the error's own words: they may quote an
identity or a key. The whole traceback goes to the logger `mrfscope`, which `-v` shows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzer.findings import Finding, Severity
from analyzer.model import Verdict

if TYPE_CHECKING:
    from analyzer.correlate.session import Session

CODE = "INTERNAL"
CLAUSE = "docs/analyze.md, Internal errors"
OURS = ("analyzer", "dissectors", "replay")
ADVICE = (
    "This is a fault of mrfscope, not of the network: please report this finding with the output of "
    "`mrfscope --version` and of this command with -v; a capture of this session alone helps most."
)
NOT_JUDGED = "an internal error: see the finding INTERNAL"
"Why a rule that failed says nothing."


class PluginError(Exception):
    """A rule or flow of a plugin failed; its text names plugin, rule, line and the kind of error."""


def place_of_error(error: BaseException) -> str:
    """`KeyError in analyzer.flows.macs, line 147`: the innermost line of ours that it went through."""
    where = ""
    trace = error.__traceback__
    while trace is not None:
        module = str(trace.tb_frame.f_globals.get("__name__", ""))
        if not where or module.partition(".")[0] in OURS:
            where = f" in {module}, line {trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(error).__name__}{where}"


def log_error(doing: str, error: Exception) -> None:
    """Give the traceback to the logger `mrfscope`. Raises the error again where going on would be worse."""
    if isinstance(error, MemoryError):
        raise error
    import logging

    logging.getLogger("mrfscope").debug("internal error while %s", doing, exc_info=error)


def internal_finding(doing: str, error: Exception) -> Finding:
    """The finding of a session for which something failed, such as `judging`."""
    log_error(doing, error)
    where = place_of_error(error)
    message, hint = f"mrfscope failed while {doing} this session: {where}.", ADVICE
    if isinstance(error, PluginError):
        message, hint = f"{error}.", "Correct the plugin: docs/extend.md."
    return Finding(CODE, CLAUSE, Severity.ERROR, message, (), "every session is analysed in full", where, hint)


def note_internal(session: Session, doing: str, error: Exception) -> Finding:
    """Add the finding to the session, which is incomplete then unless something worse is known of it."""
    finding = internal_finding(doing, error)
    add_internal(session, finding)
    return finding


def add_internal(session: Session, finding: Finding) -> None:
    """The same for a finding that is there already: behind the errors that tell of the network."""
    errors = sum(each.severity is Severity.ERROR for each in session.findings)
    session.findings = [*session.findings[:errors], finding, *session.findings[errors:]]
    if session.verdict is not Verdict.FAILED:
        session.verdict = Verdict.INCOMPLETE
