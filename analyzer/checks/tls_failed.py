"""TLS-FAILED: TLS could not be set up, or was ended by an alert (RFC 5246 section 7.2, RFC 8446 section 6)."""

from __future__ import annotations

from typing import NamedTuple

from analyzer.checks.rule import Rule
from analyzer.conversations.connection import Connection
from analyzer.conversations.tls_facts import TlsFacts
from analyzer.evidence import Evidence
from analyzer.findings import OK, Result, Severity, not_applicable, not_observable
from analyzer.identities import psk_identity_text, shortened
from analyzer.model import Confidence


class Alert(NamedTuple):
    """What a fatal alert says where MSRP is set up."""

    meaning: str
    advice: str


SAME_KEY = "Give both ends the same key: compare the PSK in H.248 with the TEK of the MIKEY-TICKET exchange (-k)."
CERTIFICATE = "Compare the certificate with fingerprint, issuer and dates that the other side expects."
ALERTS = {
    "unknown_psk_identity": Alert("the server knows no key for the PSK identity", ""),
    "bad_record_mac": Alert("the two ends hold different keys", SAME_KEY),
    "decrypt_error": Alert("the two ends hold different keys", SAME_KEY),
    "decryption_failed": Alert("the two ends hold different keys", SAME_KEY),
    "handshake_failure": Alert(
        "no cipher suite suits both, or the server has no PSK",
        "Give both ends a common PSK cipher suite: compare the list in ClientHello with those that the server has; "
        "and see that the server was given its key.",
    ),
    "insufficient_security": Alert(
        "the server wants a stronger cipher suite", "Let the client offer a suite that the server takes."
    ),
    "protocol_version": Alert(
        "no TLS version suits both", "Switch a version on that both have: compare ClientHello with the server's."
    ),
    "unexpected_message": Alert(
        "a message came that the other side did not expect; do both take the client's part?",
        "Let one side alone send ClientHello: who is to do so follows from the signals to the MRFP and from a=setup.",
    ),
    "bad_certificate": Alert("the certificate is not accepted", CERTIFICATE),
    "unknown_ca": Alert("the certificate's issuer is not known", CERTIFICATE),
    "certificate_unknown": Alert("the certificate is not accepted", CERTIFICATE),
    "certificate_expired": Alert("the certificate has expired", CERTIFICATE),
    "certificate_required": Alert(
        "the server wants a certificate of the client", "Use a PSK cipher suite, or give the client a certificate."
    ),
    "internal_error": Alert("the node that sends it failed", "Look at the log of the node that sent it."),
    "user_canceled": Alert("the node that sends it gave up", "Look at the log of the node that sent it."),
}
"What alerts mean where MSRP is set up, in short, and what to do."


def judge(evidence: Evidence) -> Result:
    """No fatal alert, and a handshake that ends with Finished of both sides."""
    connections = [part.connection for part in evidence.connection_parts]
    tried = [(each, each.tls) for each in connections if each.tls is not None]
    if not tried:
        if not evidence.is_secured:
            return not_applicable("the session has no TLS")
        return not_observable("no TLS of this session in the capture")
    worked = [each for each, tls in tried if tls.established is not None]
    for connection, tls in reversed(tried):
        if tls.fatal is None and not _given_up(connection, tls):
            continue
        severity = Severity.WARNING if worked and connection not in worked else None
        return _failed(evidence, connection, tls, severity)
    return OK if worked else not_observable("how the handshake ended is not in the capture")


def _given_up(connection: Connection, tls: TlsFacts) -> bool:
    """The connection ended in the middle of a handshake that was captured whole."""
    if tls.outcome == "handshake_failed":
        return True
    if tls.established is not None or tls.hello is None or connection.gaps or tls.unopened:
        return False
    hidden = tls.outcome in ("gap", "handshake_not_captured", "unsupported") or (
        tls.version == "TLS 1.3" and not tls.decrypted
    )
    return connection.is_over and not hidden


def _failed(evidence: Evidence, connection: Connection, tls: TlsFacts, severity: Severity | None) -> Result:
    """The finding, with the alert decoded."""
    hello = tls.hello.frames if tls.hello is not None else ()
    if tls.fatal is None:
        end = max((row for row in connection.rows if row[3] == "tcp"), key=lambda row: row[0], default=None)
        return RULE.broken(
            "TLS could not be set up: the connection ended in the middle of the handshake, without an alert.",
            (*hello, *(end[1] if end is not None else ())),
            expected="Finished of both sides",
            actual=f"no Finished of both sides, connection {connection.outcome or 'left open'}",
            severity=severity,
            confidence=Confidence.LIKELY,
        )
    name = tls.fatal.what.removeprefix("alert: fatal ")
    alert = ALERTS.get(name, Alert("see RFC 5246 section 7.2.2", ""))
    sender = _name(evidence, connection, tls.fatal.direction)
    when = "could not be set up" if tls.established is None else "was ended"
    meaning, advice = alert
    if name == "unknown_psk_identity" and tls.client is not None:
        sender = _end(evidence, connection, tls.fatal.direction)
        meaning, advice = _no_key_for(evidence, connection, tls.client, tls.psk_identity)
    return RULE.broken(
        f"TLS {when}: {sender} sent the fatal alert {name} ({meaning}).",
        (*(hello if tls.established is None else ()), *tls.fatal.frames),
        expected="Finished of both sides" if tls.established is None else "close_notify",
        actual=f"fatal alert {name}",
        hint=advice,
        severity=severity,
    )


def _no_key_for(evidence: Evidence, connection: Connection, client: int, identity: bytes | None) -> tuple[str, str]:
    """Which identity the server knows no key for, who sent it, and what to do."""
    who, whom = _name(evidence, connection, client), _name(evidence, connection, 1 - client)
    if identity is None:
        which = "the PSK identity, which is not in the capture,"
    else:
        text = psk_identity_text(identity, identities=evidence.scope.identities)
        which = f"the PSK identity {shortened(text)}" if text else "the empty PSK identity"
    meaning = f"it knows no key for {which} of {_end(evidence, connection, client)}"
    return meaning, f"Give {whom} the key of this identity, or let {who} send the identity that {whom} has a key for."


def _end(evidence: Evidence, connection: Connection, direction: int) -> str:
    """Who sends in a direction, with address and port."""
    name, address = _name(evidence, connection, direction), _address(connection, direction)
    return name if name == address else f"{name} at {address}"


def _address(connection: Connection, direction: int) -> str:
    return (connection.server if direction else connection.client).src


def _name(evidence: Evidence, connection: Connection, direction: int) -> str:
    """Who sends in a direction: `the MRFP`, `the UE`, or an address."""
    opener = evidence.opener(connection)
    if not opener:
        return _address(connection, direction)
    return f"the {opener if direction == 0 else {'UE': 'MRFP', 'MRFP': 'UE'}[opener]}"


RULE = Rule(
    code="TLS-FAILED",
    title="TLS is set up, and ends without a fatal alert.",
    clause="RFC 5246 section 7.2",
    severity=Severity.ERROR,
    judge=judge,
    interfaces=("tcp",),
    yields_to=(
        *("DIN-4b", "DOUT-9b", "DIN-8", "DOUT-13"),
        *("DIN-1a", "DIN-9", "DIN-10b", "DOUT-5", "DOUT-8", "DOUT-9a"),
    ),
    why="No message passes, and the participant is in the conference only as far as SIP knows.",
    causes=(
        "Another Pre-Shared Key at the MRFP than the UE derives: the TGK, a TEK derived without RANDRr, an old key.",
        "PSK cipher suites are switched off on one side.",
        "Both sides wait for a ClientHello, or both send one.",
    ),
    confirm="Read the alert (tls.alert_message in Wireshark); keys (-k) compare the PSK in H.248 with the TEK.",
    fix="Give both ends the same key and a common PSK cipher suite.",
    example="wrong:  ClientKeyExchange, Finished, then Alert (Fatal, bad_record_mac)",
)
