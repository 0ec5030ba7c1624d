"""One HTTP message (RFC 9112 sections 2 to 5)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from dissectors.errors import DecodeError

MAX_FIELDS = 256
REQUEST_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32}) ([!-~]{1,8192}) HTTP/1\.([01])[ \t]{0,8}")
STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([0-9]{3})(?: ([\t -~\x80-\xff]{0,1024}))?")
_FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}):[ \t]*(?![ \t])([^\r\n\0]*)")
_NO_BODY = (204, 304)


@dataclass(frozen=True, slots=True)
class HttpMessage:
    """A request or a response; what it says is `latin-1` text."""

    head: bytes = field(repr=False)
    "Start line and fields, the empty line included."
    is_request: bool
    method: str
    "Empty in a response."
    target: str
    "Request target as it stands, query included; empty in a response."
    status: int
    "0 in a request."
    reason: str
    version: int
    "Minor version: 0 or 1."
    fields: tuple[tuple[str, str], ...]
    "Names in lower case, in order."
    body: bytes = field(default=b"", repr=False)
    "The content without chunk framing; empty where it was larger than is kept."
    body_size: int = 0
    "Octets of the content, kept or not."

    def header(self, name: str) -> str:
        """The value of a field, several joined by commas; empty when absent."""
        wanted = name.lower()
        return ", ".join(value for key, value in self.fields if key == wanted)

    @property
    def media_type(self) -> str:
        """Content-Type without parameters, in lower case."""
        return self.header("content-type").partition(";")[0].strip().lower()

    @property
    def is_chunked(self) -> bool:
        """Is the body framed in chunks (RFC 9112 section 6.1)?"""
        codings = self.header("transfer-encoding").lower().replace(" ", "").split(",")
        return codings[-1] == "chunked"

    @property
    def content_length(self) -> int | None:
        """Content-Length; None when there is none. DecodeError when it is no number, or two that differ."""
        values = {each.strip() for each in self.header("content-length").split(",")} - {""}
        if not values:
            return None
        (value, *others) = values
        if others or not (value.isascii() and value.isdigit() and len(value) <= 15):
            raise DecodeError("HTTP Content-Length", 0, "not one number of octets")
        return int(value)

    @property
    def has_no_body(self) -> bool:
        """Does its status forbid a body (RFC 9110 section 6.4.1)? Responses to HEAD cannot be told from here."""
        return not self.is_request and (self.status < 200 or self.status in _NO_BODY)


def decode_head(head: bytes, body: bytes = b"", body_size: int = 0) -> HttpMessage:
    """Read start line and fields, up to and with the empty line. DecodeError for what is none."""
    lines = head.replace(b"\r\n", b"\n").split(b"\n")
    first = lines[0]
    start = _start_line(first)
    fields: list[tuple[str, str]] = []
    offset = len(first)
    for line in lines[1:]:
        if not line:
            break
        if line[:1] in (b" ", b"\t") and fields:  # obs-fold (RFC 9112 section 5.2)
            name, value = fields[-1]
            fields[-1] = name, f"{value} {line.strip().decode('latin-1')}"
        else:
            match = _FIELD.fullmatch(line)
            if match is None or len(fields) == MAX_FIELDS:
                why = "not a header field" if match is None else f"more than {MAX_FIELDS} header fields"
                raise DecodeError("HTTP message", offset, why)
            fields.append((match[1].decode("ascii").lower(), match[2].rstrip().decode("latin-1")))
        offset += len(line) + 1
    return HttpMessage(head, *start, tuple(fields), body, body_size)


def _start_line(line: bytes) -> tuple[bool, str, str, int, str, int]:
    """The fields of `HttpMessage` from `is_request` to `version`."""
    request = REQUEST_LINE.fullmatch(line)
    if request is not None:
        return True, request[1].decode("ascii"), request[2].decode("ascii"), 0, "", int(request[3])
    status = STATUS_LINE.fullmatch(line)
    if status is None:
        raise DecodeError("HTTP start line", 0, "neither a request line nor a status line")
    return False, "", "", int(status[2]), (status[3] or b"").decode("latin-1"), int(status[1])
