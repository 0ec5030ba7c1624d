"""TRANS-1: TLS of MSRP runs over TCP only (TR 29.828 clause 4.1.3)."""

from __future__ import annotations

from analyzer.checks.rule import Rule
from analyzer.evidence import Evidence
from analyzer.evidence.tls_legs import tls_connection
from analyzer.findings import Result, Severity, Status, not_applicable, not_observable


def judge(evidence: Evidence) -> Result:
    """The transport in the m= lines of offer and answer."""
    told = [
        each for each in (evidence.offer, evidence.answer) if each is not None and "TLS" in each.end.protocol.upper()
    ]
    for each in told:
        if not each.end.protocol.upper().startswith("TCP/"):
            return RULE.broken(
                f"MSRP over TLS is announced over another transport than TCP: {each.end.protocol}.",
                each.frames,
                expected="TCP/TLS/MSRP",
                actual=each.end.protocol,
            )
    if told:
        return Result(Status.OK, frames=told[0].frames)
    found = tls_connection(evidence)
    if found is not None and found[1].hello is not None:
        return Result(Status.OK, frames=found[1].hello.frames)
    if evidence.offer is None and evidence.answer is None:
        return not_observable("neither SDP nor TLS of this session in the capture")
    return not_applicable("the session has no TLS")


RULE = Rule(
    code="TRANS-1",
    title="TLS of MSRP runs over TCP, and over nothing else.",
    clause="TR 29.828 clause 4.1.3",
    severity=Severity.ERROR,
    judge=judge,
    interfaces=("sip",),
    yields_to=("DIN-1d", "DOUT-5"),
    why="The gateways of the IMS need not support TLS over another transport, so the media has no way.",
    causes=("A client for DTLS or SCTP was configured for MSRP.",),
    confirm="Read the m= line of the message section.",
    fix="Announce TCP/TLS/MSRP.",
    example="wrong:  m=message 7394 SCTP/TLS/MSRP *",
)
