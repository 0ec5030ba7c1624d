"""Who has the best right to a termination or a connection that several sessions announced.

A UE calls again within seconds from the same address and port, and a gateway uses its ports again: then the ends alone
do not say whose connection it is. Each connection without MSRP session-ids (refused, unanswered, silent, TLS) goes to
the one call or termination with the best claim, whoever is handed out first. In order of weight:

1. the session lives when the connection begins (one clock): what is over gets nothing that begins later;
2. both ends are announced, before one end and both addresses, before the place in `a=path`;
3. it was announced before the connection began;
4. the announcement (offer, answer, Add, Modify) has brought about no connection yet;
5. of several that were announced at once the first, as a gateway opens connections in the order in which it is told;
   else the latest.

A claim rests on what was announced before the connection began, so that it is the same whether sessions are handed
out early or at the end of the capture (decision 26).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from analyzer.conversations.connection import Connection
from analyzer.conversations.h248_terminations import Termination
from analyzer.conversations.media import MediaEnd, Place
from analyzer.conversations.sip_call import SipCall
from analyzer.correlate.announcements import (
    ANNOUNCING,
    DISCARD,
    MAX_PAIRED,
    AnnouncementTable,
    Announcer,
    path_elsewhere,
    path_key,
)
from analyzer.correlate.index import EndIndex, pair_key
from analyzer.correlate.legs import LegTable
from analyzer.evidence.scope import Scope

SLACK_NS = 10_000_000_000
"How far apart in time signalling and media of one session may lie."
TOLERANCE_NS = 2_000_000
"Packets may be captured up to a millisecond out of order, so two of them may seem exchanged by twice that."
AT_ONCE_NS = 1_000_000_000
"Announcements so short before a connection are of one time."
MAX_UNKNOWN = 16
"Where more connections than these go to one announced place, that says of none whose it is."
MAX_ORDERS = 32
"Commands of a termination, the last ones, among which the one is looked for that brought a connection about."
MAX_IDS = 16
"Session-ids of one owner by which its other connections are looked for."

PLACE, PATH, ONE_END, BOTH_ENDS = range(4)
"How a connection fits: where it goes to alone, the place in `a=path`, one end and both addresses, both ends."

Rank = tuple[int, ...]


@dataclass(slots=True)
class _Claim:
    """What speaks for one owner."""

    owner: Announcer
    moment: int
    "When that began which is claimed."
    fits: set[str] = field(default_factory=set)
    since: int = 0
    "The latest announcement before that moment, else the first after it."
    lives: dict[int, Termination] = field(default_factory=dict)

    def note(self, fit: str, time: int, announcer: Announcer) -> None:
        """One announcement; those before the moment come first, the latest of them ahead."""
        if not self.since or self.since < time <= self.moment:
            self.since = time
        self.fits.add(fit)
        if isinstance(announcer, Termination):
            self.lives[id(announcer)] = announcer

    @property
    def how(self) -> int:
        return how(self.fits)


def how(fits: set[str]) -> int:
    """How well a connection fits whose keys of these kinds were announced."""
    if {"target", "source"} <= fits:
        return BOTH_ENDS
    return PATH if fits == {"path"} else ONE_END


class ClaimTable:
    """What open calls and terminations have a right to."""

    def __init__(self, legs: LegTable, scope: Scope, connections: EndIndex[Connection]) -> None:
        self.announcements = AnnouncementTable()
        self._legs = legs
        self._scope = scope
        self._connections = connections
        self._taken: set[int] = set()
        self._undecided: dict[tuple[str, int], dict[int, Connection]] = {}
        "Connections by the keys of their ends, until their owner is looked for."
        self._unknown: dict[Place, dict[int, Connection]] = {}
        "Connections that nobody owns, by where they go to."
        self._owned: dict[int, dict[int, tuple[Connection, int]]] = {}
        self._owners: dict[int, SipCall | None] = {}
        "Whom terminations serve, as long as nobody announces anything new."
        self._owners_by = -1
        self._served: dict[int, int] = {}
        "When the last connection of an owner began."

    def add(self, connection: Connection) -> None:
        """Take a connection; one that carries MSRP tells by its session-ids whose it is."""
        if connection.sessions or connection.protocol not in ("", "tls"):
            return
        self._taken.add(id(connection))
        for _, key in _keys_of(connection):
            self._undecided.setdefault(key, {})[id(connection)] = connection
        self._unknown.setdefault(_target(connection), {})[id(connection)] = connection

    def remove(self, connection: Connection) -> None:
        """It is handed out."""
        if id(connection) not in self._taken:
            return
        self._taken.discard(id(connection))
        for _, key in _keys_of(connection):
            _drop(self._undecided, key, connection)
        _drop(self._unknown, _target(connection), connection)

    def release(self, announcer: Announcer) -> None:
        """A call or termination was handed out."""
        self.announcements.remove(announcer)
        self._owned.pop(id(announcer), None)
        self._owners.pop(id(announcer), None)
        self._served.pop(id(announcer), None)

    @property
    def _slack(self) -> int:
        """How long after its end a session may still begin something: that is what clocks differ by."""
        return TOLERANCE_NS if self._scope.one_clock else SLACK_NS

    # ------------------------------------------------------------------ connections

    def owned(self, announcers: Sequence[Announcer], ends: Sequence[MediaEnd]) -> list[tuple[Connection, int]]:
        """The connections of a session, and how each fits; what else is at its ends is given to its owner too."""
        found: dict[int, tuple[Connection, int]] = {}
        if self._undecided:
            keys = set(_keys_of_ends(ends))
            fitting = {at: each for key in keys for at, each in self._undecided.get(key, {}).items()}
            for connection in sorted(fitting.values(), key=lambda each: (each.started, each.name)):
                if not self._decide(connection) and self._is_near(announcers[0], connection):
                    # No call and no termination knows both addresses, only the session as a whole does.
                    found[id(connection)] = connection, how({fit for fit, key in _keys_of(connection) if key in keys})
        for announcer in announcers:
            found |= self._owned.pop(id(announcer), {})
        return list(found.values())

    def unknown(self, announcers: Sequence[Announcer], ends: Sequence[MediaEnd]) -> list[Connection]:
        """Connections from elsewhere to a place that this session alone announced; of several clients none."""
        if not self._unknown:
            return []
        mine = {id(each) for each in announcers}
        found: list[Connection] = []
        for place in {(end.address, end.port) for end in ends if end.address and end.port}:
            there = self._unknown.get(place, {})
            for connection in list(there.values()) if len(there) <= MAX_UNKNOWN else ():
                if not self._is_near(announcers[0], connection):
                    continue
                if self._is_alone(mine, connection):
                    found.append(connection)
                else:
                    _drop(self._unknown, place, connection)  # nor does it belong to whoever asks last
        return found if len({each.client.src_ip for each in found}) == 1 else []

    def _is_alone(self, mine: set[int], connection: Connection) -> bool:
        known = self.announcements.at(_target(connection), connection.started, SLACK_NS)
        return all(id(other) in mine for _, other in known if self._is_near(other, connection))

    def _decide(self, connection: Connection) -> bool:
        """Give a connection to the best of all that announced its ends; False where nobody did."""
        claims: dict[int, _Claim] = {}
        for fit, key in _keys_of(connection):
            for time, announcer in self.announcements.at(key, connection.started + TOLERANCE_NS, SLACK_NS):
                owner = self._session_of(announcer)
                claim = claims.setdefault(id(owner), _Claim(owner, connection.started + TOLERANCE_NS))
                claim.note(fit, _latest_order(announcer, claim.moment, time), announcer)
        for _, key in _keys_of(connection):
            _drop(self._undecided, key, connection)
        best = self._best([each for each in claims.values() if self._is_near(each.owner, connection, each)])
        if claims:
            _drop(self._unknown, _target(connection), connection)
        if best is not None:
            self._owned.setdefault(id(best.owner), {})[id(connection)] = connection, best.how
            self._served[id(best.owner)] = connection.started
        return bool(claims)

    def _is_near(self, owner: Announcer, connection: Connection, claim: _Claim | None = None) -> bool:
        """Can the connection be of this session as far as time tells?"""
        over = _over(owner, claim)
        if over is not None and connection.started > over + self._slack:
            return False
        first = _first(owner)
        if connection.started >= first - SLACK_NS:
            return True
        return connection.last >= first - SLACK_NS and not self.announcements.said(owner).begun

    def _best(self, claims: list[_Claim]) -> _Claim | None:
        if len(claims) < 2:
            return claims[0] if claims else None
        ranked = [(self._rank(each), each) for each in claims]
        rank, best = max(ranked, key=lambda each: each[0])
        legs = self._legs.others(best.owner.call_id) if isinstance(best.owner, SipCall) else {}
        for other, claim in ranked:
            # Legs of one call may announce the same ends: then the first has them, as it is handed out first.
            if other[:3] == rank[:3] and isinstance(claim.owner, SipCall) and claim.owner.call_id in legs:
                best = min(best, claim, key=lambda each: (_first(each.owner), getattr(each.owner, "call_id", "")))
        return best

    def _rank(self, claim: _Claim) -> Rank:
        moment = claim.moment
        first, over = _first(claim.owner), _over(claim.owner, claim)
        outside = max(first - moment, moment - over if over is not None else 0, 0)
        inside = not (outside and self._scope.one_clock)
        age = moment - claim.since
        at_once = 0 <= age <= AT_ONCE_NS
        is_new = not self._is_served(claim)
        return (inside, claim.how, -outside, age >= 0, is_new, at_once, age if at_once else -abs(age))

    def _is_served(self, claim: _Claim) -> bool:
        """Has its latest announcement brought about a connection before?"""
        if self._served.get(id(claim.owner), -1) >= claim.since:
            return True
        for session_id in islice(sorted(self.announcements.said(claim.owner).session_ids), MAX_IDS):
            for connection in self._connections.by_session_id(session_id):
                if claim.since <= connection.started < claim.moment:
                    return True
        return False

    # ------------------------------------------------------------------ terminations and session-ids

    def owner_of(self, life: Termination) -> SipCall | None:
        """The call that a termination serves, by what both announced."""
        if self._owners_by != self.announcements.version():
            self._owners.clear()
            self._owners_by = self.announcements.version()
        owner = self._owners.get(id(life))
        is_stale = id(life) not in self._owners if owner is None else not self.announcements.knows(owner)
        if is_stale:
            owner = self._owners[id(life)] = self._find_owner(life)
        return owner

    def _find_owner(self, life: Termination) -> SipCall | None:
        ends = life.ends()
        ranked: list[tuple[Rank, SipCall]] = []
        for call, since in self._calls_at(ends, life.started + TOLERANCE_NS).values():
            sides, by_id = self._sides(call, ends)
            over = _over(call)
            late = life.started - over if over is not None else 0
            if sides and (by_id or late <= self._slack):
                outside = max(late, call.first - life.started)
                age = life.started + TOLERANCE_NS - since
                ranked.append(((sides, -outside if outside > TOLERANCE_NS else 0, age >= 0, -abs(age)), call))
        if not ranked:
            return None
        rank, best = max(ranked, key=lambda each: each[0])
        legs = self._legs.others(best.call_id) if len(ranked) > 1 else {}
        equal = [call for other, call in ranked if other[:2] == rank[:2] and call.call_id in legs]
        return min([best, *equal], key=lambda each: (each.first, each.call_id))

    def _calls_at(self, ends: list[tuple[str, MediaEnd]], moment: int) -> dict[int, tuple[SipCall, int]]:
        """The calls that announced one of these ends, each with its latest announcement before a moment."""
        found: dict[int, tuple[SipCall, int]] = {}
        for _, end in islice(ends, MAX_IDS):
            place = (end.address, end.port)
            for key in (end.session_id, place if end.address and end.port not in (0, DISCARD) else ""):
                for time, announcer in self.announcements.at(key, moment, SLACK_NS) if key else ():
                    if isinstance(announcer, SipCall):
                        found.setdefault(id(announcer), (announcer, time))
        return found

    def _sides(self, call: SipCall, ends: list[tuple[str, MediaEnd]]) -> tuple[int, bool]:
        """How many of Local and Remote are ends of a call, doubled, and one less where only the session-id is its."""
        said = self.announcements.said(call)
        best = {"local": 0, "remote": 0}
        by_id = False
        for side, end in ends:
            place = (end.address, end.port)
            if end.session_id and end.session_id in said.session_ids:
                by_id = True
                best[side] = max(best[side], 2 if place in said.places or not (end.address and end.port) else 1)
            elif place in said.places and (not end.session_id or place in said.bare_places):
                best[side] = 2
        return sum(best.values()), by_id

    def may_have(self, call: SipCall, life: Termination) -> bool:
        """Has no other call a better right to this termination?"""
        return self.owner_of(life) is call

    def has_both(self, session_ids: tuple[str, str], announcers: Sequence[Announcer]) -> bool:
        """Did another session announce both session-ids of a connection?"""
        mine = {id(each) for each in announcers}
        one, other = (
            {id(each) for each in self._sessions_with(session_id) if id(each) not in mine} for session_id in session_ids
        )
        return bool(one & other)

    def _sessions_with(self, session_id: str) -> Iterator[Announcer]:
        for _, announcer in self.announcements.at(session_id, 1 << 62, 0):
            yield self._session_of(announcer)

    def _session_of(self, announcer: Announcer) -> Announcer:
        """The call that a termination serves, or the termination by itself."""
        return (self.owner_of(announcer) or announcer) if isinstance(announcer, Termination) else announcer


def _latest_order(announcer: Announcer, moment: int, time: int) -> int:
    """When a termination was last told to do something before a moment: a Modify with signals announces nothing."""
    if isinstance(announcer, Termination):
        for pair in islice(reversed(announcer.pairs), MAX_ORDERS):
            if pair.command.name in ANNOUNCING and time < pair.transaction.first <= moment:
                return pair.transaction.first
    return time


def _first(owner: Announcer) -> int:
    return owner.first if isinstance(owner, SipCall) else owner.started


def _over(owner: Announcer, claim: _Claim | None = None) -> int | None:
    """When a session was over: by BYE or refusal, else with the Subtract of all its terminations."""
    if isinstance(owner, Termination):
        return owner.ended
    if owner.over:
        return owner.over_at if owner.over_at is not None else owner.last
    ended = [life.ended for life in claim.lives.values()] if claim is not None else []
    times = [each for each in ended if each is not None]
    return max(times) if times and len(times) == len(ended) else None


def _keys_of(connection: Connection) -> tuple[tuple[str, tuple[str, int]], ...]:
    flow = connection.client
    return (
        ("target", pair_key(flow.src_ip, flow.dst_ip, flow.dport)),
        ("source", pair_key(flow.dst_ip, flow.src_ip, flow.sport)),
        ("path", path_key(flow.src_ip, (flow.dst_ip, flow.dport))),
    )


def _keys_of_ends(ends: Sequence[MediaEnd]) -> Iterator[tuple[str, int]]:
    """The keys of connections between two of these ends, or from one to the place of a path."""
    addresses = list(dict.fromkeys(end.address for end in ends if end.address))[:MAX_PAIRED]
    places = dict.fromkeys((end.address, end.port) for end in ends if end.address and end.port not in (0, DISCARD))
    paths = {path_elsewhere(end) for end in ends}
    for address in addresses:
        yield from (pair_key(address, *place) for place in places if place[0] != address)
        yield from (path_key(address, place) for place in paths if place is not None)


def _target(connection: Connection) -> Place:
    return connection.client.dst_ip, connection.client.dport


def _drop(table: dict[tuple[str, int], dict[int, Connection]], key: tuple[str, int], connection: Connection) -> None:
    found = table.get(key)
    if found is not None:
        found.pop(id(connection), None)
        if not found:
            del table[key]
