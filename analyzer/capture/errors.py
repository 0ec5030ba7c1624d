"""The one error of capture files that cannot be read at all; damage further in is kept in `CaptureFile.damage`."""

from __future__ import annotations


class CaptureError(Exception):
    """A capture that gives no packets: not there, not a capture, or of a form that nobody here reads."""

    def __init__(self, path: str, why: str, hint: str) -> None:
        super().__init__(path, why, hint)
        self.path = path
        """The file as the caller named it; ``-`` is standard input."""
        self.why = why
        """What is wrong, in plain words."""
        self.hint = hint
        """What to do next."""

    def __str__(self) -> str:
        return f"{self.path}: {self.why}; {self.hint}"
