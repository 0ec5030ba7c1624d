"""What flows and checks say of a session: a status for every rule, and findings with their clause.

A *rule* is one statement that a session satisfies or breaks: a row of the requirements, or a fault users meet. Held
against a session it gives a `Result`; `FAILED`, `MISSING` and `LATE` come with findings, and what holds may come with
something to know (a NAT).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from analyzer.model import Confidence


class Severity(StrEnum):
    """How bad a finding is: `shall` rows and failed set-ups are errors, `should` rows warnings, `may` rows info."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


SEVERITIES = (Severity.INFO, Severity.WARNING, Severity.ERROR)
"In rising order."


def at_least(severity: Severity, threshold: Severity) -> bool:
    """Is a severity as bad as the threshold, or worse?"""
    return SEVERITIES.index(severity) >= SEVERITIES.index(threshold)


class Status(StrEnum):
    """What became of a rule or of a flow step in one session."""

    OK = "ok"
    FAILED = "failed"
    "It is there, and wrong."
    MISSING = "missing"
    "The capture shows that it did not happen."
    LATE = "late"
    "It came after a step that needs its result."
    NOT_OBSERVABLE = "not observable"
    "The capture does not hold what would prove or break it."
    NOT_APPLICABLE = "not applicable"
    "The session gives no occasion for it."


BROKEN = frozenset({Status.FAILED, Status.MISSING, Status.LATE})


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact that is wrong, told once."""

    code: str
    "The row id of the requirements where there is one, else a short code of its own."
    clause: str
    severity: Severity
    message: str
    "One plain sentence on what is wrong and where."
    frames: tuple[int, ...]
    "The frames that show it."
    expected: str
    actual: str
    hint: str
    "What to do next."
    confidence: Confidence = Confidence.CERTAIN
    causes: tuple[str, ...] = ()
    "Codes of rules that are broken only because this one is: told here, not again."


class Result(NamedTuple):
    """What one rule says of one session; a tuple, since there are dozens of them for every session of a capture."""

    status: Status
    reason: str = ""
    "Why it is not observable or not applicable; where rules allow more than one way, which was taken; else empty."
    frames: tuple[int, ...] = ()
    "Where it was satisfied; the frames of what is broken are in the findings."
    begin: int = 0
    "Time of the first of these frames, in ns; 0 where a time means nothing."
    end: int = 0
    "Time of the last of them."
    findings: tuple[Finding, ...] = ()

    @property
    def is_broken(self) -> bool:
        return self.status in BROKEN


class StepResult(NamedTuple):
    """One step of the flow that a session follows."""

    id: str
    "The row it stands for."
    clause: str
    status: Status
    frames: tuple[int, ...] = ()
    reason: str = ""
    "Why it is not observable or not applicable."
    what: str = ""
    "What passes in it, in a few words."
    interfaces: tuple[str, ...] = ()
    "The protocols that show it; empty where the flow does not say."


OK = Result(Status.OK)


@lru_cache(maxsize=1024)
def not_observable(reason: str) -> Result:
    """The capture does not hold what would prove or break the rule."""
    return Result(Status.NOT_OBSERVABLE, reason)


@lru_cache(maxsize=1024)
def not_applicable(reason: str) -> Result:
    """The session gives no occasion for the rule."""
    return Result(Status.NOT_APPLICABLE, reason)


ELSEWHERE = not_applicable("no rule of this kind of session")
NOT_IN_FLOW = not_applicable("a step of a flow that this session does not follow")
"These two are the same object wherever they apply: reports leave such rules out."
NOT_SELECTED = not_applicable("not selected")
"What the user did not ask for."


def was_held(result: Result) -> bool:
    """Was the rule held against the session at all?"""
    return result is not ELSEWHERE and result is not NOT_IN_FLOW
