"""Measure `mrfscope analyze` beside tshark: `python -m benchmarks.run [--rounds N] [--quick] [--json OUT]`.

Both commands take turns on the same captures, dense (SIP, H.248, MSRP) and noisy (95 % RTP), and write to files. Before
any time is measured, what the analyzer says is compared with what the generator wrote. Captures are made on first use
and kept in benchmarks/data/ (about 1.2 GB).

Exit codes: 0 done, 1 the analyzer says something else than what is in the capture or a command fails, 2 tshark or
mrfscope is missing.
"""

from __future__ import annotations

import argparse
import compileall
import filecmp
import hashlib
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from tabulate import tabulate

from benchmarks.check import written
from benchmarks.generate import counts_path
from benchmarks.measure import CommandFailedError, Cost, adopt_orphans, cost, peak_memory, warm

FOLDER = Path(__file__).resolve().parent
DATA = FOLDER / "data"
FIELDS = (
    *("frame.number", "frame.time_epoch", "ip.src", "ip.dst", "udp.srcport", "tcp.srcport"),
    *("sip.Method", "sip.Status-Code", "sip.Call-ID", "sip.CSeq"),
    *("msrp.method", "msrp.status.code", "msrp.messageid", "megaco.transid"),
)
SIZES = {"dense": 200_000, "noisy": 1_000_000}
QUICK = {"dense": 2_000, "noisy": 8_000}
"Packets of each capture. Quick sizes are for seeing that all works; their times say nothing."
TIMES = 10
"How many times longer than dense the capture is on which ndjson shows that memory does not grow."
FASTER = {"dense": 3.0, "noisy": 12.0}
"How many times faster than tshark the analyzer is to be."
MEMORY_LIMIT = 300e6
GROWTH_LIMIT = 1.5


@dataclass(slots=True)
class Measured:
    """One command on one capture: the median of its rounds, and its memory."""

    capture: str
    command: str
    wall: float
    wall_least: float
    wall_most: float
    cpu: float
    largest: int
    memory: int


def capture(kind: str, packets: int, folder: Path) -> Path:
    """A benchmark capture in a folder, made if it is not there or the generator has changed."""
    sources = b"".join((FOLDER / f"{name}.py").read_bytes() for name in ("conference", "generate", "packets", "rtp"))
    version = hashlib.sha256(sources + (FOLDER / "texts.py").read_bytes()).hexdigest()[:8]
    path = folder / f"{kind}-{packets}-{version}.pcap"
    if not counts_path(path).exists():
        folder.mkdir(exist_ok=True)
        for old in folder.glob(f"{kind}-{packets}-*"):
            old.unlink()
        print(f"writing {path.name}", file=sys.stderr)
        command = [sys.executable, "-m", "benchmarks.generate", kind, str(path), "--packets", str(packets)]
        subprocess.run(command, check=True, cwd=FOLDER.parent, stdout=subprocess.DEVNULL)
    return path


def _commands(mrfscope: str, tshark: str, path: Path, out: Path) -> dict[str, list[str]]:
    fields = [part for name in FIELDS for part in ("-e", name)]
    return {
        "mrfscope analyze -f json": [mrfscope, "analyze", "-q", "-f", "json", "-o", f"{out}.json", str(path)],
        "tshark -T fields": [tshark, "-r", str(path), "-Y", "sip||msrp||megaco", "-T", "fields", *fields],
    }


def compare(mrfscope: str, tshark: str, kind: str, path: Path, rounds: int, work: Path) -> list[Measured]:
    """Both commands in turn on one capture. Raises CommandFailedError."""
    out = work / "out"
    commands = _commands(mrfscope, tshark, path, out)
    reports = [work / f"jobs-{jobs}.json" for jobs in (1, 2)]
    for jobs, target in enumerate(reports, 1):
        cost([mrfscope, "analyze", "-q", "-f", "json", "--jobs", str(jobs), "-o", str(target), str(path)], out)
    if not filecmp.cmp(reports[0], reports[1], shallow=False):
        raise CommandFailedError(f"{path.name}: --jobs 1 and --jobs 2 give different reports")
    # In another process: until a command is loaded, what we hold ourselves counts as its own (`ru_maxrss`).
    cost([sys.executable, "-m", "benchmarks.check", str(path), str(reports[0])], out)
    memory = {name: peak_memory(command, out) for name, command in commands.items()}
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for number in range(rounds):
        for name, command in commands.items():
            warm(path)
            costs[name].append(cost(command, out))
        print(f"{kind}: round {number + 1} of {rounds}", file=sys.stderr)
    return [_measured(kind, name, costs[name], memory[name]) for name in commands]


def _measured(kind: str, name: str, costs: list[Cost], memory: int) -> Measured:
    walls = [one.wall for one in costs]
    cpu = statistics.median(one.cpu for one in costs)
    largest = max(one.largest for one in costs)
    return Measured(kind, name, statistics.median(walls), min(walls), max(walls), cpu, largest, memory)


def growth(mrfscope: str, paths: list[Path], work: Path) -> list[int]:
    """Peak memory with `-f ndjson` on each capture."""
    out = work / "out"
    return [peak_memory([mrfscope, "analyze", "-q", "-f", "ndjson", str(path)], out) for path in paths]


def tables(results: list[Measured], memory: list[int], packets: list[int], judge: bool = True) -> str:
    """The figures for people; `judge` says whether the goals are met."""
    rows = [
        [
            *(one.capture, one.command, f"{one.wall:.2f}", f"{one.wall_least:.2f}-{one.wall_most:.2f}"),
            *(f"{one.cpu:.2f}", f"{one.memory / 1e6:.0f}", f"{one.largest / 1e6:.0f}"),
        ]
        for one in results
    ]
    heads = ["capture", "command", "wall s", "least-most", "CPU s", "memory MB", "largest MB"]
    goals: list[tuple[str, float, str, bool | None]] = []
    for ours, theirs in zip(results[::2], results[1::2], strict=True):
        ratio, wanted = theirs.wall / ours.wall, FASTER[ours.capture]
        goals.append((f"{ours.capture}: tshark's wall time to ours", ratio, f">= {wanted:.0f}", ratio >= wanted))
        goals.append((f"{ours.capture}: tshark's CPU time to ours", theirs.cpu / ours.cpu, "", None))
        if ours.capture == "dense":
            met = ours.memory < MEMORY_LIMIT
            goals.append(("dense: memory, MB", ours.memory / 1e6, f"< {MEMORY_LIMIT / 1e6:.0f}", met))
    for size, octets in zip(packets, memory, strict=True):
        goals.append((f"ndjson: memory at {size} packets, MB", octets / 1e6, "", None))
    ratio = memory[1] / memory[0]
    goals.append(("ndjson: the latter to the former", ratio, f"< {GROWTH_LIMIT}", ratio < GROWTH_LIMIT))
    verdicts = {True: "met", False: "MISSED", None: ""}
    judged = [[name, f"{value:.2f}", goal, verdicts[met if judge else None]] for name, value, goal, met in goals]
    right = ("left", "left", *["right"] * 5)
    return "\n\n".join(
        (
            tabulate(rows, heads, colalign=right, disable_numparse=True),
            tabulate(judged, ["", "measured", "goal", ""], colalign=("left", "right", "left", "left")),
            "Medians of rounds, the commands in turn. memory: whole process tree, shared pages once (PSS, sampled\n"
            "in a run of its own); largest: the largest single process (ru_maxrss).",
        )
    )


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.run", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="how often each command is timed (default 5)")
    parser.add_argument("--quick", action="store_true", help="small captures, only to see that all works")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the figures to a file as well")
    parser.add_argument("--data", type=Path, default=DATA, metavar="DIR", help="where the captures are kept")
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    tshark = shutil.which("tshark")
    if tshark is None:
        print("benchmarks.run: tshark is not installed (Debian package tshark)", file=sys.stderr)
        return 2
    beside = Path(sys.executable).with_name("mrfscope")
    mrfscope = str(beside) if beside.exists() else shutil.which("mrfscope")
    if mrfscope is None:
        print("benchmarks.run: mrfscope is not installed (pip install -e .)", file=sys.stderr)
        return 2
    adopt_orphans()
    for package in ("analyzer", "dissectors"):  # as pip does with an installed wheel
        compileall.compile_dir(FOLDER.parent / package, quiet=1)
    sizes = QUICK if options.quick else SIZES
    results: list[Measured] = []
    try:
        paths = {kind: capture(kind, packets, options.data.resolve()) for kind, packets in sizes.items()}
        longer = capture("dense", sizes["dense"] * TIMES, options.data.resolve())
        with tempfile.TemporaryDirectory(prefix="mrfscope-bench-") as folder:
            for kind, path in paths.items():
                results += compare(mrfscope, tshark, kind, path, options.rounds, Path(folder))
            memory = growth(mrfscope, [paths["dense"], longer], Path(folder))
    except (CommandFailedError, subprocess.CalledProcessError) as error:
        print(f"benchmarks.run: {error}", file=sys.stderr)
        return 1
    packets = [written(path)["packets"] for path in (paths["dense"], longer)]
    version = subprocess.run([tshark, "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    load = os.getloadavg()[0]
    print(f"Python {platform.python_version()}, {version} {options.rounds} rounds; load average at the end {load:.1f}")
    print("(about 1 when nothing else runs; more than that, and the wall times are those of a busy machine)\n")
    print(tables(results, memory, packets, judge=not options.quick))
    if options.json:
        figures = {
            "python": platform.python_version(),
            "tshark": version,
            "rounds": options.rounds,
            "captures": {kind: written(path) for kind, path in paths.items()},
            "results": [asdict(one) for one in results],
            "ndjson": {"packets": packets, "memory": memory},
        }
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
