"""Who a chat message is from and for: the headers of its CPIM wrapper, without the rest (RFC 3862, RFC 7701 section 6).

Only the octets before the first empty line are looked at; the content is never touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from dissectors.errors import DecodeError
from dissectors.msrp import decode_cpim

MAX_HEAD = 8192
"Octets that the CPIM headers may have."


@dataclass(slots=True)
class Envelope:
    """What the CPIM headers say."""

    sender: str
    "URI of From, in the spelling that `comparable` gives."
    recipients: list[str]
    "URIs of To, in that spelling."
    headers: list[tuple[str, str]]
    "All of them, in order."
    content_type: str
    "Of the content, in lower case, without parameters; empty when not there yet."


@lru_cache(maxsize=4096)
def comparable(uri: str) -> str:
    """A SIP or other URI without parameters and with its host in lower case (RFC 3261 section 19.1.4, in the main)."""
    uri = uri.strip().partition(";")[0].partition("?")[0]
    scheme, colon, rest = uri.partition(":")
    user, at, host = rest.rpartition("@")
    return f"{scheme.lower()}{colon}{user}{at}{host.lower()}"


def read_envelope(body: bytes) -> Envelope | None:
    """The envelope of a message that begins with these octets; None when its end is not there yet.

    DecodeError when this is no CPIM, lacks From or To, or its headers are too long.
    """
    end = body.find(b"\r\n\r\n", 0, MAX_HEAD)
    if end < 0 or body[:13].lower() == b"content-type:":
        return _read_unusual(body)
    headers: list[tuple[str, str]] = []
    for line in body[:end].decode("utf-8", "surrogateescape").split("\r\n"):
        name, colon, value = line.partition(":")
        if not colon or not name or " " in name:
            raise DecodeError("CPIM header", 0, "no header name and colon")
        headers.append((name, value.partition(" ")[2] if value[:1] == ";" else value.strip()))
    return _envelope(headers, _content_type(body, end + 4))


def _read_unusual(body: bytes) -> Envelope | None:
    """Lines ended by LF alone, or an outer Content-Type: seen, and taken."""
    if b"\n\n" not in body[:MAX_HEAD] and b"\r\n\r\n" not in body[:MAX_HEAD]:
        if len(body) >= MAX_HEAD:
            raise DecodeError("CPIM headers", MAX_HEAD, "no empty line after them")
        return None
    message = decode_cpim(body[: 2 * MAX_HEAD])
    types = [value for name, value in message.mime_headers if name.lower() == "content-type"]
    return _envelope([(each.name, each.value) for each in message.headers], _bare_type(types[0]) if types else "")


def _envelope(headers: list[tuple[str, str]], content_type: str) -> Envelope:
    senders = [value for name, value in headers if name == "From"]
    recipients = [value for name, value in headers if name == "To"]
    if not senders or not recipients:
        raise DecodeError("CPIM headers", 0, "From and To are needed (RFC 4975 section 7.1.5)")
    return Envelope(_uri(senders[0]), [_uri(each) for each in recipients], headers, content_type)


def _uri(value: str) -> str:
    """The URI of `[Formal-name] <URI>`: what the last pair of brackets holds."""
    begin = value.rfind("<")
    end = value.find(">", begin)
    return comparable(value[begin + 1 : end] if 0 <= begin < end else value)


def _content_type(body: bytes, start: int) -> str:
    end = body.find(b"\r\n\r\n", start, start + MAX_HEAD)
    if end < 0:
        return ""
    for line in body[start:end].decode("latin-1").split("\r\n"):
        name, _, value = line.partition(":")
        if name.lower() == "content-type":
            return _bare_type(value)
    return ""


def _bare_type(value: str) -> str:
    return value.partition(";")[0].strip().lower()
