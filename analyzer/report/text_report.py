"""`-f text`: for people. Captures, the list of sessions, each with its ladder, and the account of what was read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from shutil import copyfileobj
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING, BinaryIO

from analyzer.report import Report
from analyzer.report.coverage_text import capture_lines, coverage_lines
from analyzer.report.findings_text import summary_line
from analyzer.report.ladder import Ladder
from analyzer.report.marks import Marks
from analyzer.report.paint import ASCII, UNICODE, Glyphs, Paint
from analyzer.report.printable import printable
from analyzer.report.rescue import rescued
from analyzer.report.session_list import conference_table, participant_texts, session_table
from analyzer.report.session_text import session_lines

if TYPE_CHECKING:
    from analyzer.correlate.session import Conference, Session
    from analyzer.model import TimelineEntry


SPOOL_OCTETS = 16 << 20
"Sessions and their ladders up to this size wait in memory for the list that stands before them, more in a file."


def write_text(report: Report, out: BinaryIO) -> None:
    """Write the report line by line; with verbosity -1 only captures that are damaged and the session list.

    Sessions are written first, and stand behind their list: it tells of those too that could not be written.
    """
    paint = Paint(report.colour)
    encoding = "utf-8" if report.unicode else "ascii"
    chosen = list(report.sessions)
    details = _Details(report, _numbered(report.analysis.conferences), paint)

    def write(lines: Iterable[str], to: IO[bytes]) -> None:
        for line in lines:
            to.write(line.encode(encoding, "backslashreplace") + b"\n")

    with SpooledTemporaryFile(SPOOL_OCTETS) as written:
        for place, (number, session) in enumerate(chosen):
            shown, lines = rescued(report, session, partial(details.lines, number))
            chosen[place] = number, shown
            write(lines, written)
        write(_head(report, chosen, paint), out)
        written.seek(0)
        copyfileobj(written, out)
    if report.verbosity >= 0:
        write(_tail(report, chosen, paint), out)


def _head(report: Report, chosen: Sequence[tuple[int, Session]], paint: Paint) -> Iterator[str]:
    """The captures, and the lists of sessions and conferences."""
    analysis = report.analysis
    quiet = report.verbosity < 0
    captures = [each for each in analysis.captures if each.damage] if quiet else list(analysis.captures)
    if captures:
        yield from capture_lines(captures, paint)
        yield ""
    if chosen:
        if not quiet:
            yield paint("bold", _title(report, len(chosen)))
        conferences = _numbered(analysis.conferences)
        yield from session_table(
            chosen, analysis.nodes, conferences, paint, width=report.width, identities=report.identities
        )
        if analysis.conferences and not quiet:
            yield ""
            yield paint("bold", "Conferences")
            yield from conference_table(analysis.conferences, {session.id: number for number, session in chosen})
    elif not quiet:
        yield "No sessions."


class _Details:
    """The part of each session: what is said of it, and its ladder."""

    def __init__(self, report: Report, conferences: Mapping[str, int], paint: Paint) -> None:
        self._report = report
        self._conferences = conferences
        self._paint = paint
        self._glyphs = _glyphs(report)
        self._ladder = Ladder(report.analysis.nodes, width=report.width, paint=paint, glyphs=self._glyphs)

    def lines(self, number: int, session: Session) -> tuple[Session, list[str]]:
        """The session itself, for the list, and its lines: none with `-q`, where only the list is wanted."""
        report = self._report
        entries = session.entries()
        if report.verbosity < 0:
            participant_texts(session, report.analysis.nodes, identities=report.identities)
            return session, []
        return session, list(self._lines(number, session, entries))

    def _lines(self, number: int, session: Session, entries: Sequence[TimelineEntry]) -> Iterator[str]:
        report, paint = self._report, self._paint
        yield ""
        yield paint("dim", self._glyphs.rule * report.width)
        yield from session_lines(
            number,
            session,
            entries,
            report.analysis.nodes,
            self._conferences.get(session.id, 0),
            paint,
            glyphs=self._glyphs,
            width=report.width,
            identities=report.identities,
            everything=report.verbosity > 0,
        )
        if entries:
            yield ""
        yield from self._ladder.lines(entries, everything=report.verbosity > 0, marks=Marks.of(session))


def _tail(report: Report, chosen: Sequence[tuple[int, Session]], paint: Paint) -> Iterator[str]:
    """The account of what was read, and the sum of it all."""
    yield ""
    yield paint("dim", _glyphs(report).rule * report.width)
    yield paint("bold", "Coverage")
    yield from coverage_lines(report.analysis.coverage, paint, everything=report.verbosity > 0)
    if chosen:
        yield ""
        yield summary_line([session for _, session in chosen], paint)
        if report.limits:
            yield f"With {printable(report.limits)}."


def _glyphs(report: Report) -> Glyphs:
    return UNICODE if report.unicode else ASCII


def _title(report: Report, shown: int) -> str:
    if not report.selection:
        return f"{shown} session" + ("" if shown == 1 else "s")
    return f"{shown} of {report.tally.seen} sessions (--session {printable(report.selection)})"


def _numbered(conferences: Sequence[Conference]) -> dict[str, int]:
    """Session id -> number of its conference in the list, from 1."""
    return {member: number for number, each in enumerate(conferences, 1) for member in each.sessions}
