"""Load on our MRFP beside a bare relay: `python -m benchmarks.load [--tls | --plain] [--quick]` (benchmarks/README.md).

Exit codes: 0 the goals are met, 1 something was lost or out of order or our MRFP is too slow, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tabulate import tabulate

from benchmarks.load.participants import Crowd, Heard
from benchmarks.load.servers import Server, mrfp, relay

GOAL = 0.40
"Delivered messages per second of our MRFP, of those of the bare relay."
KEY = bytes.fromhex("bf04b1b296f94d6a83f3693e76622403")
Start = Callable[[], AbstractContextManager[Server]]


@dataclass(frozen=True, slots=True)
class Plan:
    """How much load for how long."""

    participants: int
    rooms: int
    seconds: float
    paced: float
    "s at the fixed rate."
    rate: float
    "Messages sent a second in all, at the fixed rate."
    size: int
    "Octets of text."
    warm_up: float
    answers: bool
    "Requests ask for responses (Failure-Report is left out), and participants answer."


@dataclass(frozen=True, slots=True)
class Result:
    """One server under load."""

    name: str
    delivered: float
    "Messages a second, at saturation."
    busy: float
    "CPU of the server at saturation, 1.0 is a core."
    participants_busy: float
    "CPU of the participants at saturation; below that of the server they do not limit it."
    p95: float
    "s, at saturation: as many messages are under way as there are participants."
    paced_p95: float
    "s, at the fixed rate."
    paced_busy: float
    memory: int
    lost: int
    disordered: int
    sent: int

    @property
    def per_cpu(self) -> float:
        """Messages delivered for a second of the server's CPU: what other work on the machine changes least."""
        return self.delivered / self.busy if self.busy else 0.0

    @property
    def is_whole(self) -> bool:
        """Nothing lost, nothing out of order."""
        return not self.lost and not self.disordered


def load(name: str, start: Start, plan: Plan, key: bytes) -> Result:
    """Put the load on one server."""
    with start() as server:
        crowd = Crowd(server.seats, size=plan.size, key=key, answers=plan.answers)
        try:
            crowd.settle(plan.participants)
            before = server.cpu()
            paced = crowd.pace(plan.paced, plan.rate)
            paced_cpu = server.cpu() - before
            before = server.cpu()
            full = crowd.saturate(plan.seconds, plan.warm_up)
            cpu = server.cpu() - before
            memory = server.peak_memory()
        finally:
            crowd.close()
    return Result(
        name,
        full.delivered / full.seconds,
        cpu / (full.seconds + plan.warm_up),
        full.cpu / full.seconds,
        _p95(full),
        _p95(paced),
        paced_cpu / paced.seconds,
        memory,
        paced.lost + full.lost,
        paced.disordered + full.disordered,
        full.sent,
    )


def _p95(heard: Heard) -> float:
    return float(np.percentile(np.frombuffer(heard.latencies, dtype=np.float32), 95)) if heard.latencies else 0.0


def compare(plan: Plan, key: bytes, net: str, command: Sequence[str] = ()) -> tuple[Result, Result]:
    """The bare relay and our MRFP, one after the other under the same load."""
    bare = load("relay", lambda: relay(net, plan.participants, plan.rooms, key), plan, key)
    ours = load("mrfp", lambda: mrfp(net, plan.participants, plan.rooms, key, command), plan, key)
    return bare, ours


def table(results: Sequence[tuple[str, Result]], plan: Plan) -> str:
    """What was measured."""
    rows = [
        [
            f"{transport}, {each.name}",
            f"{each.delivered:,.0f}",
            f"{each.per_cpu:,.0f}",
            f"{1000 * each.p95:.1f} ms",
            f"{100 * each.busy:.0f} % / {100 * each.participants_busy:.0f} %",
            f"{1000 * each.paced_p95:.1f} ms",
            f"{100 * each.paced_busy:.0f} %",
            f"{each.memory / 1e6:.0f} MB",
            f"{each.sent:,}",
            f"{each.lost} / {each.disordered}",
        ]
        for transport, each in results
    ]
    at_rate = f"at {plan.rate * (plan.participants // plan.rooms - 1):,.0f}/s: p95"
    head = ["", "delivered/s", "per CPU s", "p95", "CPU server / participants", at_rate, "CPU", "memory", "sent"]
    return tabulate(rows, [*head, "lost / disordered"], colalign=("left", *["right"] * 9))


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("--participants", type=int, default=1000)
    parser.add_argument("--rooms", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0, help="at saturation, after the warm-up")
    parser.add_argument("--paced", type=float, default=20.0, help="seconds at the fixed rate")
    parser.add_argument("--rate", type=float, default=250.0, help="messages sent a second at the fixed rate")
    parser.add_argument("--size", type=int, default=120, help="octets of text of a message")
    parser.add_argument("--unanswered", action="store_true", help="Failure-Report: no, so that there are no responses")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--tls", action="store_true", help="TLS-PSK alone")
    which.add_argument("--plain", action="store_true", help="plain TCP alone")
    parser.add_argument("--quick", action="store_true", help="few participants, short; judges loss and order alone")
    parser.add_argument("--json", metavar="OUT", help="write the figures there too")
    parser.add_argument("--before", default="", metavar="COMMAND", help="start the MRFP with it, such as a profiler")
    given = parser.parse_args(argv)
    if given.quick:
        given.participants, given.rooms, given.seconds, given.paced, given.rate = 12, 3, 0.5, 0.5, 50.0
    if given.rooms < 1 or given.participants % given.rooms or given.participants // given.rooms < 2:
        parser.error("--participants must be a multiple of --rooms, with two in each at least")
    return given


def _raise_file_limit(participants: int) -> None:
    """Three descriptors for each: its connection, the server's, and the place where the MRFP listens."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY and hard < 2 * participants + 200:
        raise SystemExit(f"the system allows {hard} open files, {2 * participants + 200} are needed: see ulimit -n")
    del soft


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, judge."""
    given = _arguments(argv)
    _raise_file_limit(given.participants)
    plan = Plan(
        given.participants,
        given.rooms,
        given.seconds,
        given.paced,
        given.rate,
        given.size,
        min(3.0, given.seconds / 4),
        not given.unanswered,
    )
    net = f"127.{96 + (os.getpid() >> 8) % 32}.{os.getpid() & 0xFF}"
    results: list[tuple[str, Result]] = []
    ratios: dict[str, tuple[float, float]] = {}
    gc.disable()
    try:
        for transport, key in (("plain", b""), ("TLS-PSK", KEY)):
            if (given.tls and not key) or (given.plain and key):
                continue
            bare, ours = compare(plan, key, net, given.before.split())
            results += [(transport, bare), (transport, ours)]
            ratios[transport] = _ratio(ours.delivered, bare.delivered), _ratio(ours.per_cpu, bare.per_cpu)
    except (OSError, RuntimeError) as error:
        print(f"benchmarks.load: {error}", file=sys.stderr)
        return 1
    finally:
        gc.enable()
    print(table(results, plan))
    whole = all(result.is_whole for _, result in results)
    for transport, (ratio, per_cpu) in ratios.items():
        says = f"{100 * ratio:.0f} % of what the bare relay delivers (goal: {100 * GOAL:.0f} %)"
        print(f"{transport}: {says}; {100 * per_cpu:.0f} % for the same CPU time")
    print("nothing lost, nothing out of order" if whole else "SOMETHING WAS LOST OR OUT OF ORDER")
    if given.json:
        figures = {
            "ratios": ratios,
            "results": [{"transport": transport, **_as_dict(result)} for transport, result in results],
        }
        Path(given.json).write_text(json.dumps(figures, indent=1) + "\n")
    return 0 if whole and (given.quick or all(ratio >= GOAL for ratio, _ in ratios.values())) else 1


def _ratio(ours: float, bare: float) -> float:
    return ours / bare if bare else 0.0


def _as_dict(result: Result) -> dict[str, float | str]:
    return {name: getattr(result, name) for name in Result.__slots__}


if __name__ == "__main__":
    sys.exit(main())
