"""OFFER-4: the MRFP is asked for address, port and session-id (TS 23.333 clause 6.2.10.3.1)."""

from __future__ import annotations

from analyzer.checks.allocation import asked_to_allocate
from analyzer.checks.rule import Rule
from analyzer.evidence import Evidence, Side
from analyzer.findings import Result, Severity, not_applicable


def judge(evidence: Evidence) -> Result:
    """`$` in Local of the Add."""
    if evidence.side is not Side.ANSWERS:
        return not_applicable("the MRFC receives no offer in this session")
    return asked_to_allocate(RULE, evidence)


RULE = Rule(
    code="OFFER-4",
    title="For an offer it received, the MRFC asks the MRFP to allocate address, port and MSRP session-id.",
    clause="TS 23.333 clause 6.2.10.3.1",
    severity=Severity.ERROR,
    judge=judge,
    interfaces=("h248",),
    each_offer=True,
    why="Only the MRFP knows which of its addresses, ports and session-ids are free.",
    causes=("The MRFC keeps a pool of addresses itself.", "The Local descriptor is missing from the Add."),
    confirm="Read Local of the Add: c=, m= and a=path should have $.",
    fix="Send Local with c=IN IP4 $, m=message $ TCP/MSRP * and a=path:$.",
    example="wrong:  L{c=IN IP4 203.0.113.5 m=message 28563 ...}\nright:  L{c=IN IP4 $ m=message $ ... a=path:$}",
)
