"""What is to be done when: many deadlines behind one timer of the edge."""

from __future__ import annotations

import heapq
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from replay.events import SetTimer, Wish

N = TypeVar("N", bound=Hashable)
Named = tuple[str, Any]
"What kind of thing is due, and which."


@dataclass(slots=True)
class Agenda(Generic[N]):
    """Deadlines by name. Putting and dropping are cheap; the edge is asked only when the earliest moves forward.

    A timer that was set for a deadline since dropped goes off for nothing, and is then set anew.
    """

    timer: str
    _deadlines: dict[N, float] = field(default_factory=dict)
    _heap: list[tuple[float, int, N]] = field(default_factory=list)
    _count: int = 0
    _set_for: float | None = None

    def __len__(self) -> int:
        return len(self._deadlines)

    def __contains__(self, name: N) -> bool:
        return name in self._deadlines

    def put(self, name: N, at: float) -> None:
        """Have `name` due at this time; an earlier entry of that name is replaced."""
        self._deadlines[name] = at
        self._count += 1
        heapq.heappush(self._heap, (at, self._count, name))
        if len(self._heap) > 64 + 4 * len(self._deadlines):
            self._sweep()

    def drop(self, name: N) -> None:
        """Forget `name`, if it is there."""
        self._deadlines.pop(name, None)

    def take_due(self, now: float) -> list[N]:
        """Take out all that is due, earliest first."""
        due: list[N] = []
        heap = self._heap
        while heap and heap[0][0] <= now:
            at, _, name = heapq.heappop(heap)
            if self._deadlines.get(name) == at:
                del self._deadlines[name]
                due.append(name)
        if self._set_for is not None and self._set_for <= now:
            self._set_for = None
        return due

    def wishes(self) -> list[Wish]:
        """Set the timer where it would come too late, or is not set."""
        heap = self._heap
        while heap and self._deadlines.get(heap[0][2]) != heap[0][0]:
            heapq.heappop(heap)
        if not heap or (self._set_for is not None and self._set_for <= heap[0][0]):
            return []
        self._set_for = heap[0][0]
        return [SetTimer(self.timer, self._set_for)]

    def _sweep(self) -> None:
        """Leave out what was replaced or dropped."""
        self._heap = [each for each in self._heap if self._deadlines.get(each[2]) == each[0]]
        heapq.heapify(self._heap)
