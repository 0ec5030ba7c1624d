"""HEP3: the message comes out with the ends that its chunks name; what cannot be is counted by reason."""

from __future__ import annotations

import gzip
import json
import struct
from ipaddress import ip_address
from pathlib import Path

import pytest

from analyzer.capture.hep import EMPTY, MALFORMED, Unwrapped, ip_packet
from analyzer.cli.main import run
from tests.analyzer.capture.test_tunnels import ETHER, OUTER4, UDP, block_of, raw, selected, write_pcap

SIP = (
    b"OPTIONS sip:a@example.com SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK1\r\n"
    b"From: <sip:b@example.com>;tag=1\r\nTo: <sip:a@example.com>\r\nCall-ID: hep-1\r\n"
    b"CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
)


def chunk(kind: int, value: bytes, vendor: int = 0) -> bytes:
    return struct.pack(">HHH", vendor, kind, 6 + len(value)) + value


def hep(
    payload: bytes = SIP,
    *,
    source: str = "192.0.2.1",
    destination: str = "198.51.100.2",
    transport: int = 17,
    kind: int = 15,
) -> bytes:
    ends = [ip_address(source), ip_address(destination)]
    first = 3 if ends[0].version == 4 else 5
    body = b"".join(
        [
            chunk(1, bytes([2 if first == 3 else 10])),
            chunk(2, bytes([transport])),
            chunk(first, ends[0].packed),
            chunk(first + 1, ends[1].packed),
            chunk(7, struct.pack(">H", 5060)),
            chunk(8, struct.pack(">H", 5070)),
            chunk(9, struct.pack(">I", 1_700_000_000)),
            chunk(10, struct.pack(">I", 5)),
            chunk(11, b"\1"),
            chunk(12, struct.pack(">I", 2001)),
            chunk(15, b"of a vendor", vendor=1),
            chunk(kind, payload),
        ]
    )
    return b"HEP3" + struct.pack(">H", 6 + len(body)) + body


@pytest.mark.parametrize("port", [9060, 9061])
@pytest.mark.parametrize(
    ("version", "source", "destination"), [(4, "192.0.2.1", "198.51.100.2"), (6, "2001:db8::1", "2001:db8::2")]
)
@pytest.mark.parametrize("transport", [6, 17])
def test_message_with_its_ends(port: int, version: int, source: str, destination: str, transport: int) -> None:
    """By content, whatever the port; of TCP the message is all that crosses."""
    packet = (
        ETHER
        / OUTER4
        / UDP(sport=40000, dport=port)
        / raw(hep(source=source, destination=destination, transport=transport))
    )
    found, account = selected(block_of([packet]))
    addresses = int.from_bytes(ip_address(source).packed + ip_address(destination).packed)
    assert found == [(1, addresses, version << 40 | 17 << 32 | 5060 << 16 | 5070, SIP)]
    assert account == {}


def test_compressed_payload() -> None:
    packet = ETHER / OUTER4 / UDP(sport=40000, dport=9060) / raw(hep(gzip.compress(SIP), kind=16))
    assert [row[3] for row in selected(block_of([packet]))[0]] == [SIP]


def test_rtcp_reports_of_agents_are_noise() -> None:
    packet = ETHER / OUTER4 / UDP(sport=40000, dport=9060) / raw(hep(b"\x81\xc8\0\6" + bytes(24)))
    assert selected(block_of([packet])) == ([], {"udp other": 1})


def test_text_on_the_port_is_text() -> None:
    packet = ETHER / OUTER4 / UDP(sport=40000, dport=9060) / raw(SIP)
    assert [row[3] for row in selected(block_of([packet]))[0]] == [SIP]


@pytest.mark.parametrize(
    ("packet", "why"),
    [
        (hep(b""), EMPTY),
        (hep()[:60], MALFORMED),
        (b"HEP3\0\6", EMPTY),
        (b"HEP3\0\x0c" + struct.pack(">HHH", 0, 3, 5), MALFORMED),
        (b"HEP3\0\x0d" + chunk(3, b"\1"), MALFORMED),
        (b"HEP3\0\x10" + chunk(15, b"text"), MALFORMED),
        (hep(b"no gzip", kind=16), MALFORMED),
        (hep(gzip.compress(bytes(1 << 24)), kind=16), MALFORMED),
    ],
)
def test_what_cannot_be(packet: bytes, why: str) -> None:
    assert ip_packet(packet) == Unwrapped(b"", why)
    assert selected(block_of([ETHER / OUTER4 / UDP(sport=40000, dport=9060) / raw(packet)])) == ([], {why: 1})


def test_any_cut_gives_a_reason() -> None:
    packet = hep()
    assert {ip_packet(packet[:size]).why for size in range(4, len(packet))} == {MALFORMED}


def test_analyze_reads_it(tmp_path: Path) -> None:
    """The ends are those of the message, not those of the agent and Homer."""
    path, report = tmp_path / "hep.pcap", tmp_path / "report.json"
    write_pcap(path, [ETHER / OUTER4 / UDP(sport=40000, dport=9060) / raw(hep())])
    run(["analyze", "-q", "-f", "json", "-o", str(report), str(path)])
    told = json.loads(report.read_bytes())
    assert told["coverage"]["messages"] == {"sip": 1}
    (row,) = told["sessions"][0]["timeline"]
    assert (row["src"], row["dst"]) == ("192.0.2.1:5060", "198.51.100.2:5070")
