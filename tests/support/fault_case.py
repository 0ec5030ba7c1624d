"""One fault in a capture, and what must be said of it: one finding, with the frames that show it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from inline_twins import twin
from judged import judge_packets

from analyzer.findings import Severity
from analyzer.model import Confidence, Verdict


@dataclass(frozen=True)
class Case:
    """One fault."""

    name: str
    code: str
    changes: str
    severity: Severity
    steps: tuple[str, ...]
    "The steps whose frames show it, as `Built.frames` reads them."
    base: str = "tcp-dial-in"
    confidence: Confidence = Confidence.CERTAIN
    says: str = ""
    "A part of the message or of what was found."
    beside: tuple[str, ...] = ()
    "Other findings of the same session, each another fact."
    follows: tuple[str, ...] = ()
    "Rules that are broken only because of it."

    def check(self, folder: Path) -> None:
        """Hold the twin's findings against the case."""
        built = twin(self.base, self.changes)
        session = judge_packets(built.all(), folder).sessions[0]
        told = [finding for finding in session.findings if finding.code not in self.beside]
        assert [(each.code, each.severity, each.frames) for each in told] == [
            (self.code, self.severity, built.frames(*self.steps))
        ]
        (finding,) = told
        assert finding.confidence is self.confidence
        assert self.says in f"{finding.message} {finding.actual}"
        assert finding.causes == self.follows
        assert {each.code for each in session.findings} == {self.code, *self.beside}
        if self.severity is Severity.ERROR:
            assert session.verdict is Verdict.FAILED
        assert "alice" not in str(session.findings)
