"""The running hash of handshake messages (RFC 5246 section 7.4.9, RFC 8446 section 4.4.1)."""

from __future__ import annotations

import hashlib

from dissectors.tls.prf import MD5_SHA1


class Transcript:
    """Takes messages before the hash is known, which the ServerHello decides; keeps none afterwards."""

    __slots__ = ("_hashes", "_pending")

    def __init__(self) -> None:
        self._pending = bytearray()
        self._hashes: tuple[hashlib._Hash, ...] = ()

    def add(self, message: bytes) -> None:
        """The next message, its header included."""
        if self._hashes:
            for each in self._hashes:
                each.update(message)
        else:
            self._pending += message

    def select(self, hash_name: str) -> None:
        """Decide on the hash: a hashlib name, or `MD5_SHA1`."""
        names = ("md5", "sha1") if hash_name == MD5_SHA1 else (hash_name,)
        self._hashes = tuple(hashlib.new(name, self._pending) for name in names)
        self._pending = bytearray()

    def digest(self) -> bytes:
        """The hash of all messages so far."""
        return b"".join(each.copy().digest() for each in self._hashes)

    def digest_with(self, more: bytes) -> bytes:
        """The hash as if `more` came next."""
        (each,) = self._hashes
        each = each.copy()
        each.update(more)
        return each.digest()

    def fold(self) -> None:
        """Put message_hash in the first ClientHello's place, for a HelloRetryRequest (RFC 8446 section 4.4.1)."""
        (each,) = self._hashes
        digest = each.digest()
        self._hashes = (hashlib.new(each.name, b"\xfe\0\0" + bytes((len(digest),)) + digest),)
