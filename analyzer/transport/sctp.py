"""SCTP messages out of captured packets (RFC 9260): fragments joined, duplicates dropped, streams in order.

    table = SctpTable()
    for message in table.receive(frame, time, addresses, ports, packet):
        ...
    for message in table.flush():
        ...

The verification tag of a packet names its receiver, so ports and tag together name one direction of an association even
when it uses several addresses (multi-homing, section 6.4). Where the tag alone would join strangers, the TSN decides.

A message that was received is never withheld for good: it waits for the one before it in its stream only until the
other side has acknowledged it, or some time has gone by, or too much is held.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from analyzer.transport.flow import FlowKey, reverse_key
from analyzer.transport.m3ua import ProtocolData, ServiceIndicator, decode_protocol_data
from analyzer.transport.sctp_chunks import Acknowledgment, Fragment, chunks_of
from analyzer.transport.sctp_direction import Direction, Message
from dissectors.errors import DecodeError

__all__ = ["SctpData", "SctpTable"]

PPID_M3UA = 3
PPID_H248 = 7
"Payload protocol identifiers (IANA registry)."

CHECK_TIME = 20_000_000
"ns between two looks at held messages."
ALIASES = 64
ACKNOWLEDGED = 8
"Directions between the same ports that one SACK is for at most, the latest: its tag is that of the other direction."


@dataclass(slots=True)
class SctpData:
    """One whole user message."""

    flow_key: FlowKey
    "Addresses and ports of the packet that completed it."
    ppid: int
    "Payload protocol identifier; 7 (H.248) also for H.248 out of M3UA."
    data: bytes
    frames: tuple[int, ...]
    "In the order of the message's octets."
    time: int
    "When it was complete, ns."
    stream: int
    sequence: int | None
    "Stream sequence number (message identifier of I-DATA); None when sent unordered."
    m3ua: ProtocolData | None = None
    "The M3UA label it came with."


class SctpTable:
    """The associations of a capture; memory is bounded by `limit` directions, each with caps of its own."""

    __slots__ = (
        "_aliases",
        "_between",
        "_directions",
        "_due",
        "_holding",
        "_tags",
        "counts",
        "evicted",
        "faults",
        "limit",
        "m3ua",
    )

    def __init__(self, limit: int = 2048) -> None:
        self.limit = limit
        self.counts: Counter[str] = Counter()
        "Chunks by name."
        self.faults: Counter[str] = Counter()
        "What could not be read or used, by reason."
        self.m3ua: Counter[int] = Counter()
        "M3UA payloads by service indicator, H.248 (14) left out."
        self.evicted = 0
        "Directions that left because of `limit`."
        self._directions: dict[Direction, None] = {}
        self._aliases: dict[tuple[int, int, int], Direction] = {}  # addresses, ports, tag
        self._tags: dict[tuple[int, int], Direction] = {}  # ports, tag
        self._between: dict[FlowKey, dict[Direction, None]] = {}
        "The directions that a SACK the other way may be for."
        self._holding: dict[Direction, None] = {}
        self._due = 0

    def __len__(self) -> int:
        return len(self._directions)

    @property
    def duplicates(self) -> int:
        """DATA chunks that had come before (retransmissions)."""
        return self.counts["duplicate DATA"]

    def receive(self, frame: int, time: int, addresses: int, ports: int, packet: bytes) -> list[SctpData]:
        """Take one packet, from its common header on (`time` in ns); return the messages that are ready with it."""
        ready: list[Message] = []
        key = (addresses, ports)
        tag = int.from_bytes(packet[4:8], "big")
        for chunk in chunks_of(packet, frame, time, key, self.counts, self.faults):
            if isinstance(chunk, Acknowledgment):
                self._acknowledge(reverse_key(addresses, ports), chunk.tsn)
                continue
            direction = self._direction(addresses, ports, tag, chunk, ready)
            if not direction.receive(chunk, ready):
                self.counts["duplicate DATA"] += 1
            if direction.holds:
                self._holding[direction] = None
                self._due = min(self._due, time + CHECK_TIME)
        if self._holding and time >= self._due:
            for direction in list(self._holding):
                direction.check(time, ready)
                if not direction.holds:
                    del self._holding[direction]
            self._due = time + CHECK_TIME + len(self._holding) * 100_000
        return self._unwrap(ready) if ready else []

    def flush(self) -> list[SctpData]:
        """Hand out what is held: the capture is over. Incomplete messages count as faults."""
        ready: list[Message] = []
        for direction in list(self._directions):
            self._remove(direction, ready)
        return self._unwrap(ready)

    # ------------------------------------------------------------------ whose packet?

    def _direction(self, addresses: int, ports: int, tag: int, chunk: Fragment, ready: list[Message]) -> Direction:
        alias = (addresses, ports, tag)
        direction = self._aliases.get(alias)
        if direction is not None:
            return direction
        direction = self._tags.get((ports, tag))
        if direction is None or not direction.is_near(chunk.tsn) or len(direction.aliases) >= ALIASES:
            if len(self._directions) >= self.limit:
                self.evicted += 1
                self._remove(next(iter(self._directions)), ready)
            direction = Direction(ports, tag)
            self._directions[direction] = None
            self._tags[ports, tag] = direction
        direction.aliases.append(alias)
        self._aliases[alias] = direction
        self._between.setdefault((addresses, ports), {})[direction] = None
        return direction

    def _acknowledge(self, key: FlowKey, tsn: int) -> None:
        """SACK tells what reached the other side, so that it is known what the capture has missed."""
        if self._holding:
            for direction in islice(reversed(self._between.get(key, {})), ACKNOWLEDGED):
                if direction.holds:
                    direction.acknowledge(tsn)

    def _remove(self, direction: Direction, ready: list[Message]) -> None:
        direction.flush(ready)
        del self._directions[direction]
        self._holding.pop(direction, None)
        for alias in direction.aliases:
            self._aliases.pop(alias, None)
            between = self._between.get(alias[:2])
            if between is not None:
                between.pop(direction, None)
                if not between:
                    del self._between[alias[:2]]
        if self._tags.get((direction.ports, direction.tag)) is direction:
            del self._tags[direction.ports, direction.tag]
        for reason, count in (
            ("message incomplete", direction.fragments.count + direction.fragments.evicted),
            ("message missing in its stream", direction.missing),
        ):
            if count:
                self.faults[reason] += count

    # ------------------------------------------------------------------ what is in it?

    def _unwrap(self, messages: Sequence[Message]) -> list[SctpData]:
        found: list[SctpData] = []
        for message in messages:
            first = message.fragments[0]
            frames: tuple[int, ...] = (first.frame,)
            if len(message.fragments) == 1:
                data, time, key = first.payload, first.time, first.flow_key
            else:
                data = b"".join(each.payload for each in message.fragments)
                frames = tuple(dict.fromkeys(each.frame for each in message.fragments))
                latest = max(message.fragments, key=lambda each: (each.time, each.frame))
                time, key = latest.time, latest.flow_key
            sequence = first.sequence if first.ordered else None
            made = SctpData(key, first.ppid, data, frames, time, first.stream, sequence)
            if first.ppid != PPID_M3UA or self._open_m3ua(made):
                found.append(made)
        return found

    def _open_m3ua(self, message: SctpData) -> bool:
        try:
            inner = decode_protocol_data(message.data)
        except DecodeError as error:
            self.faults[f"{error.what}: {error.why}"] += 1
            return False
        if inner is None:
            self.counts["M3UA management"] += 1
            return False
        if inner.service_indicator != ServiceIndicator.GATEWAY_CONTROL_PROTOCOL:
            self.m3ua[inner.service_indicator] += 1
            return False
        message.ppid, message.data, message.m3ua = PPID_H248, inner.payload, inner
        return True
