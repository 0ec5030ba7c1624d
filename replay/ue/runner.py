"""Goes through a script: which step is next, and when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from replay.agenda import Agenda
from replay.ue.script import Step

TIMER = "script"
"Name on the agenda of the time of the next step."


@dataclass(slots=True)
class Runner:
    """Where a UE is in its script."""

    script: tuple[Step, ...]
    agenda: Agenda[str]
    _next: int = 0
    _due: float | None = None
    "When the next step is to be done, once what it needs is there."

    @property
    def over(self) -> bool:
        """Is everything done?"""
        return self._next >= len(self.script)

    def add(self, step: Step) -> None:
        """One thing more to do, after all others."""
        self.script += (step,)

    def take(self, now: float, may_begin: Callable[[Step], bool]) -> Step | None:
        """The next step, if it is time for it."""
        if self.over:
            return None
        step = self.script[self._next]
        if self._due is None:
            if not may_begin(step):
                return None
            self._due = now + step.after
            if step.after > 0:
                self.agenda.put(TIMER, self._due)
        if self._due > now:
            return None
        self._due = None
        self._next += 1
        return step
