"""From stream offsets of TLS back to frames: which packets a record came in, and what plaintext stood in it."""

from __future__ import annotations

from bisect import bisect_right


class Places:
    """Pieces of one direction by their offset, and the frames and times they came with."""

    __slots__ = ("_frames", "_starts", "_times", "end")

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._frames: list[tuple[int, ...]] = []
        self._times: list[int] = []
        self.end = 0

    def add(self, size: int, frames: tuple[int, ...], time: int) -> None:
        """The next `size` octets came in these frames."""
        if size:
            self._starts.append(self.end)
            self._frames.append(frames)
            self._times.append(time)
            self.end += size

    def frames_of(self, start: int, end: int) -> tuple[int, ...]:
        """The frames of the octets from `start` to `end`, in stream order."""
        first, last = self._span(start, end)
        if first == last:
            return self._frames[first] if self._frames else ()
        return tuple(dict.fromkeys(frame for frames in self._frames[first : last + 1] for frame in frames))

    def time_of(self, start: int, end: int) -> int:
        """When the last of these octets was there."""
        if not self._times:
            return 0
        first, last = self._span(start, end)
        return max(self._times[first : last + 1])

    def _span(self, start: int, end: int) -> tuple[int, int]:
        first = max(bisect_right(self._starts, start) - 1, 0)
        return first, max(bisect_right(self._starts, max(end - 1, start)) - 1, first)
