"""Write a benchmark capture: `python -m benchmarks.generate dense|noisy|mix OUT.pcap [--packets N] [--seed S]`.

dense: SIP, H.248 and MSRP only; noisy: 95 % RTP; mix: half and half. What was written is counted in OUT.pcap.json.
The same arguments give the same octets. Some hundred sessions are open at a time, however long the capture.
"""

from __future__ import annotations

import argparse
import heapq
import json
import random
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from benchmarks.conference import SECOND, Counts, Numbers, conference
from benchmarks.packets import PCAP_HEADER, Frame, record
from benchmarks.rtp import INTERVAL, noise

EPOCH = 1768471200 * SECOND
"2026-01-15T10:00:00Z"
PACKETS = {"dense": 200_000, "noisy": 1_000_000, "mix": 400_000}
NOISE = {"dense": 0.0, "noisy": 0.95, "mix": 0.5}
"Share of RTP and RTCP."
PACE = (400_000_000, 1_000_000_000)
"Nanoseconds from the start of a conference to that of the next."
SIGNALLING_RATE = 450
"Packets a second of signalling and MSRP that this pace makes; RTP is spread over the time that they take."
WRITE_SIZE = 1 << 20


def signalling(rng: random.Random, packets: int, counts: Counts) -> Iterator[Frame]:
    """At least `packets` packets of whole conferences, in order of time; only the open ones are in memory."""
    numbers = Numbers(counts)
    waiting: list[tuple[int, int, bytes]] = []
    start, made, written = EPOCH, 0, 0
    while made < packets:
        for time, data in conference(rng, numbers, start, EPOCH):
            heapq.heappush(waiting, (time, made, data))
            made += 1
        start += rng.randrange(*PACE)
        while waiting and waiting[0][0] < start:
            time, _, data = heapq.heappop(waiting)
            written += 1
            yield time, data
    while waiting:
        time, _, data = heapq.heappop(waiting)
        yield time, data


def frames(kind: str, packets: int, seed: int, counts: Counts) -> Iterator[Frame]:
    """The packets of a benchmark capture, in order of time."""
    rng = random.Random(seed)
    counts.noise = round(packets * NOISE[kind])
    wanted = signalling(rng, packets - counts.noise, counts)
    if not counts.noise:
        return wanted
    duration = (packets - counts.noise) / SIGNALLING_RATE + 40
    streams = max(1, round(counts.noise / duration * INTERVAL / SECOND))
    return heapq.merge(wanted, noise(random.Random(seed + 1), EPOCH, counts.noise, streams))


def generate(kind: str, path: Path, packets: int | None = None, seed: int = 1) -> Counts:
    """Write the capture and, beside it, what is in it; the latter last, so that its presence says all is there."""
    counts = Counts()
    beside = counts_path(path)
    beside.unlink(missing_ok=True)
    with path.open("wb") as out:
        held, size = [PCAP_HEADER], 0
        for time, data in frames(kind, packets or PACKETS[kind], seed, counts):
            counts.packets += 1
            held.append(record(time, data))
            size += len(data)
            if size > WRITE_SIZE:
                out.write(b"".join(held))
                held, size = [], 0
        out.write(b"".join(held))
    beside.write_text(json.dumps(asdict(counts)) + "\n", encoding="utf-8")
    return counts


def counts_path(path: Path) -> Path:
    """Where the counts of a capture are."""
    return path.with_name(path.name + ".json")


def main(arguments: list[str] | None = None) -> int:
    """Command line; prints the counts."""
    parser = argparse.ArgumentParser(prog="benchmarks.generate", description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=sorted(PACKETS))
    parser.add_argument("out", type=Path, metavar="OUT.pcap")
    parser.add_argument("--packets", type=int, help="default: 200000 dense, 1000000 noisy, 400000 mix")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    counts = generate(options.kind, options.out, options.packets, options.seed)
    print(json.dumps(asdict(counts)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
