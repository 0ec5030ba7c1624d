"""SDP-REJECTED: the MSRP stream is accepted (RFC 3264 section 6)."""

from __future__ import annotations

from analyzer.checks.rule import Rule
from analyzer.checks.sdp_setup import NO_SDP
from analyzer.evidence import Evidence
from analyzer.findings import OK, Result, Severity, not_applicable, not_observable


def judge(evidence: Evidence) -> Result:
    """A port other than 0 in the answer."""
    offer, answer = evidence.offer, evidence.answer
    if offer is None and answer is None:
        return NO_SDP
    if offer is not None and not offer.end.port:
        return not_applicable("the offer itself has port 0")
    if answer is None:
        return not_observable("no answer in the capture")
    if any(end.port for end in answer.described.ends if end.is_msrp):
        return OK
    return RULE.broken(
        "The MSRP stream was rejected: the answer has port 0 for it.",
        answer.frames,
        expected="a port other than 0 in the m= line",
        actual=f"m=message 0 {answer.end.protocol}",
    )


RULE = Rule(
    code="SDP-REJECTED",
    title="The answer accepts the MSRP stream.",
    clause="RFC 3264 section 6",
    severity=Severity.ERROR,
    judge=judge,
    interfaces=("sip",),
    same_frames=("TCP-6",),
    why="The call is up, but nobody can send a message in it.",
    causes=(
        "The answerer does not take TCP/TLS/MSRP, or only that.",
        "c= and m= are not those of a=path, and the offer has no a=msrp-cema (RFC 6714 section 4.2).",
        "None of a=accept-types suits the answerer.",
    ),
    confirm="Read the m= line of the answer; compare transport and accept-types of the offer with what it supports.",
    fix="Offer what the other side supports, or let it answer 488 so that the caller learns of it.",
    example="m=message 0 TCP/MSRP *",
)
