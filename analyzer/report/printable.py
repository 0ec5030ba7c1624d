"""Text from a capture as a terminal may see it: control characters and undecodable octets made visible."""

from __future__ import annotations

from textwrap import wrap

_SHORT = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}


def printable(text: str) -> str:
    """The text with every character that is not printable written as an escape; one line, whatever it was.

    Bidirectional controls count as not printable; octets that were no UTF-8 (surrogate escapes) come out as `\\xhh`.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _escape(each) for each in text)


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
