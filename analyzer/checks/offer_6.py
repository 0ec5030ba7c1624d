"""OFFER-6: an offer with `a=msrp-cema` is answered with it (TS 23.333 clause 6.2.10.3.1, RFC 6714 section 4)."""

from __future__ import annotations

from analyzer.checks.rule import Rule
from analyzer.evidence import Evidence, Side
from analyzer.findings import OK, Result, Severity, not_applicable, not_observable


def judge(evidence: Evidence) -> Result:
    """The attribute in both descriptions."""
    if evidence.side is not Side.ANSWERS:
        return not_applicable("the MRFC receives no offer in this session")
    offer, answer = evidence.offer, evidence.answer
    if offer is None:
        return not_observable("the offer was not captured")
    if not offer.end.cema:
        return not_applicable("the offer has no a=msrp-cema")
    if answer is None:
        return not_observable("no answer in the capture")
    if answer.end.cema:
        return OK
    if altered := evidence.altered(answer):
        return not_observable(altered)
    return RULE.broken(
        "The MRFC left a=msrp-cema out of its answer to an offer that has it.",
        (*offer.frames, *answer.frames),
        expected="a=msrp-cema in the answer",
        actual="no a=msrp-cema in the answer",
    )


RULE = Rule(
    code="OFFER-6",
    title="The MRFC includes a=msrp-cema in the answer where the offer has it.",
    clause="TS 23.333 clause 6.2.10.3.1",
    severity=Severity.ERROR,
    judge=judge,
    interfaces=("sip",),
    each_offer=True,
    why="Without it the UE must take the addresses of a=path; behind a border gateway these are not reachable "
    "(RFC 6714 section 4.2), and the UE may send a second offer without CEMA.",
    causes=(
        "CEMA is switched off at the MRFC, or it builds its answer from a fixed template.",
        "A border gateway on the way removed the attribute: compare the hops.",
    ),
    confirm="Look for a=msrp-cema in the message section of the offer and of the answer.",
    fix="Echo a=msrp-cema in the answer whenever the offer has it.",
    example="offer:  m=message 7394 TCP/MSRP * ... a=msrp-cema\nwrong:  answer without a=msrp-cema",
)
