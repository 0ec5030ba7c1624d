"""What the lab says while it runs: a line for each note of a function, as text or JSON, on standard error."""

from __future__ import annotations

import json
import logging
import sys
import time
from datetime import UTC, datetime
from typing import TextIO

from analyzer.report.printable import printable, printable_json
from replay.events import Note

MOST = 100
"Notes of a kind that are written within a second; whoever attacks a function shall not fill the disk."


class LabLog:
    """Writes notes as they come; of very many of a kind the number."""

    def __init__(self, *, as_json: bool = False, quiet: bool = False, out: TextIO | None = None) -> None:
        self._as_json = as_json
        self._quiet = quiet
        self._out = out or sys.stderr
        self._said: dict[tuple[str, str], tuple[int, int]] = {}
        "For each function and kind the second, and how many there were in it."

    def note(self, function: str, note: Note) -> None:
        """A note of a function."""
        if self._quiet:
            return
        kind, second = (function, note.what), int(time.monotonic())
        then, count = self._said.get(kind, (second, 0))
        if then != second:
            self._write_rest(kind, count)
            count = 0
        self._said[kind] = second, count + 1
        if count < MOST:
            self._write("info", function, note.what, note.details)

    def finish(self) -> None:
        """Tell what was not written."""
        for kind, (_, count) in self._said.items():
            self._write_rest(kind, count)
        self._said.clear()

    def _write_rest(self, kind: tuple[str, str], count: int) -> None:
        if count > MOST:
            self._write("info", *kind, {"not written": count - MOST})

    def warn(self, what: str) -> None:
        """Something of the lab itself went wrong."""
        self._write("warning", "lab", what, {})

    def _write(self, level: str, function: str, what: str, details: dict[str, str | int | float]) -> None:
        now = datetime.now(UTC)
        if self._as_json:
            said = json.dumps(
                {"time": now.isoformat(timespec="milliseconds"), "level": level, "function": function, "what": what}
                | ({"details": details} if details else {})
            )
            line = printable_json(said.encode()).decode()
        else:
            told = "".join(f"  {name}={value}" for name, value in details.items())
            line = printable(f"{now:%H:%M:%S}.{now.microsecond // 1000:03}  {function:6}  {what}{told}")
        print(line.encode("ascii", "backslashreplace").decode(), file=self._out, flush=True)


class WarningsToLog(logging.Handler):
    """Hands what the edge warns of to the lab's log."""

    def __init__(self, log: LabLog) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write it down."""
        self._log.warn(record.getMessage())
