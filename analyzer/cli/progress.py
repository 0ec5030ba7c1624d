"""A progress bar on standard error, for long work on a terminal."""

from __future__ import annotations

import sys
from time import monotonic
from types import TracebackType
from typing import Any

import click

QUIET_SECONDS = 0.5
"Work that is done within this time shows no bar."


class Progress:
    """Told the octets read so far and in all; draws only when `wanted` and standard error is a terminal."""

    def __init__(self, wanted: bool) -> None:
        self.wanted = wanted and sys.stderr.isatty()
        self._begun = monotonic()
        self._bar: Any = None

    def __call__(self, done: int, total: int) -> None:
        if not self.wanted or total <= 0 or monotonic() - self._begun < QUIET_SECONDS:
            return
        if self._bar is None:
            self._bar = click.progressbar(length=total, label="reading", file=sys.stderr)
            self._bar.__enter__()
        self._bar.update(min(done, total) - self._bar.pos)

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        bar, self._bar = self._bar, None
        if bar is not None:
            bar.__exit__(kind, error, trace)
