"""A function of the lab as a real process that is watched: its memory, its log, its end."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.analyzer.cli.processes import COMMAND, mrfscope


@dataclass
class Watched:
    """A process, and where its log goes."""

    process: subprocess.Popen[str]
    log: Path

    def peak(self) -> float:
        """MB resident at most (VmHWM)."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1000
        raise AssertionError("no VmHWM")

    def noted(self, what: str) -> int:
        """Lines of the log with these words."""
        return sum(what in line for line in self.log.read_text().splitlines())


@contextmanager
def watched(folder: Path, first: str, *arguments: str | Path) -> Iterator[Watched]:
    """`mrfscope lab ...` that is up; SIGTERM ends it with 0, and it never had a traceback to show."""
    log = folder / f"{arguments[0]}.log"
    command = [str(COMMAND), "lab", *map(str, arguments)]
    with (
        log.open("w") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        try:
            assert process.stdout is not None
            if first:
                assert process.stdout.readline().startswith(first), log.read_text()
            yield Watched(process, log)
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        finally:
            process.kill()
    assert "Traceback" not in log.read_text()


def call(config: Path, *more: str | Path) -> str:
    """A UE dials in, says something, and leaves; returns what it tells."""
    done = mrfscope("lab", "ue", "-q", "--config", config, "--dial", "chat-17", "--say", "hello", *more)
    return done.stdout + done.stderr
