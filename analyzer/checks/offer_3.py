"""OFFER-3: without CEMA the remote address is that of the first path entry (TS 23.333 clause 6.2.10.3.1)."""

from __future__ import annotations

from analyzer.checks.remote_address import compare_with_path
from analyzer.checks.rule import Rule
from analyzer.evidence import Evidence, Side
from analyzer.findings import Result, Severity, not_applicable, not_observable


def judge(evidence: Evidence) -> Result:
    """Remote `c=` and `m=` against host and port of the first entry of the offer's path."""
    if evidence.side is not Side.ANSWERS:
        return not_applicable("the MRFC receives no offer in this session")
    offer = evidence.offer
    if offer is None:
        return not_observable("the offer was not captured")
    if offer.end.cema:
        return not_applicable("the offer has a=msrp-cema")
    if evidence.configure is None:
        return not_observable(evidence.orders_incomplete or "no command gives the MRFP a Remote descriptor")
    return compare_with_path(RULE, evidence, offer, evidence.configure, "offer")


RULE = Rule(
    code="OFFER-3",
    title="Without a=msrp-cema in the offer, the MRFP's remote address is that of the first entry of its a=path.",
    clause="TS 23.333 clause 6.2.10.3.1",
    severity=Severity.WARNING,
    judge=judge,
    interfaces=("sip", "h248"),
    each_offer=True,
    yields_to=("TCP-2",),
    why="Where an MSRP relay stands in front of the UE, c= and m= may name the UE itself, which is not to be reached.",
    causes=("The MRFC always takes c= and m=.", "The offer passed a border gateway that rewrites c= and m= only."),
    confirm="Compare the first URI of a=path in the offer with c= and m= in Remote.",
    fix="Without CEMA configure the MRFP with host and port of the first a=path entry.",
    example="offer:  c=IN IP4 198.51.100.7, a=path:msrp://192.0.2.99:2855/r;tcp msrp://198.51.100.7:7394/u;tcp\n"
    "wrong:  R{c=IN IP4 198.51.100.7 m=message 7394}\nright:  R{c=IN IP4 192.0.2.99 m=message 2855}",
)
