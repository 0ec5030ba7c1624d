"""TLS-2: the gateway is told the bearer type, TLS or TCP (TR 29.828 clauses 4.3.2 and 4.4.1)."""

from __future__ import annotations

from analyzer.checks.rule import Rule
from analyzer.evidence import Evidence
from analyzer.evidence.tls_legs import tls_connection
from analyzer.findings import Result, Severity, Status, not_applicable, not_observable


def judge(evidence: Evidence) -> Result:
    """The protocol of the m= lines that the MRFC sends the MRFP, where the session has TLS."""
    found = tls_connection(evidence)
    if found is None and not evidence.is_secured:
        return not_applicable("the session has no TLS")
    told = [
        (order, end.protocol)
        for order in evidence.orders
        for end in (each.end for each in (order.local, order.remote) if each is not None)
        if end is not None and end.protocol
    ]
    if not told:
        return not_observable(evidence.orders_incomplete or "no command to the MRFP has an m= line")
    wrong = next(((order, protocol) for order, protocol in told if "TLS" not in protocol.upper()), None)
    if wrong is None:
        return Result(Status.OK, frames=told[0][0].frames)
    order, protocol = wrong
    seen = found[1].hello.frames if found is not None and found[1].hello is not None else ()
    return RULE.broken(
        f"The MRFP was told the bearer type {protocol} for a session with TLS.",
        (*order.frames, *seen),
        expected="TCP/TLS/MSRP in the m= lines of H.248",
        actual=protocol,
    )


RULE = Rule(
    code="TLS-2",
    title="The MRFC tells the MRFP that the bearer is TLS: TCP/TLS/MSRP in the m= lines of H.248.",
    clause="TR 29.828 clauses 4.3.2 and 4.4.1",
    severity=Severity.ERROR,
    judge=judge,
    interfaces=("h248",),
    yields_to=("OFFER-2", "SEND-2"),
    why="The MRFP reserves resources by the bearer type; without TLS it waits for MSRP in plain.",
    causes=("The m= line is taken from a template for TCP/MSRP.",),
    confirm="Read the m= lines of Local and Remote in the Add and Modify.",
    fix="Copy the protocol of the SDP into the descriptors.",
    example="wrong:  m=message $ TCP/MSRP *   right:  m=message $ TCP/TLS/MSRP *",
)
