"""Which lines of a timeline fulfil a step of the flow, and which of them show a finding."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from analyzer.findings import Finding, Status, StepResult
from analyzer.model import TimelineEntry

if TYPE_CHECKING:
    from analyzer.correlate.session import Session


class Marks:
    """The steps and findings of a session by the frames that show them."""

    def __init__(self, steps: Iterable[StepResult] = (), findings: Iterable[Finding] = ()) -> None:
        self._steps: dict[int, list[StepResult]] = {}
        self._findings: dict[int, list[Finding]] = {}
        for step in steps:
            if step.status is Status.OK:
                for frame in step.frames:
                    self._steps.setdefault(frame, []).append(step)
        for finding in findings:
            for frame in finding.frames:
                self._findings.setdefault(frame, []).append(finding)

    @classmethod
    def of(cls, session: Session) -> Marks:
        """The marks of everything that a session shows."""
        return cls(session.steps, session.findings)

    def __bool__(self) -> bool:
        return bool(self._steps or self._findings)

    def steps(self, entry: TimelineEntry) -> list[str]:
        """Ids of the steps that a line fulfils, in the order of the flow."""
        return _ids(self._steps, entry)

    def findings(self, entry: TimelineEntry) -> list[Finding]:
        """The findings that a line shows, the worst first."""
        if not self._findings:
            return []
        found = [finding for frame in entry.frames for finding in self._findings.get(frame, ())]
        return list(dict.fromkeys(found))

    def marked(self, entry: TimelineEntry) -> bool:
        """Does a line show anything?"""
        return any(frame in self._steps or frame in self._findings for frame in entry.frames)


def _ids(steps: dict[int, list[StepResult]], entry: TimelineEntry) -> list[str]:
    # One packet may carry more than one message, so the protocol must fit too.
    return list(
        dict.fromkeys(
            step.id
            for frame in entry.frames
            for step in steps.get(frame, ())
            if not step.interfaces or entry.protocol in step.interfaces
        )
    )


def _first_id(steps: dict[int, list[StepResult]], entry: TimelineEntry) -> str | None:
    """The first of `_ids`."""
    for frame in entry.frames:
        for step in steps.get(frame, ()):
            if not step.interfaces or entry.protocol in step.interfaces:
                return step.id
    return None


def with_steps(entries: Sequence[TimelineEntry], steps: Sequence[StepResult]) -> Sequence[TimelineEntry]:
    """The timeline with the first step that each line fulfils in `step`.

    Most lines fulfil none and stay as they are: there are as many as messages in the capture.
    """
    by_frame = Marks(steps)._steps
    if not by_frame:
        return entries
    made = list(entries)
    waiting = set(by_frame)
    for index, entry in enumerate(made):
        frames = entry[1]
        if waiting.isdisjoint(frames):
            continue
        first = _first_id(by_frame, entry)
        if first is not None:
            made[index] = TimelineEntry(*entry[:5], first)
            waiting.difference_update(frames)
            if not waiting:
                break
    return made
