"""What a user gave that cannot be used, other than a capture: a plugin, a profile, a project file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class UserError(Exception):
    """One line on what is wrong and where, and what to do about it; the command ends with exit code 2."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint


@contextmanager
def named_in(file: object, names: Iterable[str | None]) -> Iterator[None]:
    """What is wrong with one of the files that another one names is told with both.

    `site.toml: cannot be read (named in mrfscope.toml)`.
    """
    try:
        yield
    except UserError as error:
        if not any(name and error.what.startswith(name) for name in names):
            raise
        raise UserError(f"{error.what} (named in {file})", error.hint) from error
