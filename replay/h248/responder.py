"""Requests of peers: each is executed at most once (H.248.1 clause 8.1.1, Annex D.1.1 to D.1.4).

A repeated request gets the reply that was kept, or Pending while it is being executed. A reply after a Pending asks for
an acknowledgement over UDP, and is repeated until that comes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from dissectors.h248 import ContextAction, ErrorDescriptor, TransactionPending, TransactionReply
from dissectors.h248.model import Transaction
from replay.agenda import Agenda, Named
from replay.events import Note, Wish
from replay.h248.kept_replies import KeptReplies, Key
from replay.h248.outcome import Asked
from replay.h248.route import Route, UdpRoute
from replay.h248.timers import Timers

VERSIONS = range(1, 4)
"Of the protocol; another one in the header of a request is answered with error 406."
MAX_RUNNING = 4096
"Requests that are being executed at a time; further ones get error 510."
NO_ID = 0
"The id of a request without one (clause 8.2.1): its repetition cannot be told from another request."

Encode = Callable[[Transaction, str, int], bytes]
"""A message with one transaction, in this encoding and version: those in which the request came."""


@dataclass(slots=True)
class _Running:
    asked: Asked
    pending_sent: bool = False


@dataclass(slots=True)
class _Unacknowledged:
    route: Route
    octets: bytes
    gives_up_at: float
    waits: Iterator[float]


@dataclass(slots=True)
class Responder:
    """The requests of all peers of one node, and what they were answered."""

    encode: Encode
    timers: Timers
    agenda: Agenda[Named]
    kept: KeptReplies
    _running: dict[Key, _Running] = field(default_factory=dict)
    _unacknowledged: dict[Key, _Unacknowledged] = field(default_factory=dict)

    def receive(self, asked: Asked, now: float) -> tuple[Asked | None, list[Wish]]:
        """Take a request; it comes back when it is to be executed."""
        key = asked.key
        kept = self.kept.find(key, now)
        if kept is not None:
            return None, [asked.route.carry(kept)]
        running = self._running.get(key)
        if running is not None:
            return None, [self._pend(running)]
        if key[2] == NO_ID:
            return None, [self.refuse(asked, 403, "no transaction id")]
        if asked.version not in VERSIONS:
            return None, [self.refuse(asked, 406, "version not supported")]
        if len(self._running) >= MAX_RUNNING:
            return None, [self.refuse(asked, 510, "insufficient resources")]
        self._running[key] = _Running(asked)
        self.agenda.put(("running", key), now + self.timers.provisional)
        return asked, []

    def refuse(self, asked: Asked, code: int, text: str) -> Wish:
        """Answer a request that is not to be executed, without keeping the reply: strangers could fill the memory."""
        self._running.pop(asked.key, None)
        self.agenda.drop(("running", asked.key))
        return asked.route.carry(self._error(asked, code, text))

    def reply(
        self, asked: Asked, actions: list[ContextAction], now: float, error: ErrorDescriptor | None
    ) -> list[Wish]:
        """Answer a request that `receive` gave back."""
        key, route = asked.key, asked.route
        running = self._running.pop(key, None)
        self.agenda.drop(("running", key))
        wants_ack = running is not None and running.pending_sent and isinstance(route, UdpRoute)
        reply = TransactionReply(key[2], actions, wants_ack, error)
        octets, wishes = self._fitting(asked, reply)
        self.kept.keep(key, octets, now)
        if wants_ack:
            waits = self.timers.waits()
            self._unacknowledged[key] = _Unacknowledged(route, octets, now + self.timers.give_up, waits)
            self.agenda.put(("unacknowledged", key), now + next(waits))
        return wishes

    def acknowledge(self, address: str, mid: str, first: int, last: int) -> None:
        """The peer has these replies (TransactionResponseAck, clause 8.2.3)."""
        for number in range(first, last + 1):
            key = (address, mid, number)
            self.kept.drop(key)
            if self._unacknowledged.pop(key, None) is not None:
                self.agenda.drop(("unacknowledged", key))

    def expire_running(self, key: Key) -> Wish:
        """A request takes long: tell the peer that it is being executed."""
        return self._pend(self._running[key])

    def expire_unacknowledged(self, key: Key, now: float) -> Wish | None:
        """A reply was not acknowledged: send it again, until T-MAX is over."""
        entry = self._unacknowledged[key]
        if now >= entry.gives_up_at:
            del self._unacknowledged[key]
            return None
        self.agenda.put(("unacknowledged", key), min(now + next(entry.waits), entry.gives_up_at))
        return entry.route.carry(entry.octets)

    def _pend(self, running: _Running) -> Wish:
        running.pending_sent = True
        asked = running.asked
        return asked.route.carry(self._encode(asked, TransactionPending(asked.request.transaction_id)))

    def _fitting(self, asked: Asked, reply: TransactionReply) -> tuple[bytes, list[Wish]]:
        """The reply as octets; where it has none that can be sent, an error in its place."""
        try:
            octets = self._encode(asked, reply)
        except ValueError as trouble:
            octets = self._error(asked, 500, "the reply cannot be encoded")
            return octets, [asked.route.carry(octets), Note("h248 reply without encoding", {"why": str(trouble)})]
        try:
            return octets, [asked.route.carry(octets)]
        except ValueError:
            octets = self._error(asked, 533, "response exceeds maximum transport PDU size")
            return octets, [asked.route.carry(octets)]

    def _error(self, asked: Asked, code: int, text: str) -> bytes:
        reply = TransactionReply(asked.request.transaction_id, error=ErrorDescriptor(code, text))
        return self._encode(asked, reply)

    def _encode(self, asked: Asked, part: Transaction) -> bytes:
        return self.encode(part, asked.encoding, asked.version)
