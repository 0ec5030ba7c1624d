"""Packets of what passes in a virtual network, each with the time at which it was sent."""

from __future__ import annotations

from io import BytesIO
from zlib import crc32

from replay.edge.recorder import Flow, Recorder
from replay.events import Endpoint

NS = 1_000_000_000
SEGMENT_GAP = 0.000012
"s between segments sent back to back (1460 octets at 1 Gbit/s)."
_SYN, _RST, _PSH, _ACK = 0x02, 0x04, 0x08, 0x10
_FIN = 0x01


class Tape(Recorder):
    """Makes the packets that a `Recorder` makes, and gives answers of TCP the time that they take to come."""

    def __init__(self, start: int) -> None:
        """`start` is the time of 0 in ns since 1970."""
        self.packets: list[tuple[int, bytes]] = []
        self._start = start
        self._at = 0.0
        super().__init__(BytesIO(), lambda: self._start + round(self._at * NS))

    def _write(self, time: int, packet: bytes) -> None:
        self.packets.append((time, packet))

    def begin(self, client: Endpoint, server: Endpoint) -> Flow:
        """Sequence numbers begin anywhere, yet always there."""
        flow = super().begin(client, server)
        flow.sent = [crc32(f"{end} {len(self.packets)}".encode()) for end in (client, server)]
        return flow

    def sorted(self) -> list[tuple[int, bytes]]:
        """In order of time; what was sent at one time stays in the order in which it was written."""
        return sorted(self.packets, key=lambda each: each[0])

    def sent(self, source: Endpoint, target: Endpoint, data: bytes, at: float) -> None:
        """A UDP datagram was sent."""
        self._at = at
        self.datagram(source, target, data)

    def opened(self, client: Endpoint, server: Endpoint, at: float, there: float) -> None:
        """SYN at this time, SYN ACK `there` seconds later, ACK after as many again."""
        self.begin(client, server)
        flow = self._flows[client, server]
        for number, (way, flags) in enumerate(((0, _SYN), (1, _SYN | _ACK), (0, _ACK))):
            self._at = at + number * there
            self._segment(flow, way, flags)
            if number < 2:
                flow.sent[way] = (flow.sent[way] + 1) & 0xFFFFFFFF

    def turned_away(self, client: Endpoint, server: Endpoint, at: float, there: float) -> None:
        """SYN at this time, RST `there` seconds later."""
        self.begin(client, server)
        flow = self._flows.pop((client, server))
        self._at = at
        self._segment(flow, 0, _SYN)
        flow.sent = [(flow.sent[0] + 1) & 0xFFFFFFFF, 0]
        self._at = at + there
        self._segment(flow, 1, _RST | _ACK)

    def carried(self, source: Endpoint, target: Endpoint, data: bytes, at: float, there: float) -> float:
        """Octets were sent on a connection; returns how long it took to send them."""
        found = self._find(source, target)
        assert found is not None
        flow, way = found
        parts = self.cut(data)
        for number, part in enumerate(parts):
            self._at = at + number * SEGMENT_GAP
            is_last = number == len(parts) - 1
            self._segment(flow, way, _ACK | (_PSH if is_last else 0), part)
            flow.sent[way] = (flow.sent[way] + len(part)) & 0xFFFFFFFF
            if is_last or number % 2:
                self._at += there
                self._segment(flow, 1 - way, _ACK)
        return (len(parts) - 1) * SEGMENT_GAP

    def closed(self, source: Endpoint, target: Endpoint, at: float, there: float, *, reset: bool = False) -> None:
        """One side ended its direction, which the other acknowledges, or reset the connection."""
        found = self._find(source, target)
        if found is None:
            return
        flow, way = found
        self._at = at
        self._segment(flow, way, (_RST if reset else _FIN) | _ACK)
        flow.sent[way] = (flow.sent[way] + 1) & 0xFFFFFFFF
        flow.closed[way] = True
        if reset:
            self._flows.pop(flow.ends, None)
        elif all(flow.closed):
            self._at = at + there
            self._segment(flow, 1 - way, _ACK)
            self._flows.pop(flow.ends, None)
