"""A world without sockets for network functions of the lab: their wishes become each other's events, on a made clock.

Everything takes `DELAY`; datagrams can be lost on demand. TLS-PSK is up when both ends wish for it with one key and
different roles. What passed is kept in `wire`, decrypted.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count

from replay.events import (
    Accepted,
    Close,
    Connect,
    Connected,
    ConnectFailed,
    Core,
    Datagram,
    Ended,
    Endpoint,
    Event,
    Expired,
    Hold,
    Listen,
    Note,
    Received,
    Secure,
    Secured,
    SecureFailed,
    Send,
    SendDatagram,
    SetTimer,
    StopTimer,
    Unlisten,
    Wish,
)

CONNECT_TIMEOUT = 10.0
DELAY = 0.001
"s from a wish to the event at the other side."


@dataclass(frozen=True)
class Sent:
    """Octets that passed."""

    at: float
    source: str
    target: str
    kind: str
    "`udp`, `tcp` or `tls`."
    data: bytes


@dataclass
class _End:
    core: str
    number: int
    local: Endpoint
    peer: _End | None = None
    held: list[bytes] | None = None
    secure: Secure | None = None
    secured: bool = False
    closed: bool = False


@dataclass
class World:
    """Cores and what is between them."""

    lose: Callable[[SendDatagram], bool] = lambda wish: False
    "Which datagrams are lost."
    now: float = 0.0
    wire: list[Sent] = field(default_factory=list)
    notes: list[tuple[str, Note]] = field(default_factory=list)
    connects: list[tuple[float, str, str]] = field(default_factory=list)
    "When, who opened, towards whom."
    tls: list[tuple[float, str, str]] = field(default_factory=list)
    "When TLS was up, client, server."

    def __post_init__(self) -> None:
        self.cores: dict[str, Core] = {}
        self._udp: dict[Endpoint, str] = {}
        self._listening: dict[Endpoint, str] = {}
        self._deaf: dict[Endpoint, str] = {}
        self._ends: dict[tuple[str, int], _End] = {}
        self._queue: list[tuple[float, int, str, object]] = []
        self._order = count()
        self._timers: dict[tuple[str, str], float] = {}
        self._accepted: dict[str, int] = {}
        self._ports = count(40000)

    # ------------------------------------------------------------------ life

    def add(self, core: Core, *udp: Endpoint) -> None:
        """A core, and where it takes datagrams."""
        self.cores[core.name] = core
        for end in udp:
            self._udp[end] = core.name
        self.carry_out(core.name, core.start(self.now))

    def kill(self, name: str) -> None:
        """The process of a core is gone: connections are reset, nothing answers."""
        self.cores.pop(name)
        self._udp = {end: owner for end, owner in self._udp.items() if owner != name}
        self._listening = {end: owner for end, owner in self._listening.items() if owner != name}
        for (owner, _), end in list(self._ends.items()):
            if owner == name:
                self._finish(end, reset=True)

    def run(self, seconds: float = 1.0, until: Callable[[], bool] | None = None) -> bool:
        """Let time pass; True when `until` came true (or there is none)."""
        stop = self.now + seconds
        steps = 0
        while self._queue and self._queue[0][0] <= stop:
            if until is not None and until():
                return True
            at, _, name, what = heapq.heappop(self._queue)
            self.now = max(self.now, at)
            steps += 1
            assert steps < 1_000_000, "the world does not come to rest"
            self._happen(name, what)
        self.now = stop
        return until is None or until()

    def _happen(self, name: str, what: object) -> None:
        core = self.cores.get(name)
        if core is None:
            return
        if isinstance(what, Expired):
            if self._timers.get((name, what.timer)) != self.now:
                return
            del self._timers[name, what.timer]
        if isinstance(what, Received):
            end = self._ends.get((name, what.connection))
            if end is None:
                return
            if end.held is not None:
                end.held.append(what.data)
                return
        self.carry_out(name, core.receive(what, self.now))  # type: ignore[arg-type]

    def _tell(self, name: str, event: Event, delay: float = DELAY) -> None:
        heapq.heappush(self._queue, (self.now + delay, next(self._order), name, event))

    # ------------------------------------------------------------------ wishes

    def carry_out(self, name: str, wishes: Sequence[Wish]) -> None:
        """Do what a core wishes."""
        for wish in wishes:
            self._do(name, wish)

    def _do(self, name: str, wish: Wish) -> None:
        if isinstance(wish, SendDatagram):
            target = self._udp.get(wish.peer, "")
            self.wire.append(Sent(self.now, name, target, "udp", wish.data))
            if target and not self.lose(wish):
                self._tell(target, Datagram(wish.peer, wish.local, wish.data))
        elif isinstance(wish, SetTimer):
            self._timers[name, wish.timer] = max(wish.at, self.now)
            heapq.heappush(self._queue, (max(wish.at, self.now), next(self._order), name, Expired(wish.timer)))
        elif isinstance(wish, StopTimer):
            self._timers.pop((name, wish.timer), None)
        elif isinstance(wish, Listen):
            (self._deaf if wish.deaf else self._listening)[wish.local] = name
        elif isinstance(wish, Unlisten):
            self._listening.pop(wish.local, None)
        elif isinstance(wish, Connect):
            self._connect(name, wish)
        elif isinstance(wish, Note):
            self.notes.append((name, wish))
        else:
            end = self._ends.get((name, wish.connection))
            if end is None or end.closed:
                return
            if isinstance(wish, Send):
                self._send(end, wish.data)
            elif isinstance(wish, Close):
                self._finish(end, reset=wish.abort)
            elif isinstance(wish, Hold):
                end.held = []
            elif isinstance(wish, Secure):
                self._secure(end, wish)

    def _connect(self, name: str, wish: Connect) -> None:
        owner = self._listening.get(wish.peer)
        self.connects.append((self.now, name, owner or ""))
        if wish.peer in self._deaf:
            self._tell(name, ConnectFailed(wish.connection, "timeout"), CONNECT_TIMEOUT)
            return
        if owner is None:
            self._tell(name, ConnectFailed(wish.connection, "refused"))
            return
        local = (wish.local[0], wish.local[1] or next(self._ports))
        number = self._accepted[owner] = self._accepted.get(owner, 0) - 1
        ours, theirs = _End(name, wish.connection, local), _End(owner, number, wish.peer)
        ours.peer, theirs.peer = theirs, ours
        self._ends[name, wish.connection], self._ends[owner, number] = ours, theirs
        self._tell(owner, Accepted(number, wish.peer, local))
        self._tell(name, Connected(wish.connection, local, wish.peer), 2 * DELAY)

    def _send(self, end: _End, data: bytes) -> None:
        assert end.peer is not None
        if end.secure is not None and not end.secured:
            return  # what is sent before TLS is up would be lost; no core does
        self.wire.append(Sent(self.now, end.core, end.peer.core, "tls" if end.secured else "tcp", data))
        self._tell(end.peer.core, Received(end.peer.number, data))

    def _secure(self, end: _End, wish: Secure) -> None:
        end.secure = wish
        end.held = None
        peer = end.peer
        if peer is None or peer.secure is None:
            return
        other = peer.secure
        if other.psk == wish.psk and other.is_client != wish.is_client:
            for each in (end, peer):
                each.secured = True
                self._tell(each.core, Secured(each.number, wish.psk_identity or other.psk_identity), 3 * DELAY)
            client, server = (end, peer) if wish.is_client else (peer, end)
            self.tls.append((self.now, client.core, server.core))
            return
        for each in (end, peer):
            self._tell(each.core, SecureFailed(each.number, "alert decrypt_error"))
            each.closed = True
            del self._ends[each.core, each.number]

    def _finish(self, end: _End, *, reset: bool) -> None:
        for each in (end, end.peer):
            if each is not None and not each.closed:
                each.closed = True
                self._ends.pop((each.core, each.number), None)
                if each is not end or end.core in self.cores:
                    self._tell(each.core, Ended(each.number, reset), 2 * DELAY)
