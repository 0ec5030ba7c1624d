"""Key schedule of TLS 1.3 (RFC 8446 section 7) and imported PSKs (RFC 9258)."""

from __future__ import annotations

import hashlib
import hmac

from dissectors.errors import DecodeError
from dissectors.tls.cursor import Cursor

HASH_SIZE = {"sha256": 32, "sha384": 48}
EXTERNAL_BINDER = b"ext binder"
RESUMPTION_BINDER = b"res binder"
IMPORTED_BINDER = b"imp binder"
_KDF_HASHES = {1: "sha256", 2: "sha384"}  # RFC 9258 section 10: HKDF_SHA256, HKDF_SHA384


def hkdf_extract(hash_name: str, salt: bytes, key: bytes) -> bytes:
    """HKDF-Extract (RFC 5869 section 2.2)."""
    return hmac.digest(salt or bytes(HASH_SIZE[hash_name]), key, hash_name)


def hkdf_expand_label(hash_name: str, secret: bytes, label: bytes, context: bytes, size: int) -> bytes:
    """HKDF-Expand-Label (RFC 8446 section 7.1)."""
    label = b"tls13 " + label
    info = b"%b%c%b%c%b" % (size.to_bytes(2, "big"), len(label), label, len(context), context)
    block = out = hmac.digest(secret, info + b"\x01", hash_name)
    counter = 2
    while len(out) < size:
        block = hmac.digest(secret, block + info + bytes((counter,)), hash_name)
        out += block
        counter += 1
    return out[:size]


def derive_secret(hash_name: str, secret: bytes, label: bytes, transcript: bytes) -> bytes:
    """Derive-Secret (RFC 8446 section 7.1); `transcript` is the hash already."""
    return hkdf_expand_label(hash_name, secret, label, transcript, HASH_SIZE[hash_name])


def finished_mac(hash_name: str, base_key: bytes, transcript: bytes) -> bytes:
    """verify_data of a Finished message, and PSK binder (RFC 8446 section 4.4.4)."""
    key = hkdf_expand_label(hash_name, base_key, b"finished", b"", HASH_SIZE[hash_name])
    return hmac.digest(key, transcript, hash_name)


def next_secret(hash_name: str, secret: bytes) -> bytes:
    """The traffic secret after a KeyUpdate (RFC 8446 section 7.2)."""
    return hkdf_expand_label(hash_name, secret, b"traffic upd", b"", HASH_SIZE[hash_name])


def resumption_psk(hash_name: str, resumption_master: bytes, ticket_nonce: bytes) -> bytes:
    """The PSK that goes with a NewSessionTicket (RFC 8446 section 4.6.1)."""
    return hkdf_expand_label(hash_name, resumption_master, b"resumption", ticket_nonce, HASH_SIZE[hash_name])


class KeySchedule:
    """The secrets of one handshake that a PSK (or nothing but a PSK) keys; see the picture in section 7.1."""

    def __init__(self, hash_name: str, psk: bytes) -> None:
        self.hash_name = hash_name
        self._empty = hashlib.new(hash_name).digest()
        self.early = hkdf_extract(hash_name, b"", psk)
        self.handshake = b""
        self.master = b""

    def binder(self, label: bytes, transcript: bytes) -> bytes:
        """The binder of section 4.2.11.2; `transcript` hashes the ClientHello up to its list of binders."""
        return finished_mac(self.hash_name, derive_secret(self.hash_name, self.early, label, self._empty), transcript)

    def without_dh(self) -> None:
        """Go on to the handshake and master secrets, with no (EC)DHE secret: psk_ke."""
        zeros = bytes(HASH_SIZE[self.hash_name])
        self.handshake = hkdf_extract(self.hash_name, self._derived(self.early), zeros)
        self.master = hkdf_extract(self.hash_name, self._derived(self.handshake), zeros)

    def _derived(self, secret: bytes) -> bytes:
        return derive_secret(self.hash_name, secret, b"derived", self._empty)


class ImportedIdentity:
    """An imported PSK identity as it stands in pre_shared_key (RFC 9258 section 5.1)."""

    __slots__ = ("context", "data", "external_identity", "target_kdf", "target_protocol")

    def __init__(self, data: bytes) -> None:
        """Read it; `DecodeError` when the octets are no ImportedIdentity for TLS 1.3."""
        cursor = Cursor(data, "ImportedIdentity")
        self.data = data
        self.external_identity = cursor.pull_opaque(2)
        self.context = cursor.pull_opaque(2)
        self.target_protocol = cursor.pull_uint(2)
        self.target_kdf = cursor.pull_uint(2)
        cursor.expect_end()
        if not self.external_identity or self.target_protocol != 0x0304 or self.target_kdf not in _KDF_HASHES:
            raise DecodeError("ImportedIdentity", 0, "not an identity for TLS 1.3")

    @property
    def hash_name(self) -> str:
        """The hash of the KDF that the key is imported for."""
        return _KDF_HASHES[self.target_kdf]

    def imported_psk(self, external_psk: bytes, external_hash: str = "sha256") -> bytes:
        """The key that TLS uses, from the external PSK and the hash that goes with it (section 5.2)."""
        extracted = hkdf_extract(external_hash, b"", external_psk)
        identity_hash = hashlib.new(external_hash, self.data).digest()
        size = HASH_SIZE[self.hash_name]
        return hkdf_expand_label(external_hash, extracted, b"derived psk", identity_hash, size)
