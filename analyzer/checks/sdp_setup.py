"""SDP-SETUP: `a=setup` of offer and answer fit together (RFC 4145 section 4.1, RFC 6135 section 4)."""

from __future__ import annotations

from analyzer.checks.rule import Rule
from analyzer.evidence import Announced, Evidence
from analyzer.findings import OK, Finding, Result, Severity, Status, not_applicable, not_observable

ANSWERS = {
    "active": ("passive",),
    "passive": ("active",),
    "actpass": ("active", "passive"),
    "": ("passive",),
}
"""The answers that go with an offer (RFC 4145 section 4.1).

Without `a=setup` the offerer is active and the answerer passive, as RFC 4975 has it. MSRP takes holdconn as if nothing
were said (RFC 6135 section 4.2).
"""

NO_SDP = not_observable("no SDP with an MSRP stream in the capture")
REJECTED = not_applicable("the MSRP stream was rejected")


def judge(evidence: Evidence) -> Result:
    """The answer against the table; the offer against what MSRP allows."""
    offer, answer = evidence.offer, evidence.answer
    if offer is None:
        return NO_SDP
    findings: list[Finding] = []
    if offer.end.setup in ("passive", "holdconn"):
        findings.append(
            RULE.finding(
                f"The offer has a=setup:{offer.end.setup}, which MSRP does not allow.",
                offer.frames,
                expected="a=setup:actpass or a=setup:active",
                actual=f"a=setup:{offer.end.setup}",
                severity=Severity.WARNING,
            )
        )
    if answer is not None and answer.end.port:
        wrong = _wrong_answer(offer, answer)
        if wrong is not None:
            findings.append(wrong)
    if findings:
        return Result(Status.FAILED, findings=tuple(findings))
    if answer is None:
        return not_observable("no answer in the capture")
    return OK if answer.end.port else REJECTED


def _wrong_answer(offer: Announced, answer: Announced) -> Finding | None:
    offered, answered = (_meant(each.end.setup) for each in (offer, answer))
    allowed = ANSWERS.get(offered)
    if allowed is None or (answered or "passive") in allowed:
        return None
    told = f"a=setup:{answer.end.setup}" if answer.end.setup else "no a=setup (which means passive)"
    to = f"a=setup:{offer.end.setup}" if offer.end.setup else "no a=setup (the offerer connects)"
    if answered in ("active", "passive", ""):
        follows = "both sides will connect" if answered == "active" else "nobody will connect"
    else:
        follows = "it is no answer"
    return RULE.finding(
        f"The answer has {told} to an offer with {to}: {follows}.",
        answer.frames,
        expected=" or ".join(f"a=setup:{each}" for each in allowed),
        actual=told,
    )


def _meant(setup: str) -> str:
    return "" if setup == "holdconn" else setup


RULE = Rule(
    code="SDP-SETUP",
    title="a=setup of the answer is one that fits the offer.",
    clause="RFC 4145 section 4.1, RFC 6135 section 4.2",
    severity=Severity.ERROR,
    judge=judge,
    interfaces=("sip",),
    yields_to=("DIN-1d",),
    same_frames=("TCP-1", "TCP-6", "DIN-1d", "DOUT-5"),
    why="Where both are active two connections are tried; where both are passive none is.",
    causes=(
        "The answerer copies a=setup of the offer.",
        "The answerer behind a NAT insists on active.",
        "actpass stands in an answer, where a choice must be made.",
    ),
    confirm="Read a=setup in the message section of offer and answer.",
    fix="Answer active with passive, actpass with active or passive.",
    example="offer:  a=setup:active\nwrong:  a=setup:active in the answer\nright:  a=setup:passive",
)
