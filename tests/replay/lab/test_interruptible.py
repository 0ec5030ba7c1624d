"""SIGTERM and SIGINT end what runs in the event loop in order, wherever they come."""

from __future__ import annotations

import asyncio
import signal

import pytest

from replay.lab.interruptible import run_interruptible


def test_the_result_of_the_work() -> None:
    async def work() -> int:
        await asyncio.sleep(0)
        return 5

    before = signal.getsignal(signal.SIGTERM)
    assert run_interruptible(work()) == 5
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_inside_a_callback_lets_it_come_to_its_end(number: signal.Signals) -> None:
    """An exception there would leave the event unset, and its waiter would wait for ever."""
    done: list[str] = []

    async def work() -> None:
        loop, ended = asyncio.get_running_loop(), asyncio.Event()

        def callback() -> None:
            signal.raise_signal(number)
            ended.set()

        loop.call_soon(callback)
        try:
            await asyncio.sleep(60)
        finally:
            await ended.wait()
            done.append("in order")

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        run_interruptible(work())
    assert done == ["in order"]
    assert signal.getsignal(signal.SIGTERM) == before


def test_work_that_was_cancelled_otherwise_was_not_interrupted() -> None:
    async def work() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        run_interruptible(work())
