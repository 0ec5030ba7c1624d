"""TLS records out of one direction of a stream (RFC 8446 section 5.1, RFC 5246 section 6.2), sans-IO.

After a loss, or where no record header stands, the next plausible header is taken: a known content type, the version
that the stream had before, a length in bounds. A wrong guess costs that one record, which then does not authenticate.
"""

from __future__ import annotations

import re

from dissectors.errors import DecodeError
from dissectors.framing import Framed

MAX_FRAGMENT = (1 << 14) + 2048
"""Octets a record may carry at most (RFC 5246 section 6.2.3); TLS 1.3 allows less."""

_PLAUSIBLE = re.compile(rb"[\x14-\x18]\x03[\x00-\x04]")
NO_RECORD = "no TLS record header here; skipped to the next one"
"""What the error of a stretch says that is no record, where no loss was announced."""


class TlsRecord:
    """One record as it stood on the wire."""

    __slots__ = ("content_type", "fragment", "version")

    def __init__(self, content_type: int, version: int, fragment: bytes) -> None:
        self.content_type = content_type
        self.version = version
        self.fragment = fragment

    def __repr__(self) -> str:
        return f"TlsRecord({self.content_type}, {self.version:#06x}, {len(self.fragment)} octets)"


class RecordStream:
    """Decoder of one direction; see `dissectors.framing.StreamDecoder`. Keeps at most one unfinished record."""

    __slots__ = ("_buffer", "_error", "_held", "_lost_at", "_more", "_needed", "_offset", "_version", "begun")

    def __init__(self) -> None:
        self._buffer = b""
        self._more: list[bytes] = []  # what came behind the buffer while its record is not whole
        self._held = 0
        self._needed = 0
        self._offset = 0
        self._lost_at = -1  # where the stretch without records began, -1 in step
        self._error: DecodeError | None = None
        self._version = b""
        self.begun = False
        "Whether an unfinished record is held whose header was seen."

    def receive_data(self, data: bytes) -> list[Framed[TlsRecord]]:
        """Take the next octets and return the records that became whole."""
        if self._held:
            self._held += len(data)
            self._more.append(data)
            if self._held < self._needed:
                return []
            data = b"".join((self._buffer, *self._more))
            self._more.clear()
        found: list[Framed[TlsRecord]] = []
        base = self._offset
        size = len(data)
        at = 0
        needed = 0
        begun = False
        while True:
            if self._lost_at >= 0:
                at = self._resume(data, at, found)
                if self._lost_at >= 0:
                    break
            if size - at < 5:
                break
            length = data[at + 3] << 8 | data[at + 4]
            if not 20 <= data[at] <= 24 or data[at + 1] != 3 or data[at + 2] > 4 or length > MAX_FRAGMENT:
                self._hunt(base + at, DecodeError("TLS record", 0, NO_RECORD))
                continue
            end = at + 5 + length
            if end > size:
                needed = end - at
                begun = True
                break
            record = TlsRecord(data[at], 0x0300 | data[at + 2], data[at + 5 : end])
            found.append(Framed(base + at, base + end, record))
            at = end
        if found and found[-1].message is not None:
            self._version = b"\x03" + bytes((found[-1].message.version & 0xFF,))
        self._buffer = data[at:]
        self._held = size - at
        self._needed = needed
        self._offset = base + at
        self.begun = begun
        return found

    def step_over(self, data: bytes, end: int) -> bytes:
        """Note that the caller has read whole records up to `end` of `data` by itself; returns what is left of it.

        For the hot path alone, and only while `in_step`.
        """
        self._offset += end
        return data[end:]

    @property
    def in_step(self) -> bool:
        """The next octet begins a record."""
        return not self._held and self._lost_at < 0

    @property
    def offset(self) -> int:
        """Stream offset of the next octet, while `in_step`."""
        return self._offset

    def receive_gap(self, size: int) -> list[Framed[TlsRecord]]:
        """Note that `size` octets (0 when unknown) are lost.

        Where the header of an unfinished record says that it reaches beyond them, the next record is found exactly.
        """
        if self.reaches_over(size):
            return self._hole(size)
        found = self._give_up("octets of the record are lost")
        self._offset += size
        self._hunt(self._offset, DecodeError("TLS record", 0, "its start is lost"))
        return found

    def reaches_over(self, size: int) -> bool:
        """Whether the unfinished record reaches beyond a loss of `size` octets, so that it alone is lost."""
        return self.begun and size > 0 and self._held + size < self._needed

    def receive_eof(self) -> list[Framed[TlsRecord]]:
        """Note the end; an unfinished record comes back as an error."""
        return self._give_up("the stream ends inside a record")

    def _hole(self, size: int) -> list[Framed[TlsRecord]]:
        # The record is given up, and its end is known: skip to it.
        rest = self._needed - self._held - size
        found = self._give_up("octets of the record are lost")
        self._offset += size
        self._lost_at = self._offset
        self._error = DecodeError("TLS record", 0, "octets of the record are lost")
        self._needed = -rest  # negative: that many octets end the damaged record
        return found

    def _hunt(self, at: int, error: DecodeError) -> None:
        self._lost_at = at
        self._error = error
        self._needed = 0

    def _give_up(self, why: str) -> list[Framed[TlsRecord]]:
        end = self._offset + self._held
        start = self._offset if self._lost_at < 0 else self._lost_at
        error = self._error if self._lost_at >= 0 else DecodeError("TLS record", end - start, why)
        self._buffer = b""
        self._more.clear()
        self._held = self._needed = 0
        self._offset = end
        self._lost_at = -1
        self.begun = False
        return [Framed(start, end, None, error)] if end > start else []

    def _resume(self, data: bytes, at: int, found: list[Framed[TlsRecord]]) -> int:
        """Search the next plausible header; `_lost_at` stays set as long as there is none."""
        if self._needed < 0:
            skipped = min(-self._needed, len(data) - at)
            self._needed += skipped
            at += skipped
            if self._needed < 0:
                return at
            found.append(Framed(self._lost_at, self._offset + at, None, self._error))
            self._lost_at = -1
            return at
        while True:
            match = _PLAUSIBLE.search(data, at)
            if match is None:
                tail = max(at, len(data) - 2)
                while tail < len(data) and not _begins(data[tail:]):
                    tail += 1
                return tail
            candidate = match.start()
            if len(data) - candidate < 5:
                return candidate
            length = data[candidate + 3] << 8 | data[candidate + 4]
            same = not self._version or data[candidate + 1 : candidate + 3] == self._version
            if same and 0 < length <= MAX_FRAGMENT:
                start = self._offset + candidate
                if start > self._lost_at:
                    found.append(Framed(self._lost_at, start, None, self._error))
                self._lost_at = -1
                return candidate
            at = candidate + 1


def _begins(tail: bytes) -> bool:
    """Whether one or two last octets may be the start of a header."""
    return 20 <= tail[0] <= 24 and tail[1:2] in (b"", b"\x03")
