"""Content of a message, read piece by piece so that it may be longer than memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


class Content(Protocol):
    """Octets at places from 0."""

    @property
    def size(self) -> int:
        """How many there are."""
        ...

    def read(self, at: int, size: int) -> bytes:
        """So many of them, fewer only at the end."""
        ...


@dataclass(frozen=True, slots=True)
class Octets:
    """Content that is in memory."""

    data: bytes = field(repr=False)

    @property
    def size(self) -> int:
        return len(self.data)

    def read(self, at: int, size: int) -> bytes:
        return self.data[at : at + size]


@dataclass(frozen=True, slots=True)
class Headed:
    """Content behind a head: a CPIM message."""

    head: bytes = field(repr=False)
    body: Content

    @property
    def size(self) -> int:
        return len(self.head) + self.body.size

    def read(self, at: int, size: int) -> bytes:
        first = self.head[at : at + size]
        rest = size - len(first)
        return first + self.body.read(max(0, at - len(self.head)), rest) if rest else first
