"""Tunnels that scapy built: the innermost datagram comes out exactly, as tshark has it too; RTP stays noise."""

from __future__ import annotations

import ipaddress
import shutil
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analyzer.capture.blocks import PacketBlock
from analyzer.capture.select import Selector

inet = pytest.importorskip("scapy.layers.inet")
inet6 = pytest.importorskip("scapy.layers.inet6")
l2 = pytest.importorskip("scapy.layers.l2")
ppp = pytest.importorskip("scapy.layers.ppp")
vxlan = pytest.importorskip("scapy.layers.vxlan").VXLAN
l2tp = pytest.importorskip("scapy.layers.l2tp").L2TP
mpls = pytest.importorskip("scapy.contrib.mpls").MPLS
gtp = pytest.importorskip("scapy.contrib.gtp")
geneve = pytest.importorskip("scapy.contrib.geneve").GENEVE
erspan = pytest.importorskip("scapy.contrib.erspan")
raw = pytest.importorskip("scapy.packet").Raw

IP, UDP, TCP, IPv6, GRE = inet.IP, inet.UDP, inet.TCP, inet6.IPv6, l2.GRE
MAC = "02:00:00:00:00:01"
ETHER = l2.Ether(src=MAC, dst=MAC)
TEXT = b"OPTIONS sip:a@example.com SIP/2.0\r\n\r\n"
RTP = b"\x80\x08" + bytes(170)
OUTER4 = IP(src="10.0.0.1", dst="10.0.0.2")
OUTER6 = IPv6(src="2001:db8:f::1", dst="2001:db8:f::2")


def inner4(payload: bytes) -> Any:
    return IP(src="192.0.2.1", dst="198.51.100.2", id=77) / UDP(sport=5060, dport=5070, chksum=0) / raw(payload)


def inner6(payload: bytes) -> Any:
    return IPv6(src="2001:db8::1", dst="2001:db8::2") / UDP(sport=5060, dport=5070) / raw(payload)


def gre_raw(protocol: int, flags: int, rest: bytes) -> Any:
    return ETHER / IP(src="10.0.0.1", dst="10.0.0.2", proto=47) / raw(struct.pack(">HH", flags, protocol) + rest)


def tunnels(inner: Any) -> dict[str, Any]:
    """Every encapsulation around one IP packet."""
    version = 4 if isinstance(inner, IP) else 6
    ethertype = 0x0800 if version == 4 else 0x86DD
    octets = bytes(inner)
    gtp_udp = OUTER4 / UDP(sport=2152, dport=2152)
    l2tp_udp = OUTER4 / UDP(sport=1701, dport=1701)
    length = len(octets)
    return {
        "mpls": ETHER / mpls(label=16, s=1) / inner,
        "mpls-stack": ETHER / mpls(label=16, s=0) / mpls(label=17, s=0) / mpls(label=18, s=1) / inner,
        "pseudowire": ETHER / mpls(label=99, s=1) / raw(bytes(4) + bytes(ETHER / inner)),
        "pppoe": ETHER / ppp.PPPoE(sessionid=3) / ppp.PPP(proto=0x21 if version == 4 else 0x57) / inner,
        "pppoe-padded": bytes(ETHER / ppp.PPPoE(sessionid=3) / ppp.PPP(proto=0x21 if version == 4 else 0x57) / inner)
        + b"padding padding",
        "gre": ETHER / OUTER4 / GRE(proto=ethertype) / inner,
        "gre-over-ipv6": ETHER / OUTER6 / GRE(proto=ethertype) / inner,
        "gre-all-fields": ETHER
        / OUTER4
        / GRE(proto=ethertype, chksum_present=1, key_present=1, seqnum_present=1, key=5, sequence_number=6)
        / inner,
        "gre-teb": ETHER / OUTER4 / GRE(proto=0x6558) / ETHER / inner,
        "gre-teb-vlan": ETHER / OUTER4 / GRE(proto=0x6558) / ETHER / l2.Dot1Q(vlan=4) / inner,
        "gre-mpls": ETHER / OUTER4 / GRE(proto=0x8847) / mpls(label=16, s=1) / inner,
        "pptp": gre_raw(
            0x880B,
            0x3081,
            struct.pack(">HHII", length + 4, 1, 2, 3)
            + b"\xff\x03"
            + struct.pack(">H", 0x21 if version == 4 else 0x57)
            + octets,
        ),
        "erspan-1": gre_raw(0x88BE, 0, bytes(ETHER / inner)),
        "erspan-2": gre_raw(0x88BE, 0x1000, bytes(4) + b"\x10\x00\0\0\0\0\0\0" + bytes(ETHER / inner)),
        "erspan-3": gre_raw(0x22EB, 0x1000, bytes(4) + b"\x20" + bytes(11) + bytes(ETHER / inner)),
        "erspan-3-subheader": gre_raw(
            0x22EB, 0x1000, bytes(4) + b"\x20" + bytes(10) + b"\x01" + bytes(8) + bytes(ETHER / inner)
        ),
        "gtp-u": ETHER / gtp_udp / gtp.GTP_U_Header(teid=9, gtp_type=255) / inner,
        "gtp-u-over-ipv6": ETHER
        / OUTER6
        / UDP(sport=2152, dport=2152)
        / gtp.GTP_U_Header(teid=9, gtp_type=255)
        / inner,
        "gtp-u-sequence": ETHER / gtp_udp / gtp.GTP_U_Header(teid=9, gtp_type=255, S=1, seq=5) / inner,
        "gtp-u-pdu-session": ETHER
        / gtp_udp
        / raw(struct.pack(">BBHIHBB", 0x34, 255, length + 8, 9, 0, 0, 0x85) + b"\x01\x10\x05\x00" + octets),
        "gtp-u-two-extensions": ETHER
        / gtp_udp
        / raw(
            struct.pack(">BBHIHBB", 0x34, 255, length + 16, 9, 0, 0, 0x85)
            + b"\x02\x10\x05\0\0\0\0\xc0"
            + b"\x01\0\0\0"
            + octets
        ),
        "gtp-u-stale-next-type": ETHER
        / gtp_udp
        / raw(struct.pack(">BBHIHBB", 0x32, 255, length + 4, 9, 7, 0, 0x85) + octets),
        "ip-in-ip": ETHER / OUTER4 / inner,
        "ip-in-ipv6": ETHER / OUTER6 / inner,
        "vxlan": ETHER / OUTER4 / UDP(sport=50000, dport=4789) / vxlan(vni=7, flags="Instance") / ETHER / inner,
        "geneve": ETHER / OUTER4 / UDP(sport=50000, dport=6081) / geneve(vni=7, proto=0x6558) / ETHER / inner,
        "geneve-ip": ETHER
        / OUTER4
        / UDP(sport=50000, dport=6081)
        / raw(struct.pack(">BBHI", 1, 0, ethertype, 0x700) + b"\1\1\1\0" + octets),
        "l2tp": ETHER
        / l2tp_udp
        / raw(struct.pack(">HHH", 2, 1, 2) + b"\xff\x03" + struct.pack(">H", 0x21 if version == 4 else 0x57) + octets),
        "l2tp-all-fields": ETHER
        / l2tp_udp
        / raw(
            struct.pack(">HHHHHHH", 0x4A02, length + 20, 1, 2, 3, 4, 2)
            + b"\0\0\xff\x03"
            + struct.pack(">H", 0x21 if version == 4 else 0x57)
            + octets
        ),
        "vn-tag": l2.Ether(src=MAC, dst=MAC, type=0x8926)
        / raw(b"\x00\x0a\x80\x0b" + struct.pack(">H", ethertype) + octets),
        "vn-tag-vlan": l2.Ether(src=MAC, dst=MAC, type=0x8926)
        / raw(b"\x00\x0a\x80\x0b\x81\x00\x00\x04" + struct.pack(">H", ethertype) + octets),
        "tzsp": ETHER / OUTER4 / UDP(sport=50000, dport=37008) / raw(b"\1\0\0\1\1" + bytes(ETHER / inner)),
        "tzsp-tagged-fields": ETHER
        / OUTER4
        / UDP(sport=50000, dport=37008)
        / raw(b"\1\0\0\1" + b"\x0a\1\x50" + b"\0\0" + b"\x29\2\0\x40" + b"\1" + bytes(ETHER / inner)),
        "l2tp-3": ETHER
        / IP(src="10.0.0.1", dst="10.0.0.2", proto=115)
        / raw(struct.pack(">I", 9) + bytes(ETHER / inner)),
        "l2tp-3-udp": ETHER / l2tp_udp / raw(struct.pack(">HHI", 3, 0, 9) + bytes(ETHER / inner)),
        "gtp-in-mpls-in-gre": ETHER
        / OUTER4
        / GRE(proto=0x8847)
        / mpls(label=16, s=1)
        / gtp_udp
        / gtp.GTP_U_Header(teid=9, gtp_type=255)
        / inner,
    }


def l2tp_3(inner: Any, *, cookie: int, sublayer: int, udp: bool) -> Any:
    """RFC 3931 section 4.1: session identifier, cookie, L2-specific sublayer, Ethernet."""
    frame = struct.pack(">I", 9) + b"\x5a" * cookie + bytes(sublayer) + bytes(ETHER / inner)
    if udp:
        return ETHER / OUTER4 / UDP(sport=1701, dport=1701) / raw(struct.pack(">HH", 3, 0) + frame)
    return ETHER / IP(src="10.0.0.1", dst="10.0.0.2", proto=115) / raw(frame)


L2TP_3 = [(cookie, sublayer, udp) for cookie in (0, 4, 8) for sublayer in (0, 4) for udp in (False, True)]


NAMES = list(tunnels(inner4(TEXT)))


def block_of(packets: Sequence[Any], linktype: int = 1) -> PacketBlock:
    octets = [bytes(packet) for packet in packets]
    size = np.array([len(packet) for packet in octets], np.int64)
    count = len(octets)
    return PacketBlock(
        data=b"".join(octets),
        frame=np.arange(1, count + 1),
        time=np.arange(count) * 1_000_000_000,
        offset=np.cumsum(size) - size,
        caplen=size,
        wirelen=size,
        linktype=np.full(count, linktype, np.int32),
        interface=np.zeros(count, np.int32),
    )


def write_pcap(path: Path, packets: Sequence[Any]) -> None:
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for second, packet in enumerate(packets):
            octets = bytes(packet)
            file.write(struct.pack("<IIII", second, 0, len(octets), len(octets)) + octets)


def selected(block: PacketBlock) -> tuple[list[tuple[int, int, int, bytes]], dict[str, int]]:
    """(frame, addresses, ports, payload) of all rows, and the account."""
    selector = Selector()
    found, account = [], {}
    for rows in (selector.select(block), selector.flush()):
        octets = [rows.data[start:end] for start, end in zip(rows.start, rows.end, strict=True)]
        found += list(zip(rows.frame, rows.addresses, rows.ports, octets, strict=True))
        for reason, count in rows.account.items():
            account[reason] = account.get(reason, 0) + count
    assert len(found) + sum(account.values()) == len(block)
    return found, account


def text(address: bytes) -> str:
    return str(ipaddress.ip_address(address))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("version", [4, 6])
def test_innermost_datagram(name: str, version: int) -> None:
    inner = (inner4 if version == 4 else inner6)(TEXT)
    found, account = selected(block_of([tunnels(inner)[name]]))
    header = bytes(inner)
    addresses = int.from_bytes(header[12:20] if version == 4 else header[8:40])
    assert found == [(1, addresses, version << 40 | 17 << 32 | 5060 << 16 | 5070, TEXT)]
    assert account == {}


@pytest.mark.parametrize("name", NAMES)
def test_rtp_inside_is_noise(name: str) -> None:
    """A tunnelled voice call costs no row."""
    inner = IP(src="192.0.2.1", dst="198.51.100.2") / UDP(sport=20000, dport=30000) / raw(RTP)
    assert selected(block_of([tunnels(inner)[name]])) == ([], {"udp other": 1})


@pytest.mark.parametrize("name", NAMES)
def test_cut_anywhere(name: str) -> None:
    """Whatever the snaplen left: a beginning of the text, or a count."""
    octets = bytes(tunnels(inner4(TEXT))[name])
    block = block_of([octets] * len(octets))
    block.caplen = np.arange(len(octets))
    found, _ = selected(block)
    assert all(TEXT.startswith(payload) for *_, payload in found)


@pytest.mark.parametrize(("cookie", "sublayer", "udp"), L2TP_3)
@pytest.mark.parametrize("version", [4, 6])
def test_l2tp_3_is_read_as_it_verifies(cookie: int, sublayer: int, udp: bool, version: int) -> None:
    inner = (inner4 if version == 4 else inner6)(TEXT)
    found, account = selected(block_of([l2tp_3(inner, cookie=cookie, sublayer=sublayer, udp=udp)]))
    assert [(ports >> 40, payload) for _, _, ports, payload in found] == [(version, TEXT)]
    assert account == {}


@pytest.mark.interop
@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
@pytest.mark.parametrize("cookie", [0, 4, 8])
@pytest.mark.parametrize("sublayer", [0, 4])
def test_tshark_reads_l2tp_3_the_same(cookie: int, sublayer: int, tmp_path: Path) -> None:
    """tshark is told what the ends agreed; here it is found."""
    packets = [l2tp_3(inner4(TEXT), cookie=cookie, sublayer=sublayer, udp=udp) for udp in (False, True)]
    path = tmp_path / "l2tp.pcap"
    write_pcap(path, packets)
    size = {0: "None", 4: "4 Byte Cookie", 8: "8 Byte Cookie"}[cookie]
    layer = {0: "None", 4: "Default L2-Specific"}[sublayer]
    told = ["-o", f"l2tp.cookie_size:{size}", "-o", f"l2tp.l2_specific:{layer}"]
    fields = ["-T", "fields", "-E", "occurrence=l", "-e", "ip.src", "-e", "udp.srcport"]
    command = ["tshark", "-r", str(path), *told, "-d", "l2tp.pw_type==0,eth", *fields]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert out.split() == ["192.0.2.1", "5060"] * 2
    assert [(ports >> 16 & 0xFFFF, payload) for _, _, ports, payload in selected(block_of(packets))[0]] == [
        (5060, TEXT)
    ] * 2


def test_tzsp_of_raw_ip_and_ppp() -> None:
    """Encapsulated protocols other than Ethernet, as the header names them."""
    inner = bytes(inner4(TEXT))
    outer = ETHER / OUTER4 / UDP(sport=50000, dport=37008)
    packets = [outer / raw(b"\1\0\0\7\1" + inner), outer / raw(b"\1\0\0\4\1\xff\3\0\x21" + inner)]
    found, account = selected(block_of(packets))
    assert [row[3] for row in found] == [TEXT, TEXT]
    assert account == {}


def test_tzsp_of_wireless_frames() -> None:
    """IEEE 802.11 is left to scapy."""
    dot11 = pytest.importorskip("scapy.layers.dot11")
    frame = dot11.Dot11(type=2, subtype=0, FCfield=1, addr1=MAC, addr2=MAC, addr3=MAC) / l2.LLC() / l2.SNAP()
    packet = ETHER / OUTER4 / UDP(sport=50000, dport=37008) / raw(b"\1\0\0\x12\1" + bytes(frame / inner4(TEXT)))
    assert [row[3] for row in selected(block_of([packet]))[0]] == [TEXT]


UNREADABLE = [
    pytest.param(ETHER / OUTER4 / UDP(dport=37008) / raw(b"\1\0\0\1" + b"\x0a\1\x50"), id="tzsp-without-end"),
    pytest.param(ETHER / OUTER4 / UDP(dport=37008) / raw(b"\1\0\0\1" + b"\0" * 90 + b"\1"), id="tzsp-padding-endless"),
    pytest.param(ETHER / OUTER4 / UDP(dport=37008) / raw(b"\1\0\0\2\1" + bytes(60)), id="tzsp-token-ring"),
    pytest.param(
        ETHER / IP(src="10.0.0.1", dst="10.0.0.2", proto=115) / raw(b"\0\0\0\1" + b"\x9f" * 60), id="l2tp-3-unverified"
    ),
    pytest.param(
        ETHER / OUTER4 / UDP(sport=1701, dport=1701) / raw(b"\0\3\0\0\0\0\0\1" + b"\x45" * 60), id="l2tp-3-udp"
    ),
    pytest.param(ETHER / mpls(label=16, s=0) / raw(bytes(2)), id="mpls-cut"),
    pytest.param(ETHER / mpls(label=16, s=1) / raw(b"\x9f" * 40), id="mpls-of-something"),
    pytest.param(gre_raw(0x0800, 0x4000, bytes(60)), id="gre-routing"),
    pytest.param(gre_raw(0x0800, 0x0002, bytes(60)), id="gre-version-2"),
    pytest.param(
        ETHER / OUTER4 / UDP(dport=2152) / raw(b"\x30\xff\0\x10" + bytes(4) + b"\x90" * 16), id="gtp-u-of-something"
    ),
    pytest.param(
        ETHER / OUTER4 / UDP(dport=2152) / raw(b"\x34\xff\0\x20" + bytes(7) + b"\x85" + bytes(24)),
        id="gtp-u-extension-empty",
    ),
    pytest.param(
        ETHER / OUTER4 / UDP(dport=2152) / raw(b"\x34\xff\1\0" + bytes(7) + b"\x85" + b"\1\0\0\x85" * 60),
        id="gtp-u-extensions-endless",
    ),
]


@pytest.mark.parametrize("packet", UNREADABLE)
def test_unreadable_tunnels_are_counted(packet: Any) -> None:
    assert selected(block_of([packet])) == ([], {"tunnel unreadable": 1})


def test_tunnels_in_tunnels_have_a_bound() -> None:
    packet = inner4(TEXT)
    for _ in range(40):
        packet = OUTER4 / packet
    assert selected(block_of([packet], 101)) == ([], {"tunnel unreadable": 1})


@pytest.mark.parametrize(
    ("port", "payload"),
    [
        (2152, b"\x32\x01\0\4" + bytes(8)),  # GTP-U echo request
        (2152, b"\x48\x20\0\4" + bytes(8)),  # GTPv2
        (4789, bytes(20)),  # no I flag
        (1701, b"\xc8\x02" + bytes(18)),  # L2TP control
    ],
)
def test_tunnel_ports_without_tunnel(port: int, payload: bytes) -> None:
    packet = ETHER / OUTER4 / UDP(sport=port, dport=port) / raw(payload)
    assert selected(block_of([packet])) == ([], {"udp other": 1})


def test_text_on_a_tunnel_port_is_text() -> None:
    packet = ETHER / OUTER4 / UDP(sport=2152, dport=5060) / raw(TEXT)
    assert [row[3] for row in selected(block_of([packet]))[0]] == [TEXT]


def test_tcp_in_tunnels_keeps_its_numbers() -> None:
    segment = (
        IP(src="192.0.2.1", dst="198.51.100.2")
        / TCP(sport=2855, dport=2855, seq=5, ack=6, flags="PA")
        / raw(b"MSRP a SEND")
    )
    block = block_of(list(tunnels(segment).values()))
    selector = Selector()
    parts = [selector.select(block), selector.flush()]
    assert [number for rows in parts for number in rows.frame] == list(block.frame)
    assert {number for rows in parts for number in zip(rows.seq, rows.ack, rows.flags, rows.ports, strict=True)} == {
        (5, 6, 0x18, 4 << 40 | 6 << 32 | 2855 << 16 | 2855)
    }


@pytest.mark.interop
@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_tshark_reads_the_same(tmp_path: Path) -> None:
    """The innermost addresses, ports and payload, frame for frame."""
    packets = list(tunnels(inner4(TEXT)).values()) + list(tunnels(inner6(TEXT)).values())
    path = tmp_path / "tunnels.pcap"
    write_pcap(path, packets)
    told = [
        "-d",
        "mpls.label==99,pwethcw",
        "-d",
        "l2tp.pw_type==0,eth",
        "-o",
        "l2tp.l2_specific:None",
    ]  # MPLS does not say what it holds, and tshark does not guess at pseudowires
    fields = [
        f"-e{name}"
        for name in ("frame.number", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "udp.srcport", "udp.payload")
    ]
    command = ["tshark", "-r", str(path), *told, "-T", "fields", "-E", "occurrence=l", "-E", "separator=;", *fields]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    seen = [line.split(";") for line in out.splitlines()]
    found, _ = selected(block_of(packets))
    names = NAMES * 2
    differ = []
    for line, (frame, addresses, ports, payload) in zip(seen, found, strict=True):
        version = ports >> 40
        size = 4 if version == 4 else 16
        key = addresses.to_bytes(2 * size)
        ours = (str(frame), text(key[:size]), text(key[size:]), str(ports >> 16 & 0xFFFF), payload.hex())
        theirs = (line[0], *(line[1:3] if version == 4 else line[3:5]), line[5], line[6].replace(":", ""))
        if ours != theirs:
            differ.append((names[frame - 1], ours, theirs))
    assert differ == []
