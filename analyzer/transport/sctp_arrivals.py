"""Which TSNs of one direction of an SCTP association came (RFC 9260 sections 6.2 and 6.9).

Every TSN up to one came, and some beyond it: these stand in a heap, so that the lowest of thousands is found without a
look at the others, and in a set, so that a duplicate is known. Inside, TSNs do not wrap.
"""

from __future__ import annotations

from enum import Enum
from heapq import heappop, heappush

TSN_MASK = 0xFFFFFFFF
NEAR = 1 << 16
"TSNs around the highest one that can belong to the same association at the same time."
EARLY = 64
"TSNs below the first one seen that are still taken: the start may be shuffled."
AHEAD = 4096
"TSNs remembered beyond a missing one."


class Arrival(Enum):
    """What a TSN is."""

    NEW = "new"
    DUPLICATE = "duplicate"
    RESTART = "restart"
    "So far from the others that it is another association with the same tag, or that much was lost."


class Arrivals:
    """The TSNs of one direction."""

    __slots__ = ("_ahead", "_early", "_first", "_lowest", "upto")

    def __init__(self) -> None:
        self.upto = -1
        "All TSNs from the first to this one came, or are waited for no longer; -1 before the first. Does not wrap."
        self._first = -1
        self._ahead: set[int] = set()
        self._lowest: list[int] = []
        "The same as a heap."
        self._early: set[int] = set()

    def is_near(self, tsn: int) -> bool:
        """Tell whether a TSN can belong to this association now."""
        return abs(signed(tsn - self.upto)) < NEAR

    def receive(self, tsn: int) -> Arrival:
        """Note a TSN."""
        if self.upto < 0:
            self._first = self.upto = tsn
            return Arrival.NEW
        step = signed(tsn - self.upto)
        if step == 1:
            self.upto += 1
            self._advance()
            return Arrival.NEW
        if abs(step) >= NEAR:
            self._ahead.clear()
            self._lowest.clear()
            self._early.clear()
            self._first = self.upto = tsn
            return Arrival.RESTART
        if step > 1:
            return self._receive_ahead(self.upto + step)
        if -EARLY <= self.upto + step - self._first < 0 and tsn not in self._early:
            self._early.add(tsn)
            return Arrival.NEW
        return Arrival.DUPLICATE

    def _receive_ahead(self, place: int) -> Arrival:
        if place in self._ahead:
            return Arrival.DUPLICATE
        self._ahead.add(place)
        heappush(self._lowest, place)
        if len(self._ahead) > AHEAD:  # what was missing is waited for no longer
            self.upto = heappop(self._lowest)
            self._ahead.discard(self.upto)
            self._advance()
        return Arrival.NEW

    def _advance(self) -> None:
        lowest = self._lowest
        while lowest and lowest[0] == self.upto + 1:
            self.upto = heappop(lowest)
            self._ahead.discard(self.upto)


def signed(difference: int) -> int:
    """Serial number arithmetic (RFC 9260 section 1.6)."""
    difference &= TSN_MASK
    return difference - 0x100000000 if difference > 0x7FFFFFFF else difference
