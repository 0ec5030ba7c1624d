"""A cursor over octets, and its twin that writes: every `pull_` here has a `push_` of the same layout."""

from __future__ import annotations

from dissectors.errors import DecodeError


class Reader:
    """Reads `data` from `at` up to `end`; running out is a DecodeError with the offset in `data`."""

    __slots__ = ("at", "data", "end", "what")

    def __init__(self, data: bytes, what: str, at: int = 0, end: int | None = None) -> None:
        self.data = data
        self.what = what
        self.at = at
        self.end = len(data) if end is None else end

    @property
    def left(self) -> int:
        """How many octets are not read yet."""
        return self.end - self.at

    def fail(self, why: str, at: int | None = None) -> DecodeError:
        """The error to raise, placed where the cursor stands or at `at`."""
        return DecodeError(self.what, self.at if at is None else at, why)

    def pull(self, size: int) -> bytes:
        """The next `size` octets."""
        if size > self.end - self.at:
            raise self.fail(f"{size} octets are announced, {self.end - self.at} are there")
        start = self.at
        self.at += size
        return self.data[start : self.at]

    def pull_rest(self) -> bytes:
        """Everything that is left."""
        return self.pull(self.end - self.at)

    def pull_int(self, size: int) -> int:
        """A big-endian number of `size` octets."""
        return int.from_bytes(self.pull(size), "big")

    def pull_vector(self, size: int) -> bytes:
        """Octets behind their count, which has `size` octets."""
        return self.pull(self.pull_int(size))


def push_int(value: int, size: int, what: str = "a number") -> bytes:
    """A big-endian number of `size` octets; ValueError when it does not fit."""
    if not 0 <= value < 1 << (8 * size):
        raise ValueError(f"{what} does not fit {size} octets: {value}")
    return int(value).to_bytes(size, "big")


def push_vector(data: bytes, size: int, what: str = "a value") -> bytes:
    """Octets behind their count, which has `size` octets; ValueError when there are too many."""
    return push_int(len(data), size, f"the length of {what}") + data


def push_nibbles(high: int, low: int, what: str = "a number") -> bytes:
    """Two numbers of four bits in one octet."""
    if not (0 <= high < 16 and 0 <= low < 16):
        raise ValueError(f"{what} does not fit four bits")
    return bytes([high << 4 | low])
