"""`-f json`: one document with everything (docs/json.md)."""

from __future__ import annotations

from itertools import islice
from typing import BinaryIO

import orjson

from analyzer.correlate.session import Session
from analyzer.report import Report, begun
from analyzer.report.judged_text import judged_text
from analyzer.report.printable import encodable, printable_json
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
from analyzer.report.rescue import rescue
from analyzer.report.two_processes import write_rendered

RENDERED = 5000
"Sessions that are rendered by two processes at a time, and so in memory."


def write_json(report: Report, out: BinaryIO) -> None:
    """Write the document session by session, so that no second copy of it stands in memory."""
    analysis = report.analysis
    chosen = begun(report)
    conferences = [conference_record(each) for each in analysis.conferences]
    conference_of = {member: each["id"] for each in conferences for member in each["sessions"]}
    head = {
        "schema_version": SCHEMA_VERSION,
        "tool": tool_record(report.version),
        "project_file": project_record(report.project_file),
        "captures": [capture_record(each) for each in analysis.captures],
        "coverage": coverage_record(analysis.coverage),
        "conferences": conferences,
    }

    def render(session: Session) -> bytes:
        record = session_record(
            session, analysis.nodes, identities=report.identities, lines=entry_lines, judged=judged_text
        )
        record["conference"] = conference_of.get(session.id)
        return dumps(record)

    def save(session: Session, error: Exception) -> bytes:
        return rescue(report, session, error, render)

    out.write(dumps(head)[:-1] + b',"sessions":[\n')
    separator = b""
    while batch := [session for _, session in islice(chosen, RENDERED)]:
        out.write(separator)
        separator = b",\n"
        write_rendered(batch, render, separator, out, rescue=save, alone=report.jobs == 1)
    out.write(b"\n]}\n")


def dumps(record: Record) -> bytes:
    """One record as JSON, nothing in it that a terminal acts upon or does not show.

    Octets of a message that were no UTF-8 are written as `\\xhh` (docs/json.md).
    """
    try:
        data = orjson.dumps(record)
    except TypeError:  # orjson.JSONEncodeError: a lone surrogate
        data = orjson.dumps(encodable(record))
    return printable_json(data)
