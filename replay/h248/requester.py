"""Requests of ours: repeated over UDP until a reply comes or T-MAX is over (H.248.1 Annex D.1.4 and D.1.5)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat
from typing import Any

from dissectors.h248 import TransactionReply
from replay.agenda import Agenda, Named
from replay.events import Wish
from replay.h248.outcome import Answered, GaveUp
from replay.h248.route import Route, TcpRoute, UdpRoute
from replay.h248.timers import Timers


@dataclass(slots=True)
class _Open:
    """A request that waits for its reply."""

    route: Route
    octets: bytes
    topic: Any
    gives_up_at: float
    waits: Iterator[float]
    pendings: int = 0


class Requester:
    """The requests of one node that wait for a reply."""

    def __init__(self, timers: Timers, agenda: Agenda[Named], max_open: int) -> None:
        self._timers = timers
        self._agenda = agenda
        self._max_open = max_open
        self._open: dict[int, _Open] = {}

    def __len__(self) -> int:
        return len(self._open)

    def send(self, number: int, route: Route, octets: bytes, topic: Any, now: float) -> Wish:
        """Send a request. ValueError when it is too long for the way, or too many wait for a reply."""
        if len(self._open) >= self._max_open:
            raise ValueError("too many requests wait for a reply")
        wish = route.carry(octets)
        waits = self._timers.waits()
        self._open[number] = _Open(route, octets, topic, now + self._timers.give_up, waits)
        wait = next(waits) if isinstance(route, UdpRoute) else self._timers.give_up
        self._agenda.put(("request", number), now + wait)
        return wish

    def close(self, number: int) -> Any:
        """Do not wait for this reply any more; returns the topic of the request."""
        self._agenda.drop(("request", number))
        entry = self._open.pop(number, None)
        return entry.topic if entry is not None else None

    def receive_reply(self, route: Route, mid: str, version: int, reply: TransactionReply) -> Answered | None:
        """The request that this is the reply to, if we wait for it."""
        if self._find(route, reply.transaction_id) is None:
            return None
        return Answered(reply.transaction_id, reply, self.close(reply.transaction_id), mid, version)

    def receive_pending(self, route: Route, number: int, now: float) -> GaveUp | None:
        """The peer is still at it: wait longer (Annex D.1.4)."""
        entry = self._find(route, number)
        if entry is None:
            return None
        entry.pendings += 1
        if entry.pendings > self._timers.pending_limit:
            return GaveUp(number, self.close(number), "too many pendings")
        entry.gives_up_at = now + self._timers.after_pending + self._timers.give_up
        entry.waits = repeat(self._timers.after_pending)
        self._agenda.put(("request", number), now + self._timers.after_pending)
        return None

    def expire(self, number: int, now: float) -> GaveUp | Wish:
        """It is time to repeat a request, or to give it up."""
        entry = self._open[number]
        if now >= entry.gives_up_at:
            return GaveUp(number, self.close(number), "no reply")
        repeats = isinstance(entry.route, UdpRoute)
        at = min(now + next(entry.waits), entry.gives_up_at) if repeats else entry.gives_up_at
        self._agenda.put(("request", number), at)
        return entry.route.carry(entry.octets)

    def lose(self, connection: int) -> list[GaveUp]:
        """A connection is gone: what was asked over it is not answered any more."""
        lost = [
            number
            for number, each in self._open.items()
            if isinstance(each.route, TcpRoute) and each.route.connection == connection
        ]
        return [GaveUp(number, self.close(number), "connection lost") for number in lost]

    def _find(self, route: Route, number: int) -> _Open | None:
        """The open request, if its answer may come this way: over UDP from any port of the peer."""
        entry = self._open.get(number)
        if entry is None or type(entry.route) is not type(route):
            return None
        if isinstance(route, TcpRoute):
            return entry if entry.route == route else None
        return entry if entry.route.peer_address == route.peer_address else None
