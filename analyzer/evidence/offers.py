"""The offers of a session that change its MSRP stream, each with its answer and with what was done about it.

A dialog may offer anew at any time (RFC 3264 section 8): by re-INVITE, UPDATE or PRACK, from either side. What only
repeats, refreshes the session or holds it is no new evidence, and an offer that was refused changes nothing. For every
other the rules about one exchange (`Rule.each_offer`) look at that exchange alone: at the commands of the MRFC and the
TCP connections between it and the next, and at what was in force before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from analyzer.conversations.connection import ConnectionPart
from analyzer.conversations.media import MediaEnd
from analyzer.conversations.offer_answer import Described, Exchange
from analyzer.correlate.missing import missing_h248, missing_sip, missing_tcp
from analyzer.correlate.session import Session
from analyzer.evidence.announced import msrp_of
from analyzer.evidence.clocks import Apart
from analyzer.evidence.evidence import Evidence, Side
from analyzer.evidence.gateway import Order, orders
from analyzer.evidence.lazy import lazy
from analyzer.evidence.msrp import MsrpView
from analyzer.evidence.parties import EARLY_NS, Parties

MAX_OFFERS = 16
"Exchanges of one stream that are judged; an offer a second for an hour says nothing new."
SOON_NS = 1_000_000_000
"A session that ends so soon after an answer may leave the MRFC no time for what follows from it."
_HELD = frozenset({"0.0.0.0", "::"})
"Hold as RFC 2543 had it (RFC 3264 section 8.4)."
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_FOREVER = 1 << 63

Key = tuple[str, int, str, tuple[str, ...], bool]


class _Step(NamedTuple):
    """An accepted exchange of the dialog."""

    number: int
    "Which of the accepted offers, from 1."
    exchange: Exchange
    begin: int
    "When it was offered, ns."
    after: int
    "When the exchange before it was answered."
    tells: bool
    "It says something new of the stream."


def offers_of(whole: Evidence) -> tuple[list[tuple[str, Evidence]], int]:
    """Each exchange that tells something, with what it is called, and how many more there are.

    None where the first is the only one.
    """
    exchanges = whole.facts.exchanges if whole.facts is not None else []
    first = whole.exchange
    if len(exchanges) < 2 or first is None or first.offer is None or first.answer is None or whole.set_up_unseen:
        return [], 0
    steps = _steps(first, exchanges)
    telling = sum(step.tells for step in steps)
    if telling < 2:
        return [], 0
    found: list[tuple[str, Evidence]] = []
    for number, step in enumerate(steps):
        if not step.tells or len(found) >= MAX_OFFERS:
            continue
        until = next((each.begin for each in steps[number + 1 :] if each.tells or _ends(each.exchange)), _FOREVER)
        kind = LaterOffer if number else FirstOffer
        found.append((_name(step), kind(whole, step.exchange, step.begin, step.after, until)))
    return found, telling - len(found)


def _name(step: _Step) -> str:
    ordinal = f"{_ORDINALS[step.number - 1]} offer" if step.number <= len(_ORDINALS) else f"offer {step.number}"
    offer = step.exchange.offer
    return f"{ordinal} (frame {', '.join(map(str, offer.message.frames))})" if offer is not None else ordinal


def _steps(first: Exchange, exchanges: Sequence[Exchange]) -> list[_Step]:
    """The exchanges of the dialog that were accepted, from the first on."""
    known: dict[str, set[Key]] = {}
    found: list[_Step] = []
    after = 0
    for each in exchanges:
        if each.offer is None or each.answer is None or (each is not first and not _follows(each, first)):
            continue
        tells = False
        for part, copies in ((each.offer, each.offer_copies), (each.answer, each.answer_copies)):
            keys = _keys(part, copies)
            mine = known.setdefault(_sender(part), set())
            if keys and not keys <= mine:
                tells = True
                known[_sender(part)] = keys
        tells = (tells and not _ends(each)) or each is first
        found.append(_Step(len(found) + 1, each, each.offer.message.time, after, tells))
        after = each.answer.message.time
    return found


def _follows(each: Exchange, first: Exchange) -> bool:
    """A later exchange of the same dialog that was accepted."""
    if not each.confirmed or each.rejected or each.offer is None or first.offer is None:
        return False
    return each.tags == first.tags and each.offer.message.time > first.offer.message.time


def _ends(exchange: Exchange) -> bool:
    """Without this stream, or with port 0 for it: nothing is set up (RFC 3264 section 8.2)."""
    parts = [msrp_of(part) for part in (exchange.offer, exchange.answer) if part is not None]
    return any(part is None or not part.end.port for part in parts)


def _keys(part: Described, copies: Sequence[Described]) -> set[Key]:
    """What one side says of the stream, on every hop; empty while it holds the session."""
    ends = [found.end for found in map(msrp_of, (part, *copies)) if found is not None]
    return {(end.address, end.port, end.protocol, end.path, end.cema) for end in ends if end.address not in _HELD}


def _sender(part: Described) -> str:
    sip = part.message.decoded
    tag: str = sip.from_tag if sip.is_request else sip.to_tag
    return tag


# ------------------------------------------------------------------ one exchange as rules see it


class FirstOffer(Evidence):
    """What set the stream up, until another offer changed it."""

    def __init__(self, whole: Evidence, exchange: Exchange, begin: int, after: int, until: int) -> None:
        super().__init__(_with(whole, exchange), whole.nodes, whole.scope, whole.profile)
        self._whole = whole
        self._exchange = exchange
        self._begin = begin
        self._after = after
        self._until = until

    @lazy
    def exchange(self) -> Exchange | None:
        """This one."""
        return self._exchange

    @lazy
    def set_up_unseen(self) -> bool:
        """Both of its descriptions were captured."""
        return False

    @lazy
    def clocks(self) -> tuple[Apart, ...]:
        """Those of the session."""
        return self._whole.clocks

    @lazy
    def _ordered(self) -> bool:
        """One clock timed SIP, H.248 and TCP."""
        return self.scope.one_clock and not self.clocks

    @lazy
    def orders(self) -> list[Order]:
        """The commands until the next offer; all where clocks cannot tell."""
        found = super().orders
        return [each for each in found if _time(each) < self._until] if self._ordered else found

    @lazy
    def connection_parts(self) -> list[ConnectionPart]:
        """The connections begun until the next offer; all where clocks cannot tell."""
        found = super().connection_parts
        if not self._ordered:
            return found
        return [part for part in found if part.connection.started < self._until - EARLY_NS]

    @lazy
    def parties(self) -> Parties:
        """The two ends, without what was sent by the paths of other exchanges."""
        return Parties(self.session, self.exchange, self.connection, self._paths_of_others)

    @lazy
    def _paths_of_others(self) -> frozenset[str]:
        """URIs that other offers and answers gave, and this one does not."""
        facts = self._whole.facts
        own = self.exchange
        others: set[str] = set()
        mine: set[str] = set()
        for each in facts.exchanges if facts is not None else ():
            is_own = own is not None and each.offer is own.offer
            for _, part in each.parts():
                (mine if is_own else others).update(end.path[-1] for end in part.ends if end.path)
        return frozenset(others - mine)


class LaterOffer(FirstOffer):
    """An offer that changed what was there, its answer, and the commands and connections that followed."""

    is_later = True

    @lazy
    def orders(self) -> list[Order]:
        """The commands for this exchange: an MRFC that offers asks its MRFP before."""
        found = super().orders
        if not self._ordered:
            return found
        since = self._after if self.side is Side.OFFERS else self._begin - EARLY_NS
        return [each for each in found if _time(each) >= since]

    @lazy
    def _before(self) -> list[Order]:
        """The commands before those, the latest first."""
        own = {id(each.pair) for each in self.orders}
        life = self.mrfp
        whole = orders(life) if life is not None else []
        return [each for each in reversed(whole) if id(each.pair) not in own and _time(each) < self._until]

    @lazy
    def connection_parts(self) -> list[ConnectionPart]:
        """The connections begun after this offer: one that was there before follows another."""
        if not self._ordered:
            return []
        return [part for part in super().connection_parts if part.connection.started >= self._begin - EARLY_NS]

    @lazy
    def reserve(self) -> Order | None:
        """The command that asked for the MRFP's end anew, if one did."""
        return next((each for each in self.orders if each.local is not None and not each.local.is_empty), None)

    @lazy
    def configure(self) -> Order | None:
        """The command that gave the MRFP the UE's end, else that which did so before this offer."""
        since = self.answer.time - EARLY_NS if self.side is Side.OFFERS and self.answer is not None else 0
        found = [each for each in self.orders if _has_remote(each) and _time(each) >= since]
        path = self.theirs.end.path if self.theirs is not None else ()
        for each in found:
            if each.remote is not None and each.remote.path == path:
                return each
        earlier = (each for each in [*self.orders[::-1], *self._before] if _has_remote(each) and each not in found)
        return next(iter(found), None) or next(earlier, None)

    @lazy
    def allocated(self) -> Order | None:
        """The command whose reply gave the MRFP's end as it was when the MRFC described it."""
        described = self.ours.time if self.ours is not None else _FOREVER
        found = [each for each in [*self.orders[::-1], *self._before] if _gives_path(each)]
        known = (each for each in found if each.reply is not None and each.reply.time <= described + EARLY_NS)
        return next(known, None) or next(iter(found), None)

    @lazy
    def end_before(self) -> MediaEnd | None:
        """The MRFP's end as it was before this offer."""
        order = next((each for each in self._before if _gives_path(each)), None)
        return order.replied_local.end if order is not None and order.replied_local is not None else None

    @lazy
    def cema_before(self) -> bool:
        """CEMA was agreed by the first exchange."""
        offer, answer = self._whole.offer, self._whole.answer
        return offer is not None and answer is not None and offer.end.cema and answer.end.cema

    def keeps(self, order: Order) -> bool:
        """No command for this exchange says otherwise, so this one from before stays in force.

        What the MRFC told of the UE's end before it offered is of the answer before.
        """
        of_before = self.side is Side.OFFERS and _has_remote(order) and _time(order) < self._begin
        return of_before or not any(each is order for each in self.orders)

    def unseen_change(self, order: Order) -> str:
        """Why a command that changed what `order` says may have escaped the capture."""
        if not self._ordered:
            return "the capture joins several interfaces, whose clocks may differ"
        if self.orders_incomplete or self._acted_on:
            return self.orders_incomplete or self._acted_on
        return self._unseen_command if self.keeps(order) else ""

    @lazy
    def _unseen_command(self) -> str:
        """Why there may have been a command for this exchange although the capture holds none."""
        life, answer = self.mrfp, self.answer
        if life is None or answer is None:
            return "no H.248 about this session in the capture"
        lost = [] if self.facts is None else missing_sip(self.facts)
        lost += missing_h248(self.session.terminations) + missing_tcp(self.session.connections)
        if lost:
            return f"packets of this session are not in the capture: {lost[0]}"
        if self.released is not None and self.released < answer.time + SOON_NS:
            return "the session ended soon after the answer"
        if life.ended is None:
            return "H.248 of its termination is not in the capture until its end"
        return ""

    @lazy
    def _acted_on(self) -> str:
        """What the MRFP did that only such a command brings about."""
        if any(self.opener(part.connection) == "MRFP" for part in self.connection_parts):
            return "the MRFP connects anew: the command for it was not captured"
        theirs = self.theirs.end.path[-1] if self.theirs is not None and self.theirs.end.path else ""
        ours = self.ours.end.path[-1] if self.ours is not None and self.ours.end.path else ""
        for view in self._whole.msrp:  # on a connection of before, too
            if view.mrfp is None:
                continue
            sent = view.sent(view.mrfp)
            if theirs in self._new_paths and any(text.endswith(theirs) for text, _ in sent.request_paths):
                return "the MRFP sends to the new path: the command that gave it was not captured"
            if ours in self._new_paths and (any(text == ours for text, _ in sent.from_paths) or _takes(view, ours)):
                return "the MRFP has the new path: the command for it was not captured"
        return ""

    @lazy
    def _new_paths(self) -> set[str]:
        """URIs of this exchange that no command captured before it gave."""
        announced = [each for each in (self.offer, self.answer) if each is not None]
        given = {uri for order in self._before for uri in _uris(order)}
        return {each.end.path[-1] for each in announced if each.end.path} - given


def _uris(order: Order) -> list[str]:
    return [uri for each in (order.replied_local, order.remote) if each is not None for uri in each.path[-1:]]


def _takes(view: MsrpView, uri: str) -> bool:
    """The MRFP answers requests to this URI of its own, and refuses none."""
    mrfp = 1 if view.mrfp else 0
    asked = any(text.endswith(uri) for text, _ in view.sent(1 - mrfp).request_paths)
    refuses = any(each.kind == "error-response" and each.direction == mrfp for each in view.session.observations)
    return asked and bool(view.sent(mrfp).response_paths) and not refuses


def _with(whole: Evidence, exchange: Exchange) -> Session:
    """The session as if this were its only exchange."""
    session = whole.session
    call = session.call.seen_with([exchange]) if session.call is not None else None
    first = exchange is whole.exchange
    # Another leg is known by what set it up.
    return replace(session, call=call, other_legs=session.other_legs if first else [], findings=[], results={})


def _time(order: Order) -> int:
    message = order.request or order.reply
    return message.time if message is not None else 0


def _has_remote(order: Order) -> bool:
    return order.remote is not None and not order.remote.is_empty


def _gives_path(order: Order) -> bool:
    local = order.replied_local
    return local is not None and local.end is not None and bool(local.end.path)
