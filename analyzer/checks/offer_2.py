"""OFFER-2: the MRFP is told the transport of the offer (TS 23.333 clause 6.2.10.3.1)."""

from __future__ import annotations

from analyzer.checks.allocation import same_transport
from analyzer.checks.rule import Rule
from analyzer.evidence import Evidence, Side
from analyzer.findings import Result, Severity, not_applicable, not_observable


def judge(evidence: Evidence) -> Result:
    """The `m=` protocol in Local and Remote of every command, against the offer's."""
    if evidence.side is not Side.ANSWERS:
        return not_applicable("the MRFC receives no offer in this session")
    if evidence.offer is None:
        return not_observable("the offer was not captured")
    return same_transport(RULE, evidence, evidence.offer, "offer")


RULE = Rule(
    code="OFFER-2",
    title="The MRFC indicates TCP/MSRP or TCP/TLS/MSRP to the MRFP, as the offer does.",
    clause="TS 23.333 clause 6.2.10.3.1",
    severity=Severity.ERROR,
    judge=judge,
    interfaces=("sip", "h248"),
    each_offer=True,
    why="The protocol tells the MRFP whether to speak TLS, and that it is to understand MSRP.",
    causes=("The MRFC uses one template for plain and for secured media.", "Only one of Local and Remote was changed."),
    confirm="Compare the third word of m= in the INVITE, in Local and in Remote.",
    fix="Write the protocol of the offer into the m= lines of Local and Remote.",
    example="offer:  m=message 7394 TCP/TLS/MSRP *\nwrong:  L{... m=message $ TCP/MSRP *}",
)
