"""Twice as much of an attack takes at most twice as long, and memory grows with the capture alone.

The usual run holds real processes to generous limits of processor time and memory, at sizes at which what once grew
with the square would take many times as much. The long run doubles every attack and compares;
`PYTHONPATH=tests/support python tests/support/doubling.py` prints the same as a table.
"""

from __future__ import annotations

import json
import resource
import subprocess
from pathlib import Path
from typing import Any

import doubling
import hostile_captures as hostile
import hostile_signalling as signalling
import hostile_transport as transport
import pytest

CPU_SECONDS = 60
"A few seconds are enough on a machine of its own."
ADDRESS_SPACE = 1 << 30
RATIO = 2.2
TRIES = 4


def limited() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))


def analysed(path: Path, form: str, out: Path) -> int:
    """The exit code of the command within the limits."""
    command = [*doubling.COMMAND, "analyze", str(path), "--jobs", "1", "-f", form, "-o", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=limited)
    assert "Traceback" not in done.stderr
    assert "internal error" not in done.stderr
    return done.returncode


def document(attack: doubling.Attack, n: int, folder: Path) -> dict[str, Any]:
    out = folder / "out.json"
    assert analysed(doubling.write(attack, n, folder), "json", out) in (0, 1, 3)
    found: dict[str, Any] = json.loads(out.read_bytes())
    return found


def test_adds_to_one_context(tmp_path: Path) -> None:
    """440 KB of them took 34 s, and four times as long with each doubling."""
    found = document(hostile.bare_terminations, 12_000, tmp_path)
    (session,) = found["sessions"]
    assert len(session["h248"]) == 12_000


def test_tsns_in_steps_of_two(tmp_path: Path) -> None:
    """0.6 MB took 10 s."""
    assert document(transport.tsn_gaps, 60_000, tmp_path)["coverage"]["packets"] == 1500


def test_contexts_by_the_thousand_in_a_datagram(tmp_path: Path) -> None:
    """1.8 MB made 100,000 sessions: what one message may begin is bounded, the rest counted."""
    found = document(signalling.crowded_contexts, 100_000, tmp_path)
    messages = found["coverage"]["messages"]["h248"]
    assert messages == 34
    assert len(found["sessions"]) == 256 * messages
    note = "h248 termination not followed: more than 256 begun in one message"
    assert found["coverage"]["notes"][note] == 100_000 - 256 * messages


def test_terminations_by_the_thousand_in_a_command(tmp_path: Path) -> None:
    """Its line was written with all 5,000 names for each of the 5,000."""
    found = document(signalling.crowded_lists, 100_000, tmp_path)
    assert sum(len(each["h248"]) for each in found["sessions"]) == 256 * 20
    assert max(len(row["summary"]) for each in found["sessions"] for row in each["timeline"]) < 500


@pytest.mark.soak
@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize("attack", doubling.ATTACKS, ids=lambda attack: attack.__name__)
def test_doubling(attack: doubling.Attack, form: str, tmp_path: Path) -> None:
    """The least of several runs, with what an empty run takes left out; a run that was disturbed is repeated."""
    idle = doubling.least(doubling.write(hostile.repeated_request, 1, tmp_path), "-f", form, times=3).seconds
    n = doubling.grown(attack, doubling.ATTACKS[attack], tmp_path, form, idle)
    small, large = doubling.write(attack, n, tmp_path), doubling.write(attack, 2 * n, tmp_path)
    short = long = float("inf")
    ratio = 0.0
    for _ in range(TRIES):
        one, two = doubling.analyse(small, "-f", form), doubling.analyse(large, "-f", form)
        assert {one.status, two.status} <= {0, 1, 3}
        assert two.peak < max(2.2 * one.peak, 100 << 20)
        short, long = min(short, one.seconds - idle), min(long, two.seconds - idle)
        ratio = long / max(short, 0.1)
        if ratio <= RATIO:
            return
    pytest.fail(f"twice as much takes {ratio:.2f} times as long: {long:.2f} s, not {short:.2f} s")
