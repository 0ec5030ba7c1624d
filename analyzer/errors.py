"""What a user gave that cannot be used, other than a capture: a plugin, a profile, a project file."""

from __future__ import annotations


class UserError(Exception):
    """One line on what is wrong and where, and what to do about it; the command ends with exit code 2."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint
