"""Aligns a session with a flow: the status of every step, and which steps came before what they need."""

from __future__ import annotations

from collections.abc import Mapping

from analyzer.evidence import Scope
from analyzer.findings import NOT_SELECTED, Finding, Result, Severity, Status, StepResult
from analyzer.flows.flow import Flow, Step
from analyzer.model import Confidence

TOLERANCE_NS = 2_000_000
"Packets may be captured up to a millisecond out of order, so two of them may seem exchanged by twice that."


def match(
    flow: Flow, results: Mapping[str, Result], scope: Scope, *, ordered: bool = True
) -> tuple[list[StepResult], dict[str, Result]]:
    """The steps of a flow from the results of their rules, and the results that order changed to `late`.

    Without `ordered` nothing is: the session's clocks are known to differ.
    """
    steps: list[StepResult] = []
    late: dict[str, Result] = {}
    for step, followers in flow.followers:
        rule = step.rule
        code = rule.code
        result = results.get(code) or NOT_SELECTED
        status, reason, frames, _, end, findings = result
        if ordered and end and followers and status is Status.OK:
            overtaking = _overtaking(result, followers, results)
            if overtaking is not None:
                result = late[code] = _late(flow, step, result, overtaking, results[overtaking.id], scope)
                status, reason, frames, _, _, findings = result
        if findings:
            frames = findings[0].frames
        steps.append(StepResult(code, rule.clause, status, frames, reason, step.what, rule.interfaces))
    return steps, late


def _overtaking(result: Result, followers: tuple[Step, ...], results: Mapping[str, Result]) -> Step | None:
    """A step that needs this one's result and was there clearly before it."""
    for follower in followers:
        theirs = results.get(follower.rule.code)
        if theirs is not None and theirs.status is Status.OK and 0 < theirs.begin < result.end - TOLERANCE_NS:
            if any(code in results and results[code].is_broken for code in follower.too_early):
                continue
            return follower
    return None


def _late(flow: Flow, step: Step, result: Result, follower: Step, theirs: Result, scope: Scope) -> Result:
    gap = (result.end - theirs.begin) / 1e6
    finding = Finding(
        step.rule.code,
        step.rule.clause,
        Severity.ERROR if scope.one_clock else Severity.WARNING,
        f"{step.id} ({step.what}) came {gap:.0f} ms after {follower.id} ({follower.what}), "
        f"which needs its result{scope.clocks}.",
        tuple(sorted({*result.frames, *theirs.frames})),
        f"{step.id} before {follower.id} ({flow.clause} step {step.number} before {follower.number})",
        f"{follower.id} {gap:.1f} ms earlier",
        f"See what {follower.who} acted on before it had this; compare the clocks of the capture points first.",
        Confidence.LIKELY,  # the capture may lack the first copy of what was sent twice
    )
    return Result(Status.LATE, frames=result.frames, begin=result.begin, end=result.end, findings=(finding,))
