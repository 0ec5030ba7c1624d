"""Where the report goes: standard output, or a file that appears only when it is complete."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from analyzer.cli.main import OutputError, abandon_stdout
from analyzer.cli.named_files import NamedFiles
from analyzer.cli.replacement import replacing

MOST_LINKS = 40
"Symbolic links in a row, as many as Linux follows."


@contextmanager
def open_output(output: str | None, *, private: bool = False, files: NamedFiles | None = None) -> Iterator[BinaryIO]:
    """Standard output for None or `-`; else a file that takes the name `output` when all went well.

    A symbolic link stays, and the file that it names is replaced; what is no regular file (a named pipe, /dev/null) and
    /dev/stdout are written to. `private` makes a file that only its owner may read (0600), whatever was there before:
    it holds keys or messages. `files` is looked at once more before the name is taken.
    Raises OutputError where the file cannot be made, written or renamed.
    """
    if output is None or output == "-":
        with _stdout() as file:
            yield file
        return
    try:
        with _opened(output, private=private) as file:
            yield file
            if files is not None:
                files.check()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"{output}: cannot be written: {error.strerror or error}") from error


@contextmanager
def _opened(output: str, *, private: bool) -> Iterator[BinaryIO]:
    target = destination(output)
    if isinstance(target, int):
        with _stdout() if target == 1 else os.fdopen(os.dup(target), "wb") as file:
            yield file
        return
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        mode = None
    if mode is not None and stat.S_ISDIR(mode):
        raise OutputError(f"{output}: is a directory; name a file for the report")
    if mode is not None and not os.access(target, os.W_OK):
        raise OutputError(f"{output}: cannot be written: it is write-protected")
    if mode is not None and not stat.S_ISREG(mode):  # /dev/null, a named pipe
        with target.open("wb") as file:
            yield file
        return
    with replacing(target, private=private) as file:
        yield file


def destination(output: str) -> Path | int:
    """The file that a name means, its links followed; for /dev/stdout, /dev/fd/N and the like the descriptor.

    Raises OutputError for a link that a stranger may have laid: the system refuses to follow those too
    (proc(5), protected_symlinks), but only where it follows links itself.
    """
    path = Path(os.path.abspath(output))
    for _ in range(MOST_LINKS):
        for each in path.parents:
            if each.is_symlink():
                _refuse_laid_link(each, output)
        folder = os.path.realpath(path.parent)
        path = Path(folder, path.name)
        if re.fullmatch(rf"/proc/{os.getpid()}(/task/\d+)?/fd", folder) and path.name.isdecimal():
            return int(path.name)
        if not path.is_symlink():
            return path
        _refuse_laid_link(path, output)
        path = path.parent / path.readlink()
    raise OutputError(f"{output}: cannot be written: too many symbolic links")


def _refuse_laid_link(link: Path, output: str) -> None:
    folder, owner = link.parent.stat(), link.lstat().st_uid
    anybody = folder.st_mode & stat.S_ISVTX and folder.st_mode & stat.S_IWOTH
    if anybody and owner not in (os.geteuid(), folder.st_uid):
        raise OutputError(
            f"{output}: {link} is a symbolic link that somebody else laid in a folder where anybody may write; "
            "choose another name for the output"
        )


@contextmanager
def _stdout() -> Iterator[BinaryIO]:
    try:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        abandon_stdout()
        raise OutputError(f"standard output cannot be written: {error.strerror or error}") from error
