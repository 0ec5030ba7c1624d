"""Colours and line characters of the text report: sparing, and plain where the terminal asks for it."""

from __future__ import annotations

from dataclasses import dataclass

_CODES = {
    "bold": "1",
    "dim": "2",
    "ok": "32",
    "warnings": "33",
    "failed": "1;31",
    "missing": "1;31",
    "late": "1;31",
    "not observable": "2",
    "not applicable": "2",
    "error": "1;31",
    "warning": "33",
    "info": "36",
    "incomplete": "33",
    "sip": "36",
    "h248": "35",
    "msrp": "32",
    "tls": "34",
    "http": "34",
    "tcp": "2",
}


@dataclass(slots=True)
class Paint:
    """Paints words, or leaves them as they are."""

    colour: bool = False

    def __call__(self, style: str, text: str) -> str:
        code = _CODES.get(style)
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and code and text else text


@dataclass(slots=True)
class Glyphs:
    """The characters that ladders are drawn with."""

    lane: str = "│"
    from_left: str = "├"
    from_right: str = "┤"
    line: str = "─"
    crossing: str = "┼"
    right: str = "▶"
    left: str = "◀"
    itself: str = "●"
    ellipsis: str = "…"
    rule: str = "─"
    good: str = "✓"
    bad: str = "✗"
    unknown: str = "?"
    idle: str = "·"


UNICODE = Glyphs()
ASCII = Glyphs("|", "|", "|", "-", "+", ">", "<", "o", "...", "-", "+", "x", "?", ".")
