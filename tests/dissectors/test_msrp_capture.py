"""MSRP of a real implementation: 13 connections of msrp-node-lib on random ports, with tshark as second reader."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from dissectors.framing import Framed
from dissectors.msrp import MessageAssembler, MsrpMessage, MsrpStream, encode_msrp, parse_msrp_uri

CAPTURE = Path(__file__).parents[2].parent / "shared" / "captures" / "msrp-node-lib.pcapng"
pytestmark = pytest.mark.skipif(not CAPTURE.exists(), reason=f"{CAPTURE.name} is not beside the repository")

Flow = tuple[str, int, str, int]


@pytest.fixture(scope="module")
def segments() -> dict[Flow, list[bytes]]:
    """TCP payloads of each direction, in sequence order, what was sent again left out."""
    scapy = pytest.importorskip("scapy.all")
    flows: dict[Flow, dict[int, bytes]] = defaultdict(dict)
    for packet in scapy.rdpcap(str(CAPTURE)):
        if scapy.TCP not in packet:
            continue
        tcp = packet[scapy.TCP]
        ip = packet[scapy.IP] if scapy.IP in packet else packet[scapy.IPv6]
        size = ip.len - ip.ihl * 4 - tcp.dataofs * 4 if scapy.IP in packet else ip.plen - tcp.dataofs * 4
        if size:
            flows[ip.src, tcp.sport, ip.dst, tcp.dport][tcp.seq] = bytes(tcp.payload)[:size]
    return {flow: [parts[seq] for seq in sorted(parts)] for flow, parts in flows.items()}


@pytest.fixture(scope="module")
def items(segments: dict[Flow, list[bytes]]) -> dict[Flow, list[Framed[MsrpMessage]]]:
    out = {}
    for flow, pieces in segments.items():
        stream = MsrpStream()
        out[flow] = [item for piece in pieces for item in stream.receive_data(piece)] + stream.receive_eof()
    return out


@pytest.fixture(scope="module")
def messages(items: dict[Flow, list[Framed[MsrpMessage]]]) -> list[MsrpMessage]:
    return [item.message for flow in items.values() for item in flow if item.message]


def test_counts(items: dict[Flow, list[Framed[MsrpMessage]]], messages: list[MsrpMessage]) -> None:
    connections = {frozenset([flow[:2], flow[2:]]) for flow in items}
    assert len(connections) == 12  # the thirteenth was refused
    assert Counter(message.method or message.status for message in messages) == {"SEND": 20, 200: 20, "REPORT": 8}
    assert [item.error for flow in items.values() for item in flow if item.error] == []


def test_every_octet_is_in_a_message(
    items: dict[Flow, list[Framed[MsrpMessage]]], segments: dict[Flow, list[bytes]]
) -> None:
    for flow, found in items.items():
        assert b"".join(encode_msrp(item.message) for item in found if item.message) == b"".join(segments[flow])


def test_octet_by_octet(items: dict[Flow, list[Framed[MsrpMessage]]], segments: dict[Flow, list[bytes]]) -> None:
    for flow, pieces in segments.items():
        stream = MsrpStream()
        octets = b"".join(pieces)
        got = [item for at in range(len(octets)) for item in stream.receive_data(octets[at : at + 1])]
        assert got == items[flow]


def test_every_request_has_its_response(messages: list[MsrpMessage]) -> None:
    """RFC 4975 section 7.2: a SEND is answered with its transaction id; a REPORT never is (section 7.1.2)."""
    sends = Counter(message.transaction_id for message in messages if message.method == "SEND")
    assert sends == Counter(message.transaction_id for message in messages if message.status)
    assert all(message.report_status for message in messages if message.method == "REPORT")


def test_paths_are_uris(messages: list[MsrpMessage]) -> None:
    for message in messages:
        assert parse_msrp_uri(message.to_path).session_id
        assert parse_msrp_uri(message.from_path).transport == "tcp"


def test_messages_joined(messages: list[MsrpMessage]) -> None:
    join = MessageAssembler()
    sends = [message for message in messages if message.method == "SEND"]
    joined = [whole for send in sends for whole in join.receive_chunk(send)] + join.receive_eof()
    assert all(whole.complete and not whole.holes for whole in joined)
    assert sum(whole.size for whole in joined) == sum(send.body_size for send in sends)


@pytest.mark.interop
@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_tshark_reads_the_same(messages: list[MsrpMessage]) -> None:
    """Told that this is MSRP, tshark 4.0 finds all 48 here: no two share a segment."""
    fields = ["msrp.transaction.id", "msrp.method", "msrp.status.code", "msrp.to.path", "msrp.from.path"]
    fields += ["msrp.messageid", "msrp.byte.range", "msrp.cnt.flg", "msrp.content.type"]
    command = [
        "tshark",
        "-r",
        str(CAPTURE),
        "-d",
        "tcp.port==1-65535,msrp",
        "-Y",
        "msrp",
        "-T",
        "fields",
        "-E",
        "occurrence=f",
    ]
    for name in fields:
        command += ["-e", name]
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    theirs = Counter(tuple(line.split("\t")) for line in run.stdout.splitlines())
    ours = Counter(
        (
            message.transaction_id,
            message.method,
            str(message.status or ""),
            message.to_path,
            message.from_path,
            message.message_id,
            str(message.byte_range or ""),
            message.flag,
            message.content_type,
        )
        for message in messages
    )
    assert theirs == ours
