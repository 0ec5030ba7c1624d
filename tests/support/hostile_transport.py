"""Captures made to hurt below the messages: SCTP, IP fragments, mirror copies, TCP, and the file itself."""

from __future__ import annotations

import struct
from pathlib import Path

from capture_variants import Packets
from hostile_captures import ACK, MRFP, MS, PUSH, START, SYN, UE, invite, ip, sdp, send, tcp, udp

TEXT = b"MEGACO/3 [198.51.100.7]:2944\nT=1{C=5{A=mb/1}}"


def sctp(at: int, chunks: bytes, tag: int = 1, source: int = UE, target: int = MRFP) -> tuple[int, bytes]:
    return at, ip(source, target, 132, struct.pack(">HHII", 2944, 2944, tag, 0) + chunks)


def data(tsn: int, load: bytes = TEXT, stream: int = 0, sequence: int = 0, flags: int = 3) -> bytes:
    chunk = struct.pack(">BBHIHHI", 0, flags, 16 + len(load), tsn, stream, sequence, 7) + load
    return chunk + bytes(-len(chunk) & 3)


def sack(tsn: int) -> bytes:
    return struct.pack(">BBHI", 3, 0, 8, tsn)


def tsn_gaps(n: int) -> Packets:
    """TSNs in steps of two, 40 in a packet."""
    return [
        sctp(START + at * MS, b"".join(data(2 * i, b"x", flags=7) for i in range(at, min(at + 40, n))))
        for at in range(0, n, 40)
    ]


def stream_gaps(n: int) -> Packets:
    """Stream after stream begins, and then each waits for one that never comes."""
    begun = [(i, i % 4096, 0) for i in range(min(n // 2, 4096))]
    held = [(len(begun) + i, i % len(begun), 2 + i // len(begun) * 2) for i in range(n - len(begun))]
    every = begun + held
    return [
        sctp(
            START + at * 100,
            b"".join(data(tsn, b"x", stream, seq & 0xFFFF) for tsn, stream, seq in every[at : at + 40]),
        )
        for at in range(0, n, 40)
    ]


def slow_stream_gaps(n: int) -> Packets:
    """The same with so much time between that each packet has them all looked at."""
    return [(START + i * 25 * MS, load) for i, (_, load) in enumerate(stream_gaps(n))]


def lone_fragments(n: int) -> Packets:
    """Fragments of messages that are never complete."""
    return [
        sctp(START + at * MS, b"".join(data(3 * i, b"x" * 20, flags=2) for i in range(at, min(at + 30, n))))
        for at in range(0, n, 30)
    ]


def long_message(n: int) -> Packets:
    """One message in ever so many fragments, 2,000 at a time in the opposite order."""
    parts = [data(i, b"x", flags=(2 if i == 0 else 0) | (1 if i == n - 1 else 0)) for i in range(n)]
    parts = parts[:1] + [each for at in range(1, n, 2000) for each in parts[at : at + 2000][::-1]]
    return [sctp(START + at * MS, b"".join(parts[at : at + 60])) for at in range(0, n, 60)]


def sacks(n: int) -> Packets:
    """Directions that all wait for a message, and acknowledgements for them, 1,000 in a packet."""
    packets = [sctp(START + i, data(1, b"x") + data(2, b"x", sequence=2), tag=i + 1) for i in range(2000)]
    return packets + [sctp(START + MS + at, sack(at) * 1000, 1, MRFP, UE) for at in range(0, n, 1000)]


def associations(n: int) -> Packets:
    """A new tag in every packet."""
    return [sctp(START + i * MS, data(1, b"x") + data(2, b"x", sequence=2), tag=i + 1) for i in range(n)]


def tags_of_many(n: int) -> Packets:
    """One tag from ever so many addresses."""
    return [sctp(START + i * MS, data(i, b"x"), source=UE + i) for i in range(n)]


# ---------------------------------------------------------------------- IP


def fragment(at: int, number: int, offset: int, load: bytes, more: bool = True) -> tuple[int, bytes]:
    field = offset // 8 | (0x2000 if more else 0)
    head = struct.pack(
        ">BBHHHBBHII", 0x45, 0, 20 + len(load), number & 0xFFFF, field, 64, 17, 0, UE + (number >> 16), MRFP
    )
    return at, b"\2\0\0\0\0\1\2\0\0\0\0\2\x08\0" + head + load


def first_fragments(n: int) -> Packets:
    return [fragment(START + i * MS, i, 0, b"x" * 8) for i in range(n)]


def tiny_fragments(n: int) -> Packets:
    """Datagrams in pieces of eight octets, every second one first."""
    whole = 8000
    offsets = [*range(0, whole, 16), *range(8, whole, 16)]
    return [fragment(START + i * 1000, i // 1000, offsets[i % 1000], b"x" * 8) for i in range(n)]


def far_fragments(n: int) -> Packets:
    """The last eight octets of the largest datagram: room for 65,535 octets each time."""
    return [fragment(START + i * 1000, i, 65_504, b"x" * 8) for i in range(n)]


def mirror_copies(n: int) -> Packets:
    """One packet ever so often within a moment."""
    load = udp(UE, MRFP, 5060, invite("one", body=sdp("198.51.100.7", 7000, "a")))
    return [(START + i, load) for i in range(n)]


def near_copies(n: int) -> Packets:
    """Packets that differ in their last octets alone."""
    return [(START + i, udp(UE, MRFP, 5060, invite("one", body=b"%08d" % i))) for i in range(n)]


def shuffled_times(n: int) -> Packets:
    """Packets whose times run backwards."""
    return [(START + (n - i) * MS, udp(UE, MRFP, 5060, invite(f"c{i}"))) for i in range(n)]


# ---------------------------------------------------------------------- TCP


OPENED = [
    (START, tcp(UE, MRFP, (7000, 2855), 100, 0, SYN)),
    (START + 1, tcp(MRFP, UE, (2855, 7000), 900, 101, SYN | ACK)),
    (START + 2, tcp(UE, MRFP, (7000, 2855), 101, 901, PUSH | ACK, send("t", b"").partition(b"\r\n\r\n")[0])),
]
"A connection on which a message begins."


def windows(n: int) -> Packets:
    """Segments far ahead of a hole, each with a gap before it."""
    return OPENED + [(START + 3 + i, tcp(UE, MRFP, (7000, 2855), 500 + 2 * i, 901, PUSH | ACK, b"x")) for i in range(n)]


def backward_segments(n: int) -> Packets:
    """Segments of a stream in the opposite order, each with an octet of the one before."""
    return OPENED + [
        (START + 3 + i, tcp(UE, MRFP, (7000, 2855), 500 + 4 * (n - i), 901, PUSH | ACK, b"xxxxx")) for i in range(n)
    ]


def reused_ports(n: int) -> Packets:
    """SYN upon SYN from one port."""
    return [(START + i * MS, tcp(UE, MRFP, (7000, 2855), 1000 * i, 0, SYN)) for i in range(n)]


# ---------------------------------------------------------------------- the file


def block(kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) & 3)
    size = 12 + len(body)
    return struct.pack("<II", kind, size) + body + struct.pack("<I", size)


SECTION = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
INTERFACE = block(1, struct.pack("<HHI", 1, 0, 0))


def packet_block(interface: int, number: int) -> bytes:
    load = udp(UE, MRFP, 5060, invite(f"c{number}"))
    micro = (START + number * MS) // 1000
    return block(6, struct.pack("<IIIII", interface, micro >> 32, micro & 0xFFFFFFFF, len(load), len(load)) + load)


def write_interfaces(path: Path, n: int) -> Path:
    """A capture of ever so many interfaces, and a packet from each tenth."""
    path.write_bytes(SECTION + INTERFACE * n + b"".join(packet_block(i, i) for i in range(0, n, 10)))
    return path


def write_sections(path: Path, n: int) -> Path:
    """A section for every packet."""
    path.write_bytes(b"".join(SECTION + INTERFACE + packet_block(0, i) for i in range(n)))
    return path


def write_options(path: Path, n: int) -> Path:
    """Interfaces with ever so many options each."""
    options = struct.pack("<HH4s", 2, 4, b"eth0") * 2000 + bytes(4)
    interface = block(1, struct.pack("<HHI", 1, 0, 0) + options)
    path.write_bytes(SECTION + interface * max(n // 2000, 1) + packet_block(0, 0))
    return path


def write_empty_blocks(path: Path, n: int) -> Path:
    """Blocks of no known type between packets."""
    path.write_bytes(SECTION + INTERFACE + b"".join(block(0x0BAD, b"") + packet_block(0, i) for i in range(n)))
    return path
