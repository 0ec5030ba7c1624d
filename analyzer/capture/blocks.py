"""What reading a capture hands on: many packets at once, as numpy columns over one buffer of octets."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

NO_TIME = -1
"""The time of a packet whose record carries none (pcapng Simple Packet Block)."""


@dataclass(slots=True)
class PacketBlock:
    """Packets that were read together; row i of every column is one packet. All columns have one length."""

    data: bytes
    "The octets that `offset` points into; record headers and foreign octets stand between the packets."
    frame: NDArray[np.int64]
    "Frame number as Wireshark counts: from 1, over the whole input. Records that are no packets leave holes."
    time: NDArray[np.int64]
    "Nanoseconds since 1970 UTC, resolution and offset of the interface applied; `NO_TIME` where the record has none."
    offset: NDArray[np.int64]
    "Where the packet's octets start in `data`."
    caplen: NDArray[np.int64]
    "Octets captured: data[offset : offset + caplen]."
    wirelen: NDArray[np.int64]
    "Octets on the wire."
    linktype: NDArray[np.int32]
    "LINKTYPE_ value (tcpdump.org/linktypes) of each packet."
    interface: NDArray[np.int32]
    "pcapng: interface number inside its section; 0 for pcap."
    skew: int = field(default=0, init=False)
    "ns by which rows may stand before earlier ones, since clocks of several capture points were corrected."

    def __len__(self) -> int:
        return len(self.frame)

    def take(self, rows: NDArray[np.int64]) -> PacketBlock:
        """The rows of an index array, over the same octets."""
        return PacketBlock(self.data, *(getattr(self, name)[rows] for name in COLUMNS))

    def cut(self, first: int, last: int) -> PacketBlock:
        """Rows `first` up to, not including, `last`, over the same octets."""
        rows = slice(first, last)
        part = PacketBlock(self.data, *(getattr(self, name)[rows] for name in COLUMNS))
        part.skew = self.skew
        return part


COLUMNS = ("frame", "time", "offset", "caplen", "wirelen", "linktype", "interface")
"""The columns of a block, in the order of its fields."""


def empty_block(data: bytes = b"") -> PacketBlock:
    """A block without packets."""
    wide, narrow = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int32)
    return PacketBlock(data, wide, wide, wide, wide, wide, narrow, narrow)


def join_blocks(data: bytes, parts: list[PacketBlock]) -> PacketBlock:
    """One block of the rows of several, whose offsets all point into `data`."""
    if len(parts) == 1 and parts[0].data is data:
        return parts[0]
    if not parts:
        return empty_block(data)
    return PacketBlock(data, *(np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS))
