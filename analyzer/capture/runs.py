"""The TCP segments of a block put together by connection, and the runs in which nothing but octets and ACKs happens.

A run is a stretch of segments of one connection, both directions, each with ACK and none of SYN, FIN and RST, captured
whole, and each with just the sequence number that follows the segment before it of its direction. TCP can take a run
at once when its first segments of either direction are the next of their streams.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from analyzer.capture.rows import Columns, Field, Ints, Mask

RUN_PAUSE = 600_000_000_000
"""Nanoseconds between two segments of a run at most: less than what makes a connection idle."""


@dataclass(slots=True)
class Runs:
    """Rows by connection. A place is a position in `order`; all lists but `place` go by place."""

    order: list[int] = field(default_factory=list)
    "Row indexes: the rows of one connection stand together, in time order."
    place: list[int] = field(default_factory=list)
    "By row: its place."
    stop: list[int] = field(default_factory=list)
    "Where the run ends that this place is in; 0 where it is in none."
    side: list[int] = field(default_factory=list)
    "0 and 1 tell the two directions of a connection apart."
    other: list[int] = field(default_factory=list)
    "The next place of the other direction (or of another connection)."
    since: list[int] = field(default_factory=list)
    "Where the stretch of one direction begins that this place is in."
    packets: list[int] = field(default_factory=list)
    "Rows of side 1 before this place."
    loads: tuple[list[int], list[int]] = field(default_factory=lambda: ([], []))
    "For each side its rows with payload before this place."
    columns: tuple[Ints, ...] | None = None
    "Start and end of each place's payload, both 0 where it is in no run; its side, time and frame."


def runs_of(columns: Columns) -> Runs:
    """Put the TCP rows together."""
    table = columns.table
    flow = table[Field.FLOW]
    size = len(columns)
    if not flow.any():
        return Runs(place=[0] * size, stop=[0])
    order = np.argsort(flow >> 1, kind="stable")
    place = np.empty(size, np.int64)
    place[order] = np.arange(size)
    plain = (table[Field.FLAGS] & 0x17 == 0x10) & (table[Field.MISSING] == 0) & (flow != 0)
    follows = _follows(columns)[order]
    plain, flow, time = plain[order], flow[order], table[Field.TIME][order]
    start, end = table[Field.START][order], table[Field.END][order]
    side = flow & 1
    connection = flow >> 1
    apart = (connection[1:] != connection[:-1]) | ~plain[1:] | ~plain[:-1] | ~follows[1:]
    apart |= time[1:] - time[:-1] > RUN_PAUSE
    stops = np.append(np.flatnonzero(apart) + 1, size)
    stop = np.repeat(stops, np.diff(stops, prepend=0))
    stop[~plain] = 0
    changes = np.flatnonzero((side[1:] != side[:-1]) | (connection[1:] != connection[:-1])) + 1
    edges = np.concatenate([[0], changes, [size]])
    stretch = np.diff(edges)
    loaded = plain & (end > start)
    first, second = loaded & (side == 0), loaded & (side == 1)
    return Runs(
        order.tolist(),
        place.tolist(),
        stop.tolist(),
        side.tolist(),
        np.repeat(edges[1:], stretch).tolist(),
        np.repeat(edges[:-1], stretch).tolist(),
        _before(side == 1),
        (_before(first), _before(second)),
        (np.where(plain, start, 0), np.where(plain, end, 0), side, time, table[Field.FRAME][order]),
    )


def _before(mask: Mask) -> list[int]:
    before: list[int] = np.concatenate([[0], np.cumsum(mask)]).tolist()
    return before


def _follows(columns: Columns) -> Mask:
    """Which rows have the sequence number that follows the row before of the same direction."""
    table = columns.table
    order = np.argsort(table[Field.FLOW], kind="stable")
    flow, ports, flags = table[Field.FLOW][order], table[Field.PORTS][order], table[Field.FLAGS][order]
    size = table[Field.END][order] - table[Field.START][order] + table[Field.MISSING][order]
    after = table[Field.SEQ][order] + size + (flags >> 1 & 1) + (flags & 1)
    addresses = columns.addresses[order]
    follows = np.zeros(len(order), np.bool_)
    # Flows are hashes: two connections may share one.
    same = (flow[1:] == flow[:-1]) & (ports[1:] == ports[:-1]) & (addresses[1:] == addresses[:-1]).astype(np.bool_)
    follows[order[1:]] = same & (table[Field.SEQ][order][1:] == after[:-1] & 0xFFFFFFFF)
    return follows
