"""The two that are compared, each as a process of its own: `mrfscope lab mrfp`, and the bare relay."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.load.controller import Controller
from benchmarks.load.participants import Seat
from replay.events import Endpoint

ROOT = Path(__file__).resolve().parent.parent.parent
_TICKS = os.sysconf("SC_CLK_TCK")


class Server:
    """A process under load, and what it costs (`/proc`)."""

    def __init__(self, process: subprocess.Popen[str], seats: Sequence[Seat]) -> None:
        self._process = process
        self.seats = seats

    def cpu(self) -> float:
        """s of CPU so far, user and system."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def peak_memory(self) -> int:
        """Octets resident at most."""
        for line in Path(f"/proc/{self._process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError("the system does not tell peak memory")


@contextmanager
def mrfp(net: str, count: int, rooms: int, key: bytes, command: Sequence[str] = ()) -> Iterator[Server]:
    """Our MRFP with so many terminations, one context for each room. `command` stands before `mrfscope`."""
    scheme = "msrps" if key else "msrp"
    controller = Controller((f"{net}.10", 2944))
    places = ["--mrfp-h248", f"{net}.20:2944", "--mrfc-h248", f"{net}.10:2944", "--mrfp-media", f"{net}.30"]
    mrfscope = Path(sys.executable).with_name("mrfscope")
    found = str(mrfscope) if mrfscope.exists() else shutil.which("mrfscope")
    if found is None:
        raise RuntimeError("mrfscope is not installed here: pip install --editable .")
    try:
        with _started([*command, found, "lab", "mrfp", "-q", *places]) as process:
            controller.register()
            seats = []
            contexts: dict[int, str] = {}
            for number in range(count):
                room = number // (count // rooms)
                own = _path(scheme, number)
                contexts[room], peer, place = controller.add(contexts.get(room, "$"), own, key)
                seats.append(Seat(place, own, peer, room))
            yield Server(process, seats)
    finally:
        controller.close()


@contextmanager
def relay(net: str, count: int, rooms: int, key: bytes) -> Iterator[Server]:
    """The bare relay."""
    place: Endpoint = (f"{net}.60", 2855)
    command = [sys.executable, "-m", "benchmarks.load.relay", place[0], str(place[1]), key.hex()]
    scheme = "msrps" if key else "msrp"
    with _started(command) as process:
        assert process.stdout is not None
        if process.stdout.readline() != "up\n":
            raise RuntimeError("the bare relay did not start")
        # Its path is as long as one of the MRFP, so that messages are.
        seats = []
        for number in range(count):
            room = number // (count // rooms)
            peer = f"{scheme}://{place[0]}:2{place[1]}/room{room:018};tcp"
            seats.append(Seat(place, _path(scheme, number), peer, room))
        yield Server(process, seats)


def _path(scheme: str, number: int) -> str:
    return f"{scheme}://127.0.0.1:9/participant{number:04};tcp"


@contextmanager
def _started(command: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """Start a process, with a core of its own where there are several. SIGTERM must end it well."""
    cores = sorted(os.sched_getaffinity(0))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        if len(cores) > 1:
            os.sched_setaffinity(process.pid, cores[:1])
            os.sched_setaffinity(0, cores[1:])
        try:
            yield process
        finally:
            os.sched_setaffinity(0, cores)
            process.terminate()
            try:
                code = process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        if code not in (0, -15):
            raise RuntimeError(f"{' '.join(command[:5])}: exit code {code}")
