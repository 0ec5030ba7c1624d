"""`-f ndjson`: one record a line, each session as soon as it is over (docs/json.md)."""

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


def write_ndjson(
    analysis: Analysis, sessions: Iterable[Session], out: BinaryIO, *, version: str, identities: bool
) -> None:
    """Lines of `record`: `tool` first, `session` each, then `conference`, `capture` and `coverage` at the end."""

    def line(kind: str, record: dict[str, object]) -> None:
        out.write(orjson.dumps({"record": kind, **record}, option=orjson.OPT_APPEND_NEWLINE))

    line("tool", {"schema_version": SCHEMA_VERSION, **tool_record(version)})
    for session in sessions:
        record = session_record(session, analysis.nodes, identities=identities)
        del record["conference"]  # known only at the end: see the `conference` records
        line("session", record)
    for conference in analysis.conferences:
        line("conference", conference_record(conference))
    for capture in analysis.captures:
        line("capture", capture_record(capture))
    line("coverage", coverage_record(analysis.coverage))
