"""The files that one command reads and writes: what it writes is never something that it reads, nor written twice.

Files are compared by device and inode, so that hard links, symbolic links and `/dev/stdout` are seen; a file that is
not there yet by its folder and name, without regard to case, since some file systems have none.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import click

STDIN, STDOUT = "-", "-"
Identity = tuple[int, int, str]
"Device, inode, and empty; of a file that is not there those of its folder, and its name."


@dataclass(frozen=True, slots=True)
class _Named:
    path: str
    what: str
    "What it is to the command: `a capture being read`, `what -w writes`."
    fd: int = -1
    "Its descriptor, where `-` names it."


class NamedFiles:
    """What one command reads and writes. `check` as soon as all are named; `open_output` does so again at the end."""

    def __init__(self) -> None:
        self._read: list[_Named] = []
        self._written: list[_Named] = []

    def reads(self, what: str, paths: Iterable[str | Path | None]) -> None:
        """Name inputs, such as `a capture being read`; `-` is standard input."""
        named = [_Named(str(path), what, 0 if str(path) == STDIN else -1) for path in paths if path is not None]
        self._read += named

    def writes(self, option: str, path: str | None) -> None:
        """Name an output; None and `-` are standard output."""
        fd = 1 if path in (None, STDOUT) else -1
        self._written.append(_Named(path or STDOUT, f"what {option} writes", fd))

    def check(self) -> None:
        """Raises click.UsageError where an output is an input, or another output."""
        if sum(each.fd == 1 for each in self._written) > 1:
            raise click.UsageError("only one output can go to standard output")
        inputs = {identity: each for each in self._read if (identity := _identity(each)) is not None}
        outputs: dict[Identity, _Named] = {}
        for each in self._written:
            identity = _identity(each)
            if identity is None:
                continue
            other = inputs.get(identity) or outputs.get(identity)
            if other is not None:
                name = "standard output" if each.fd == 1 else each.path
                raise click.UsageError(f"{name} is {other.what}; choose another name for the output")
            outputs[identity] = each


def _identity(named: _Named) -> Identity | None:
    """None for what may be read and written at once (terminals, sockets, /dev/null), or cannot be looked at."""
    try:
        status = os.fstat(named.fd) if named.fd >= 0 else os.stat(named.path)
    except FileNotFoundError:
        return _future_identity(Path(os.path.realpath(named.path)))
    except (OSError, ValueError):
        return None
    if stat.S_IFMT(status.st_mode) not in (stat.S_IFREG, stat.S_IFIFO, stat.S_IFBLK):
        return None
    return status.st_dev, status.st_ino, ""


def _future_identity(path: Path) -> Identity | None:
    try:
        folder = path.parent.stat()
    except OSError:
        return None
    return folder.st_dev, folder.st_ino, path.name.casefold()
