"""OFFER-5: the answer carries the path that the MRFP gave (TS 23.333 clause 6.2.10.3.1)."""

from __future__ import annotations

from analyzer.checks.allocation import path_passed_on
from analyzer.checks.rule import Rule
from analyzer.evidence import Evidence, Side
from analyzer.findings import Result, Severity, not_applicable


def judge(evidence: Evidence) -> Result:
    """`a=path` of the answer against Local of the reply."""
    if evidence.side is not Side.ANSWERS:
        return not_applicable("the MRFC receives no offer in this session")
    return path_passed_on(RULE, evidence, evidence.answer, "answer")


RULE = Rule(
    code="OFFER-5",
    title="The MRFC's answer has the a=path received from the MRFP.",
    clause="TS 23.333 clause 6.2.10.3.1",
    severity=Severity.ERROR,
    judge=judge,
    interfaces=("sip", "h248"),
    each_offer=True,
    yields_to=("TCP-7",),
    why="The UE puts this path into To-Path; the MRFP refuses a session-id that it did not give (481).",
    causes=("The MRFC builds the path from address and port and invents the session-id.", "Path of another session."),
    confirm="Compare a=path in Local of the reply with a=path of the 200.",
    fix="Copy a=path from the MRFP's Local descriptor to the answer without change.",
    example="reply:  a=path:msrp://203.0.113.5:28563/s1f00dQ9x4mB7tLz;tcp\n"
    "wrong:  a=path:msrp://203.0.113.5:28563/other;tcp",
)
