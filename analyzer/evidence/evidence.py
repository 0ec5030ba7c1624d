"""One session as flows and checks read it: who offered, what the MRFC asked of the MRFP, which connection carried it.

Everything is derived from the session when first asked for, and only from the copy of a message nearest to the MRFC:
proxies and border gateways on the way may have rewritten the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from analyzer.conversations.connection import Connection, ConnectionPart, Row
from analyzer.conversations.dialogs import agreed, on_leg
from analyzer.conversations.h248_termination import Termination
from analyzer.conversations.media import MediaEnd
from analyzer.conversations.offer_answer import Described, Exchange
from analyzer.conversations.sip_call import CallFacts
from analyzer.correlate.borders import bare_address, is_beyond
from analyzer.correlate.followed import followed
from analyzer.correlate.missing import missing_h248, missing_sip, missing_tcp
from analyzer.correlate.nodes import NodeTable, Role
from analyzer.correlate.session import Session
from analyzer.evidence.announced import Announced, msrp_of
from analyzer.evidence.clocks import Apart, clocks_apart
from analyzer.evidence.connection_model import ConnectionModel, Party, connection_model
from analyzer.evidence.gateway import Order, orders
from analyzer.evidence.lazy import lazy
from analyzer.evidence.msrp import MsrpView, Seen, by_kind, views_of
from analyzer.evidence.parties import EARLY_NS, Parties
from analyzer.evidence.places import path_place
from analyzer.evidence.scope import Scope
from analyzer.evidence.set_up import at_set_up, before, is_late, next_offer
from analyzer.model import Message
from analyzer.profile import Profile
from dissectors.h248 import CommandName


class Side(StrEnum):
    """What the MRFC does in the offer/answer exchange of a session."""

    ANSWERS = "answers"
    "The UE offers: it dials in."
    OFFERS = "offers"
    "The MRFC offers: it dials out."
    UNKNOWN = "unknown"
    "No MRFC shows in this session, or not what it does."


class Evidence:
    """What one session shows."""

    is_later = False
    "It is about a later offer and what followed from it, and not about the set-up (`analyzer.evidence.offers`)."

    def __init__(self, session: Session, nodes: NodeTable, scope: Scope, profile: Profile) -> None:
        self.session = session
        self.nodes = nodes
        self.scope = scope
        self.profile = profile

    # ------------------------------------------------------------------ SIP and SDP

    @lazy
    def facts(self) -> CallFacts | None:
        """The SIP call, if there is one."""
        return self.session.call.facts if self.session.call is not None else None

    @lazy
    def exchange(self) -> Exchange | None:
        """The exchange that set the MSRP stream up: accepted, else answered, else offered."""
        if self.facts is None:
            return None
        found = [each for each in self.facts.exchanges if _has_msrp(each.offer) or _has_msrp(each.answer)]
        return agreed(on_leg(at_set_up(found), self.mrfc_address), self._followed)

    def _followed(self, exchange: Exchange) -> tuple[int, int]:
        return followed(exchange, self.session.terminations, self.session.connections)

    @lazy
    def set_up_unseen(self) -> bool:
        """Only later exchanges of the dialog were captured: who is who can be told by them, but no flow be judged."""
        return self.facts is not None and is_late(self.exchange, self.facts.exchanges)

    @lazy
    def offer(self) -> Announced | None:
        """The MSRP stream as offered at set-up, in the copy nearest to the MRFC."""
        return None if self.set_up_unseen else self._offered

    @lazy
    def answer(self) -> Announced | None:
        """The MSRP stream as answered at set-up, likewise."""
        return None if self.set_up_unseen else self._answered

    @lazy
    def _offered(self) -> Announced | None:
        exchange = self.exchange
        return self._dated(self._nearest(exchange.offer, exchange.offer_copies)) if exchange is not None else None

    @lazy
    def _answered(self) -> Announced | None:
        exchange = self.exchange
        return self._dated(self._nearest(exchange.answer, exchange.answer_copies)) if exchange is not None else None

    def _dated(self, announced: Announced | None) -> Announced | None:
        """Set when it was sent, unless what follows it (a response, the ACK to a response) stands before it."""
        if announced is None:
            return None
        own = announced.message
        sip = own.decoded
        after = "ACK" if not sip.is_request else sip.method
        for message in self.facts.messages if self.facts is not None else ():
            if message is own or message.time >= own.time:
                break
            other, hop = message.decoded, message.flow
            if (
                (other.cseq, other.method, other.is_request) == (sip.cseq, after, not sip.is_request)
                and hop.src_ip == own.flow.dst_ip
                and hop.dst_ip == own.flow.src_ip
            ):
                return announced
        announced.sent = own.time
        return announced

    def _nearest(self, first: Described | None, copies: Sequence[Described]) -> Announced | None:
        if first is None:
            return None
        if copies and self.mrfc_address:
            for each in (first, *copies):
                flow = each.message.flow
                if self.mrfc_address in (flow.src_ip, flow.dst_ip):
                    return msrp_of(each)
        return msrp_of(first)

    @lazy
    def mrfc_address(self) -> str:
        """The IP address from which the MRFC speaks SIP, or empty."""
        facts = self.facts
        if facts is None:
            return ""
        if facts.focus_address:
            return facts.focus_address
        for message in facts.messages:
            for address in (message.flow.src_ip, message.flow.dst_ip):
                if self.nodes.role(address) == Role.MRFC:
                    return address
        return ""

    @lazy
    def side(self) -> Side:
        """What the MRFC does: told by who is the focus, else by whose SDP the MRFP was given."""
        facts, exchange = self.facts, self.exchange
        if self._sees_border_alone:
            return Side.UNKNOWN
        offered_by_caller = _offered_by_caller(facts, exchange) if facts is not None and exchange is not None else None
        if facts is not None and facts.focus_uri and offered_by_caller is not None:
            return Side.OFFERS if offered_by_caller == facts.focus_is_caller else Side.ANSWERS
        life = self.mrfp
        if life is None:
            return Side.UNKNOWN
        if self._offer_id and self._offer_id in _ids(life, "remote"):
            return Side.ANSWERS
        if self._offer_id and self._offer_id in _ids(life, "local"):
            return Side.OFFERS
        if self._answer_id and self._answer_id in _ids(life, "local"):
            return Side.ANSWERS
        if self._answer_id and self._answer_id in _ids(life, "remote"):
            return Side.OFFERS
        if exchange is None:
            return self._side_by_orders()
        return Side.UNKNOWN

    def _side_by_orders(self) -> Side:
        """Without any SDP of SIP: Reserve And Configure has Remote at once, Reserve has it later."""
        first = self.orders[0] if self.orders else None
        if first is None or first.name != CommandName.ADD or first.request is None:
            return Side.UNKNOWN
        return Side.ANSWERS if first.remote is not None and not first.remote.is_empty else Side.OFFERS

    @property
    def _offer_id(self) -> str:
        return self._offered.end.session_id if self._offered is not None else ""

    @property
    def _answer_id(self) -> str:
        return self._answered.end.session_id if self._answered is not None else ""

    @lazy
    def ours(self) -> Announced | None:
        """The SDP that the MRFC sent: the MRFP's end of the stream."""
        if self.side is Side.ANSWERS:
            return self._answered
        return self._offered if self.side is Side.OFFERS else None

    @lazy
    def theirs(self) -> Announced | None:
        """The SDP that the UE sent."""
        if self.side is Side.ANSWERS:
            return self._offered
        return self._answered if self.side is Side.OFFERS else None

    @lazy
    def is_secured(self) -> bool:
        """MSRP over TLS, as far as any description says."""
        offer, answer, life = self._offered, self._answered, self.mrfp
        if offer is None and answer is None:
            return life is not None and any("TLS" in end.protocol.upper() for _, end in life.ends())
        return (offer is not None and "TLS" in offer.end.protocol.upper()) or (
            answer is not None and "TLS" in answer.end.protocol.upper()
        )

    def announced_as(self, session_id: str) -> list[Announced]:
        """Every description of SIP that names this session-id as that of its MSRP end, in order of time."""
        return self._announced.get(session_id, [])

    @lazy
    def _announced(self) -> dict[str, list[Announced]]:
        found: dict[str, list[Announced]] = {}
        for exchange in self.facts.exchanges if self.facts is not None else ():
            for _, described in exchange.parts():
                for index, end in enumerate(described.ends):
                    if end.is_msrp and end.session_id:
                        found.setdefault(end.session_id, []).append(Announced(described, index, end))
        return found

    def sent_by_mrfc(self, message: Message) -> bool | None:
        """Did the MRFC's end of the dialog send this SIP message? None where it is not known which end that is."""
        return _sender(message) == _sender(self.ours.message) if self.ours is not None else None

    @lazy
    def our_session_ids(self) -> frozenset[str]:
        """The MSRP session-ids that the MRFP's end ever had, as SDP of SIP and of H.248 says."""
        return self._all_session_ids(self.ours, "local")

    @lazy
    def their_session_ids(self) -> frozenset[str]:
        """The same for the UE's end."""
        return self._all_session_ids(self.theirs, "remote")

    def _all_session_ids(self, announced: Announced | None, descriptor: str) -> frozenset[str]:
        found = _ids(self.mrfp, descriptor) if self.mrfp is not None and self.side is not Side.UNKNOWN else set()
        if announced is not None and self.facts is not None:
            sender = _sender(announced.message)
            for exchange in self.facts.exchanges:
                for _, described in exchange.parts():
                    if _sender(described.message) == sender:
                        found |= {end.session_id for end in described.ends if end.session_id}
        return frozenset(found)

    @lazy
    def released(self) -> int | None:
        """When the session was first said to be over, by BYE or Subtract, in ns; None where the capture shows none."""
        facts = self.facts
        others = {each.tags for each in facts.exchanges if each.superfluous} if facts is not None else set()
        if self.exchange is not None:
            others.discard(self.exchange.tags)
        times = [
            message.time
            for message in (facts.messages if facts is not None else ())
            if message.decoded.method == "BYE"
            and (not others or frozenset((message.decoded.from_tag, message.decoded.to_tag)) not in others)
        ]
        times += [life.ended for life in self.session.terminations if life.ended is not None]
        return min(times, default=None)

    @lazy
    def clocks(self) -> tuple[Apart, ...]:
        """The interfaces that another clock timed than SIP: no order across them is judged."""
        return clocks_apart(self)

    # ------------------------------------------------------------------ H.248

    @lazy
    def is_border(self) -> bool:
        """Only border gateways (IMS-AGW, TrGW) serve this leg: each passes its media on to the other side."""
        lives = self.session.terminations
        return bool(lives) and all(self._at_border(life) for life in lives)

    def _at_border(self, life: Termination) -> bool:
        """Is this termination a border gateway's?"""
        if (life.gateway, life.context_life) in self.session.borders:
            return True
        return self.nodes.role(bare_address(life.controller)) == Role.IMS_ALG

    @lazy
    def _sees_border_alone(self) -> bool:
        """Nothing of an MRFC is here: what stands for the focus in SIP controls the border gateway of this leg."""
        if not self.is_border:
            return False
        focus = self.facts.focus_address if self.facts is not None else ""
        return not focus or focus in {bare_address(life.controller) for life in self.session.terminations}

    @lazy
    def mrfp(self) -> Termination | None:
        """The MRFP's termination of this participant."""
        wanted = {self._offer_id, self._answer_id} - {""}
        focus = self.facts.focus_address if self.facts is not None else ""
        best: Termination | None = None
        best_score = -1
        for life in self.session.terminations:
            ends = life.ends()
            if not any(end.is_msrp or end.path for _, end in ends) or self._at_border(life):
                continue
            score = len({(side, end.session_id) for side, end in ends if end.session_id in wanted}) * 2 + life.added
            if focus:
                score += 8 * (bare_address(life.controller) == focus)
            if score > best_score:
                best, best_score = life, score
        return best

    def altered(self, announced: Announced) -> str:
        """Why this SDP may not be what the MRFC sent or got, or empty: a border gateway rewrites `c=`, `m=`, paths.

        It is so where the copy on the MRFC's own hop is not in the capture.
        """
        flow = announced.message.flow
        if self.mrfc_address and self.mrfc_address not in (flow.src_ip, flow.dst_ip):
            return "the SDP on the MRFC's own hop is not in the capture; a border gateway may have rewritten it"
        return self._behind_border

    @lazy
    def _behind_border(self) -> str:
        """Why all of the SIP may be that of another leg, or empty."""
        facts, life = self.facts, self.mrfp
        if facts is None or life is None or self.nodes.gives(facts.focus_address) or not is_beyond(facts, life):
            return ""
        mgc = bare_address(life.controller)
        return (
            f"the MRFC's own SIP is not in the capture ({mgc} controls the MRFP and is in none of it); "
            "a border gateway may have rewritten the SDP"
        )

    @lazy
    def orders(self) -> list[Order]:
        """What the MRFC asked of the MRFP about its media, in order of time."""
        return orders(self.mrfp) if self.mrfp is not None else []

    @lazy
    def reserve(self) -> Order | None:
        """The command that made the termination (Reserve, or Reserve And Configure), or added this stream to it."""
        life = self.mrfp
        for each in self.orders:
            if each.name == CommandName.ADD or (life is not None and life.stream_added and each.local is not None):
                return each
        return None

    @lazy
    def configure(self) -> Order | None:
        """The command that gave the MRFP the UE's end, with a Remote that says something.

        The Add of Reserve And Configure (dial-in), or a later Modify (dial-out): there the first after the answer
        counts, if there is one, since a Remote before it cannot be the UE's.
        """
        reserve = self.reserve
        if self.side is Side.ANSWERS and self.mrfp is not None and (reserve is None or reserve.request is None):
            return None  # the Add had it: what came later is of a later offer
        found = [each for each in self.set_up_orders if each.remote is not None and not each.remote.is_empty]
        if self.side is Side.OFFERS and self.answer is not None and self.answer.sent:
            sent = self.answer.sent
            return next((each for each in found if each.asked >= sent), None) or next(iter(found), None)
        return next(iter(found), None)

    @lazy
    def configured_later(self) -> bool:
        """Only commands behind a later offer gave the MRFP the UE's end: they may have served both."""
        return self.configure is None and any(each.remote is not None and each.remote.path for each in self.orders)

    @lazy
    def set_up_orders(self) -> list[Order]:
        """The commands before any later offer."""
        return before(self.orders, next_offer(self.exchange, self.facts.exchanges if self.facts is not None else ()))

    @lazy
    def _set_up_replies(self) -> list[Order]:
        """The same where the Add was captured: else a reply may be one to a later Modify."""
        return self.set_up_orders if self.mrfp is not None and self.mrfp.added else []

    @lazy
    def allocated(self) -> Order | None:
        """The command whose reply gave a local MSRP URI: the MRFP's address, port and session-id."""
        for each in self._set_up_replies:
            local = each.replied_local
            if local is not None and local.end is not None and local.end.path:
                return each
        return None

    @lazy
    def replied(self) -> Order | None:
        """The command whose reply gave the MRFP's own end, with a path or without, else the Add if it has a reply."""
        for each in self._set_up_replies:
            if each.replied_local is not None and each.replied_local.end is not None:
                return each
        return self.reserve if self.reserve is not None and self.reserve.reply is not None else None

    @lazy
    def unseen_configure(self) -> str:
        """Why a command that gave the MRFP the UE's end may have escaped the capture, or empty.

        Both halves of a transaction may be missing, of which H.248 itself then shows nothing.
        """
        if self.configure is not None:
            return ""
        if any(self.opener(part.connection) == "MRFP" for part in self.connection_parts):
            return "the MRFP connects to the UE: the command that named it was not captured"
        if any(view.mrfp is not None and view.sent(view.mrfp).request_paths for view in self.msrp):
            return "the MRFP sends to the UE: the command that named it was not captured"
        lost = [] if self.facts is None else missing_sip(self.facts)
        lost += missing_h248(self.session.terminations) + missing_tcp(self.session.connections)
        return f"packets of this session are not in the capture: {lost[0]}" if lost else ""

    @lazy
    def end_before(self) -> MediaEnd | None:
        """The MRFP's end as it was before a later offer; None where there was none."""
        return None

    @lazy
    def cema_before(self) -> bool:
        """CEMA was agreed before a later offer."""
        return False

    def keeps(self, order: Order) -> bool:
        """Is a command from before a later offer all that there is?"""
        return False

    def unseen_change(self, order: Order) -> str:
        """Why a later command than this may have escaped the capture, or empty: see `analyzer.evidence.offers`."""
        return ""

    @lazy
    def orders_incomplete(self) -> str:
        """Why an instruction to the MRFP may have escaped the capture, or empty when all about it is there."""
        life = self.mrfp
        if life is None:
            if self.is_border:
                return "no H.248 of an MRFP in the capture: what there is, is a border gateway's"
            return "no H.248 about this session in the capture"
        if not life.added:
            return "the Add of its termination was not captured"
        for pair in life.pairs:
            if pair.request is None:
                return "an H.248 request about its termination was not captured"
        return ""

    # ------------------------------------------------------------------ TCP

    @lazy
    def connection_parts(self) -> list[ConnectionPart]:
        """Its media connections in order of time, tries that failed included."""
        return sorted(self.session.connections, key=lambda part: part.connection.started)

    @lazy
    def connection(self) -> Connection | None:
        """The connection of its MSRP: the first that carried it or was set up, else the last try."""
        parts = self.connection_parts
        if len(parts) > 1 and (self.session.borders or self._through_relay):
            # On the other side of a border gateway or a relay the same MSRP runs to other addresses.
            parts = [part for part in parts if self._at_mrfp(part.connection)] or parts
        carried = [part for part in parts if part.session_indexes]
        made = [part for part in parts if part.connection.established is not None]
        found = next(iter(carried or made or parts[-1:]), None)
        return found.connection if found is not None else None

    @lazy
    def is_reused(self) -> bool:
        """Its MSRP runs over a connection that was there for another session before (RFC 4975 section 5.4)."""
        parts = self.session.connections
        if not parts or any(len(part.connection.sessions) < 2 or not part.session_indexes for part in parts):
            return False
        begun = [self.facts.opening.time] if self.facts is not None and self.facts.opening is not None else []
        begun += [life.started for life in self.session.terminations if life.added]
        # On two clocks the first session may seem to come after its own connection.
        one_clock = self.scope.one_clock
        return bool(begun) and all(
            part.connection.started < min(begun) - EARLY_NS and (one_clock or 0 not in part.session_indexes)
            for part in parts
        )

    @property
    def _through_relay(self) -> bool:
        """A path has more than one URI: a relay stands between (RFC 4976 section 3)."""
        return any(each is not None and len(each.end.path) > 1 for each in (self.offer, self.answer))

    def _at_mrfp(self, connection: Connection) -> bool:
        flow = connection.client
        return flow.src_ip in self.our_addresses or flow.dst_ip in self.our_addresses

    def opener(self, connection: Connection) -> str:
        """Who opened a connection: `MRFP`, `UE`, or empty where the capture does not show it."""
        known = self._openers.get(id(connection))
        if known is None:
            known = self._openers[id(connection)] = self._opener(connection)
        return known

    @lazy
    def _openers(self) -> dict[int, str]:
        return {}

    def _opener(self, connection: Connection) -> str:
        if connection.guessed:
            return ""
        flow = connection.client
        if (flow.dst_ip, flow.dport) in self.our_places or flow.dst_ip in self.our_addresses:
            return "" if flow.src_ip in self.our_addresses else "UE"
        return "MRFP" if flow.src_ip in self.our_addresses else ""

    @lazy
    def our_places(self) -> set[tuple[str, int]]:
        """The addresses and ports of the MRFP's media, as any description names them."""
        ends = [self.ours.end] if self.ours is not None else []
        ends += [end for side, end in self.mrfp.ends() if side == "local"] if self.mrfp is not None else []
        places = {(end.address, end.port) for end in ends if end.address and end.port}
        for end in ends:
            place = path_place(end)
            if place is not None:
                places.add(place)
        return places

    @lazy
    def our_addresses(self) -> set[str]:
        """The addresses of the MRFP's media."""
        return {address for address, _ in self.our_places}

    @lazy
    def msrp(self) -> list[MsrpView]:
        """Its MSRP, with who is who."""
        return views_of(self) if self.session.connections else []

    @lazy
    def observed(self) -> dict[str, list[Seen]]:
        """What was observed of its MSRP, by kind (the table in `analyzer.conversations.msrp_facts`)."""
        for part in self.session.connections:
            for each in part.msrp():
                if each.observations:
                    return by_kind(self.msrp)
        return {}  # the rule, and nobody needs to know who is who

    @lazy
    def has_msrp(self) -> bool:
        """Is there any MSRP to be read?"""
        return any(part.session_indexes for part in self.session.connections)

    @lazy
    def parties(self) -> Parties:
        """Offerer and answerer on every hop captured, whether or not one of them is an MRFC."""
        return Parties(self.session, self.exchange, self.connection)

    @lazy
    def mrfp_party(self) -> Party | None:
        """Which of the two parties is an MRFP, also behind a border gateway, where only its role tells."""
        known = {Side.ANSWERS: Party.ANSWERER, Side.OFFERS: Party.OFFERER}.get(self.side)
        if known is not None:
            return known
        for end in (self.parties.offerer, self.parties.answerer):
            if end is not None and self.nodes.role(end.end.address) == Role.MRFP:
                return end.party
        return None

    @lazy
    def connection_model(self) -> ConnectionModel:
        """Which MSRP connection model is in force, and why."""
        parties = self.parties
        offerer, answerer = parties.offerer, parties.answerer
        return connection_model(
            offerer.end if offerer is not None else None,
            answerer.end if answerer is not None else None,
            by_session_id_alone=any(each.elsewhere and each.answered for each in parties.sent),
            relayed_paths=parties.relayed_paths,
        )

    def first_step(self, connection: Connection, word: str) -> tuple[int, tuple[int, ...]] | None:
        """Time and frames of the first TCP step of a connection: `SYN`, `SYN ACK`, `ACK, established`, ..."""
        for row in self.tcp_rows(connection):
            if row[4] == word:
                return row[0], row[1]
        return None

    def tcp_rows(self, connection: Connection) -> list[Row]:
        """The TCP steps of a connection, in order of time: few beside the MSRP that it carried."""
        known = self._tcp_rows.get(id(connection))
        if known is None:
            known = self._tcp_rows[id(connection)] = [row for row in connection.rows if row[3] == "tcp"]
        return known

    @lazy
    def _tcp_rows(self) -> dict[int, list[Row]]:
        return {}


def _has_msrp(described: Described | None) -> bool:
    if described is not None:
        for end in described.ends:
            if end.is_msrp:
                return True
    return False


def _ids(life: Termination, side: str) -> set[str]:
    return {end.session_id for which, end in life.ends() if which == side and end.session_id}


def _sender(message: Message) -> str:
    """The tag of who sent a SIP message."""
    sip = message.decoded
    tag: str = sip.from_tag if sip.is_request else sip.to_tag
    return tag


def _offered_by_caller(facts: CallFacts, exchange: Exchange) -> bool | None:
    """Did the caller make the offer?"""
    part = exchange.offer or exchange.answer
    if part is None or not facts.caller.tag:
        return None
    sent_by_caller = facts.sent_by_caller(part.message.decoded)
    return sent_by_caller if part is exchange.offer else not sent_by_caller
