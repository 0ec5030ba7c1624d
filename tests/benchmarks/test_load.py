"""The load benchmark: it runs, and its participants notice what is lost or out of order."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.load import participants
from benchmarks.load.participants import Crowd, Heard, Seat
from benchmarks.load.relay import ROOMS, End
from tests.analyzer.cli.processes import ROOT, needs_command


@needs_command
def test_a_quick_run_in_plain_and_tls(tmp_path: Path) -> None:
    out = tmp_path / "load.json"
    command = [sys.executable, "-m", "benchmarks.load", "--quick", "--json", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("\nnothing lost, nothing out of order\n")
    figures = json.loads(out.read_text())
    assert [(each["transport"], each["name"]) for each in figures["results"]] == [
        ("plain", "relay"),
        ("plain", "mrfp"),
        ("TLS-PSK", "relay"),
        ("TLS-PSK", "mrfp"),
    ]
    for each in figures["results"]:
        assert (each["lost"], each["disordered"]) == (0, 0)
        assert min(each["delivered"], each["p95"], each["paced_p95"]) > 0


class Losing(End):
    """Loses the third message of each participant."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def _relay(self, message: bytes) -> None:
        self.count += 1
        if self.count != 4:  # the first names the room
            super()._relay(message)


class Swapping(Losing):
    """Lets the third message of each participant wait for the fourth."""

    held = b""

    def _relay(self, message: bytes) -> None:
        self.count += 1
        if self.count == 4:
            self.held = message
            return
        End._relay(self, message)
        if self.count == 5:
            End._relay(self, self.held)


@contextmanager
def relay(end: type[End]) -> Iterator[tuple[str, int]]:
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(loop.create_server(end, f"127.66.{os.getpid() >> 8 & 127}.{os.getpid() & 255}", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server.sockets[0].getsockname()
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(asyncio.sleep(0.01))
        loop.close()
        ROOMS.clear()


def heard(end: type[End], monkeypatch: pytest.MonkeyPatch) -> Heard:
    """Two rooms of three, each participant says about eight things."""
    monkeypatch.setattr(participants, "DRAIN", 0.5)
    with relay(end) as place:
        seats = [Seat(place, f"msrp://127.0.0.1:9/u{n};tcp", f"msrp://r/room{n // 3};tcp", n // 3) for n in range(6)]
        crowd = Crowd(seats, size=30, key=b"", answers=True)
        try:
            crowd.settle(6)
            return crowd.pace(1.0, 50)
        finally:
            crowd.close()


def test_nothing_is_lost_by_the_bare_relay(monkeypatch: pytest.MonkeyPatch) -> None:
    found = heard(End, monkeypatch)
    assert (found.lost, found.disordered) == (0, 0)
    assert 6 * 5 <= found.sent <= 50
    assert found.delivered <= 2 * found.sent


def test_what_is_lost_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    found = heard(Losing, monkeypatch)
    assert (found.lost, found.disordered) == (6 * 2, 6 * 2), "what came after it was not what had to come"


def test_what_is_out_of_order_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    found = heard(Swapping, monkeypatch)
    assert (found.lost, found.disordered) == (0, 3 * 6 * 2), "the fourth, the third, the fifth"
