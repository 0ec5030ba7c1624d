"""Key schedule of TLS 1.0 to 1.2: the PRF, master secret, key block, Finished (RFC 2246, 4346, 5246, 7627).

`hash_name` is what hashlib calls the PRF hash of TLS 1.2; for TLS 1.0 and 1.1 it is `MD5_SHA1`.
"""

from __future__ import annotations

import hashlib
import hmac

MD5_SHA1 = "md5+sha1"
"""The PRF of TLS 1.0 and 1.1 (RFC 2246 section 5): P_MD5 XOR P_SHA1."""


def p_hash(hash_name: str, secret: bytes, seed: bytes, size: int) -> bytes:
    """P_hash (RFC 5246 section 5)."""
    digest = hmac.digest
    out = b""
    a = seed
    while len(out) < size:
        a = digest(secret, a, hash_name)
        out += digest(secret, a + seed, hash_name)
    return out[:size]


def prf(hash_name: str, secret: bytes, label: bytes, seed: bytes, size: int) -> bytes:
    """PRF (RFC 5246 section 5; RFC 2246 section 5 for `MD5_SHA1`)."""
    if hash_name != MD5_SHA1:
        return p_hash(hash_name, secret, label + seed, size)
    half = (len(secret) + 1) // 2  # an odd secret shares its middle octet
    md5 = p_hash("md5", secret[:half], label + seed, size)
    sha1 = p_hash("sha1", secret[len(secret) - half :], label + seed, size)
    return (int.from_bytes(md5, "big") ^ int.from_bytes(sha1, "big")).to_bytes(size, "big")


def psk_premaster_secret(psk: bytes, other_secret: bytes | None = None) -> bytes:
    """The premaster secret of a PSK exchange (RFC 4279 section 2); without `other_secret` the plain PSK exchange."""
    other = bytes(len(psk)) if other_secret is None else other_secret
    return len(other).to_bytes(2, "big") + other + len(psk).to_bytes(2, "big") + psk


def master_secret(hash_name: str, premaster_secret: bytes, client_random: bytes, server_random: bytes) -> bytes:
    """RFC 5246 section 8.1."""
    return prf(hash_name, premaster_secret, b"master secret", client_random + server_random, 48)


def extended_master_secret(hash_name: str, premaster_secret: bytes, session_hash: bytes) -> bytes:
    """RFC 7627 section 4; `session_hash` is over ClientHello to ClientKeyExchange."""
    return prf(hash_name, premaster_secret, b"extended master secret", session_hash, 48)


def key_block(hash_name: str, master: bytes, client_random: bytes, server_random: bytes, size: int) -> bytes:
    """RFC 5246 section 6.3."""
    return prf(hash_name, master, b"key expansion", server_random + client_random, size)


def verify_data(hash_name: str, master: bytes, client: bool, handshake_hash: bytes) -> bytes:
    """What a Finished message carries (RFC 5246 section 7.4.9)."""
    return prf(hash_name, master, b"client finished" if client else b"server finished", handshake_hash, 12)


def transcript_hash(hash_name: str, messages: bytes) -> bytes:
    """Hash of the handshake messages for Finished and the extended master secret; MD5 and SHA-1 before TLS 1.2."""
    if hash_name == MD5_SHA1:
        return hashlib.md5(messages).digest() + hashlib.sha1(messages).digest()
    return hashlib.new(hash_name, messages).digest()
