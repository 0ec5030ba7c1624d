"""Real captures: the streams that tshark follows (`-z follow,tcp,raw`) are ours, whatever small shuffling happens."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections import defaultdict
from ipaddress import ip_address
from pathlib import Path

import pytest

from analyzer.transport.tcp import Piece, TcpEvent, TcpState, TcpTable

CAPTURES = Path(__file__).resolve().parents[3].parent / "shared" / "captures"
NAMES = ["msrp-node-lib.pcapng", "sip-calls.pcap", "tls12-psk-aes128ccm.pcap"]
FIELDS = ["frame.number", "frame.time_epoch", "ip.src", "ip.dst", "tcp.srcport", "tcp.dstport", "tcp.seq_raw"]
FIELDS += ["tcp.ack_raw", "tcp.flags", "tcp.payload", "tcp.stream"]

Packet = tuple[int, int, int, int, int, int, int, bytes]
Streams = dict[str, bytes]

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed"),
]


def tshark(*arguments: str) -> str:
    return subprocess.run(["tshark", *arguments], check=True, capture_output=True, text=True, timeout=60).stdout


def read_packets(path: Path) -> tuple[list[Packet], int]:
    columns = [word for field in FIELDS for word in ("-e", field)]
    packets: list[Packet] = []
    streams = set()
    for line in tshark("-r", str(path), "-Y", "tcp && !icmp", "-T", "fields", *columns).splitlines():
        frame, when, src, dst, sport, dport, seq, ack, flags, payload, stream = line.split("\t")
        seconds, fraction = when.split(".")
        addresses = int(ip_address(src)) << 32 | int(ip_address(dst))
        ports = 4 << 40 | 6 << 32 | int(sport) << 16 | int(dport)
        time = int(seconds) * 10**9 + int(fraction.ljust(9, "0"))
        packets.append(
            (addresses, ports, int(frame), time, int(seq), int(ack or 0), int(flags, 16), bytes.fromhex(payload))
        )
        streams.add(int(stream))
    return packets, len(streams)


def follow(path: Path, count: int) -> Streams:
    """What tshark hands out per direction, named by ``sender > receiver``; empty ones left out."""
    arguments = [word for index in range(count) for word in ("-z", f"follow,tcp,raw,{index}")]
    streams: dict[str, bytes] = defaultdict(bytes)
    nodes: list[str] = []
    for line in tshark("-r", str(path), "-q", *arguments).splitlines():
        if line.startswith("Node 0: "):
            nodes = [line[8:]]
        elif line.startswith("Node 1: "):
            nodes.append(line[8:])
        elif line and not line.startswith(("=", "Follow", "Filter")):
            there, back = nodes if not line.startswith("\t") else reversed(nodes)
            streams[f"{there} > {back}"] += bytes.fromhex(line.strip())
    return dict(streams)


def reassemble(packets: list[Packet]) -> tuple[Streams, list[TcpEvent], TcpTable]:
    table = TcpTable()
    events: list[TcpEvent] = []
    for addresses, ports, frame, time, seq, ack, flags, payload in packets:
        events += table.receive(addresses, ports, frame, time, seq, ack, flags, payload)
    open_at_end = list(table)
    events += table.flush()
    streams: dict[str, bytes] = defaultdict(bytes)
    for event in events:
        if isinstance(event, Piece):
            streams[f"{event.stream.flow.src} > {event.stream.flow.dst}"] += event.data
    assert all(stream.gap_octets == 0 for connection in open_at_end for stream in connection.streams)
    return dict(streams), events, table


@pytest.fixture(scope="module", params=NAMES)
def capture(request: pytest.FixtureRequest) -> tuple[str, list[Packet], Streams]:
    path = CAPTURES / request.param
    if not path.exists():
        pytest.skip(f"{path.name} is not beside the repository")
    packets, count = read_packets(path)
    return request.param, packets, follow(path, count)


def test_streams_are_those_that_tshark_follows(capture: tuple[str, list[Packet], Streams]) -> None:
    _, packets, followed = capture
    streams, _, _ = reassemble(packets)
    assert streams == followed


def test_streams_do_not_change_when_shuffled_within_a_millisecond(capture: tuple[str, list[Packet], Streams]) -> None:
    """Times stay with their packets, as when two mirror ports feed one file, and the rows are not sorted again."""
    name, packets, followed = capture
    for seed in range(5):
        chance = random.Random(seed)
        shuffled = sorted(packets, key=lambda packet: packet[3] + chance.randrange(1_000_000))
        streams, _, table = reassemble(shuffled)
        assert streams == followed, seed
        if name == "msrp-node-lib.pcapng":
            assert table.opened == 13


def test_every_packet_twice_changes_nothing(capture: tuple[str, list[Packet], Streams]) -> None:
    _, packets, followed = capture
    streams, _, _ = reassemble([packet for packet in packets for _ in range(2)])
    assert streams == followed


def test_msrp_capture_in_figures() -> None:
    path = CAPTURES / "msrp-node-lib.pcapng"
    if not path.exists():
        pytest.skip(f"{path.name} is not beside the repository")
    packets, count = read_packets(path)
    _, events, table = reassemble(packets)
    assert count == table.opened == 13
    connections = {event.stream.connection for event in events if isinstance(event, Piece)}
    assert all(connection.state >= TcpState.ESTABLISHED for connection in connections)
    assert not any(connection.guessed or connection.midstream for connection in connections)
    for event in events:
        if isinstance(event, Piece):
            assert event.data == next(packet[7] for packet in packets if packet[2] == event.frame)


def test_disordered_connection_is_read_as_tshark_reads_it(tmp_path: Path) -> None:
    """Segments shuffled, repeated and cut in another way, built by scapy (RFC 9293 section 3.10.7.4)."""
    from scapy.layers.inet import IP, TCP
    from scapy.layers.l2 import Ether
    from scapy.utils import wrpcap

    def built(*, back: bool, flags: str, seq: int, ack: int, payload: bytes = b"") -> Ether:
        ends = ("192.0.2.2", "192.0.2.1") if back else ("192.0.2.1", "192.0.2.2")
        ports = (2855, 40000) if back else (40000, 2855)
        ip = IP(src=ends[0], dst=ends[1])
        tcp = TCP(sport=ports[0], dport=ports[1], seq=seq % 2**32, ack=ack % 2**32, flags=flags)
        return Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / ip / tcp / payload

    chance = random.Random(4)
    data = bytes(chance.randrange(256) for _ in range(5000))
    isn = 0xFFFFFFFF - 2000  # wraps on the way
    cuts = [(start, data[start : start + 100]) for start in range(0, 5000, 100)]
    cuts += [(start, data[start : start + 170]) for start in range(30, 4800, 600)]
    order = sorted(range(len(cuts)), key=lambda index: cuts[index][0] + chance.randrange(700))
    packets = [
        built(back=False, flags="S", seq=isn, ack=0),
        built(back=True, flags="SA", seq=500, ack=isn + 1),
        built(back=False, flags="A", seq=isn + 1, ack=501),
    ]
    for index in order:
        start, payload = cuts[index]
        packets.append(built(back=False, flags="PA", seq=isn + 1 + start, ack=501, payload=payload))
    packets.append(built(back=True, flags="PA", seq=501, ack=isn + 1 + 5000, payload=b"thanks"))
    for index, each in enumerate(packets):
        each.time = 1_700_000_000 + index / 100_000
    path = tmp_path / "disordered.pcap"
    wrpcap(str(path), packets)
    read, count = read_packets(path)
    followed = follow(path, count)
    streams, _, table = reassemble(read)
    assert streams == followed
    assert streams["192.0.2.1:40000 > 192.0.2.2:2855"] == data
    assert table.opened == 1
