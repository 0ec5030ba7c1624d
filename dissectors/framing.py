"""What every stream decoder hands out: messages, and where in the stream they stood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from dissectors.errors import DecodeError

T = TypeVar("T")


@dataclass(slots=True)
class Framed(Generic[T]):
    """One message found in a stream, or one stretch of octets that is none."""

    start: int
    "Stream offset of the first octet, counted from 0 over everything received, lost octets of known size included."
    end: int
    "Stream offset after the last octet."
    message: T | None
    "The decoded message, or None where `error` says why there is none."
    error: DecodeError | None = None
    """Why the octets from `start` to `end` were given up; beside a message, what is wrong with its framing. Its offset
    counts from `start`."""


class StreamDecoder(Protocol[T]):
    """An incremental decoder of one direction of a byte stream; fed in any pieces it gives the same messages."""

    def receive_data(self, data: bytes) -> list[Framed[T]]:
        """Take the next octets of the stream and return what became complete with them."""
        ...

    def receive_gap(self, size: int) -> list[Framed[T]]:
        """Note that `size` octets (0 when unknown) are lost; an unfinished message is given up as an error."""
        ...

    def receive_eof(self) -> list[Framed[T]]:
        """Note the end of the stream; what is unfinished comes back as an error, a cut message is never invented."""
        ...
