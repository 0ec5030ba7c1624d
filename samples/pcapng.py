"""Writing pcapng (draft-ietf-opsawg-pcapng sections 4.1-4.3): one section, one Ethernet interface, nanoseconds."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from samples.builder import Packet

SECTION_HEADER, INTERFACE_DESCRIPTION, ENHANCED_PACKET = 0x0A0D0D0A, 1, 6
OPTION_END, IF_NAME, IF_TSRESOL = 0, 2, 9
LINKTYPE_ETHERNET = 1
SNAPLEN = 262144


def encode(packets: Iterable[Packet], interface: str) -> bytes:
    """The file's octets; packets keep their order."""
    options = _option(IF_NAME, interface.encode()) + _option(IF_TSRESOL, b"\x09") + _option(OPTION_END, b"")
    blocks = [
        _block(SECTION_HEADER, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)),
        _block(INTERFACE_DESCRIPTION, struct.pack("<HHI", LINKTYPE_ETHERNET, 0, SNAPLEN) + options),
    ]
    for packet in packets:
        size = len(packet.data)
        head = struct.pack("<IIIII", 0, packet.time >> 32, packet.time & 0xFFFFFFFF, size, size)
        blocks.append(_block(ENHANCED_PACKET, head + packet.data + bytes(-size % 4)))
    return b"".join(blocks)


def _block(kind: int, body: bytes) -> bytes:
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)
