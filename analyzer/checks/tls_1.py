"""TLS-1: two phases, first TCP and then TLS (TR 29.828 clause 4.3.1)."""

from __future__ import annotations

from analyzer.checks.rule import Rule
from analyzer.evidence import Evidence
from analyzer.evidence.tls_legs import tls_connection
from analyzer.findings import Result, Severity, Status, not_applicable, not_observable

TOLERANCE_NS = 2_000_000
"Packets may be captured up to a millisecond out of order, so two of them may seem exchanged by twice that."


def judge(evidence: Evidence) -> Result:
    """ClientHello after the SYN ACK."""
    found = tls_connection(evidence)
    hello = found[1].hello if found is not None else None
    if found is None or hello is None:
        if not evidence.is_secured:
            return not_applicable("the session has no TLS")
        return not_observable("no TLS handshake of this session in the capture")
    connection, _ = found
    accepted = evidence.first_step(connection, "SYN ACK")
    if accepted is None:
        return not_observable("the TCP handshake was not captured")
    time, frames = accepted
    if hello.time < time - TOLERANCE_NS:
        return RULE.broken(
            f"ClientHello was sent before the TCP connection was accepted{evidence.scope.clocks}.",
            (*hello.frames, *frames),
            expected="ClientHello after SYN, SYN ACK, ACK",
            actual=f"ClientHello {(time - hello.time) / 1e6:.1f} ms before SYN ACK",
            severity=None if evidence.scope.one_clock else Severity.WARNING,
        )
    return Result(Status.OK, frames=(*frames, *hello.frames), begin=time, end=hello.time)


RULE = Rule(
    code="TLS-1",
    title="TLS is set up once the TCP connection is, not with it.",
    clause="TR 29.828 clause 4.3.1",
    severity=Severity.ERROR,
    judge=judge,
    interfaces=("tcp",),
    of_set_up=True,
    yields_to=("DIN-8", "DOUT-13"),
    why="Data in the SYN is dropped by many firewalls and gateways; whether it may carry ClientHello was left open.",
    causes=("TCP Fast Open (RFC 7413) is switched on at the client.",),
    confirm="Look whether the SYN carries data (tcp.flags.syn == 1 && tcp.len > 0).",
    fix="Send ClientHello in or after the segment that completes the TCP handshake.",
    example="wrong:  SYN with 62 octets of data, a TLS record",
)
