"""Exchanges with a KMS over HTTP: Ticket Request and Ticket Resolve with what answered them (RFC 6043 section 4.2).

TS 33.328 has MIKEY-TICKET messages travel over HTTP. Which header fields and which URI is a matter of the network (its
text does not come with this), so MIKEY is told by the content: `application/mikey` (RFC 3830 section 10.1), or octets
that decode as a message to or from a KMS. What such a message is about is its ticket, which the SDP carries as well.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from analyzer.model import Message
from analyzer.transport.flow import FlowKey, reverse_key
from dissectors.errors import DecodeError
from dissectors.http import HttpMessage

if TYPE_CHECKING:
    from dissectors.mikey import MikeyMessage, Ticket

MAX_EXCHANGES = 10_000
"Exchanges that are kept; above that the oldest are let go."
MAX_TICKETS = 8
"Exchanges about one ticket that are handed out."
MAX_PENDING = 64
"Requests on one connection that wait for their response."
MEDIA_TYPES = frozenset({"application/mikey", "application/x-mikey"})
TO_KMS = frozenset({11, 12, 16, 17})
"REQUEST_INIT and RESOLVE_INIT (RFC 6043 section 6.1), numbers here: the codec is imported when there is MIKEY."
FROM_KMS = frozenset({6, 13, 18})
"Error, REQUEST_RESP, RESOLVE_RESP."
_FIRST_OCTETS = frozenset(bytes((1, number)) for number in (*TO_KMS, *FROM_KMS))


@dataclass(slots=True)
class KmsExchange:
    """One request to a KMS and its response."""

    request: Message
    asked: MikeyMessage
    response: Message | None = None
    "Any HTTP response, also one without MIKEY."
    answered: MikeyMessage | None = None
    claimed: bool = False
    "A session is about its ticket."

    @property
    def messages(self) -> list[Message]:
        """The HTTP messages, in order."""
        return [each for each in (self.request, self.response) if each is not None]

    @property
    def ticket(self) -> Ticket | None:
        """The ticket that was resolved, or that the KMS gave."""
        return self.asked.ticket or (self.answered.ticket if self.answered is not None else None)

    def summary(self, message: Message) -> str:
        """`POST, RESOLVE_INIT_PSK`; without the URI, in which subscribers may be named."""
        http: HttpMessage = message.decoded
        mikey = self.asked if message is self.request else self.answered
        said = http.method if http.is_request else f"{http.status} {http.reason}".rstrip()
        return f"{said}, {short_name(mikey)}" if mikey is not None else said


def short_name(message: MikeyMessage) -> str:
    """`RESOLVE_INIT_PSK`; the number where it has no name."""
    return str(getattr(message.data_type, "name", message.data_type))


def carries_mikey(message: HttpMessage) -> bool:
    """Does it say so, or is a message to or from a KMS in it?"""
    if message.media_type in MEDIA_TYPES:
        return True
    if message.body[:2] not in _FIRST_OCTETS:
        return False
    from dissectors.mikey import decode_mikey

    try:
        mikey = decode_mikey(message.body)
    except DecodeError:
        return False
    return mikey.verification is not None and not mikey.trailing


def mikey_of(message: HttpMessage) -> MikeyMessage | None:
    """The MIKEY message in a body, as octets or as base64; None when there is no body. Raises DecodeError."""
    body = message.body
    if not body:
        return None
    from dissectors.mikey import decode_base64, decode_mikey

    if body[:1] != b"\x01" and body[:2] == b"AQ":
        body = decode_base64(body.decode("latin-1"))
    return decode_mikey(body)


@dataclass(slots=True)
class KmsTable:
    """All exchanges of a capture, by their ticket."""

    unlinked: int = 0
    "HTTP messages that can belong to no session any more."
    _pending: dict[FlowKey, deque[KmsExchange]] = field(default_factory=dict)
    _exchanges: OrderedDict[int, KmsExchange] = field(default_factory=OrderedDict)
    _by_ticket: dict[bytes, list[KmsExchange]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self._exchanges)

    def add(self, message: Message) -> MikeyMessage | None:
        """Take the next HTTP message of a connection with a KMS; returns the MIKEY message in it.

        Raises DecodeError when its body is none.
        """
        http: HttpMessage = message.decoded
        try:
            mikey = mikey_of(http)
        except DecodeError:
            if http.is_request:
                self.unlinked += 1
            else:
                self._answer(message, None)
            raise
        if not http.is_request:
            if http.status >= 200:  # an interim response answers nothing
                self._answer(message, mikey)
            else:
                self.unlinked += 1
        elif mikey is None or mikey.data_type not in TO_KMS:
            self.unlinked += 1
        else:
            self._ask(KmsExchange(message, mikey))
        return mikey

    def _ask(self, exchange: KmsExchange) -> None:
        waiting = self._pending.setdefault(exchange.request.flow.key, deque(maxlen=MAX_PENDING))
        waiting.append(exchange)
        self._exchanges[id(exchange)] = exchange
        self._index(exchange)
        while len(self._exchanges) > MAX_EXCHANGES:
            self._forget(next(iter(self._exchanges.values())))

    def _answer(self, message: Message, mikey: MikeyMessage | None) -> None:
        key = reverse_key(*message.flow.key)
        waiting = self._pending.get(key)
        if not waiting:
            self.unlinked += 1
            return
        exchange = waiting.popleft()
        if not waiting:
            del self._pending[key]
        exchange.response, exchange.answered = message, mikey
        self._index(exchange)

    def _index(self, exchange: KmsExchange) -> None:
        ticket = exchange.ticket
        if ticket is not None and ticket.ticket_data:
            about = self._by_ticket.setdefault(ticket.ticket_data, [])
            if exchange not in about:
                about.append(exchange)

    def _forget(self, exchange: KmsExchange) -> None:
        del self._exchanges[id(exchange)]
        if not exchange.claimed:
            self.unlinked += len(exchange.messages)
        key = exchange.request.flow.key
        waiting = self._pending.get(key)
        if waiting is not None and exchange in waiting:
            waiting.remove(exchange)
            if not waiting:
                del self._pending[key]
        ticket = exchange.ticket
        about = self._by_ticket.get(ticket.ticket_data) if ticket is not None else None
        if ticket is not None and about is not None:
            about[:] = [each for each in about if each is not exchange]
            if not about:
                del self._by_ticket[ticket.ticket_data]

    def about(self, tickets: Iterable[Ticket]) -> list[KmsExchange]:
        """The exchanges about some tickets, the first of each; they are claimed by whoever asks."""
        found: dict[int, KmsExchange] = {}
        for ticket in tickets:
            for exchange in self._by_ticket.get(ticket.ticket_data, ())[:MAX_TICKETS]:
                exchange.claimed = True
                found[id(exchange)] = exchange
        return sorted(found.values(), key=lambda each: each.request.time)

    def left_over(self) -> int:
        """HTTP messages that no session claimed, once every session was handed out."""
        return self.unlinked + sum(len(each.messages) for each in self._exchanges.values() if not each.claimed)
