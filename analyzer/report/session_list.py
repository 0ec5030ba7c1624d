"""The list of sessions, and of conferences, as tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

from tabulate import tabulate

from analyzer.identities import masked_identity
from analyzer.report.findings_text import counted
from analyzer.report.ladder import protocol_name
from analyzer.report.paint import Paint
from analyzer.report.printable import printable
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


def session_table(
    sessions: Sequence[tuple[int, Session]],
    nodes: NodeTable,
    conferences: Mapping[str, int],
    paint: Paint,
    *,
    width: int = 100,
    identities: bool = False,
) -> Iterator[str]:
    """One row a session; cells are stacked where the width asks for it."""
    one_line = width >= ONE_LINE_FROM
    glue = "  " if one_line else "\n"
    most_columns = WRAP_AT if width >= 100 else NARROW_WRAP_AT

    def cell(parts: Sequence[str], most: int = 1000) -> str:
        # Wrapped here and not by tabulate, whose versions differ in it.
        return glue.join(parts if one_line else (line for part in parts for line in wrap(part, most)))

    with_conference = width >= 100 and any(session.id in conferences for _, session in sessions)
    rows = []
    day = ""
    for number, session in sessions:
        begun = date_of(session.first)
        start = clock_time(session.first)[:12]
        when = [start] if begun == day else [begun, start]
        entries = session.entries()
        people = participant_texts(session, nodes, identities=identities) or _ends(session, entries, nodes)
        conference = [f"conf {conferences[session.id]}"] if width < 100 and session.id in conferences else []
        verdict = paint(session.verdict.value, session.verdict.value)
        row = [
            str(number),
            glue.join((session.id, paint("dim", session.kind), *conference)),
            glue.join((verdict, cell([*counted(session.findings), printable(session.state)], most_columns["state"]))),
            cell([*when, duration_text(session.last - session.first)]),
            cell(people, most_columns["people"]),
            cell([message_text(entries)], most_columns["messages"]).replace(NO_BREAK, " "),
        ]
        if with_conference:
            row.append(str(conferences.get(session.id, "")))
        day = begun
        rows.append(row)
    headers = ["#", "session", "verdict", "start (UTC)", "participants", "messages"]
    if with_conference:
        headers.append("conf")
    yield from _table(rows, headers, right=1)


def conference_table(conferences: Sequence[Conference], numbers: Mapping[str, int]) -> Iterator[str]:
    """One row a conference; members that the report does not show count, without a number."""
    rows = []
    for number, conference in enumerate(conferences, 1):
        shown = [str(numbers[member]) for member in conference.sessions if member in numbers]
        others = len(conference.sessions) - len(shown)
        members = ", ".join([*shown, *([f"{others} not shown"] if others else [])])
        uri = printable(conference.uri) or "(by H.248 context)"
        rows.append([str(number), conference.id, uri, "\n".join(wrap(members, 40))])
    yield from _table(rows, ["conf", "id", "conference URI", "sessions"])


def _table(rows: Sequence[Sequence[str]], headers: Sequence[str], right: int = 0) -> Iterator[str]:
    """Lines of a table whose first `right` columns are numbers."""
    align = ["right"] * right + ["left"] * (len(headers) - right)
    text = tabulate(rows, headers, tablefmt="simple", disable_numparse=True, colalign=align)
    yield from (line.rstrip() for line in text.split("\n"))


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
