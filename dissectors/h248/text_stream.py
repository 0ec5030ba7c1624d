"""H.248 text on TCP without TPKT, as some equipment sends it, sans-IO.

H.248.1 section D.2 demands TPKT frames; without them only the braces tell where a message ends. One is complete where
its braces are closed at the end of what came, or where the next message begins. Where a segment ends between two
transactions of a message, the second one has no header of its own: it is read with that of the first.
"""

from __future__ import annotations

import re

from dissectors.errors import DecodeError
from dissectors.framing import Framed
from dissectors.h248.model import H248Message
from dissectors.h248.text import decode_h248_text

MAX_MESSAGE = 1 << 17
"Octets after which an unfinished message is given up."
OFTEN = 4096
"Up to so many octets are searched again with every piece; beyond, each time they have grown by an eighth."
_SPACE = rb"(?:[ \t\r\n]|;[^\r\n]*[\r\n])"
_TOKEN = rb"(?:MEGACO|!)/[0-9]{1,2}"
_HEADER = re.compile(
    rb"(?:AU(?:TH[A-Z]*)?\s*=[^{}]{1,200}?)?" + _TOKEN + rb"\s+(?:MTP\{[0-9A-F]{4,8}\}|[^\s{}]{1,300})", re.IGNORECASE
)
_LEAD = re.compile(_SPACE + rb"*")
_BLANK = re.compile(_SPACE + rb"*(?:;[^\r\n]*)?")
_NEXT = re.compile(_SPACE + rb"*(?=" + _TOKEN + rb"|AU(?:TH[A-Z]*)?\s*=)", re.IGNORECASE)
# Braces, and what holds braces that are none: quoted strings, comments, the octets of Local and Remote (Annex B.2).
_DESCRIPTOR = rb"(?<=[{,\s])(?:L(?:ocal)?|R(?:emote)?)\s*\{[^}]*(?:(?<=\\)\}[^}]*)*"
_PART = re.compile(
    rb'"[^"]*"|;[^\r\n]*[\r\n]|' + _DESCRIPTOR + rb'(?<!\\)\}|([{}])|((?:"[^"]*|;[^\r\n]*|' + _DESCRIPTOR + rb")\Z)",
    re.IGNORECASE,
)


class TextStream:
    """Decoder of one direction; see `dissectors.framing.StreamDecoder`."""

    def __init__(self) -> None:
        self._buffer = b""
        self._offset = 0
        "Stream offset of the buffer's first octet."
        self._searched = 0
        "Octets of the buffer whose braces are counted."
        self._depth = 0
        self._due = 0
        "Octets at which what is not whole is searched again."
        self._closed = -1
        "Where all braces were closed, unless another one was opened since."
        self._header = b""
        "That of the message before, for transactions that a segment's end cut from it."
        self._lost = False

    def receive_data(self, data: bytes) -> list[Framed[H248Message]]:
        """Take the next octets and return the messages that became whole."""
        self._buffer += data
        found: list[Framed[H248Message]] = []
        self._read(found)
        return found

    def _read(self, found: list[Framed[H248Message]], *, at_end: bool = False) -> None:
        while not self._lost or self._resume(found):
            unsearched = len(self._buffer) - self._searched
            if OFTEN < unsearched < self._due and not at_end:
                return
            end = self._message_end()
            if end < 0:
                self._due = unsearched + unsearched // 8
                if len(self._buffer) > MAX_MESSAGE:
                    self._give_up(len(self._buffer), "it is not closed", found)
                    self._lost = True
                return
            found.append(self._message(end))
            self._drop(end)

    def receive_gap(self, size: int) -> list[Framed[H248Message]]:
        """Note lost octets; the unfinished message is given up."""
        found: list[Framed[H248Message]] = []
        self._give_up(len(self._buffer), "octets of the message are lost", found)
        self._offset += size
        self._lost = True
        return found

    def receive_eof(self) -> list[Framed[H248Message]]:
        """Note the end; an unfinished message comes back as an error."""
        found: list[Framed[H248Message]] = []
        self._read(found, at_end=True)
        if not _BLANK.fullmatch(self._buffer):
            self._give_up(len(self._buffer), "the stream ends inside a message", found)
        return found

    def _message_end(self) -> int:
        """Where the first message ends; -1 where it is not whole yet."""
        buffer = self._buffer
        while not self._is_next(self._closed):
            part = _PART.search(buffer, self._searched)
            if part is None or part[2] is not None:  # nothing more, or what began there is not whole
                return self._closed if self._closed >= 0 and _BLANK.fullmatch(buffer, self._closed) else -1
            self._searched = part.end()
            if part[1] == b"{":
                self._depth += 1
                self._closed = -1
            elif part[1] == b"}":
                self._depth = max(0, self._depth - 1)
                if not self._depth:
                    self._closed = part.end()
        return self._closed

    def _is_next(self, at: int) -> bool:
        """Does another message begin behind the brace that closed there?"""
        return at >= 0 and _NEXT.match(self._buffer, at) is not None

    def _message(self, end: int) -> Framed[H248Message]:
        lead = _LEAD.match(self._buffer)
        octets = self._buffer[lead.end() if lead else 0 : end]
        start = self._offset + end - len(octets)
        header = _HEADER.match(octets)
        if header is not None:
            self._header = header[0]
        else:
            octets = self._header + b" " + octets
        try:
            return Framed(start, self._offset + end, decode_h248_text(octets))
        except DecodeError as error:
            return Framed(start, self._offset + end, None, error)

    def _resume(self, found: list[Framed[H248Message]]) -> bool:
        """Pass over octets up to what may be the next message."""
        match = re.search(rb"(?:^|[\r\n}])\s*(?=" + _TOKEN + rb"\s)", self._buffer, re.IGNORECASE)
        if match is None:
            kept = max(0, len(self._buffer) - 16)
            self._drop(kept)
            return False
        self._give_up(match.end(), "no message", found)
        self._lost = False
        return True

    def _give_up(self, end: int, why: str, found: list[Framed[H248Message]]) -> None:
        if end:
            found.append(Framed(self._offset, self._offset + end, None, DecodeError("H.248 text", 0, why)))
        self._drop(end)

    def _drop(self, size: int) -> None:
        self._buffer = self._buffer[size:]
        self._offset += size
        self._searched = self._depth = self._due = 0
        self._closed = -1
