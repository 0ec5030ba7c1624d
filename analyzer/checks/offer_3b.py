"""OFFER-3b: with CEMA the remote address is that of `c=` and `m=` (TS 23.333 clause 6.2.10.3.1 NOTE 1, RFC 6714)."""

from __future__ import annotations

from analyzer.checks.remote_address import compare_with_lines
from analyzer.checks.rule import Rule
from analyzer.evidence import Evidence, Side
from analyzer.findings import Result, Severity, not_applicable, not_observable


def judge(evidence: Evidence) -> Result:
    """Remote `c=` and `m=` against those of the offer."""
    if evidence.side is not Side.ANSWERS:
        return not_applicable("the MRFC receives no offer in this session")
    offer = evidence.offer
    if offer is None:
        return not_observable("the offer was not captured")
    if not offer.end.cema:
        return not_applicable("the offer has no a=msrp-cema")
    if evidence.configure is None:
        return not_observable(evidence.orders_incomplete or "no command gives the MRFP a Remote descriptor")
    return compare_with_lines(RULE, evidence, offer, evidence.configure, "offer")


RULE = Rule(
    code="OFFER-3b",
    title="With a=msrp-cema in the offer, the MRFP's remote address is that of its c= and m= lines.",
    clause="TS 23.333 clause 6.2.10.3.1 NOTE 1",
    severity=Severity.WARNING,
    judge=judge,
    interfaces=("sip", "h248"),
    each_offer=True,
    yields_to=("TCP-2",),
    why="With CEMA border gateways rewrite c= and m= alone (RFC 6714 section 5): only these lead to the UE.",
    causes=("The MRFC takes the address from a=path although the offer has CEMA.", "An older offer was used."),
    confirm="Compare c= and m= of the offer, on the hop next to the MRFC, with c= and m= in Remote.",
    fix="With CEMA configure the MRFP with c= and m= of the offer.",
    example="offer:  c=IN IP4 198.51.100.7, m=message 7394, a=msrp-cema\nwrong:  R{c=IN IP4 10.0.0.7 m=message 7394}",
)
