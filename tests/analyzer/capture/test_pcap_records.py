"""Classic pcap (draft-ietf-opsawg-pcap): exact columns in every variant, cuts, damage, block borders."""

from __future__ import annotations

import io
import struct

import pytest

from analyzer.capture.errors import CaptureError
from analyzer.capture.pcap import MAXIMUM_SNAPLEN, PcapDecoder, walk_pcap
from analyzer.capture.reader import CaptureFile, open_captures

Row = tuple[int, int, int, int, int, int, bytes]
PACKETS = [
    (1_700_000_000, 5, b"first", 5),
    (1_700_000_000, 999_999, b"", 0),
    (1_700_000_001, 0, bytes(range(256)), 1500),
    (4_294_967_295, 7, b"\xff" * 33, 33),
]
VARIANTS = [  # magic as a number, byte order, ns per unit, size of a record header
    (0xA1B2C3D4, ">", 1000, 16),
    (0xA1B2C3D4, "<", 1000, 16),
    (0xA1B23C4D, ">", 1, 16),
    (0xA1B23C4D, "<", 1, 16),
    (0xA1B2CD34, ">", 1000, 24),
    (0xA1B2CD34, "<", 1000, 24),
]


def header(magic: int = 0xA1B2C3D4, order: str = "<", minor: int = 4, network: int = 1, major: int = 2) -> bytes:
    return struct.pack(order + "IHHiIII", magic, major, minor, 0, 0, 262144, network)


def record(seconds: int, fraction: int, octets: bytes, wirelen: int, order: str = "<", size: int = 16) -> bytes:
    return struct.pack(order + "IIII", seconds, fraction, len(octets), wirelen) + bytes(size - 16) + octets


def pcap_file(magic: int = 0xA1B2C3D4, order: str = "<", size: int = 16) -> bytes:
    return header(magic, order) + b"".join(record(*packet, order, size) for packet in PACKETS)


def read(data: bytes, block_bytes: int = 1 << 20) -> tuple[list[Row], CaptureFile]:
    reader = open_captures(["-"], stdin=io.BytesIO(data), block_bytes=block_bytes)
    rows = []
    for block in reader.blocks():
        columns = (block.frame, block.time, block.caplen, block.wirelen, block.linktype, block.interface)
        ends = zip(block.offset.tolist(), (block.offset + block.caplen).tolist(), strict=True)
        octets = [block.data[start:end] for start, end in ends]
        rows += list(zip(*(column.tolist() for column in columns), octets, strict=True))
    return rows, reader.captures[0]


def expected(unit: int, count: int = len(PACKETS)) -> list[Row]:
    return [
        (number, seconds * 10**9 + fraction * unit, len(octets), wirelen, 1, 0, octets)
        for number, (seconds, fraction, octets, wirelen) in enumerate(PACKETS[:count], 1)
    ]


@pytest.mark.parametrize(("magic", "order", "unit", "size"), VARIANTS)
@pytest.mark.parametrize("block_bytes", [1, 16, 64, 1 << 20])
def test_every_variant_gives_exact_columns(magic: int, order: str, unit: int, size: int, block_bytes: int) -> None:
    rows, capture = read(pcap_file(magic, order, size), block_bytes)
    assert rows == expected(unit)
    assert capture.format == "pcap"
    assert (capture.packets, capture.damage) == (4, None)
    assert (capture.first, capture.last) == (rows[0][1], rows[-1][1])


@pytest.mark.parametrize(("magic", "order", "unit", "size"), VARIANTS)
def test_cut_at_every_octet_keeps_all_whole_records(magic: int, order: str, unit: int, size: int) -> None:
    whole = pcap_file(magic, order, size)
    ends = [24]
    for _, _, octets, _ in PACKETS:
        ends.append(ends[-1] + size + len(octets))
    for cut in range(24, len(whole) + 1):
        rows, capture = read(whole[:cut])
        count = sum(end <= cut for end in ends) - 1
        assert rows == expected(unit, count)
        if cut in ends:
            assert capture.damage is None
        else:
            inside = cut - ends[count]
            want = ends[count + 1] - ends[count] if inside >= size else size
            assert capture.damage == (
                f"the file ends inside a record: {inside} of {want} octets, at octet {ends[count]}"
            )


@pytest.mark.parametrize("cut", range(4, 24))
def test_cut_in_the_file_header_is_refused(cut: int) -> None:
    with pytest.raises(CaptureError, match=f"cut inside the file header, {cut} of 24 octets"):
        read(pcap_file()[:cut])


@pytest.mark.parametrize("order", ["<", ">"])
def test_link_type_field_with_fcs_length(order: str) -> None:
    """Draft section 4: FCS length in bits 28-31, its P bit 26, the link type in the low 16."""
    rows, _ = read(header(order=order, network=0x24000071) + record(*PACKETS[0], order))
    assert rows[0][4] == 113


def test_lengths_change_places_before_version_2_3() -> None:
    """libpcap sf-pcap.c: in old files the length on the wire comes before the captured one."""
    old = struct.pack("<IIII", 1, 2, 1500, 5) + b"first"
    rows, capture = read(header(minor=2) + old + old)
    assert [row[2:4] for row in rows] == [(5, 1500), (5, 1500)]
    assert capture.damage is None


@pytest.mark.parametrize(("major", "minor"), [(1, 0), (2, 5), (3, 0), (543, 0)])
def test_unknown_version_is_refused(major: int, minor: int) -> None:
    with pytest.raises(CaptureError, match=rf"pcap version {major}\.{minor}, only 2\.0 to 2\.4 are known"):
        read(header(major=major, minor=minor))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("claimed", [MAXIMUM_SNAPLEN + 1, 1 << 28, (1 << 32) - 1])
@pytest.mark.parametrize("after", [b"", b"x" * 1000, b"x" * (MAXIMUM_SNAPLEN + 100)])
@pytest.mark.parametrize("block_bytes", [64, 4 << 20])
def test_implausible_length_is_damage(order: str, claimed: int, after: bytes, block_bytes: int) -> None:
    data = header(order=order) + record(*PACKETS[0], order)
    bad = struct.pack(order + "IIII", 1, 2, claimed, claimed) + after
    rows, capture = read(data + bad, block_bytes)
    assert rows == expected(1000, 1)
    assert capture.damage == (
        f"damaged record header: it claims a packet of {claimed} octets, more than 262144, at octet {len(data)}"
    )


def test_large_packets_where_the_link_type_has_them() -> None:
    """D-Bus messages reach 128 MiB, so a claim past 262144 octets is no damage there."""
    rows, capture = read(header(network=231) + record(1, 2, bytes(300_000), 300_000))
    assert [row[2] for row in rows] == [300_000]
    assert capture.damage is None


def test_header_without_packets() -> None:
    rows, capture = read(header())
    assert rows == []
    assert (capture.packets, capture.first, capture.last, capture.damage) == (0, None, None, None)


def test_walk_stops_where_the_rest_starts() -> None:
    data = pcap_file()
    assert walk_pcap(data, 24, False, 16) == ([24, 45, 61, 333], len(data))
    assert walk_pcap(data[:-1], 24, False, 16) == ([24, 45, 61], 333)
    assert walk_pcap(data[:335], 24, False, 16) == ([24, 45, 61], 333)


def test_decoder_counts_on_over_calls() -> None:
    data = pcap_file()
    decoder = PcapDecoder(data[:24])
    first, end = decoder.decode(data[:100], 24)
    second, _ = decoder.decode(data[end:])
    assert first.frame.tolist() == [1, 2]
    assert second.frame.tolist() == [3, 4]
