"""One direction of an SCTP association: fragments joined, and the order within streams (RFC 9260 section 6)."""

from __future__ import annotations

from dataclasses import dataclass

from analyzer.transport.sctp_arrivals import TSN_MASK, Arrival, Arrivals, signed
from analyzer.transport.sctp_chunks import Fragment
from analyzer.transport.sctp_fragments import Fragments

HOLD_ACKNOWLEDGED = 20_000_000
"ns that a message waits for an earlier one of its stream when the receiver has acknowledged both."
HOLD = 3_000_000_000
"ns that it waits otherwise; a retransmission takes RTO.Min = 1 s and more (section 16)."
STREAMS = 4096
"Streams that are kept in order; messages of more are handed out as they come."
HELD_MESSAGES = 256
"Messages of all streams that wait at the same time; so no more streams than these have any."
HELD_OCTETS = 1 << 20

StreamKey = tuple[int, bool]
"""Stream identifier; I-DATA counts by itself."""


@dataclass(slots=True, eq=False)
class Message:
    """All fragments of a user message, first to last."""

    fragments: list[Fragment]
    time: int = 0
    "When the last of its fragments came, ns."


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
        "_held_count",
        "_held_octets",
        "_waiting",
        "acknowledged",
        "aliases",
        "arrivals",
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
        self.arrivals = Arrivals()
        self.fragments = Fragments()
        self.streams: dict[StreamKey, Stream] = {}
        self.acknowledged = -1
        "Cumulative TSN that the other side acknowledged last; -1 before any."
        self.missing = 0
        "Messages that others of their stream waited for in vain."
        self.out_of_order = 0
        self.restarts = 0
        self._waiting: dict[StreamKey, Stream] = {}
        "The streams that hold messages."
        self._held_count = 0
        self._held_octets = 0

    @property
    def holds(self) -> bool:
        """True while messages wait for earlier ones."""
        return self._held_count > 0

    def is_near(self, tsn: int) -> bool:
        """Tell whether a TSN can belong to this association now."""
        return self.arrivals.is_near(tsn)

    def acknowledge(self, tsn: int) -> None:
        """Note the cumulative TSN of a SACK from the other side."""
        if self.is_near(tsn) and (self.acknowledged < 0 or signed(tsn - self.acknowledged) > 0):
            self.acknowledged = tsn

    def receive(self, fragment: Fragment, ready: list[Message]) -> bool:
        """Take a DATA chunk, append the messages that are ready with it; return False when it is a duplicate."""
        arrival = self.arrivals.receive(fragment.tsn)
        if arrival is Arrival.DUPLICATE:
            return False
        if arrival is Arrival.RESTART:
            self._restart(ready)
        if fragment.begin and fragment.end:
            self._complete(Message([fragment], fragment.time), ready)
        elif joined := self.fragments.add(fragment):
            self._complete(Message(joined, max(each.time for each in joined)), ready)
        return True

    def _restart(self, ready: list[Message]) -> None:
        self.flush(ready)
        self.restarts += 1
        self.streams.clear()
        self.acknowledged = -1

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
                self._drain(key, mask, ready)
        elif step > mask >> 1 or sequence in stream.held:
            self.out_of_order += 1
            ready.append(message)
        else:
            stream.held[sequence] = message
            self._waiting[key] = stream
            self._held_count += 1
            self._held_octets += _size(message)
            while self._held_count > HELD_MESSAGES or self._held_octets > HELD_OCTETS:
                self._skip(max(self._waiting, key=lambda each: len(self._waiting[each].held)), ready)

    def _drain(self, key: StreamKey, mask: int, ready: list[Message]) -> None:
        stream = self.streams[key]
        while (message := stream.held.pop(stream.expected, None)) is not None:
            self._held_count -= 1
            self._held_octets -= _size(message)
            self.out_of_order += 1
            stream.expected = (stream.expected + 1) & mask
            ready.append(message)
        if not stream.held:
            self._waiting.pop(key, None)

    def _skip(self, key: StreamKey, ready: list[Message]) -> None:
        """Give up the messages that the first held one of this stream waits for."""
        stream = self.streams[key]
        mask = TSN_MASK if key[1] else 0xFFFF
        nearest = min(stream.held, key=lambda sequence: (sequence - stream.expected) & mask)
        self.missing += (nearest - stream.expected) & mask
        stream.expected = nearest
        self._drain(key, mask, ready)

    def check(self, now: int, ready: list[Message]) -> None:
        """Hand out the messages that have waited long enough at capture time `now`."""
        for key, stream in list(self._waiting.items()):
            while stream.held and self._is_due(stream, now):
                self._skip(key, ready)

    def _is_due(self, stream: Stream, now: int) -> bool:
        for message in stream.held.values():
            age = now - message.time
            if age >= HOLD:
                return True
            last = message.fragments[-1].tsn
            if age >= HOLD_ACKNOWLEDGED and self.acknowledged >= 0 and signed(self.acknowledged - last) >= 0:
                return True
        return False

    def flush(self, ready: list[Message]) -> None:
        """Hand out all that is held."""
        for key, stream in self.streams.items():
            while stream.held:
                self._skip(key, ready)


def _size(message: Message) -> int:
    return sum(len(fragment.payload) for fragment in message.fragments)
