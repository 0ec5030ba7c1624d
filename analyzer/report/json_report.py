"""`-f json`: one document with everything (docs/json.md)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO

import orjson

from analyzer.correlate.session import Session
from analyzer.pipeline import Analysis
from analyzer.report.records import (
    SCHEMA_VERSION,
    capture_record,
    conference_record,
    coverage_record,
    session_record,
    tool_record,
)


def write_json(analysis: Analysis, sessions: Iterable[Session], out: BinaryIO, *, version: str, identities: bool) -> None:
    """Write the document session by session, so that no second copy of it stands in memory."""
    chosen = list(sessions)
    conferences = [conference_record(each) for each in analysis.conferences]
    conference_of = {member: each["id"] for each in conferences for member in each["sessions"]}
    head = {
        "schema_version": SCHEMA_VERSION,
        "tool": tool_record(version),
        "captures": [capture_record(each) for each in analysis.captures],
        "coverage": coverage_record(analysis.coverage),
        "conferences": conferences,
    }
    out.write(orjson.dumps(head)[:-1] + b',"sessions":[')
    separator = b"\n"
    for session in chosen:
        record = session_record(session, analysis.nodes, identities=identities)
        record["conference"] = conference_of.get(session.id)
        out.write(separator + orjson.dumps(record))
        separator = b",\n"
    out.write(b"\n]}\n")
