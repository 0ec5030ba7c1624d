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


ROWS_AT_ONCE = 1000
"Rows that are laid out together: while that is done, they take several times their size."
CELL_END = "\0"
"Between the cells of a row that waits; cells are printable, so it stands in none."


def long_table(rows: Sequence[str], headers: Sequence[str], *, right: int = 0) -> Iterator[str]:
    """Lines of a table of any number of rows, in which nothing is wrapped; its first `right` columns are numbers.

    A row is one text, its cells joined with `CELL_END`; cells beyond the headers are left out.
    """
    columns = len(headers)
    align = ["right"] * right + ["left"] * (columns - right)
    # Shown nowhere; with the widest line of each column among them, all parts of the table become equally wide.
    widest = [""] * columns
    for row in rows:
        for at, cell in enumerate(_cells(row, columns)):
            widest[at] = max(widest[at], *map(plain, cell.split("\n")), key=len)
    for begin in range(0, len(rows), ROWS_AT_ONCE):
        part = [widest, *(_cells(row, columns) for row in rows[begin : begin + ROWS_AT_ONCE])]
        lines = tabulate(part, headers, tablefmt="simple", disable_numparse=True, colalign=align).split("\n")
        if not begin:
            yield from (line.rstrip() for line in lines[:2])
        yield from (line.rstrip() for line in lines[3:])


def _cells(row: str, columns: int) -> list[str]:
    return row.split(CELL_END)[:columns]


def plain(text: str) -> str:
    """A text without the colours that `Paint` gave it."""
    while "\x1b[" in text:
        before, _, rest = text.partition("\x1b[")
        text = before + rest.partition("m")[2]
    return text
