"""Interface Description Blocks of pcapng (draft-ietf-opsawg-pcapng section 4.2), and the time stamps they govern."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analyzer.capture.blocks import NO_TIME
from analyzer.capture.pcap import max_caplen

END_OF_OPTIONS, IF_TSRESOL, IF_TSOFFSET = 0, 9, 14
FURTHEST = 9_000_000_000
"""Seconds from 1970 that surely fit a signed 64-bit count of nanoseconds."""


@dataclass(slots=True)
class Interface:
    """What an Interface Description Block says that matters for packets."""

    linktype: int
    snaplen: int = 0
    "Octets kept of a packet at most; 0 is no limit."
    resolution: int = 6
    "if_tsresol as it stands in the file: 10^-n seconds, or 2^-n with the top bit set."
    offset: int = 0
    "if_tsoffset: seconds to add."


def decode_interface(body: bytes, order: str) -> Interface | None:
    """Read the body of an Interface Description Block; None when its options run out of it.

    `order` is ``<`` or ``>``. Of an option that comes twice the first counts, one of a wrong length does not (as in
    Wireshark).
    """
    linktype, _, snaplen = struct.unpack_from(order + "HHI", body)
    interface = Interface(linktype, snaplen)
    seen = set()
    pos = 8
    while pos + 4 <= len(body):
        code, length = struct.unpack_from(order + "HH", body, pos)
        pos += 4
        if code == END_OF_OPTIONS:
            break
        if pos + length > len(body):
            return None
        if code not in seen:
            if code == IF_TSRESOL and length == 1:
                interface.resolution = body[pos]
            elif code == IF_TSOFFSET and length == 8:
                (interface.offset,) = struct.unpack_from(order + "q", body, pos)
            seen.add(code)
        pos += (length + 3) & ~3
    return interface


def nanoseconds(ticks: NDArray[np.uint64], resolution: int, offset: int) -> tuple[NDArray[np.int64], int]:
    """Turn time stamps of one interface into ns since 1970, rounded down; `resolution` and `offset` as in `Interface`.

    Also returns how many fit no signed 64-bit count of ns; those become `NO_TIME`.
    """
    power = resolution & 0x7F
    binary = bool(resolution & 0x80)
    per_second = 2**power if binary else 10**power
    largest = int(ticks.max(initial=0))
    # In 64 bits where nothing on the way can overflow, else in Python's own integers, packet by packet.
    if abs(offset) < FURTHEST and largest // per_second < FURTHEST - abs(offset):
        exact: NDArray[np.int64] | None = None
        if not binary and power <= 9:
            exact = ticks.astype(np.int64) * 10 ** (9 - power)
        elif not binary and power <= 28:
            exact = (ticks // np.uint64(10 ** (power - 9))).astype(np.int64)
        elif binary and power <= 34:
            seconds, rest = ticks >> np.uint64(power), ticks & np.uint64(per_second - 1)
            exact = (seconds * np.uint64(10**9) + (rest * np.uint64(10**9) >> np.uint64(power))).astype(np.int64)
        if exact is not None:
            return exact + offset * 10**9, 0
    unfit = 0
    times = []
    for tick in ticks.tolist():
        value = tick * 10**9 // per_second + offset * 10**9
        if not -(2**63) <= value < 2**63:
            value, unfit = NO_TIME, unfit + 1
        times.append(value)
    return np.array(times, dtype=np.int64), unfit


class InterfaceTable:
    """The interfaces of one section, numbered from 0 as they come, with columns to look them up by number."""

    def __init__(self) -> None:
        self.interfaces: list[Interface] = []
        self._columns: tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]] | None = None

    def __len__(self) -> int:
        return len(self.interfaces)

    def add(self, interface: Interface) -> None:
        """Give the next number to `interface`."""
        self.interfaces.append(interface)
        self._columns = None

    @property
    def columns(self) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
        """Link type, largest plausible packet and snaplen (2^32 for none) of each interface."""
        if self._columns is None:
            self._columns = (
                np.array([each.linktype for each in self.interfaces], dtype=np.int32),
                np.array([max_caplen(each.linktype) for each in self.interfaces], dtype=np.int64),
                np.array([each.snaplen or 1 << 32 for each in self.interfaces], dtype=np.int64),
            )
        return self._columns

    def times(self, ticks: NDArray[np.uint64], interface: NDArray[np.int32]) -> tuple[NDArray[np.int64], int]:
        """`nanoseconds` of packets, each by its own interface."""
        if len(self.interfaces) == 1:
            only = self.interfaces[0]
            return nanoseconds(ticks, only.resolution, only.offset)
        time = np.zeros(len(ticks), dtype=np.int64)
        unfit = 0
        clocks: dict[tuple[int, int], list[int]] = {}
        for number in np.unique(interface).tolist():
            each = self.interfaces[number]
            clocks.setdefault((each.resolution, each.offset), []).append(number)
        for (resolution, offset), numbers in clocks.items():
            rows = np.flatnonzero(np.isin(interface, numbers)) if len(clocks) > 1 else slice(None)
            time[rows], missed = nanoseconds(ticks[rows], resolution, offset)
            unfit += missed
        return time, unfit
