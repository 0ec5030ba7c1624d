"""Fragments of SCTP user messages joined (RFC 9260 section 6.9, RFC 8260 section 2.1).

Fragments that follow each other form runs, found by the number before their first and after their last one, so that a
message of n fragments costs n steps whatever their order. A run from a B to an E fragment is a message.
"""

from __future__ import annotations

from collections import deque

from analyzer.transport.sctp_chunks import Fragment

NUMBERS = 0x100000000
OCTETS = 1 << 20
FRAGMENTS = 4096

Run = deque[Fragment]
Place = tuple[int, int, bool, int]
"""message identifier, stream, ordered, number. DATA counts over all messages: (-1, 0, True, TSN)."""


class Fragments:
    """The incomplete messages of one direction, bounded in octets and number."""

    __slots__ = ("_ends", "_starts", "count", "evicted", "octets")

    def __init__(self) -> None:
        self._starts: dict[Place, Run] = {}
        self._ends: dict[Place, Run] = {}
        self.octets = 0
        self.count = 0
        self.evicted = 0
        "Fragments given up because of the bounds."

    def add(self, fragment: Fragment) -> list[Fragment]:
        """Take a fragment that was not seen before; return all of its message when it completes one."""
        number = fragment.number
        place = _place(fragment, number)
        if place in self._starts or place in self._ends:
            return []
        run: Run = deque((fragment,))
        self.octets += len(fragment.payload)
        self.count += 1
        before, after = _place(fragment, number - 1), _place(fragment, number + 1)
        if not fragment.begin:
            earlier = self._ends.get(before)
            if earlier and not earlier[-1].end and _fit(earlier[-1], fragment):
                del self._ends[before], self._starts[_place(earlier[0], earlier[0].number)]
                earlier.append(fragment)
                run = earlier
        if not fragment.end:
            later = self._starts.get(after)
            if later and not later[0].begin and _fit(fragment, later[0]):
                del self._starts[after], self._ends[_place(later[-1], later[-1].number)]
                run = _join(run, later)
        first, last = run[0], run[-1]
        if first.begin and last.end:
            self._forget(run)
            return list(run)
        self._starts[_place(first, first.number)] = run
        self._ends[_place(last, last.number)] = run
        while self.octets > OCTETS or self.count > FRAGMENTS:
            self._evict()
        return []

    def _evict(self) -> None:
        place = next(iter(self._starts))
        run = self._starts.pop(place)
        self._ends.pop(_place(run[-1], run[-1].number), None)
        self._forget(run)
        self.evicted += len(run)

    def _forget(self, run: Run) -> None:
        self.count -= len(run)
        self.octets -= sum(len(each.payload) for each in run)


def _place(fragment: Fragment, number: int) -> Place:
    if fragment.interleaved:
        return fragment.sequence, fragment.stream, fragment.ordered, number % NUMBERS
    return -1, 0, True, number % NUMBERS


def _fit(one: Fragment, other: Fragment) -> bool:
    """Fragments of one message share stream, order and (ordered) sequence number."""
    return (
        one.stream == other.stream
        and one.ordered is other.ordered
        and (one.sequence == other.sequence or not one.ordered)
    )


def _join(earlier: Run, later: Run) -> Run:
    if len(earlier) >= len(later):
        earlier.extend(later)
        return earlier
    later.extendleft(reversed(earlier))
    return later
