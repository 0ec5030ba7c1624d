"""Bodies of SIP messages: media types, multipart bodies taken apart (RFC 3261 section 7.4, RFC 2046 section 5.1.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dissectors.sip.parameters import parse_parameters

MAX_DEPTH = 8
"How many multipart bodies may stand inside each other; what is deeper stays one part."
MAX_PARTS = 1000
"How many parts one message may have; what follows stays unseen."

_FOLD = re.compile(r"\r?\n[ \t]+")
_FIELD = re.compile(r"^([^\s:]+)[ \t]*:[ \t]*([^\r\n]*)", re.MULTILINE)


@dataclass(slots=True)
class BodyPart:
    """One part of a body that is itself no multipart."""

    content_type: str
    "Media type in lower case without parameters, such as `application/sdp`; empty when not stated."
    disposition: str
    "Content-Disposition type in lower case; when absent the default of RFC 3261 section 20.11."
    headers: list[tuple[str, str]]
    "The part's own MIME headers in order; for a body that is no multipart, none (they are the message's)."
    data: bytes


def media_type(value: str) -> str:
    """Type/subtype of a Content-Type value, lower case, without parameters and blanks."""
    return value.partition(";")[0].strip().lower()


def flatten_body(content_type: str, disposition: str, body: bytes) -> list[BodyPart]:
    """The parts of a body, those of nested multiparts in place of the multipart; a damaged multipart is one part."""
    parts: list[BodyPart] = []
    _flatten(content_type, disposition, [], body, 0, parts)
    return parts


def _flatten(
    content_type: str, disposition: str, headers: list[tuple[str, str]], body: bytes, depth: int, parts: list[BodyPart]
) -> None:
    kind = media_type(content_type)
    pieces = _split_multipart(content_type, body) if kind.startswith("multipart/") and depth < MAX_DEPTH else []
    if not pieces:
        parts.append(BodyPart(kind, _disposition(disposition, kind), headers, body))
        return
    for piece in pieces:
        if len(parts) >= MAX_PARTS:
            return
        own_headers, data = _split_part(piece)
        own = {name.lower(): value for name, value in reversed(own_headers)}
        # A part without Content-Type is text/plain (RFC 2046 section 5.1).
        own_type = own.get("content-type", own.get("c", "text/plain"))
        _flatten(own_type, own.get("content-disposition", ""), own_headers, data, depth + 1, parts)


def _disposition(value: str, kind: str) -> str:
    token = value.partition(";")[0].strip().lower()
    return token or ("session" if kind == "application/sdp" else "render")


def _split_multipart(content_type: str, body: bytes) -> list[bytes]:
    boundary = parse_parameters(content_type[content_type.find(";") :]).get("boundary")
    if not boundary or len(boundary) > 200:  # RFC 2046 allows 70
        return []
    mark = b"--" + boundary.encode("utf-8", "surrogateescape")
    # delimiter := CRLF "--" boundary; the CRLF belongs to it, not to the part before (RFC 2046 section 5.1.1).
    marks = list(re.finditer(rb"(?:\A|\r?\n)" + re.escape(mark) + rb"(--)?[ \t]*(?:\r?\n|\Z)", body))
    pieces: list[bytes] = []
    for position, match in enumerate(marks):
        if match[1] is not None:
            break
        stop = marks[position + 1].start() if position + 1 < len(marks) else len(body)
        pieces.append(body[match.end() : stop])
    return pieces


def _split_part(piece: bytes) -> tuple[list[tuple[str, str]], bytes]:
    if piece[:2] == b"\r\n":
        return [], piece[2:]
    if piece[:1] == b"\n":
        return [], piece[1:]
    head, blank, data = piece.partition(b"\r\n\r\n")
    if not blank:
        head, blank, data = piece.partition(b"\n\n")
    text = _FOLD.sub(" ", head.decode("utf-8", "surrogateescape"))
    return [(name, value.rstrip()) for name, value in _FIELD.findall(text)], data
