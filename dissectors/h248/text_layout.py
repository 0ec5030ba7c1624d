"""How the text encoding is laid out: a tree of titles with parts in braces, written on one line or indented."""

from __future__ import annotations

from dataclasses import dataclass

from dissectors.h248.tokens import LONG


@dataclass(slots=True)
class Braced:
    """A title and, in braces behind it, parts with commas between them."""

    title: str
    parts: list[Node]


@dataclass(slots=True)
class Octets:
    """A title and, in braces behind it, the octets of a Local or Remote descriptor."""

    title: str
    octets: bytes


Node = str | Braced | Octets


class Layout:
    """One of the two layouts, with its token form and its white space."""

    __slots__ = ("end", "equal", "pretty")

    def __init__(self, pretty: bool) -> None:
        self.pretty = pretty
        self.equal = " = " if pretty else "="
        self.end = "\n"

    def token(self, short: str) -> str:
        """A token in the form of this layout."""
        return LONG.get(short, short) if self.pretty else short

    def write(self, node: Node, depth: int = 0) -> str:
        """The text of a tree."""
        if isinstance(node, str):
            return node
        space = " " if self.pretty else ""
        if isinstance(node, Octets):
            return f"{node.title}{space}{{{_escaped(node.octets)}}}"
        if not node.parts:
            return f"{node.title}{space}{{{space}}}"
        if not self.pretty:
            return f"{node.title}{{{','.join([self.write(part) for part in node.parts])}}}"
        margin = "  " * (depth + 1)
        parts = f",\n{margin}".join([self.write(part, depth + 1) for part in node.parts])
        return f"{node.title} {{\n{margin}{parts}\n{margin[2:]}}}"


def _escaped(octets: bytes) -> str:
    """SDP on lines of its own, its closing braces escaped (Annex B.2 production nonEscapeChar)."""
    if not octets:
        return ""
    text = octets.decode("latin-1").replace("}", "\\}")
    # A backslash at the end would escape the brace that closes the descriptor.
    return "\n" + text + ("\n" if text[-1] == "\\" else "")


def quoted(text: str) -> str:
    """A quotedString; raises ValueError for a double quote, which it cannot hold (Annex B.2)."""
    if '"' in text:
        raise ValueError("a quoted string cannot hold a double quote")
    return f'"{text}"'
