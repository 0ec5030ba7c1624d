"""Who announced which media end, and when: calls and terminations by MSRP session-id, by place, and by pair of ends.

Only where several may be meant is this asked for, and until then nothing is read: the table notes who has news, and
takes in what they say when the first question comes. Each message is read once.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from dataclasses import dataclass, field

from analyzer.conversations.h248_terminations import Termination
from analyzer.conversations.h248_transactions import CommandPair
from analyzer.conversations.media import MediaEnd, Place, announced_ends, first_end, place_of
from analyzer.conversations.offer_answer import CARRIERS
from analyzer.conversations.sip_call import SipCall
from analyzer.correlate.index import pair_key
from analyzer.internal import log_error
from analyzer.model import Message
from dissectors.h248 import CommandName

Announcer = SipCall | Termination
Key = str | tuple[str, int]
"""A session-id, an address and port, or a pair of ends (`pair_key`, `path_key`)."""

DISCARD = 9
"The port that an active end announces when it does not know its own (RFC 4145 section 4.1)."
MAX_PAIRED = 16
"Addresses of one announcer that are combined with each other."
LOOKED_BACK = 32
"Announcements before a moment that are looked at."
LOOKED_AHEAD = 8
"And after it, where the clocks of two captures may differ."
ANNOUNCING = frozenset({CommandName.ADD, CommandName.MOVE, CommandName.MODIFY})


@dataclass(slots=True)
class Said:
    """What one announcer has said so far."""

    begun: bool = False
    "The capture holds its beginning: the INVITE that opened the call, or the Add."
    session_ids: set[str] = field(default_factory=set)
    bare_places: set[Place] = field(default_factory=set)
    "Places that were announced without a session-id."
    places: dict[Place, list[int]] = field(default_factory=dict)
    "Every place, and when it was announced."
    _read: int = 0
    "Messages, or commands, that were read already."
    _copies: set[tuple[str, int, int, bytes]] = field(default_factory=set)
    _addresses: dict[str, None] = field(default_factory=dict)
    _paths: dict[Place, int] = field(default_factory=dict)
    "Where `a=path` points to, as far as that is another place."
    _current: list[MediaEnd] = field(default_factory=list)
    "What a termination serves until another command says otherwise."
    _entered: list[tuple[Key, int, int]] = field(default_factory=list)


class AnnouncementTable:
    """The announcements of all open calls and terminations."""

    def __init__(self) -> None:
        self._news: dict[int, Announcer] = {}
        self._said: dict[int, Said] = {}
        self._by_key: dict[Key, list[tuple[int, int, Announcer]]] = {}
        "In order of time; the number in the middle makes each different."
        self._count = 0

    def note(self, announcer: Announcer) -> None:
        """It may have said something new."""
        self._news[id(announcer)] = announcer

    def remove(self, announcer: Announcer) -> None:
        """It was handed out."""
        self._news.pop(id(announcer), None)
        said = self._said.pop(id(announcer), None)
        for key, time, number in said._entered if said is not None else ():
            found = self._by_key[key]
            del found[bisect_left(found, (time, number))]
            if not found:
                del self._by_key[key]

    def said(self, announcer: Announcer) -> Said:
        """What it announced."""
        self._take_in()
        return self._said.get(id(announcer)) or Said()

    def knows(self, announcer: Announcer) -> bool:
        """Is it here still?"""
        return id(announcer) in self._said

    def version(self) -> int:
        """Another number once anything new was announced."""
        self._take_in()
        return self._count

    def at(self, key: Key, moment: int, slack: int) -> Iterator[tuple[int, Announcer]]:
        """Who announced it: the latest before `moment` first, then those up to `slack` ns later."""
        self._take_in()
        found = self._by_key.get(key)
        if found is None:
            return
        middle = bisect_right(found, (moment + 1,))
        for time, _, announcer in reversed(found[max(0, middle - LOOKED_BACK) : middle]):
            yield time, announcer
        for time, _, announcer in found[middle : middle + LOOKED_AHEAD]:
            if time <= moment + slack:
                yield time, announcer

    def _take_in(self) -> None:
        if not self._news:
            return
        news, self._news = self._news, {}
        for key, announcer in news.items():
            said = self._said.setdefault(key, Said())
            try:
                if isinstance(announcer, SipCall):
                    self._read_call(announcer, said)
                else:
                    self._read_termination(announcer, said)
            except Exception as error:  # its own session says why; it claims nothing
                log_error("reading what is announced", error)

    def _read_call(self, call: SipCall, said: Said) -> None:
        fresh = call.messages[said._read :]
        said._read = len(call.messages)
        for message in fresh:
            sip = message.decoded
            if sip.is_request and sip.method == "INVITE" and not sip.to_tag:
                said.begun = True
            octets = _description(message, said)
            if octets is not None:
                self._enter(call, said, announced_ends(octets), message.time)

    def _read_termination(self, life: Termination, said: Said) -> None:
        said.begun = life.added
        fresh = life.pairs[said._read :]
        said._read = len(life.pairs)
        for pair in fresh:
            if pair.command.name in ANNOUNCING and pair.executed:
                said._current = _ends_of(pair) or said._current
                self._enter(life, said, said._current, pair.transaction.first)

    def _enter(self, announcer: Announcer, said: Said, ends: list[MediaEnd], time: int) -> None:
        """Enter what was announced at one time, each place also with every other address of the announcer."""
        places: set[Place] = set()
        for end in ends:
            if end.session_id:
                said.session_ids.add(end.session_id)
                self._put(end.session_id, time, announcer, said)
            if end.address:
                self._add_address(announcer, said, end.address)
                if end.port and end.port != DISCARD:
                    places.add((end.address, end.port))
                    if not end.session_id:
                        said.bare_places.add((end.address, end.port))
                    self._add_path(announcer, said, end, time)
        for place in places:
            said.places.setdefault(place, []).append(time)
            self._put(place, time, announcer, said)
            for address in said._addresses:
                if address != place[0]:
                    self._put(pair_key(address, *place), time, announcer, said)

    def _add_address(self, announcer: Announcer, said: Said, address: str) -> None:
        if address in said._addresses or len(said._addresses) >= MAX_PAIRED:
            return
        said._addresses[address] = None
        for place, times in said.places.items():
            for time in times if address != place[0] else ():
                self._put(pair_key(address, *place), time, announcer, said)
        for place, time in said._paths.items():
            self._put(path_key(address, place), time, announcer, said)

    def _add_path(self, announcer: Announcer, said: Said, end: MediaEnd, time: int) -> None:
        place = path_elsewhere(end)
        if place is not None and place not in said._paths:
            said._paths[place] = time
            for address in said._addresses:
                self._put(path_key(address, place), time, announcer, said)

    def _put(self, key: Key, time: int, announcer: Announcer, said: Said) -> None:
        self._count += 1
        insort(self._by_key.setdefault(key, []), (time, self._count, announcer))
        said._entered.append((key, time, self._count))


def path_elsewhere(end: MediaEnd) -> Place | None:
    """Where `a=path` points to, unless that is the place in `c=` and `m=`: somebody may try it all the same."""
    if not end.path or f"//{end.address}:{end.port}/" in end.path[0]:
        return None
    return place_of(end.path[0])


def path_key(client: str, place: Place) -> tuple[str, int]:
    """The key of a client beside the place in `a=path`."""
    return f"{client} > path {place[0]}", place[1]


def _description(message: Message, said: Said) -> bytes | None:
    """The offer or answer of a message; none where it was sent again or seen on another hop."""
    sip = message.decoded
    if sip.method not in CARRIERS or sip.status >= 300:
        return None
    octets: bytes | None = sip.sdp()
    if octets is None:
        return None
    copy = sip.method, sip.cseq, sip.status, octets
    if copy in said._copies:
        return None
    said._copies.add(copy)
    return octets


def _ends_of(pair: CommandPair) -> list[MediaEnd]:
    """The ends that Local and Remote name in a command and its reply."""
    found: list[MediaEnd] = []
    for command in (pair.request, pair.reply):
        streams = command.media.streams.values() if command is not None and command.media is not None else ()
        for stream in streams:
            for octets in (stream.local, stream.remote):
                end = first_end(octets) if octets else None
                if end is not None and ((end.address and end.port) or end.session_id):
                    found.append(end)
    return found
