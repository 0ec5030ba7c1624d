"""Transport payloads of many packets as columns: what selection hands on, and how it keeps them in time order.

Inside selection a batch is one `Columns`: an int64 table, one line per field, so that sorting, choosing and joining are
single numpy calls. At the end it becomes `Rows`, plain Python lists, because the layers above walk it row by row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

HOLD_BACK = 10_000_000
"""Nanoseconds of capture time that rows wait for earlier ones of the next block: captures are shuffled by a few ms."""
HOLD_OCTETS = 16 << 20
"""Payload octets held back at most; past it everything goes (captures without times would be held to their end)."""
HOLD_ROWS = 1 << 17
"""Rows held back at most."""


@dataclass(slots=True)
class Rows:
    """Transport payloads in time order (equal times: in frame order). All lists have one length; made for `zip`."""

    data: bytes = b""
    "The octets that `start` and `end` point into."
    frame: list[int] = field(default_factory=list)
    "Frame number; of a reassembled datagram that of the fragment that completed it."
    time: list[int] = field(default_factory=list)
    "Nanoseconds since 1970 UTC; -1 where no packet so far had a time."
    transport: list[int] = field(default_factory=list)
    "IP protocol number: 6 TCP, 17 UDP, 132 SCTP."
    addresses: list[int] = field(default_factory=list)
    "IPv4: src << 32 | dst; IPv6: src << 128 | dst."
    ports: list[int] = field(default_factory=list)
    "network << 48 | version << 40 | transport << 32 | source port << 16 | destination port: the key, with `addresses`."
    start: list[int] = field(default_factory=list)
    "Where the payload of TCP and UDP, the common header of SCTP starts in `data`."
    end: list[int] = field(default_factory=list)
    seq: list[int] = field(default_factory=list)
    "TCP sequence number; 0 for others, as `ack` and `flags`."
    ack: list[int] = field(default_factory=list)
    flags: list[int] = field(default_factory=list)
    "The eight TCP flag bits, FIN = 1 to CWR = 128."
    missing: list[int] = field(default_factory=list)
    "Octets of payload that were on the wire but not captured."
    account: dict[str, int] = field(default_factory=dict)
    "Packets that were given up since the last `Rows`, by reason."
    more_frames: dict[int, tuple[int, ...]] = field(default_factory=dict)
    "Row index -> all frames of a payload that came in several IP fragments, ascending; `frame` is one of them."

    columns: Columns | None = None
    "The same as columns, without the accounts."
    copies: dict[int, int] = field(default_factory=dict)
    "Frame of a packet counted as duplicate -> frame of the row, of this or a neighbouring `Rows`, that it repeats."

    def __len__(self) -> int:
        return len(self.frame)


class Field(IntEnum):
    """The lines of the table in `Columns`."""

    FRAME = 0
    TIME = 1
    TRANSPORT = 2
    PORTS = 3
    START = 4
    END = 5
    SEQ = 6
    ACK = 7
    FLAGS = 8
    MISSING = 9
    MARK = 10
    "Hash of what two copies of one packet share, see `duplicates`."
    FLOW = 11
    "Hash of a TCP connection, its last bit that of the direction; 0 for others."
    NETWORK = 12
    "The tags of the packet, then the number of its network; see `networks`."


class Columns:
    """Rows in the making: `table[Field.X]` is one column, `addresses` holds Python ints (IPv6 needs 256 bits)."""

    __slots__ = ("addresses", "data", "table")

    def __init__(self, data: bytes, table: Ints, addresses: NDArray[np.object_]) -> None:
        self.data = data
        self.table = table
        self.addresses = addresses

    def __len__(self) -> int:
        return len(self.addresses)

    @staticmethod
    def empty() -> Columns:
        return Columns(b"", np.zeros((len(Field), 0), np.int64), np.zeros(0, np.object_))

    @staticmethod
    def joined(parts: Sequence[Columns]) -> Columns:
        """One batch of several; their octets are laid end to end."""
        parts = [part for part in parts if len(part)]
        if not parts:
            return Columns.empty()
        if len(parts) == 1:
            return parts[0]
        tables = []
        base = 0
        for part in parts:
            table = part.table
            if base:
                table = table.copy()
                table[Field.START : Field.END + 1] += base
            tables.append(table)
            base += len(part.data)
        return Columns(
            b"".join([part.data for part in parts]),
            np.concatenate(tables, axis=1),
            np.concatenate([part.addresses for part in parts]),
        )

    @staticmethod
    def over(data: bytes, parts: Sequence[Columns]) -> Columns:
        """One batch of several that already point into the same octets."""
        if not parts:
            return Columns.empty()
        table = np.concatenate([part.table for part in parts], axis=1)
        return Columns(data, table, np.concatenate([part.addresses for part in parts]))

    def take(self, index: NDArray[Any]) -> Columns:
        """The rows that an index array, a mask or a slice names, over the same octets."""
        return Columns(self.data, self.table[:, index], self.addresses[index])

    def head(self, size: int) -> Columns:
        return Columns(self.data, self.table[:, :size], self.addresses[:size])

    def tail(self, first: int) -> Columns:
        return Columns(self.data, self.table[:, first:], self.addresses[first:])

    def marks(self) -> list[int]:
        """The hashes that two copies of a packet share."""
        found: list[int] = self.table[Field.MARK].tolist()
        return found

    def octets(self) -> int:
        """Payload octets of all rows."""
        return int((self.table[Field.END] - self.table[Field.START]).sum())

    def packed(self) -> Columns:
        """The same rows over a buffer that holds their payloads and nothing else."""
        data = self.data
        spans = zip(self.table[Field.START].tolist(), self.table[Field.END].tolist(), strict=True)
        table = self.table.copy()
        ends = np.cumsum(table[Field.END] - table[Field.START])
        table[Field.START] = ends - (table[Field.END] - table[Field.START])
        table[Field.END] = ends
        return Columns(b"".join([data[start:end] for start, end in spans]), table, self.addresses)

    def in_time_order(self) -> Columns:
        """The rows by time, then frame."""
        time, frame = self.table[Field.TIME], self.table[Field.FRAME]
        later = time[1:] > time[:-1]
        if (later | ((time[1:] == time[:-1]) & (frame[1:] > frame[:-1]))).all():
            return self
        return self.take(np.lexsort((frame, time)))

    def rows(self, account: dict[str, int], fragments: dict[int, tuple[int, ...]], copies: dict[int, int]) -> Rows:
        """As lists. `fragments`, completing frame -> all frames, loses the entries that are handed out."""
        table = self.table
        frame = table[Field.FRAME].tolist()
        more = {}
        if fragments:
            more = {i: fragments.pop(number) for i, number in enumerate(frame) if number in fragments}
        return Rows(
            data=self.data,
            frame=frame,
            time=table[Field.TIME].tolist(),
            transport=table[Field.TRANSPORT].tolist(),
            addresses=self.addresses.tolist(),
            ports=table[Field.PORTS].tolist(),
            start=table[Field.START].tolist(),
            end=table[Field.END].tolist(),
            seq=table[Field.SEQ].tolist(),
            ack=table[Field.ACK].tolist(),
            flags=table[Field.FLAGS].tolist(),
            missing=table[Field.MISSING].tolist(),
            account=account,
            more_frames=more,
            copies=copies,
            columns=self,
        )


class HoldBack:
    """The rows of the last 10 ms, kept until the next block shows that nothing earlier is left."""

    __slots__ = ("held", "now", "skew")

    def __init__(self) -> None:
        self.held = Columns.empty()
        self.now = -1
        "The latest time of any packet so far."
        self.skew = 0
        "ns by which earlier rows may come still later, where clocks were corrected."

    def merge(self, new: Columns) -> Columns:
        """What was held and what is new, in time order."""
        if len(new) and new.octets() * 2 < len(new.data):
            new = new.packed()  # noise around few payloads: a small copy lets the block's octets go
        return Columns.joined([self.held, new]).in_time_order()

    def release(self, merged: Columns) -> Columns:
        """Those of `merged` that may go; the rest is held."""
        ready = int(np.searchsorted(merged.table[Field.TIME], self.now - HOLD_BACK - self.skew, side="right"))
        rest = merged.tail(ready)
        if len(rest) > HOLD_ROWS or rest.octets() > HOLD_OCTETS:
            ready, rest = len(merged), merged.tail(len(merged))
        self.held = rest.packed() if len(rest) else Columns.empty()
        return merged.head(ready)
