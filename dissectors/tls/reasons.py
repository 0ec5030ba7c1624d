"""Why a connection was not opened, and what would open it: the one place that words it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dissectors.tls.events import Outcome, OutcomeKind, TlsSession
from dissectors.tls.registry import AlertDescription, name_of

if TYPE_CHECKING:
    from dissectors.tls.negotiation import Negotiation
    from dissectors.tls.observer import TlsObserver
    from dissectors.tls.secrets import TlsSecrets

_NO_SESSION = "the session that is resumed"
SUPPLY_IT = "; supply it, or "
"""Between why there is no key, and the key log that would do instead."""
TLS13_LABELS = "CLIENT_HANDSHAKE_TRAFFIC_SECRET and other TLS 1.3"
"""The lines that open a TLS 1.3 session, for `key_log_wanted`."""


def key_log_wanted(session: TlsSession, label: str = "CLIENT_RANDOM") -> str:
    """What to supply where only a key log helps."""
    return f"supply a key log (SSLKEYLOGFILE) with the {label} lines of client random {session.client_random.hex()}"


def why_closed(negotiation: Negotiation, secrets: TlsSecrets) -> Outcome:
    """Why no key opened a TLS 1.0 to 1.2 handshake that came to its end."""
    session = negotiation.session
    suite = negotiation.suite
    unsupported = negotiation.unsupported
    if not unsupported and negotiation.lacking:
        unsupported = f"the cryptography library here lacks {negotiation.lacking}"
    if unsupported:
        return Outcome(OutcomeKind.UNSUPPORTED, unsupported)
    if negotiation.broken or suite is None:
        why = "octets of the handshake are lost, and what is left does not give its keys"
        return Outcome(OutcomeKind.GAP, f"{why}; {key_log_wanted(session)}")
    if negotiation.asked:
        why = "none of the keys supplied for this session authenticates its first protected records"
        return Outcome(OutcomeKind.WRONG_KEY, f"{why}; supply the key that the two sides used")
    if session.resumed:
        return _why_not_resumed(negotiation, secrets)
    name = session.cipher_suite_name
    if suite.forward_secrecy:
        why = f"{name} has forward secrecy: no long-term key opens a recording"
        return Outcome(OutcomeKind.FORWARD_SECRECY, f"{why}; {key_log_wanted(session)}")
    if suite.key_exchange == "RSA_PSK" and not secrets.rsa_keys:
        why = f"{name} needs the server's RSA private key besides the PSK"
    elif suite.psk:
        why = "no PSK is supplied for this session's PSK identity"
    elif suite.key_exchange == "RSA":
        why = f"{name} needs the server's RSA private key, and none that fits is supplied"
    else:
        why = f"no key is supplied for {name}"
    return Outcome(OutcomeKind.NO_KEY, f"{why}{SUPPLY_IT}{key_log_wanted(session).removeprefix('supply ')}")


def why_closed13(session: TlsSession, verified: bool, asked: bool) -> Outcome:
    """Why no key opens a TLS 1.3 handshake; `verified`: its PSK is known, `asked`: some key was tried."""
    wanted = key_log_wanted(session, TLS13_LABELS)
    if session.psk_identity is None:
        why = "TLS 1.3 without a PSK has forward secrecy: no long-term key opens a recording"
    elif session.psk_dhe and verified:
        why = "the PSK is the right one (its binder matches), but psk_dhe_ke has forward secrecy: it does not suffice"
    elif session.psk_dhe and asked:
        why = "psk_dhe_ke has forward secrecy: no PSK suffices, and none of those supplied is this session's either"
    elif session.psk_dhe:
        why = "psk_dhe_ke has forward secrecy: the PSK alone does not open it"
    elif asked:
        why = "none of the PSKs supplied for this session gives the binder of its ClientHello"
        return Outcome(OutcomeKind.WRONG_KEY, f"{why}; supply the key that the two sides used")
    else:
        why = "no PSK is supplied for this session's PSK identity"
        return Outcome(OutcomeKind.NO_KEY, f"{why}{SUPPLY_IT}{wanted.removeprefix('supply ')}")
    return Outcome(OutcomeKind.FORWARD_SECRECY, f"{why}; {wanted}")


def _why_not_resumed(negotiation: Negotiation, secrets: TlsSecrets) -> Outcome:
    wanted = key_log_wanted(negotiation.session)
    cached = negotiation.cached(secrets)
    if cached is not None and cached.reason:
        return Outcome(OutcomeKind(cached.reason), f"{_NO_SESSION} was not opened ({cached.reason}); {wanted}")
    why = f"the full handshake of {_NO_SESSION} is not in the capture"
    return Outcome(OutcomeKind.HANDSHAKE_NOT_CAPTURED, f"{why}; {wanted}")


def unfinished(observer: TlsObserver, session: TlsSession | None) -> Outcome:
    """Why a connection has no finished handshake."""
    alert = observer.fatal_alert
    lanes = observer.lanes
    if alert is not None and alert.description is not None:
        who = "client" if alert.direction == observer.client else "server"
        description = name_of(AlertDescription, alert.description)
        return Outcome(OutcomeKind.HANDSHAKE_FAILED, f"the {who} ended the handshake with the alert {description}")
    lost = any(lane.account.losses or lane.account.skipped_octets for lane in lanes)
    if session is None:
        if not any(lane.account.octets for lane in lanes):
            why = "no octets of it were captured"
        elif lost:
            why = "the beginning of the connection is lost"
        else:
            why = "there is no ClientHello; both directions are needed, from the TCP SYN on"
        return Outcome(OutcomeKind.HANDSHAKE_NOT_CAPTURED, why)
    if any(lane.account.losses for lane in lanes):
        return Outcome(OutcomeKind.GAP, f"octets of the handshake are lost; {key_log_wanted(session)}")
    if any(lane.eof for lane in lanes):
        return Outcome(OutcomeKind.HANDSHAKE_FAILED, "the connection ended before the handshake did, without an alert")
    if not lanes[1 - session.client].account.octets:
        why = "only the client's direction was captured; both are needed"
    else:
        why = "the capture ends within the handshake"
    return Outcome(OutcomeKind.HANDSHAKE_NOT_CAPTURED, why)


def opened_outcome(observer: TlsObserver, session: TlsSession) -> Outcome:
    """The outcome of a connection whose keys were found."""
    opened = sum(lane.account.opened for lane in observer.lanes)
    unopened = sum(lane.account.unopened for lane in observer.lanes)
    source = session.key_source
    if source is not None and source.kind == "none":
        why = f"{session.cipher_suite_name} does not encrypt; without its key the records were read but not verified"
        return Outcome(OutcomeKind.DECRYPTED, why)
    if unopened and any(lane.stuck for lane in observer.lanes):
        why = f"{opened} records were decrypted; behind lost octets {unopened} could not be"
        return Outcome(OutcomeKind.GAP, f"{why}; a capture without loss is needed for them")
    if unopened and not opened:
        return Outcome(OutcomeKind.WRONG_KEY, f"the keys supplied authenticate none of {unopened} records")
    if unopened:
        return Outcome(OutcomeKind.DECRYPTED, f"{opened} records were decrypted; {unopened} did not authenticate")
    return Outcome(OutcomeKind.DECRYPTED, f"{opened} records were decrypted")
