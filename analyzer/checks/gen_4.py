"""GEN-4: message filtering (TS 23.333 clause 6.2.10.3.1, H.248.69: Sieve scripts, errors 700 to 702)."""

from __future__ import annotations

from analyzer.checks.rule import Rule
from analyzer.evidence import Evidence
from analyzer.findings import Result, Severity, Status, not_applicable, not_observable
from dissectors.h248 import Command
from dissectors.h248.model import Property

REFUSALS = range(700, 703)
"Sieve syntax, unsupported require, too many actions (IANA registry of H.248 error codes)."


def judge(evidence: Evidence) -> Result:
    """A filter that the MRFC sets is taken by the MRFP."""
    life = evidence.mrfp
    if life is None:
        if evidence.is_border:
            return not_applicable("a border gateway serves this leg, no MRFP")
        return not_observable("no H.248 about this session in the capture")
    packages = evidence.profile.filter_packages
    seen: tuple[int, ...] = ()
    for pair in life.pairs:
        message = pair.transaction.request_message
        if pair.request is None or message is None or not _filters(pair.request, packages):
            continue
        error = pair.error
        if error is None or error.code not in REFUSALS:
            seen = seen or message.frames
            continue
        reply = pair.transaction.reply_message
        return RULE.broken(
            f"The MRFP refused the message filter with error {error.code}: messages pass unfiltered.",
            (*message.frames, *(reply.frames if reply is not None else ())),
            expected="the filter taken",
            actual=f"error {error.code}",
        )
    if seen:
        return Result(Status.OK, frames=seen)
    return not_applicable("no message filter was set")


def _filters(command: Command, packages: frozenset[str]) -> bool:
    if command.media is None:
        return False
    for stream in command.media.streams.values():
        if stream.properties and _of_package(stream.properties, packages):
            return True
    state = command.media.termination_state
    return state is not None and _of_package(state.properties, packages)


def _of_package(properties: list[Property], packages: frozenset[str]) -> bool:
    return any(each.name.partition("/")[0].lower() in packages for each in properties)


RULE = Rule(
    code="GEN-4",
    title="The MRFP may filter messages as the MRFC tells it.",
    clause="TS 23.333 clause 6.2.10.3.1",
    severity=Severity.INFO,
    judge=judge,
    interfaces=("h248",),
    same_frames=("H248-ERROR",),
    why="Where a filter is refused, participants get what they should not, or the set-up fails.",
    causes=("The script uses an extension that the MRFP lacks (701).", "A syntax error in the script (700)."),
    confirm="Read the property of package mf in the request, and the error descriptor in the reply.",
    fix="Send a script of the Sieve subset that the MRFP announces (H.248.69).",
    example='O{mf/script="keep;"} answered without an error descriptor',
)
