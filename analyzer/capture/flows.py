"""Hashes of transport flows, and which TCP flows are worth reading.

Hashes of 64 bits stand for addresses and ports wherever many packets are grouped or shared out; the rows themselves
carry the exact key. They are the same in every process and run, since lanes must agree on them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analyzer.capture.link import Octets
from analyzer.capture.rows import Ints, Mask

SLOTS = 16
"""TCP flows fall into so many parts, which the lanes share."""
FLOW_LIMIT = 1 << 18
"""Flows remembered as wanted, and as ignored, at most."""
JUDGED_PAYLOADS = 8
"""Payloads that a TCP flow may have in a block before it is judged by their looks."""

Hashes = NDArray[np.uint64]


def mixed(value: Hashes) -> Hashes:
    """Spread every bit of 64 over all others (the finaliser of MurmurHash3)."""
    value = (value ^ (value >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    value = (value ^ (value >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return value ^ (value >> np.uint64(33))


def marks(flow: Hashes, *fields: Ints) -> Ints:
    """One hash of a direction's hash and header fields."""
    value = flow
    for field in fields:
        value = mixed(value + field.astype(np.uint64))
    return value.view(np.int64)


def endpoint_hash(version: int, upper: Hashes, lower: Hashes, port: Hashes) -> Hashes:
    """Hash of one end of a flow; IPv4: `lower` is the address and `upper` unused."""
    if version == 4:
        return mixed(lower << np.uint64(16) | port)
    return mixed(mixed(mixed(upper) ^ lower) + port)


def flow_hash(source: Hashes, destination: Hashes) -> Hashes:
    """The same for both directions."""
    return mixed(source + destination)


def direction_hash(source: Hashes, destination: Hashes) -> Hashes:
    """Not the same for both directions."""
    return mixed(source + destination * np.uint64(3))


def ends(octets: Octets, version: int, header: Ints, ports: Ints) -> tuple[Hashes, Hashes]:
    """The endpoint hashes of source and destination."""
    sides = []
    for side, port in ((0, ports >> 16), (1, ports & 0xFFFF)):
        if version == 4:
            upper = lower = octets.u32(header + (12 + 4 * side))
        else:
            at = header + (8 + 16 * side)
            upper = octets.u32(at) << 32 | octets.u32(at + 4)
            lower = octets.u32(at + 8) << 32 | octets.u32(at + 12)
        sides.append(endpoint_hash(version, upper.view(np.uint64), lower.view(np.uint64), port.view(np.uint64)))
    return sides[0], sides[1]


def lane_table(lanes: int, shares: tuple[int, ...] | None) -> Ints:
    """Which lane owns each slot of TCP flows. Of two, lane 1 has them all, since lane 0 correlates as well."""
    if shares is None:
        shares = (0, 16) if lanes == 2 else tuple(SLOTS * (i + 1) // lanes - SLOTS * i // lanes for i in range(lanes))
    if len(shares) != lanes or sum(shares) != SLOTS or min(shares) < 0:
        raise ValueError(f"shares of {lanes} lanes must add up to {SLOTS}: {shares}")
    return np.repeat(np.arange(lanes), shares)


def among(values: Hashes, ranked: Hashes) -> Mask:
    """Which values are in a sorted array."""
    if not len(ranked):
        return np.zeros(len(values), np.bool_)
    at = np.minimum(np.searchsorted(ranked, values), len(ranked) - 1)
    return np.equal(ranked[at], values)


class FlowJudge:
    """Knows which TCP flows to drop: those the layers above ruled out, and those that look like nothing we read."""

    __slots__ = ("_ignored", "_known", "_ranked")

    def __init__(self) -> None:
        self._ignored: set[int] = set()
        self._ranked: Hashes | None = None
        "`_ignored`, sorted; None when that has changed."
        self._known: Hashes = np.zeros(0, np.uint64)
        "Flows that once spoke, sorted."

    def ignore(self, addresses: int, ports: int) -> None:
        """Drop both directions of a flow from now on; its key is that of `Rows`."""
        if len(self._ignored) >= FLOW_LIMIT:
            self._ignored.clear()
        version = ports >> 40 & 0xFF
        bits = 32 if version == 4 else 128
        sides = []
        for address, port in ((addresses >> bits, ports >> 16), (addresses, ports)):
            words = (address >> 64, address) if version != 4 else (0, address & 0xFFFFFFFF)
            upper, lower, end = (np.array([word & (1 << 64) - 1], np.uint64) for word in (*words, port & 0xFFFF))
            sides.append(endpoint_hash(version, upper, lower, end))
        self._ignored.add(int(flow_hash(*sides)[0]))
        self._ranked = None

    def judge(self, flows: Hashes, loaded: Mask, speaks: Mask) -> tuple[Mask, Mask]:
        """Which segments belong to ignored flows, and which to noise.

        `loaded` has payload on the wire; `speaks` has one that starts like a protocol of ours. A flow is noise in a
        block where it has `JUDGED_PAYLOADS` payloads and none speaks, unless one did before: a long body fills whole
        blocks with octets of any kind.
        """
        if self._ranked is None:
            self._ranked = np.sort(np.array(list(self._ignored), np.uint64))
        ignored = among(flows, self._ranked)
        flow, row = np.unique(flows, return_inverse=True)
        wanted = np.bincount(row[speaks & ~ignored], minlength=len(flow)) > 0
        wanted |= among(flow, self._known)
        payloads = np.bincount(row[loaded], minlength=len(flow))
        self._known = np.union1d(self._known, flow[wanted])
        if len(self._known) > FLOW_LIMIT:
            self._known = flow[wanted]
        return ignored, (~wanted & (payloads >= JUDGED_PAYLOADS))[row] & ~ignored
