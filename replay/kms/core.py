"""The KMS as a network function: HTTP on TCP, one MIKEY message in each request and response.

TS 33.328 gives no text at hand: POST with the media type application/mikey (RFC 3830 section 10.1), the kind of request
in the URI's query; whatever the URI, the message itself says what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dissectors.errors import DecodeError
from dissectors.http import HttpMessage, HttpStream
from dissectors.mikey import decode_mikey, encode_mikey
from replay.events import (
    Accepted,
    Close,
    Ended,
    Event,
    Expired,
    Listen,
    Note,
    Received,
    Send,
    SetTimer,
    StopTimer,
    Wish,
)
from replay.kms.exchanges import Draw, answer
from replay.kms.users import KmsConfig

MAX_CONNECTIONS = 1000
IDLE = 30.0
"s after which a connection that says nothing is closed."
MEDIA_TYPE = "application/mikey"


class Kms:
    """Answers Ticket Request and Ticket Resolve."""

    def __init__(self, config: KmsConfig, *, clock: Callable[[], int], draw: Draw, name: str = "kms") -> None:
        """`clock` tells ns since 1970 UTC, `draw` gives random octets."""
        self.name = name
        self._config = config
        self._clock = clock
        self._draw = draw
        self._streams: dict[int, HttpStream] = {}

    def start(self, now: float) -> Sequence[Wish]:
        """Listen."""
        return [Listen(self._config.local)]

    def stop(self, now: float) -> Sequence[Wish]:
        """Close every connection."""
        return [Close(connection) for connection in self._streams]

    def receive(self, event: Event, now: float) -> Sequence[Wish]:
        """Take what came on a connection."""
        if isinstance(event, Accepted):
            if len(self._streams) >= MAX_CONNECTIONS:
                return [Close(event.connection, abort=True), Note("too many connections")]
            self._streams[event.connection] = HttpStream()
            return [SetTimer(_idle(event.connection), now + IDLE)]
        if isinstance(event, Received):
            return self._received(event, now)
        if isinstance(event, Ended):
            self._streams.pop(event.connection, None)
            return [StopTimer(_idle(event.connection))]
        if isinstance(event, Expired):
            return [Close(int(event.timer.partition(" ")[2]))]
        return []

    def _received(self, event: Received, now: float) -> list[Wish]:
        stream = self._streams.get(event.connection)
        if stream is None:
            return []
        wishes: list[Wish] = [SetTimer(_idle(event.connection), now + IDLE)]
        for framed in stream.receive_data(event.data):
            if framed.message is None or not framed.message.is_request:
                wishes += [Send(event.connection, _response(400, "Bad Request")), Close(event.connection)]
                break
            status, body, note = self._answer(framed.message)
            wishes += [Send(event.connection, _response(*status, body)), Note(note)]
            if framed.message.version == 0 or framed.message.header("connection").lower() == "close":
                wishes.append(Close(event.connection))
                break
        return wishes

    def _answer(self, request: HttpMessage) -> tuple[tuple[int, str], bytes, str]:
        if request.method != "POST":
            return (405, "Method Not Allowed"), b"", "refused: not POST"
        if request.body_size > len(request.body):
            return (413, "Content Too Large"), b"", "refused: too large"
        try:
            message = decode_mikey(request.body)
        except DecodeError as error:
            return (400, "Bad Request"), b"", f"refused: {error.why}"
        made = answer(self._config, message, self._clock(), self._draw)
        return (200, "OK"), encode_mikey(made.message), made.note


def _response(status: int, reason: str, body: bytes = b"") -> bytes:
    kind = f"Content-Type: {MEDIA_TYPE}\r\n" if body else ""
    return f"HTTP/1.1 {status} {reason}\r\n{kind}Content-Length: {len(body)}\r\n\r\n".encode() + body


def _idle(connection: int) -> str:
    return f"idle {connection}"
