"""What a cipher suite means for key exchange and records, read from its registered name.

Sources: RFC 5246 appendix C, RFC 4279, 4785, 5487, 5489, 6209, 6367, 6655, 7251, 7905, 8442 (TLS 1.2 and before),
RFC 8446 appendix B.4 (TLS 1.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from dissectors.tls.cipher_suites import CipherSuite, cipher_suite_name


class Mode(Enum):
    """How records are protected."""

    NULL = "NULL"
    STREAM = "stream"
    CBC = "CBC"
    GCM = "GCM"
    CCM = "CCM"
    CHACHA20 = "ChaCha20-Poly1305"


@dataclass(frozen=True, slots=True)
class BulkCipher:
    """The record cipher of a suite."""

    algorithm: str
    "As `dissectors.tls.block_ciphers` knows it."
    mode: Mode
    key_size: int
    "Octets."
    block_size: int = 16
    tag_size: int = 16
    "Octets of the AEAD tag."


@dataclass(frozen=True, slots=True)
class Suite:
    """A cipher suite whose records this package can open."""

    code: int
    name: str
    key_exchange: str
    "``PSK``, ``DHE_PSK``, ``ECDHE_PSK``, ``RSA_PSK``, ``RSA``, ``ECDHE_RSA``, ...; empty in TLS 1.3."
    cipher: BulkCipher
    mac: str
    "hashlib name of the record MAC; empty for AEAD."
    hash: str
    "hashlib name of the hash of the key schedule: TLS 1.2 PRF, TLS 1.3 HKDF."

    @property
    def tls13(self) -> bool:
        """A suite of TLS 1.3."""
        return not self.key_exchange

    @property
    def psk(self) -> bool:
        """The key exchange has a PSK in it (TLS 1.2 and before)."""
        return self.key_exchange.endswith("PSK")

    @property
    def forward_secrecy(self) -> bool:
        """No long-term key opens a recording (TLS 1.2 and before)."""
        if self.key_exchange in ("ECDH_RSA", "ECDH_ECDSA"):
            return False
        return self.key_exchange.startswith(("DHE_", "ECDHE_", "SRP", "EC")) or self.key_exchange.endswith("_anon")


_CIPHERS = {
    "NULL": BulkCipher("NULL", Mode.NULL, 0, 1),
    "RC4_128": BulkCipher("RC4", Mode.STREAM, 16, 1),
    "DES_CBC": BulkCipher("DES", Mode.CBC, 8, 8),
    "3DES_EDE_CBC": BulkCipher("3DES", Mode.CBC, 24, 8),
    "IDEA_CBC": BulkCipher("IDEA", Mode.CBC, 16, 8),
    "SEED_CBC": BulkCipher("SEED", Mode.CBC, 16),
    **{
        f"{algorithm}_{bits}_{mode.name}": BulkCipher(algorithm, mode, bits // 8)
        for algorithm in ("AES", "CAMELLIA", "ARIA")
        for bits in (128, 256)
        for mode in (Mode.CBC, Mode.GCM)
    },
    "AES_128_CCM": BulkCipher("AES", Mode.CCM, 16),
    "AES_256_CCM": BulkCipher("AES", Mode.CCM, 32),
    "AES_128_CCM_8": BulkCipher("AES", Mode.CCM, 16, tag_size=8),
    "AES_256_CCM_8": BulkCipher("AES", Mode.CCM, 32, tag_size=8),
    "CHACHA20_POLY1305": BulkCipher("CHACHA20", Mode.CHACHA20, 32),
}
_HASHES = {"MD5": "md5", "SHA": "sha1", "SHA256": "sha256", "SHA384": "sha384"}


@lru_cache(maxsize=512)
def suite_of(code: int) -> Suite | None:
    """What the suite with this code means; None for one that is unknown, or whose records cannot be opened here."""
    if code not in CipherSuite._value2member_map_:
        return None
    name = cipher_suite_name(code)
    exchange, with_, rest = name.removeprefix("TLS_").partition("_WITH_")
    if not with_:
        exchange, rest = "", exchange
    head, _, last = rest.rpartition("_")
    hash_name = _HASHES.get(last, "")
    cipher = _CIPHERS.get(head if hash_name else rest)
    if cipher is None or "EXPORT" in exchange:
        return None
    aead = cipher.mode in (Mode.GCM, Mode.CCM, Mode.CHACHA20)
    if not with_ and not (aead and hash_name):
        return None
    if exchange == "PSK_DHE":  # RFC 6655 names the CCM_8 suites so; the exchange is that of DHE_PSK
        exchange = "DHE_PSK"
    # RFC 5246 section 1.2, RFC 5487: SHA-256 for every suite in TLS 1.2 but those that name SHA-384.
    schedule = "sha384" if hash_name == "sha384" else "sha256"
    return Suite(code, name, exchange, cipher, "" if aead else hash_name, schedule)
