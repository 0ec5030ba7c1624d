"""Plain tables of which one column wraps, so that they fit the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tabulate import tabulate

from analyzer.report.printable import folded

LEAST = 24
"Columns that the wrapping column keeps."


def table(
    rows: Sequence[Sequence[str]], headers: Sequence[str], width: int, *, grows: int, right: int = 0
) -> Iterator[str]:
    """Lines of a table; column `grows` wraps where the whole would be wider, the first `right` ones are numbers."""
    others = sum(
        max(len(plain(row[index])) for row in (headers, *rows)) for index in range(len(headers)) if index != grows
    )
    room = max(width - others - 2 * (len(headers) - 1), LEAST)
    # Wrapped here and not by tabulate, whose versions differ in it.
    wrapped = [
        ["\n".join(folded(cell, room)) if index == grows else cell for index, cell in enumerate(row)] for row in rows
    ]
    align = ["right"] * right + ["left"] * (len(headers) - right)
    text = tabulate(wrapped, headers, tablefmt="simple", disable_numparse=True, colalign=align if rows else None)
    yield from (line.rstrip() for line in text.split("\n"))


def plain(text: str) -> str:
    """A text without the colours that `Paint` gave it."""
    while "\x1b[" in text:
        before, _, rest = text.partition("\x1b[")
        text = before + rest.partition("m")[2]
    return text
