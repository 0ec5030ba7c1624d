"""The list of sessions, and of conferences, as tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

from analyzer.identities import masked_identity
from analyzer.report.findings_text import counted
from analyzer.report.ladder import protocol_name
from analyzer.report.paint import Paint
from analyzer.report.printable import printable
from analyzer.report.tables import CELL_END, long_table
from analyzer.report.times import clock_time, date_of, duration_text

if TYPE_CHECKING:
    from analyzer.correlate.nodes import NodeTable
    from analyzer.correlate.session import Conference, Session
    from analyzer.model import TimelineEntry

ONE_LINE_FROM = 170
"Columns of a terminal from which each session takes one line of the list."
WRAP_AT = {"state": 17, "people": 25, "messages": 15}
"Columns at which cells wrap, so that the list fits in a hundred."
NARROW_WRAP_AT = {"state": 11, "people": 17, "messages": 9}
"The same for eighty."
NO_BREAK = "\N{NO-BREAK SPACE}"
PROTOCOL_ORDER = ("sip", "h248", "http", "tcp", "tls", "msrp")


class SessionList:
    """One row a session, its cells stacked where the width asks for it; all that is kept of a session is its row."""

    def __init__(
        self,
        nodes: NodeTable,
        conferences: Mapping[str, int],
        paint: Paint,
        *,
        width: int = 100,
        identities: bool = False,
    ) -> None:
        self._nodes = nodes
        self._conferences = conferences
        self._paint = paint
        self._width = width
        self._identities = identities
        self._one_line = width >= ONE_LINE_FROM
        self._glue = "  " if self._one_line else "\n"
        self._most = WRAP_AT if width >= 100 else NARROW_WRAP_AT
        self._rows: list[str] = []
        self._day = ""
        self._with_conference = False

    def __len__(self) -> int:
        return len(self._rows)

    def row(self, number: int, session: Session, entries: Sequence[TimelineEntry]) -> str:
        """The row of the next session, with its timeline: to be added."""
        begun = date_of(session.first)
        start = clock_time(session.first)[:12]
        when = [start] if begun == self._day else [begun, start]
        people = participant_texts(session, self._nodes, identities=self._identities)
        people = people or _ends(session, entries, self._nodes)
        conference = self._conferences.get(session.id)
        in_cell = [f"conf {conference}"] if self._width < 100 and conference is not None else []
        verdict = self._paint(session.verdict.value, session.verdict.value)
        state = self._cell([*counted(session.findings), printable(session.state)], self._most["state"])
        cells = (
            str(number),
            self._glue.join((session.id, self._paint("dim", session.kind), *in_cell)),
            self._glue.join((verdict, state)),
            self._cell([*when, duration_text(session.last - session.first)]),
            self._cell(people, self._most["people"]),
            self._cell([message_text(entries)], self._most["messages"]).replace(NO_BREAK, " "),
            "" if conference is None else str(conference),
        )
        return CELL_END.join(cells)

    def add(self, session: Session, row: str) -> None:
        """Take the row of the next session."""
        self._rows.append(row)
        self._day = date_of(session.first)
        self._with_conference |= self._width >= 100 and session.id in self._conferences

    def _cell(self, parts: Sequence[str], most: int = 1000) -> str:
        # Wrapped here and not by tabulate, whose versions differ in it.
        return self._glue.join(parts if self._one_line else (line for part in parts for line in wrap(part, most)))

    def lines(self) -> Iterator[str]:
        """The table of all rows."""
        headers = ["#", "session", "verdict", "start (UTC)", "participants", "messages"]
        if self._with_conference:
            headers.append("conf")
        yield from long_table(self._rows, headers, right=1)


def conference_table(conferences: Sequence[Conference], numbers: Mapping[str, int]) -> Iterator[str]:
    """One row a conference; members that the report does not show count, without a number."""
    rows = []
    for number, conference in enumerate(conferences, 1):
        shown = [str(numbers[member]) for member in conference.sessions if member in numbers]
        others = len(conference.sessions) - len(shown)
        members = ", ".join([*shown, *([f"{others} not shown"] if others else [])])
        uri = printable(conference.uri) or "(by H.248 context)"
        rows.append(CELL_END.join((str(number), conference.id, uri, "\n".join(wrap(members, 40)))))
    yield from long_table(rows, ["conf", "id", "conference URI", "sessions"])


def participant_texts(session: Session, nodes: NodeTable, *, identities: bool = False) -> list[str]:
    """`UE 203.0.113.5` for each participant; with `identities` its URI too."""
    found = []
    for each in session.participants:
        words = [nodes.role(each.address), each.address]
        if identities and each.identity:
            words.append(f"({each.identity})")
        found.append(printable(" ".join(filter(None, words)) or masked_identity(each.identity)))
    return list(dict.fromkeys(filter(None, found)))


def _ends(session: Session, entries: Sequence[TimelineEntry], nodes: NodeTable) -> list[str]:
    """Without participants: the two ends of the first line of the timeline, or of the connection."""
    flows = [
        *(entry.flow for entry in entries[:1]),
        *(part.connection.client for part in session.connections[:1]),
    ]
    if not flows:
        return []
    flow = flows[0]
    ends = (flow.src_ip, flow.dst_ip) if flow.src_ip != flow.dst_ip else (flow.src, flow.dst)
    return [printable(" ".join(filter(None, (nodes.role(end), end)))) for end in ends]


def message_text(entries: Iterable[TimelineEntry]) -> str:
    """`14 SIP, 8 H.248`: lines of the timeline by protocol, with no-break spaces where a cell must not wrap."""
    counts = Counter(entry.protocol for entry in entries)
    order = [*PROTOCOL_ORDER, *sorted(set(counts) - set(PROTOCOL_ORDER))]
    return ", ".join(f"{counts[name]}{NO_BREAK}{protocol_name(name)}" for name in order if counts[name])
