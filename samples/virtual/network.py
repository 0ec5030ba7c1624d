"""A network in memory: it carries out what cores wish, at times of its own clock, and writes down what passes."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any
from zlib import crc32

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
    Listen,
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
from replay.keying import Chance
from replay.lab.functions import Function
from samples.virtual.tape import Tape
from samples.virtual.tls import Handshake

NEAR, FAR = 0.0011, 0.0042
"s from one function of the core network to another, and to or from a UE."
WORK = (0.0004, 0.0008)
"s that a function takes for an event: at least, and so much more at most."
SENT = (SendDatagram, Connect, Send, Secure, Close)
"Wishes that take time."
NEXT = 0.00004
"s from one thing that it sends to the next."


@dataclass(eq=False, slots=True)
class _Host:
    """One core, and what it has asked for."""

    core: Core
    addresses: frozenset[str]
    is_ue: bool
    timers: dict[str, int] = field(default_factory=dict)
    ready: float = 0.0
    "When it has done what it was told last."
    lines: dict[int, tuple[_Line, int]] = field(default_factory=dict)
    "By number of the connection; with the side it is on: 0 opened it."
    accepted: int = 0
    answers: int = 0
    "Events that had it send something."


@dataclass(eq=False, slots=True)
class _Line:
    """One TCP connection."""

    ends: tuple[Endpoint, Endpoint]
    hosts: tuple[_Host, _Host]
    numbers: list[int]
    tls: Handshake | None = None
    free: list[float] = field(default_factory=lambda: [0.0, 0.0])
    "When what a side sends now may arrive, after what it sent before."
    closed: list[bool] = field(default_factory=lambda: [False, False])


class Network:
    """Hosts and the lines between them; `run` lets time pass."""

    def __init__(self, tape: Tape, chance: Chance, tls: Mapping[str, Any]) -> None:
        """`tls` is what TLS has other than the usual (`samples.tls_psk.TlsParameters`)."""
        self._tls_parameters = tls
        self.now = 0.0
        self._tape = tape
        self._chance = chance
        self._hosts: dict[str, _Host] = {}
        self._udp: dict[Endpoint, _Host] = {}
        self._listening: dict[Endpoint, _Host] = {}
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._count = count()
        self._timer_count = count(1)
        self._ports = count(49_152)

    # ------------------------------------------------------------------ time

    def at(self, time: float, do: Callable[[], None]) -> None:
        """Have something done at a time."""
        heapq.heappush(self._queue, (max(time, self.now), next(self._count), do))

    def run(self, until: float) -> None:
        """Let time pass."""
        while self._queue and self._queue[0][0] <= until:
            self.now, _, do = heapq.heappop(self._queue)
            do()
        self.now = until

    # ------------------------------------------------------------------ hosts

    def add(self, function: Function, *, is_ue: bool = False) -> None:
        """A function comes up."""
        host = _Host(function.core, function.addresses, is_ue)
        self._hosts[function.core.name] = host
        self._udp |= dict.fromkeys(function.udp, host)
        self._do(host, function.core.start(self.now))

    def core(self, name: str) -> Core:
        """The core of a name."""
        return self._hosts[name].core

    def command(self, name: str, wishes: Sequence[Wish]) -> None:
        """Carry out what a command to a core gave."""
        self._do(self._hosts[name], wishes)

    def _tell(self, host: _Host, event: Event) -> None:
        self._do(host, host.core.receive(event, self.now))

    def _do(self, host: _Host, wishes: Sequence[Wish]) -> None:
        """What it takes no time to do is done; what is sent goes out once the work is done, in order."""
        ready = 0.0
        for wish in wishes:
            if isinstance(wish, SetTimer):
                number = host.timers[wish.timer] = next(self._timer_count)
                self.at(wish.at, partial(self._expire, host, wish.timer, number))
            elif isinstance(wish, StopTimer):
                host.timers.pop(wish.timer, None)
            elif isinstance(wish, Listen):
                self._listening[wish.local] = host
            elif isinstance(wish, Unlisten):
                self._listening.pop(wish.local, None)
            elif isinstance(wish, SENT):
                ready = ready + NEXT if ready else self._ready(host)
                host.ready = ready
                self.at(ready, partial(self._send, host, wish))

    def _ready(self, host: _Host) -> float:
        """When a function can send what an event has it send: not by chance, so that no other event changes it."""
        host.answers += 1
        least, more = WORK
        work = least + more * crc32(f"{host.core.name} {host.answers}".encode()) / (1 << 32)
        return max(host.ready + NEXT, self.now + work)

    def _expire(self, host: _Host, timer: str, number: int) -> None:
        if host.timers.get(timer) == number:
            del host.timers[timer]
            self._tell(host, Expired(timer))

    def _send(self, host: _Host, wish: Wish) -> None:
        if isinstance(wish, SendDatagram):
            self._send_datagram(host, wish)
        elif isinstance(wish, Connect):
            self._connect(host, wish)
        elif isinstance(wish, Send | Secure | Close):
            found = host.lines.get(wish.connection)
            if found is None:
                return
            line, side = found
            if isinstance(wish, Send):
                self._octets(line, side, wish.data)
            elif isinstance(wish, Secure):
                self._tls(line).wish(side, wish, self.now)
            else:
                self._close(line, side, wish)

    # ------------------------------------------------------------------ UDP

    def _send_datagram(self, host: _Host, wish: SendDatagram) -> None:
        self._tape.sent(wish.local, wish.peer, wish.data, self.now)
        other = self._udp.get(wish.peer)
        if other is not None:
            event = Datagram(wish.peer, wish.local, wish.data)
            self.at(self.now + _way(host, other), partial(self._tell, other, event))

    # ------------------------------------------------------------------ TCP

    def _connect(self, host: _Host, wish: Connect) -> None:
        local = (wish.local[0], wish.local[1] or next(self._ports))
        other = next((each for each in self._hosts.values() if wish.peer[0] in each.addresses), None)
        if other is None:
            return
        there = _way(host, other)
        if wish.peer not in self._listening:
            self._tape.turned_away(local, wish.peer, self.now, there)
            self.at(self.now + 2 * there, partial(self._tell, host, ConnectFailed(wish.connection, "refused")))
            return
        other.accepted -= 1
        line = _Line((local, wish.peer), (host, other), [wish.connection, other.accepted])
        self._tape.opened(local, wish.peer, self.now, there)
        line.free = [self.now + 3 * there, self.now + 2 * there]
        self.at(self.now + 2 * there, partial(self._up, line, 0))
        self.at(self.now + 3 * there, partial(self._up, line, 1))

    def _up(self, line: _Line, side: int) -> None:
        host, number = line.hosts[side], line.numbers[side]
        host.lines[number] = (line, side)
        ends = line.ends[side], line.ends[1 - side]
        self._tell(host, Accepted(number, *ends) if side else Connected(number, *ends))

    def _carry(self, line: _Line, side: int, octets: bytes, at: float) -> float:
        """Octets on the wire; returns when they have arrived."""
        there = _way(*line.hosts)
        at = max(at, line.free[side] - there)
        took = self._tape.carried(line.ends[side], line.ends[1 - side], octets, at, there)
        line.free[side] = at + took + there
        return line.free[side]

    def _octets(self, line: _Line, side: int, data: bytes) -> None:
        tls = line.tls
        if line.closed[side] or (tls is not None and side not in tls.is_up):
            return
        carried = data if tls is None else tls.protect(side, data)
        arrived = self._carry(line, side, carried, self.now)
        self.at(arrived, partial(self._deliver, line, 1 - side, Received(line.numbers[1 - side], data)))

    def _deliver(self, line: _Line, side: int, event: Event) -> None:
        if line.numbers[side] in line.hosts[side].lines:
            self._tell(line.hosts[side], event)

    def _close(self, line: _Line, side: int, wish: Close) -> None:
        if line.closed[side]:
            return
        tls = line.tls
        if tls is not None and side in tls.is_up and not (wish.abort or wish.silent):
            self._carry(line, side, tls.close_notify(side), self.now)
        self._end(line, side, reset=wish.abort)

    def _end(self, line: _Line, side: int, *, reset: bool = False) -> None:
        """FIN or RST of a side; the other one ends its own when it comes."""
        there = _way(*line.hosts)
        at = max(self.now, line.free[side] - there)
        line.closed[side] = True
        line.hosts[side].lines.pop(line.numbers[side], None)
        self._tape.closed(line.ends[side], line.ends[1 - side], at, there, reset=reset)
        line.free[side] = at + there
        if not line.closed[1 - side]:
            self.at(at + there, partial(self._ended, line, 1 - side, reset))

    def _ended(self, line: _Line, side: int, reset: bool) -> None:
        host, number, tls = line.hosts[side], line.numbers[side], line.tls
        if number not in host.lines:
            return
        if not reset:
            self._end(line, side)
        line.closed[side] = True
        host.lines.pop(number, None)
        if tls is not None and side in tls.wishes and side not in tls.is_up:
            self._tell(host, SecureFailed(number, "the connection ended within the handshake"))
        else:
            self._tell(host, Ended(number, reset))

    # ------------------------------------------------------------------ TLS

    def _tls(self, line: _Line) -> Handshake:
        if line.tls is None:
            parameters = {"client_random": self._chance(32), "server_random": self._chance(32), **self._tls_parameters}
            line.tls = Handshake(partial(self._carry, line), self.at, parameters, partial(self._secured, line))
        return line.tls

    def _secured(self, line: _Line, side: int, why: str, at: float) -> None:
        """A side's handshake is over, well or badly."""
        host, number = line.hosts[side], line.numbers[side]
        if number not in host.lines:
            return
        tls = line.tls
        assert tls is not None
        if not why:
            event: Event = Secured(number, tls.wishes[side].psk_identity)
        else:
            event = SecureFailed(number, why)
            self._end(line, side)
        self.at(at, partial(self._tell, host, event))


def _way(one: _Host, other: _Host) -> float:
    return FAR if one.is_ue or other.is_ue else NEAR
