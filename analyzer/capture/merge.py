"""Several captures as one, in the order in which mergecap would write them.

mergecap takes, time and again, the packet with the smallest time among the heads of all files, of equals that of the
file named last (measured with 4.0.17); a packet without time goes at once. That order is the stable sort of all packets
by the running maximum of time within their file, which numpy does for whole blocks. Only files that overlap in time are
held, one block of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from analyzer.capture.blocks import COLUMNS, NO_TIME, PacketBlock

BEFORE_ALL = -(1 << 63)
"""Key of the packets without time at the head of the first file; one more for each further file, in the order named."""

Correct = Callable[[PacketBlock], None]
"""Puts the times of a block right."""


def _as_recorded(block: PacketBlock) -> None:
    """The times stay."""


class HeldFile:
    """One file in the merge: the rows of its current block that are not yet handed on."""

    def __init__(
        self, index: int, blocks: Iterator[PacketBlock], first_time: int | None, correct: Correct | None = None
    ) -> None:
        """`index` is its place among the files, `first_time` that of the first packet, where known without reading.

        Files are merged by their times as recorded, as mergecap does; `correct` gives the times of what they hand on.
        """
        self._correct = correct if correct is not None else _as_recorded
        self._blocks = blocks
        self._block: PacketBlock | None = None
        self._keys: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self._row = 0
        self._last_frame = 0
        self._steps: NDArray[np.int64] = self._keys
        self._untimed = BEFORE_ALL + index
        self.least = self._untimed if first_time is None else first_time
        "No packet still to be read has a smaller key."
        self.finished = False

    @property
    def empty(self) -> bool:
        """Whether no rows are held."""
        return self._row >= len(self._keys)

    def load(self) -> None:
        """Read the next block, or find that there is none."""
        block = next(self._blocks, None)
        if block is None:
            self.finished = True
            self._block = None
            return
        keys = np.where(block.time == NO_TIME, self._untimed, block.time)
        if self._last_frame:
            keys[0] = max(int(keys[0]), self.least)
        self._keys = np.maximum.accumulate(keys)
        # How far the count of frames goes on at each packet: more than one after records that are no packets.
        self._steps = np.diff(block.frame, prepend=self._last_frame)
        self._last_frame = int(block.frame[-1])
        self._correct(block)
        self._block, self._row = block, 0
        self.least = int(self._keys[-1])

    def take(self, limit: int, equals: bool) -> tuple[PacketBlock, NDArray[np.int64], NDArray[np.int64]] | None:
        """Give up the rows with keys below `limit`, or up to it, with their keys and steps of the frame count."""
        if self._block is None:
            return None
        end = int(np.searchsorted(self._keys, limit, side="right" if equals else "left"))
        begin, self._row = self._row, max(end, self._row)
        if begin >= end:
            return None
        taken = self._block.cut(begin, end), self._keys[begin:end], self._steps[begin:end]
        if self.empty:
            self._block = None
        return taken


def merge_blocks(files: list[HeldFile]) -> Iterator[PacketBlock]:
    """All packets of `files` in merged order, with frames counted over all of them.

    Interface numbers stay those of each file.
    """
    frames = 0
    while True:
        # Whichever file may still bring the smallest key sets the limit; of equals the last: its packets go first.
        open_files = [(file.least, -index) for index, file in enumerate(files) if not file.finished]
        limit, owner = min(open_files, default=(0, 1))
        owner = -owner
        if owner >= 0 and files[owner].empty:
            files[owner].load()
            continue
        taken = []
        for index, file in reversed(list(enumerate(files))):
            rows = file.take(limit, index >= owner) if owner >= 0 else file.take((1 << 63) - 1, True)
            if rows is not None:
                taken.append(rows)
        if taken:
            merged = _merge(taken, frames)
            frames = int(merged.frame[-1])
            yield merged
        elif owner < 0:
            return


def _merge(taken: list[tuple[PacketBlock, NDArray[np.int64], NDArray[np.int64]]], frames: int) -> PacketBlock:
    if len(taken) == 1:
        only, _, steps = taken[0]
        only.frame = frames + np.cumsum(steps)
        return only
    pieces: list[bytes] = []
    offsets = []
    size = 0
    for block, _, _ in taken:
        begin = int(block.offset[0])
        piece = block.data[begin : int(block.offset[-1] + block.caplen[-1])]
        pieces.append(piece)
        offsets.append(block.offset + (size - begin))
        size += len(piece)
    order = np.argsort(np.concatenate([keys for _, keys, _ in taken]), kind="stable")
    columns = {name: np.concatenate([getattr(block, name) for block, _, _ in taken])[order] for name in COLUMNS}
    columns["offset"] = np.concatenate(offsets)[order]
    columns["frame"] = frames + np.cumsum(np.concatenate([steps for _, _, steps in taken])[order])
    merged = PacketBlock(b"".join(pieces), **columns)
    merged.skew = max(block.skew for block, _, _ in taken)
    return merged
