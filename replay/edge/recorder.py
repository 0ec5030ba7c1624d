"""Writes down what the lab's functions sent, as a capture: packets are made from what passed, no root needed.

A connection is written as its two ends saw it: SYN, SYN ACK, ACK, segments with numbers of their own, FIN or RST. Each
octet is written once, by whoever sent it, or by us where the other end is not one of ours.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import BinaryIO

from analyzer.export.pcapng import PcapngWriter
from replay.edge import sctp
from replay.events import Endpoint

LINKTYPE_ETHERNET = 1
SEGMENT = 1400
DATAGRAM = 1472
"Octets of UDP payload that fit one Ethernet packet; longer ones are written as IP fragments."
_FIN, _SYN, _RST, _PSH, _ACK = 0x01, 0x02, 0x04, 0x08, 0x10


@dataclass(slots=True)
class Flow:
    """One TCP connection as written."""

    ends: tuple[Endpoint, Endpoint]
    is_up: bool = False
    sent: list[int] = field(default_factory=lambda: [0, 0])
    closed: list[bool] = field(default_factory=lambda: [False, False])


class Recorder:
    """Writes a pcapng file; times come from `clock` in ns."""

    def __init__(self, out: BinaryIO, clock: Callable[[], int], application: str = "mrfscope lab") -> None:
        self._out = out
        self._clock = clock
        self._writer = PcapngWriter(application)
        self._flows: dict[tuple[Endpoint, Endpoint], Flow] = {}
        self._sctp: dict[tuple[Endpoint, Endpoint], tuple[int, int]] = {}
        "The next transmission and stream sequence numbers."
        self._ids: dict[str, int] = {}
        self._out.write(self._writer.begin())

    def datagram(self, source: Endpoint, target: Endpoint, data: bytes) -> None:
        """A UDP datagram was sent."""
        udp = struct.pack(">HHHH", source[1], target[1], 8 + len(data), 0)
        checksum = _transport_checksum(source[0], target[0], 17, udp + data) or 0xFFFF
        self._packet(source[0], target[0], 17, udp[:6] + struct.pack(">H", checksum) + data)

    def sctp_message(self, source: Endpoint, target: Endpoint, data: bytes) -> None:
        """A message of H.248 was sent over SCTP; how the association came to be is the kernel's, and not written."""
        tsn, sequence = self._sctp.get((source, target), (1, 0))
        for packet in sctp.packets(source, target, tsn, sequence, data):
            tsn += 1
            self._packet(source[0], target[0], sctp.PROTOCOL, packet)
        self._sctp[source, target] = tsn, sequence + 1

    def trying(self, client: Endpoint, server: Endpoint) -> None:
        """A SYN was sent, or sent again."""
        flow = self._flows.get((client, server))
        if flow is None or flow.is_up:
            flow = self.begin(client, server)
        flow.sent[0] = 0
        self._segment(flow, 0, _SYN)
        flow.sent[0] = 1

    def connected(self, client: Endpoint, server: Endpoint) -> None:
        """A TCP connection came up; its two ends tell, and whoever is first has it written."""
        known = self._flows.get((client, server))
        if known is not None and known.is_up and not any(known.closed):
            return
        if known is None or known.is_up:
            self.trying(client, server)
        flow = self._flows[client, server]
        flow.is_up = True
        self._segment(flow, 1, _SYN | _ACK)
        flow.sent[1] = 1
        self._segment(flow, 0, _ACK)

    def begin(self, client: Endpoint, server: Endpoint) -> Flow:
        """A connection of which nothing is written yet."""
        flow = self._flows[client, server] = Flow((client, server))
        return flow

    @staticmethod
    def cut(data: bytes) -> list[bytes]:
        """Octets as the segments that carry them."""
        return [data[at : at + SEGMENT] for at in range(0, len(data), SEGMENT)]

    def refused(self, client: Endpoint, server: Endpoint) -> None:
        """A TCP connection that was tried is refused."""
        flow = self._flows.pop((client, server), None)
        if flow is not None:
            self._segment(flow, 1, _RST | _ACK)

    def given_up(self, client: Endpoint, server: Endpoint) -> None:
        """A TCP connection that was tried is not waited for any more; nothing is sent."""
        self._flows.pop((client, server), None)

    def octets(self, source: Endpoint, target: Endpoint, data: bytes) -> None:
        """Octets were sent on a connection."""
        found = self._find(source, target)
        if found is None:
            return
        flow, way = found
        for part in self.cut(data):
            self._segment(flow, way, _ACK | _PSH, part)
            flow.sent[way] = (flow.sent[way] + len(part)) & 0xFFFFFFFF
        self._segment(flow, 1 - way, _ACK)

    def ended(self, source: Endpoint, target: Endpoint, *, reset: bool = False) -> None:
        """One side ended its direction, or reset the connection."""
        found = self._find(source, target)
        if found is None:
            return
        flow, way = found
        if reset:
            self._segment(flow, way, _RST | _ACK)
            self._flows.pop(flow.ends, None)
            return
        if flow.closed[way]:
            return
        flow.closed[way] = True
        self._segment(flow, way, _FIN | _ACK)
        flow.sent[way] = (flow.sent[way] + 1) & 0xFFFFFFFF
        self._segment(flow, 1 - way, _ACK)
        if all(flow.closed):
            self._flows.pop(flow.ends, None)

    def _find(self, source: Endpoint, target: Endpoint) -> tuple[Flow, int] | None:
        flow = self._flows.get((source, target))
        if flow is not None:
            return flow, 0
        flow = self._flows.get((target, source))
        return (flow, 1) if flow is not None else None

    def _segment(self, flow: Flow, way: int, flags: int, payload: bytes = b"") -> None:
        source, target = flow.ends[way], flow.ends[1 - way]
        ack = flow.sent[1 - way] if flags & _ACK else 0
        head = struct.pack(">HHIIBBHHH", source[1], target[1], flow.sent[way], ack, 5 << 4, flags, 65535, 0, 0)
        checksum = _transport_checksum(source[0], target[0], 6, head + payload)
        self._packet(source[0], target[0], 6, head[:16] + struct.pack(">H", checksum) + head[18:] + payload)

    def _packet(self, source: str, target: str, protocol: int, payload: bytes) -> None:
        time = self._clock()
        one, other = ip_address(source), ip_address(target)
        link = _mac(source, target)
        if one.version == 6:
            head = struct.pack(">IHBB", 6 << 28, len(payload), protocol, 64) + one.packed + other.packed
            self._write(time, link + b"\x86\xdd" + head + payload)
            return
        number = self._ids[source] = (self._ids.get(source, 0) + 1) & 0xFFFF
        room = DATAGRAM + 8
        for at in range(0, max(len(payload), 1), room):
            part = payload[at : at + room]
            more = 0x2000 if at + room < len(payload) else 0
            flags = (more | at // 8) or 0x4000
            bare = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(part), number, flags, 64, protocol, 0)
            bare += one.packed + other.packed
            head = bare[:10] + struct.pack(">H", _checksum(bare)) + bare[12:]
            self._write(time, link + b"\x08\x00" + head + part)

    def _write(self, time: int, packet: bytes) -> None:
        self._out.write(self._writer.packet(LINKTYPE_ETHERNET, time, packet, len(packet)))


def _mac(source: str, target: str) -> bytes:
    """Locally administered addresses made of the IP addresses: destination first."""
    return b"".join(b"\x02\x00" + ip_address(each).packed[-4:] for each in (target, source))


def _transport_checksum(source: str, target: str, protocol: int, segment: bytes) -> int:
    one, other = ip_address(source).packed, ip_address(target).packed
    if len(one) == 16:
        return _checksum(one + other + struct.pack(">IHBB", len(segment), 0, 0, protocol) + segment)
    return _checksum(one + other + struct.pack(">BBH", 0, protocol, len(segment)) + segment)


def _checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
