"""IP fragments put together again: IPv4 (RFC 791 section 3.2, RFC 815), IPv6 (RFC 8200 section 4.5, RFC 5722).

Fragments are the rare case, so they come one by one. What is whole goes back to the walk as an IP packet with a
header of its own, and meets whatever it holds there (UDP, TCP, a tunnel, fragments again).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from typing import NamedTuple

TIMEOUT = 30_000_000_000
"""Nanoseconds of capture time that the first fragment waits for the last (RFC 1122 section 3.3.2: 60 to 120 s)."""
COPY_WINDOW = 20_000_000
"""Nanoseconds within which a fragment of a finished datagram is a mirror port's copy, and not a new datagram's."""
DATAGRAM_LIMIT = 4096
OCTET_LIMIT = 16 << 20
"""Octets and datagrams held at most; past them the oldest is given up."""
LARGEST = 65535

INCOMPLETE = "ip fragment incomplete"
EVICTED = "ip fragment evicted"
OVERLAP = "ip fragment overlap"
MALFORMED = "malformed header"
DUPLICATE = "duplicate"

Key = tuple[int, bytes, int, int]
"""IP version, source and destination address as in the header, identification; protocol (IPv6: 0, RFC 8200 4.5)."""


class Whole(NamedTuple):
    """A datagram of which every octet is there."""

    packet: bytes
    "An IP packet: header without fragmentation, then the payload."
    frames: tuple[int, ...]
    "All frames it came in, ascending."


class _Datagram:
    """One datagram in the making. `spans` are the stretches held, disjoint, never touching, ascending."""

    __slots__ = ("ends", "frames", "header", "octets", "size", "starts", "time")

    def __init__(self, time: int) -> None:
        self.time = time
        self.octets = bytearray()
        self.starts: list[int] = []
        self.ends: list[int] = []
        self.size = -1
        "Octets of the whole payload; -1 until the last fragment told."
        self.header = b""
        self.frames: list[int] = []

    def covers(self, offset: int, payload: bytes) -> bool:
        """Is every octet there already, whatever it is?"""
        i = bisect_right(self.starts, offset) - 1
        return i >= 0 and offset + len(payload) <= self.ends[i]

    def holds(self, offset: int, payload: bytes) -> bool:
        """Are these very octets there already?"""
        return self.covers(offset, payload) and self.octets.startswith(payload, offset)

    def add(self, offset: int, payload: bytes) -> bool:
        """Fill what is still empty, the first copy of an octet wins; tell whether octets met others."""
        end = offset + len(payload)
        if len(self.octets) == offset and (not offset or (self.starts == [0] and self.ends == [offset])):
            self.octets += payload  # in order, the common case
            self.starts, self.ends = [0], [end]
            return False
        if len(self.octets) < end:
            self.octets.extend(bytes(end - len(self.octets)))
        first = bisect_left(self.ends, offset)  # the first span that touches or follows
        last = bisect_right(self.starts, end)  # the first span that starts beyond
        overlap = False
        at = offset
        for start, stop in zip(self.starts[first:last], self.ends[first:last], strict=True):
            overlap = overlap or (start < end and stop > offset)
            if at < start:
                self.octets[at:start] = payload[at - offset : start - offset]
            at = max(at, stop)
        if at < end:
            self.octets[at:end] = payload[at - offset :]
        if first < last:
            offset = min(offset, self.starts[first])
            end = max(end, self.ends[last - 1])
        self.starts[first:last] = [offset]
        self.ends[first:last] = [end]
        return overlap


class Reassembler:
    """All datagrams in the making, within bounds; `account` counts the packets that were given up, by reason."""

    __slots__ = ("_finished", "_octets", "_open", "account")

    def __init__(self) -> None:
        self._open: dict[Key, _Datagram] = {}
        self._finished: dict[Key, _Datagram] = {}
        "Complete ones, kept for a moment to know a mirror port's copies by; oldest first."
        self._octets = 0
        self.account: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._open)

    def receive(
        self, key: Key, time: int, frames: tuple[int, ...], header: bytes, offset: int, more: bool, payload: bytes
    ) -> Whole | None:
        """Take a fragment; return the datagram that it completes.

        `header` is the IP header up to the payload (IPv6: the fixed 40 octets, with the fragment header's next header);
        that of the first fragment counts.
        """
        end = offset + len(payload)
        if end > LARGEST or not payload or (more and len(payload) & 7):
            self.account[MALFORMED] += len(frames)
            return None
        self._expire(time)
        copied = self._finished.get(key)
        if copied is not None and abs(time - copied.time) <= COPY_WINDOW and copied.holds(offset, payload):
            self.account[DUPLICATE] += len(frames)
            return None
        found = self._open.get(key)
        if found is None:
            found = self._open[key] = _Datagram(time)
        elif found.holds(offset, payload):
            self.account[DUPLICATE] += len(frames)
            return None
        elif key[0] == 4 and found.covers(offset, payload):
            self.account[OVERLAP] += len(frames)  # adds nothing; frames that add something are bounded by octets
            return None
        before = len(found.octets)
        found.frames += frames
        overlap = found.add(offset, payload)
        self._octets += len(found.octets) - before
        if not more and found.size < 0:
            found.size = end
        contradicts = 0 <= found.size < len(found.octets) or (not more and found.size != end)
        if contradicts or (overlap and key[0] == 6):  # RFC 5722 section 3: all of it is discarded
            self._forget(key, OVERLAP)
            return None
        if not offset:
            found.header = header
        whole = None
        if len(found.starts) == 1 and not found.starts[0] and found.ends[0] == found.size:
            whole = Whole(_packet(key[0], found.header, found.octets), tuple(sorted(found.frames)))
            found.time = time
            if copied is not None:
                self._drop_copy(key)
            self._finished[key] = self._open.pop(key)
        while self._finished and self._octets > OCTET_LIMIT:
            self._drop_copy(next(iter(self._finished)))
        while len(self._open) > DATAGRAM_LIMIT or self._octets > OCTET_LIMIT:
            self._forget(next(iter(self._open)), EVICTED)
        return whole

    def flush(self) -> None:
        """Give up all that is unfinished."""
        for key in list(self._open):
            self._forget(key, INCOMPLETE)

    def _expire(self, now: int) -> None:
        while self._finished:
            key = next(iter(self._finished))
            if now - self._finished[key].time <= COPY_WINDOW:
                break
            self._drop_copy(key)
        while self._open:
            key = next(iter(self._open))
            if now - self._open[key].time <= TIMEOUT:
                break
            self._forget(key, INCOMPLETE)

    def _drop_copy(self, key: Key) -> None:
        self._octets -= len(self._finished.pop(key).octets)

    def _forget(self, key: Key, reason: str) -> None:
        datagram = self._open.pop(key)
        self._octets -= len(datagram.octets)
        self.account[reason] += len(datagram.frames)


def _packet(version: int, header: bytes, payload: bytearray) -> bytes:
    """The datagram as one packet; an IPv4 length that does not fit its field is 0, which reads as 'to the end'."""
    if version == 4:
        total = len(header) + len(payload)
        length = (total if total <= LARGEST else 0).to_bytes(2, "big")
        return header[:2] + length + header[4:6] + bytes(2) + header[8:] + payload
    return header[:4] + len(payload).to_bytes(2, "big") + header[6:40] + payload
