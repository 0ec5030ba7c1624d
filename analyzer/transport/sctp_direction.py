"""One direction of an SCTP association: which TSNs came, and the order within streams (RFC 9260 section 6)."""

from __future__ import annotations

from dataclasses import dataclass

from analyzer.transport.sctp_chunks import Fragment
from analyzer.transport.sctp_fragments import Fragments

TSN_MASK = 0xFFFFFFFF
NEAR = 1 << 16
"TSNs around the highest one that can belong to the same association at the same time."
EARLY = 64
"TSNs below the first one seen that are still taken: the start may be shuffled."
AHEAD = 4096
"TSNs remembered beyond a missing one."

HOLD_ACKNOWLEDGED = 20_000_000
"ns that a message waits for an earlier one of its stream when the receiver has acknowledged both."
HOLD = 3_000_000_000
"ns that it waits otherwise; a retransmission takes RTO.Min = 1 s and more (section 16)."
STREAMS = 4096
"Streams that are kept in order; messages of more are handed out as they come."
HELD_MESSAGES = 256
HELD_OCTETS = 1 << 20


@dataclass(slots=True, eq=False)
class Message:
    """All fragments of a user message, first to last."""

    fragments: list[Fragment]


class Stream:
    """Ordered messages of one stream."""

    __slots__ = ("expected", "held")

    def __init__(self) -> None:
        self.expected = -1
        "Stream sequence number (message identifier) that comes next; -1 before the first."
        self.held: dict[int, Message] = {}


class Direction:
    """TSNs seen, fragments, streams, and figures of one direction."""

    __slots__ = (
        "_ahead",
        "_early",
        "_first",
        "_held_count",
        "_held_octets",
        "_upto",
        "acknowledged",
        "aliases",
        "fragments",
        "missing",
        "out_of_order",
        "ports",
        "restarts",
        "streams",
        "tag",
    )

    def __init__(self, ports: int, tag: int) -> None:
        self.ports = ports
        self.tag = tag
        self.aliases: list[tuple[int, int, int]] = []
        "Addresses, ports and tag under which its packets came."
        self.fragments = Fragments()
        self.streams: dict[tuple[int, bool], Stream] = {}
        self.acknowledged = -1
        "Cumulative TSN that the other side acknowledged last; -1 before any."
        self.missing = 0
        "Messages that others of their stream waited for in vain."
        self.out_of_order = 0
        self.restarts = 0
        self._first = -1
        self._upto = -1
        self._ahead: set[int] = set()
        self._early: set[int] = set()
        self._held_count = 0
        self._held_octets = 0

    @property
    def holds(self) -> bool:
        """True while messages wait for earlier ones."""
        return self._held_count > 0

    def is_near(self, tsn: int) -> bool:
        """Tell whether a TSN can belong to this association now."""
        return abs(_signed(tsn - self._upto)) < NEAR

    def acknowledge(self, tsn: int) -> None:
        """Note the cumulative TSN of a SACK from the other side."""
        if self.is_near(tsn) and (self.acknowledged < 0 or _signed(tsn - self.acknowledged) > 0):
            self.acknowledged = tsn

    def receive(self, fragment: Fragment, ready: list[Message]) -> bool:
        """Take a DATA chunk, append the messages that are ready with it; return False when it is a duplicate."""
        if not self._is_new(fragment.tsn, ready):
            return False
        if fragment.begin and fragment.end:
            self._complete(Message([fragment]), ready)
        elif joined := self.fragments.add(fragment):
            self._complete(Message(joined), ready)
        return True

    def _is_new(self, tsn: int, ready: list[Message]) -> bool:
        if self._upto < 0:
            self._first = self._upto = tsn
            return True
        step = _signed(tsn - self._upto)
        if step == 1:
            self._upto = tsn
            self._advance()
            return True
        if abs(step) >= NEAR:  # another association with the same tag, or much was lost
            self.flush(ready)
            self.restarts += 1
            self.streams.clear()
            self._ahead.clear()
            self._early.clear()
            self._first = self._upto = tsn
            self.acknowledged = -1
            return True
        if step > 1:
            if tsn in self._ahead:
                return False
            self._ahead.add(tsn)
            if len(self._ahead) > AHEAD:
                self._upto = min(self._ahead, key=lambda each: _signed(each - self._upto))
                self._ahead.discard(self._upto)
                self._advance()
            return True
        if -EARLY <= _signed(tsn - self._first) < 0 and tsn not in self._early:
            self._early.add(tsn)
            return True
        return False

    def _advance(self) -> None:
        ahead = self._ahead
        while ahead and (following := (self._upto + 1) & TSN_MASK) in ahead:
            ahead.discard(following)
            self._upto = following

    # ------------------------------------------------------------------ order within streams

    def _complete(self, message: Message, ready: list[Message]) -> None:
        first = message.fragments[0]
        if not first.ordered:
            ready.append(message)
            return
        key = (first.stream, first.interleaved)
        stream = self.streams.get(key)
        if stream is None:
            if len(self.streams) >= STREAMS:
                ready.append(message)
                return
            stream = self.streams[key] = Stream()
        mask = TSN_MASK if first.interleaved else 0xFFFF
        sequence = first.sequence
        if stream.expected < 0:
            stream.expected = sequence
        step = (sequence - stream.expected) & mask
        if step == 0:
            stream.expected = (sequence + 1) & mask
            ready.append(message)
            if stream.held:
                self._drain(stream, mask, ready)
        elif step > mask >> 1 or sequence in stream.held:
            self.out_of_order += 1
            ready.append(message)
        else:
            stream.held[sequence] = message
            self._held_count += 1
            self._held_octets += _size(message)
            while self._held_count > HELD_MESSAGES or self._held_octets > HELD_OCTETS:
                self._skip(max(self.streams.items(), key=lambda item: len(item[1].held)), ready)

    def _drain(self, stream: Stream, mask: int, ready: list[Message]) -> None:
        while (message := stream.held.pop(stream.expected, None)) is not None:
            self._held_count -= 1
            self._held_octets -= _size(message)
            self.out_of_order += 1
            stream.expected = (stream.expected + 1) & mask
            ready.append(message)

    def _skip(self, item: tuple[tuple[int, bool], Stream], ready: list[Message]) -> None:
        """Give up the messages that the first held one of this stream waits for."""
        (_, interleaved), stream = item
        mask = TSN_MASK if interleaved else 0xFFFF
        nearest = min(stream.held, key=lambda sequence: (sequence - stream.expected) & mask)
        self.missing += (nearest - stream.expected) & mask
        stream.expected = nearest
        self._drain(stream, mask, ready)

    def check(self, now: int, ready: list[Message]) -> None:
        """Hand out the messages that have waited long enough at capture time `now`."""
        for item in self.streams.items():
            stream = item[1]
            while stream.held and self._is_due(stream, now):
                self._skip(item, ready)

    def _is_due(self, stream: Stream, now: int) -> bool:
        for message in stream.held.values():
            last = message.fragments[-1]
            age = now - max(each.time for each in message.fragments)
            if age >= HOLD:
                return True
            if age >= HOLD_ACKNOWLEDGED and self.acknowledged >= 0 and _signed(self.acknowledged - last.tsn) >= 0:
                return True
        return False

    def flush(self, ready: list[Message]) -> None:
        """Hand out all that is held."""
        for item in self.streams.items():
            while item[1].held:
                self._skip(item, ready)


def _signed(difference: int) -> int:
    """Serial number arithmetic (RFC 9260 section 1.6)."""
    difference &= TSN_MASK
    return difference - 0x100000000 if difference > 0x7FFFFFFF else difference


def _size(message: Message) -> int:
    return sum(len(fragment.payload) for fragment in message.fragments)
