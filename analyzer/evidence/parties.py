"""The two ends of a session's MSRP stream on every hop captured: what each announced, and what the other did with it.

`Evidence` looks at the hop beside the MRFC. Here no MRFC is needed: an offer and its answer have two parties, UE to UE
as well, and a border gateway that keeps the Call-ID shows as another copy of the same description with another
address. Where the descriptions of two legs have Call-IDs of their own, correlation tells of the other leg.

A UE behind a NAT comes from an address that nobody announced. So who opened a connection is told by where it goes
before where it comes from.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from analyzer.conversations.connection import Connection, MsrpSession
from analyzer.conversations.media import MediaEnd, place_of
from analyzer.conversations.offer_answer import Exchange
from analyzer.correlate.leg_media import LegMedia
from analyzer.correlate.session import Session
from analyzer.evidence.announced import Announced, msrp_of
from analyzer.evidence.connection_model import Party
from analyzer.evidence.lazy import lazy
from analyzer.evidence.party_end import PartyEnd, comes_in, hop_of, side_of
from analyzer.evidence.places import lines_place, own_addresses, places_of
from analyzer.evidence.sent_to import SentTo, sent_to

EARLY_NS = 2_000_000
"Packets may be captured up to a millisecond out of order, so two of them may seem exchanged by twice that."


class Hop(NamedTuple):
    """Offer and answer as they passed between the same two nodes."""

    offer: Announced
    answer: Announced

    def of(self, party: Party) -> Announced:
        return self.offer if party is Party.OFFERER else self.answer


@dataclass(frozen=True, slots=True)
class Crossing:
    """One description on both sides of a node that forwards it, and who takes it there."""

    party: Party
    "Whose description it is."
    before: MediaEnd
    after: MediaEnd
    frames: tuple[int, ...]
    taker: MediaEnd | None
    "What the party behind the node says itself."
    other_leg: str = ""
    "The session of the leg before it, where it has another Call-ID."

    @property
    def anchored(self) -> bool:
        """`c=` or `m=` changed: a gateway has put itself into the media path."""
        return lines_place(self.before) != lines_place(self.after)

    @property
    def rewritten(self) -> bool:
        """`a=path` names another place."""
        return [place_of(uri) for uri in self.before.path] != [place_of(uri) for uri in self.after.path]


class Parties:
    """Offerer and answerer of the exchange that was in force when the MSRP connection was set up."""

    def __init__(
        self,
        session: Session,
        first: Exchange | None,
        connection: Connection | None,
        passed: frozenset[str] = frozenset(),
    ) -> None:
        """`passed`: URIs of other exchanges; requests to them belong to another time."""
        self._session = session
        self._passed = passed
        self._spoken = [(part, each) for part in session.connections for each in part.msrp()]
        self._openers: dict[int, Party | None] = {}
        self._hop_of: dict[tuple[int, Party], Hop | None] = {}
        self.exchange = _in_force(session, first, connection)
        offered = answered = None
        if self.exchange is not None:
            offered = side_of(Party.OFFERER, self.exchange.offer, self.exchange.offer_copies)
            answered = side_of(Party.ANSWERER, self.exchange.answer, self.exchange.answer_copies)
        self.offerer, self.answerer = offered, answered

    def side(self, party: Party) -> PartyEnd | None:
        return self.offerer if party is Party.OFFERER else self.answerer

    @property
    def frames(self) -> tuple[int, ...]:
        """Those of offer and answer."""
        sides = (self.offerer, self.answerer)
        return tuple(frame for side in sides if side is not None for frame in side.frames)

    # ------------------------------------------------------------------ connections

    def opener(self, connection: Connection) -> Party | None:
        """Who opened a connection; None where the capture does not show it."""
        key = id(connection)
        if key not in self._openers:
            self._openers[key] = self._opener(connection)
        return self._openers[key]

    def _opener(self, connection: Connection) -> Party | None:
        if connection.guessed or self.offerer is None or self.answerer is None:
            return None
        flow = connection.client
        target = (flow.dst_ip, flow.dport)
        offerer, answerer = self.offerer, self.answerer
        for at_answerer, at_offerer in (
            (target in answerer.places, target in offerer.places),
            (flow.dst_ip in answerer.addresses, flow.dst_ip in offerer.addresses),
            (flow.src_ip in offerer.addresses, flow.src_ip in answerer.addresses),
        ):
            if at_answerer != at_offerer:
                return Party.OFFERER if at_answerer else Party.ANSWERER
        for each in self._msrp(connection):
            client = self._client(each)
            if client is not None:
                return client
        return None

    @lazy
    def hops(self) -> list[Hop]:
        """Every hop of which both descriptions were captured."""
        if self.offerer is None or self.answerer is None:
            return []
        answers = {hop_of(each.message.flow): each for each in self.answerer.hops}
        found = []
        for offer in self.offerer.hops:
            answer = answers.get(hop_of(offer.message.flow))
            if answer is not None:
                found.append(Hop(offer, answer))
        return found

    def hop(self, connection: Connection, opener: Party) -> Hop | None:
        """The hop whose descriptions a connection follows; None where that is not sure.

        Behind a gateway that leaves a=path alone the same URIs run on, so a connection to one of them may belong to a
        hop whose SIP was not captured, where other addresses and another a=setup hold.
        """
        key = id(connection), opener
        if key not in self._hop_of:
            self._hop_of[key] = self._followed(connection, opener)
        return self._hop_of[key]

    def _followed(self, connection: Connection, opener: Party) -> Hop | None:
        flow = connection.client
        target = (flow.dst_ip, flow.dport)
        for hop in self.hops:
            there, here = hop.of(opener.other).end, hop.of(opener).end
            if target == lines_place(there):
                return hop
            if target in places_of(there) and flow.src_ip in {address for address, _ in places_of(here)}:
                return hop
        return None

    def _msrp(self, connection: Connection) -> list[MsrpSession]:
        return [each for part, each in self._spoken if part.connection is connection]

    def _client(self, msrp: MsrpSession) -> Party | None:
        """Whose session-id the client of a connection uses."""
        if self.offerer is None or self.answerer is None:
            return None
        theirs, ours = self.offerer.end.session_id, self.answerer.end.session_id
        if theirs == ours:
            return None
        if (theirs and msrp.client_session_id == theirs) or (ours and msrp.server_session_id == ours):
            return Party.OFFERER
        if (ours and msrp.client_session_id == ours) or (theirs and msrp.server_session_id == theirs):
            return Party.ANSWERER
        return None

    # ------------------------------------------------------------------ MSRP

    @lazy
    def sent(self) -> list[SentTo]:
        """Every To-Path value of requests that came in at one of the parties."""
        found: list[SentTo] = []
        if self.offerer is None or self.answerer is None:
            return found
        for part, msrp in self._spoken:
            client = self._client(msrp)
            if client is None:
                continue
            to_server, to_client = msrp.ways
            for direction, receiver, paths in (
                (0, client.other, to_server.request_paths),
                (1, client, to_client.request_paths),
            ):
                side = self.side(receiver)
                if paths and side is not None and comes_in(side, part.connection, direction):
                    for to_path, frame in paths:
                        if to_path.rpartition(" ")[2] not in self._passed:
                            found.append(sent_to(side, msrp, direction, to_path, frame))
        return found

    def paths_of_sender(self, receiver: Party) -> Iterator[tuple[str, int]]:
        """To-Path values (and first frames) of requests to a party where the other one sent them itself."""
        sender = self.side(receiver.other)
        if sender is None or self.side(receiver) is None:
            return
        own = own_addresses(sender.end)
        for part in self._session.connections:
            flow = part.connection.client
            for msrp in part.msrp():
                client = self._client(msrp)
                if client is None:
                    continue
                direction = 0 if client is receiver.other else 1
                if (flow.src_ip if direction == 0 else flow.dst_ip) in own:
                    for to_path, frame in msrp.ways[direction].request_paths:
                        if to_path.rpartition(" ")[2] not in self._passed:
                            yield to_path, frame

    @lazy
    def relayed_paths(self) -> list[str]:
        """To-Path values of several URIs; `AUTH` where a client authorised itself at a relay (RFC 4976 section 5)."""
        found: list[str] = []
        for _, msrp in self._spoken:
            for way in msrp.ways:
                for path, _ in way.request_paths:
                    if " " in path:
                        found.append(path)
        if self.auth_frames:
            found.append("AUTH")
        return found

    @lazy
    def auth_frames(self) -> tuple[int, ...]:
        """Frames of AUTH requests."""
        frames: list[int] = []
        # A client authorises itself before anything else; no need to read thousands of rows.
        unnamed = [
            id(part)
            for part, each in self._spoken
            if each.requests and not (each.client_session_id and each.server_session_id)
        ]
        for part in self._session.connections if unnamed else ():
            if id(part) not in unnamed:
                continue
            for row in part.connection.rows:
                if row[5] in part.session_indexes and row[3] == "msrp" and row[4].startswith("AUTH"):
                    frames.extend(row[1])
        return tuple(frames)

    # ------------------------------------------------------------------ both sides of a gateway

    @lazy
    def crossings(self) -> list[Crossing]:
        """Both descriptions wherever the capture shows them before and behind a node that forwards them."""
        found: list[Crossing] = []
        if self.offerer is None or self.answerer is None:
            return found
        one, other = self.offerer, self.answerer
        if len(one.hops) == len(other.hops) == 1 and not self._session.other_legs:
            return found
        for side, taker in ((one, other), (other, one)):
            for before, after in zip(side.hops, side.hops[1:], strict=False):
                frames = (*before.frames, *after.frames)
                found.append(Crossing(side.party, before.end, after.end, frames, taker.end))
        for leg in self._session.other_legs:
            found.extend(self._across(leg))
        return found

    @property
    def earlier_than(self) -> str:
        """The session of another leg that comes behind this one: there the two are compared."""
        for leg in self._session.other_legs:
            if self._comes_before(leg):
                return leg.session_id
        return ""

    def _comes_before(self, leg: LegMedia) -> bool:
        return leg.offer is not None and self.offerer is not None and leg.offer.time > self.offerer.own.time

    def _across(self, leg: LegMedia) -> Iterator[Crossing]:
        """The leg before this one: its offer became ours, our answer became its answer."""
        if self.offerer is None or self.answerer is None:
            return
        if leg.offer is None or leg.answer is None or self._comes_before(leg):
            return
        theirs = {leg.offer.end.session_id, leg.answer.end.session_id} - {""}
        ours = {self.offerer.end.session_id, self.answerer.end.session_id} - {""}
        # Calls of one conference may share an ICID too: only what has one MSRP session-id, or one H.248 context of a
        # border gateway, is one media path.
        if not theirs & ours and not self._session.border:
            return
        frames = (*leg.offer.frames, *self.offerer.frames)
        yield Crossing(
            Party.OFFERER, leg.offer.end, self.offerer.end, frames, self.answerer.end, other_leg=leg.session_id
        )
        frames = (*self.answerer.frames, *leg.answer.frames)
        yield Crossing(
            Party.ANSWERER, self.answerer.end, leg.answer.end, frames, leg.offer.end, other_leg=leg.session_id
        )


def _in_force(session: Session, first: Exchange | None, connection: Connection | None) -> Exchange | None:
    """Of several exchanges the last one offered before the connection was opened; an offer may be made anew.

    RFC 6714 section 4.2 has the offerer do so where the answer shows that CEMA is not supported.
    """
    call = session.call
    if call is None or first is None or connection is None or len(call.facts.exchanges) < 2:
        return first
    until = connection.started + EARLY_NS
    found = first
    for each in call.facts.exchanges:
        if each.offer is None or each.answer is None or each.rejected or each.offer.message.time > until:
            continue
        if each.tags != first.tags:
            continue  # another fork of the INVITE, or another leg
        if each.confirmed >= found.confirmed and msrp_of(each.offer) and msrp_of(each.answer):
            found = each
    return found
