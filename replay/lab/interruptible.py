"""Runs a coroutine that SIGTERM ends as orderly as Ctrl-C does."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from types import FrameType
from typing import Any, TypeVar

Result = TypeVar("Result")


def run_interruptible(work: Coroutine[Any, Any, Result]) -> Result:
    """Run it to its end, as `asyncio.run` does. Raises KeyboardInterrupt after Ctrl-C or SIGTERM.

    SIGTERM cancels the task, as `asyncio.Runner` does it for SIGINT: an exception raised wherever the event loop just
    is would leave a callback half done, and whoever waits for it waits for ever.
    """
    interrupted = False

    async def cancellable() -> Result:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def cancel(_number: int, _frame: FrameType | None) -> None:
            nonlocal interrupted
            interrupted = True
            if task is not None:
                loop.call_soon_threadsafe(task.cancel)

        before = signal.signal(signal.SIGTERM, cancel)
        try:
            return await work
        finally:
            signal.signal(signal.SIGTERM, before)

    try:
        return asyncio.run(cancellable())
    except asyncio.CancelledError:
        if interrupted:
            raise KeyboardInterrupt from None
        raise
