"""The lifelines of a ladder and the arrows between them, as strings of one width."""

from __future__ import annotations

from analyzer.report.paint import Glyphs


class Lanes:
    """`count` lifelines, `gap` columns from one to the next."""

    def __init__(self, count: int, gap: int, glyphs: Glyphs) -> None:
        self.gap = gap
        self.glyphs = glyphs
        self.idle = (" " * (gap - 1)).join([glyphs.lane] * count)
        "A line on which nothing passes."

    @property
    def width(self) -> int:
        return len(self.idle)

    def before(self, index: int) -> str:
        """What stands left of a lifeline: the lifelines before it."""
        return self.idle[: index * self.gap]

    def arrow(self, source: int, target: int) -> str:
        """A line on which something passes from one lifeline to another; those between are crossed."""
        glyphs, gap = self.glyphs, self.gap
        cells = list(self.idle)
        start, end = source * gap, target * gap
        if start == end:
            cells[start] = glyphs.itself
            return "".join(cells)
        low, high = min(start, end), max(start, end)
        for at in range(low + 1, high):
            cells[at] = glyphs.crossing if at % gap == 0 else glyphs.line
        if start < end:
            cells[start], cells[end - 1] = glyphs.from_left, glyphs.right
        else:
            cells[start], cells[end + 1] = glyphs.from_right, glyphs.left
        return "".join(cells)
