"""One direction of an MSRP connection to messages (RFC 4975 sections 5.4 and 7.3.1), sans-IO.

The way of the octets. At a message boundary, `match_usual` takes messages straight from what was received, without a
buffer. Whatever it leaves (another spelling, an unfinished message, no MSRP at all) goes step by step:

    BOUNDARY  a start line?  yes: HEAD, no: HUNT
    HEAD      headers, up to the empty line: BODY, or up to the end-line: a message
    BODY      up to the end-line with the transaction id of the start line: a message
    HUNT      octets of no message, up to the next line that is a start line with To-Path under it

Where the end-line is wrong or missing, HEAD and BODY would swallow all that follows. So a start line with To-Path under
it ends them too: in a head always, behind a body where an end-line of whatever transaction stands before it, or where
the body has all octets of its Byte-Range (a body that quotes MSRP is none of the two). Such a message comes with an
error.

Every step remembers how far it searched, so many small pieces cost about what one large one does. Memory: a head of up
to `max_head` and a body of up to `max_body` octets; a longer body is counted as it passes. Empty lines between
messages, which some senders use to keep a connection alive, are skipped.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import NamedTuple

from dissectors.errors import DecodeError
from dissectors.framing import Framed
from dissectors.msrp.codec import FLAG_OCTETS, close_body, find_end_line, match_usual
from dissectors.msrp.message import START_LINE, MsrpMessage, parse_head

MAX_START_LINE = 1024
"""Octets a start line may have, CRLF included; the grammar allows 45 and a comment."""
MAX_END_LINE = 96
"""Octets from the CRLF before an end-line to the one behind it at most, whatever its transaction id."""

_EMPTY_LINES = re.compile(rb"[\r\n]+")
_NOT_MSRP = "no MSRP start line here; skipped to the next one"


class _State(IntEnum):
    BOUNDARY = 0
    HEAD = 1
    BODY = 2
    HUNT = 3


class _WrongEnd(NamedTuple):
    """Where a message ends without its end-line."""

    stop: int
    "Place of the CRLF behind its last octet; of the one before the start line, where that is not all there yet."
    start: int
    "Place of the next start line; -1 where that is not all there yet."
    why: str


class MsrpStream:
    """Decoder of one direction of an MSRP connection; see `dissectors.framing.StreamDecoder`."""

    __slots__ = (
        "_buffer",
        "_error",
        "_marker",
        "_message",
        "_offset",
        "_passed",
        "_searched",
        "_start",
        "_state",
        "max_body",
        "max_head",
    )

    def __init__(self, *, max_body: int = 1 << 20, max_head: int = 1 << 14) -> None:
        """Keep bodies of up to `max_body` octets; give up a head longer than `max_head` octets."""
        self.max_body = max_body
        self.max_head = max_head
        self._state = _State.BOUNDARY
        self._buffer = bytearray()  # what could not be decided yet
        self._offset = 0  # stream offset of the first octet of the buffer, or of the next octet to come
        self._searched = 0  # octets of the buffer in which there is nothing more to find
        self._start = 0  # stream offset where the unfinished message, or the stretch that is none, began
        self._marker = b""  # CRLF, hyphens and transaction id: what ends the message
        self._message: MsrpMessage | None = None  # the message whose body is passing; None if its head is unreadable
        self._passed = 0  # octets of that body that left the buffer
        self._error: DecodeError | None = None  # what is wrong with that head, or with the stretch hunted through

    def receive_data(self, data: bytes) -> list[Framed[MsrpMessage]]:
        """Take the next octets of the stream and return what became complete with them."""
        out: list[Framed[MsrpMessage]] = []
        base = self._offset  # stream offset of octet 0 of what is read
        at = 0
        if self._buffer:
            buffer = self._buffer
            buffer += data
            old = len(buffer) - len(data)
            while self._state or at < old:
                step = self._step(buffer, at, base, out)
                if step < 0:
                    del buffer[:at]
                    self._offset = base + at
                    return out
                at = step
            # A message boundary within the new octets: go on there, and without the buffer.
            buffer.clear()
            base += old
            at -= old
        size = len(data)
        max_body = self.max_body
        max_head = self.max_head
        text = ""
        while at < size:
            if not self._state:
                text = text or data.decode("latin-1")
                usual = match_usual(data, text, at, max_body)
                if usual is not None:
                    message, end = usual
                    if len(message.head) + len(message.transaction_id) + 10 <= max_head:
                        if message.flag:
                            out.append(Framed(base + at, base + end, message))
                            at = end
                            continue
                        self._begin_body(message, base + at)
                        at = end - 2
            step = self._step(data, at, base, out)
            if step < 0:
                self._buffer += data[at:]
                break
            at = step
        self._offset = base + at
        return out

    @property
    def is_idle(self) -> bool:
        """At a message boundary, and nothing of what was received is left."""
        return not self._state and not self._buffer

    def skip_to(self, offset: int) -> None:
        """Note that the reader took whole messages himself, up to this stream offset; only when idle."""
        self._offset = offset

    def receive_gap(self, size: int) -> list[Framed[MsrpMessage]]:
        """Note that `size` octets (0 when unknown) are lost; an unfinished message is given up as an error."""
        out = self._give_up("octets of the message are lost")
        self._offset += size
        self._start = self._offset
        self._state = _State.HUNT
        self._error = DecodeError("MSRP message", 0, "its start is lost")
        return out

    def receive_eof(self) -> list[Framed[MsrpMessage]]:
        """Note the end of the stream; an unfinished message comes back as an error."""
        return self._give_up("the stream ends before the end-line")

    def _give_up(self, why: str) -> list[Framed[MsrpMessage]]:
        end = self._offset + len(self._buffer)
        start = self._offset if self._state is _State.BOUNDARY else self._start
        error = self._error if self._state is _State.HUNT else DecodeError("MSRP message", end - start, why)
        self._buffer.clear()
        self._offset = end
        self._reset()
        return [Framed(start, end, None, error)] if end > start else []

    def _reset(self) -> None:
        self._state = _State.BOUNDARY
        self._searched = 0
        self._passed = 0
        self._message = None
        self._error = None

    def _step(self, buffer: bytes | bytearray, at: int, base: int, out: list[Framed[MsrpMessage]]) -> int:
        """Look at the octets from `at` on; returns where to look next, or -1 when more octets are needed."""
        state = self._state
        if state is _State.HEAD:
            return self._step_head(buffer, at, base, out)
        if state is _State.BODY:
            return self._step_body(buffer, at, base, out)
        if state is _State.HUNT:
            return self._step_hunt(buffer, at, base, out)
        empty = _EMPTY_LINES.match(buffer, at)
        if empty is not None:
            return empty.end()
        line_end = self._start_line(buffer, at)
        if line_end == 0:
            return -1
        if line_end > 0:
            self._begin(buffer, at, line_end, base)
        else:
            self._hunt(base + at, DecodeError("MSRP start line", 0, _NOT_MSRP))
        return at

    def _start_line(self, buffer: bytes | bytearray, at: int) -> int:
        """Where the start line at `at` ends; 0 when that is not decided yet, -1 when it is no start line."""
        if not b"MSRP ".startswith(buffer[at : at + 5]):
            return -1
        line_end = buffer.find(b"\r\n", at + self._searched, at + MAX_START_LINE)
        if line_end < 0:
            have = len(buffer) - at
            self._searched = max(0, have - 1)
            return -1 if have >= MAX_START_LINE else 0
        line = bytes(buffer[at:line_end]).decode("utf-8", "surrogateescape")
        return line_end if START_LINE.fullmatch(line) else -1

    def _begin(self, buffer: bytes | bytearray, at: int, line_end: int, base: int) -> None:
        self._reset()
        self._state = _State.HEAD
        self._start = base + at
        self._searched = line_end - at
        self._marker = b"\r\n-------" + bytes(buffer[at:line_end]).split(b" ", 2)[1]

    def _begin_body(self, message: MsrpMessage, start: int) -> None:
        self._reset()
        self._state = _State.BODY
        self._start = start
        self._marker = b"\r\n-------" + message.transaction_id.encode()
        self._message = message

    def _hunt(self, start: int, error: DecodeError) -> None:
        self._reset()
        self._state = _State.HUNT
        self._start = start
        self._searched = 1  # the octet at `start` was looked at
        self._error = error

    def _step_head(self, buffer: bytes | bytearray, at: int, base: int, out: list[Framed[MsrpMessage]]) -> int:
        stop = min(len(buffer), at + self.max_head)
        begin = at + self._searched
        found, flag, resume = find_end_line(buffer, self._marker, begin, stop)
        blank = buffer.find(b"\r\n\r\n", begin, stop if found < 0 else found + 2)
        limit = min(each for each in (found, blank, stop) if each >= 0)
        wrong = self._wrong_end(buffer, at, begin, limit)
        if wrong is not None:
            if wrong.start < 0:
                self._searched = wrong.stop - at
                return -1
            return self._finish_wrong(buffer, at, wrong, base, out)
        if blank < 0 and found < 0:
            if stop - at < self.max_head:
                self._searched = resume - at
                return -1
            self._hunt(base + at, DecodeError("MSRP head", stop - at, f"no end within {self.max_head} octets"))
            return at
        try:
            self._message = parse_head(bytes(buffer[at : found + 2 if blank < 0 else blank + 4]))
        except DecodeError as error:
            self._error = error
        if blank >= 0:
            self._state = _State.BODY
            self._searched = 0
            return blank + 2
        return self._finish(flag, found + len(self._marker) + 3, base, out)

    def _step_body(self, buffer: bytes | bytearray, at: int, base: int, out: list[Framed[MsrpMessage]]) -> int:
        # `at` is the CRLF of the empty line: an end-line may follow it at once.
        begin = at + self._searched
        found, flag, resume = find_end_line(buffer, self._marker, begin, len(buffer))
        wrong = self._wrong_end(buffer, at, begin, found if found >= 0 else len(buffer))
        if wrong is not None:
            if wrong.start >= 0:
                return self._finish_wrong(buffer, at, wrong, base, out)
            found, resume = -1, min(wrong.stop, resume)
        if found < 0:
            self._searched = resume - at
            if self._passed or resume - at - 2 > self.max_body:
                # A line that may turn out to be an end-line stays.
                line = buffer.rfind(b"\r\n", max(at, resume - MAX_END_LINE), resume)
                resume = line if line >= 0 else resume
                self._passed += resume - at
                self._searched = 0
                return resume if resume > at else -1
            return -1
        if self._message is not None:
            size = self._passed + found - at - 2
            body = bytes(buffer[at + 2 : max(found, at + 2)]) if size <= self.max_body else None
            close_body(self._message, size, body)
        return self._finish(flag, found + len(self._marker) + 3, base, out)

    def _finish(self, flag: str, end: int, base: int, out: list[Framed[MsrpMessage]]) -> int:
        if self._message is not None:
            self._message.flag = flag
        out.append(Framed(self._start, base + end, self._message, self._error))
        self._reset()
        return end

    def _wrong_end(self, buffer: bytes | bytearray, at: int, begin: int, limit: int) -> _WrongEnd | None:
        """Where the next message begins before `limit` although this one has no end-line; None where none does."""
        found = buffer.find(b"\r\nMSRP ", begin, limit)
        while found >= 0:
            line_end = self._certain_start(buffer, found + 2)
            if line_end == 0:
                return _WrongEnd(found, -1, "")
            line = buffer.rfind(b"\r\n", max(at, found - MAX_END_LINE), found)
            is_end_line = line >= 0 and buffer.startswith(b"-------", line + 2)
            stop = line if is_end_line else found
            if line_end > 0 and self._may_end(self._passed + stop - at - 2, is_end_line):
                why = "its end-line is not that of its start line" if is_end_line else "it has no end-line"
                return _WrongEnd(stop, found + 2, why)
            found = buffer.find(b"\r\nMSRP ", found + 2, limit)
        return None

    def _may_end(self, size: int, is_end_line: bool) -> bool:
        """Is a message over after so many octets of body, in front of a start line?"""
        if self._state is _State.HEAD:
            return True
        byte_range = self._message.byte_range if self._message is not None else None
        if byte_range is None or byte_range.end is None:
            return is_end_line
        return size >= byte_range.end - byte_range.start + 1

    def _finish_wrong(
        self, buffer: bytes | bytearray, at: int, wrong: _WrongEnd, base: int, out: list[Framed[MsrpMessage]]
    ) -> int:
        """End the message where the next one begins; its flag is that of the end-line it has, if that has one."""
        if self._state is _State.HEAD:
            try:
                self._message = parse_head(bytes(buffer[at : wrong.stop + 2]))
            except DecodeError as error:
                self._error = error
        elif self._message is not None:
            size = self._passed + wrong.stop - at - 2
            body = bytes(buffer[at + 2 : max(wrong.stop, at + 2)]) if size <= self.max_body else None
            close_body(self._message, size, body)
        self._error = self._error or DecodeError("MSRP message", base + wrong.stop - self._start, wrong.why)
        last = bytes(buffer[wrong.start - 3 : wrong.start])
        return self._finish(FLAG_OCTETS.get(last, "") if wrong.start > wrong.stop + 2 else "", wrong.start, base, out)

    def _step_hunt(self, buffer: bytes | bytearray, at: int, base: int, out: list[Framed[MsrpMessage]]) -> int:
        # `_searched` is 0 only after a gap: then the first octet counts as the start of a line.
        begin = at + self._searched
        while True:
            if self._searched == 0 and begin == at:
                candidate = at
            else:
                candidate = buffer.find(b"\nMSRP ", begin - 1) + 1
            if candidate == 0 and begin > at:
                keep = max(at, len(buffer) - 5)  # may be the start of CRLF "MSRP "
                self._searched = 1
                return keep if keep > at else -1
            line_end = self._certain_start(buffer, candidate)
            if line_end > 0:
                if base + candidate > self._start:
                    out.append(Framed(self._start, base + candidate, None, self._error))
                self._begin(buffer, candidate, line_end, base)
                return candidate
            if line_end == 0:
                if candidate == at:
                    return -1
                self._searched = 1
                return candidate - 1 if candidate - 1 > at else -1
            begin = candidate + 1

    @staticmethod
    def _certain_start(buffer: bytes | bytearray, at: int) -> int:
        """Like `_start_line`, and To-Path follows (RFC 4975 section 9: always first): a line of text is not taken."""
        have = len(buffer) - at
        if not b"MSRP ".startswith(buffer[at : at + 5]):
            return -1
        line_end = buffer.find(b"\r\n", at, at + MAX_START_LINE)
        if line_end < 0:
            return -1 if have >= MAX_START_LINE else 0
        if not START_LINE.fullmatch(bytes(buffer[at:line_end]).decode("utf-8", "surrogateescape")):
            return -1
        header = bytes(buffer[line_end + 2 : line_end + 10]).lower()
        if not b"to-path:".startswith(header):
            return -1
        return line_end if len(header) == 8 else 0
