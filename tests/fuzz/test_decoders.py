"""Damaged octets at every entry point: a result or DecodeError, nothing else, and soon.

`make soak` enters a million; the normal run a few thousand. An input follows from its number, so that a failure can be
made again: `MRFSCOPE_FUZZ_SEED` moves the numbers.
"""

from __future__ import annotations

import os
import random
import resource
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from entry_points import ENTRY_POINTS, Enter, corpus
from mutations import mutated_octets

from dissectors.errors import DecodeError

SEED = int(os.environ.get("MRFSCOPE_FUZZ_SEED", "0"))
SOAK = 1_000_000
LIMIT_S = 0.1
"CPU time of one input on the reference machine; only the soak judges it."


def damaged(kind: str, number: int) -> bytes:
    """Input `number` of a kind: twice damaged every third time, two messages in one every seventh."""
    chance = random.Random(f"{kind} {SEED + number}")
    pool = corpus()[kind]
    octets = mutated_octets(chance.choice(pool), chance)
    if number % 3 == 0:
        octets = mutated_octets(octets, chance)
    if number % 7 == 0:
        octets += chance.choice(pool)
    return octets[:16_384]


def enter(name: str, numbers: range) -> tuple[int, list[tuple[int, float]]]:
    """How many inputs were refused, and those that took long: number and CPU seconds."""
    function, kind = ENTRY_POINTS[name]
    refused = 0
    slow = []
    for number in numbers:
        octets = damaged(kind, number)
        before = time.process_time()
        try:
            function(octets)
        except DecodeError:
            refused += 1
        took = time.process_time() - before
        if took > LIMIT_S:
            slow.append((number, took))
    return refused, slow


@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_damaged_octets_are_read_or_refused(name: str) -> None:
    function, kind = ENTRY_POINTS[name]
    for whole in corpus()[kind][:20]:
        with suppress(DecodeError):
            function(whole)
    enter(name, range(150))


def test_there_is_something_to_damage_for_every_entry_point() -> None:
    assert {kind for _, kind in ENTRY_POINTS.values()} <= {kind for kind, pool in corpus().items() if pool}
    assert len(ENTRY_POINTS) >= 22


@pytest.mark.soak
@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_a_million_damaged_inputs(name: str) -> None:
    """No other exception, none over 100 ms, and no memory that stays."""
    each = SOAK // len(ENTRY_POINTS) + 1
    enter(name, range(2000))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _, slow = enter(name, range(2000, 2000 + each))
    # A machine that does other work now and then takes the CPU away with the clock running: twice slow is slow.
    function, kind = ENTRY_POINTS[name]
    again = [(number, min(_seconds(function, damaged(kind, number)) for _ in range(3))) for number, _ in slow]
    assert [(number, took) for number, took in again if took > LIMIT_S] == []
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10


def _seconds(function: Enter, octets: bytes) -> float:
    before = time.process_time()
    with suppress(DecodeError):
        function(octets)
    return time.process_time() - before


@pytest.mark.soak
@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_inputs_guided_by_coverage(name: str, tmp_path: Path) -> None:
    """libFuzzer keeps what reaches a new branch: its own oracle of what was not tried yet."""
    pytest.importorskip("atheris", reason="atheris is not installed (pip install atheris; it has wheels up to 3.13)")
    command = [sys.executable, str(Path(__file__).with_name("guided.py")), name, "20000", str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=1200)
    assert (run.returncode, "Done 20000 runs" in run.stderr) == (0, True), run.stderr[-3000:]
