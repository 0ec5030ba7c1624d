"""TPKT framing of H.248 on TCP (RFC 1006 section 6; H.248.1 Annex D.2).

A frame is 03 00, its length in two octets with these four counted, and one message.
"""

from __future__ import annotations

from dissectors.errors import DecodeError
from dissectors.framing import Framed
from dissectors.h248.decode import decode_h248
from dissectors.h248.model import H248Message

HEADER = b"\x03\x00"
_STARTS = b"\x30!MmAa; \t\r\n"
"First octets that an H.248 message can have; used to find the next frame after a loss."


class TpktStream:
    """Decoder of one direction; see `dissectors.framing.StreamDecoder`. A frame has at most 65535 octets."""

    def __init__(self) -> None:
        self._buffer = b""
        self._more: list[bytes] = []  # what came behind the buffer while its frame is not whole
        self._held = 0
        self._needed = 0
        self._offset = 0
        self._lost_at: int | None = None

    def receive_data(self, data: bytes) -> list[Framed[H248Message]]:
        """Take the next octets and return the messages that became whole."""
        if self._held:
            self._held += len(data)
            self._more.append(data)
            if self._held < self._needed:
                return []
            buffer = b"".join((self._buffer, *self._more))
            self._more.clear()
        else:
            buffer = data
        self._needed = 0
        found: list[Framed[H248Message]] = []
        at = 0
        while True:
            if self._lost_at is not None:
                at = self._resume(buffer, at, self._lost_at, found)
                if self._lost_at is not None:
                    break
            if len(buffer) - at < 4:
                if not HEADER.startswith(buffer[at : at + 2]):
                    self._lost_at = self._offset + at
                    continue
                break
            size = int.from_bytes(buffer[at + 2 : at + 4], "big")
            if buffer[at : at + 2] != HEADER or size < 4:
                self._lost_at = self._offset + at
                continue
            if len(buffer) - at < size:
                self._needed = size
                break
            found.append(self._message(buffer[at + 4 : at + size], self._offset + at))
            at += size
        self._buffer = buffer[at:]
        self._held = len(self._buffer)
        self._offset += at
        return found

    def receive_gap(self, size: int) -> list[Framed[H248Message]]:
        """Note lost octets; the unfinished frame is given up."""
        found = self._give_up("octets of the frame are lost")
        self._offset += size
        self._lost_at = self._offset
        return found

    @property
    def is_inside(self) -> bool:
        """A frame began, or seemed to, and is not whole."""
        return self._held > 0 or self._lost_at is not None

    @property
    def is_lost(self) -> bool:
        """Octets are passed over: what came is no frame."""
        return self._lost_at is not None

    def receive_eof(self) -> list[Framed[H248Message]]:
        """Note the end; an unfinished frame comes back as an error."""
        return self._give_up("the stream ends inside a frame")

    @staticmethod
    def _message(body: bytes, start: int) -> Framed[H248Message]:
        end = start + 4 + len(body)
        try:
            return Framed(start, end, decode_h248(body))
        except DecodeError as error:
            return Framed(start, end, None, DecodeError(error.what, error.offset + 4, error.why))

    def _give_up(self, why: str) -> list[Framed[H248Message]]:
        end = self._offset + self._held
        start = self._offset if self._lost_at is None else self._lost_at
        self._buffer = b""
        self._more.clear()
        self._held = self._needed = 0
        self._offset = end
        self._lost_at = None
        return [Framed(start, end, None, DecodeError("TPKT frame", 0, why))] if end > start else []

    def _resume(self, buffer: bytes, at: int, lost_at: int, found: list[Framed[H248Message]]) -> int:
        """Search the next plausible frame; `_lost_at` stays set as long as there is none."""
        while True:
            candidate = buffer.find(HEADER, at)
            if candidate < 0:
                return max(at, len(buffer) - 1) if buffer[-1:] == HEADER[:1] else len(buffer)
            if len(buffer) - candidate < 5:
                return candidate
            if buffer[candidate + 4] in _STARTS and int.from_bytes(buffer[candidate + 2 : candidate + 4], "big") > 12:
                start = self._offset + candidate
                if start > lost_at:
                    found.append(Framed(lost_at, start, None, DecodeError("TPKT frame", 0, "no frame header")))
                self._lost_at = None
                return candidate
            at = candidate + 1
