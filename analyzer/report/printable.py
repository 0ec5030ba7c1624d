"""Text from a capture as a terminal may see it: control characters and undecodable octets made visible."""

from __future__ import annotations

import re
from textwrap import wrap

_SHORT = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}
_UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]")
"""Letters and marks that show nothing (Unicode's Default_Ignorable_Code_Point), so that two names look alike.

`str.isprintable` takes them for printable; bidirectional controls, zero-width spaces, U+2028, U+FEFF it does not.
"""
_ASCII = re.compile(r"[ -~]+")
_NOT_ASCII = re.compile(r"[^ -~]")


def is_printable(text: str) -> bool:
    """Does every character of the text show itself?"""
    return text.isprintable() and (text.isascii() or _UNSEEN.search(text) is None)


def printable(text: str) -> str:
    """The text with every character that is not printable written as an escape; one line, whatever it was.

    Bidirectional controls and what has no width count as not printable; octets that were no UTF-8 (surrogate escapes)
    come out as `\\xhh`.
    """
    if is_printable(text):
        return text
    return "".join(each if is_printable(each) else _escape(each) for each in text)


def printable_json(data: bytes) -> bytes:
    """JSON in one line whose strings mean the same, with every character that is not printable as `\\uhhhh`.

    RFC 8259 section 7 asks for escapes below U+0020 only.
    """
    if data.isascii() and b"\x7f" not in data:
        return data
    text = data.decode()
    # Few characters of a record are not ASCII: only those are looked at one by one.
    return data if is_printable(_ASCII.sub("", text)) else _NOT_ASCII.sub(_json_escape, text).encode()


def _json_escape(found: re.Match[str]) -> str:
    character = found[0]
    if is_printable(character):
        return character
    units = character.encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def folded(text: str, width: int, first: str = "", rest: str = "") -> list[str]:
    """The text in lines of at most `width`, indented; codes, URIs and hyphenated words stay whole, to be copied."""
    return wrap(
        text, width, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )


def _escape(character: str) -> str:
    if character in _SHORT:
        return _SHORT[character]
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # what the `surrogateescape` error handler makes of an octet
        code -= 0xDC00
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def encodable(value: object) -> object:
    """A record in which every string can be written as UTF-8; what cannot comes out as `printable` writes it."""
    if isinstance(value, str):
        return value if value.isascii() else "".join(_escape(c) if "\ud800" <= c <= "\udfff" else c for c in value)
    if isinstance(value, dict):
        return {encodable(key): encodable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [encodable(each) for each in value]
    return value
