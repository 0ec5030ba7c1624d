"""TLS on top of TCP: who starts it, when, and that the agreed key protects it (TS 23.333 clause 6.2.19.2)."""

from __future__ import annotations

from analyzer.checks.rule import Rule
from analyzer.conversations.tls_facts import TlsFacts
from analyzer.evidence import Evidence
from analyzer.evidence.mikey import transfer_init, transfer_resp
from analyzer.findings import Result, Status, not_observable

TOLERANCE_NS = 2_000_000
"Packets may be captured up to a millisecond out of order, so two of them may seem exchanged by twice that."


def tls_of(evidence: Evidence) -> TlsFacts | None:
    """TLS on the media connection."""
    connection = evidence.connection
    return connection.tls if connection is not None else None


def tls_started_by(rule: Rule, evidence: Evidence, who: str) -> Result:
    """ClientHello from the MRFP or the UE (`who`), after TCP is up, with a PSK."""
    connection = evidence.connection
    if connection is None:
        return not_observable("no TCP connection between the announced ends in the capture")
    tls = connection.tls
    if tls is None or tls.hello is None:
        return not_observable("no ClientHello in the capture")
    opener = evidence.opener(connection)
    if not opener:
        return not_observable("the begin of the TCP connection was not captured")
    other = "UE" if opener == "MRFP" else "MRFP"
    client = opener if tls.hello.direction == 0 else other
    if client != who:
        return rule.broken(
            f"The {client} started TLS; in this flow the {who} does.",
            tls.hello.frames,
            expected=f"ClientHello from the {who}",
            actual=f"ClientHello from the {client}",
        )
    if connection.established is not None and tls.hello.time < connection.established - TOLERANCE_NS:
        made = evidence.first_step(connection, "ACK, established")
        return rule.broken(
            "TLS was started before the TCP connection was up.",
            (*tls.hello.frames, *(made[1] if made is not None else ())),
            expected="ClientHello after the third segment of the TCP handshake",
            actual="ClientHello before it",
        )
    if tls.is_psk is False:
        return rule.broken(
            f"TLS was not set up with a pre-shared key: {_key(evidence)} protects nothing.",
            tls.hello.frames,
            expected="a PSK cipher suite (RFC 4279), or pre_shared_key in TLS 1.3",
            actual=f"{tls.version} {tls.cipher_suite}",
        )
    end = tls.established.time if tls.established is not None else tls.hello.time
    return Result(Status.OK, frames=tls.hello.frames, begin=tls.hello.time, end=end)


def _key(evidence: Evidence) -> str:
    """The key that there was to use."""
    if transfer_init(evidence) is not None or transfer_resp(evidence) is not None:
        return "the key agreed by MIKEY-TICKET"
    return "the key that the MRFC gave the MRFP"
