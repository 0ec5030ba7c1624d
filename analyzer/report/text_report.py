"""`-f text`: for people. Captures, the list of sessions, each with its ladder, and the account of what was read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from shutil import copyfileobj
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING, BinaryIO

from analyzer.report import Report, Tally, begun
from analyzer.report.coverage_text import capture_lines, coverage_lines
from analyzer.report.findings_text import summary_line
from analyzer.report.ladder import Ladder
from analyzer.report.marks import Marks
from analyzer.report.paint import ASCII, UNICODE, Glyphs, Paint
from analyzer.report.printable import printable
from analyzer.report.rescue import rescued
from analyzer.report.session_list import SessionList, conference_table
from analyzer.report.session_text import session_lines

if TYPE_CHECKING:
    from analyzer.correlate.session import Conference, Session
    from analyzer.model import TimelineEntry


SPOOL_OCTETS = 16 << 20
"Sessions and their ladders up to this size wait in memory for the list that stands before them, more in a file."


def write_text(report: Report, out: BinaryIO) -> None:
    """Write the report; with verbosity -1 only captures that are damaged and the session list.

    Each session is made text as it comes and then let go of: what stays of it is its row in the list. That stands
    before the sessions and is written after them: it tells of those too that could not be written.
    """
    paint = Paint(report.colour)
    encoding = "utf-8" if report.unicode else "ascii"
    chosen = begun(report)
    conferences = _numbered(report.analysis.conferences)
    listed = SessionList(report.analysis.nodes, conferences, paint, width=report.width, identities=report.identities)
    details = _Details(report, conferences, listed, paint)
    numbers: dict[str, int] = {}
    tally = Tally()

    def write(lines: Iterable[str], to: IO[bytes]) -> None:
        for line in lines:
            to.write(line.encode(encoding, "backslashreplace") + b"\n")

    with SpooledTemporaryFile(SPOOL_OCTETS) as written:
        for number, session in chosen:
            shown, row, lines = rescued(report, session, partial(details.of, number))
            listed.add(shown, row)
            tally.count(shown)
            if conferences:
                numbers[shown.id] = number
            write(lines, written)
        write(_head(report, listed, numbers, paint), out)
        written.seek(0)
        copyfileobj(written, out)
    if report.verbosity >= 0:
        write(_tail(report, tally, paint), out)


def _head(report: Report, listed: SessionList, numbers: Mapping[str, int], paint: Paint) -> Iterator[str]:
    """The captures, and the lists of sessions and conferences."""
    analysis = report.analysis
    quiet = report.verbosity < 0
    captures = [each for each in analysis.captures if each.damage] if quiet else list(analysis.captures)
    if captures:
        yield from capture_lines(captures, paint)
        yield ""
    if listed:
        if not quiet:
            yield paint("bold", _title(report, len(listed)))
        yield from listed.lines()
        if analysis.conferences and not quiet:
            yield ""
            yield paint("bold", "Conferences")
            yield from conference_table(analysis.conferences, numbers)
    elif not quiet:
        yield "No sessions."
    if quiet and report.project_file is not None and report.project_file.keys:
        yield f"With project file {printable(report.project_file.path)}: {', '.join(report.project_file.keys)}."


class _Details:
    """The part of each session: what is said of it, and its ladder."""

    def __init__(self, report: Report, conferences: Mapping[str, int], listed: SessionList, paint: Paint) -> None:
        self._report = report
        self._listed = listed
        self._conferences = conferences
        self._paint = paint
        self._glyphs = _glyphs(report)
        self._ladder = Ladder(report.analysis.nodes, width=report.width, paint=paint, glyphs=self._glyphs)

    def of(self, number: int, session: Session) -> tuple[Session, str, list[str]]:
        """The session itself, its row, and its lines: none with `-q`, where only the list is wanted."""
        entries = session.entries()
        row = self._listed.row(number, session, entries)
        return session, row, [] if self._report.verbosity < 0 else list(self._lines(number, session, entries))

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


def _tail(report: Report, tally: Tally, paint: Paint) -> Iterator[str]:
    """The account of what was read, and the sum of it all."""
    yield ""
    yield paint("dim", _glyphs(report).rule * report.width)
    yield paint("bold", "Coverage")
    yield from coverage_lines(report.analysis.coverage, paint, everything=report.verbosity > 0)
    if tally.shown:
        yield ""
        yield summary_line(tally, paint)
    if report.limits and (tally.shown or report.project_file is not None):
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
