"""SEND-2: the MRFP is told the transport that the MRFC offers (TS 23.333 clause 6.2.10.3.1)."""

from __future__ import annotations

from analyzer.checks.allocation import same_transport
from analyzer.checks.rule import Rule
from analyzer.evidence import Evidence, Side
from analyzer.findings import Result, Severity, not_applicable, not_observable


def judge(evidence: Evidence) -> Result:
    """The `m=` protocol in Local and Remote of every command, against the offer's."""
    if evidence.side is not Side.OFFERS:
        return not_applicable("the MRFC sends no offer in this session")
    if evidence.offer is None:
        return not_observable("the offer was not captured")
    return same_transport(RULE, evidence, evidence.offer, "offer")


RULE = Rule(
    code="SEND-2",
    title="The MRFC indicates TCP/MSRP or TCP/TLS/MSRP to the MRFP, as it does in its offer.",
    clause="TS 23.333 clause 6.2.10.3.1",
    severity=Severity.ERROR,
    judge=judge,
    interfaces=("sip", "h248"),
    each_offer=True,
    why="The protocol tells the MRFP whether to speak TLS, and that it is to understand MSRP.",
    causes=("The MRFC uses one template for plain and for secured media.",),
    confirm="Compare the third word of m= in Local of the Add and in the INVITE.",
    fix="Write the same protocol into the offer and into the m= lines of Local and Remote.",
    example="offer:  m=message 28563 TCP/MSRP *\nwrong:  L{... m=message $ TCP/TLS/MSRP *}",
)
