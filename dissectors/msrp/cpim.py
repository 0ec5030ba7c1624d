"""CPIM messages (RFC 3862), and what IMDN (RFC 5438) puts into their headers.

A CPIM message is CPIM headers, an empty line, MIME headers, an empty line, content. The octets of the headers are kept,
so a decoded message is encoded as it was. Covered: header parameters, namespaces, escapes. Taken as well, for they are
seen: lines ended by LF alone, and an outer `Content-Type: message/cpim` before the CPIM headers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from dissectors.errors import DecodeError

IMDN_NAMESPACE = "urn:ietf:params:imdn"
"""RFC 5438 section 6."""

# Header = Header-name ":" *( ";" Parameter ) SP Header-value; one space, but none or more are taken.
_HEADER = re.compile(r"([!-9;-~]+):((?:;[^\s;]*)*)[ \t]*([^\r\n]*)")
_MIME_HEADER = re.compile(r"([!-9;-~]+):[ \t]*([^\r\n]*)")
_EMPTY_LINE = re.compile(rb"\r?\n\r?\n")
_NS = re.compile(r"([^\s<>]*)\s*<([^<>]*)>")
_URI = re.compile(r"<([^<>]*)>")
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|(.))", re.DOTALL)
_ESCAPED = {"b": "\b", "t": "\t", "n": "\n", "r": "\r"}
_TO_ESCAPE = {"\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\r": "\\r"}


def unescape(text: str) -> str:
    r"""Undo the escapes of a header value (RFC 3862 section 2.3.3): `\\`, `\"`, `\'`, `\b`, `\t`, `\n`, `\r`, `\uXXXX`.

    A `\u` of half a character outside the first plane stays as written.
    """
    return _ESCAPE.sub(_unescape_one, text) if "\\" in text else text


def _unescape_one(match: re.Match[str]) -> str:
    if match[1] is None:
        return _ESCAPED.get(match[2], match[2])
    number = int(match[1], 16)
    return match[0] if 0xD800 <= number <= 0xDFFF else chr(number)


def escape(text: str) -> str:
    """The text with escapes for what a header value cannot hold as it is (RFC 3862 section 2.3.3)."""
    return "".join(
        _TO_ESCAPE.get(char) or (f"\\u{ord(char):04x}" if char < " " or char == "\x7f" else char) for char in text
    )


@dataclass(slots=True)
class CpimHeader:
    """One header of a CPIM message (RFC 3862 section 3)."""

    name: str
    "As written, prefix included: `imdn.Message-ID`."
    value: str
    "As written, escapes included; `text` has it without."
    params: tuple[tuple[str, str | None], ...] = ()
    "Such as `lang`; None for one without `=`."
    namespace: str = ""
    "URI of the namespace the prefix stands for; empty for the core headers and for a prefix nobody declared."

    @property
    def prefix(self) -> str:
        """What stands before the dot; empty when there is none."""
        prefix, dot, _ = self.name.partition(".")
        return prefix if dot else ""

    @property
    def local_name(self) -> str:
        """The name without its prefix."""
        return self.name.partition(".")[2] or self.name

    @property
    def text(self) -> str:
        """The value with its escapes undone."""
        return unescape(self.value)


@dataclass(slots=True)
class CpimMessage:
    """One CPIM message (RFC 3862)."""

    headers: list[CpimHeader]
    "CPIM headers in order, NS included."
    mime_headers: list[tuple[str, str]]
    "Headers of the content, in order."
    body: bytes
    "The content."
    head: bytes
    "All octets before the content."
    outer_headers: list[tuple[str, str]] = field(default_factory=list)
    "MIME headers before the CPIM headers: not meant to be there in MSRP, sometimes are."

    def header(self, name: str, namespace: str | None = None) -> CpimHeader | None:
        """The first header of that name, or None; names are case-sensitive (RFC 3862 section 2.3).

        Without `namespace` the name is compared as written; with one, the name behind the prefix that stands for it.
        """
        for header in self.headers:
            if (
                header.name == name
                if namespace is None
                else header.local_name == name and header.namespace.lower() == namespace.lower()
            ):
                return header
        return None

    @property
    def content_type(self) -> str:
        """Content-Type of the content; empty when absent."""
        for name, value in self.mime_headers:
            if name.lower() == "content-type":
                return value
        return ""

    @property
    def from_uri(self) -> str:
        """URI of From; empty when absent."""
        return self._uri("From")

    @property
    def to_uri(self) -> str:
        """URI of the first To; empty when absent."""
        return self._uri("To")

    @property
    def to_uris(self) -> list[str]:
        """URIs of all To headers (RFC 7701 allows one)."""
        return [_uri_in(header.value) for header in self.headers if header.name == "To"]

    @property
    def datetime(self) -> str:
        """DateTime as written (RFC 3339); empty when absent."""
        return self._text("DateTime")

    @property
    def subject(self) -> str:
        """The first Subject; empty when absent."""
        return self._text("Subject")

    @property
    def imdn_message_id(self) -> str:
        """Message-ID of IMDN (RFC 5438 section 6.3); empty when absent."""
        return self._text("Message-ID", IMDN_NAMESPACE)

    @property
    def disposition_notification(self) -> list[str]:
        """The notifications asked for (RFC 5438 section 6.2), such as `positive-delivery`, `display`."""
        text = self._text("Disposition-Notification", IMDN_NAMESPACE)
        return [word for word in (part.strip() for part in text.split(",")) if word]

    def _uri(self, name: str) -> str:
        header = self.header(name)
        return "" if header is None else _uri_in(header.value)

    def _text(self, name: str, namespace: str | None = None) -> str:
        header = self.header(name, namespace)
        return "" if header is None else header.text


def _uri_in(value: str) -> str:
    # From = [ Formal-name ] "<" URI ">"; a formal name may hold brackets only in quotes, so the last pair counts.
    found = _URI.findall(value)
    return str(found[-1]) if found else value.strip()


def decode_cpim(body: bytes) -> CpimMessage:
    """Decode the body of a message/cpim; DecodeError when it does not start with CPIM headers and an empty line."""
    outer: list[tuple[str, str]] = []
    block, at = _block(body, 0)
    if at < 0:
        raise DecodeError("CPIM headers", len(body), "no empty line after them")
    if block[:13].lower() == "content-type:":
        outer = _mime_headers(block, 0)
        start = at
        block, at = _block(body, start)
        if at < 0:
            raise DecodeError("CPIM headers", len(body), "no empty line after them")
    else:
        start = 0
    headers = _cpim_headers(block, start)
    if body.startswith((b"\r\n", b"\n"), at):  # no MIME headers at all
        at += 1 + body.startswith(b"\r", at)
        return CpimMessage(headers, [], body[at:], body[:at], outer)
    block, end = _block(body, at)
    if end < 0:
        # Headers of content that is not there, up to the last line end.
        end = len(body)
    return CpimMessage(headers, _mime_headers(block, at), body[end:], body[:end], outer)


def _block(body: bytes, start: int) -> tuple[str, int]:
    """The lines up to the next empty one, and the offset after that; -1 and the rest when there is none."""
    match = _EMPTY_LINE.search(body, start)
    end, after = (len(body), -1) if match is None else match.span()
    return body[start:end].decode("utf-8", "surrogateescape"), after


def _lines(block: str) -> list[str]:
    return [line.removesuffix("\r") for line in block.split("\n")]


def _offset_of_line(block: str, number: int) -> int:
    before = block.split("\n")[:number]
    return len("\n".join([*before, ""]).encode("utf-8", "surrogateescape"))


def _cpim_headers(block: str, offset: int) -> list[CpimHeader]:
    headers = []
    namespaces: dict[str, str] = {}
    for number, line in enumerate(_lines(block)):
        match = _HEADER.fullmatch(line)
        if match is None:
            raise DecodeError("CPIM header", offset + _offset_of_line(block, number), "no header name and colon")
        name, params, value = match.groups()
        pairs = tuple(_param(param) for param in params.split(";")[1:])
        prefix, dot, _ = name.partition(".")
        if name == "NS":
            declared = _NS.fullmatch(value.strip())
            if declared is not None:
                namespaces[declared[1]] = declared[2]
            namespace = ""
        else:
            namespace = namespaces.get(prefix if dot else "", "")
            if not namespace and prefix.lower() == "imdn" and dot:
                namespace = IMDN_NAMESPACE  # taken without NS too: the prefix has no other use
        headers.append(CpimHeader(name, value, pairs, namespace))
    return headers


def _param(text: str) -> tuple[str, str | None]:
    name, equals, value = text.partition("=")
    return name, value if equals else None


def _mime_headers(block: str, offset: int) -> list[tuple[str, str]]:
    """MIME headers, folded lines joined (RFC 822 allows folding here, RFC 3862 does not in CPIM headers)."""
    headers: list[tuple[str, str]] = []
    for number, line in enumerate(_lines(block)):
        match = _MIME_HEADER.fullmatch(line)
        if match is not None:
            headers.append((match[1], match[2].rstrip(" \t")))
        elif line[:1] in (" ", "\t") and headers:
            name, value = headers[-1]
            headers[-1] = (name, f"{value} {line.strip()}")
        elif line:
            raise DecodeError("MIME header", offset + _offset_of_line(block, number), "no header name and colon")
    return headers


def encode_cpim(message: CpimMessage) -> bytes:
    """The octets of a message; for a decoded one exactly those it was decoded from."""
    return message.head + message.body


def build_cpim(
    headers: Iterable[tuple[str, str]], content_type: str, body: bytes, mime_headers: Iterable[tuple[str, str]] = ()
) -> CpimMessage:
    """A new message from CPIM headers (values as they shall be read: they are escaped here) and content.

    Header names may carry parameters: `Subject:;lang=fr` is the name `Subject;lang=fr`. ValueError for a name or a MIME
    header that would be read as something else.
    """
    lines = []
    texts = []
    for header_name, value in headers:
        name, semicolon, params = header_name.partition(";")
        texts.append(value)
        lines.append(f"{name}:{semicolon}{params} {escape(value)}\r\n")
    lines.append("\r\n")
    mime = [("Content-Type", content_type), *mime_headers]
    lines += [f"{name}: {value}\r\n" for name, value in mime]
    data = "".join(lines).encode("utf-8", "surrogateescape") + b"\r\n" + body
    try:
        message = decode_cpim(data)
    except DecodeError as error:
        raise ValueError(f"not a CPIM message that can be sent: {error}") from error
    if message.mime_headers != mime or message.body != body or [header.text for header in message.headers] != texts:
        raise ValueError("a part of this message would be read as something else")
    return message
