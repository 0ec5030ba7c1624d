"""Were SIP, H.248 and the media of a session timed by one clock? Told by orders that cannot be.

Captures of several machines, merged by a tool or given together, have clocks that differ. A session-id is random (RFC
4975 section 14.1): nobody can use it before it was given. So a command that names the UE's session-id comes after the
offer or answer that announces it, the MRFC's SDP after the reply that gave the MRFP's, and MSRP to a session-id after
what gave that. Each such pair bounds how far one clock is from the other. Where a pair stands the wrong way round, and
one offset puts all of them right, the clocks differ by it, and no order across them is judged; where no offset does,
one clock timed them, and what is late is late.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from analyzer.evidence.in_force import given_session_id
from dissectors.msrp import session_id_of

if TYPE_CHECKING:
    from analyzer.conversations.connection import Connection
    from analyzer.evidence.evidence import Evidence
    from analyzer.evidence.gateway import Order

LEAST = 5_000_000
"ns: clocks that differ by less are not told from packets that were captured out of order, or late."
PROMPT = 100_000_000
"ns from the handshake to the first MSRP of a side that binds its session at once."
NEVER = 1 << 62

NAMES = {"h248": "H.248", "tcp": "TCP and MSRP"}


class Apart(NamedTuple):
    """One interface was timed by another clock than SIP."""

    interface: str
    "`h248` or `tcp`."
    least: int
    "What must be added to its times at least, ns; negative where its clock is ahead."
    most: int
    "What may be added at most; `NEVER` and `-NEVER` stand for no bound."

    @property
    def offset(self) -> int:
        """What is to be added to its times, as near as the bounds tell."""
        if self.most >= NEVER:
            return self.least
        return self.most if self.least <= -NEVER else (self.least + self.most) // 2

    @property
    def sentence(self) -> str:
        """The finding about the capture, with the offset to one digit."""
        way = "behind" if self.offset > 0 else "ahead of"
        more = " or more" if NEVER in (self.most, -self.least) else ""
        return f"the clock of {NAMES[self.interface]} is about {abs(self.offset) / 1e9:.1g} s{more} {way} that of SIP"


class Bounds:
    """What is known of one offset: each pair of events narrows it."""

    def __init__(self) -> None:
        self.least = -NEVER
        self.most = NEVER

    def after(self, own: int, other: int) -> None:
        """`own`, timed by the clock in question, came after `other`; 0 where the time is not known."""
        if own and other:
            self.least = max(self.least, other - own)

    def before(self, own: int, other: int) -> None:
        """It came before."""
        if own and other:
            self.most = min(self.most, other - own)

    def apart(self, interface: str) -> Apart | None:
        """The offset, if there must be one and one fits all."""
        wrong = self.least > LEAST or self.most < -LEAST
        return Apart(interface, self.least, self.most) if wrong and self.least <= self.most else None


def clocks_apart(evidence: Evidence) -> tuple[Apart, ...]:
    """The interfaces of a session whose clock is not that of its SIP."""
    if evidence.facts is None or evidence.mrfp is None:
        return ()
    h248 = _h248(evidence)
    tcp = _tcp(evidence, h248 is None)
    return tuple(each for each in (h248, tcp) if each is not None)


def _h248(evidence: Evidence) -> Apart | None:
    bounds = Bounds()
    theirs, ours = evidence.their_session_ids, evidence.our_session_ids
    for order in evidence.orders:
        remote = _remote_id(order)
        if remote in theirs:
            bounds.after(order.asked, _announced(evidence, remote))
        local = given_session_id(order)
        if local in ours and order.replied_local is not None:
            bounds.before(order.answered, _announced(evidence, local))
    return bounds.apart("h248")


def _remote_id(order: Order) -> str:
    """The session-id to which a command has the MRFP send."""
    return session_id_of(" ".join(order.remote.path)) if order.remote is not None and order.remote.path else ""


def _announced(evidence: Evidence, session_id: str) -> int:
    """When SIP first said this session-id, ns; 0 where it does not, or where the first copy may be missing."""
    first = min((each.time for each in evidence.announced_as(session_id)), default=0)
    for known in (evidence.offer, evidence.answer):
        if known is not None and known.end.session_id == session_id and not known.sent:
            return 0
    return first


def _tcp(evidence: Evidence, with_h248: bool) -> Apart | None:
    """The media against SIP, and against H.248 where the two share a clock."""
    bounds = Bounds()
    for own, other in _media_after(evidence, with_h248):
        bounds.after(own, other)
    early = bounds.apart("tcp") is not None
    for connection in {id(each.connection): each.connection for each in evidence.msrp}.values():
        syn = evidence.first_step(connection, "SYN")
        offer = evidence.offer
        if syn is None or offer is None or len(connection.sessions) > 1:
            continue
        # Alone it may be a connection that was there before (GEN-2).
        if early or (_is_prompt(connection) and not _was_known(evidence, connection, syn[0])):
            bounds.after(syn[0], offer.sent)
            if (early or syn[0] < offer.sent) and with_h248 and evidence.opener(connection) == "MRFP":
                bounds.after(syn[0], evidence.configure.asked if evidence.configure is not None else 0)
    return bounds.apart("tcp")


def _is_prompt(connection: Connection) -> bool:
    """Did MSRP begin as soon as the connection was up, as the side that opened it shall (RFC 4975 section 5.4)?"""
    made = connection.established
    first = next((row[0] for row in connection.rows if row[3] != "tcp"), None)
    return made is not None and first is not None and first - made < PROMPT


def _was_known(evidence: Evidence, connection: Connection, time: int) -> bool:
    """Had a command named the place that the connection goes to before it was opened?"""
    flow = connection.client
    return any(
        0 < order.asked < time
        and order.remote is not None
        and (order.remote.address, order.remote.port) == (flow.dst_ip, str(flow.dport))
        for order in evidence.orders
    )


def _media_after(evidence: Evidence, with_h248: bool) -> Iterator[tuple[int, int]]:
    """The first MSRP of each side, and when the session-id that it is sent to was given."""
    for view in evidence.msrp:
        if view.mrfp is None:
            continue
        by_mrfp, by_ue = view.sent(view.mrfp).first_send, view.sent(1 - view.mrfp).first_send
        ue, mrfp = view.session_id(1 - view.mrfp), view.session_id(view.mrfp)
        if by_mrfp is not None:
            yield by_mrfp[0], _announced(evidence, ue)
        if by_ue is not None:
            yield by_ue[0], _announced(evidence, mrfp)
        for order in evidence.orders if with_h248 else ():
            if by_mrfp is not None and _remote_id(order) == ue:
                yield by_mrfp[0], order.asked
                break
        for order in evidence.orders if with_h248 else ():
            if by_ue is not None and given_session_id(order) == mrfp:
                yield by_ue[0], order.answered
                break
