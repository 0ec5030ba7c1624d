"""One direction of an MSRP connection, in pieces: what can be passed on is handed out before a message is whole.

A short chunk comes as one piece. Of a long one, whose end is not there yet, what came is handed out as soon as it is
worth a chunk of its own, and forgotten: a relay may cut messages into other chunks (RFC 4975 section 5.1). So memory is
bounded by the head and one piece, whatever the sender does. Octets that are no MSRP end the reading: there is no length
to trust, so nothing behind them can be told (RFC 4975 section 9).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from dissectors.errors import DecodeError
from dissectors.msrp import MsrpMessage
from dissectors.msrp.codec import find_end_line, match_usual
from dissectors.msrp.message import START_LINE, parse_head

# The response that nearly every request gets, to a transaction id of ours. RFC 4975 section 7.2.
_USUAL_RESPONSE = re.compile(
    rb"MSRP ([0-9a-f]{16}) 200(?: [^\r\n]{0,80})?\r\n"
    rb"To-Path: [^\r\n]{1,2048}\r\nFrom-Path: [^\r\n]{1,2048}\r\n-------\1\$\r\n"
)
PIECE = 16_384
"Octets of a chunk without an end that are handed out together."


@dataclass(slots=True)
class Piece:
    """A part of a chunk, often all of it; a response or a request without body is one piece."""

    message: MsrpMessage
    "Its head; body and flag are those of the piece."
    start: int
    "Position of the first octet in the whole message, counted from 1."
    body: bytes | None
    flag: str
    "`+` where more of the chunk follows."
    opens: bool
    "Nothing of the chunk came before."
    closes: bool
    "The end-line of the chunk came."


class PieceReader:
    """Octets in, pieces out; `error` says why nothing more can be read."""

    __slots__ = (
        "_between",
        "_buffer",
        "_marker",
        "_max_head",
        "_message",
        "_next",
        "_opens",
        "_searched",
        "_skip",
        "answered",
        "error",
    )

    def __init__(self, max_head: int) -> None:
        self.error = ""
        self.answered: list[bytes] = []
        "Transaction ids of requests that were answered with 200; who reads them takes them out."
        self._between = b""  # what stands between the two transaction ids of a usual response of this participant
        self._max_head = max_head
        self._buffer = bytearray()  # an unfinished head, or the octets of a body not handed out
        self._searched = 0  # octets of the buffer in which there is nothing to find
        self._message: MsrpMessage | None = None  # whose body is being read
        self._marker = b""
        self._next = 1  # position of the next octet of that body
        self._opens = True
        self._skip = 0  # octets of the buffer before the body: the empty line

    def receive_data(self, data: bytes) -> list[Piece]:
        """Take octets; returns what can be passed on."""
        out: list[Piece] = []
        if self._message is not None:
            self._buffer += data
            data = self._read_body(self._message, out)
        elif self._buffer:
            self._buffer += data
            if not self._may_be_head():
                return out
            data = bytes(self._buffer)
            self._buffer.clear()
        if data and not self.error:
            self._read(data, out)
        return out

    def _may_be_head(self) -> bool:
        """Whether the buffer has what ends a head; so that few octets at a time cost little."""
        buffer = self._buffer
        begin = max(0, self._searched - 10)
        if buffer.find(b"\r\n\r\n", begin) >= 0 or buffer.find(b"\r\n-------", begin) >= 0:
            return True
        self._searched = len(buffer)
        self._check_size()
        return False

    def _check_size(self) -> None:
        if len(self._buffer) > self._max_head:
            self.error = f"no end of the headers within {self._max_head} octets"
            self._buffer.clear()

    def _read(self, data: bytes, out: list[Piece]) -> None:
        text = ""
        at, size = 0, len(data)
        while at < size and not self.error:
            after = self._read_answers(data, at)
            if after > at:
                at = after
                continue
            text = text or data.decode("latin-1")
            usual = match_usual(data, text, at, size)
            if usual is None:
                at = self._read_unusual(data, at, out)
                continue
            message, end = usual
            if len(message.head) > self._max_head:
                self.error = f"headers of more than {self._max_head} octets"
            elif message.flag:
                start = 1 if message.byte_range is None else message.byte_range.start
                out.append(Piece(message, start, message.body, message.flag, True, True))
                at = end
            else:
                at = self._continue_in_body(message, data, end - 2, out)

    def _read_answers(self, data: bytes, at: int) -> int:
        """Usual responses; returns where something else starts. All of a participant are the same but for the ids."""
        between = self._between
        while True:
            tid = data[at + 5 : at + 21]
            end = at + 21 + len(between)
            if (
                between
                and data.startswith(between, at + 21)
                and data.startswith(b"MSRP ", at)
                and data.startswith(tid + b"$\r\n", end)
                and tid.isalnum()
            ):
                at = end + 19
            else:
                answer = _USUAL_RESPONSE.match(data, at)
                if answer is None:
                    return at
                tid = answer[1]
                between = self._between = data[at + 21 : answer.end() - 19]
                at = answer.end()
            self.answered.append(tid)

    def _read_unusual(self, data: bytes, at: int, out: list[Piece]) -> int:
        """A message of another spelling, or an unfinished one; returns where to go on."""
        if data[at] in b"\r\n":
            return at + 1  # empty lines keep connections alive
        line_end = data.find(b"\r\n", at, at + self._max_head)
        if line_end < 0:
            return self._wait(data, at)
        start_line = START_LINE.fullmatch(data[at:line_end].decode("utf-8", "surrogateescape"))
        if start_line is None:
            self.error = "no MSRP start line"
            return at
        marker = b"\r\n-------" + start_line[1].encode()
        found, flag, _ = find_end_line(data, marker, line_end, min(len(data), at + self._max_head))
        blank = data.find(b"\r\n\r\n", line_end, at + self._max_head if found < 0 else found + 2)
        if blank < 0 and found < 0:
            return self._wait(data, at)
        try:
            message = parse_head(data[at : found + 2 if blank < 0 else blank + 4])
        except DecodeError as error:
            self.error = error.why
            return at
        if blank < 0:
            message.flag = flag
            out.append(Piece(message, 1, None, flag, True, True))
            return found + len(marker) + 3
        return self._continue_in_body(message, data, blank + 2, out)

    def _wait(self, data: bytes, at: int) -> int:
        if not b"MSRP ".startswith(data[at : at + 5]):
            self.error = "no MSRP start line"
            return at
        self._buffer += memoryview(data)[at:]
        self._searched = len(self._buffer)
        self._check_size()
        return len(data)

    def _continue_in_body(self, message: MsrpMessage, data: bytes, at: int, out: list[Piece]) -> int:
        """The body starts two octets behind `at`, where the empty line is; returns where to go on."""
        self._message = message
        self._marker = b"\r\n-------" + message.transaction_id.encode()
        self._next = 1 if message.byte_range is None else message.byte_range.start
        self._opens = True
        self._skip = 2
        self._searched = 0
        self._buffer += memoryview(data)[at:]
        return len(data) - len(self._read_body(message, out))

    def _read_body(self, message: MsrpMessage, out: list[Piece]) -> bytes:
        """Hand out what is there of the body; returns the octets behind its end-line."""
        buffer = self._buffer
        found, flag, resume = find_end_line(buffer, self._marker, self._searched, len(buffer))
        if found < 0:
            self._searched = resume
            if resume - self._skip >= PIECE:
                self._hand_out(message, resume, "+", False, out)
                self._searched = 0
            return b""
        rest = bytes(memoryview(buffer)[found + len(self._marker) + 3 :])
        if found < self._skip and not message.content_type:
            # Some senders put an empty line into a message without content.
            out.append(Piece(message, self._next, None, flag, self._opens, True))
        else:
            self._hand_out(message, max(found, self._skip), flag, True, out)
        buffer.clear()
        self._searched = 0
        self._message = None
        return rest

    def _hand_out(self, message: MsrpMessage, end: int, flag: str, closes: bool, out: list[Piece]) -> None:
        body = bytes(memoryview(self._buffer)[self._skip : end])
        out.append(Piece(message, self._next, body, flag, self._opens, closes))
        self._next += len(body)
        self._opens = False
        self._skip = 0
        if not closes:
            del self._buffer[:end]
