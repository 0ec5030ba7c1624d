"""A conference: its URI, its participants, and the H.248 context that joins them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from replay.mrfc.leg import Leg


@dataclass(slots=True)
class Conference:
    """One focus (RFC 4579)."""

    uri: str
    name: str
    "The user part of the URI."
    legs: list[Leg] = field(default_factory=list)
    version: int = 0
    "Of the conference state (RFC 4575 section 4)."
    watchers: int = 0
    "Subscriptions to its state."
    context: Context = field(default_factory=lambda: Context())

    @property
    def roster(self) -> list[Leg]:
        """The participants that are in."""
        return [leg for leg in self.legs if leg.joined]


@dataclass(slots=True)
class Context:
    """The H.248 context of a conference, of which there must never be two.

    The first Add asks the MRFP to choose a context; until it is answered, further ones wait. The context is gone once
    its last termination is subtracted; until that is answered, they wait too.
    """

    number: int | None = None
    terminations: set[str] = field(default_factory=set)
    choosing: bool = False
    "An Add that asks for a context is on its way."
    closing: int = 0
    "Subtracts on their way."
    waiting: list[Callable[[], None]] = field(default_factory=list)

    def ask(self, add: Callable[[], None]) -> None:
        """Carry out an Add now, or once it is known which context it is for."""
        if self.choosing or (self.closing and not self.terminations):
            self.waiting.append(add)
            return
        self.choosing = self.number is None
        add()

    def added(self, number: int, termination: str) -> None:
        """An Add was answered."""
        self.number = number
        self.terminations.add(termination)
        self.choosing = False
        self._go_on()

    def refused(self) -> None:
        """An Add was refused, or came to nothing."""
        self.choosing = False
        self._go_on()

    def subtracting(self, termination: str) -> None:
        """A termination is on its way out."""
        self.terminations.discard(termination)
        self.closing += 1

    def subtracted(self) -> None:
        """A Subtract was answered."""
        self.closing = max(0, self.closing - 1)
        if not self.terminations and not self.closing and not self.choosing:
            self.number = None
        self._go_on()

    def lost(self) -> None:
        """The MRFP is gone, and all contexts with it."""
        self.number = None
        self.terminations.clear()
        self.choosing = False
        self.closing = 0
        self.waiting.clear()

    def _go_on(self) -> None:
        waiting, self.waiting = self.waiting, []
        for add in waiting:
            self.ask(add)
