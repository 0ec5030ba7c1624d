"""Which terminations and connections belong to announced media ends, and how sure that is.

Join keys, strongest first: both MSRP session-ids; one session-id with an address; both addresses and ports; one
address and port. What has a different session-id never matches, whatever its address. Times must overlap, since ports
are used again. A session-id passes border gateways unchanged (RFC 6714), so where the addresses differ it may be that
of another leg of the same call: the leg whose addresses fit has the better right.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from analyzer.conversations.connection import Connection, ConnectionPart
from analyzer.conversations.h248_terminations import Termination
from analyzer.conversations.media import MediaEnd, Place, place_of
from analyzer.correlate.index import EndIndex, bare_key, pair_key
from analyzer.model import Confidence, Link

SLACK_NS = 10_000_000_000
"How far apart in time signalling and media of one session may lie."
DISCARD = 9
"The port that an active end announces when it does not know its own (RFC 4145 section 4.1)."
MAX_PAIRED = 16
"Addresses of one session that are combined with each other."


def link_terminations(
    index: EndIndex[Termination], ends: Sequence[MediaEnd], first: int, last: int, rivals: Sequence[MediaEnd] = ()
) -> list[tuple[Termination, Link]]:
    """The terminations whose Local or Remote is one of these ends; `rivals` are the ends of the call's other legs."""
    found: dict[int, tuple[Termination, set[str]]] = {}
    elsewhere: dict[int, Termination] = {}
    # Offers of one call mostly repeat each other.
    for end in {(each.session_id, each.address, each.port): each for each in ends}.values():
        for life in _candidates(index, end):
            if life.started > last + SLACK_NS or (life.ended or life.last) < first - SLACK_NS:
                continue
            for side, other in life.ends():
                match = _match(end, other)
                if match == ELSEWHERE:
                    elsewhere[id(life)] = life
                elif match:
                    found.setdefault(id(life), (life, set()))[1].add(f"{side} {match}")
    if not found:
        for key, life in elsewhere.items():
            if not any(_fits(end, other) for end in rivals for _, other in life.ends()):
                found[key] = (life, {ELSEWHERE})
    linked = []
    for life, matches in found.values():
        sides = {match.partition(" ")[0] for match in matches}
        sure = len(sides) == 2 or any(match.endswith("session-id") for match in matches)
        reason = "SDP equals " + ", ".join(sorted(matches))
        confidence = Confidence.CERTAIN if sure else Confidence.LIKELY
        linked.append((life, Link(f"h248 {life.name} at {life.gateway}", reason, confidence)))
    linked.sort(key=lambda each: (each[0].started, each[0].name))
    return linked


def _candidates(index: EndIndex[Termination], end: MediaEnd) -> list[Termination]:
    """What may belong to an end: by its session-id, and by address and port where only one of the two has one."""
    if not end.session_id:
        return index.by_port(end.address, end.port)
    # A border gateway that knows nothing of MSRP is told no session-ids; all others at the port have theirs.
    return index.by_session_id(end.session_id) + index.by_port(*bare_key(end.address, end.port))


ELSEWHERE = "MSRP session-id, but not address and port"


def _match(one: MediaEnd, other: MediaEnd) -> str:
    """What two announcements of an end have in common, or nothing where they contradict each other."""
    same_place = bool(one.address) and one.port > 0 and (one.address, one.port) == (other.address, other.port)
    if one.session_id and other.session_id:
        if one.session_id != other.session_id:
            return ""
        known = one.address and other.address and one.port and other.port
        return "MSRP session-id" if same_place or not known else ELSEWHERE
    return "address and port" if same_place and one.port != DISCARD else ""


def _fits(one: MediaEnd, other: MediaEnd) -> bool:
    return _match(one, other) not in ("", ELSEWHERE)


def link_connections(
    index: EndIndex[Connection], ends: Sequence[MediaEnd], first: int, last: int, rivals: Sequence[MediaEnd] = ()
) -> list[tuple[ConnectionPart, Link]]:
    """The TCP connections that carry the media announced by these ends."""
    session_ids = {end.session_id for end in ends if end.session_id}
    ports = {(end.address, end.port) for end in ends if end.port and end.address}
    addresses = {end.address for end in ends if end.address}
    theirs = {end.address for end in rivals if end.address}
    candidates: dict[int, Connection] = {}
    for session_id in session_ids:
        for connection in index.by_session_id(session_id):
            candidates[id(connection)] = connection
    for key in _keys(ports, addresses):
        for connection in index.by_port(*key):
            if not connection.sessions:
                candidates[id(connection)] = connection
    by_path = _path_places(ends)
    for place in by_path:
        for address in addresses if len(addresses) <= MAX_PAIRED else ():
            for connection in index.by_port(*pair_key(address, *place)):
                if not connection.sessions:
                    candidates[id(connection)] = connection
    with_ids: list[tuple[int, ConnectionPart, Link]] = []
    linked: list[tuple[ConnectionPart, Link]] = []
    unsure: list[tuple[ConnectionPart, Link]] = []
    for connection in candidates.values():
        if connection.started > last + SLACK_NS or connection.last < first - SLACK_NS:
            continue
        if connection.sessions:
            near = _nearness(connection, addresses)
            if near < 2 and _nearness(connection, theirs) > near:
                continue
            match = _match_session_ids(connection, session_ids, near)
            if match is not None:
                with_ids.append((near, *match))
        elif connection.protocol in ("", "tls"):
            match = _match_ports(connection, ports, addresses)
            if match is not None:
                linked.append(match)
            elif (connection.client.dst_ip, connection.client.dport) in by_path:
                reason = "goes to the address of a=path"
                linked.append((ConnectionPart(connection, set()), Link(connection.name, reason, Confidence.LIKELY)))
            elif (connection.client.dst_ip, connection.client.dport) in ports:
                part = ConnectionPart(connection, set())
                reason = "goes to an announced address and port"
                unsure.append((part, Link(connection.name, reason, Confidence.POSSIBLE)))
    best = max((near for near, _, _ in with_ids), default=0)
    # Behind a gateway that leaves MSRP alone the same session-ids run on: only the connection at our addresses is ours.
    linked.extend((part, link) for near, part, link in with_ids if near or not best)
    if not linked and len(unsure) == 1:
        # Where many share a port, one of them says nothing.
        flow = unsure[0][0].connection.client
        if len(index.by_port(flow.dst_ip, flow.dport)) == 1:
            linked = unsure
    linked.sort(key=lambda each: (each[0].connection.started, each[0].connection.name))
    return linked


def _path_places(ends: Sequence[MediaEnd]) -> set[Place]:
    """Where `a=path` points to, as far as that is not the place in `c=` and `m=`: somebody may try it all the same."""
    found = {place_of(end.path[0]) for end in ends if end.path and f"//{end.address}:{end.port}/" not in end.path[0]}
    return {place for place in found if place is not None}


def _keys(ports: set[tuple[str, int]], addresses: set[str]) -> Iterable[tuple[str, int]]:
    """Each announced port, and each with every client that may come to it: a shared port has too many of them."""
    yield from ports
    if len(addresses) <= MAX_PAIRED:
        for address, port in ports:
            for client in addresses:
                if client != address:
                    yield pair_key(client, address, port)


def _nearness(connection: Connection, addresses: set[str]) -> int:
    return (connection.client.src_ip in addresses) + (connection.client.dst_ip in addresses)


def _match_session_ids(connection: Connection, session_ids: set[str], near: int) -> tuple[ConnectionPart, Link] | None:
    same = connection.sessions_with(session_ids)
    indexes = same.keys() - connection.claimed
    if not indexes:
        return None
    best = max(same[index] for index in indexes)
    confidence = Confidence.CERTAIN if best == 2 or near else Confidence.LIKELY
    where = "" if near else "; addresses differ from the SDP (NAT or relay)"
    reason = f"{'both MSRP session-ids' if best == 2 else 'MSRP session-id'} of the SDP{where}"
    return ConnectionPart(connection, indexes), Link(connection.name, reason, confidence)


def _match_ports(
    connection: Connection, ports: set[tuple[str, int]], addresses: set[str]
) -> tuple[ConnectionPart, Link] | None:
    flow = connection.client
    at_ends = ((flow.src_ip, flow.sport) in ports) + ((flow.dst_ip, flow.dport) in ports)
    if at_ends == 2 or (at_ends == 1 and _nearness(connection, addresses) == 2):
        confidence = Confidence.CERTAIN if at_ends == 2 else Confidence.LIKELY
        reason = "addresses and ports of the SDP" if at_ends == 2 else "addresses and one port of the SDP"
        return ConnectionPart(connection, set()), Link(connection.name, reason, confidence)
    return None
