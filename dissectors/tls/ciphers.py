"""The ciphers of TLS records over the cryptography library; the modes that it lacks are built over its block ciphers.

Lacking there: ARIA altogether, and GCM over Camellia (RFC 6367) and ARIA (RFC 6209). Those run in Python: correct, and
slow. Everything else is the library's.
"""

from __future__ import annotations

import hmac
import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Protocol

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305

from dissectors.tls.aria import Aria
from dissectors.tls.suites import BulkCipher, Mode


class Decryptor(Protocol):
    """Decrypts a stream of whole blocks, chained over everything it was given."""

    def update(self, data: bytes, /) -> bytes:
        """The plaintext of the next octets."""
        ...


class Aead(Protocol):
    """An AEAD under one key."""

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes, /) -> bytes:
        """The plaintext; raises `cryptography.exceptions.InvalidTag`."""
        ...


class UnsupportedCipherError(Exception):
    """The cryptography library at hand was built without this cipher."""


def _old_algorithm(name: str) -> Callable[[bytes], algorithms.AES]:
    """An algorithm that the library has moved, or is about to move, among its decrepit ones."""
    for module in ("cryptography.hazmat.decrepit.ciphers.algorithms", algorithms.__name__):
        try:
            return getattr(import_module(module), name)  # type: ignore[no-any-return]
        except (ImportError, AttributeError):
            continue
    raise UnsupportedCipherError(name)


def _algorithm(name: str, key: bytes) -> algorithms.AES:
    if name == "AES":
        return algorithms.AES(key)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that they are old is known: they are read here, not used
        if name == "DES":
            return _old_algorithm("TripleDES")(key * 3)
        return _old_algorithm({"3DES": "TripleDES", "CAMELLIA": "Camellia", "RC4": "ARC4"}.get(name, name))(key)


def stream_decryptor(cipher: BulkCipher, key: bytes) -> Decryptor:
    """The stream cipher RC4."""
    try:
        return Cipher(_algorithm(cipher.algorithm, key), None).decryptor()
    except UnsupportedAlgorithm as error:
        raise UnsupportedCipherError(cipher.algorithm) from error


def cbc_decryptor(cipher: BulkCipher, key: bytes, iv: bytes) -> Decryptor:
    """A block cipher in CBC mode; chained, so that one object decrypts all records of a direction."""
    if cipher.algorithm == "ARIA":
        return BlockCbc(Aria(key).decrypt_blocks, iv)
    try:
        return Cipher(_algorithm(cipher.algorithm, key), modes.CBC(iv)).decryptor()
    except UnsupportedAlgorithm as error:
        raise UnsupportedCipherError(cipher.algorithm) from error


def aead(cipher: BulkCipher, key: bytes) -> Aead:
    """GCM, CCM or ChaCha20-Poly1305."""
    if cipher.mode is Mode.CHACHA20:
        return ChaCha20Poly1305(key)
    if cipher.mode is Mode.CCM:
        return AESCCM(key, cipher.tag_size)
    if cipher.algorithm == "AES":
        return AESGCM(key)
    if cipher.algorithm == "ARIA":
        return BlockGcm(Aria(key).encrypt_blocks)
    try:
        return BlockGcm(Cipher(_algorithm(cipher.algorithm, key), modes.ECB()).encryptor().update)
    except UnsupportedAlgorithm as error:
        raise UnsupportedCipherError(cipher.algorithm) from error


class BlockCbc:
    """CBC decryption (SP 800-38A section 6.2) over any cipher of 16-octet blocks."""

    def __init__(self, decrypt_blocks: Callable[[bytes], bytes], iv: bytes) -> None:
        self._decrypt_blocks = decrypt_blocks
        self._previous = iv

    def update(self, data: bytes, /) -> bytes:
        """The plaintext of the next whole blocks."""
        if not data:
            return b""
        chain = self._previous + data[:-16]
        self._previous = data[-16:]
        plain = int.from_bytes(self._decrypt_blocks(data), "big") ^ int.from_bytes(chain, "big")
        return plain.to_bytes(len(data), "big")


class BlockGcm:
    """GCM decryption (SP 800-38D) over any cipher of 16-octet blocks; nonces of 12 and tags of 16 octets."""

    def __init__(self, encrypt_blocks: Callable[[bytes], bytes]) -> None:
        self._encrypt_blocks = encrypt_blocks
        self._table = _ghash_table(int.from_bytes(encrypt_blocks(bytes(16)), "big"))

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes, /) -> bytes:
        """The plaintext; raises `InvalidTag`."""
        text, tag = data[:-16], data[-16:]
        blocks = (len(text) + 15) // 16
        stream = self._encrypt_blocks(b"".join(nonce + n.to_bytes(4, "big") for n in range(1, blocks + 2)))
        lengths = (len(associated_data) * 8).to_bytes(8, "big") + (len(text) * 8).to_bytes(8, "big")
        digest = 0
        for part in (associated_data, text, lengths):
            for at in range(0, len(part), 16):
                digest ^= int.from_bytes(part[at : at + 16].ljust(16, b"\0"), "big")
                total = 0
                for row, octet in zip(self._table, digest.to_bytes(16, "big"), strict=True):
                    total ^= row[octet]
                digest = total
        expected = digest ^ int.from_bytes(stream[:16], "big")
        if not hmac.compare_digest(expected.to_bytes(16, "big"), tag):
            raise InvalidTag
        size = len(text)
        return (int.from_bytes(text, "big") ^ int.from_bytes(stream[16 : 16 + size], "big")).to_bytes(size, "big")


def _ghash_table(h: int) -> list[list[int]]:
    """The product of `h` with each octet at each of 16 positions, in GCM's field."""
    powers = []
    for _ in range(128):
        powers.append(h)
        h = h >> 1 ^ (0xE1 << 120 if h & 1 else 0)
    table = []
    for position in range(16):
        row = [0] * 256
        for bit in range(8):
            power = powers[8 * position + bit]
            step = 128 >> bit
            for octet in range(step, 256, 2 * step):
                for low in range(octet, octet + step):
                    row[low] ^= power
        table.append(row)
    return table
