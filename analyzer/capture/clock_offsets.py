"""How far apart the clocks of several capture points are, told by packets that two of them have.

Files given together, or interfaces of one pcapng file, may come from machines whose clocks differ. A packet that two of
them captured (same flow, IP identification, transport header and payload: see `duplicates`) was captured at nearly the
same moment, so the difference of its two times is that of the clocks. Packets of both directions are looked at, and
the mean of the two taken, since a packet needs its time on the way. Only a sample of each file is read, from where the
last of them begins.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

import numpy as np

from analyzer.capture.blocks import PacketBlock
from analyzer.capture.rows import Rows
from analyzer.capture.select import Selector

LEAST = 5_000_000
"""ns: clocks that differ by less are taken for one; so much may a packet need from one capture point to the other."""
AGREE = 20_000_000
"""ns by which the differences of single packets may lie beside the middle one."""
PACKETS = 2
"""So many packets at least must agree, and half of those that both sides have."""
SAMPLE_OCTETS = 4 << 20
"""Octets of a file whose packets are compared."""
WALKED_OCTETS = 64 << 20
"""Octets of a file that are passed over at most to come to where the last file begins."""
SAMPLE_ROWS = 20_000

SourceKey = tuple[int, int]
"""A capture point: which file, and which interface in it."""
Seen = dict[tuple[int, int, int, bytes], list[tuple[int, bool]]]
"""Hash of headers, addresses, ports and payload of a packet; its times, and whether it went to the higher address."""


@dataclass(frozen=True, slots=True)
class Offset:
    """What is to be added to the times of one capture point."""

    shift: int
    "ns; negative where its clock is ahead."
    packets: int
    "So many packets told it."
    reference: SourceKey
    "The capture point whose clock is kept."


class Sample:
    """The payloads of the capture points of one file, as far as its sample goes."""

    def __init__(self, file: int) -> None:
        self._file = file
        self.seen: dict[SourceKey, Seen] = {}

    def read(self, blocks: Iterable[PacketBlock], since: int) -> None:
        """Take the blocks from `since` (ns) on."""
        selectors: dict[int, Selector] = {}
        walked = taken = 0
        for block in blocks:
            walked += len(block.data)
            late = np.flatnonzero(block.time >= since)
            if not len(late):
                if walked >= WALKED_OCTETS:
                    return
                continue
            taken += len(block.data)
            for interface in np.unique(block.interface).tolist():
                rows = block.take(np.flatnonzero(block.interface == interface))
                selector = selectors.setdefault(interface, Selector())
                self._add(interface, selector.select(rows))
            if taken >= SAMPLE_OCTETS:
                break
        for interface, selector in selectors.items():
            self._add(interface, selector.flush())

    def _add(self, interface: int, rows: Rows) -> None:
        if rows.columns is None:
            return
        seen = self.seen.setdefault((self._file, interface), {})
        for mark, time, addresses, ports, start, end in zip(
            rows.columns.marks(), rows.time, rows.addresses, rows.ports, rows.start, rows.end, strict=True
        ):
            if end > start and len(seen) < SAMPLE_ROWS:
                bits = 32 if ports >> 40 & 0xF == 4 else 128
                forth = addresses >> bits < addresses & (1 << bits) - 1
                seen.setdefault((mark, addresses, ports, rows.data[start:end]), []).append((time, forth))


def offsets(samples: Iterable[Sample]) -> dict[SourceKey, Offset]:
    """The capture points whose clocks are to be corrected; the first of those that share packets keeps its own."""
    seen = {key: marks for sample in samples for key, marks in sorted(sample.seen.items())}
    keys = list(seen)
    found: dict[SourceKey, Offset] = {}
    settled: dict[SourceKey, SourceKey] = {}
    for first in keys:
        if first in settled:
            continue
        settled[first] = first
        waiting = [first]
        while waiting:
            known = waiting.pop(0)
            for other in keys:
                if other in settled:
                    continue
                told = difference(seen[known], seen[other])
                if told is not None:
                    shift, packets = told
                    settled[other] = first
                    waiting.append(other)
                    before = found[known].shift if known in found else 0
                    if abs(before + shift) >= LEAST:
                        found[other] = Offset(before + shift, packets, first)
    return found


def difference(one: Seen, other: Seen) -> tuple[int, int] | None:
    """What is to be added to the times of `other`, and by how many packets that is told; None where none tell."""
    ways: tuple[list[int], list[int]] = ([], [])
    for mark in one.keys() & other.keys():
        # What a side has twice was sent again, and nobody knows which of the two the other side has.
        if len(one[mark]) == 1 == len(other[mark]):
            (time, forth), (theirs, _) = one[mark][0], other[mark][0]
            ways[forth].append(time - theirs)
    medians = [int(median(way)) for way in ways if way]
    if not medians:
        return None
    middle = sum(medians) // len(medians)
    both = [each for way in ways for each in way]
    agree = sum(abs(each - middle) <= AGREE for each in both)
    if agree < PACKETS or 2 * agree < len(both):
        return None
    return middle, agree
