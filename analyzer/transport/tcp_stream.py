"""One direction of a TCP connection put back in order (RFC 9293 section 3.4 and 3.10.7.4), seen from between the ends.

In-order segments seldom come here: `TcpTable.receive` and `receive_run` deal with them, by the same slots. What comes
here is held, cut and joined by stream offset, so that sequence numbers may wrap. The first copy of an octet to arrive
wins. A hole is waited for until the other end has acknowledged beyond it (the octets reached it and the capture missed
them) and some time has gone by, or until the limits below are met.

Where SYN was not seen (yet), the first octets are held for the same time, and offset 0 is the lowest of them; until it
is settled, offsets count from `UNSETTLED`.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from analyzer.transport.tcp_events import Gap, Piece, TcpEvent
from analyzer.transport.tcp_marks import FrameMarks

if TYPE_CHECKING:
    from analyzer.transport.flow import Flow
    from analyzer.transport.tcp_connection import TcpConnection

SEQUENCE_MASK = 0xFFFFFFFF
WINDOW = 1 << 26
"Octets around the expected sequence number that count as the same stream; beyond it a segment is strange."
STRANGE_LIMIT = 4
"So many strange segments in a row, and the stream is taken up where they are."

UNSETTLED = 1 << 33
"Offset of the first segment seen while it is not known where the stream starts: above 0 whatever comes before it."

HOLE_TIME = 20_000_000
"ns that an acknowledged hole is waited for: packets of a capture may be shuffled by some milliseconds."
HOLE_SEGMENTS = 64
"Segments held behind an acknowledged hole before it is declared all the same."
ONE_WAY_TIME = 1_000_000_000
"ns that a hole is waited for when the capture holds no acknowledgment at all of this direction."
HELD_OCTETS = 1 << 20
HELD_SEGMENTS = 2048

Held = tuple[int, int, int, int, bytes]
"start and end offset, frame, time, payload (shorter than end - start when the snaplen cut it)."


class TcpStream(FrameMarks):
    """One direction: its position, what it holds, the frames of its octets, and its figures."""

    __slots__ = (
        "acks",
        "connection",
        "differing_overlaps",
        "direction",
        "end_frame",
        "end_offset",
        "end_time",
        "finished",
        "flow",
        "gap_octets",
        "gaps",
        "held",
        "held_octets",
        "index",
        "initial_seq",
        "keep_alives",
        "midstream",
        "next_seq",
        "offset",
        "out_of_order",
        "packets",
        "peer",
        "quick",
        "reached",
        "retransmissions",
        "segments",
        "strange",
        "strange_offset",
        "strange_seq",
        "strange_streak",
        "syn_frames",
        "syn_time",
        "time",
        "unsettled",
    )

    peer: TcpStream

    def __init__(self, connection: TcpConnection, direction: int, flow: Flow) -> None:
        super().__init__()
        self.connection = connection
        self.direction = direction
        "0 from the initiator, 1 from the responder, as far as is known by now."
        self.index = direction
        "The same as first guessed; it does not change when the guess turns out to be wrong."
        self.flow = flow
        self.next_seq = -1
        "Sequence number expected next; -1 as long as the stream is not synchronised."
        self.offset = 0
        "Stream offset of `next_seq`."
        self.quick = False
        "In-order segments need no look at the connection: nothing held, nothing ending on either side."
        self.acks = -1
        "Its own latest acknowledgment number, which is about the stream of the other side; -1 before any."
        self.reached = -1
        "The furthest sequence number of its packets without octets, where that lay ahead of what was captured."
        self.time = 0
        "Time of the latest packet of this direction, ns."
        self.initial_seq = -1
        self.unsettled = False
        "Octets were seen but not the SYN, and they are too fresh to tell which is the first."
        self.midstream = True
        "The start of the stream was not seen: offset 0 is the first octet captured."
        self.finished = False
        "FIN came and everything before it was handed out."
        self.end_offset = -1
        "Stream offset at which FIN stands; -1 before it was seen."
        self.end_frame = 0
        self.end_time = 0
        self.syn_frames: list[int] = []
        "Frames of the SYN or SYN-ACK and of its repetitions, 16 at most."
        self.syn_time = 0
        "Time of the latest of them."
        self.held: list[Held] = []
        self.held_octets = 0
        self.packets = 0
        self.segments = 0
        "Segments with payload, repetitions included."
        self.retransmissions = 0
        "Segments of which at least a part had come before."
        self.out_of_order = 0
        "Segments that came after a later one and filled (a part of) a hole."
        self.keep_alives = 0
        self.gaps = 0
        self.gap_octets = 0
        self.differing_overlaps = 0
        "Segments whose octets differ from the copy that came first, as far as that copy was still held."
        self.strange = 0
        "Segments far outside the window, or behind FIN; not used."
        self.strange_seq = -1
        self.strange_offset = -1
        self.strange_streak = 0

    @property
    def octets(self) -> int:
        """Payload octets handed out."""
        return 0 if self.unsettled else self.offset - self.gap_octets

    @property
    def first_seq(self) -> int:
        """Sequence number of its first octet: seen or, where it sent none, acknowledged; -1 where neither is."""
        if self.next_seq < 0:
            return self.peer.acks
        start = self._lowest() if self.unsettled else 0
        return self.next_seq - self.offset + start - self.finished & SEQUENCE_MASK

    @property
    def unseen(self) -> int:
        """Octets at its end that were sent, as either end's numbers tell, and are not captured; a FIN counts 1."""
        if self.next_seq < 0:
            return 0
        ahead = [self.distance(seq) for seq in (self.reached, self.peer.acks) if seq >= 0]
        return max((size for size in ahead if 0 < size <= WINDOW), default=0)

    @property
    def syn_retransmissions(self) -> int:
        """How often the SYN (or SYN-ACK) was repeated; at most 15 are counted."""
        return max(0, len(self.syn_frames) - 1)

    # ------------------------------------------------------------------ segments

    def synchronise(self, seq: int, events: list[TcpEvent]) -> None:
        """Take `seq` for the octet at offset 0, as SYN tells it, and hand out what was held for want of it."""
        if self.next_seq < 0:
            self.next_seq = seq & SEQUENCE_MASK
            self.midstream = False
        elif self.unsettled:
            start = self.offset + self.distance(seq)
            self._settle(start if start <= self._lowest() else self._lowest(), events)
            self.midstream = False
        elif (self.next_seq - self.offset - seq) & SEQUENCE_MASK == 0:
            self.midstream = False

    def _lowest(self) -> int:
        return self.held[0][0] if self.held else self.end_offset

    def _settle(self, start: int, events: list[TcpEvent]) -> None:
        """Let offset `start` be 0 from now on."""
        self.unsettled = False
        self.next_seq = (self.next_seq + start - self.offset) & SEQUENCE_MASK
        self.offset = 0
        self.held = [(first - start, last - start, *rest) for first, last, *rest in self.held]  # type: ignore[misc]
        if self.end_offset >= 0:
            self.end_offset = max(self.end_offset - start, 0)
        self._drain(events)

    def distance(self, seq: int) -> int:
        """Return how far `seq` lies ahead of the expected sequence number, negative when behind (modulo 2^32)."""
        ahead = (seq - self.next_seq) & SEQUENCE_MASK
        return ahead - 0x100000000 if ahead >= 0x80000000 else ahead

    def receive_segment(
        self, frame: int, time: int, seq: int, payload: bytes, missing: int, fin: bool, events: list[TcpEvent]
    ) -> None:
        """Take a segment with payload or FIN; append to `events` what is in order with it."""
        size = len(payload) + missing
        self.segments += size > 0
        if self.next_seq < 0:
            if size == 1 and payload in (b"", b"\0") and not fin:
                self.keep_alives += 1  # RFC 9293 section 3.8.4: one garbage octet below the stream
                return
            self.next_seq = seq
            self.offset = UNSETTLED
            self.unsettled = True
        ahead = self.distance(seq)
        if not -WINDOW <= ahead <= WINDOW:
            if not self._is_new_position(seq, size):
                return
            ahead = self._resume(frame, time, seq, events)
        self.strange_streak = 0
        start = self.offset + ahead
        end = start + size
        if self.finished:  # the sequence number of FIN itself counts as one octet
            self._receive_after_end(size, ahead)
            return
        if 0 <= self.end_offset <= start and size:
            self.strange += 1
            return
        if fin and self.end_offset < 0:
            self.end_offset, self.end_frame, self.end_time = end, frame, time
            if not self.unsettled:
                self.end_offset = max(end, self.offset)
        if size == 0:
            return
        if self.unsettled:
            self._insert(start, end, frame, time, payload, count=True)
            return
        if end <= self.offset:
            if ahead == -1 and size == 1:
                self.keep_alives += 1
            else:
                self.retransmissions += 1
            return
        if ahead < 0:
            self.retransmissions += 1
            payload = payload[-ahead:]
            start = self.offset
        if self.held:
            self._insert(start, end, frame, time, payload, count=ahead >= 0)
            self._drain(events)
        elif ahead <= 0:
            self._deliver(start, end, frame, time, payload, events)
        else:
            self.held.append((start, end, frame, time, payload))
            self.held_octets = len(payload)

    def _receive_after_end(self, size: int, ahead: int) -> None:
        if size == 0:
            return
        if ahead + size <= 0:
            self.retransmissions += 1
        elif ahead == -1 and size == 1:
            self.keep_alives += 1
        else:
            self.strange += 1

    def _is_new_position(self, seq: int, size: int) -> bool:
        """Tell whether strange segments follow each other so well that the stream itself must be there."""
        self.strange += 1
        if not size:
            return False
        follows = (seq - self.strange_seq) & SEQUENCE_MASK <= WINDOW and self.strange_offset == self.offset
        self.strange_streak = self.strange_streak + 1 if follows else 1
        self.strange_seq, self.strange_offset = seq, self.offset
        return self.strange_streak >= STRANGE_LIMIT

    def _resume(self, frame: int, time: int, seq: int, events: list[TcpEvent]) -> int:
        """Take the stream up at `seq`; what was in between is a gap (of unknown size, 0, if `seq` lies behind)."""
        self.flush(events)
        ahead = max(self.distance(seq), 0)
        self._lose(ahead, frame, time, events)
        self.next_seq = seq
        return 0

    def _insert(self, start: int, end: int, frame: int, time: int, payload: bytes, *, count: bool) -> None:
        """Hold the parts of a segment that no held segment covers yet."""
        held = self.held
        base = start
        index = bisect_left(held, (start,))
        if index and held[index - 1][1] > start:
            index -= 1
        behind_later = bool(held) and start < held[-1][0]
        fresh: list[Held] = []
        overlaps = differs = False
        stop = index
        while stop < len(held) and held[stop][0] < end:
            first, last, _, _, octets = held[stop]
            overlaps = True
            low, high = max(first, start), min(last, end)
            theirs, ours = octets[low - first : high - first], payload[low - base : high - base]
            shared = min(len(theirs), len(ours))
            differs |= theirs[:shared] != ours[:shared]
            if start < first:
                fresh.append((start, first, frame, time, payload[start - base : first - base]))
            start = max(start, last)
            stop += 1
        if start < end:
            fresh.append((start, end, frame, time, payload[start - base : end - base]))
        self.differing_overlaps += differs
        self.retransmissions += overlaps and count
        self.out_of_order += behind_later and bool(fresh)
        if fresh:
            self.held_octets += sum(len(part[4]) for part in fresh)
            if overlaps:
                held[index:stop] = sorted([*held[index:stop], *fresh])
            else:
                held[index:index] = fresh

    def _drain(self, events: list[TcpEvent]) -> None:
        held = self.held
        count = 0
        while count < len(held) and held[count][0] == self.offset:
            start, end, frame, time, payload = held[count]
            self.held_octets -= len(payload)
            self._deliver(start, end, frame, time, payload, events)
            count += 1
        del held[:count]

    def _deliver(self, start: int, end: int, frame: int, time: int, payload: bytes, events: list[TcpEvent]) -> None:
        if self.end_offset >= 0 and end > self.end_offset:  # octets behind FIN are none of the stream
            end = max(self.end_offset, start)
            payload = payload[: end - start]
        size = len(payload)
        if size:
            if self.released < start:
                self.keep_mark()
            self.mark_start, self.mark_frame, self.mark_time = start, frame, time
            events.append(Piece(self, start, payload, frame, time))
        self.offset = start + size
        self.next_seq = (self.next_seq + size) & SEQUENCE_MASK
        if end - start > size:
            self._lose(end - start - size, frame, time, events)

    def _lose(self, size: int, frame: int, time: int, events: list[TcpEvent]) -> None:
        events.append(Gap(self, self.offset, size, frame, time))
        self.gaps += 1
        self.gap_octets += size
        self.offset += size
        self.next_seq = (self.next_seq + size) & SEQUENCE_MASK

    # ------------------------------------------------------------------ holes

    @property
    def has_hole(self) -> bool:
        """True while something is waited for: held segments, or FIN, stand behind octets not yet seen."""
        return bool(self.held) or self.end_offset > self.offset or (self.unsettled and self.end_offset >= 0)

    def check_holes(self, now: int, *, ending: bool, events: list[TcpEvent]) -> None:
        """Declare the holes that need not be waited for any longer; `ending`: RST was seen."""
        while self.has_hole and self._is_lost(now, ending):
            self.skip_hole(events)

    def _is_lost(self, now: int, ending: bool) -> bool:
        held = self.held
        if len(held) > HELD_SEGMENTS or self.held_octets > HELD_OCTETS:
            return True
        if self.unsettled:
            first = min((segment[3] for segment in held), default=self.end_time)
            return now - first >= HOLE_TIME or len(held) >= HOLE_SEGMENTS
        start, time = (held[0][0], held[0][3]) if held else (self.end_offset, self.end_time)
        age = now - time
        acked = self.peer.acks
        if acked < 0:
            return age >= ONE_WAY_TIME or (ending and age >= HOLE_TIME)
        if not ending and not start - self.offset <= self.distance(acked) <= WINDOW + HELD_OCTETS:
            return False
        return age >= HOLE_TIME or len(held) >= HOLE_SEGMENTS

    def skip_hole(self, events: list[TcpEvent]) -> None:
        """Give up the first hole and hand out what stands behind it."""
        if self.unsettled:
            self._settle(self._lowest(), events)
        elif self.held:
            start, _, frame, time, _ = self.held[0]
            self._lose(start - self.offset, frame, time, events)
            self._drain(events)
        elif self.end_offset > self.offset:
            self._lose(self.end_offset - self.offset, self.end_frame, self.end_time, events)

    def flush(self, events: list[TcpEvent]) -> None:
        """Give up every hole: nothing more will come."""
        while self.has_hole:
            self.skip_hole(events)
