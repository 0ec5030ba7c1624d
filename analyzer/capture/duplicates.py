"""Packets that a capture has twice because mirror ports sent them twice.

A copy has the flow, the IP identification (IPv6: the flow label), the transport header and the payload of the first,
and comes within 20 ms; TTL, tags and MAC addresses may differ. An application that repeats a datagram takes 200 ms or
more (RFC 3261 section 17.1.1.1: T1 is 500 ms), and its repetition stays. All but the payload is in one hash per row,
`Field.MARK`; rows that share it are compared one by one.
"""

from __future__ import annotations

import numpy as np

from analyzer.capture.rows import Columns, Field, Mask

WINDOW = 20_000_000
"""Nanoseconds between a packet and its copy at most."""
REMEMBERED_ROWS = 1 << 16
REMEMBERED_OCTETS = 8 << 20
"""Of rows handed on, how many are kept for comparison at most; the latest stay."""


class DuplicateFilter:
    """Knows the rows of the last 20 ms."""

    __slots__ = ("_recent",)

    def __init__(self) -> None:
        self._recent = Columns.empty()

    def sift(self, columns: Columns) -> tuple[Mask, dict[int, int]]:
        """Which rows are no copies of an earlier one, and frame -> frame of the first for those that are.

        The rows are in time order, and follow those that were remembered.
        """
        fresh = np.ones(len(columns), np.bool_)
        copies: dict[int, int] = {}
        known = len(self._recent)
        mark = np.concatenate([self._recent.table[Field.MARK], columns.table[Field.MARK]])
        ranked = np.sort(mark)
        if not (ranked[1:] == ranked[:-1]).any():
            return fresh, copies
        order = np.argsort(mark, kind="stable")
        same = mark[order][1:] == mark[order][:-1]
        shared = np.zeros(len(mark), np.bool_)
        shared[1:] = same
        shared[:-1] |= same
        rows = order[shared]
        fields = [
            np.concatenate([self._recent.table[field], columns.table[field]])[rows].tolist()
            for field in (Field.MARK, Field.FRAME, Field.TIME, Field.START, Field.END)
        ]
        first_mark, first_frame, first_time, first_octets = None, 0, 0, b""
        for row, row_mark, frame, time, start, end in zip(rows.tolist(), *fields, strict=True):
            octets = (columns if row >= known else self._recent).data[start:end]
            copied = row_mark == first_mark and abs(time - first_time) <= WINDOW and octets == first_octets
            if copied and row >= known:
                fresh[row - known] = False
                copies[frame] = first_frame
            else:
                first_mark, first_frame, first_time, first_octets = row_mark, frame, time, octets
        return fresh, copies

    def remember(self, columns: Columns) -> None:
        """Note rows that were handed on."""
        if not len(columns):
            return
        recent = Columns.joined([self._recent, columns.tail(self._late(columns)).packed()])
        recent = recent.tail(self._late(recent))
        size = np.cumsum((recent.table[Field.END] - recent.table[Field.START])[::-1])
        room = min(REMEMBERED_ROWS, int(np.searchsorted(size, REMEMBERED_OCTETS, side="right")))
        self._recent = recent.tail(max(0, len(recent) - room)).packed()

    @staticmethod
    def _late(columns: Columns) -> int:
        time = columns.table[Field.TIME]
        return int(np.searchsorted(time, time[-1] - WINDOW))
