"""The same packets in other captures: shuffled, doubled, split, wrapped; for tests of the same verdict."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from pathlib import Path

Packets = list[tuple[int, bytes]]
"""Capture time in ns, octets of an Ethernet frame."""

SHARED = Path(__file__).resolve().parents[3] / "shared" / "captures"
ETHERNET, RAW, SLL = 1, 101, 113


def read_packets(path: Path) -> Packets:
    """All packets of a pcap or pcapng file, read by scapy."""
    from scapy.utils import RawPcapNgReader, RawPcapReader

    packets: Packets = []
    with RawPcapReader(str(path)) as reader:
        for data, meta in reader:
            if isinstance(reader, RawPcapNgReader):
                ticks = meta.tshigh << 32 | meta.tslow
                packets.append((ticks * 1_000_000_000 // meta.tsresol, data))
            else:
                fraction = meta.usec if reader.nano else meta.usec * 1000
                packets.append((meta.sec * 1_000_000_000 + fraction, data))
    return packets


def write_pcap(path: Path, packets: Packets, linktype: int = ETHERNET) -> Path:
    """A nanosecond pcap file."""
    with path.open("wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, linktype))
        for time, data in packets:
            out.write(struct.pack("<IIII", time // 1_000_000_000, time % 1_000_000_000, len(data), len(data)))
            out.write(data)
    return path


def shuffled_in_file(packets: Packets, within: int = 1_000_000, seed: int = 1) -> Packets:
    """Packets keep their times but stand up to `within` ns too late in the file, as from several capture threads."""
    rng = random.Random(seed)
    return sorted(packets, key=lambda packet: packet[0] + rng.randrange(within))


def shuffled_in_time(packets: Packets, within: int = 1_000_000, seed: int = 1) -> Packets:
    """Packets get times up to `within` ns too late, as from probes with queues: order and times both lie."""
    rng = random.Random(seed)
    return sorted((time + rng.randrange(within), data) for time, data in packets)


def doubled(packets: Packets) -> Packets:
    """Every packet twice, as from a mirror port that sees both the way in and the way out."""
    return [copy for time, data in packets for copy in ((time, data), (time + 3_000, data))]


def vlan(packets: Packets) -> Packets:
    """802.1ad and 802.1Q tags, 100 and 7."""
    tags = struct.pack(">HHHH", 0x88A8, 100, 0x8100, 7)
    return [(time, data[:12] + tags + data[12:]) for time, data in packets]


def gtp_u(packets: Packets) -> Packets:
    """Each IPv4 packet inside GTP-U version 1 (TS 29.281) over UDP and IPv4."""
    wrapped = []
    for time, data in packets:
        if data[12:14] != b"\x08\x00":
            wrapped.append((time, data))
            continue
        inner = data[14 : 14 + int.from_bytes(data[16:18], "big")]
        gtp = struct.pack(">BBHI", 0x30, 0xFF, len(inner), 0x1234)
        udp = struct.pack(">HHHH", 2152, 2152, 8 + len(gtp) + len(inner), 0)
        total = 20 + len(udp) + len(gtp) + len(inner)
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, total, 0, 0, 64, 17, 0, b"\x0a\x00\x00\x01", b"\x0a\x00\x00\x02")
        wrapped.append((time, data[:14] + ip + udp + gtp + inner))
    return wrapped


def in_octets(packets: Packets) -> Packets:
    """Each TCP segment over IPv4 as so many of one octet: a stream says the same however it was cut."""
    split = []
    for time, data in packets:
        tcp = 14 + 4 * (data[14] & 0xF)
        start = tcp + 4 * (data[tcp + 12] >> 4) if data[12:14] == b"\x08\x00" and data[23] == 6 else len(data)
        load = data[start : 14 + int.from_bytes(data[16:18], "big")] if start < len(data) else b""
        if len(load) < 2 or data[tcp + 13] & 0x07:  # FIN, SYN and RST stay with what they came with
            split.append((time, data))
            continue
        seq = int.from_bytes(data[tcp + 4 : tcp + 8], "big")
        for number in range(len(load)):
            header = bytearray(data[:start])
            header[16:18] = (start - 14 + 1).to_bytes(2, "big")
            header[tcp + 4 : tcp + 8] = (seq + number & 0xFFFFFFFF).to_bytes(4, "big")
            split.append((time, bytes(header) + load[number : number + 1]))
    return split


def sll(packets: Packets) -> Packets:
    """Linux cooked capture v1 (LINKTYPE_LINUX_SLL)."""
    return [
        (time, struct.pack(">HHH", 0, 1, 6) + data[6:12] + b"\0\0" + data[12:14] + data[14:]) for time, data in packets
    ]


VARIANTS: dict[str, tuple[Callable[[Packets], Packets], int]] = {
    "shuffled in the file": (shuffled_in_file, ETHERNET),
    "shuffled in time": (shuffled_in_time, ETHERNET),
    "doubled": (doubled, ETHERNET),
    "vlan": (vlan, ETHERNET),
    "gtp-u": (gtp_u, ETHERNET),
    "sll": (sll, SLL),
    "one octet in a segment": (in_octets, ETHERNET),
}
