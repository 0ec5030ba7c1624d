"""Octets of a capture file in order, unpacked where it is packed: gzip (RFC 1952) and Zstandard (RFC 8878).

What a file is, is told by its first octets and never by its name, so that standard input works too. Unpacked octets
come in bounded pieces, whatever the packed ones claim, and what was unpacked before damage is handed on.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Protocol

GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"
ZSTD_SKIPPABLE = b"\x2a\x4d\x18"
"""Octets 2-4 of a skippable frame, the first is 0x50 to 0x5f (RFC 8878 section 3.1.2)."""

PIECE = 1 << 16
ZSTD_PIECE = 1 << 10
"""Packed octets given to Zstandard at once: 4 can unpack to 128 KiB, so this bounds a step to 32 MiB."""


class Source(Protocol):
    """Octets of one capture, read forward."""

    damage: str | None
    "Why the octets end early, once they have ended."
    consumed: int
    "Octets taken from the file so far."

    def read(self, carry: bytes, size: int) -> bytes:
        """Return `carry` and up to `size` octets after it; just `carry` at the end."""
        ...


class Octets(Protocol):
    """What octets are read from: a file, or a pipe."""

    def read(self, size: int, /) -> bytes | None:
        """At most `size` octets; none at the end."""
        ...


class FileSource:
    """A plain file that can seek: `carry` is read again, which spares a copy of the whole block."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.damage: str | None = None
        self.consumed = 0

    def read(self, carry: bytes, size: int) -> bytes:
        """See `Source.read`."""
        # What a damaged record claims is not asked for in memory; a file that grows may still give more.
        size = min(size, max(os.fstat(self._file.fileno()).st_size - self.consumed, PIECE))
        self._file.seek(self.consumed - len(carry))
        data = self._file.read(len(carry) + size)
        self.consumed += max(len(data) - len(carry), 0)
        return data


class PipeSource:
    """Octets that come once: a pipe, or pieces out of an unpacker."""

    def __init__(self, file: Octets, first: bytes = b"", compression: str | None = None) -> None:
        """`first` was already read from `file`; `compression` is None, ``gzip`` or ``zstd``."""
        self._file = file
        self._first = first
        self.consumed = len(first)
        self.damage: str | None = None
        unpack = {None: self._plain, "gzip": self._gzip, "zstd": self._zstd}[compression]
        self._pieces = unpack()
        self._left = b""

    def read(self, carry: bytes, size: int) -> bytes:
        """See `Source.read`."""
        pieces = [carry, self._left] if self._left else [carry]
        have = len(self._left)
        while have < size:
            piece = next(self._pieces, None)
            if piece is None:
                break
            pieces.append(piece)
            have += len(piece)
        self._left = b""
        if have > size:
            cut = len(pieces[-1]) - (have - size)
            self._left = pieces[-1][cut:]
            pieces[-1] = pieces[-1][:cut]
        return b"".join(pieces) if len(pieces) > 1 else carry

    def _raw(self, size: int) -> bytes:
        if self._first:
            data, self._first = self._first, b""
            return data
        data = self._file.read(size) or b""
        self.consumed += len(data)
        return data

    def _plain(self) -> Iterator[bytes]:
        while piece := self._raw(PIECE):
            yield piece

    def _gzip(self) -> Iterator[bytes]:
        packed = self._raw(PIECE)
        while packed:
            if packed.strip(b"\0") == b"":  # zeros after a member are padding (gzip manual, "Advanced usage")
                packed = self._raw(PIECE)
                continue
            unpacker = zlib.decompressobj(wbits=31)
            while not unpacker.eof and packed:
                before = unpacker.copy()
                try:
                    piece = unpacker.decompress(packed, 4 * PIECE)
                except zlib.error:
                    yield _salvage(before, packed)
                    self.damage = f"gzip data damaged before octet {self.consumed} of the file"
                    return
                if piece:
                    yield piece
                packed = unpacker.unconsumed_tail or unpacker.unused_data or self._raw(PIECE)
            if not unpacker.eof:
                yield unpacker.flush()
                self.damage = f"gzip data cut at octet {self.consumed} of the file"

    def _zstd(self) -> Iterator[bytes]:
        import zstandard  # most captures need it not, and its import takes 6 ms

        packed, at = self._raw(PIECE), 0
        unpacker = None
        while at < len(packed):
            if unpacker is None or unpacker.eof:
                unpacker = zstandard.ZstdDecompressor().decompressobj(write_size=1 << 17)
            given = packed[at : at + ZSTD_PIECE]
            try:
                piece = unpacker.decompress(given)
            except zstandard.ZstdError as error:
                self.damage = (
                    f"zstd data damaged before octet {self.consumed - len(packed) + at + len(given)} ({error})"
                )
                return
            at += len(given) - len(unpacker.unused_data)
            if piece:
                yield piece
            if at == len(packed):
                packed, at = self._raw(PIECE), 0
        if unpacker is not None and not unpacker.eof:
            self.damage = f"zstd data cut at octet {self.consumed} of the file"


def _salvage(unpacker: zlib._Decompress, packed: bytes) -> bytes:
    """Unpack octet by octet up to the damaged one."""
    pieces = []
    try:
        for at in range(len(packed)):
            piece = unpacker.decompress(packed[at : at + 1], PIECE)
            pieces.append(piece)
            while unpacker.unconsumed_tail:
                piece = unpacker.decompress(unpacker.unconsumed_tail, PIECE)
                pieces.append(piece)
    except zlib.error:
        pass
    return b"".join(pieces)


def compression_of(first: bytes) -> str | None:
    """How octets that start so are packed: ``gzip``, ``zstd`` or None."""
    if first[:2] == GZIP:
        return "gzip"
    if first[:4] == ZSTD or (first[1:4] == ZSTD_SKIPPABLE and first[0] & 0xF0 == 0x50):
        return "zstd"
    return None
