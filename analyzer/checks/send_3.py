"""SEND-3: the MRFC's offer carries the path that the MRFP gave (TS 23.333 clause 6.2.10.3.1)."""

from __future__ import annotations

from analyzer.checks.allocation import path_passed_on
from analyzer.checks.rule import Rule
from analyzer.evidence import Evidence, Side
from analyzer.findings import Result, Severity, not_applicable


def judge(evidence: Evidence) -> Result:
    """`a=path` of the offer against Local of the reply."""
    if evidence.side is not Side.OFFERS:
        return not_applicable("the MRFC sends no offer in this session")
    return path_passed_on(RULE, evidence, evidence.offer, "offer")


RULE = Rule(
    code="SEND-3",
    title="The MRFC's offer has the a=path received from the MRFP.",
    clause="TS 23.333 clause 6.2.10.3.1",
    severity=Severity.ERROR,
    judge=judge,
    interfaces=("sip", "h248"),
    each_offer=True,
    why="The UE puts this path into To-Path; the MRFP refuses a session-id that it did not give (481).",
    causes=("The offer was built before the MRFP's reply was there.", "The MRFC invents the session-id."),
    confirm="Compare a=path in Local of the reply with a=path of the INVITE.",
    fix="Copy a=path from the MRFP's Local descriptor to the offer without change.",
    example="reply:  a=path:msrp://203.0.113.5:28563/s1f00dQ9x4mB7tLz;tcp\n"
    "wrong:  a=path:msrp://203.0.113.5:28563/other;tcp",
)
