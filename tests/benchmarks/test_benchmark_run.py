"""The benchmark runner works: it compares, measures and prints. No time is asserted."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUN = [sys.executable, "-m", "benchmarks.run"]


@pytest.mark.interop
@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
@pytest.mark.skipif(not Path(sys.executable).with_name("mrfscope").exists(), reason="mrfscope is not installed")
def test_quick_run(tmp_path: Path) -> None:
    command = [*RUN, "--quick", "--rounds", "1", "--json", str(tmp_path / "out.json"), "--data", str(tmp_path / "data")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "MISSED" not in done.stdout  # small captures are not judged
    figures = json.loads((tmp_path / "out.json").read_text())
    runs = [(one["capture"], one["command"].split()[0]) for one in figures["results"]]
    assert runs == [(kind, command) for kind in ("dense", "noisy") for command in ("mrfscope", "tshark")]
    for one in figures["results"]:
        assert 0 < one["wall_least"] <= one["wall"] <= one["wall_most"]
        assert one["cpu"] > 0
        assert min(one["largest"], one["memory"]) > 10e6
    short, long = figures["ndjson"]["packets"]
    assert 9 < long / short < 11
    assert figures["captures"]["dense"]["packets"] == short


def test_without_tshark_it_says_so_and_fails(tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": str(tmp_path)}
    done = subprocess.run(RUN, capture_output=True, text=True, check=False, timeout=60, cwd=ROOT, env=environment)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "benchmarks.run: tshark is not installed (Debian package tshark)\n"
