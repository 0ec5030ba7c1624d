"""What the terminal can show: width, colours, characters."""

from __future__ import annotations

import os
import shutil
import sys

DEFAULT_WIDTH = 100


def wants_colour() -> bool:
    """https://no-color.org: any value that is not empty says no."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def is_utf8() -> bool:
    """Can standard output show more than ASCII?"""
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"


def width(to_terminal: bool) -> int:
    """The terminal's width; elsewhere COLUMNS or 100."""
    if to_terminal or os.environ.get("COLUMNS", "").isdecimal():
        return max(60, shutil.get_terminal_size((DEFAULT_WIDTH, 24)).columns)
    return DEFAULT_WIDTH
