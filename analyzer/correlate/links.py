"""Which terminations and connections belong to announced media ends, and how sure that is.

Join keys, strongest first: both MSRP session-ids; one session-id with an address; both addresses and ports; one
address and port. What has a different session-id never matches, whatever its address. Times must overlap, since ports
are used again; what several announced goes to the best claim (`analyzer.correlate.claims`). A session-id passes border
gateways unchanged (RFC 6714), so where the addresses differ it may be that of another leg of the same call: the leg
whose addresses fit has the better right.
"""

from __future__ import annotations

from collections.abc import Sequence

from analyzer.conversations.connection import Connection, ConnectionPart
from analyzer.conversations.h248_terminations import Termination
from analyzer.conversations.media import MediaEnd
from analyzer.conversations.sip_call import SipCall
from analyzer.correlate.announcements import DISCARD, Announcer
from analyzer.correlate.claims import BOTH_ENDS, ONE_END, PATH, PLACE, SLACK_NS, ClaimTable
from analyzer.correlate.index import EndIndex, bare_key
from analyzer.model import Confidence, Link

REASONS = {
    BOTH_ENDS: ("addresses and ports of the SDP", Confidence.CERTAIN),
    ONE_END: ("addresses and one port of the SDP", Confidence.LIKELY),
    PATH: ("goes to the address of a=path", Confidence.LIKELY),
    PLACE: ("goes to an announced address and port", Confidence.POSSIBLE),
}


def link_terminations(
    index: EndIndex[Termination],
    claims: ClaimTable,
    call: SipCall,
    ends: Sequence[MediaEnd],
    rivals: Sequence[MediaEnd] = (),
) -> list[tuple[Termination, Link]]:
    """The terminations whose Local or Remote is one of a call's ends; `rivals` are the ends of its other legs."""
    first, last = call.first, call.last
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
        by_id = sum(match.endswith(" MSRP session-id") for match in matches)
        if by_id < 2 and not claims.may_have(call, life):
            continue
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
    index: EndIndex[Connection],
    claims: ClaimTable,
    announcers: Sequence[Announcer],
    ends: Sequence[MediaEnd],
    first: int,
    last: int,
    rivals: Sequence[MediaEnd] = (),
) -> list[tuple[ConnectionPart, Link]]:
    """The TCP connections that carry the media of a session: of its call and terminations, which announced `ends`."""
    linked = _link_by_session_id(index, claims, announcers, ends, first, last, rivals)
    if announcers:
        found = claims.owned(announcers, ends)
        from_elsewhere = claims.unknown(announcers, ends)
        if not linked and not found:
            found = [(connection, PLACE) for connection in from_elsewhere]
        linked += [(ConnectionPart(each, set()), Link(each.name, *REASONS[how])) for each, how in found]
    linked.sort(key=lambda each: (each[0].connection.started, each[0].connection.name))
    return linked


def _link_by_session_id(
    index: EndIndex[Connection],
    claims: ClaimTable,
    announcers: Sequence[Announcer],
    ends: Sequence[MediaEnd],
    first: int,
    last: int,
    rivals: Sequence[MediaEnd],
) -> list[tuple[ConnectionPart, Link]]:
    session_ids = {end.session_id for end in ends if end.session_id}
    addresses = {end.address for end in ends if end.address}
    theirs = {end.address for end in rivals if end.address}
    candidates = {id(each): each for session_id in session_ids for each in index.by_session_id(session_id)}
    found: list[tuple[int, ConnectionPart, Link]] = []
    for connection in candidates.values():
        if connection.started > last + SLACK_NS or connection.last < first - SLACK_NS:
            continue
        near = _nearness(connection, addresses)
        if near < 2 and _nearness(connection, theirs) > near:
            continue
        match = _match_session_ids(connection, session_ids, near, claims, announcers)
        if match is not None:
            found.append((near, *match))
    best = max((near for near, _, _ in found), default=0)
    # Behind a gateway that leaves MSRP alone the same session-ids run on: only the connection at our addresses is ours.
    return [(part, link) for near, part, link in found if near or not best]


def _nearness(connection: Connection, addresses: set[str]) -> int:
    return (connection.client.src_ip in addresses) + (connection.client.dst_ip in addresses)


def _match_session_ids(
    connection: Connection, session_ids: set[str], near: int, claims: ClaimTable, announcers: Sequence[Announcer]
) -> tuple[ConnectionPart, Link] | None:
    same = connection.sessions_with(session_ids)
    indexes = {
        index
        for index in same.keys() - connection.claimed
        if same[index] == 2 or not claims.has_both(_both_ids(connection, index), announcers)
    }
    if not indexes:
        return None
    best = max(same[index] for index in indexes)
    confidence = Confidence.CERTAIN if best == 2 or near else Confidence.LIKELY
    where = "" if near else "; addresses differ from the SDP (NAT or relay)"
    reason = f"{'both MSRP session-ids' if best == 2 else 'MSRP session-id'} of the SDP{where}"
    return ConnectionPart(connection, indexes), Link(connection.name, reason, confidence)


def _both_ids(connection: Connection, index: int) -> tuple[str, str]:
    session = connection.sessions[index]
    return session.client_session_id, session.server_session_id
