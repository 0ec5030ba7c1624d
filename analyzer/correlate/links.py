"""Which terminations and connections belong to announced media ends, and how sure that is.

Join keys, strongest first: both MSRP session-ids; one session-id with an address; both addresses and ports; one
address and port. What has a different session-id never matches, whatever its address. Times must overlap, since ports
are used again.
"""

from __future__ import annotations

from collections.abc import Sequence

from analyzer.conversations.connection import Connection, ConnectionPart
from analyzer.conversations.h248_terminations import Termination
from analyzer.conversations.media import MediaEnd
from analyzer.correlate.index import EndIndex
from analyzer.model import Confidence, Link

SLACK_NS = 10_000_000_000
"How far apart in time signalling and media of one session may lie."


def link_terminations(
    index: EndIndex[Termination], ends: Sequence[MediaEnd], first: int, last: int
) -> list[tuple[Termination, Link]]:
    """The terminations whose Local or Remote is one of these ends."""
    found: dict[int, tuple[Termination, set[str]]] = {}
    # Offers of one call mostly repeat each other.
    for end in {(each.session_id, each.address, each.port): each for each in ends}.values():
        for life in index.candidates(end):
            if life.started > last + SLACK_NS or (life.ended or life.last) < first - SLACK_NS:
                continue
            for side, other in life.ends():
                match = _match(end, other)
                if match:
                    found.setdefault(id(life), (life, set()))[1].add(f"{side} {match}")
    linked = []
    for life, matches in found.values():
        sides = {match.partition(" ")[0] for match in matches}
        sure = len(sides) == 2 or any("session-id" in match for match in matches)
        reason = "SDP equals " + ", ".join(sorted(matches))
        confidence = Confidence.CERTAIN if sure else Confidence.LIKELY
        linked.append((life, Link(f"h248 {life.name} at {life.gateway}", reason, confidence)))
    linked.sort(key=lambda each: (each[0].started, each[0].name))
    return linked


def _match(one: MediaEnd, other: MediaEnd) -> str:
    """What two announcements of an end have in common, or nothing where they contradict each other."""
    if one.session_id and other.session_id:
        return "MSRP session-id" if one.session_id == other.session_id else ""
    if one.port and one.address and (one.address, one.port) == (other.address, other.port):
        return "address and port"
    return ""


def link_connections(
    index: EndIndex[Connection], ends: Sequence[MediaEnd], first: int, last: int
) -> list[tuple[ConnectionPart, Link]]:
    """The TCP connections that carry the media announced by these ends."""
    session_ids = {end.session_id for end in ends if end.session_id}
    ports = {(end.address, end.port) for end in ends if end.port and end.address}
    addresses = {end.address for end in ends if end.address}
    candidates: dict[int, Connection] = {}
    for found in (*map(index.by_session_id, session_ids), *(index.by_port(*port) for port in ports)):
        for connection in found:
            candidates[id(connection)] = connection
    linked = []
    for connection in candidates.values():
        if connection.started > last + SLACK_NS or connection.last < first - SLACK_NS:
            continue
        match = _match_connection(connection, session_ids, ports, addresses)
        if match is not None:
            linked.append(match)
    linked.sort(key=lambda each: (each[0].connection.started, each[0].connection.name))
    return linked


def _match_connection(
    connection: Connection, session_ids: set[str], ports: set[tuple[str, int]], addresses: set[str]
) -> tuple[ConnectionPart, Link] | None:
    flow = connection.client
    if connection.sessions:
        same = connection.sessions_with(session_ids)
        indexes = same.keys() - connection.claimed
        if not indexes:
            return None
        best = max(same[index] for index in indexes)
        at_addresses = flow.src_ip in addresses or flow.dst_ip in addresses
        if best == 2 or at_addresses:
            confidence = Confidence.CERTAIN
        else:
            confidence = Confidence.LIKELY
        where = "" if at_addresses else "; addresses differ from the SDP (NAT or relay)"
        reason = f"{'both MSRP session-ids' if best == 2 else 'MSRP session-id'} of the SDP{where}"
        return ConnectionPart(connection, indexes), Link(connection.name, reason, confidence)
    if connection.protocol not in ("", "tls"):
        return None
    client_end, server_end = (flow.src_ip, flow.sport), (flow.dst_ip, flow.dport)
    at_ends = (client_end in ports) + (server_end in ports)
    at_addresses = flow.src_ip in addresses and flow.dst_ip in addresses
    name = connection.name
    if at_ends == 2 or (at_ends == 1 and at_addresses):
        confidence = Confidence.CERTAIN if at_ends == 2 else Confidence.LIKELY
        return ConnectionPart(connection, set()), Link(name, "addresses and ports of the SDP", confidence)
    if at_ends == 1 and server_end in ports:
        return ConnectionPart(connection, set()), Link(
            name, "goes to an announced address and port", Confidence.POSSIBLE
        )
    return None
