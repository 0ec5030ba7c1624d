"""Rendering sessions on two cores: a forked child renders the second half while this process renders the first.

Sessions are complete and no longer change, so nothing needs to be told the child, and its octets come back as one file.
"""

from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import Callable, Sequence
from typing import BinaryIO, TypeVar

T = TypeVar("T")

FORK_FROM = 400
"Things to render below which a second process costs more than it saves."


def write_rendered(
    things: Sequence[T],
    render: Callable[[T], bytes],
    separator: bytes,
    out: BinaryIO,
    *,
    rescue: Callable[[T, Exception], bytes] | None = None,
    alone: bool = False,
) -> None:
    """Write `render` of every thing to `out`, in order, `separator` between them; `alone` keeps it to this process.

    `rescue` gives what to write of a thing that `render` fails on, always in this process, which may count it.
    """
    middle = len(things) // 2
    if alone or len(things) < FORK_FROM or not hasattr(os, "fork") or (os.cpu_count() or 1) < 2:
        _write(things, render, separator, out, rescue)
        return
    with tempfile.TemporaryFile() as theirs:
        gc.freeze()  # so that the child's collector does not touch, and thereby copy, what it shares with us
        out.flush()
        child = os.fork()
        if child == 0:
            status = 1
            try:
                _write(things[middle:], render, separator, theirs)
                theirs.flush()
                status = 0
            finally:
                os._exit(status)
        try:
            _write(things[:middle], render, separator, out, rescue)
        finally:
            _, status = os.waitpid(child, 0)
        out.write(separator)
        if status != 0:  # it ran out of memory, say, or failed on one thing: then do its work here
            _write(things[middle:], render, separator, out, rescue)
            return
        theirs.seek(0)
        while piece := theirs.read(1 << 20):
            out.write(piece)


def _write(
    things: Sequence[T],
    render: Callable[[T], bytes],
    separator: bytes,
    out: BinaryIO,
    rescue: Callable[[T, Exception], bytes] | None = None,
) -> None:
    first = True
    for thing in things:
        try:
            rendered = render(thing)
        except Exception as error:
            if rescue is None:
                raise
            rendered = rescue(thing, error)
        out.write(rendered if first else separator + rendered)
        first = False
