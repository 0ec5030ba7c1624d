"""MSRP-NO-RESPONSE: requests are answered within 30 s (RFC 4975 section 7.1.1)."""

from __future__ import annotations

from analyzer.checks.msrp_observed import frames_of, seconds, times, told, word
from analyzer.checks.rule import Rule
from analyzer.conversations.msrp_facts import Observation
from analyzer.evidence import Evidence, MsrpView
from analyzer.findings import Finding, Result, Severity


def judge(evidence: Evidence) -> Result:
    """A response to each request that wants one, in time."""
    return told(evidence, ("no-response",), _tell, _alike)


def _alike(seen: Observation) -> tuple[str, bool]:
    return word(seen, "method"), seen.detail.get("after") is not None


def _tell(view: MsrpView, group: list[Observation]) -> Finding:
    first = group[0]
    method, other = word(first, "method"), view.names[1 - first.direction]
    if first.detail.get("after") is not None:
        return RULE.finding(
            f"{other} answered a {method} only after {seconds(first, 'after')}{times(group)}: "
            "the sender had given the message up by then.",
            frames_of(group),
            expected="a response within 30 s",
            actual=f"a response after {seconds(first, 'after')}",
            severity=Severity.WARNING,
        )
    return RULE.finding(
        f"{other} did not answer a {method}{times(group)}: the sender takes the message as failed.",
        frames_of(group),
        expected="a response within 30 s",
        actual=f"none in {seconds(first, 'waited')}, on a connection that stayed up",
    )


RULE = Rule(
    code="MSRP-NO-RESPONSE",
    title="Each request that wants a response gets it within 30 seconds.",
    clause="RFC 4975 section 7.1.1",
    severity=Severity.ERROR,
    judge=judge,
    interfaces=("msrp",),
    why="After 30 s without response the sender treats the message as refused with 408; users see it as not sent.",
    causes=(
        "The receiver hangs, or waits for a participant downstream before it answers.",
        "It takes Failure-Report: partial for granted and answers errors only.",
        "The response went out with another transaction id, or on another connection.",
    ),
    confirm="Follow the TCP stream: no response start line has the transaction id of the request.",
    fix="Answer each SEND at once (Failure-Report: yes, the default); report later failures by REPORT.",
    example="MSRP a786hjs2 SEND ... and no line 'MSRP a786hjs2 200 OK' for 30 s",
    yields_to=("MSRP-FRAMING",),
)
