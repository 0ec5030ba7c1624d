"""`-f json`: one document with everything (docs/json.md)."""

from __future__ import annotations

from typing import BinaryIO

import orjson

from analyzer.report import Report
from analyzer.report.printable import encodable
from analyzer.report.records import (
    SCHEMA_VERSION,
    Record,
    capture_record,
    conference_record,
    coverage_record,
    session_record,
    tool_record,
)


def write_json(report: Report, out: BinaryIO) -> None:
    """Write the document session by session, so that no second copy of it stands in memory."""
    analysis = report.analysis
    chosen = list(report.sessions)
    conferences = [conference_record(each) for each in analysis.conferences]
    conference_of = {member: each["id"] for each in conferences for member in each["sessions"]}
    head = {
        "schema_version": SCHEMA_VERSION,
        "tool": tool_record(report.version),
        "captures": [capture_record(each) for each in analysis.captures],
        "coverage": coverage_record(analysis.coverage),
        "conferences": conferences,
    }
    out.write(dumps(head)[:-1] + b',"sessions":[')
    separator = b"\n"
    for _, session in chosen:
        record = session_record(session, analysis.nodes, identities=report.identities)
        record["conference"] = conference_of.get(session.id)
        out.write(separator + dumps(record))
        separator = b",\n"
    out.write(b"\n]}\n")


def dumps(record: Record) -> bytes:
    """One record as JSON; octets of a message that were no UTF-8 are written as `\\xhh` (docs/json.md)."""
    try:
        return orjson.dumps(record)
    except TypeError:  # orjson.JSONEncodeError: a lone surrogate
        return orjson.dumps(encodable(record))
