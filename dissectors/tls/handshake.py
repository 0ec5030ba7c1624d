"""Handshake messages besides the hellos (RFC 5246 section 7.4, RFC 8446 section 4, RFC 4279, RFC 5489, RFC 5077).

A message is type, length in three octets, body. The bodies of the key exchange messages mean nothing without the
cipher suite, so they are read by functions of their own.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from dissectors.errors import DecodeError
from dissectors.tls.cursor import Cursor
from dissectors.tls.hello import (
    ClientHello,
    EncryptedExtensions,
    ServerHello,
    decode_client_hello,
    decode_encrypted_extensions,
    decode_server_hello,
)
from dissectors.tls.registry import HandshakeType as Hs
from dissectors.tls.registry import ProtocolVersion, name_of


@dataclass(frozen=True, slots=True)
class Certificate:
    """One X.509 certificate as it was sent."""

    der: bytes

    @property
    def sha256(self) -> str:
        """SHA-256 fingerprint as RFC 8122 writes it: upper-case hex pairs with colons."""
        return hashlib.sha256(self.der).digest().hex(":").upper()

    @property
    def sha1(self) -> str:
        """SHA-1 fingerprint, written as `sha256` is."""
        return hashlib.sha1(self.der).digest().hex(":").upper()


@dataclass(frozen=True, slots=True)
class CertificateMessage:
    """Certificate (RFC 5246 section 7.4.2, RFC 8446 section 4.4.2): the sender's own first."""

    certificates: tuple[Certificate, ...]


@dataclass(frozen=True, slots=True)
class ServerKeyExchange:
    """ServerKeyExchange (RFC 4279 section 2, RFC 5489 section 2, RFC 5246 section 7.4.3)."""

    psk_identity_hint: bytes | None
    "None in an exchange without a PSK."
    parameters: bytes
    "What follows the hint: the server's (EC)DH parameters and their signature, as sent."
    dh_p: bytes = b""
    dh_g: bytes = b""
    dh_public: bytes = b""
    named_curve: int | None = None
    "Of an ECDHE exchange (TLS Supported Groups registry)."
    ec_public: bytes = b""


@dataclass(frozen=True, slots=True)
class ClientKeyExchange:
    """ClientKeyExchange (RFC 4279 section 2, RFC 5489 section 2, RFC 5246 section 7.4.7)."""

    psk_identity: bytes | None
    "None in an exchange without a PSK."
    exchange_keys: bytes
    "Yc, the client's point, or the encrypted premaster secret, without its length; empty in a plain PSK exchange."


@dataclass(frozen=True, slots=True)
class NewSessionTicket:
    """NewSessionTicket (RFC 5077 section 3.3, RFC 8446 section 4.6.1)."""

    lifetime: int
    "Seconds."
    ticket: bytes
    nonce: bytes = b""
    age_add: int = 0


@dataclass(frozen=True, slots=True)
class Finished:
    """Finished (RFC 5246 section 7.4.9, RFC 8446 section 4.4.4)."""

    verify_data: bytes


@dataclass(frozen=True, slots=True)
class KeyUpdate:
    """KeyUpdate (RFC 8446 section 4.6.3)."""

    update_requested: bool


@dataclass(frozen=True, slots=True)
class OtherMessage:
    """A message that is not taken apart."""

    handshake_type: int
    body: bytes

    @property
    def name(self) -> str:
        """The type as the registry spells it."""
        return name_of(Hs, self.handshake_type)


HandshakeMessage = (
    ClientHello
    | ServerHello
    | EncryptedExtensions
    | CertificateMessage
    | ServerKeyExchange
    | ClientKeyExchange
    | NewSessionTicket
    | Finished
    | KeyUpdate
    | OtherMessage
)


def decode_handshake(message: bytes, version: int = 0, key_exchange: str = "") -> HandshakeMessage:
    """One whole handshake message, its header included; raises `DecodeError`.

    `version` and `key_exchange` (as in `dissectors.tls.suites.Suite`) are what the hellos agreed on; without them the
    messages whose form depends on them come back as `OtherMessage`.
    """
    if len(message) < 4 or len(message) != 4 + int.from_bytes(message[1:4], "big"):
        raise DecodeError("TLS handshake message", 0, "not as long as its header says")
    handshake_type = message[0]
    body = message[4:]
    if handshake_type == Hs.client_hello:
        return decode_client_hello(body)
    if handshake_type == Hs.server_hello:
        return decode_server_hello(body)
    if handshake_type == Hs.finished:
        return Finished(body)
    if handshake_type == Hs.encrypted_extensions:
        return decode_encrypted_extensions(body)
    if version and handshake_type == Hs.certificate:
        return _decode_certificate(body, version)
    if version and handshake_type == Hs.new_session_ticket:
        return _decode_ticket(body, version)
    if handshake_type == Hs.key_update:
        if body not in (b"\0", b"\1"):
            raise DecodeError("KeyUpdate", 0, "neither 0 nor 1")
        return KeyUpdate(body == b"\1")
    if key_exchange and handshake_type == Hs.server_key_exchange:
        return decode_server_key_exchange(body, key_exchange)
    if key_exchange and handshake_type == Hs.client_key_exchange:
        return decode_client_key_exchange(body, key_exchange)
    return OtherMessage(handshake_type, body)


def _decode_certificate(body: bytes, version: int) -> CertificateMessage:
    cursor = Cursor(body, "Certificate")
    if version >= ProtocolVersion.TLS_1_3:
        cursor.pull_opaque(1)  # certificate_request_context
    block = cursor.pull_block(3)
    cursor.expect_end()
    found = []
    while block.more:
        found.append(Certificate(block.pull_opaque(3)))
        if version >= ProtocolVersion.TLS_1_3:
            block.pull_opaque(2)  # extensions of this certificate
    return CertificateMessage(tuple(found))


def _decode_ticket(body: bytes, version: int) -> NewSessionTicket:
    cursor = Cursor(body, "NewSessionTicket")
    lifetime = cursor.pull_uint(4)
    if version < ProtocolVersion.TLS_1_3:
        ticket = NewSessionTicket(lifetime, cursor.pull_opaque(2))
    else:
        age_add = cursor.pull_uint(4)
        nonce = cursor.pull_opaque(1)
        ticket = NewSessionTicket(lifetime, cursor.pull_opaque(2), nonce, age_add)
        cursor.pull_opaque(2)
    cursor.expect_end()
    return ticket


def decode_server_key_exchange(body: bytes, key_exchange: str) -> ServerKeyExchange:
    """The body of a server_key_exchange message; raises `DecodeError`."""
    cursor = Cursor(body, "ServerKeyExchange")
    hint = cursor.pull_opaque(2) if key_exchange.endswith("PSK") else None
    parameters = body[cursor.at :]
    if key_exchange.startswith("DHE_") or key_exchange == "DH_anon":
        p, g, public = cursor.pull_opaque(2), cursor.pull_opaque(2), cursor.pull_opaque(2)
        found = ServerKeyExchange(hint, parameters, dh_p=p, dh_g=g, dh_public=public)
    elif key_exchange.startswith("ECDHE_") or key_exchange == "ECDH_anon":
        if cursor.pull_uint(1) != 3:  # named_curve; RFC 8422 section 5.4 allows no other
            return ServerKeyExchange(hint, parameters)
        curve, point = cursor.pull_uint(2), cursor.pull_opaque(1)
        found = ServerKeyExchange(hint, parameters, named_curve=curve, ec_public=point)
    else:
        found = ServerKeyExchange(hint, parameters)
        if key_exchange not in ("PSK", "RSA_PSK"):
            return found
    if key_exchange.endswith("PSK"):
        cursor.expect_end()  # no signature: the PSK authenticates
    return found


def decode_client_key_exchange(body: bytes, key_exchange: str) -> ClientKeyExchange:
    """The body of a client_key_exchange message; raises `DecodeError`."""
    cursor = Cursor(body, "ClientKeyExchange")
    identity = cursor.pull_opaque(2) if key_exchange.endswith("PSK") else None
    if key_exchange == "PSK":
        keys = b""
    elif key_exchange.startswith("EC"):
        keys = cursor.pull_opaque(1)
    elif key_exchange.startswith(("RSA", "DH")):
        keys = cursor.pull_opaque(2) if cursor.more else b""
    else:
        return ClientKeyExchange(identity, body[cursor.at :])
    cursor.expect_end()
    return ClientKeyExchange(identity, keys)
