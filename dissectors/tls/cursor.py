"""A cursor over the octets of one TLS structure (RFC 8446 section 3): integers, opaque vectors, the end."""

from __future__ import annotations

from dissectors.errors import DecodeError


class Cursor:
    """Takes TLS presentation language apart from front to back; what is missing is a `DecodeError`."""

    __slots__ = ("at", "data", "end", "what")

    def __init__(self, data: bytes, what: str, at: int = 0, end: int | None = None) -> None:
        self.data = data
        self.what = what
        self.at = at
        self.end = len(data) if end is None else end

    def pull_uint(self, size: int) -> int:
        """An unsigned integer of `size` octets."""
        return int.from_bytes(self.pull_bytes(size), "big")

    def pull_bytes(self, size: int) -> bytes:
        """Exactly `size` octets."""
        at = self.at
        if size > self.end - at:
            raise self.error(f"{size} octets expected, {self.end - at} left")
        self.at = at + size
        return self.data[at : at + size]

    def pull_opaque(self, length_size: int) -> bytes:
        """A vector: its length in `length_size` octets, then that many octets."""
        return self.pull_bytes(self.pull_uint(length_size))

    def pull_block(self, length_size: int) -> Cursor:
        """A vector as a cursor of its own; offsets of its errors still count from the start of the structure."""
        size = self.pull_uint(length_size)
        at = self.at
        if size > self.end - at:
            raise self.error(f"{size} octets expected, {self.end - at} left")
        self.at = at + size
        return Cursor(self.data, self.what, at, at + size)

    def pull_uint16s(self, length_size: int) -> tuple[int, ...]:
        """A vector of uint16."""
        start = self.at
        data = self.pull_opaque(length_size)
        if len(data) & 1:
            self.at = start
            raise self.error("a list of two-octet values has an odd length")
        return tuple(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))

    @property
    def more(self) -> bool:
        """Whether octets are left."""
        return self.at < self.end

    def expect_end(self) -> None:
        """Nothing may be left."""
        if self.at != self.end:
            raise self.error(f"{self.end - self.at} octets behind the end")

    def error(self, why: str) -> DecodeError:
        """A `DecodeError` for where the cursor stands."""
        return DecodeError(self.what, self.at, why)
