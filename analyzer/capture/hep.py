"""HEP version 3, in which Homer's capture agents hand on single messages (HEP/EEP specification, revision 36).

A packet is `HEP3`, its length and chunks: vendor, type, length, value. The agent took a message out of its packet or
stream and tells its ends in chunks, so an IP packet with UDP is made of it again, whatever transport it came by: of
TCP no sequence number crosses. The time of the message remains that of the frame, as Wireshark shows it: agents have
clocks of their own.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

_CHUNK = struct.Struct(">HHH")
"Vendor, type, length with this header."
SOURCE_4, DESTINATION_4, SOURCE_6, DESTINATION_6, SOURCE_PORT, DESTINATION_PORT = range(3, 9)
PAYLOAD, COMPRESSED = 15, 16
SIZES = {SOURCE_4: 4, DESTINATION_4: 4, SOURCE_6: 16, DESTINATION_6: 16, SOURCE_PORT: 2, DESTINATION_PORT: 2}
"Chunk type -> octets of its value."
LARGEST = 65535 - 28
"""Octets of a payload that fit an IPv4 packet with UDP."""

MALFORMED = "hep packet malformed"
EMPTY = "hep without payload"


class Unwrapped(NamedTuple):
    """What a HEP packet came to."""

    packet: bytes
    "An IP packet with UDP; empty where there is none."
    why: str = ""
    "The reason then."


def ip_packet(packet: bytes) -> Unwrapped:
    """The message of a whole HEP3 packet, in UDP and IP between the ends that it had."""
    chunks = _chunks(packet)
    if chunks is None or any(len(chunks.get(kind, bytes(size))) != size for kind, size in SIZES.items()):
        return Unwrapped(b"", MALFORMED)
    payload = _payload(chunks)
    if not payload:
        return Unwrapped(b"", EMPTY if payload is not None else MALFORMED)
    if SOURCE_PORT not in chunks or DESTINATION_PORT not in chunks or len(payload) > LARGEST:
        return Unwrapped(b"", MALFORMED)
    # Checksum 0: none was computed (RFC 768; of IPv6 nobody asks here)
    udp = chunks[SOURCE_PORT] + chunks[DESTINATION_PORT] + struct.pack(">HH", 8 + len(payload), 0) + payload
    if SOURCE_4 in chunks and DESTINATION_4 in chunks:
        head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0)
        return Unwrapped(head + chunks[SOURCE_4] + chunks[DESTINATION_4] + udp)
    if SOURCE_6 in chunks and DESTINATION_6 in chunks:
        head = struct.pack(">IHBB", 6 << 28, len(udp), 17, 64)
        return Unwrapped(head + chunks[SOURCE_6] + chunks[DESTINATION_6] + udp)
    return Unwrapped(b"", MALFORMED)


def _chunks(packet: bytes) -> dict[int, bytes] | None:
    """The chunks of no vendor by type, of equals the first; None where they run out of the packet."""
    end = int.from_bytes(packet[4:6], "big")
    if not 6 <= end <= len(packet):
        return None
    chunks: dict[int, bytes] = {}
    pos = 6
    while pos < end:
        if pos + _CHUNK.size > end:
            return None
        vendor, kind, size = _CHUNK.unpack_from(packet, pos)
        if size < _CHUNK.size or pos + size > end:
            return None
        if not vendor:
            chunks.setdefault(kind, packet[pos + _CHUNK.size : pos + size])
        pos += size
    return chunks


def _payload(chunks: dict[int, bytes]) -> bytes | None:
    """The message; None where it does not unpack, or not into what a packet holds."""
    if PAYLOAD in chunks or COMPRESSED not in chunks:
        return chunks.get(PAYLOAD, b"")
    try:
        return zlib.decompressobj(wbits=47).decompress(chunks[COMPRESSED], LARGEST + 1)
    except zlib.error:
        return None
