"""A place where HTTP requests are answered one by one, without sockets: what the KMS and the metrics have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dissectors.http import HttpMessage, HttpStream
from replay.events import Accepted, Close, Ended, Endpoint, Event, Expired, Listen, Note, Received, Send, Wish
from replay.visitors import Hospitality, Visitors

BOUNDS = Hospitality(strangers=64, of_one_address=256, visitors=1024, silence=30.0)
AT_ONCE = 128
"""Requests of one piece that are answered; who sends more does not read the answers in between, and 256 KiB of the
shortest, as one read gives them, would hold 50 MB of answers. A server may close, and a client asks again (RFC 9112
section 9.3.2)."""
Answer = tuple[int, str, str, bytes, str]
"""Status, reason, media type, body, and what the log says; empty: nothing."""


class HttpPlace:
    """Takes the events of the connections to one place."""

    def __init__(self, local: Endpoint, answer: Callable[[HttpMessage], Answer], bounds: Hospitality = BOUNDS) -> None:
        self._local = local
        self._answer = answer
        self._visitors = Visitors("visitors", "http", bounds)
        self._streams: dict[int, HttpStream] = {}

    def start(self) -> Sequence[Wish]:
        """Listen."""
        return [Listen(self._local)]

    def stop(self) -> Sequence[Wish]:
        """Close every connection."""
        return [Close(connection) for connection in self._streams]

    def receive(self, event: Event, now: float) -> Sequence[Wish]:
        """Take what came on a connection."""
        wishes: list[Wish] = []
        if isinstance(event, Accepted):
            if self._visitors.accept(event, now):
                self._streams[event.connection] = HttpStream()
        elif isinstance(event, Received):
            wishes = self._received(event, now)
        elif isinstance(event, Ended):
            self._streams.pop(event.connection, None)
            self._visitors.left(event.connection)
        elif isinstance(event, Expired):
            self._visitors.tick(now)
        else:
            self._visitors.receive(event, now)
        return wishes + self._visitors.take_wishes()

    def _received(self, event: Received, now: float) -> list[Wish]:
        connection = event.connection
        stream = self._streams.get(connection)
        if stream is None or connection not in self._visitors:
            return []
        wishes: list[Wish] = []
        framed = stream.receive_data(event.data)
        self._visitors.heard(connection, now, whole=bool(framed), inside=stream.is_inside)
        for number, each in enumerate(framed, 1):
            if each.message is None or not each.message.is_request:
                return [*wishes, *self._refuse(connection, 400, "Bad Request")]
            status, reason, kind, body, note = self._answer(each.message)
            wishes.append(Send(connection, _response(status, reason, kind, body)))
            if note:
                wishes.append(Note(note))
            is_last = each.message.version == 0 or each.message.header("connection").lower() == "close"
            if is_last or number == AT_ONCE:
                return [*wishes, *self._end(connection)]
        unfinished = stream.unfinished
        if stream.is_lost:
            return [*wishes, *self._refuse(connection, 400, "Bad Request")]
        if unfinished is not None and (unfinished.content_length or 0) > stream.max_body:
            return [*wishes, *self._refuse(connection, 413, "Content Too Large")]
        return wishes

    def _refuse(self, connection: int, status: int, reason: str) -> list[Wish]:
        """Nothing more is read: what follows is no request."""
        return [Send(connection, _response(status, reason, "", b"")), *self._end(connection)]

    def _end(self, connection: int) -> list[Wish]:
        self._streams.pop(connection, None)
        return [Close(connection)]


def _response(status: int, reason: str, kind: str, body: bytes) -> bytes:
    named = f"Content-Type: {kind}\r\n" if body else ""
    return f"HTTP/1.1 {status} {reason}\r\n{named}Content-Length: {len(body)}\r\n\r\n".encode() + body
