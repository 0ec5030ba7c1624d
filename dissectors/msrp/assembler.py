"""Chunks to messages (RFC 4975 sections 5.1 and 7.3.1), sans-IO; facts only.

Chunks may come in any order, overlap, or come twice. Where they overlap the newest octets count. How long a chunk is,
its body says, not its Byte-Range; where the message ends, the chunk flagged `$` says, not the total in Byte-Range.

Memory is bounded: `max_open` messages, `max_kept` octets of chunks in one of them, `max_kept_total` in all, and
`max_intervals` separate stretches in one. A message beyond a limit of octets loses its body and is only counted; beyond
another limit the oldest, or the scattered one, is handed out as it is.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

from dissectors.msrp.intervals import Interval, add_interval, missing_intervals
from dissectors.msrp.message import MsrpMessage


@dataclass(slots=True)
class JoinedMessage:
    """A message as its chunks gave it. Offsets count from 1, intervals include both ends."""

    key: Hashable
    "What the caller, or the assembler, told messages apart by."
    message_id: str
    content_type: str
    size: int
    "Different octets received."
    total: int | None
    "Octets of the whole message, by its `$` chunk; without one by Byte-Range; None when nobody said."
    declared_total: int | None
    "The last total a Byte-Range gave."
    complete: bool
    "A `$` chunk came, and every octet up to its end."
    aborted: bool
    "A chunk flagged `#` came: the sender gave up."
    chunks: int
    holes: list[Interval]
    "What is missing of 1..total; where no total is known, of 1 to the last octet received."
    overlaps: list[Interval]
    "What came more than once."
    body: bytes | None
    "The octets from the first on; None when there are holes in them, when none were sent, or when they were not kept."
    body_kept: bool
    "False when the body was beyond a limit here or in the stream decoder and was only counted."


@dataclass(slots=True)
class _Open:
    message_id: str
    content_type: str = ""
    chunks: int = 0
    ended_at: int | None = None
    declared_total: int | None = None
    aborted: bool = False
    has_body: bool = False
    kept: bool = True
    kept_octets: int = 0
    pieces: list[tuple[int, bytes]] = field(default_factory=list)
    received: list[Interval] = field(default_factory=list)
    overlaps: list[Interval] = field(default_factory=list)


# What one kept piece costs beside its octets: tuple, integer, bytes header.
_PIECE_COST = 128


class MessageAssembler:
    """Joins SEND chunks into messages.

    A message is handed out when it is complete, when it is aborted, when a limit asks for it, or at the end. A chunk
    that comes after that opens a message of its own: a message sent a second time is seen a second time.
    """

    __slots__ = ("_kept_total", "_open", "max_intervals", "max_kept", "max_kept_total", "max_open")

    def __init__(
        self,
        *,
        max_open: int = 1024,
        max_kept: int = 1 << 20,
        max_kept_total: int = 1 << 26,
        max_intervals: int = 1024,
    ) -> None:
        self.max_open = max_open
        self.max_kept = max_kept
        self.max_kept_total = max_kept_total
        self.max_intervals = max_intervals
        self._open: dict[Hashable, _Open] = {}
        self._kept_total = 0

    def receive_chunk(self, chunk: MsrpMessage, key: Hashable = None) -> list[JoinedMessage]:
        """Take one SEND request; returns the messages that ended with it.

        Without `key` chunks belong together that have From-Path, To-Path and Message-ID in common. A message sent over
        several connections, or seen on both sides of a relay, may want another.
        """
        if key is None:
            key = (chunk.from_path, chunk.to_path, chunk.message_id)
        entry = self._open.get(key)
        if entry is None:
            if chunk.flag == "$" and chunk.is_complete:
                return [_whole(chunk, key, self.max_kept)]
            entry = self._open[key] = _Open(chunk.message_id)
        ended = self._add(entry, chunk)
        if ended:
            del self._open[key]
            return [self._close(key, entry)]
        if len(self._open) > self.max_open:
            oldest = next(iter(self._open))
            return [self._close(oldest, self._open.pop(oldest))]
        return []

    def receive_eof(self) -> list[JoinedMessage]:
        """Hand out what is unfinished, oldest first."""
        out = [self._close(key, entry) for key, entry in self._open.items()]
        self._open.clear()
        return out

    def _add(self, entry: _Open, chunk: MsrpMessage) -> bool:
        """Add a chunk; True when the message is to be handed out."""
        entry.chunks += 1
        entry.content_type = entry.content_type or chunk.content_type
        byte_range = chunk.byte_range
        start = 1 if byte_range is None else byte_range.start
        end = start + chunk.body_size - 1
        if byte_range is not None and byte_range.total is not None:
            entry.declared_total = byte_range.total
        if chunk.flag == "$":
            entry.ended_at = end
        elif chunk.flag == "#":
            entry.aborted = True
        for twice in add_interval(entry.received, start, end):
            add_interval(entry.overlaps, *twice)
        if chunk.body_size or chunk.content_type:
            entry.has_body = True
            self._keep(entry, start, chunk)
        if entry.aborted or max(len(entry.received), len(entry.overlaps)) > self.max_intervals:
            return True
        return entry.ended_at is not None and not missing_intervals(entry.received, 1, entry.ended_at)

    def _keep(self, entry: _Open, start: int, chunk: MsrpMessage) -> None:
        if not entry.kept:
            return
        size = chunk.body_size
        if (
            not chunk.body_kept
            or entry.kept_octets + size > self.max_kept
            or self._kept_total + size + _PIECE_COST > self.max_kept_total
        ):
            self._drop(entry)
            entry.kept = False
        elif chunk.body:
            entry.pieces.append((start, chunk.body))
            entry.kept_octets += size
            self._kept_total += size + _PIECE_COST

    def _drop(self, entry: _Open) -> None:
        self._kept_total -= entry.kept_octets + len(entry.pieces) * _PIECE_COST
        entry.kept_octets = 0
        entry.pieces.clear()

    def _close(self, key: Hashable, entry: _Open) -> JoinedMessage:
        received = entry.received
        last = received[-1][1] if received else 0
        total = entry.declared_total if entry.ended_at is None else entry.ended_at
        holes = missing_intervals(received, 1, last if total is None else total)
        body = None
        if entry.kept and entry.has_body and len(received) <= 1 and (not received or received[0][0] <= 1):
            body = _join(entry)
        complete = entry.ended_at is not None and not holes
        size = sum(end - start + 1 for start, end in received)
        self._drop(entry)
        return JoinedMessage(
            key,
            entry.message_id,
            entry.content_type,
            size,
            total,
            entry.declared_total,
            complete,
            entry.aborted,
            entry.chunks,
            holes,
            entry.overlaps,
            body,
            entry.kept,
        )


def _whole(chunk: MsrpMessage, key: Hashable, max_kept: int) -> JoinedMessage:
    kept = chunk.body_kept and chunk.body_size <= max_kept
    byte_range = chunk.byte_range
    return JoinedMessage(
        key,
        chunk.message_id,
        chunk.content_type,
        chunk.body_size,
        chunk.body_size,
        None if byte_range is None else byte_range.total,
        True,
        False,
        1,
        [],
        [],
        chunk.body if kept else None,
        kept,
    )


def _join(entry: _Open) -> bytes:
    """One stretch of octets out of the pieces; the newest counts where they overlap (RFC 4975 section 7.3.1)."""
    pieces = entry.pieces
    if not entry.overlaps:
        return b"".join(body for _, body in sorted(pieces, key=lambda piece: piece[0]))
    (first, last) = entry.received[0]
    octets = bytearray(last - first + 1)
    for start, body in pieces:
        octets[start - first : start - first + len(body)] = body
    return bytes(octets)
