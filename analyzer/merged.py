"""One session judged in several parts, its MSRP streams or its exchanges of SDP: their results as those of the session.

A finding that is the same in every part is of the whole session, such as a failed call; any other names its part.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from analyzer.correlate.session import Session
from analyzer.findings import Finding, Result, Status, StepResult
from analyzer.internal import add_internal
from analyzer.model import Verdict
from analyzer.one_finding import in_order

Part = tuple[str, Session]
"""What a part is called, such as `m= line 2`, and the session as it sees it, judged."""

_FIRST = (Status.FAILED, Status.MISSING, Status.LATE, Status.NOT_OBSERVABLE, Status.OK, Status.NOT_APPLICABLE)
"Which status of several stands for the whole: what is wrong, then what is not known."
_WORSE = (Verdict.OK, Verdict.WARNINGS, Verdict.INCOMPLETE, Verdict.FAILED)


def merge_streams(session: Session, parts: Sequence[Part]) -> None:
    """Fill in flow, steps, results, findings and verdict of a session from those of its streams."""
    seen = [each for _, each in parts]
    first = next((each for each in seen if each.flow is not None), seen[0])
    session.flow = first.flow
    session.connection_model, session.connection_model_reason = (
        seen[0].connection_model,
        seen[0].connection_model_reason,
    )
    session.results = {
        code: merged_result([(name, each.results[code]) for name, each in parts if code in each.results])
        for code in dict.fromkeys(code for each in seen for code in each.results)
    }
    session.steps = _steps(parts)
    internal = session.findings
    session.findings = in_order(_findings([(name, each.findings) for name, each in parts]))
    session.state = next((each.state for each in seen if each.state != session.state), session.state)
    session.verdict = max((session.verdict, *(each.verdict for each in seen)), key=_WORSE.index)
    for each in internal:
        if each not in session.findings:
            add_internal(session, each)


def merged_result(parts: Sequence[tuple[str, Result]]) -> Result:
    """The worst of some results, with the findings of all; what is not known names its part."""
    results = [result for _, result in parts]
    if all(each is results[0] for each in results):
        return results[0]
    name, worst = min(parts, key=lambda each: _FIRST.index(each[1].status))
    findings = tuple(_findings([(name, result.findings) for name, result in parts]))
    if worst.reason and any(each.reason != worst.reason for each in results):
        worst = worst._replace(reason=f"{name}: {worst.reason}")
    return worst._replace(findings=findings)


def _findings(parts: Iterable[tuple[str, Iterable[Finding]]]) -> list[Finding]:
    told = [(name, list(findings)) for name, findings in parts]
    common = [each for each in told[0][1] if all(each in findings for _, findings in told)]
    return common + [named(each, name) for name, findings in told for each in findings if each not in common]


def named(finding: Finding, name: str) -> Finding:
    """The finding, saying which part of the session it is about."""
    return replace(finding, message=f"{name}: {finding.message}") if name else finding


def _steps(parts: Sequence[Part]) -> list[StepResult]:
    """The steps of all flows that the parts follow, each once."""
    found: dict[str, list[tuple[str, StepResult]]] = {}
    for name, session in parts:
        for step in session.steps:
            found.setdefault(step.id, []).append((name, step))
    return [_step(each) for each in found.values()]


def _step(parts: Sequence[tuple[str, StepResult]]) -> StepResult:
    name, worst = min(parts, key=lambda each: _FIRST.index(each[1].status))
    frames = tuple(dict.fromkeys(frame for _, each in parts if each.status is worst.status for frame in each.frames))
    reason = worst.reason
    if reason and any(each.reason != reason for _, each in parts):
        reason = f"{name}: {reason}"
    return worst._replace(frames=frames, reason=reason)
