"""Ethernet, IPv4, UDP and TCP packets from structs, with right checksums, in classic pcap with nanoseconds.

scapy would need most of a millisecond per packet; this needs some microseconds.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from socket import inet_aton

PCAP_HEADER = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1)
"Nanoseconds, version 2.4, Ethernet (draft-ietf-opsawg-pcap section 4)."
MSS = 1460
SEGMENT_GAP = 12_000
"Nanoseconds between two segments of one sender: 1460 octets at 1 Gbit/s."
FIN, SYN, PSH, ACK = 1, 2, 8, 16
UDP, TCP = 17, 6
# Maximum segment size 1460, window scale 7, SACK permitted (RFC 9293 section 3.2, RFC 7323 section 2.2, RFC 2018).
SYN_OPTIONS = bytes.fromhex("020405b4 01030307 01010402")
_RECORD = struct.Struct("<IIII").pack
_IP = struct.Struct(">BBHHHBBH").pack
_UDP = struct.Struct(">HHHH").pack
_TCP = struct.Struct(">HHIIBBHHH").pack

End = tuple[str, int]
"IPv4 address and port."
Frame = tuple[int, bytes]
"Time in nanoseconds since 1970, and the octets from the Ethernet header on."


def record(time: int, data: bytes) -> bytes:
    """One pcap packet record."""
    seconds, rest = divmod(time, 1_000_000_000)
    return _RECORD(seconds, rest, len(data), len(data)) + data


def checksum(data: bytes, start: int = 0) -> int:
    """The Internet checksum (RFC 1071): the sum of 16-bit words in ones' complement is the remainder by 65535."""
    if len(data) & 1:
        data += b"\0"
    return 0xFFFF - (int.from_bytes(data) + start) % 0xFFFF


def headers(source: str, target: str, protocol: int, size: int) -> tuple[bytes, int]:
    """Ethernet and IPv4 header before `size` octets, and what the pseudo-header adds to their sum (RFC 9293 3.1)."""
    here, there = inet_aton(source), inet_aton(target)
    # Never fragmented, so the identification may be the same in all (RFC 6864 section 4.1).
    head = _IP(0x45, 0, 20 + size, 0, 0x4000, 64, protocol, 0)
    head = head[:10] + checksum(head + here + there).to_bytes(2) + here + there
    ethernet = b"\x02\x00" + there + b"\x02\x00" + here + b"\x08\x00"
    return ethernet + head, int.from_bytes(here + there) % 0xFFFF + protocol + size


def udp(source: End, target: End, load: bytes) -> bytes:
    """One UDP datagram as a frame (RFC 768)."""
    size = 8 + len(load)
    front, pseudo = headers(source[0], target[0], UDP, size)
    ports = _UDP(source[1], target[1], size, 0)
    return front + ports[:6] + checksum(ports + load, pseudo).to_bytes(2) + load


@dataclass(slots=True)
class Write:
    """Octets that one end of a connection sends at a time; `flags` instead of octets for SYN, FIN and pure ACK."""

    time: int
    from_client: bool
    load: bytes = b""
    flags: int = 0


def tcp(client: End, server: End, sequence: tuple[int, int], writes: Iterable[Write]) -> list[Frame]:
    """The segments of one connection in order of time, numbered (RFC 9293); a write may take several segments.

    A later write of the same end never overtakes an earlier one's segments. Every segment acknowledges all that the
    other end has sent by then, so few pure ACKs are needed; one that would say nothing new is left out.
    """
    segments: list[tuple[int, bool, int, bytes]] = []
    free = {True: 0, False: 0}
    for write in sorted(writes, key=lambda write: write.time):
        at = max(write.time, free[write.from_client])
        load = write.load
        if write.flags:
            segments.append((at, write.from_client, write.flags, b""))
        for start in range(0, len(load), MSS):
            part = load[start : start + MSS]
            flags = PSH | ACK if start + MSS >= len(load) else ACK
            segments.append((at, write.from_client, flags, part))
            at += SEGMENT_GAP
        free[write.from_client] = at + 1
    segments.sort(key=lambda segment: segment[0])
    ends = {True: (client, server), False: (server, client)}
    following = {True: sequence[0], False: sequence[1]}
    acknowledged = {True: -1, False: -1}
    frames = []
    for at, from_client, flags, load in segments:
        (here, there), options = ends[from_client], SYN_OPTIONS if flags & SYN else b""
        words = 5 + len(options) // 4
        front, pseudo = headers(here[0], there[0], TCP, words * 4 + len(load))
        seq = following[from_client]
        ack = following[not from_client] if flags & ACK else 0
        if flags == ACK and not load and ack == acknowledged[from_client]:
            continue
        acknowledged[from_client] = ack
        window = 64256 if options else 502
        head = _TCP(here[1], there[1], seq, ack, words << 4, flags, window, 0, 0)
        total = checksum(head + options + load, pseudo).to_bytes(2)
        frames.append((at, front + head[:16] + total + head[18:] + options + load))
        following[from_client] = (seq + len(load) + bool(flags & (SYN | FIN))) & 0xFFFFFFFF
    return frames
