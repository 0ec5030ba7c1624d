"""Ctrl-C while a pipe is read ends the input: the report of what was read follows. A second one ends the command."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from analyzer.capture.end_of_input import EndOfInput

TOLD = b"mrfscope: Ctrl-C: the input ends here, the report follows; again ends the command\n"


@contextmanager
def ctrl_c_ends_input(*, quiet: bool) -> Iterator[EndOfInput]:
    """What SIGINT asks for while a pipe is read; at other times, and the second time, it is a KeyboardInterrupt.

    Where SIGINT is ignored, as in what a script starts in the background, it stays so.
    """
    end = EndOfInput()

    def handle(number: int, frame: object) -> None:
        if not end.ask():
            raise KeyboardInterrupt
        if not quiet:
            os.write(sys.stderr.fileno(), TOLD)

    is_ours = threading.current_thread() is threading.main_thread()
    is_ours = is_ours and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_ours:
        signal.signal(signal.SIGINT, handle)
    try:
        yield end
    finally:
        if is_ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        end.close()
