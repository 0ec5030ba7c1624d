"""What was decrypted, as TCP segments in the clear, for tools that cannot decrypt.

The connection keeps its addresses, ports and times; sequence numbers begin anew, since the plaintext is shorter.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from analyzer.transport.flow import Flow

LINKTYPE_RAW = 101
"Packets begin with the IP header."
SEGMENT = 1400
"Octets of plaintext in one segment."
_SYN, _ACK, _PSH, _FIN = 0x02, 0x10, 0x08, 0x01

PlainPiece = tuple[int, int, bytes]
"""Direction (0 from the side that opened the connection), time (ns), plaintext."""
RawPacket = tuple[int, bytes]
"""Time (ns) and an IP packet."""


def plain_connection(client: Flow, server: Flow, pieces: Sequence[PlainPiece]) -> Iterator[RawPacket]:
    """Handshake, the pieces in order, and an orderly end."""
    if not pieces:
        return
    flows = (client, server)
    sent = [1, 1]
    start, end = pieces[0][1], pieces[-1][1]
    yield start, _packet(client, 0, 0, _SYN)
    yield start, _packet(server, 0, 1, _SYN | _ACK)
    yield start, _packet(client, 1, 1, _ACK)
    for direction, time, data in pieces:
        for at in range(0, len(data), SEGMENT):
            part = data[at : at + SEGMENT]
            yield time, _packet(flows[direction], sent[direction], sent[1 - direction], _ACK | _PSH, part)
            sent[direction] = (sent[direction] + len(part)) & 0xFFFFFFFF
    yield end, _packet(client, sent[0], sent[1], _ACK | _FIN)
    yield end, _packet(server, sent[1], sent[0] + 1 & 0xFFFFFFFF, _ACK | _FIN)
    yield end, _packet(client, sent[0] + 1 & 0xFFFFFFFF, sent[1] + 1 & 0xFFFFFFFF, _ACK)


def _packet(flow: Flow, seq: int, ack: int, flags: int, payload: bytes = b"") -> bytes:
    """One IP packet with a TCP segment, checksums right (RFC 9293 section 3.1)."""
    size = 16 if flow.version == 6 else 4
    source = (flow.addresses >> size * 8).to_bytes(size, "big")
    target = (flow.addresses & (1 << size * 8) - 1).to_bytes(size, "big")
    length = 20 + len(payload)
    head = struct.pack(">HHIIBBHHH", flow.sport, flow.dport, seq, ack, 5 << 4, flags, 65535, 0, 0)
    if flow.version == 6:
        pseudo = source + target + struct.pack(">IHBB", length, 0, 0, 6)
        network = struct.pack(">IHBB", 6 << 28, length, 6, 64) + source + target
    else:
        pseudo = source + target + struct.pack(">BBH", 0, 6, length)
        bare = struct.pack(">BBHHHBBH", 0x45, 0, 20 + length, 0, 0x4000, 64, 6, 0) + source + target
        network = bare[:10] + struct.pack(">H", _checksum(bare)) + bare[12:]
    total = _checksum(pseudo + head + payload)
    return network + head[:16] + struct.pack(">H", total) + head[18:] + payload


def _checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
