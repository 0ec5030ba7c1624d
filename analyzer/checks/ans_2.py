"""ANS-2: without CEMA the remote address is that of the first path entry (TS 23.333 clause 6.2.10.3.1)."""

from __future__ import annotations

from analyzer.checks.remote_address import compare_with_path
from analyzer.checks.rule import Rule
from analyzer.evidence import Evidence, Side
from analyzer.findings import Result, Severity, not_applicable, not_observable


def judge(evidence: Evidence) -> Result:
    """Remote `c=` and `m=` of the Modify against the first entry of the answer's path."""
    if evidence.side is not Side.OFFERS:
        return not_applicable("the MRFC receives no answer in this session")
    answer = evidence.answer
    if answer is None:
        return not_observable("no answer in the capture")
    if answer.end.cema:
        return not_applicable("the answer has a=msrp-cema")
    if evidence.configure is None:
        return not_observable(evidence.orders_incomplete or "no command gives the MRFP a Remote descriptor")
    return compare_with_path(RULE, evidence, answer, evidence.configure, "answer")


RULE = Rule(
    code="ANS-2",
    title="Without a=msrp-cema in the answer, the MRFP's remote address is that of the first entry of its a=path.",
    clause="TS 23.333 clause 6.2.10.3.1",
    severity=Severity.WARNING,
    judge=judge,
    interfaces=("sip", "h248"),
    each_offer=True,
    yields_to=("ANS-1",),
    why="Where an MSRP relay stands in front of the UE, c= and m= may name the UE itself, which is not to be reached.",
    causes=("The MRFC always takes c= and m=.", "The answer passed a border gateway that rewrites c= and m= only."),
    confirm="Compare the first URI of a=path in the answer with c= and m= in Remote of the Modify.",
    fix="Without CEMA configure the MRFP with host and port of the first a=path entry.",
    example="answer: a=path:msrp://192.0.2.99:2855/r;tcp msrp://198.51.100.9:8145/u;tcp\n"
    "wrong:  R{c=IN IP4 198.51.100.9 m=message 8145}",
)
