"""What a command costs: wall time, CPU time and memory, of the whole process tree. Linux only (`/proc`, subreaper)."""

from __future__ import annotations

import ctypes
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from resource import struct_rusage

PR_SET_CHILD_SUBREAPER = 36
SAMPLE_INTERVAL = 0.02
ROOT = Path(__file__).resolve().parent.parent


class CommandFailedError(Exception):
    """A measured command did not end with exit code 0; the message has the command and what it said."""


@dataclass(slots=True)
class Cost:
    """One run of a command."""

    wall: float
    "Seconds from start to the end of the process that was started."
    cpu: float
    "Seconds, user and system, of it and all its descendants."
    largest: int
    "Octets resident at most in the largest single process (`ru_maxrss`)."


def adopt_orphans() -> None:
    """From now on descendants whose parent is gone become our children, so that their CPU time is counted too."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


@contextmanager
def _started(command: Sequence[str], output: Path) -> Iterator[subprocess.Popen[bytes]]:
    errors = output.with_suffix(".stderr")
    with output.open("wb") as out, errors.open("wb") as err:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=ROOT)
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                process.wait()
    if process.returncode:
        said = errors.read_text(errors="replace").strip()[-400:]
        raise CommandFailedError(f"{' '.join(command)}: exit code {process.returncode}\n{said}")


def warm(path: Path) -> None:
    """Read a capture once, so that every timed command finds it in memory: the disk is not what is measured."""
    with path.open("rb") as file:
        while file.read(1 << 22):
            pass


def cost(command: Sequence[str], output: Path) -> Cost:
    """Run a command, its standard output to a file. Raises CommandFailedError."""
    begin = time.perf_counter()
    with _started(command, output) as process:
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        # wait4 counts the descendants that were waited for; what nobody waited for is ours now.
        usages = [usage, *_orphans()]
    cpu = sum(usage.ru_utime + usage.ru_stime for usage in usages)
    return Cost(wall, cpu, max(usage.ru_maxrss for usage in usages) * 1024)


def peak_memory(command: Sequence[str], output: Path) -> int:
    """Octets that a command and its descendants hold at most together, as proportional set size (shared pages once).

    Sampled every 20 ms, which costs time: not for the runs whose time is measured. Raises CommandFailedError.
    """
    peak = 0
    with _started(command, output) as process:
        while process.poll() is None:
            peak = max(peak, sum(_proportional(pid) for pid in _tree(process.pid)))
            time.sleep(SAMPLE_INTERVAL)
        for _ in _orphans():
            pass
    return peak


def _orphans() -> Iterator[struct_rusage]:
    """Wait for what a command left behind."""
    with suppress(ChildProcessError):
        while True:
            yield os.wait4(-1, 0)[2]


def _tree(pid: int) -> Iterator[int]:
    yield pid
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            for child in Path(f"/proc/{pid}/task/{thread}/children").read_text().split():
                yield from _tree(int(child))


def _proportional(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0
