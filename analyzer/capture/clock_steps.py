"""A clock that is set back while a file is written: from there on the order of the records is the better witness.

Captures shuffle packets by milliseconds, and one late record may stand anywhere; a clock that was set back shows
otherwise: all records behind some place are more than `STEP` earlier than the latest before it. Their times are moved
on so that the file goes on where it was, and back when the clock is set right again. Two captures that were laid end
to end look alike, but no flow of the first goes on in the second: they keep their times.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analyzer.capture.blocks import NO_TIME, PacketBlock
from analyzer.capture.rows import Rows
from analyzer.capture.select import Selector

STEP = 1_000_000_000
"""ns by which a clock must go back at least: no capture shuffles its packets by so much."""
LASTING = 3
"""Records that must stand behind the step at least: fewer are packets that were recorded late."""
LOOKED_AT = 64
"""Records behind a step that are looked at: all must be as early."""
SURE = 8
"""So many records behind a step leave no doubt, whatever follows."""
PAUSE = 60_000_000_000
"""ns: only a clock that had been set back by more is told from a pause when it is set right again."""
REFUSED = 64
"""Places in one block that look like a step and are none, after which the block is taken as shuffled."""

TCP = 6

Times = NDArray[np.int64]
FlowKey = tuple[int, int]


class ClockStep(NamedTuple):
    """One time that the clock was set."""

    frame: int
    "Of the first record with the new time, counted in its file."
    back: int
    "ns; as the time between two records is part of it, accurate to that."


class ClockSteps:
    """Follows the clock of one file, block by block."""

    def __init__(self) -> None:
        self.steps: list[ClockStep] = []
        self.follows = True
        "False from where a second section begins: that is another capture, laid behind the first one's end."
        self._shift = 0
        self._high: int | None = None
        "The latest time so far, corrected."
        self._tail: PacketBlock | None = None
        "The end of the block before."

    def corrected(self, block: PacketBlock) -> Times:
        """The times of a block as one clock that is never set back would have told them."""
        time = block.time
        if not self.follows:
            return time
        known = time != NO_TIME
        if not known.any():
            return time
        if known.all():
            return self._corrected(time, block)
        # A packet without time has that of the packet before, as in selection.
        at = np.maximum.accumulate(np.where(known, np.arange(len(time)), -1))
        filled = np.where(at >= 0, time[at], time[known][0])
        return np.where(known, self._corrected(filled, block), NO_TIME)

    def _corrected(self, time: Times, block: PacketBlock) -> Times:
        high = int(time[0]) + self._shift if self._high is None else self._high
        latest = np.maximum(np.maximum.accumulate(time), high)
        if not self._shift and int((latest - time).max()) <= STEP:  # as nearly always
            self._high = int(latest[-1])
        else:
            time = self._stepwise(time, block, high)
        self._tail = _copy(block.cut(max(0, len(block) - LOOKED_AT), len(block)))
        return time

    def _stepwise(self, time: Times, block: PacketBlock, high: int) -> Times:
        """Place by place; `time` has a row for each of `block`."""
        corrected = np.empty_like(time)
        begin = refused = 0
        while begin < len(time):
            moved = time[begin:] + self._shift
            latest = np.maximum(np.maximum.accumulate(moved), high)
            before = np.concatenate([[high], latest[:-1]])
            places = np.flatnonzero((moved < before - STEP) | self._leaps(moved, before))
            found = None
            for place in places[: REFUSED - refused].tolist():
                refused += 1
                shift = self._shift_at(moved[place : place + LOOKED_AT], int(before[place]))
                if shift is not None:
                    found = place, shift
                    break
            if found is None:
                corrected[begin:] = moved
                high = int(latest[-1])
                break
            place, shift = found
            corrected[begin : begin + place] = moved[:place]
            high, begin = int(before[place]), begin + place
            if not shift or self._goes_on(block, begin):
                self._set(shift, int(block.frame[begin]))
            else:
                high = int(moved[place])
        self._high = high
        return corrected

    def _leaps(self, moved: Times, before: Times) -> NDArray[np.bool_]:
        """Where the clock may have been set right again: it leaps by what it had been set back."""
        if self._shift < PAUSE:
            return np.zeros(len(moved), np.bool_)
        leaps: NDArray[np.bool_] = np.abs(moved - before - self._shift) < self._shift // 100
        return leaps

    def _shift_at(self, ahead: Times, before: int) -> int | None:
        """By how much times are to be moved from a place on; None where that stays as it is."""
        if int(ahead[0]) > before:
            return 0 if int(ahead.min()) - before > self._shift // 2 else None
        if len(ahead) < LASTING or (ahead[:LASTING] >= before - STEP).any():
            return None
        back = before - int(ahead[0])
        caught_up = np.flatnonzero(ahead >= before - STEP)
        if len(caught_up) and int(caught_up[0]) < SURE:
            at = int(caught_up[0])
            if int(ahead[at] - ahead[at - 1]) > back // 2:
                return None  # a few late records, and the others go on where they were
        return self._shift + back

    def _goes_on(self, block: PacketBlock, place: int) -> bool:
        """Does a flow of before this place go on behind it?"""
        earlier = self._tail if self._tail is not None and place < LOOKED_AT else block.cut(0, place)
        return flow_goes_on(earlier, block.cut(place, len(block)))

    def _set(self, shift: int, frame: int) -> None:
        self.steps.append(ClockStep(frame, shift - self._shift))
        self._shift = shift


def flow_goes_on(before: PacketBlock, after: PacketBlock) -> bool:
    """Has a flow packets in both, and do its TCP sequence numbers go on?"""
    earlier, later = _last(before), _first(after)
    common = earlier.keys() & later.keys()
    ahead = [(later[key] - earlier[key]) & 0xFFFFFFFF < 1 << 31 for key in common if key[1] >> 32 & 0xFF == TCP]
    return 2 * sum(ahead) > len(ahead) if ahead else bool(common)


def _last(block: PacketBlock) -> dict[FlowKey, int]:
    """The flows of a block with their latest sequence number."""
    rows = _rows(block)
    return dict(zip(zip(rows.addresses, rows.ports, strict=True), rows.seq, strict=True))


def _first(block: PacketBlock) -> dict[FlowKey, int]:
    """The flows of a block with their first sequence number."""
    rows = _rows(block)
    return dict(reversed(list(zip(zip(rows.addresses, rows.ports, strict=True), rows.seq, strict=True))))


def _rows(block: PacketBlock) -> Rows:
    """The payloads of a block, in the order of its records."""
    selector = Selector()
    block.time = np.zeros(len(block), np.int64)  # all are held back until the flush
    selector.select(block)
    return selector.flush()


def _copy(block: PacketBlock) -> PacketBlock:
    """The same packets over octets of their own: those of the block may go."""
    begin, end = int(block.offset[0]), int((block.offset + block.caplen).max())
    copied = block.cut(0, len(block))
    copied.data, copied.offset = block.data[begin:end], block.offset - begin
    return copied
