"""One direction of a SIP connection to messages (RFC 3261 sections 7.5 and 18.3, RFC 5626 section 3.5.1), sans-IO.

At a message boundary, CRLFs are skipped; then a start line must come, else octets are passed over up to the next line
that is a start line with a header field under it. A message is as long as its head and Content-Length say; without
Content-Length, which section 20.14 demands on streams, it has no body. Every step remembers how far it searched, so
many small pieces cost about what one large one does. Memory: one message of up to `max_message` octets.
"""

from __future__ import annotations

import re

from dissectors.errors import DecodeError
from dissectors.framing import Framed
from dissectors.sip.decode import decode_sip
from dissectors.sip.message import SipMessage

_START = (
    rb"(?:SIP/2\.0 [0-9]{3}(?: [^\r\n]{0,8192})?"
    rb"|[A-Za-z0-9\-.!%*_+`'~]{1,256} [^ \r\n]{1,8192} SIP/2\.0[ \t]{0,64})\r?\n"
)
_START_LINE = re.compile(_START)
# A status line alone also stands in message/sipfrag bodies; one with a header field under it begins a message.
_NEXT_START = re.compile(rb"\n(?=" + _START + rb"[!-9;-~]{1,256}[ \t]{0,64}:)")
_NEXT_START_SIZE = 1 + 256 + 8192 + 80 + 256 + 64
_EMPTY_LINES = re.compile(rb"[\r\n]+")
_EMPTY_LINE = re.compile(rb"\r?\n\r?\n")
_LENGTH = re.compile(rb"\n(?:content-length|l)[ \t]*:(?:[ \t]|\r?\n[ \t])*([^\r\n]*)", re.IGNORECASE)
_NUMBER = re.compile(rb"[0-9]{1,10}")


class SipStream:
    """Decoder of one direction of a SIP connection; see `dissectors.framing.StreamDecoder`."""

    __slots__ = (
        "_buffer",
        "_error",
        "_fresh",
        "_needed",
        "_offset",
        "_searched",
        "_start",
        "empty_lines",
        "max_message",
    )

    def __init__(self, *, max_message: int = 1 << 18) -> None:
        """Give up messages longer than `max_message` octets."""
        self.max_message = max_message
        self.empty_lines = 0
        "Empty lines skipped between messages: a keep-alive ping is two, the pong one (RFC 5626 section 3.5.1)."
        self._buffer = bytearray()  # what could not be decided yet
        self._offset = 0  # stream offset of the buffer's first octet, or of the next octet to come
        self._searched = 0  # octets of the unfinished message in which no end of line or head is
        self._needed = 0  # size of the unfinished message, 0 until its head is complete
        self._start = 0  # where the stretch that is no message began, while `_error` is set
        self._error: DecodeError | None = None  # why that stretch is no message; None at and in a message
        self._fresh = 0  # where the stream was entered: a start line there may have lost its beginning

    def receive_data(self, data: bytes) -> list[Framed[SipMessage]]:
        """Take the next octets of the stream and return what became complete with them."""
        out: list[Framed[SipMessage]] = []
        buffer: bytes | bytearray = data
        if self._buffer:
            self._buffer += data
            buffer = self._buffer
        base = self._offset
        at = 0
        size = len(buffer)
        while at < size:
            step = self._step(buffer, at, base, out)
            if step < 0:
                break
            at = step
        else:
            at = size
        if self._error is not None and at < size:
            at = self._forget(buffer, at)
        if buffer is data:
            if at < size:
                self._buffer += data[at:]
        else:
            del self._buffer[:at]
        self._offset = base + at
        return out

    def receive_gap(self, size: int) -> list[Framed[SipMessage]]:
        """Note that `size` octets (0 when unknown) are lost; an unfinished message is given up as an error."""
        out = self._give_up("octets of the message are lost")
        self._offset += size
        self._fresh = self._offset
        self._hunt(self._offset, DecodeError("SIP message", 0, "its start is lost"))
        # An imagined line end, so that what follows the loss may be a start line.
        self._offset -= 1
        self._buffer += b"\n"
        return out

    @property
    def is_inside(self) -> bool:
        """A message began, or seemed to, and is not whole."""
        return bool(self._buffer) or self._error is not None

    @property
    def is_lost(self) -> bool:
        """Octets are passed over: what came is no message."""
        return self._error is not None

    def receive_eof(self) -> list[Framed[SipMessage]]:
        """Note the end of the stream; an unfinished message comes back as an error."""
        return self._give_up("the stream ends within the message")

    def _give_up(self, why: str) -> list[Framed[SipMessage]]:
        end = self._offset + len(self._buffer)
        start = self._offset if self._error is None else self._start
        error = self._error or DecodeError("SIP message", end - start, why)
        self._buffer.clear()
        self._offset = end
        self._error = None
        self._searched = self._needed = 0
        return [Framed(start, end, None, error)] if end > start else []

    def _hunt(self, start: int, error: DecodeError) -> None:
        self._start = start
        self._error = error
        self._searched = self._needed = 0

    def _step(self, buffer: bytes | bytearray, at: int, base: int, out: list[Framed[SipMessage]]) -> int:
        """Look at the octets from `at` on; returns where to look next, or -1 when more octets are needed."""
        if self._error is not None:
            match = _NEXT_START.search(buffer, at)
            if match is None:
                return -1
            at = match.end()
            if base + at > self._start:
                out.append(Framed(self._start, base + at, None, self._error))
            self._error = None
            return at
        if not self._needed:
            if not self._searched and buffer[at] in b"\r\n" and (empty := _EMPTY_LINES.match(buffer, at)) is not None:
                self.empty_lines += buffer.count(b"\n", at, empty.end())
                return empty.end()
            step = self._step_head(buffer, at, base)
            if not self._needed:
                return step
        end = at + self._needed
        if len(buffer) < end:
            return -1
        out.append(self._decode(bytes(buffer[at:end]), base + at))
        self._searched = self._needed = 0
        return end

    def _step_head(self, buffer: bytes | bytearray, at: int, base: int) -> int:
        """Find out how long the message at `at` is and note it in `_needed`; if that fails, returns as `_step`."""
        stop = min(len(buffer), at + self.max_message)
        line_end = buffer.find(b"\n", at, stop)
        if line_end < 0 and stop - at < min(self.max_message, _NEXT_START_SIZE):
            return -1
        if line_end < 0 or (not self._searched and _START_LINE.match(buffer, at) is None):
            self._hunt(base + at, DecodeError("SIP start line", 0, "no SIP start line here; skipped to the next one"))
            return at
        begin = at + max(0, self._searched - 3)
        if buffer[line_end - 1] == 13:
            found = buffer.find(b"\r\n\r\n", begin, stop)
            head_end = found + 4 if found >= 0 else -1
        else:
            match = _EMPTY_LINE.search(buffer, begin, stop)
            head_end = match.end() if match is not None else -1
        if head_end < 0:
            if stop - at < self.max_message:
                self._searched = stop - at
                return -1
            # No message ends within what was searched: going on after it keeps hostile streams linear.
            why = f"no empty line within {self.max_message} octets"
            self._hunt(base + at, DecodeError("SIP message", self.max_message, why))
            return stop - 1
        length = self._content_length(buffer, at, head_end)
        if length < 0:
            self._hunt(base + at, DecodeError("SIP Content-Length", 0, "not a number of octets"))
            return head_end - 1
        self._needed = head_end - at + length
        if self._needed > self.max_message:
            why = f"longer than {self.max_message} octets by its Content-Length"
            self._hunt(base + at, DecodeError("SIP message", head_end - at, why))
            return head_end - 1
        return at

    @staticmethod
    def _content_length(buffer: bytes | bytearray, at: int, head_end: int) -> int:
        begin = buffer.find(b"\nContent-Length: ", at, head_end)
        if begin >= 0:
            text = buffer[begin + 17 : buffer.find(b"\n", begin + 17, head_end)]
        else:
            match = _LENGTH.search(buffer, at, head_end)
            if match is None:
                return 0
            text = match[1]
        text = text.strip()
        return int(text) if _NUMBER.fullmatch(text) else -1

    def _decode(self, data: bytes, start: int) -> Framed[SipMessage]:
        try:
            message = decode_sip(data)
        except DecodeError as error:
            return Framed(start, start + len(data), None, error)
        # "VITE" of an INVITE is a token too: where the stream is entered, a start line may have lost its beginning.
        if start == self._fresh and message.is_request and message.method != message.cseq_method:
            cut = message.cseq_method.endswith(message.method)
            if cut:
                lost = DecodeError("SIP start line", 0, "its beginning is lost")
                return Framed(start, start + len(data), None, lost)
        return Framed(start, start + len(data), message)

    @staticmethod
    def _forget(buffer: bytes | bytearray, at: int) -> int:
        """Where the next start line may still begin: the line before the unfinished last line, with its line end."""
        last = buffer.rfind(b"\n", at)
        if last < 0:
            return len(buffer)
        before = buffer.rfind(b"\n", at, last)
        return max(last if before < 0 else before, len(buffer) - _NEXT_START_SIZE)
