"""Ctrl-C: while a pipe is read it ends the input, at other times the command.

Real processes, signalled as a terminal does: SIGINT to all of the foreground process group, the writer among them.
"""

from __future__ import annotations

import array
import fcntl
import gzip
import json
import os
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from tests.analyzer.cli.processes import COMMAND, SAMPLE, mrfscope, needs_command, needs_sample

pytestmark = [needs_command, needs_sample]

TOLD = "mrfscope: Ctrl-C: the input ends here, the report follows; again ends the command\n"
LATE = 2_000
"Octets that the writer holds back, as tcpdump does without -U."

WRITER = f"""
import os, signal, sys
data = open(sys.argv[1], "rb").read()
how = sys.argv[2]
def end(*_):
    os.write(1, data[-{LATE}:])
    os._exit(0)
if how == "flushes":
    signal.signal(signal.SIGINT, end)
else:
    signal.signal(signal.SIGINT, signal.SIG_IGN if how != "dies" else signal.SIG_DFL)
rest = len(data) if how != "flushes" else len(data) - {LATE}
at = 0
while at < rest:
    at += os.write(1, data[at:rest])
sys.stderr.write("written\\n")
sys.stderr.flush()
while how == "goes on":  # a packet of no interest again and again
    import struct, time
    os.write(1, struct.pack("<IIII", 1_800_000_000, 0, 60, 60) + bytes(60))
    time.sleep(0.01)
while True:
    signal.pause()
"""


def default_signals() -> None:
    """A shell starts what runs in the background with SIGINT ignored, and that is inherited."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def pipeline(capture: Path, how: str, *arguments: str, **more: Any) -> Iterator[subprocess.Popen[str]]:
    """`writer CAPTURE | mrfscope ARGUMENTS` in a process group of its own, all that the writer wrote being read."""
    command = [sys.executable, "-c", WRITER, str(capture), how]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, process_group=0, preexec_fn=default_signals
    ) as writer:
        assert writer.stdout is not None
        assert writer.stderr is not None
        with subprocess.Popen(
            [str(COMMAND), *arguments],
            stdin=writer.stdout,
            stderr=subprocess.PIPE,
            text=True,
            process_group=writer.pid,
            preexec_fn=default_signals,
            env=os.environ | {"PYTHONUTF8": "1"},
            **{"stdout": subprocess.PIPE, **more},
        ) as reader:
            assert writer.stderr.readline() == b"written\n"
            await_read(writer.stdout)
            writer.stdout.close()
            try:
                yield reader
            finally:
                reader.kill()
                writer.kill()


def await_read(pipe: IO[bytes]) -> None:
    """Wait until a pipe is empty."""
    left = array.array("i", [1 << 20])
    while left[0] > 100:  # a writer that goes on is never done
        time.sleep(0.05)
        fcntl.ioctl(pipe.fileno(), termios.FIONREAD, left)


def ctrl_c(process: subprocess.Popen[str]) -> None:
    os.killpg(os.getpgid(process.pid), signal.SIGINT)


def whole(*arguments: str | Path) -> Any:
    return json.loads(mrfscope("analyze", *arguments, "-f", "json").stdout)


@pytest.mark.parametrize("how", ["dies", "flushes", "goes on", "waits"])
@pytest.mark.parametrize("form", ["json", "ndjson", "text"])
def test_the_report_of_what_was_read(how: str, form: str, tmp_path: Path) -> None:
    """Whatever becomes of the writer, also with `--jobs 2`; what it flushed at its end counts."""
    capture = tmp_path / "capture.pcap"
    capture.write_bytes(as_pcap(SAMPLE))
    expected = whole(capture)["sessions"]
    with pipeline(capture, how, "analyze", "-", "-f", form, "--jobs", "2") as process:
        ctrl_c(process)
        output, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (0, TOLD)
    if form == "json":
        assert json.loads(output)["sessions"] == expected
    elif form == "ndjson":
        records = [json.loads(line)["record"] for line in output.splitlines()]
        assert records == ["tool", *["session"] * len(expected), "conference", "capture", "coverage"]
    else:
        assert all(f"  {session['id']}  {session['verdict']} " in output for session in expected)
        assert output.rstrip().splitlines()[-1].endswith("no findings.")


def as_pcap(path: Path) -> bytes:
    """The same packets in a form whose records can be written one by one."""
    import struct

    from analyzer.capture.reader import open_captures

    out = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)]
    for block in open_captures([str(path)]).blocks():
        for row in range(len(block)):
            at, size, when = int(block.offset[row]), int(block.caplen[row]), int(block.time[row])
            head = struct.pack("<IIII", when // 10**9, when % 10**9 // 1000, size, size)
            out.append(head + bytes(block.data[at : at + size]))
    return b"".join(out)


def test_the_exit_code_is_that_of_the_findings(tmp_path: Path) -> None:
    (tmp_path / "acme.toml").write_text('statistics_packages = ["acme"]\n')  # then GEN-3 finds none of its own
    words = ["--profile", str(tmp_path / "acme.toml"), "--select", "GEN-3", "--fail-on", "info"]
    with pipeline(SAMPLE, "waits", "analyze", "-", "-q", *words) as process:
        ctrl_c(process)
        output, said = process.communicate(timeout=60)
    assert (process.returncode, "s-a77ef323ac" in output, said) == (1, True, "")


def test_a_packed_pipe(tmp_path: Path) -> None:
    capture = tmp_path / "capture.gz"
    capture.write_bytes(gzip.compress(SAMPLE.read_bytes()))
    with pipeline(capture, "waits", "analyze", "-", "-f", "json") as process:
        ctrl_c(process)
        assert json.loads(process.communicate(timeout=60)[0])["sessions"] == whole(SAMPLE)["sessions"]


def test_a_packet_that_is_cut_is_said(tmp_path: Path) -> None:
    capture = tmp_path / "capture.pcapng"
    capture.write_bytes(SAMPLE.read_bytes()[:-100])
    with pipeline(capture, "waits", "analyze", "-", "-f", "json") as process:
        ctrl_c(process)
        (read,) = json.loads(process.communicate(timeout=60)[0])["captures"]
    assert read["damage"].startswith("the file ends inside a block")


def test_nothing_read_is_an_interruption(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    with pipeline(tmp_path / "empty", "waits", "analyze", "-") as process:
        time.sleep(2)  # be it before or after the command is ready, this is how it ends
        ctrl_c(process)
        output, said = process.communicate(timeout=60)
    assert (process.returncode, output) == (130, "")
    assert said.strip().splitlines()[-1] == "mrfscope: interrupted"


def test_decrypt_too(tmp_path: Path) -> None:
    secured = SAMPLE.parents[1] / "e2e-dial-in"
    if not secured.exists():
        pytest.skip("the sample is not built: make samples")
    keys, log = tmp_path / "keys.toml", tmp_path / "log"
    keys.write_bytes((secured / "keys.toml").read_bytes())
    keys.chmod(0o600)
    words = ["decrypt", "-", "-k", str(keys), "--write-keylog", str(log)]
    with pipeline(secured / "capture.pcapng", "waits", *words) as process:
        ctrl_c(process)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said.splitlines()[1]) == (0, f"1 of 1 TLS sessions opened; written: {log}")
    assert b"CLIENT_RANDOM" in log.read_bytes()


def test_a_named_pipe(tmp_path: Path) -> None:
    """And an output that is there only when it is whole."""
    pipe, out = tmp_path / "pipe", tmp_path / "out.json"
    os.mkfifo(pipe)
    with (
        subprocess.Popen(
            [str(COMMAND), "analyze", str(pipe), "-f", "json", "-o", str(out)],
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=default_signals,
        ) as process,
        pipe.open("wb", buffering=0) as writer,
    ):
        writer.write(SAMPLE.read_bytes())
        await_read(writer)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60)[1] == TOLD
    assert process.returncode == 0
    assert json.loads(out.read_text())["sessions"] == whole(SAMPLE)["sessions"]


def test_the_second_one_ends_the_command() -> None:
    """Here while the report waits for a reader who does not read."""
    read_end, write_end = os.pipe()
    fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, 4096)  # the report is longer
    with pipeline(SAMPLE, "waits", "analyze", "-", "-f", "json", stdout=write_end) as process:
        assert process.stderr is not None
        ctrl_c(process)
        assert process.stderr.readline() == TOLD
        await_written(read_end)
        ctrl_c(process)
        assert process.wait(60) == 130
        assert process.stderr.read().strip() == "mrfscope: interrupted"
    os.close(read_end)
    os.close(write_end)


def await_written(fd: int) -> None:
    left = array.array("i", [0])
    while left[0] == 0:
        time.sleep(0.05)
        fcntl.ioctl(fd, termios.FIONREAD, left)


SLOW = """
import sys, time
from analyzer.cli.main import main
from analyzer.streams.lane import Lane
def feed(self, block):
    sys.stderr.write("reading\\n")
    time.sleep(60)
Lane.feed = feed
sys.argv[0] = "mrfscope"
main()
"""


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_file_is_interrupted_as_ever_by_one_line(jobs: int, number: int) -> None:
    """Both processes of `--jobs 2` get the signal, as from a terminal."""
    if len(os.sched_getaffinity(0)) < jobs:
        pytest.skip("one core only: there is no second process")
    with subprocess.Popen(
        [sys.executable, "-c", SLOW, "analyze", str(SAMPLE), "--jobs", str(jobs)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
        preexec_fn=default_signals,
    ) as process:
        assert process.stderr is not None
        for _ in range(jobs):
            assert process.stderr.readline() == "reading\n"
        os.killpg(process.pid, number)
        output, said = process.communicate(timeout=60)
    code, words = (130, "interrupted") if number == signal.SIGINT else (143, "ended by SIGTERM")
    assert (process.returncode, output, said.strip()) == (code, "", f"mrfscope: {words}")


def test_who_ignores_it_goes_on_ignoring_it() -> None:
    """As `mrfscope analyze - &` of a script."""
    with subprocess.Popen(
        [str(COMMAND), "analyze", "-", "-q"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    ) as process:
        assert process.stdin is not None
        half = len(SAMPLE.read_bytes()) // 2
        process.stdin.write(SAMPLE.read_bytes()[:half])
        process.stdin.flush()
        await_read(process.stdin)
        process.send_signal(signal.SIGINT)
        process.stdin.write(SAMPLE.read_bytes()[half:])
        output, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (0, b"")
    assert b"tcp-dial-in" in output or b"ok" in output
