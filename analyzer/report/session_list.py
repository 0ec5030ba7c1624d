"""The list of sessions, and of conferences, as tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

from tabulate import tabulate

from analyzer.report.ladder import protocol_name
from analyzer.report.paint import Paint
from analyzer.report.printable import printable
from analyzer.report.records import masked_identity
from analyzer.report.times import clock_time, date_of, duration_text

if TYPE_CHECKING:
    from analyzer.correlate.nodes import NodeTable
    from analyzer.correlate.session import Conference, Session

ONE_LINE_FROM = 170
"Columns of a terminal from which each session takes one line of the list."
STATE_WIDTH, PEOPLE_WIDTH, MESSAGES_WIDTH = 22, 32, 16
"Columns at which cells wrap, so that the list fits in a hundred."
PROTOCOL_ORDER = ("sip", "h248", "tcp", "tls", "msrp")


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

    def cell(parts: Sequence[str], most: int = 1000) -> str:
        # Wrapped here and not by tabulate, whose versions differ in it.
        return "  ".join(parts) if one_line else "\n".join(line for part in parts for line in wrap(part, most))

    with_conference = any(session.id in conferences for _, session in sessions)
    rows = []
    day = ""
    for number, session in sessions:
        begun = date_of(session.first)
        start = clock_time(session.first)[:12]
        people = participant_texts(session, nodes, identities=identities) or _ends(session, nodes)
        verdict = paint(session.verdict.value, session.verdict.value)
        row = [
            str(number),
            f"{session.id}{'  ' if one_line else chr(10)}{paint('dim', session.kind)}",
            f"{verdict}{'  ' if one_line else chr(10)}{cell([printable(session.state)], STATE_WIDTH)}",
            cell([f"{begun} {start}" if begun != day else start, duration_text(session.last - session.first)]),
            cell(people, PEOPLE_WIDTH),
            cell(message_texts(session), MESSAGES_WIDTH),
        ]
        if with_conference:
            row.append(str(conferences.get(session.id, "")))
        day = begun
        rows.append(row)
    headers = ["#", "session", "verdict", "start (UTC), length", "participants", "messages"]
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


def _ends(session: Session, nodes: NodeTable) -> list[str]:
    """Without participants: the two ends of the first line of the timeline, or of the connection."""
    flows = [
        *(entry.flow for entry in session.entries[:1]),
        *(part.connection.client for part in session.connections[:1]),
    ]
    if not flows:
        return []
    flow = flows[0]
    ends = (flow.src_ip, flow.dst_ip) if flow.src_ip != flow.dst_ip else (flow.src, flow.dst)
    return [printable(" ".join(filter(None, (nodes.role(end), end)))) for end in ends]


def message_texts(session: Session) -> list[str]:
    """`14 SIP`, `8 H.248`, ...: lines of the timeline by protocol."""
    counts = Counter(entry.protocol for entry in session.entries)
    order = [*PROTOCOL_ORDER, *sorted(set(counts) - set(PROTOCOL_ORDER))]
    return [", ".join(f"{counts[name]} {protocol_name(name)}" for name in order if counts[name])]
