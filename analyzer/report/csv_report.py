"""`-f csv`: one row per line of the timelines, and `-f csv-findings`: one row per finding; for spreadsheets.

Two formats and not one, because a table has one kind of row: a message has no severity, a finding no direction.
docs/analyze.md names the columns.
"""

from __future__ import annotations

import csv
from io import TextIOWrapper
from typing import TYPE_CHECKING, BinaryIO

from analyzer.internal import CODE
from analyzer.report import Report, begun
from analyzer.report.marks import with_steps
from analyzer.report.printable import printable
from analyzer.report.records import entry_records
from analyzer.report.rescue import rescued

if TYPE_CHECKING:
    from analyzer.correlate.nodes import NodeTable
    from analyzer.correlate.session import Session

COLUMNS = (
    "session",
    "kind",
    "verdict",
    "state",
    "conference",
    "time",
    "frames",
    "protocol",
    "src",
    "dst",
    "from_role",
    "to_role",
    "summary",
    "step",
)


FINDING_COLUMNS = (
    "session",
    "flow",
    "verdict",
    "severity",
    "code",
    "clause",
    "message",
    "frames",
    "expected",
    "actual",
    "hint",
    "confidence",
    "causes",
)


def write_csv(report: Report, out: BinaryIO) -> None:
    """RFC 4180 with a header row, in UTF-8."""
    chosen = begun(report)
    conference_of = {member: each.id for each in report.analysis.conferences for member in each.sessions}
    text = TextIOWrapper(out, encoding="utf-8", newline="", write_through=False)
    writer = csv.writer(text)
    writer.writerow(COLUMNS)

    def rows(session: Session) -> list[list[str]]:
        return _message_rows(session, report.analysis.nodes, conference_of.get(session.id, ""))

    for _, session in chosen:
        writer.writerows(rescued(report, session, rows))
    text.flush()
    text.detach()


def write_findings_csv(report: Report, out: BinaryIO) -> None:
    """The same for findings: sessions in their order, of each the worst finding first."""
    text = TextIOWrapper(out, encoding="utf-8", newline="", write_through=False)
    writer = csv.writer(text)
    writer.writerow(FINDING_COLUMNS)
    for _, session in report.sessions:
        writer.writerows(rescued(report, session, _finding_rows))
    text.flush()
    text.detach()


def _message_rows(session: Session, nodes: NodeTable, conference: str) -> list[list[str]]:
    """A row for each line of the timeline; one without a message where nothing else of a session can be written."""
    head = [safe_cell(each) for each in (session.id, session.kind, session.verdict.value, session.state, conference)]
    entries = with_steps(session.entries(), session.steps)
    if not entries and any(finding.code == CODE for finding in session.findings):
        return [[*head, *[""] * (len(COLUMNS) - len(head))]]
    return [
        [
            *head,
            entry["time"] or "",
            # Blanks between frames: a spreadsheet reads `3-5` as a date and `3,5` as a number.
            " ".join(map(str, entry["frames"])),
            entry["protocol"],
            entry["src"],
            entry["dst"],
            safe_cell(entry["from_role"] or ""),
            safe_cell(entry["to_role"] or ""),
            safe_cell(entry["summary"]),
            safe_cell(entry["step"] or ""),
        ]
        for entry in entry_records(entries, nodes)
    ]


def _finding_rows(session: Session) -> list[list[str]]:
    rows = []
    for finding in session.findings:
        cells = (
            *(session.id, session.flow or "", session.verdict.value, finding.severity.value, finding.code),
            *(finding.clause, finding.message, " ".join(map(str, finding.frames)), finding.expected),
            *(finding.actual, finding.hint, finding.confidence.value, " ".join(finding.causes)),
        )
        rows.append([safe_cell(each) for each in cells])
    return rows


FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"What a formula begins with, and the full-width twins that some spreadsheets take for them."


def safe_cell(text: str) -> str:
    """A cell that a spreadsheet takes as text: blanks before the sign or not, since some leave those out."""
    text = printable(text)
    return "'" + text if text.lstrip().startswith(FORMULA) else text
