"""The end of what pipes deliver, when somebody asks for it: what came until then is a whole input.

A pipe ends when its writer closes it. A live writer may never do so; then the reader's user says when it is enough.
What is in the pipe at that moment, and what a writer that ends at the same time still flushes, is read.
"""

from __future__ import annotations

import os
import select
from time import monotonic
from typing import BinaryIO

GRACE = 1.0
"s for the writer to hand over what it holds and to close, once the end was asked for."


class EndOfInput:
    """Can be asked for from a signal handler, while a read waits."""

    def __init__(self) -> None:
        self._asked_at: float | None = None
        self._open: set[int] = set()
        self._heard, self._call = os.pipe()

    @property
    def asked(self) -> bool:
        """Was the end asked for?"""
        return self._asked_at is not None

    def ask(self) -> bool:
        """End every pipe that is being read. False where there is none, or it was asked for already."""
        if self.asked or not self._open:
            return False
        self._asked_at = monotonic()
        os.write(self._call, b".")
        return True

    def wait(self, fd: int) -> bool:
        """Wait until something can be read, be it the end; False where the input shall end here."""
        while True:
            poll = select.poll()
            poll.register(fd, select.POLLIN)
            if self._asked_at is None:
                poll.register(self._heard, select.POLLIN)
                ready = poll.poll()
            else:
                left = self._asked_at + GRACE - monotonic()
                ready = poll.poll(left * 1000) if left > 0 else []
                if not ready:
                    return False
            if any(each == fd for each, _ in ready):
                return True

    def opened(self, fd: int) -> None:
        """From here on this pipe is read."""
        self._open.add(fd)

    def closed(self, fd: int) -> None:
        """This pipe is read no more."""
        self._open.discard(fd)

    def close(self) -> None:
        """Give back what it holds."""
        for each in (self._heard, self._call):
            os.close(each)


class EndablePipe:
    """Reads a pipe until its end, or until the end is asked for."""

    def __init__(self, file: BinaryIO, end: EndOfInput) -> None:
        self._file = file
        self._fd = file.fileno()
        self._end = end
        end.opened(self._fd)

    def read(self, size: int) -> bytes:
        """At most `size` octets; none at the end."""
        return os.read(self._fd, size) if self._end.wait(self._fd) else b""

    def close(self) -> None:
        """Closes the file too, unless it is standard input, which belongs to the caller."""
        self._end.closed(self._fd)
        if self._fd != 0:
            self._file.close()
