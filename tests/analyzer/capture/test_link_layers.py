"""Link layers and IP headers: exactly what comes out of packets that scapy built, and what is counted."""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from analyzer.capture.blocks import PacketBlock
from analyzer.capture.rows import Rows
from analyzer.capture.select import Selector

inet = pytest.importorskip("scapy.layers.inet")
inet6 = pytest.importorskip("scapy.layers.inet6")
l2 = pytest.importorskip("scapy.layers.l2")
ppp = pytest.importorskip("scapy.layers.ppp")
raw = pytest.importorskip("scapy.packet").Raw

Dot1Q, Dot1AD = l2.Dot1Q, l2.Dot1AD
IP, UDP, TCP, IPv6 = inet.IP, inet.UDP, inet.TCP, inet6.IPv6

TEXT = b"OPTIONS sip:a@example.com SIP/2.0\r\n\r\n"


MAC = "02:00:00:00:00:01"


def ether(**fields: int) -> Any:
    """Ethernet with addresses, which scapy would otherwise ask the network for."""
    return l2.Ether(src=MAC, dst=MAC, **fields)


def block_of(packets: Sequence[Any], linktype: int | Sequence[int] = 1) -> PacketBlock:
    """Packets with 4 octets of something else before each, 1 s apart."""
    octets = [bytes(packet) for packet in packets]
    data, offset = b"", []
    for packet in octets:
        offset.append(len(data) + 4)
        data += b"\xee" * 4 + packet
    count = len(octets)
    return PacketBlock(
        data=data,
        frame=np.arange(1, count + 1),
        time=np.arange(count) * 1_000_000_000,
        offset=np.array(offset, np.int64),
        caplen=np.array([len(packet) for packet in octets], np.int64),
        wirelen=np.array([len(packet) for packet in octets], np.int64),
        linktype=np.broadcast_to(np.array(linktype, np.int32), count),
        interface=np.zeros(count, np.int32),
    )


def selected(block: PacketBlock) -> tuple[list[Rows], dict[str, int]]:
    """All that a block gives, and the account; every packet must be in one of the two."""
    selector = Selector()
    parts = [selector.select(block), selector.flush()]
    account: dict[str, int] = {}
    for part in parts:
        for reason, count in part.account.items():
            account[reason] = account.get(reason, 0) + count
    whole = sum(len(part) + sum(len(more) - 1 for more in part.more_frames.values()) for part in parts)
    assert whole + sum(account.values()) == len(block)
    return parts, account


def payloads(parts: list[Rows]) -> list[bytes]:
    return [part.data[start:end] for part in parts for start, end in zip(part.start, part.end, strict=True)]


V4 = IP(src="192.0.2.1", dst="198.51.100.2", id=77) / UDP(sport=5060, dport=5070) / raw(TEXT)
V6 = IPv6(src="2001:db8::1", dst="2001:db8::2", fl=0x12345) / UDP(sport=5060, dport=5070) / raw(TEXT)
V4_KEY = (0xC0000201_C6336402, 4 << 40 | 17 << 32 | 5060 << 16 | 5070)
V6_KEY = (
    int.from_bytes(socket.inet_pton(socket.AF_INET6, "2001:db8::1") + socket.inet_pton(socket.AF_INET6, "2001:db8::2")),
    6 << 40 | 17 << 32 | 5060 << 16 | 5070,
)

LINKS = [
    pytest.param(1, ether() / V4, V4_KEY, id="ethernet"),
    pytest.param(1, ether() / V6, V6_KEY, id="ethernet-ipv6"),
    pytest.param(1, ether() / Dot1Q(vlan=5) / V4, V4_KEY, id="802.1Q"),
    pytest.param(1, ether() / Dot1AD(vlan=5) / Dot1Q(vlan=6) / V6, V6_KEY, id="802.1ad"),
    pytest.param(1, ether(type=0x9100) / Dot1Q(vlan=5) / Dot1Q(vlan=6) / V4, V4_KEY, id="QinQ-9100"),
    pytest.param(1, ether() / Dot1AD() / Dot1AD() / Dot1Q() / Dot1Q() / V4, V4_KEY, id="four-tags"),
    pytest.param(1, l2.Dot3(src=MAC, dst=MAC) / l2.LLC() / l2.SNAP() / V4, V4_KEY, id="snap"),
    pytest.param(1, bytes(ether() / V4) + bytes(40), V4_KEY, id="trailer"),
    pytest.param(113, l2.CookedLinux(proto=0x0800) / V4, V4_KEY, id="cooked"),
    pytest.param(113, l2.CookedLinux(proto=0x8100) / Dot1Q() / V6, V6_KEY, id="cooked-vlan"),
    pytest.param(276, l2.CookedLinuxV2(proto=0x0800) / V4, V4_KEY, id="cooked-v2"),
    pytest.param(276, l2.CookedLinuxV2(proto=0x86DD) / V6, V6_KEY, id="cooked-v2-ipv6"),
    pytest.param(0, struct.pack("<I", 2) + bytes(V4), V4_KEY, id="null-little"),
    pytest.param(0, struct.pack(">I", 2) + bytes(V4), V4_KEY, id="null-big"),
    pytest.param(0, struct.pack("<I", 24) + bytes(V6), V6_KEY, id="null-bsd"),
    pytest.param(0, struct.pack("<I", 28) + bytes(V6), V6_KEY, id="null-freebsd"),
    pytest.param(0, struct.pack("<I", 30) + bytes(V6), V6_KEY, id="null-darwin"),
    pytest.param(108, struct.pack(">I", 2) + bytes(V4), V4_KEY, id="loop"),
    pytest.param(101, V4, V4_KEY, id="raw"),
    pytest.param(101, V6, V6_KEY, id="raw-ipv6"),
    pytest.param(12, V4, V4_KEY, id="raw-12"),
    pytest.param(14, V6, V6_KEY, id="raw-14"),
    pytest.param(228, V4, V4_KEY, id="ipv4"),
    pytest.param(229, V6, V6_KEY, id="ipv6"),
    pytest.param(9, ppp.PPP() / V4, V4_KEY, id="ppp"),
    pytest.param(9, b"\xff\x03\x00\x57" + bytes(V6), V6_KEY, id="ppp-framed"),
    pytest.param(9, b"\x21" + bytes(V4), V4_KEY, id="ppp-compressed-protocol"),
    pytest.param(104, b"\x0f\x00\x08\x00" + bytes(V4), V4_KEY, id="cisco-hdlc"),
    # left to scapy
    pytest.param(105, b"\x08\x00" + bytes(22) + b"\xaa\xaa\x03\0\0\0\x08\0" + bytes(V4), V4_KEY, id="802.11"),
    pytest.param(192, b"\0\0\x08\0\1\0\0\0" + bytes(ether() / V4), V4_KEY, id="ppi"),
    pytest.param(51, ppp.PPPoE(sessionid=3) / ppp.PPP(proto=0x21) / V4, V4_KEY, id="pppoe"),
    pytest.param(
        127, b"\0\0\x08\0\0\0\0\0\x08\0" + bytes(22) + b"\xaa\xaa\x03\0\0\0\x86\xdd" + bytes(V6), V6_KEY, id="radiotap"
    ),
]


@pytest.mark.parametrize(("linktype", "packet", "key"), LINKS)
def test_link_layer(linktype: int, packet: Any, key: tuple[int, int]) -> None:
    parts, account = selected(block_of([packet], linktype))
    row = parts[1]
    assert (row.addresses, row.ports) == ([key[0]], [key[1]])
    assert payloads(parts) == [TEXT]
    assert (row.frame, row.time, row.transport, row.missing) == ([1], [0], [17], [0])
    assert (row.seq, row.ack, row.flags) == ([0], [0], [0])
    assert account == {}


def test_link_types_mixed_in_one_block() -> None:
    """pcapng: each interface has its own link type."""
    kinds = [case.values for case in LINKS]
    parts, account = selected(block_of([packet for _, packet, _ in kinds], [kind for kind, _, _ in kinds]))
    found = [key for part in parts for key in zip(part.addresses, part.ports, strict=True)]
    assert found == [key for _, _, key in kinds]
    assert payloads(parts) == [TEXT] * len(kinds)
    assert account == {}


@pytest.mark.parametrize(("linktype", "packet", "key"), LINKS)
def test_cut_anywhere(linktype: int, packet: Any, key: tuple[int, int]) -> None:
    """However little the snaplen left: a row whose octets add up, or a count (`selected` sees to that)."""
    octets = bytes(packet)
    block = block_of([octets] * len(octets), linktype)
    block.caplen = np.arange(len(octets))
    parts, account = selected(block)
    for part in parts:
        for start, end, missing in zip(part.start, part.end, part.missing, strict=True):
            assert TEXT.startswith(part.data[start:end])
            assert end - start + missing == len(TEXT)
    assert account["truncated header"] > 20 or linktype in (51, 105, 127, 192)


HOP, DEST, ROUTE = inet6.IPv6ExtHdrHopByHop, inet6.IPv6ExtHdrDestOpt, inet6.IPv6ExtHdrRouting
BASE6 = IPv6(src="2001:db8::1", dst="2001:db8::2")
DATAGRAM = UDP(sport=5060, dport=5070) / raw(TEXT)


@pytest.mark.parametrize(
    ("packet", "key"),
    [
        pytest.param(
            IP(src="192.0.2.1", dst="198.51.100.2", options=inet.IPOption_RR()) / DATAGRAM, V4_KEY, id="options"
        ),
        pytest.param(
            IP(src="192.0.2.1", dst="198.51.100.2", proto=51) / raw(b"\x11\x04" + bytes(22) + bytes(V4)[20:]),
            V4_KEY,
            id="ipv4-ah",
        ),
        pytest.param(BASE6 / HOP() / DATAGRAM, V6_KEY, id="hop-by-hop"),
        pytest.param(BASE6 / HOP() / DEST() / DEST() / DATAGRAM, V6_KEY, id="destination"),
        pytest.param(BASE6 / ROUTE(addresses=["2001:db8::2"]) / DATAGRAM, V6_KEY, id="routing"),
        pytest.param(BASE6 / inet6.IPv6ExtHdrFragment(nh=17) / DATAGRAM, V6_KEY, id="atomic-fragment"),
        pytest.param(
            IPv6(src="2001:db8::1", dst="2001:db8::2", nh=51) / raw(b"\x11\x04" + bytes(22) + bytes(V6)[40:]),
            V6_KEY,
            id="ipv6-ah",
        ),
    ],
)
def test_headers_before_the_payload(packet: Any, key: tuple[int, int]) -> None:
    """RFC 791 section 3.1 options; RFC 8200 section 4; RFC 4302; RFC 6946."""
    parts, account = selected(block_of([packet], 101))
    assert payloads(parts) == [TEXT]
    assert [(row.addresses, row.ports) for row in parts if len(row)] == [([key[0]], [key[1]])]
    assert account == {}


def broken(packet: Any, at: int, octets: bytes) -> bytes:
    whole = bytes(packet)
    return whole[:at] + octets + whole[at + len(octets) :]


@pytest.mark.parametrize(
    ("linktype", "packet", "reason"),
    [
        (1, ether() / l2.ARP(), "arp"),
        (1, ether(type=0x88CC) / raw(bytes(40)), "not IP"),
        (1, l2.Dot3(src=MAC, dst=MAC) / l2.LLC(dsap=0x42, ssap=0x42) / raw(bytes(38)), "not IP"),
        (1, b"\x02" * 13, "truncated header"),
        (1, b"", "truncated header"),
        (101, bytes(V4)[:19], "truncated header"),
        (101, bytes(V6)[:39], "truncated header"),
        (101, bytes(V4)[:27], "truncated header"),
        (101, b"\x50" + bytes(40), "not IP"),
        (228, broken(V4, 0, b"\x65"), "malformed header"),
        (229, broken(V6, 0, b"\x40"), "malformed header"),
        (101, broken(V4, 0, b"\x44"), "malformed header"),  # IHL 4
        (101, broken(V4, 2, b"\0\x13"), "malformed header"),  # total length 19
        (101, broken(V4, 24, b"\0\x07"), "malformed header"),  # UDP length 7
        (101, IP() / inet.ICMP() / raw(bytes(V4)), "icmp"),
        (101, IPv6() / inet6.ICMPv6EchoRequest(), "icmp"),
        (101, IP(proto=89) / raw(bytes(44)), "ip protocol 89"),
        (101, IPv6(nh=59), "ip protocol 59"),
        (101, IP() / TCP(dataofs=4), "malformed header"),
        (101, IP() / TCP(dataofs=15), "malformed header"),
        (0, bytes(4) + bytes(V4), "not IP"),
        (9, b"\xc0\x21" + bytes(20), "not IP"),
        (147, V4, "unsupported link type 147"),
        (195, V4, "unsupported link type 195"),
        (105, b"\x80" + bytes(60), "not IP"),
    ],
)
def test_counted(linktype: int, packet: Any, reason: str) -> None:
    parts, account = selected(block_of([packet], linktype))
    assert account == {reason: 1}
    assert payloads(parts) == []


def test_extension_headers_without_end() -> None:
    """RFC 8200 section 4 sets no bound on extension headers; here there is one."""
    packet = BASE6
    for _ in range(40):
        packet = packet / DEST()
    assert selected(block_of([packet / DATAGRAM], 101))[1] == {"malformed header": 1}


def test_padding_is_no_payload() -> None:
    """RFC 894: Ethernet pads to 46 octets; the IP total length tells the payload."""
    syn = (
        ether()
        / IP(src="192.0.2.1", dst="198.51.100.2")
        / TCP(sport=2855, dport=40000, seq=0xFFFFFFFF, ack=7, flags="SA")
    )
    parts, _ = selected(block_of([bytes(syn) + b"SIP " * 3]))
    row = parts[1]
    assert payloads(parts) == [b""]
    assert (row.transport, row.seq, row.ack, row.flags, row.missing) == ([6], [0xFFFFFFFF], [7], [0x12], [0])
    assert row.ports == [4 << 40 | 6 << 32 | 2855 << 16 | 40000]


@pytest.mark.parametrize("length", [0, 20 + 20 + 5])
def test_lengths_left_to_hardware(length: int) -> None:
    """A sender that segments in hardware is captured with total length 0: the packet reaches to its end."""
    packet = broken(
        IP(src="192.0.2.1", dst="198.51.100.2") / TCP(flags="PA") / raw(b"MSRP "), 2, struct.pack(">H", length)
    )
    parts, _ = selected(block_of([packet], 101))
    assert payloads(parts) == [b"MSRP "]


def test_snaplen_leaves_missing_octets() -> None:
    segment = ether() / IP(src="192.0.2.1", dst="198.51.100.2") / TCP(flags="PA") / raw(b"MSRP a SEND\r\n")
    block = block_of([segment])
    block.caplen[:] = 54 + 6
    parts, _ = selected(block)
    assert payloads(parts) == [b"MSRP a"]
    assert parts[1].missing == [7]
