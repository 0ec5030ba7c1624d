"""MSRP messages to and from octets (RFC 4975 section 9), one at a time.

A message ends where its own end-line stands: seven hyphens, the transaction id of *its* start line, a flag and CRLF.
The same with another transaction id or another flag is content. There is no length to trust.

Two readers give the same result. `match_usual` takes a message of the usual spelling with one regular expression;
whatever it does not match goes through `message.parse_head`, which takes every spelling. Measured in plain CPython,
the quick one costs a third of the other.
"""

from __future__ import annotations

import re

from dissectors.errors import DecodeError
from dissectors.msrp.message import START_LINE, MsrpMessage, parse_byte_range, parse_head

FLAGS = frozenset(("$\r\n", "+\r\n", "#\r\n"))
FLAG_OCTETS = {b"$\r\n": "$", b"+\r\n": "+", b"#\r\n": "#"}

# No two neighbours can match the same octet, so a hostile head costs its length, never more. `(?(n)(?!))` refuses a
# header that comes twice, the look-ahead one in another case or place: there the complete reader decides.
_WORDS = r"[!-~]+(?: [!-~]+)*"
_FIELDS = "To-Path|From-Path|Message-ID|Byte-Range|Success-Report|Failure-Report|Content-Type"
_USUAL = re.compile(
    r"MSRP ([A-Za-z0-9.\-+%=]{1,64}) (?:([A-Z]{1,64})|([0-9]{3})(?: ([ -~]{0,900}))?)\r\n"
    rf"To-Path: ({_WORDS})\r\nFrom-Path: ({_WORDS})\r\n"
    r"(?:Message-ID: (?(7)(?!))([!-~]+)\r\n"
    r"|Byte-Range: (?(8)(?!))([0-9*/-]{5,60})\r\n"
    r"|Success-Report: (?(9)(?!))([!-~]+)\r\n"
    r"|Failure-Report: (?(10)(?!))([!-~]+)\r\n"
    rf"|(?!(?i:{_FIELDS}):)[!-9;-~]+: [ -~]*\r\n"
    r"){0,16}"
    rf"(?:-------\1([$+#])\r\n|Content-Type: ({_WORDS})\r\n\r\n)"
)


def match_usual(data: bytes, text: str, start: int, max_body: int) -> tuple[MsrpMessage, int] | None:
    """Read the message at `start` if its head is spelled as usual and all there; `text` is `data` as Latin-1.

    Returns the message and the offset after it, or None: then the complete reader decides. A message without flag is
    one whose end-line is not there yet: its body is still to be read, and the offset is where that starts. Only ASCII
    heads match, so Latin-1 (a plain copy of the octets) reads them like UTF-8.
    """
    match = _USUAL.match(text, start)
    if match is None:
        return None
    groups = match.groups("")
    transaction_id, method, status, comment, to_path, from_path, message_id, byte_range, success, failure = groups[:10]
    flag, content_type = groups[10:]
    end = match.end()
    body: bytes | None = None
    size = 0
    kept = True
    if flag:
        head = data[start : end - 10 - len(transaction_id)]
    else:
        # Content may be empty, but then its CRLF is still there; without it the complete reader decides.
        if text.startswith("-------", end):
            return None
        head = data[start:end]
        found = text.find("\r\n-------" + transaction_id, end)
        if found >= 0:
            if text.find("\r\nMSRP ", end - 2, found) >= 0:
                return None  # the next message may begin there, and its end-line have been taken for this one's
            after = found + 12 + len(transaction_id)
            # Where the own end-line was damaged, this one may be that of a later message with the same transaction id.
            if text[after - 3 : after] not in FLAGS or text.find("\r\nMSRP ", end - 2, found) >= 0:
                return None
            flag = text[after - 3]
            size = found - end
            if size <= max_body:
                body = data[end:found]
            else:
                kept = False
            end = after
    message = MsrpMessage(
        not status,
        transaction_id,
        method,
        int(status) if status else 0,
        comment,
        to_path,
        from_path,
        message_id,
        parse_byte_range(byte_range) if byte_range else None,
        success,
        failure,
        content_type,
        body,
        size,
        flag,
        head,
        kept,
    )
    return message, end


def find_end_line(data: bytes | bytearray, marker: bytes, start: int, stop: int) -> tuple[int, str, int]:
    """Look for `marker` (CRLF, hyphens, transaction id) followed by a flag and CRLF, all before `stop`.

    Returns where the marker stands, the flag, and the offset up to which nothing can be found any more: where to go on
    when more octets are there. The place is -1 when there is none.
    """
    size = len(marker)
    while True:
        found = data.find(marker, start, stop)
        if found < 0:
            return -1, "", max(start, stop - size + 1)
        after = found + size + 3
        if after > stop:
            return -1, "", found
        flag = FLAG_OCTETS.get(bytes(data[after - 3 : after]))
        if flag is not None:
            return found, flag, found
        start = found + 2


def decode_msrp(data: bytes) -> MsrpMessage:
    """Decode exactly one message; DecodeError when it is none, is cut, or something follows it."""
    quick = match_usual(data, data.decode("latin-1"), 0, len(data))
    if quick is not None and quick[0].flag:
        message, end = quick
    else:
        message, end = _decode_any(data)
    if end != len(data):
        raise DecodeError("MSRP message", end, "octets after the end-line")
    return message


def _decode_any(data: bytes) -> tuple[MsrpMessage, int]:
    line_end = data.find(b"\r\n")
    start_line = None if line_end < 0 else START_LINE.fullmatch(data[:line_end].decode("utf-8", "surrogateescape"))
    if start_line is None:
        raise DecodeError("MSRP start line", 0, "not `MSRP transaction-id method` or `... status`")
    marker = b"\r\n-------" + start_line[1].encode()
    found, flag, _ = find_end_line(data, marker, line_end, len(data))
    if found < 0:
        raise DecodeError("MSRP message", len(data), "no end-line with the transaction id of the start line")
    end = found + len(marker) + 3
    blank = data.find(b"\r\n\r\n", line_end, found + 2)
    if blank < 0:
        message = parse_head(data[: found + 2])
    else:
        message = parse_head(data[: blank + 4])
        close_body(message, found - blank - 4, data[blank + 4 : max(found, blank + 4)])
    message.flag = flag
    return message, end


def close_body(message: MsrpMessage, size: int, body: bytes | None) -> None:
    """Give a message its body; `size` is -2 when the end-line directly follows the empty line.

    RFC 4975 section 9 has a CRLF between content and end-line, also where the content is empty. Some senders leave it
    out, others put an empty line into a message without content. The Content-Type header tells the two apart.
    """
    if size < 0:
        if message.content_type:
            message.head = message.head[:-2]
            message.body = b""
        return
    message.body = body
    message.body_size = size
    message.body_kept = body is not None


def encode_msrp(message: MsrpMessage) -> bytes:
    """The octets of a message; for a decoded one exactly those it was decoded from.

    ValueError for a message whose body was only counted.
    """
    if not message.body_kept:
        raise ValueError("the body of this message was not kept")
    end_line = f"-------{message.transaction_id}{message.flag}\r\n".encode()
    if message.body is None:
        return message.head + end_line
    return b"%b%b\r\n%b" % (message.head, message.body, end_line)
