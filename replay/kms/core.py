"""The KMS as a network function: HTTP on TCP, one MIKEY message in each request and response.

TS 33.328 gives no text at hand: POST with the media type application/mikey (RFC 3830 section 10.1), the kind of request
in the URI's query; whatever the URI, the message itself says what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dissectors.errors import DecodeError
from dissectors.http import HttpMessage
from dissectors.mikey import decode_mikey, encode_mikey
from replay.events import Event, Wish
from replay.http_place import Answer, HttpPlace
from replay.keying.replays import Replays
from replay.kms.exchanges import Draw, answer
from replay.kms.users import KmsConfig

MEDIA_TYPE = "application/mikey"


class Kms:
    """Answers Ticket Request and Ticket Resolve."""

    def __init__(self, config: KmsConfig, *, clock: Callable[[], int], draw: Draw, name: str = "kms") -> None:
        """`clock` tells ns since 1970 UTC, `draw` gives random octets."""
        self.name = name
        self._config = config
        self._clock = clock
        self._draw = draw
        self._replays = Replays(2.0 * config.clock_skew)
        self._place = HttpPlace(config.local, self._answer)

    def start(self, now: float) -> Sequence[Wish]:
        """Listen."""
        return self._place.start()

    def stop(self, now: float) -> Sequence[Wish]:
        """Close every connection."""
        return self._place.stop()

    def receive(self, event: Event, now: float) -> Sequence[Wish]:
        """Take what came on a connection."""
        return self._place.receive(event, now)

    def _answer(self, request: HttpMessage) -> Answer:
        if request.method != "POST":
            return 405, "Method Not Allowed", "", b"", "refused: not POST"
        if request.body_size > len(request.body):
            return 413, "Content Too Large", "", b"", "refused: too large"
        try:
            message = decode_mikey(request.body)
        except DecodeError as error:
            return 400, "Bad Request", "", b"", f"refused: {error.why}"
        now = self._clock()
        made = answer(self._config, message, now, self._draw, lambda: self._replays.is_new(request.body, now / 1e9))
        return 200, "OK", MEDIA_TYPE, encode_mikey(made.message), made.note
