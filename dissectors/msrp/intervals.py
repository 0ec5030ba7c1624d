"""Sets of octets as sorted, disjoint, inclusive intervals: what arrived of a message, and what arrived twice."""

from __future__ import annotations

from bisect import bisect_left

Interval = tuple[int, int]


def add_interval(intervals: list[Interval], start: int, end: int) -> list[Interval]:
    """Add `start`..`end` in place, joining neighbours; returns the parts that were there already."""
    if end < start:
        return []
    if not intervals or start > intervals[-1][1] + 1:
        intervals.append((start, end))
        return []
    last = intervals[-1]
    if start == last[1] + 1:  # the usual chunk: in order
        intervals[-1] = (last[0], end)
        return []
    first = bisect_left(intervals, start - 1, key=_end_of)
    stop = first
    overlaps = []
    low, high = start, end
    while stop < len(intervals) and intervals[stop][0] <= end + 1:
        have_start, have_end = intervals[stop]
        if have_start <= end and have_end >= start:
            overlaps.append((max(have_start, start), min(have_end, end)))
        low, high = min(low, have_start), max(high, have_end)
        stop += 1
    intervals[first:stop] = [(low, high)]
    return overlaps


def _end_of(interval: Interval) -> int:
    return interval[1]


def missing_intervals(intervals: list[Interval], start: int, end: int) -> list[Interval]:
    """What of `start`..`end` is not in the intervals."""
    holes = []
    at = start
    for have_start, have_end in intervals:
        if have_start > end:
            break
        if have_start > at:
            holes.append((at, have_start - 1))
        at = max(at, have_end + 1)
    if at <= end:
        holes.append((at, end))
    return holes
