"""Copies from mirror ports go, repetitions by applications and stacks stay."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from analyzer.capture import duplicates
from analyzer.capture.blocks import PacketBlock
from analyzer.capture.flows import marks
from analyzer.capture.select import Selector

inet = pytest.importorskip("scapy.layers.inet")
inet6 = pytest.importorskip("scapy.layers.inet6")
l2 = pytest.importorskip("scapy.layers.l2")
sctp = pytest.importorskip("scapy.layers.sctp")
raw = pytest.importorskip("scapy.packet").Raw
UDP, TCP = inet.UDP, inet.TCP

MS = 1_000_000
TEXT = b"OPTIONS sip:a@example.com SIP/2.0\r\n\r\n"


def ip(**fields: Any) -> Any:
    return inet.IP(src="192.0.2.1", dst="198.51.100.2", **fields)


def ip6(**fields: Any) -> Any:
    return inet6.IPv6(src="2001:db8::1", dst="2001:db8::2", **fields)


def ether(**fields: Any) -> Any:
    return l2.Ether(**{"src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02", **fields})


SIP = UDP(sport=5060, dport=5060) / raw(TEXT)
MSRP = TCP(sport=2855, dport=2855, seq=100, ack=5, flags="PA") / raw(b"MSRP a SEND\r\n")
ACK = TCP(sport=2855, dport=2855, seq=100, ack=5, flags="A")
H248 = sctp.SCTP(sport=2945, dport=2945, tag=7) / sctp.SCTPChunkData(data=b"!/3 [192.0.2.1]:2944 ", tsn=1, proto_id=7)


def block_of(packets: Sequence[tuple[int, Any]], first: int = 1) -> PacketBlock:
    """(time in ms, packet) pairs."""
    octets = [bytes(packet) for _, packet in packets]
    size = np.array([len(packet) for packet in octets], np.int64)
    count = len(octets)
    return PacketBlock(
        data=b"".join(octets),
        frame=np.arange(first, first + count),
        time=np.array([time * MS for time, _ in packets], np.int64),
        offset=np.cumsum(size) - size,
        caplen=size,
        wirelen=size,
        linktype=np.full(count, 1, np.int32),
        interface=np.zeros(count, np.int32),
    )


def frames(*blocks: PacketBlock) -> tuple[list[int], dict[int, int]]:
    """Frames of the rows left, and the copies; the account must agree."""
    selector = Selector()
    parts = [*(selector.select(block) for block in blocks), selector.flush()]
    kept = [frame for rows in parts for frame in rows.frame]
    copies = {copy: first for rows in parts for copy, first in rows.copies.items()}
    assert sum(rows.account.get("duplicate", 0) for rows in parts) == len(copies)
    assert len(kept) + len(copies) == sum(len(block) for block in blocks)
    return kept, copies


@pytest.mark.parametrize("payload", [SIP, MSRP, ACK, H248], ids=["udp", "tcp", "ack", "sctp"])
@pytest.mark.parametrize("base", [ip(id=77), ip(id=0, flags="DF"), ip6(fl=5)], ids=["ipv4", "ipv4-id-0", "ipv6"])
def test_copies_go(payload: Any, base: Any) -> None:
    packet = ether() / base / payload
    assert frames(block_of([(0, packet), (1, packet), (20, packet)])) == ([1], {2: 1, 3: 1})


@pytest.mark.parametrize(
    "copy",
    [
        ether() / ip(id=77, ttl=63) / SIP,
        ether(src="02:00:00:00:00:09") / ip(id=77) / SIP,
        ether() / l2.Dot1Q(vlan=5) / ip(id=77) / SIP,
        ether() / inet.IP(src="10.0.0.1", dst="10.0.0.2") / l2.GRE() / ip(id=77) / SIP,
        ether() / ip(id=77, tos=8) / SIP,
    ],
    ids=["ttl", "mac", "vlan", "gre", "dscp"],
)
def test_the_way_may_differ(copy: Any) -> None:
    """A second mirror port sees the packet elsewhere on its way."""
    assert frames(block_of([(0, ether() / ip(id=77) / SIP), (3, copy)])) == ([1], {2: 1})


@pytest.mark.parametrize(
    "other",
    [
        (0, ether() / ip(id=78) / SIP),
        (0, ether() / ip(id=77) / UDP(sport=5061, dport=5060) / raw(TEXT)),
        (0, ether() / ip(id=77) / UDP(sport=5060, dport=5060) / raw(TEXT[:-1])),
        (0, ether() / ip(id=77) / UDP(sport=5060, dport=5060) / raw(TEXT[2:4] + TEXT[:2] + TEXT[4:])),
        (0, ether() / ip(id=77) / UDP(sport=5060, dport=5060, chksum=0) / raw(TEXT)),
        (0, ether() / inet.IP(dst="192.0.2.1", src="198.51.100.2", id=77) / SIP),
        (0, ether() / ip6(fl=77) / SIP),
        (21, ether() / ip(id=77) / SIP),
        (200, ether() / ip(id=77) / SIP),
        (500, ether() / ip(id=77) / SIP),
    ],
    ids=["id", "port", "length", "octets", "checksum", "direction", "version", "21ms", "200ms", "T1"],
)
def test_others_stay(other: tuple[int, Any]) -> None:
    """RFC 3261 section 17.1.1.1: a request is sent again after T1 = 500 ms; another IP id is another packet."""
    # "octets" has two pairs swapped, which keeps length and checksum
    assert frames(block_of([(0, ether() / ip(id=77) / SIP), other])) == ([1, 2], {})


@pytest.mark.parametrize(
    "segment",
    [
        TCP(sport=2855, dport=2855, seq=100, ack=5, flags="PA", options=[("Timestamp", (2, 1))])
        / raw(b"MSRP a SEND\r\n"),
        TCP(sport=2855, dport=2855, seq=100, ack=5, flags="PA", window=9) / raw(b"MSRP a SEND\r\n"),
        TCP(sport=2855, dport=2855, seq=101, ack=5, flags="PA") / raw(b"MSRP a SEND\r\n"),
        TCP(sport=2855, dport=2855, seq=100, ack=6, flags="PA") / raw(b"MSRP a SEND\r\n"),
        TCP(sport=2855, dport=2855, seq=100, ack=5, flags="FPA") / raw(b"MSRP a SEND\r\n"),
    ],
    ids=["timestamp", "window", "seq", "ack", "flags"],
)
def test_tcp_that_differs_stays(segment: Any) -> None:
    assert frames(block_of([(0, ether() / ip6() / MSRP), (1, ether() / ip6() / segment)]))[0] == [1, 2]


def test_across_blocks() -> None:
    """Also of rows that were handed out already."""
    packet, other = ether() / ip(id=77) / SIP, ether() / ip(id=78) / SIP
    blocks = [
        block_of([(0, packet), (12, other)]),
        block_of([(13, packet), (14, other)], 3),
        block_of([(15, packet)], 5),
        block_of([(33, packet), (34, other)], 6),
    ]
    assert frames(*blocks) == ([1, 2, 6, 7], {3: 1, 4: 2, 5: 1})


def test_everything_twice() -> None:
    packets = [
        (10 * number, ether() / ip(id=number) / UDP(sport=5060, dport=5060) / raw(TEXT + str(number).encode()))
        for number in range(50)
    ]
    kept, copies = frames(block_of([packet for packet in packets for _ in (1, 2)]))
    assert kept == list(range(1, 101, 2))
    assert copies == {frame + 1: frame for frame in kept}


def test_shuffled_copies() -> None:
    """The first by time stays, wherever it stands in the file."""
    packet = ether() / ip(id=77) / SIP
    assert frames(block_of([(5, packet), (4, packet), (6, packet)])) == ([2], {1: 2, 3: 2})


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """All at one time: only so many rows are remembered."""
    monkeypatch.setattr(duplicates, "REMEMBERED_ROWS", 10)
    octets = [bytes(ether() / ip(id=number) / SIP) for number in range(30)]
    selector = Selector()
    for first in range(0, 30, 5):
        selector.select(block_of([(0, packet) for packet in octets[first : first + 5]], first + 1))
    selector.flush()
    assert len(selector._copies._recent) == 10


def test_every_field_counts_in_its_place() -> None:
    """The mark is a hash of fields in order, not of their sum."""
    fields = [np.array([value], np.int64) for value in (1, 2, 3)]
    direction = np.array([7], np.uint64)
    assert len({int(marks(direction, *order)[0]) for order in itertools.permutations(fields)}) == 6
