"""The benchmark of opening TLS: its captures are what it says, and a small run comes to its end."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from oracles import need, tshark_fields

from benchmarks.secured import MESSAGES, make

ROOT = Path(__file__).resolve().parents[2]


def test_a_small_run(tmp_path: Path) -> None:
    need("tshark")
    capture, keys = make(3, tmp_path)
    assert keys.stat().st_mode & 0o077 == 0
    assert len(tshark_fields(capture, "tls.handshake.type == 1", ["frame.number"])) == 3
    randoms = tshark_fields(capture, "tls.handshake.type == 1", ["tls.handshake.random"])
    assert len({row[0] for row in randoms}) == 3
    command = [sys.executable, "-m", "benchmarks.secured", "--sessions", "3", "--rounds", "1", "--data", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"^opening 3 sessions adds -?[0-9.]+ of the CPU time in plain; ", done.stdout, re.M)
    sends = tshark_fields(tmp_path / "secured-3.plain.pcapng", 'msrp.method == "SEND"', ["frame.number"])
    assert len(sends) == 3 * MESSAGES
