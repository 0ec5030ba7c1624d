"""The two pseudo-random functions of MIKEY (RFC 3830 section 4.1.2; RFC 6043 section 6.1)."""

from __future__ import annotations

import hmac
from functools import reduce

from dissectors.mikey.numbers import PrfFunc

_HASHES = {PrfFunc.MIKEY_1: "sha1", PrfFunc.PRF_HMAC_SHA_256: "sha256"}
_BLOCK = 32  # 256 bits for both functions

MAX_OCTETS = 1024
"Longer keys than this are no keys; the work grows with the product of what goes in and comes out."


def prf(function: int, inkey: bytes, label: bytes, length: int) -> bytes:
    """`length` octets for a key and a label; ValueError for a PRF that is not registered, or a key beyond reason.

    The key is cut into blocks of 256 bits; each gives a stream of HMACs, and the streams are XORed.
    """
    if function not in _HASHES:
        raise ValueError(f"PRF function {function} is not known")
    if len(inkey) > MAX_OCTETS or length > MAX_OCTETS:
        raise ValueError(f"a key of more than {MAX_OCTETS} octets")
    digest = _HASHES[PrfFunc(function)]
    blocks = [inkey[at : at + _BLOCK] for at in range(0, len(inkey), _BLOCK)] or [b""]
    streams = [int.from_bytes(_stream(digest, block, label, length), "big") for block in blocks]
    return reduce(lambda one, other: one ^ other, streams).to_bytes(length, "big")


def _stream(digest: str, key: bytes, label: bytes, length: int) -> bytes:
    """P of section 4.1.2, cut to length: HMAC(s, A_1 || label) || HMAC(s, A_2 || label) ..., A_i = HMAC(s, A_i-1)."""
    found = b""
    chained = label
    while len(found) < length:
        chained = hmac.digest(key, chained, digest)
        found += hmac.digest(key, chained + label, digest)
    return found[:length]
