"""What a rule is: one documented statement, and the function that holds it against a session.

A rule module reads its facts from the `Evidence` and answers with a `Result`. It never claims that something is
missing unless the capture would show it: see `Evidence` for what is known of that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from analyzer.evidence import Evidence
from analyzer.findings import Finding, Result, Severity, Status
from analyzer.model import Confidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One statement about sessions."""

    code: str
    "Row id of the requirements, or a short code of its own in capitals."
    title: str
    "What must be so, in one sentence."
    clause: str
    "Document and clause, or RFC and section."
    severity: Severity
    judge: Callable[[Evidence], Result]
    kinds: frozenset[str] = frozenset({"message"})
    "The kinds of session it is about; elsewhere it is not applicable."
    interfaces: tuple[str, ...] = ()
    "What must be captured to judge it: `sip`, `h248`, `tcp`, `msrp`."
    yields_to: tuple[str, ...] = ()
    "Rules that are more specific: where one of them is broken too, this is what follows from it."
    each_offer: bool = False
    "It is about one offer and its answer, and so is held against every one that changes something."
    of_set_up: bool = False
    "It is about how TCP or TLS was set up: a session that uses a connection of another again has none of that."
    same_frames: tuple[str, ...] = ()
    "Rules that are more specific about single messages: a finding that shares a frame with one of theirs follows."
    why: str = ""
    "Why it matters to those who use the conference."
    causes: tuple[str, ...] = ()
    "What it usually comes from, the likeliest first."
    confirm: str = ""
    "How to make sure, in Wireshark or at the node."
    fix: str = ""
    "What to change."
    example: str = ""
    "Wrong beside right, as on the wire."

    def broken(
        self,
        message: str,
        frames: Sequence[int],
        *,
        expected: str,
        actual: str,
        hint: str = "",
        status: Status = Status.FAILED,
        severity: Severity | None = None,
        confidence: Confidence = Confidence.CERTAIN,
    ) -> Result:
        """The result of a session that breaks the rule in one place."""
        made = self.finding(
            message, frames, expected=expected, actual=actual, hint=hint, severity=severity, confidence=confidence
        )
        return Result(status, findings=(made,))

    def finding(
        self,
        message: str,
        frames: Sequence[int],
        *,
        expected: str,
        actual: str,
        hint: str = "",
        severity: Severity | None = None,
        confidence: Confidence = Confidence.CERTAIN,
    ) -> Finding:
        """One finding of this rule."""
        return Finding(
            self.code,
            self.clause,
            severity or self.severity,
            message[:1].upper() + message[1:],
            tuple(sorted(set(frames))),
            expected,
            actual,
            hint or self.fix,
            confidence,
        )
