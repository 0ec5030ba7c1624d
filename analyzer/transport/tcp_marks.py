"""Which frame brought which octet of a stream.

The newest mark stands in three slots, because a message most often lies in one segment; those before it stand in three
lists, and only as long as `released` has not passed them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right

MARKS = 32_768
"Marks kept for a reader that never releases."

_NONE: list[int] = []  # shared by all streams that never needed a list; not to be changed


class FrameMarks:
    """Frames and times of the octets of one stream, by stream offset."""

    __slots__ = ("mark_frame", "mark_frames", "mark_start", "mark_starts", "mark_time", "mark_times", "released")

    def __init__(self) -> None:
        self.released = 0
        "Frames of octets below this offset are no longer asked for."
        self.mark_start = 0
        "Stream offset of the newest piece."
        self.mark_frame = 0
        self.mark_time = 0
        self.mark_starts = self.mark_frames = self.mark_times = _NONE

    def frames_of(self, start: int, end: int) -> tuple[int, ...]:
        """Return the frames that brought the octets from `start` to `end`, in stream order, each once."""
        if start >= self.mark_start:
            return (self.mark_frame,)
        first, last = self._mark_range(start, end)
        frames = self.mark_frames[first:last]
        if end > self.mark_start:
            frames.append(self.mark_frame)
        return tuple(dict.fromkeys(frames)) if len(frames) > 1 else tuple(frames)

    def time_of(self, start: int, end: int) -> int:
        """Return when the octets from `start` to `end` were complete: the latest time of their frames, ns."""
        if start >= self.mark_start:
            return self.mark_time
        first, last = self._mark_range(start, end)
        times = self.mark_times[first:last]
        if end > self.mark_start or not times:
            times.append(self.mark_time)
        return max(times)

    def release(self, offset: int) -> None:
        """Say that frames of octets below `offset` are not asked for any more; setting `released` does the same."""
        self.released = offset

    def mark(self, offset: int, frame: int, time: int) -> None:
        """Note the frame that brought the octets from `offset` on."""
        if self.released < offset:
            self.keep_mark()
        self.mark_start, self.mark_frame, self.mark_time = offset, frame, time

    def keep_mark(self) -> None:
        """Move the newest mark to the lists, because octets of its frame, or before it, may still be asked for."""
        if not self.mark_frame:
            return
        starts = self.mark_starts
        released = self.released
        if starts is _NONE:
            starts = self.mark_starts = []
            self.mark_frames, self.mark_times = [], []
        if starts and (released >= self.mark_start or len(starts) >= 64):
            self._drop_marks(released)
        starts.append(self.mark_start)
        self.mark_frames.append(self.mark_frame)
        self.mark_times.append(self.mark_time)

    def _drop_marks(self, released: int) -> None:
        if released >= self.mark_start:
            count = len(self.mark_starts)
        else:
            count = max(bisect_right(self.mark_starts, released) - 1, 0)
            if count < len(self.mark_starts) // 2:  # so that a long message costs a constant per segment
                count = len(self.mark_starts) // 2 if len(self.mark_starts) >= MARKS else 0
        del self.mark_starts[:count], self.mark_frames[:count], self.mark_times[:count]

    def _mark_range(self, start: int, end: int) -> tuple[int, int]:
        first = max(bisect_right(self.mark_starts, start) - 1, 0)
        return first, max(bisect_left(self.mark_starts, end), first + 1)
