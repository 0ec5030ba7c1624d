"""`-f ndjson`: one record a line, each session as soon as it is over (docs/json.md)."""

from __future__ import annotations

from typing import BinaryIO

from analyzer.correlate.session import Session
from analyzer.report import Report
from analyzer.report.json_report import dumps
from analyzer.report.judged_text import judged_text
from analyzer.report.records import (
    SCHEMA_VERSION,
    Record,
    capture_record,
    conference_record,
    coverage_record,
    entry_lines,
    project_record,
    session_record,
    tool_record,
)
from analyzer.report.rescue import rescued


def write_ndjson(report: Report, out: BinaryIO) -> None:
    """Lines of `record`: `tool` first, `session` each, then `conference`, `capture` and `coverage` at the end."""
    analysis = report.analysis

    def line(kind: str, record: Record) -> None:
        out.write(dumps({"record": kind, **record}) + b"\n")

    head = {"schema_version": SCHEMA_VERSION, **tool_record(report.version)}
    line("tool", {**head, "project_file": project_record(report.project_file)})

    def render(session: Session) -> bytes:
        record = session_record(
            session, analysis.nodes, identities=report.identities, lines=entry_lines, judged=judged_text
        )
        del record["conference"]  # known only at the end: see the `conference` records
        return dumps({"record": "session", **record}) + b"\n"

    for _, session in report.sessions:
        out.write(rescued(report, session, render))
    for conference in analysis.conferences:
        line("conference", conference_record(conference))
    for capture in analysis.captures:
        line("capture", capture_record(capture))
    line("coverage", coverage_record(analysis.coverage))
