"""The octets of a TLS connection, kept until the session that it belongs to is known and with it the keys.

The keys come from signalling, which another process reads and which may end after the TLS handshake (TRANSFER_RESP in
the answer), so a connection is opened when its session is linked. What is kept is bounded: without any keys only the
handshake, which tells who spoke TLS and how.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

HANDSHAKE_OCTETS = 16 << 10
"Kept of each direction where no keys are supplied: a handshake, certificates included."
KEPT_OCTETS = 64 << 20
"Kept of each direction where keys are supplied."
ALL_OCTETS = 1 << 30
"Kept of all connections together."

Piece = tuple[int, int, int, int, bytes | None]
"""Direction, time (ns), frame, octets, data; None instead of data: so many octets are lost."""


@dataclass(slots=True)
class TlsRoom:
    """How much TLS may be kept: of one direction, and of all connections together."""

    each: int = HANDSHAKE_OCTETS
    everything: int = ALL_OCTETS
    may_open: Callable[[], bool] | None = None
    "Asked once, when a handshake is full: may keys come all the same?"

    def take(self, kept: int, size: int) -> bool:
        """Room for `size` more octets of a direction that has `kept`? What is granted is gone."""
        if kept + size > self.each and self.may_open is not None:
            if self.may_open():
                self.each = KEPT_OCTETS
            self.may_open = None
        if kept + size > self.each or size > self.everything:
            return False
        self.everything -= size
        return True

    def give_back(self, transcript: TlsTranscript) -> None:
        """A connection is over and only its handshake is wanted: what it holds is soon let go."""
        self.everything += sum(transcript.sizes)


@dataclass(slots=True)
class TlsTranscript:
    """Both directions in capture order."""

    pieces: list[Piece] = field(default_factory=list)
    sizes: list[int] = field(default_factory=lambda: [0, 0])
    "Octets kept, by direction."
    left_out: list[int] = field(default_factory=lambda: [0, 0])
    "Octets beyond the limit, by direction; what comes after them is not kept either."

    def add(self, direction: int, time: int, frame: int, data: bytes, room: TlsRoom) -> None:
        """Keep one piece of a direction, as far as there is room."""
        if self.left_out[direction] or not room.take(self.sizes[direction], len(data)):
            self.left_out[direction] += len(data)
            return
        self.sizes[direction] += len(data)
        self.pieces.append((direction, time, frame, len(data), data))

    def add_gap(self, direction: int, time: int, frame: int, size: int) -> None:
        """Note octets that the capture does not hold."""
        if not self.left_out[direction]:
            self.pieces.append((direction, time, frame, size, None))

    def turn(self) -> None:
        """Exchange the directions: they were taken for each other."""
        self.pieces = [(1 - direction, *rest) for direction, *rest in self.pieces]  # type: ignore[misc]
        self.sizes.reverse()
        self.left_out.reverse()

    def to_wire(self) -> tuple[object, ...]:
        """As plain values that `marshal` can carry; the fields in their order."""
        return self.pieces, self.sizes, self.left_out
