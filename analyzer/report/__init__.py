"""Reports: what was found, for people and for programs. One file a format, one line in `FORMATS`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO, Protocol

from analyzer.findings import Finding, Severity, at_least
from analyzer.model import CaptureInfo, Coverage, Verdict

if TYPE_CHECKING:
    from analyzer.checks.rule import Rule
    from analyzer.correlate.nodes import NodeTable
    from analyzer.correlate.session import Conference, Session


class Analysed(Protocol):
    """What a writer reads of an analysis; all but `nodes` is complete only once its sessions are exhausted."""

    @property
    def nodes(self) -> NodeTable: ...
    @property
    def captures(self) -> Sequence[CaptureInfo]: ...
    @property
    def coverage(self) -> Coverage: ...
    @property
    def conferences(self) -> Sequence[Conference]: ...


@dataclass(slots=True)
class Tally:
    """What a report shows in numbers; complete once its sessions are exhausted."""

    seen: int = 0
    shown: int = 0
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    "Of the sessions shown, as everything below."
    severities: Counter[Severity] = field(default_factory=Counter)
    "Findings that the report shows."
    codes: Counter[tuple[Severity, str]] = field(default_factory=Counter)
    "The same by severity and code."
    failing: int = 0
    "Findings that make the command fail."

    def count(self, session: Session, *, fail_on: Severity | None = None) -> None:
        """Count a session that is shown, with its findings; those from `fail_on` up make the command fail."""
        self.shown += 1
        self.verdicts[session.verdict] += 1
        for finding in session.findings:
            self.severities[finding.severity] += 1
            self.codes[finding.severity, finding.code] += 1
            if fail_on is not None and at_least(finding.severity, fail_on):
                self.failing += 1

    def recount(self, before: Verdict, after: Verdict, finding: Finding, *, fail_on: Severity | None = None) -> None:
        """Count a finding that a session got after it was counted, and the verdict that it has now."""
        self.verdicts[before] -= 1
        self.verdicts[after] += 1
        self.severities[finding.severity] += 1
        self.codes[finding.severity, finding.code] += 1
        self.failing += fail_on is not None and at_least(finding.severity, fail_on)


@dataclass(frozen=True, slots=True)
class ProjectFile:
    """The project file that the report was made with."""

    path: str
    keys: tuple[str, ...]
    "What it sets."


@dataclass(slots=True)
class Report:
    """A report to write."""

    analysis: Analysed
    sessions: Iterable[tuple[int, Session]]
    "Each session with its number: its place among all sessions of the analysis, from 1."
    version: str = ""
    identities: bool = False
    "Show subscriber identities in full."
    verbosity: int = 0
    "-1 for `-q`, 1 for `-v`; only people's formats care."
    selection: str = ""
    "The `--session` filter, or empty."
    tally: Tally = field(default_factory=Tally)
    colour: bool = False
    unicode: bool = True
    "Draw with more than ASCII."
    width: int = 100
    rules: Mapping[str, Rule] = field(default_factory=dict)
    "What was held against the sessions, by code."
    fail_on: Severity | None = Severity.ERROR
    "Findings from here on are failures."
    limits: str = ""
    "What the user left out or changed: a report says so, lest nothing found be taken for nothing wrong."
    jobs: int = 0
    "Processes as the user asked for them: 1, 2, or 0 for what the work calls for."
    project_file: ProjectFile | None = None


def begun(report: Report) -> Iterator[tuple[int, Session]]:
    """The sessions of a report, the first of them asked for at once.

    Where sessions come in order, that is when the capture was read to its end: what an analysis knows is complete.
    """
    sessions = iter(report.sessions)
    first = next(sessions, None)
    return chain([first], sessions) if first is not None else iter(())


Writer = Callable[[Report, BinaryIO], None]


@dataclass(slots=True)
class Format:
    """One output format; its writer is imported when it is used."""

    name: str
    writer: str
    "`module:function`."
    help: str
    early: bool = False
    "Takes sessions as soon as they are over, in any order."
    has_head: bool = True
    "Has room for what is about the whole report; without it the command says that."

    def load(self) -> Writer:
        module, _, function = self.writer.partition(":")
        loaded: Writer = getattr(import_module(module), function)
        return loaded


FORMATS = {
    each.name: each
    for each in (
        Format("text", "analyzer.report.text_report:write_text", "for people"),
        Format("json", "analyzer.report.json_report:write_json", "one document"),
        Format("ndjson", "analyzer.report.ndjson_report:write_ndjson", "one record a line, as it is found", early=True),
        Format("csv", "analyzer.report.csv_report:write_csv", "one row per message", has_head=False),
        Format("csv-findings", "analyzer.report.csv_report:write_findings_csv", "one row per finding", has_head=False),
        Format("junit", "analyzer.report.junit_report:write_junit", "for CI: a case per session and rule"),
    )
}
