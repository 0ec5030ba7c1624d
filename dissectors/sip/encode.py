"""Building SIP messages (RFC 3261 section 7)."""

from __future__ import annotations

from collections.abc import Iterable

from dissectors.sip.decode import decode_sip
from dissectors.sip.message import COMPACT_FORMS, SipMessage

_LINE_ENDS = ("\r", "\n")


def encode_sip(message: SipMessage) -> bytes:
    """The octets of a message, exactly those it was decoded from."""
    return message.data


def build_request(method: str, request_uri: str, headers: Iterable[tuple[str, str]], body: bytes = b"") -> SipMessage:
    """A request of the given header fields and body; Content-Length is computed, whether given or not.

    Raises ValueError for a line end in a header field, DecodeError when what RFC 3261 section 8.1.1 demands is missing.
    """
    return _build(f"{method} {request_uri} SIP/2.0", headers, body)


def build_response(
    status: int, reason_phrase: str, headers: Iterable[tuple[str, str]], body: bytes = b""
) -> SipMessage:
    """A response of the given header fields and body; Content-Length and errors as for `build_request`."""
    return _build(f"SIP/2.0 {status} {reason_phrase}", headers, body)


def _build(start_line: str, headers: Iterable[tuple[str, str]], body: bytes) -> SipMessage:
    lines = [start_line]
    has_length = False
    for name, value in headers:
        long = name.lower()
        if COMPACT_FORMS.get(long, long) == "content-length":
            if has_length:
                continue
            has_length = True
            value = str(len(body))
        lines.append(f"{name}: {value}")
    if not has_length:
        lines.append(f"Content-Length: {len(body)}")
    for line in lines:
        if any(end in line for end in _LINE_ENDS):
            raise ValueError("a SIP start line or header field may not contain a line end")
    head = "\r\n".join(lines) + "\r\n\r\n"
    return decode_sip(head.encode("utf-8", "surrogateescape") + body)
