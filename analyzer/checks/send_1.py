"""SEND-1: before it offers, the MRFC asks the MRFP for address, port and session-id (TS 23.333 clause 6.2.10.3.1)."""

from __future__ import annotations

from analyzer.checks.allocation import asked_to_allocate
from analyzer.checks.rule import Rule
from analyzer.evidence import Evidence, Side
from analyzer.findings import Result, Severity, not_applicable


def judge(evidence: Evidence) -> Result:
    """`$` in Local of the Add; that it comes before the INVITE is the flow's matter."""
    if evidence.side is not Side.OFFERS:
        return not_applicable("the MRFC sends no offer in this session")
    return asked_to_allocate(RULE, evidence)


RULE = Rule(
    code="SEND-1",
    title="For an offer it sends, the MRFC first asks the MRFP to allocate address, port and MSRP session-id.",
    clause="TS 23.333 clause 6.2.10.3.1",
    severity=Severity.ERROR,
    judge=judge,
    interfaces=("h248",),
    each_offer=True,
    why="The offer must say where the MRFP will be reached, which only the MRFP knows.",
    causes=("The MRFC keeps a pool of addresses itself.", "The Local descriptor is missing from the Add."),
    confirm="Read Local of the Add that comes before the INVITE: c=, m= and a=path should have $.",
    fix="Send the Add with $ for address, port and a=path in Local, wait for the reply, then send the INVITE.",
    example="wrong:  L{c=IN IP4 203.0.113.5 m=message 28563 ...}\nright:  L{c=IN IP4 $ m=message $ ... a=path:$}",
)
