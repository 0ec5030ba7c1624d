"""H.248 text that a capture cut (its snaplen): read as far as it goes.

What is open at the cut is closed there: the SDP of Local or Remote behind its last whole line, everything else behind
its last whole item. So transaction, context, command and termination are told, and whatever stood before the cut.
"""

from __future__ import annotations

import re

from dissectors.errors import DecodeError
from dissectors.h248.decode import decode_h248
from dissectors.h248.model import H248Message
from dissectors.h248.text import decode_h248_text

TRIES = 16
"Places before the cut at which it is closed in turn, until the rest is grammar."
_DESCRIPTOR = rb"(?<=[{,\s])(?:L(?:ocal)?|R(?:emote)?)\s*\{[^}]*(?:(?<=\\)\}[^}]*)*"
_PART = re.compile(
    rb'"[^"]*"|;[^\r\n]*[\r\n]|' + _DESCRIPTOR + rb'(?<!\\)\}|([{},])|("[^"]*|;[^\r\n]*)\Z|(' + _DESCRIPTOR + rb")\Z",
    re.IGNORECASE,
)


def decode_h248_as_far(data: bytes, not_captured: int) -> H248Message:
    """Decode a message of whose end `not_captured` octets are missing. Raises DecodeError where too little is left."""
    try:
        return decode_h248(data)
    except DecodeError:
        if not not_captured or data[:1] == b"\x30":
            raise
        message = _closed(data)
        if message is None:
            raise
    message.data = data
    message.not_captured = not_captured
    return message


def _closed(data: bytes) -> H248Message | None:
    for octets in reversed(_candidates(data)[-TRIES:]):
        try:
            message = decode_h248_text(octets)
        except DecodeError:
            continue
        if message.transactions:
            return message
    return None


def _candidates(data: bytes) -> list[bytes]:
    """The message closed at every place where that may be done, the latest last."""
    found: list[bytes] = []
    depth = 0
    for part in _PART.finditer(data):
        mark = part[1]
        if part[3] is not None:
            line_end = data.rfind(b"\n", part.start(3))
            if line_end >= 0:
                found.append(data[: line_end + 1] + b"}" * (depth + 1))
        elif mark == b"{":
            found.append(data[: part.start()] + b"}" * depth)
            depth += 1
        elif mark == b"}":
            depth -= 1
            found.append(data[: part.end()] + b"}" * depth)
        elif mark == b",":
            found.append(data[: part.start()] + b"}" * depth)
        elif part[2] is None and data[part.end() - 1 : part.end()] == b"}":
            found.append(data[: part.end()] + b"}" * depth)
    return found
