"""One direction of an HTTP/1.1 connection to messages (RFC 9112 sections 6, 7 and 8), sans-IO.

A message is its head and then a body: chunked, or of Content-Length octets, or in a response that has neither up to the
end of the stream. A body larger than `max_body` is passed over and only counted, so memory holds one head and one small
body. After loss or nonsense, octets are passed over up to the next line that is a start line. Every octet is looked at
a bounded number of times. One thing a single direction cannot know: a response to HEAD has no body whatever it says.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from dissectors.errors import DecodeError
from dissectors.framing import Framed
from dissectors.http.message import HttpMessage, decode_head

MAX_HEAD = 1 << 16
MAX_CHUNK_LINE = 4096
_EMPTY_LINE = re.compile(rb"\r?\n\r?\n")
_START = re.compile(rb"\n(?=HTTP/1\.[01] [0-9]{3}[ \r\n]|[A-Z]{1,32} [!-~]{1,8192} HTTP/1\.[01][ \t]{0,8}\r?\n)")
_START_SIZE = 8300
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,12})[ \t]*(?:;[^\r\n]*)?\r?")
_LINE_ENDS = b"\r\n"


class HttpStream:
    """Decoder of one direction of an HTTP connection; see `dissectors.framing.StreamDecoder`."""

    __slots__ = (
        "_body",
        "_buffer",
        "_error",
        "_head",
        "_left",
        "_offset",
        "_searched",
        "_size",
        "_start",
        "_state",
        "max_body",
    )

    def __init__(self, *, max_body: int = 1 << 16) -> None:
        """Keep bodies of up to `max_body` octets."""
        self.max_body = max_body
        self._state: Callable[[list[Framed[HttpMessage]]], bool] = self._step_head
        self._buffer = bytearray()  # what could not be decided yet
        self._offset = 0  # stream offset of the buffer's first octet
        self._searched = 0  # octets of an unfinished head that were searched
        self._start = 0  # where the message, or the stretch that is none, began
        self._head: HttpMessage | None = None  # the message whose body is being read
        self._body = bytearray()
        self._size = 0  # octets of the body so far
        self._left = 0  # octets to come of the body or chunk
        self._error: DecodeError | None = None  # while octets are passed over: why

    def receive_data(self, data: bytes) -> list[Framed[HttpMessage]]:
        """Take the next octets of the stream and return what became complete with them."""
        out: list[Framed[HttpMessage]] = []
        self._buffer += data
        while self._buffer and self._state(out):
            pass
        return out

    def receive_gap(self, size: int) -> list[Framed[HttpMessage]]:
        """Note that `size` octets (0 when unknown) are lost; an unfinished message is given up as an error."""
        out = self._give_up("octets of the message are lost")
        self._offset += size
        self._start = self._offset
        self._hunt(DecodeError("HTTP message", 0, "its start is lost"))
        # An imagined line end, so that what follows the loss may be a start line.
        self._offset -= 1
        self._buffer += b"\n"
        return out

    @property
    def unfinished(self) -> HttpMessage | None:
        """The message whose head is there and whose body is still coming."""
        return self._head

    @property
    def is_inside(self) -> bool:
        """A message began, or seemed to, and is not whole."""
        return bool(self._buffer) or self._head is not None or self._error is not None

    @property
    def is_lost(self) -> bool:
        """Octets are passed over: what came is no message."""
        return self._error is not None

    def receive_eof(self) -> list[Framed[HttpMessage]]:
        """Note the end of the stream, which may end a response; what else is unfinished comes back as an error."""
        if self._head is not None and self._state == self._step_until_end:
            out: list[Framed[HttpMessage]] = []
            self._complete(out)
            return out
        return self._give_up("the stream ends within the message")

    def _give_up(self, why: str) -> list[Framed[HttpMessage]]:
        end = self._offset + len(self._buffer)
        start = self._start if self._head is not None or self._error is not None else self._offset
        error = self._error or DecodeError("HTTP message", end - start, why)
        self._buffer.clear()
        self._offset = end
        self._reset(end)
        return [Framed(start, end, None, error)] if end > start else []

    def _reset(self, start: int) -> None:
        self._state = self._step_head
        self._head = None
        self._error = None
        self._body = bytearray()
        self._size = self._left = self._searched = 0
        self._start = start

    def _drop(self, count: int) -> None:
        del self._buffer[:count]
        self._offset += count

    # ------------------------------------------------------------------ states: True when more can be done at once

    def _step_head(self, out: list[Framed[HttpMessage]]) -> bool:
        buffer = self._buffer
        if not self._searched:
            empty = len(buffer) - len(buffer.lstrip(_LINE_ENDS))
            if empty:  # RFC 9112 section 2.2: before a request line at least one empty line is to be ignored
                self._drop(empty)
                return True
            self._start = self._offset
        match = _EMPTY_LINE.search(buffer, max(0, self._searched - 3), MAX_HEAD)
        if match is None:
            if len(buffer) >= MAX_HEAD:
                return self._hunt(DecodeError("HTTP message", MAX_HEAD, f"no empty line within {MAX_HEAD} octets"))
            self._searched = len(buffer)
            return False
        try:
            self._head = decode_head(bytes(buffer[: match.end()]))
            length = self._head.content_length
        except DecodeError as error:
            self._head = None
            return self._hunt(error)
        self._drop(match.end())
        return self._begin_body(self._head, length, out)

    def _begin_body(self, head: HttpMessage, length: int | None, out: list[Framed[HttpMessage]]) -> bool:
        if head.has_no_body:
            self._complete(out)
            if head.status == 101:  # another protocol from here on
                return self._hunt(DecodeError("HTTP message", 0, "the connection was switched to another protocol"))
        elif head.is_chunked:
            self._state = self._step_chunk_line
        elif length is not None:
            self._left = length
            self._state = self._step_body
            if not length:
                self._complete(out)
        elif head.is_request:
            self._complete(out)
        else:
            self._state = self._step_until_end
        return True

    def _step_body(self, out: list[Framed[HttpMessage]]) -> bool:
        self._take(self._left)
        if self._left:
            return False
        self._complete(out)
        return True

    def _step_until_end(self, out: list[Framed[HttpMessage]]) -> bool:
        self._left = len(self._buffer)
        self._take(self._left)
        return False

    def _step_chunk_line(self, out: list[Framed[HttpMessage]]) -> bool:
        end = self._buffer.find(b"\n", 0, MAX_CHUNK_LINE)
        if end < 0 and len(self._buffer) < MAX_CHUNK_LINE:
            return False
        match = _CHUNK.fullmatch(self._buffer, 0, max(end, 0))
        if match is None:
            return self._hunt(DecodeError("HTTP chunk", self._offset - self._start, "not a chunk size"))
        self._left = int(match[1], 16)
        self._drop(end + 1)
        self._state = self._step_chunk if self._left else self._step_trailer
        return True

    def _step_chunk(self, out: list[Framed[HttpMessage]]) -> bool:
        self._take(self._left)
        if not self._left:
            self._state = self._step_chunk_end
        return not self._left

    def _step_chunk_end(self, out: list[Framed[HttpMessage]]) -> bool:
        if self._buffer[:1] == b"\n":
            self._drop(1)
        elif self._buffer[:2] == b"\r\n":
            self._drop(2)
        elif self._buffer == b"\r":
            return False
        else:
            return self._hunt(DecodeError("HTTP chunk", self._offset - self._start, "no line end behind a chunk"))
        self._state = self._step_chunk_line
        return True

    def _step_trailer(self, out: list[Framed[HttpMessage]]) -> bool:
        end = self._buffer.find(b"\n", 0, MAX_HEAD)
        if end < 0:
            if len(self._buffer) >= MAX_HEAD:
                return self._hunt(DecodeError("HTTP message", MAX_HEAD, f"no line end within {MAX_HEAD} octets"))
            return False
        is_last = not self._buffer[:end].strip(_LINE_ENDS)
        self._drop(end + 1)
        if is_last:
            self._complete(out)
        return True

    def _take(self, count: int) -> None:
        """Up to `count` octets of the body."""
        part = self._buffer[:count]
        self._size += len(part)
        self._left -= len(part)
        if self._size <= self.max_body:
            self._body += part
        else:
            self._body.clear()
        self._drop(len(part))

    def _complete(self, out: list[Framed[HttpMessage]]) -> None:
        if self._head is not None:
            message = replace(self._head, body=bytes(self._body), body_size=self._size)
            out.append(Framed(self._start, self._offset, message))
        self._reset(self._offset)

    def _hunt(self, error: DecodeError) -> bool:
        """Pass over octets from the start of the failed message on, the octets that were read of it included."""
        self._head = None
        self._error = error
        self._state = self._step_lost
        self._body = bytearray()
        self._size = self._left = self._searched = 0
        return True

    def _step_lost(self, out: list[Framed[HttpMessage]]) -> bool:
        match = _START.search(self._buffer)
        if match is None:
            last = self._buffer.rfind(b"\n", -_START_SIZE)
            self._drop(last if last >= 0 else len(self._buffer))
            return False
        self._drop(match.end())
        if self._offset > self._start:
            out.append(Framed(self._start, self._offset, None, self._error))
        self._reset(self._offset)
        return True
