"""IP fragments put together again: IPv4 (RFC 791 section 3.2, RFC 815), IPv6 (RFC 8200 section 4.5, RFC 5722).

Fragments are the rare case, so they come one by one. What is whole goes back to the walk as an IP packet with a
header of its own, and meets whatever it holds there (UDP, TCP, a tunnel, fragments again).

An identification comes again after seconds on a busy path, and with a fragment lost the pieces of two datagrams fit
each other. So a UDP or TCP checksum that is wrong over the whole is not believed: the pieces wait for others, and the
latest ones are tried first. But where no checksum of the capture is right (a tool that rewrote addresses), only pieces
that lie far apart in time, or have rivals, are doubted.
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
DOUBTFUL_SPAN = 1_000_000_000
"""Nanoseconds between the first and the last piece from which a wrong checksum alone is enough to doubt them."""
REJECTED_LIMIT = 16
"""Pieces that contradict a datagram in the making and may be another's, at most."""

INCOMPLETE = "ip fragment incomplete"
EVICTED = "ip fragment evicted"
OVERLAP = "ip fragment overlap"
MALFORMED = "malformed header"
DUPLICATE = "duplicate"
WRONG = "ip fragments whose checksum is wrong together"
TCP, UDP = 6, 17

Key = tuple[int, bytes, int, int]
"""IP version, source and destination address as in the header, identification; protocol (IPv6: 0, RFC 8200 4.5)."""


class Whole(NamedTuple):
    """A datagram of which every octet is there."""

    packet: bytes
    "An IP packet: header without fragmentation, then the payload."
    frames: tuple[int, ...]
    "All frames it came in, ascending."


class _Piece(NamedTuple):
    """A fragment as it came."""

    time: int
    frames: tuple[int, ...]
    header: bytes
    offset: int
    more: bool
    payload: bytes


class _Datagram:
    """One datagram in the making. `spans` are the stretches held, disjoint, never touching, ascending."""

    __slots__ = ("ends", "frames", "header", "octets", "pieces", "rejected", "size", "starts", "time", "wrong")

    def __init__(self, time: int) -> None:
        self.time = time
        self.octets = bytearray()
        self.starts: list[int] = []
        self.ends: list[int] = []
        self.size = -1
        "Octets of the whole payload; -1 until the last fragment told."
        self.header = b""
        self.frames: list[int] = []
        self.pieces: list[_Piece] = []
        "What `octets` is made of."
        self.rejected: list[_Piece] = []
        "What contradicts it, and may be of another datagram with the same identification."
        self.wrong = False
        "All is there, with a wrong checksum."

    @property
    def is_whole(self) -> bool:
        return len(self.starts) == 1 and not self.starts[0] and self.ends[0] == self.size

    @property
    def weight(self) -> int:
        """Octets held."""
        return len(self.octets) + sum(len(piece.payload) for piece in self.rejected)

    def take(self, piece: _Piece) -> bool:
        """Add a piece and what it tells; tell whether octets met others."""
        overlap = self.add(piece.offset, piece.payload)
        self.frames += piece.frames
        self.pieces.append(piece)
        if not piece.more and self.size < 0:
            self.size = piece.offset + len(piece.payload)
        if not piece.offset:
            self.header = piece.header
        return overlap

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

    __slots__ = ("_finished", "_octets", "_open", "_right", "account")

    def __init__(self) -> None:
        self._open: dict[Key, _Datagram] = {}
        self._finished: dict[Key, _Datagram] = {}
        "Complete ones, kept for a moment to know a mirror port's copies by; oldest first."
        self._octets = 0
        self._right = False
        "A checksum over a whole datagram was right: those of this capture tell something."
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
        piece = _Piece(time, frames, header, offset, more, payload)
        if key[0] == 4 and found.covers(offset, payload):
            return self._contest(key, found, piece)
        before = len(found.octets)
        overlap = found.take(piece)
        self._octets += len(found.octets) - before
        contradicts = 0 <= found.size < len(found.octets) or (not more and found.size != end)
        if contradicts or (overlap and key[0] == 6):  # RFC 5722 section 3: all of it is discarded
            self._forget(key, OVERLAP)
            return None
        whole = self._complete(key, found, time) if found.is_whole else None
        while self._finished and self._octets > OCTET_LIMIT:
            self._drop_copy(next(iter(self._finished)))
        while len(self._open) > DATAGRAM_LIMIT or self._octets > OCTET_LIMIT:
            self._forget(next(iter(self._open)), EVICTED)
        return whole

    def _contest(self, key: Key, found: _Datagram, piece: _Piece) -> Whole | None:
        """Take a piece whose place is taken by other octets: it adds nothing, but may be another datagram's."""
        if any((each.offset, each.payload) == (piece.offset, piece.payload) for each in found.rejected):
            self.account[DUPLICATE] += len(piece.frames)
        elif key[3] not in (TCP, UDP) or len(found.rejected) >= REJECTED_LIMIT:
            self.account[OVERLAP] += len(piece.frames)
        else:
            found.rejected.append(piece)
            self._octets += len(piece.payload)
            return self._latest(key, found, piece.time)
        return None

    def _complete(self, key: Key, found: _Datagram, time: int) -> Whole | None:
        """Every octet is there; are they of one datagram?"""
        right = checksum_is_right(key[0], found.header, found.octets)
        if right is False and (self._right or found.rejected or time - found.time >= DOUBTFUL_SPAN):
            found.wrong = True
            return self._latest(key, found, time)
        self._right = self._right or right is True
        return self._finish(key, found, found, time)

    def _latest(self, key: Key, found: _Datagram, time: int) -> Whole | None:
        """What the latest pieces make, where their checksum is right."""
        made = _Datagram(time)
        for piece in sorted((*found.pieces, *found.rejected), key=lambda each: each.frames, reverse=True):
            if not _meets(made, piece):
                made.take(piece)
        if not made.is_whole or checksum_is_right(key[0], made.header, made.octets) is not True:
            return None
        self._right = True
        return self._finish(key, found, made, time)

    def _finish(self, key: Key, found: _Datagram, made: _Datagram, time: int) -> Whole:
        """Hand out what was made of a datagram; the pieces that are none of it are another's, and wait."""
        used = {id(piece) for piece in made.pieces}
        rest = [piece for piece in (*found.pieces, *found.rejected) if id(piece) not in used]
        self._octets -= found.weight
        del self._open[key]
        if key in self._finished:
            self._drop_copy(key)
        made.time, made.pieces, made.rejected = time, [], []
        self._finished[key] = made
        self._octets += made.weight
        if rest:
            self._open[key] = again = _Datagram(min(piece.time for piece in rest))
            for piece in rest:
                if _meets(again, piece):
                    self.account[OVERLAP] += len(piece.frames)
                else:
                    again.take(piece)
            self._octets += again.weight
        return Whole(_packet(key[0], made.header, made.octets), tuple(sorted(made.frames)))

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
        self._octets -= datagram.weight
        reason = WRONG if datagram.wrong and reason == INCOMPLETE else reason
        self.account[reason] += len(datagram.frames) + sum(len(piece.frames) for piece in datagram.rejected)


def _meets(datagram: _Datagram, piece: _Piece) -> bool:
    """Is an octet of this piece there already, or beyond the end?"""
    end = piece.offset + len(piece.payload)
    if datagram.size >= 0 and (end > datagram.size or not piece.more):
        return True
    at = bisect_right(datagram.ends, piece.offset)
    return at < len(datagram.ends) and datagram.starts[at] < end


def checksum_is_right(version: int, header: bytes, payload: bytes | bytearray) -> bool | None:
    """Is the checksum of UDP (RFC 768) or TCP (RFC 9293 section 3.1) that of the datagram; None where none tells."""
    protocol = header[9] if version == 4 else header[6]
    size = len(payload)
    if protocol == UDP and size >= 8:
        length = int.from_bytes(payload[4:6], "big")
        if length > size:
            return False
        size = length if length >= 8 else size
        if payload[6:8] == b"\0\0":
            return None
    elif protocol != TCP or size < 20:
        return None
    addresses = header[12:20] if version == 4 else header[8:40]
    covered = bytes(payload[:size])
    # the sum of 16-bit words in one's complement is the number they make, modulo 2^16 - 1
    words = int.from_bytes(addresses + covered + bytes(size & 1), "big") + protocol + size
    return words % 0xFFFF == 0


def _packet(version: int, header: bytes, payload: bytearray) -> bytes:
    """The datagram as one packet; an IPv4 length that does not fit its field is 0, which reads as 'to the end'."""
    if version == 4:
        total = len(header) + len(payload)
        length = (total if total <= LARGEST else 0).to_bytes(2, "big")
        return header[:2] + length + header[4:6] + bytes(2) + header[8:] + payload
    return header[:4] + len(payload).to_bytes(2, "big") + header[6:40] + payload
