"""Where the report goes: standard output, or a file that appears only when it is complete."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import click

from analyzer.cli.main import OutputError, abandon_stdout


def refuse_captures(output: str, captures: Sequence[str]) -> None:
    """Raises click.UsageError when the report would overwrite a capture that is being read, whatever its name."""
    for capture in captures:
        with suppress(OSError):
            if capture != "-" and os.path.samefile(output, capture):
                raise click.UsageError(f"{output} is a capture being read; choose another name for the output")


@contextmanager
def open_output(output: str | None, *, private: bool = False) -> Iterator[BinaryIO]:
    """Standard output for None or `-`; else a temporary file beside `output` that takes its name when all went well.

    `private` makes a file that only its owner may read (0600), whatever was there before: it holds keys or messages.
    Raises OutputError where the file cannot be made, written or renamed.
    """
    if output is None or output == "-":
        with _stdout() as file:
            yield file
        return
    target = Path(os.path.realpath(output))
    try:
        mode = target.stat().st_mode
    except OSError:
        mode = None
    if mode is not None and stat.S_ISDIR(mode):
        raise OutputError(f"{output}: is a directory; name a file for the report")
    try:
        if mode is not None and not stat.S_ISREG(mode):  # /dev/null, a named pipe
            with target.open("wb") as file:
                yield file
            return
        with _replacing(target, mode, private=private) as file:
            yield file
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"{output}: cannot be written: {error.strerror or error}") from error


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


@contextmanager
def _replacing(target: Path, mode: int | None, *, private: bool) -> Iterator[BinaryIO]:
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            # mkstemp makes files that only their owner reads; a report gets the rights that any new file gets.
            if not private:
                os.fchmod(file.fileno(), stat.S_IMODE(mode) if mode is not None else 0o666 & ~_umask())
        os.replace(name, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
