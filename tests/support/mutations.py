"""Damaged copies of captures: of the file, of its records, and of payloads whose headers stay sound.

A flipped octet mostly hits an address or a checksum; only the third kind reaches deep into the decoders. Every copy
follows from its number alone, so a failure can be made again.
"""

from __future__ import annotations

import random
import struct
from pathlib import Path
from typing import NamedTuple

from capture_variants import Packets, read_packets

TOKENS = (
    b"\r\n", b"\r\n\r\n", b"\n", b"\0", b"\x1b[2J", b"{", b"}", b"\\}", b",", b"=", b'"', b";", b"<", b">", b"$",
    b"*", b"#", b"+", b"%", b"\xff\xfe", b"\xc3", b"-------", b"0", b"-1", b"4294967296", b"99999999999999999999999",
    b"1-*/*", b"Content-Length: 0\r\n", b"Content-Length: 99999999\r\n", b"l:-5\r\n",
    b"Content-Type: multipart/mixed;boundary=\r\n",
    b"MSRP a786 SEND\r\n", b"MSRP a786 200 OK\r\n", b"SIP/2.0 200 OK\r\n", b"MEGACO/1 [1.1.1.1] ", b"!/3 ", b"Media{",
    b"Local{", b"C=$", b"C=*", b"T=1{", b"m=message 9 TCP/MSRP *\r\n", b"c=IN IP6 ::\r\n", b"a=path:msrp://;tcp\r\n",
    b"\x30\x80", b"\x30\x84\xff\xff\xff\xff", b"\xa1\x7f", b"\x03\x00\xff\xff",
)  # fmt: skip
"What grammars of SIP, SDP, H.248 and MSRP turn upon, and lengths that lie."


class Subject(NamedTuple):
    """A capture to damage."""

    whole: bytes
    packets: Packets


def subject(path: Path) -> Subject:
    """Read a capture of Ethernet frames."""
    return Subject(path.read_bytes(), read_packets(path))


def mutated(subject: Subject, number: int) -> bytes:
    """Copy `number` of a capture, damaged; always the same for the same number."""
    chance = random.Random(number)
    kind = number % 4
    if kind == 0:
        return _damage(subject.whole, chance)
    packets = _records(subject.packets, chance) if kind == 1 else list(subject.packets)
    if kind == 2:
        for _ in range(chance.randint(1, 40)):
            at = chance.randrange(len(packets))
            time, data = packets[at]
            packets[at] = time, _flipped(data, chance)
    else:
        for at in chance.sample(range(len(packets)), chance.randint(1, len(packets))):
            time, data = packets[at]
            packets[at] = time, with_payload(data, chance)
    return as_pcap(packets)


def _damage(whole: bytes, chance: random.Random) -> bytes:
    """Octets of the file changed, cut out, put in, said twice, or the end missing."""
    octets = bytearray(whole)
    for _ in range(chance.choice((1, 1, 3, 10, 60))):
        at, size = chance.randrange(len(octets)), chance.choice((1, 2, 4, 16, 300))
        match chance.randrange(8):
            case 0:
                del octets[at:]
                octets += whole[:1] if not octets else b""
            case 1:
                del octets[at : at + size]
                octets += whole[:1] if not octets else b""
            case 2:
                octets[at:at] = chance.randbytes(size)
            case 3:
                octets[at:at] = octets[at : at + size]
            case 4:
                octets[at : at + size] = bytes(len(octets[at : at + size]))
            case _:
                octets[at] = chance.randrange(256)
    return bytes(octets)


def _records(packets: Packets, chance: random.Random) -> Packets:
    """Packets lost, doubled, out of order, at odd times, or cut by the snaplen."""
    found = list(packets)
    for _ in range(chance.randint(1, max(2, len(found) // 4))):
        at, other = chance.randrange(len(found)), chance.randrange(len(found))
        time, data = found[at]
        match chance.randrange(6):
            case 0 if len(found) > 1:
                del found[at]
            case 1:
                found.insert(other, found[at])
            case 2:
                found[at], found[other] = found[other], found[at]
            case 3:
                found[at] = chance.choice((0, time + 10**13, time - 10**12, time ^ 1 << 60)), data
            case 4:
                found[at] = time, data[: chance.randrange(len(data) + 1)]
            case _:
                found[at] = time, data + chance.randbytes(chance.randrange(60))
    return found


def with_payload(data: bytes, chance: random.Random) -> bytes:
    """The same headers around another payload; the lengths of IPv4 and UDP tell the truth about it."""
    head = payload_offset(data)
    if head is None or head >= len(data):
        return data
    payload = mutated_octets(data[head:], chance)[:60_000]
    changed = bytearray(data[:head]) + payload
    struct.pack_into(">H", changed, 16, len(changed) - 14)
    if data[23] == 17:
        struct.pack_into(">H", changed, head - 4, len(payload) + 8)
    return bytes(changed)


def mutated_octets(whole: bytes, chance: random.Random) -> bytes:
    """A message with octets changed, cut out, moved, repeated, and words put in that its grammar turns upon."""
    payload = bytearray(whole)
    for _ in range(chance.choice((1, 1, 2, 8))):
        at, size = chance.randrange(len(payload) + 1), chance.choice((1, 1, 2, 8, 60))
        match chance.randrange(6):
            case 0:
                payload[at:at] = chance.choice(TOKENS)
            case 1:
                token = chance.choice(TOKENS)
                payload[at : at + len(token)] = token
            case 2:
                del payload[at : at + size]
            case 3:
                payload[at:at] = payload[at : at + size] * chance.choice((1, 1, 2, 20))
            case 4:
                other = chance.randrange(len(payload) + 1)
                payload[at : at + size] = payload[other : other + size]
            case _:
                payload[at : at + 1] = bytes([chance.randrange(256)])
    return bytes(payload)


def payload_offset(data: bytes) -> int | None:
    """Where the payload of TCP, UDP or the first SCTP chunk begins in Ethernet and IPv4; None in other frames."""
    if len(data) < 34 or data[12:14] != b"\x08\x00":
        return None
    transport = 14 + (data[14] & 15) * 4
    match data[23]:
        case 6 if len(data) > transport + 12:
            return transport + (data[transport + 12] >> 4) * 4
        case 17:
            return transport + 8
        case 132:
            return transport + 12 + 16
    return None


def _flipped(data: bytes, chance: random.Random) -> bytes:
    octets = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        if octets:
            octets[chance.randrange(len(octets))] ^= 1 << chance.randrange(8)
    return bytes(octets)


def as_pcap(packets: Packets) -> bytes:
    """A nanosecond pcap file; times may be out of any order."""
    parts = [struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1)]
    for time, data in packets:
        seconds = time // 1_000_000_000 & 0xFFFFFFFF
        parts += (struct.pack("<IIII", seconds, time % 1_000_000_000, len(data), len(data)), data)
    return b"".join(parts)
