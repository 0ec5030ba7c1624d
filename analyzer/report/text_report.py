"""`-f text`: for people. Captures, the list of sessions, each with its ladder, and the account of what was read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, BinaryIO

from analyzer.report import Report
from analyzer.report.coverage_text import capture_lines, coverage_lines
from analyzer.report.findings_text import summary_line
from analyzer.report.ladder import Ladder
from analyzer.report.marks import Marks
from analyzer.report.paint import ASCII, UNICODE, Glyphs, Paint
from analyzer.report.printable import printable
from analyzer.report.session_list import conference_table, session_table
from analyzer.report.session_text import session_lines

if TYPE_CHECKING:
    from analyzer.correlate.session import Conference, Session


def write_text(report: Report, out: BinaryIO) -> None:
    """Write the report line by line; with verbosity -1 only captures that are damaged and the session list."""
    chosen = list(report.sessions)
    paint = Paint(report.colour)
    glyphs = UNICODE if report.unicode else ASCII
    encoding = "utf-8" if report.unicode else "ascii"
    for line in _lines(report, chosen, paint, glyphs):
        out.write(line.encode(encoding, "backslashreplace") + b"\n")


def _lines(report: Report, chosen: Sequence[tuple[int, Session]], paint: Paint, glyphs: Glyphs) -> Iterator[str]:
    analysis = report.analysis
    quiet = report.verbosity < 0
    captures = [each for each in analysis.captures if each.damage] if quiet else list(analysis.captures)
    if captures:
        yield from capture_lines(captures, paint)
        yield ""
    conferences = _numbered(analysis.conferences)
    if chosen:
        if not quiet:
            yield paint("bold", _title(report, len(chosen)))
        yield from session_table(
            chosen, analysis.nodes, conferences, paint, width=report.width, identities=report.identities
        )
        if analysis.conferences and not quiet:
            yield ""
            yield paint("bold", "Conferences")
            yield from conference_table(analysis.conferences, {session.id: number for number, session in chosen})
    elif not quiet:
        yield "No sessions."
    if quiet:
        return
    ladder = Ladder(analysis.nodes, width=report.width, paint=paint, glyphs=glyphs)
    for number, session in chosen:
        yield ""
        yield paint("dim", glyphs.rule * report.width)
        conference = conferences.get(session.id, 0)
        entries = session.entries()
        yield from session_lines(
            number,
            session,
            entries,
            analysis.nodes,
            conference,
            paint,
            glyphs=glyphs,
            width=report.width,
            identities=report.identities,
            everything=report.verbosity > 0,
        )
        if entries:
            yield ""
        yield from ladder.lines(entries, everything=report.verbosity > 0, marks=Marks.of(session))
    yield ""
    yield paint("dim", glyphs.rule * report.width)
    yield paint("bold", "Coverage")
    yield from coverage_lines(analysis.coverage, paint, everything=report.verbosity > 0)
    if chosen:
        yield ""
        yield summary_line([session for _, session in chosen], paint)
        if report.limits:
            yield f"With {printable(report.limits)}."


def _title(report: Report, shown: int) -> str:
    if not report.selection:
        return f"{shown} session" + ("" if shown == 1 else "s")
    return f"{shown} of {report.tally.seen} sessions (--session {printable(report.selection)})"


def _numbered(conferences: Sequence[Conference]) -> dict[str, int]:
    """Session id -> number of its conference in the list, from 1."""
    return {member: number for number, each in enumerate(conferences, 1) for member in each.sessions}
