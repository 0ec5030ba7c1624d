"""Benchmark captures: sound to tshark, counted right, and every session in them without fault to the analyzer."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from benchmarks import generate  # noqa: E402
from benchmarks.check import WrongReportError, check_report, written  # noqa: E402
from benchmarks.conference import Counts, Numbers, participants  # noqa: E402
from benchmarks.packets import checksum  # noqa: E402

needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
CHECKED = [f"-o{name}.check_checksum:TRUE" for name in ("ip", "udp", "tcp")]


@pytest.fixture(scope="module")
def dense(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("benchmarks") / "dense.pcap"
    generate.generate("dense", path, packets=2000)
    return path


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("benchmarks") / "noisy.pcap"
    generate.generate("noisy", path, packets=6000)
    return path


def seen(path: Path, *options: str) -> list[list[str]]:
    """Per frame: protocols, expert severities, TCP analysis, parse error, UDP checksum, time since the last frame."""
    fields = ("frame.protocols", "_ws.expert.severity", "tcp.analysis.flags", "megaco.parse_error")
    command = ["tshark", "-r", str(path), *CHECKED, *options, "-T", "fields", "-E", "separator=|"]
    for name in (*fields, "udp.checksum.status", "frame.time_delta"):
        command += ["-e", name]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return [line.split("|") for line in done.stdout.splitlines()]


def having(rows: list[list[str]], protocol: str) -> int:
    return sum(protocol in row[0].split(":") for row in rows)


def analyze(path: Path, jobs: int) -> bytes:
    run = [sys.executable, "-c", "from analyzer.cli.main import main; main()"]
    command = [*run, "analyze", "-q", "-f", "json", "--jobs", str(jobs), str(path)]
    return subprocess.run(command, capture_output=True, check=True, timeout=60, cwd=ROOT).stdout


@needs_tshark
@pytest.mark.interop
def test_tshark_counts_the_same_and_finds_no_fault(dense: Path) -> None:
    """Nothing malformed, every checksum right (RFC 1071), no segment lost, repeated or out of order (RFC 9293)."""
    said, rows = written(dense), seen(dense)
    assert len(rows) == said["packets"] >= 2000
    assert having(rows, "sip") == said["sip"]
    assert having(rows, "megaco") == said["h248"]
    assert having(rows, "_ws.malformed") == 0
    severities = {int(part, 0) for row in rows for part in row[1].split(",") if part}
    assert max(severities, default=0) < 0x600000  # warning
    assert {(row[2], row[3]) for row in rows} == {("", "")}
    assert min(float(row[5]) for row in rows) >= 0


@needs_tshark
@pytest.mark.interop
def test_noise_is_rtp_and_rtcp(noisy: Path) -> None:
    rows = seen(noisy, "--enable-heuristic", "rtp_udp", "--enable-heuristic", "rtcp_udp")
    assert written(noisy)["noise"] == 5700 == having(rows, "rtp") + having(rows, "rtcp")
    assert 0.98 < having(rows, "rtp") / 5700 < 1
    assert having(rows, "_ws.malformed") == 0
    assert {row[4] for row in rows} == {"", "1"}  # 1: checksum right


@pytest.mark.parametrize("capture", ["dense", "noisy"])
def test_analyzer_finds_what_was_written(capture: str, request: pytest.FixtureRequest) -> None:
    path: Path = request.getfixturevalue(capture)
    one = analyze(path, 1)
    assert one == analyze(path, 2)
    report = json.loads(one)
    check_report(path, report)
    assert {len(conference["sessions"]) for conference in report["conferences"]} == {5}
    report["sessions"][0]["verdict"] = "broken"
    with pytest.raises(WrongReportError, match="sessions ok and ended"):
        check_report(path, report)


def test_same_seed_same_octets_and_another_seed_others(tmp_path: Path) -> None:
    made = []
    for number, seed in enumerate((1, 1, 2)):
        path = tmp_path / f"{number}.pcap"
        generate.generate("mix", path, packets=1500, seed=seed)
        made.append(path.read_bytes())
    assert made[0] == made[1] != made[2]


def test_names_and_numbers_are_used_once() -> None:
    """Call-ID (RFC 3261 section 8.1.1.4), ICID (TS 24.229 7.2A.5.2), Session-ID (RFC 7989), branch, MSRP URIs."""
    rng, numbers, legs = Random(1), Numbers(Counts()), []
    for _ in range(40):
        numbers.counts.conferences += 1
        legs += [person.leg for person in participants(rng, numbers, 0)]
    names = ("call_id", "from_tag", "to_tag", "branch", "icid", "session_id_ue", "ue_path", "mrfp_path", "ue", "mrfp")
    for name in names:
        assert len({getattr(leg, name) for leg in legs}) == len(legs) == 200, name
    assert len({(leg.control, leg.context) for leg in legs}) == 40
    assert {leg.control[0] for leg in legs} == {"192.0.2.20", "192.0.2.21"}


def test_sessions_overlap_but_do_not_pile_up() -> None:
    """Frames come in order of time, and hardly more than some hundred sessions are open however long the capture."""
    counts = Counts()
    opened, ended, most, last = 0, 0, 0, 0
    for time, data in generate.frames("dense", 40_000, 1, counts):
        assert time >= last
        last = time
        opened += data[42:49] == b"INVITE "
        ended += data[42:46] == b"BYE "
        most = max(most, opened - ended)
    assert opened == ended == counts.sessions
    assert 100 < most < 400


@pytest.mark.parametrize(("data", "value"), [(bytes.fromhex("0001f203f4f5f6f7"), 0x220D), (b"\x01", 0xFEFF)])
def test_checksum_known_answers(data: bytes, value: int) -> None:
    """RFC 1071 section 3 has the sum ddf2 for these octets; the checksum is its complement."""
    assert checksum(data) == value
