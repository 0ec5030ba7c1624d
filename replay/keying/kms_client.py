"""Asking a KMS over HTTP: POST with a MIKEY message as body (RFC 6043 section 7, TS 33.328), a connection each time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from dissectors.http import HttpStream
from replay.agenda import Agenda
from replay.events import (
    Close,
    Connect,
    Connected,
    ConnectFailed,
    Ended,
    Endpoint,
    Event,
    Expired,
    Received,
    Send,
    Wish,
)

TICKET_REQUEST, TICKET_RESOLVE = "ticketrequest", "ticketresolve"


@dataclass(frozen=True, slots=True)
class KmsAnswered:
    """The KMS answered with a MIKEY message, be it an Error message."""

    topic: Any
    octets: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class KmsFailed:
    """No MIKEY message came of it."""

    topic: Any
    why: str


KmsOutcome = KmsAnswered | KmsFailed


@dataclass(slots=True)
class _Question:
    topic: Any
    octets: bytes
    stream: HttpStream = field(default_factory=HttpStream)


class KmsClient:
    """The questions of one network function to its KMS."""

    def __init__(
        self,
        kms: Endpoint,
        local_address: str,
        next_connection: Callable[[], int],
        *,
        name: str,
        host: str,
        timeout: float = 5.0,
    ) -> None:
        """`host` is for the Host field; `timeout` is in seconds, for the whole of a question."""
        self.kms = kms
        self._local = (local_address, 0)
        self._next_connection = next_connection
        self._name = name
        self._host = host
        self._timeout = timeout
        self._agenda: Agenda[int] = Agenda(f"{name} kms")
        self._wishes: list[Wish] = []
        self._open: dict[int, _Question] = {}

    def ask(self, kind: str, octets: bytes, topic: Any, now: float) -> None:
        """Ask: `ticketrequest` with REQUEST_INIT, `ticketresolve` with RESOLVE_INIT."""
        number = self._next_connection()
        head = (
            f"POST /keymanagement?requesttype={kind} HTTP/1.1\r\nHost: {self._host}\r\nUser-Agent: {self._name}\r\n"
            f"Content-Type: application/mikey\r\nContent-Length: {len(octets)}\r\n\r\n"
        )
        self._open[number] = _Question(topic, head.encode() + octets)
        self._agenda.put(number, now + self._timeout)
        self._wishes.append(Connect(number, self._local, self.kms))

    def forget(self, topic: Any) -> None:
        """Nobody waits for this answer any more."""
        for number, question in list(self._open.items()):
            if question.topic is topic:
                self._close(number)

    def take_wishes(self) -> list[Wish]:
        """What the edge is to do, since it was asked last."""
        wishes = self._wishes + self._agenda.wishes()
        self._wishes = []
        return wishes

    def owns(self, event: Event) -> bool:
        """Is this event about a question?"""
        if isinstance(event, Expired):
            return event.timer == self._agenda.timer
        return getattr(event, "connection", None) in self._open

    def receive(self, event: Event, now: float) -> list[KmsOutcome]:
        """Take an event that it owns."""
        if isinstance(event, Expired):
            return [self._failed(number, "timeout") for number in self._due(now)]
        if isinstance(event, Connected):
            self._wishes.append(Send(event.connection, self._open[event.connection].octets))
        elif isinstance(event, ConnectFailed):
            return [self._failed(event.connection, event.why)]
        elif isinstance(event, Received):
            return self._answer(event)
        elif isinstance(event, Ended):
            return [self._failed(event.connection, "no answer")]
        return []

    def _due(self, now: float) -> list[int]:
        return [number for number in self._agenda.take_due(now) if isinstance(number, int)]

    def _answer(self, event: Received) -> list[KmsOutcome]:
        question = self._open[event.connection]
        for framed in question.stream.receive_data(event.data):
            message = framed.message
            if message is None or message.is_request:
                return [self._failed(event.connection, "no HTTP response")]
            if message.status < 200:
                continue
            if message.media_type != "application/mikey" or not message.body:
                return [self._failed(event.connection, f"HTTP status {message.status}")]
            self._close(event.connection)
            return [KmsAnswered(question.topic, message.body)]
        return []

    def _failed(self, number: int, why: str) -> KmsOutcome:
        topic = self._open[number].topic
        self._close(number)
        return KmsFailed(topic, why)

    def _close(self, number: int) -> None:
        del self._open[number]
        self._agenda.drop(number)
        self._wishes.append(Close(number))
