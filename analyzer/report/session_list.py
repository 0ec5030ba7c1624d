"""The list of sessions, and of conferences, as tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
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
    glue = "  " if width >= ONE_LINE_FROM else "\n"
    with_conference = any(session.id in conferences for _, session in sessions)
    rows = []
    day = ""
    for number, session in sessions:
        begun = date_of(session.first)
        start = clock_time(session.first)[:12]
        row = [
            str(number),
            glue.join((session.id, paint("dim", session.kind))),
            glue.join((paint(session.verdict.value, session.verdict.value), printable(session.state))),
            glue.join((f"{begun} {start}" if begun != day else start, duration_text(session.last - session.first))),
            glue.join(participant_texts(session, nodes, identities=identities)) or glue.join(_ends(session, nodes)),
            glue.join(message_texts(session)),
        ]
        if with_conference:
            row.append(str(conferences.get(session.id, "")))
        day = begun
        rows.append(row)
    headers = ["#", "session", "verdict", "start (UTC), length", "participants", "messages"]
    if with_conference:
        headers.append("conf")
    wide = width >= ONE_LINE_FROM
    limits = None if wide else [None, None, 22, None, 32, 16] + [None] * with_conference
    text = tabulate(
        rows,
        headers,
        tablefmt="simple",
        disable_numparse=True,
        maxcolwidths=limits,
        colalign=["right"] + ["left"] * (len(headers) - 1),
    )
    yield from (line.rstrip() for line in text.split("\n"))


def conference_table(conferences: Sequence[Conference], numbers: Mapping[str, int]) -> Iterator[str]:
    """One row a conference; members that the report does not show count, without a number."""
    rows = []
    for number, conference in enumerate(conferences, 1):
        shown = [str(numbers[member]) for member in conference.sessions if member in numbers]
        others = len(conference.sessions) - len(shown)
        members = ", ".join([*shown, *([f"{others} not shown"] if others else [])])
        rows.append([str(number), conference.id, printable(conference.uri) or "(by H.248 context)", members])
    text = tabulate(
        rows,
        ["conf", "id", "conference URI", "sessions"],
        tablefmt="simple",
        disable_numparse=True,
        maxcolwidths=[None, None, None, 40],
    )
    yield from (line.rstrip() for line in text.split("\n"))


def participant_texts(session: Session, nodes: NodeTable, *, identities: bool = False) -> list[str]:
    """`UE 203.0.113.5` for each participant; with `identities` its URI too."""
    found = []
    for each in session.participants:
        words = [nodes.role(each.address), each.address]
        if identities and each.identity:
            words.append(f"({each.identity})")
        found.append(printable(" ".join(filter(None, words))) or masked_identity(each.identity))
    return list(dict.fromkeys(filter(None, found)))


def _ends(session: Session, nodes: NodeTable) -> list[str]:
    """Without participants: the two ends of the first line of the timeline."""
    if not session.entries:
        return []
    flow = session.entries[0].flow
    ends = (flow.src_ip, flow.dst_ip) if flow.src_ip != flow.dst_ip else (flow.src, flow.dst)
    return [printable(" ".join(filter(None, (nodes.role(end), end)))) for end in ends]


def message_texts(session: Session) -> list[str]:
    """`14 SIP`, `8 H.248`, ...: lines of the timeline by protocol."""
    counts = Counter(entry.protocol for entry in session.entries)
    order = [*PROTOCOL_ORDER, *sorted(set(counts) - set(PROTOCOL_ORDER))]
    return [", ".join(f"{counts[name]} {protocol_name(name)}" for name in order if counts[name])]
