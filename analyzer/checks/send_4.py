"""SEND-4: the MRFC offers CEMA (TS 23.333 clause 6.2.10.3.1, RFC 6714)."""

from __future__ import annotations

from analyzer.checks.rule import Rule
from analyzer.evidence import Evidence, Side
from analyzer.findings import Result, Severity, Status, not_applicable, not_observable


def judge(evidence: Evidence) -> Result:
    """`a=msrp-cema` in the MRFC's offer."""
    if evidence.side is not Side.OFFERS:
        return not_applicable("the MRFC sends no offer in this session")
    offer = evidence.offer
    if offer is None:
        return not_observable("the offer was not captured")
    if offer.end.cema:
        return Result(Status.OK, frames=offer.frames, begin=offer.time, end=offer.sent)
    if evidence.is_later and not evidence.cema_before:
        return not_applicable("CEMA was not agreed before: an offer without it is the way back (RFC 6714 section 4.2)")
    if altered := evidence.altered(offer):
        return not_observable(altered)
    return RULE.broken(
        "The MRFC's offer has no a=msrp-cema.",
        offer.frames,
        expected="a=msrp-cema in the offer",
        actual="no a=msrp-cema",
    )


RULE = Rule(
    code="SEND-4",
    title="The MRFC includes a=msrp-cema in the offers it sends.",
    clause="TS 23.333 clause 6.2.10.3.1",
    severity=Severity.WARNING,
    judge=judge,
    interfaces=("sip",),
    each_offer=True,
    why="Without CEMA every border gateway on the way must be an MSRP back-to-back agent (RFC 6714 section 5).",
    causes=("CEMA is switched off at the MRFC.", "A border gateway removed the attribute: compare the hops."),
    confirm="Look for a=msrp-cema in the message section of the INVITE.",
    fix="Add a=msrp-cema to the offer.",
    example="right:  m=message 28563 TCP/MSRP * ... a=msrp-cema",
)
