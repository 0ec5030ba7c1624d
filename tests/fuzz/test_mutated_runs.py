"""`mrfscope analyze` as users run it over damaged captures: exit codes 0, 1 and 3, and no error of our own.

All rules, all formats, with keys and without; damage of files, records and payloads (`mutations`), and of messages in
sound frames (`message_mutations`). In this process for speed, and some of them by the installed command with two jobs.
"""

from __future__ import annotations

import gc
import logging
import random
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from message_mutations import with_other_messages
from mutations import Subject, mutated, subject

from analyzer.cli.main import run
from analyzer.report import FORMATS

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "captures"
SAMPLES = sorted((ROOT / "samples").glob("**/capture.pcapng"))
CAPTURES = [
    *SAMPLES,
    *(SHARED / name for name in ("sip-h248-fax-gateway.pcap", "msrp-node-lib.pcapng", "sip-calls.pcap")),
    *(SHARED / name for name in ("h248-over-sctp.cap", "tls12-psk-aes128ccm.pcap")),
]
SHORT = [*SAMPLES[::3], *CAPTURES[len(SAMPLES) :]]
"What the normal run takes."
COPIES = 12
SOAK_COPIES = 10_000
BY_PROCESS = 250
"Every so many copies are read by a process of their own."
SECONDS = 60
RIGHT_CODES = (0, 1, 3)


@cache
def _subject(path: Path) -> Subject:
    return subject(path)


@cache
def _keys(path: Path) -> Path | None:
    """The keys of a sample, or of the sample that a fault was made from."""
    for folder in (path.parent, path.parent.with_name(path.parent.name.partition("--")[0])):
        if (folder / "keys.toml").exists():
            return folder / "keys.toml"
    return None


def options(path: Path, number: int) -> list[str]:
    """The options of one run; always the same for the same number."""
    chance = random.Random(~number)
    chosen = ["-f", chance.choice(list(FORMATS))]
    keys = _keys(path)
    if keys is not None and chance.random() < 0.7:
        chosen += ["-k", str(keys), "--insecure-keys"]
    if chance.random() < 0.5:
        chosen += chance.choice((["--psk", "x:00"], ["--psk", ":" + "ab" * 16], ["--psk-from-h248"]))
    if chance.random() < 0.3:
        chosen += ["--identities"]
    return chosen + chance.choice(([], ["-v"], ["-q"], ["--severity", "error"], ["--udp-port", "5060"]))


@pytest.fixture(autouse=True)
def _collector() -> Iterator[None]:
    """The command switches the collector of garbage off, since its process ends soon; this one does not."""
    yield
    gc.unfreeze()
    gc.set_threshold(700, 10, 10)
    logger = logging.getLogger("mrfscope")
    logger.handlers, logger.level, logger.propagate = [], logging.NOTSET, True


def run_copies(path: Path, numbers: range, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Analyse these damaged copies of a capture."""
    if not path.exists():
        pytest.skip(f"{path} is not here")
    target, report = folder / "mutated.pcap", folder / "report"
    for number in numbers:
        make = mutated if number % 3 == 0 else with_other_messages
        target.write_bytes(make(_subject(path), number))
        words = ["analyze", str(target), *options(path, number), "-o", str(report)]
        report.unlink(missing_ok=True)
        if number % BY_PROCESS == 0:
            command = [sys.executable, "-c", "from analyzer.cli.main import main; main()", *words, "--jobs", "2"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False, cwd=ROOT)
            code, said = done.returncode, done.stdout + done.stderr
        else:
            code = run([*words, "--jobs", "1"])
            said = "".join(capfd.readouterr())
        written = report.read_text(encoding="utf-8") if report.exists() else ""
        what = f"copy {number} of {path.parent.name}/{path.name}: mrfscope {' '.join(words)}\n{said}"
        assert code in RIGHT_CODES, what
        for wrong in ("Traceback", "internal error", "INTERNAL"):
            assert wrong not in said, what
            assert wrong not in written, what
        if number % 50 == 0:
            gc.collect()


@pytest.mark.parametrize("path", SHORT, ids=lambda path: path.parent.name + "-" + path.stem)
def test_mutated_runs(path: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run_copies(path, range(1, COPIES + 1), tmp_path, capfd)


def test_mutated_run_by_a_process(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run_copies(SAMPLES[0], range(BY_PROCESS, BY_PROCESS + 1), tmp_path, capfd)


@pytest.mark.soak
@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.parent.name + "-" + path.stem)
def test_mutated_runs_soak(path: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    share = SOAK_COPIES // len(CAPTURES) + 1
    first = 1000 + share * CAPTURES.index(path)
    run_copies(path, range(first, first + share), tmp_path, capfd)
