"""MSRP messages as values (RFC 4975 sections 5 and 9; AUTH: RFC 4976; NICKNAME: RFC 7701).

A message keeps the octets of its head, so that headers nobody knows, their order and their spelling survive a
decode and an encode. What a reader asks for often is a field; every header is in `headers`, read when first asked for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from dissectors.errors import DecodeError


class ByteRange(NamedTuple):
    """Which octets of a message a chunk holds (RFC 4975 section 7.1.1); offsets count from 1.

    `end` is what the sender announced. It is often `*`, and often wrong: the octets received say how long a chunk is.
    """

    start: int
    end: int | None
    "None for `*`: not known, or the chunk may be interrupted."
    total: int | None
    "Octets in the whole message; None for `*`."

    def __str__(self) -> str:
        end = "*" if self.end is None else self.end
        total = "*" if self.total is None else self.total
        return f"{self.start}-{end}/{total}"


class ReportStatus(NamedTuple):
    """The Status header of a REPORT (RFC 4975 section 7.1.2)."""

    namespace: str
    "`000`: the code is an MSRP response code."
    code: int
    comment: str


# Byte-Range: start "-" (end|"*") "/" (total|"*"); 19 digits hold every 63-bit count and stop a number without end.
_BYTE_RANGE = re.compile(r"([0-9]{1,19})-([0-9]{1,19}|\*)/([0-9]{1,19}|\*)")
_STATUS = re.compile(r"([0-9]{3}) ([0-9]{3})(?: (.*))?", re.DOTALL)
_HEADER_NAME = re.compile(r"[!-9;-~]+")

# start line = "MSRP" SP tid SP (method / 3DIGIT [SP comment]). RFC 4975 section 9 wants 4 to 32 characters in a
# transaction id; UUIDs (36) and single letters are seen, and the framing works with them as well.
START_LINE = re.compile(
    r"MSRP ([A-Za-z0-9.\-+%=]{1,64}) (?:([0-9]{3})(?: ([^\r\n]*))?|([A-Za-z][A-Za-z0-9!%'*+._`~-]{0,63}))"
)


@lru_cache(maxsize=4096)
def parse_byte_range(text: str) -> ByteRange | None:
    """Read a Byte-Range value; None when it is none (the header stays readable as text)."""
    match = _BYTE_RANGE.fullmatch(text)
    if match is None:
        return None
    start, end, total = match.groups()
    return ByteRange(int(start), None if end == "*" else int(end), None if total == "*" else int(total))


@dataclass(slots=True)
class MsrpMessage:
    """One MSRP request or response, or one chunk of a longer message (RFC 4975 section 5.1).

    Text is UTF-8; octets that are not survive as surrogate escapes. Header fields are "" when the header is absent; of
    a header that stands there twice the first counts. Treat a message as immutable.
    """

    is_request: bool
    transaction_id: str
    method: str
    "`SEND`, `REPORT`, `AUTH`, `NICKNAME` or any other token; empty in a response."
    status: int
    "Response code; 0 in a request."
    comment: str
    "What follows the response code."
    to_path: str
    "URIs as sent, separated by a space: the next hop first, the endpoint last."
    from_path: str
    "URIs as sent: the previous hop first, the originating endpoint last."
    message_id: str
    byte_range: ByteRange | None
    "None when absent or unreadable."
    success_report: str
    failure_report: str
    content_type: str
    body: bytes | None
    "None: no body, or one that was not kept. Empty: a body of no octets (RFC 4975 section 7.1)."
    body_size: int
    "Octets of the body, kept or not."
    flag: str
    "How the end-line closed it: `$` last chunk, `+` more follow, `#` aborted."
    head: bytes
    "The octets before the body: start line, headers, and the empty line if there is a body."
    body_kept: bool = True
    "False when the body was longer than the reader's limit and was only counted."
    _headers: list[tuple[str, str]] | None = field(default=None, repr=False, compare=False)

    @property
    def headers(self) -> list[tuple[str, str]]:
        """All headers in order, names as spelled, values without the white space around them."""
        if self._headers is None:
            self._headers = split_headers(self.head)
        return self._headers

    def header(self, name: str) -> str | None:
        """The value of the first header of that name in any case, or None."""
        wanted = name.lower()
        for have, value in self.headers:
            if have.lower() == wanted:
                return value
        return None

    @property
    def report_status(self) -> ReportStatus | None:
        """What a REPORT says (RFC 4975 section 7.1.2); None without a readable Status header."""
        text = self.header("Status")
        match = None if text is None else _STATUS.fullmatch(text)
        return None if match is None else ReportStatus(match[1], int(match[2]), match[3] or "")

    @property
    def is_complete(self) -> bool:
        """Whether this chunk alone is the whole message (RFC 4975 section 5.1): last one, and starting at octet 1."""
        return self.flag == "$" and (self.byte_range is None or self.byte_range.start == 1)


def split_headers(head: bytes) -> list[tuple[str, str]]:
    """Split the header lines of a head; DecodeError for a line that is no header (RFC 4975 section 9, no folding)."""
    text = head.decode("utf-8", "surrogateescape")
    lines = text.removesuffix("\r\n").removesuffix("\r\n").split("\r\n")
    pairs = []
    for number in range(1, len(lines)):
        name, colon, value = lines[number].partition(":")
        if not colon or not _HEADER_NAME.fullmatch(name):
            offset = len("\r\n".join([*lines[:number], ""]).encode("utf-8", "surrogateescape"))
            raise DecodeError("MSRP header", offset, "no header name and colon")
        pairs.append((name, value.strip(" \t")))
    return pairs


def parse_head(head: bytes) -> MsrpMessage:
    """Read start line and headers, in any order and spelling; body and flag are still to be filled in.

    `head` ends with the CRLF of the last header, or with the empty line. The complete reader beside the quick one of
    `codec`; both give the same message.
    """
    line_end = head.find(b"\r\n")
    match = START_LINE.fullmatch(head[:line_end].decode("utf-8", "surrogateescape"))
    if match is None:
        raise DecodeError("MSRP start line", 0, "not `MSRP transaction-id method` or `... status`")
    transaction_id, status, comment, method = match.groups("")
    headers = split_headers(head)
    first: dict[str, str] = {}
    for name, value in headers:
        first.setdefault(name.lower(), value)
    get = first.get
    return MsrpMessage(
        bool(method),
        transaction_id,
        method,
        int(status or 0),
        comment,
        get("to-path", ""),
        get("from-path", ""),
        get("message-id", ""),
        parse_byte_range(get("byte-range", "")[:64]),
        get("success-report", ""),
        get("failure-report", ""),
        get("content-type", ""),
        None,
        0,
        "",
        head,
        True,
        headers,
    )
