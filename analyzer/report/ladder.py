"""The ladder of one session: a column per node, an arrow per message, frame numbers at the left.

    frame  time             UE 203.0.113.5
                            │           MRFC 198.51.100.2
       12  12:00:00.000000  ├──────────▶│  SIP    INVITE, SDP offer

Headings are staggered, one line each, so that any number of nodes with any length of name fits.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analyzer.model import TimelineEntry
from analyzer.report.lanes import Lanes
from analyzer.report.marks import Marks
from analyzer.report.paint import UNICODE, Glyphs, Paint
from analyzer.report.printable import printable
from analyzer.report.times import clock_time, date_of
from analyzer.transport.flow import Flow

if TYPE_CHECKING:
    from analyzer.correlate.nodes import NodeTable

RUN_KEPT = 12
"A run of MSRP messages up to this long is shown whole."
RUN_HEAD, RUN_TAIL = 6, 2
"What is shown of a longer one."
NARROW, COMFORTABLE, WIDE = 5, 10, 15
"Columns from one lifeline to the next: the least, what is enough, and the most."
LADDER_WIDTH = 22
"Columns for all lifelines that long summaries have to leave, as far as NARROW and COMFORTABLE allow."
SUMMARY_LEAST = 30
MAX_FRAMES_WIDTH = 15
PROTOCOL_NAMES = {"sip": "SIP", "h248": "H.248", "tcp": "TCP", "tls": "TLS", "msrp": "MSRP", "http": "HTTP"}


@dataclass(slots=True)
class Hidden:
    """A stretch of chat that is not shown line by line."""

    entries: Sequence[TimelineEntry]


def protocol_name(protocol: str) -> str:
    """As the field writes it."""
    return PROTOCOL_NAMES.get(protocol) or protocol.upper()


def node_keys(flow: Flow) -> tuple[str, str]:
    """What tells the two nodes of a flow apart: the address, or address and port where one host talks to itself."""
    if flow.src_ip == flow.dst_ip:
        return flow.src, flow.dst
    return flow.src_ip, flow.dst_ip


def frames_text(frames: Sequence[int], ellipsis: str = "…") -> str:
    """`12`, `12-14`, `12,15`, or `12…99` where the list is long."""
    if len(frames) == 1:
        return str(frames[0])
    if not frames:
        return "-"
    first, last = min(frames), max(frames)
    if last - first + 1 == len(frames):
        return f"{first}-{last}"
    text = ",".join(map(str, frames))
    return text if len(text) <= MAX_FRAMES_WIDTH else f"{first}{ellipsis}{last}"


def collapse(entries: Sequence[TimelineEntry], marks: Marks | None = None) -> Iterator[TimelineEntry | Hidden]:
    """The entries with the middle of long MSRP runs taken together; what is marked or no plain success always stays."""
    start = 0
    while start < len(entries):
        if entries[start].protocol != "msrp":
            yield entries[start]
            start += 1
            continue
        end = start
        while end < len(entries) and entries[end].protocol == "msrp":
            end += 1
        run = entries[start:end]
        start = end
        if len(run) <= RUN_KEPT:
            yield from run
            continue
        yield from run[:RUN_HEAD]
        yield from _middle(run[RUN_HEAD : len(run) - RUN_TAIL], marks)
        yield from run[len(run) - RUN_TAIL :]


def _middle(entries: Sequence[TimelineEntry], marks: Marks | None) -> Iterator[TimelineEntry | Hidden]:
    plain: list[TimelineEntry] = []
    for entry in entries:
        if is_plain(entry.summary) and not (marks is not None and marks.marked(entry)):
            plain.append(entry)
            continue
        if plain:
            yield Hidden(plain)
            plain = []
        yield entry
    if plain:
        yield Hidden(plain)


def is_plain(summary: str) -> bool:
    """Is this MSRP line nothing but a SEND, a success, or a report of one (RFC 4975 section 7.1.2 and 7.2)?"""
    if summary.startswith("SEND "):
        return True
    if summary.startswith("REPORT "):
        return " 200" in summary
    return summary.startswith("200")


class Ladder:
    """Draws the ladder of one session in `width` columns."""

    def __init__(
        self, nodes: NodeTable, *, width: int = 100, paint: Paint | None = None, glyphs: Glyphs = UNICODE
    ) -> None:
        self._nodes = nodes
        self._width = max(width, 60)
        self._paint = paint or Paint()
        self._glyphs = glyphs

    def lines(
        self, entries: Sequence[TimelineEntry], *, everything: bool = False, marks: Marks | None = None
    ) -> Iterator[str]:
        """Headings first; with `everything` no run of chat is taken together. Without entries there is nothing.

        A line that fulfils a step of the flow or shows a finding is marked with its id, and never taken together.
        """
        if not entries:
            return
        columns: dict[str, int] = {}
        heads: list[str] = []
        for flow in {id(entry.flow): entry.flow for entry in entries}.values():
            for key, ip in zip(node_keys(flow), (flow.src_ip, flow.dst_ip), strict=True):
                if key not in columns:
                    columns[key] = len(columns)
                    heads.append(" ".join(filter(None, (printable(self._nodes.role(ip)), key))))
        shown: list[TimelineEntry | Hidden] = list(entries) if everything else list(collapse(entries, marks))
        frames = [frames_text(each.frames, self._glyphs.ellipsis) for each in shown if isinstance(each, TimelineEntry)]
        left = max(5, *map(len, frames)) if frames else 5
        gap = self._gap(len(columns), left, shown, marks)
        if gap is None:
            yield from self._list(shown, left, marks)
        else:
            yield from self._drawn(shown, columns, heads, left, gap, marks)

    def _gap(self, nodes: int, left: int, shown: Iterable[TimelineEntry | Hidden], marks: Marks | None) -> int | None:
        """Columns between lifelines, or None when there are too many nodes to draw."""

        def wanted(each: TimelineEntry | Hidden) -> int:
            if isinstance(each, Hidden):
                return len(self._hidden(each)) - 7
            mark = self._mark(each, marks)[0]
            return len(each.summary) + (len(mark) + 2 if mark else 0)

        longest = max(map(wanted, shown))
        room = (
            self._width - left - 19 - 9
        )  # frame and time with two blanks each; the protocol with two blanks on both sides
        spans = max(nodes - 1, 1)
        gap = min((room - 1 - longest) // spans, WIDE)
        enough = min(max(LADDER_WIDTH // spans, NARROW), COMFORTABLE)
        if gap < enough:  # long summaries wrap rather than press the lifelines together
            gap = min((room - 1 - SUMMARY_LEAST) // spans, enough)
        return gap if gap >= NARROW else None

    def _drawn(
        self,
        shown: Sequence[TimelineEntry | Hidden],
        columns: dict[str, int],
        heads: list[str],
        left: int,
        gap: int,
        marks: Marks | None,
    ) -> Iterator[str]:
        paint, glyphs = self._paint, self._glyphs
        drawn = Lanes(len(columns), gap, glyphs)
        lanes = drawn.idle
        blank = " " * (left + 19)
        for index, head in enumerate(heads):
            before = drawn.before(index)
            lead = f"{'frame':>{left}}  {'time':<15}  " if index == 0 else blank
            yield paint("dim", lead + before) + paint("bold", self._cut(head, len(lead) + len(before)))
        arrows: dict[tuple[str, str], str] = {}
        room = max(self._width - left - 19 - drawn.width - 2 - 7, SUMMARY_LEAST // 2)
        day = ""
        for each in shown:
            if isinstance(each, Hidden):
                for part in self._wrapped(self._hidden(each), room + 7):
                    yield paint("dim", f"{blank}{lanes}  {part}")
                continue
            if date_of(each.time) != day:
                if day:
                    yield paint("dim", f"{blank}{lanes}  {date_of(each.time)} UTC")
                day = date_of(each.time)
            keys = node_keys(each.flow)
            arrow = arrows.get(keys)
            if arrow is None:
                arrow = arrows[keys] = drawn.arrow(columns[keys[0]], columns[keys[1]])
            parts = self._summary(each, marks, room)
            frames = frames_text(each.frames, glyphs.ellipsis)
            name = paint(each.protocol, f"{protocol_name(each.protocol):<5}")
            yield f"{frames:>{left}}  {clock_time(each.time):<15}  {arrow}  {name}  {parts[0]}".rstrip()
            for part in parts[1:]:
                yield f"{blank}{lanes}  {'':5}  {part}"

    def _list(self, shown: Sequence[TimelineEntry | Hidden], left: int, marks: Marks | None) -> Iterator[str]:
        """Without lifelines, for more nodes than the width can hold."""
        yield self._paint("dim", f"{'frame':>{left}}  {'time':<15}  from, to, message")
        for each in shown:
            if isinstance(each, Hidden):
                yield self._paint("dim", f"{'':{left + 19}}{self._hidden(each)}")
                continue
            name = self._paint(each.protocol, f"{protocol_name(each.protocol):<5}")
            frames = frames_text(each.frames, self._glyphs.ellipsis)
            ends = f"{self._named(each.flow.src_ip, each.flow.src)} > {self._named(each.flow.dst_ip, each.flow.dst)}"
            what = "  ".join(filter(None, (printable(each.summary), self._mark(each, marks)[1])))
            yield f"{frames:>{left}}  {clock_time(each.time):<15}  {ends}  {name}  {what}".rstrip()

    def _named(self, ip: str, end: str) -> str:
        return " ".join(filter(None, (printable(self._nodes.role(ip)), end)))

    def _summary(self, entry: TimelineEntry, marks: Marks | None, room: int) -> list[str]:
        """What was said and what it fulfils or shows, wrapped; a mark that does not fit has a line of its own."""
        parts = self._wrapped(printable(entry.summary), room)
        plain, painted = self._mark(entry, marks)
        if plain:
            if len(parts[-1]) + 2 + len(plain) <= room:
                parts[-1] += f"  {painted}"
            else:
                parts.append(painted)
        return parts

    def _mark(self, entry: TimelineEntry, marks: Marks | None) -> tuple[str, str]:
        """`✓ TCP-2 TCP-3`, `✗ OFFER-6`: plain, to be measured, and painted."""
        if marks is None or not marks.marked(entry):
            return "", ""
        found = marks.findings(entry)
        wrong = list(dict.fromkeys(each.code for each in found))
        right = [each for each in marks.steps(entry) if each not in wrong]
        words = []
        if right:
            words.append(("ok", f"{self._glyphs.good} {' '.join(right)}"))
        if wrong:
            words.append((found[0].severity.value, f"{self._glyphs.bad} {' '.join(wrong)}"))
        plain = "  ".join(text for _, text in words)
        return plain, "  ".join(self._paint(style, text) for style, text in words)

    def _hidden(self, hidden: Hidden) -> str:
        frames = [frame for entry in hidden.entries for frame in entry.frames]
        count = len(hidden.entries)
        what = "message, frame" if count == 1 else "messages, frames"
        span = f"{min(frames)}" if min(frames) == max(frames) else f"{min(frames)}-{max(frames)}"
        return f"{self._glyphs.ellipsis} {count} more MSRP {what} {span}; -v shows all"

    def _cut(self, text: str, at: int) -> str:
        room = max(self._width - at, 20)
        return text if len(text) <= room else text[: room - len(self._glyphs.ellipsis)] + self._glyphs.ellipsis

    @staticmethod
    def _wrapped(text: str, room: int) -> list[str]:
        if len(text) <= room:
            return [text]
        return textwrap.wrap(text, room, subsequent_indent=" ") or [""]
