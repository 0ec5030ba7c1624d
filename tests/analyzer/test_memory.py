"""`-f ndjson` holds what is open, not what was: ten times the capture, little more memory, and the same sessions."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest

from analyzer.pipeline import Analysis, Options
from analyzer.report import FORMATS, Report
from benchmarks.check import written
from benchmarks.generate import generate

ROOT = Path(__file__).resolve().parents[2]
STEADY = 25_000
"Packets after which as many sessions end as begin, and several blocks of the file are read."
PEAK = """
import resource, sys
from analyzer.cli.main import run
status = run(sys.argv[1:])
own = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss), file=sys.stderr)
sys.exit(status)
"""
"The command, then its peak memory in KiB: of two processes the larger. (`ru_maxrss` of itself counts its parent, too.)"


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("memory") / "dense.pcap"
    generate("dense", path, STEADY)
    return path


def report_of(path: Path, name: str) -> bytes:
    analysis = Analysis([str(path)], Options(jobs=1))
    out = BytesIO()
    sessions = enumerate(analysis.sessions(early=FORMATS[name].early), 1)
    FORMATS[name].load()(Report(analysis, sessions, jobs=1), out)
    return out.getvalue()


def peak_kib(path: Path, jobs: int, name: str = "ndjson") -> int:
    command = [sys.executable, "-c", PEAK, "analyze", "-q", "-f", name, "--jobs", str(jobs), str(path)]
    devnull, pipe = subprocess.DEVNULL, subprocess.PIPE
    done = subprocess.run(command, stdout=devnull, stderr=pipe, text=True, timeout=300, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return int(done.stderr)


def assert_little_growth(small: Path, large: Path, jobs: int) -> None:
    little, much = peak_kib(small, jobs), peak_kib(large, jobs)
    assert much < 1.5 * little, (little, much)


needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")


@needs_proc
def test_five_times_the_capture(capture: Path, tmp_path: Path) -> None:
    generate("dense", tmp_path / "large.pcap", 5 * STEADY)
    assert_little_growth(capture, tmp_path / "large.pcap", 1)


@needs_proc
def test_a_document_keeps_what_reports_read_and_no_messages(capture: Path, tmp_path: Path) -> None:
    """`-f json` cannot write a session before the end; with the messages of a session its memory was 43 KiB."""
    large = tmp_path / "large.pcap"
    generate("dense", large, 5 * STEADY)
    more = written(large)["sessions"] - written(capture)["sessions"]
    assert more > 2000
    assert peak_kib(large, 1, "json") - peak_kib(capture, 1, "json") < 34 * more


@needs_proc
@pytest.mark.soak
def test_ten_times_the_capture(tmp_path: Path) -> None:
    small, large = tmp_path / "small.pcap", tmp_path / "large.pcap"
    generate("dense", small, 4 * STEADY)
    generate("dense", large, 40 * STEADY)
    for jobs in (1, 2):
        assert_little_growth(small, large, jobs)


def test_ndjson_says_what_json_says(capture: Path) -> None:
    document = json.loads(report_of(capture, "json"))
    lines = [json.loads(line) for line in report_of(capture, "ndjson").splitlines()]
    records: dict[str, list[dict[str, object]]] = {}
    for line in lines:
        records.setdefault(line.pop("record"), []).append(line)
    for session in document["sessions"]:
        del session["conference"]  # in ndjson only the conferences at the end tell
    by_id = {session["id"]: session for session in records["session"]}
    assert len(by_id) == len(records["session"]) > 100
    assert by_id == {session["id"]: session for session in document["sessions"]}
    assert records["conference"] == document["conferences"]
    assert records["capture"] == document["captures"]
    assert records["coverage"] == [document["coverage"]]


@pytest.mark.parametrize("name", ["json", "ndjson"])
def test_a_run_leaves_no_rings(capture: Path, name: str) -> None:
    """The command keeps the collector away (docs/decisions/0008): what refers to itself would stay for ever."""
    report_of(capture, name)  # what is made once
    gc.collect()
    gc.disable()
    try:
        report_of(capture, name)
        # The lane and what it is made of: one for each run, however many packets there are.
        assert gc.collect() < 200
    finally:
        gc.enable()
