"""The same addresses and ports in several networks, told apart by what their conversations show, not by tags alone."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analyzer.capture.networks import Networks
from analyzer.cli.main import run
from tests.support.capture_variants import Packets, read_packets, write_pcap

SAMPLE = Path(__file__).parents[2] / "samples" / "tcp-dial-in" / "capture.pcapng"
MAC = bytes(12)
Wrap = Callable[[bytes, int], bytes]
"""An IP packet and the number of its network -> an Ethernet frame."""


def forth(packet: bytes) -> bool:
    return packet[12:16] < packet[16:20]


def outer(protocol: int, payload: bytes) -> bytes:
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0)
    return MAC + b"\x08\x00" + head + bytes((10, 0, 0, 1, 10, 0, 0, 2)) + payload


def in_udp(port: int, payload: bytes) -> bytes:
    return outer(17, struct.pack(">HHHH", 50000, port, 8 + len(payload), 0) + payload)


def ethernet(packet: bytes) -> bytes:
    return MAC + b"\x08\x00" + packet


def vlan(packet: bytes, tag: int) -> bytes:
    return MAC + struct.pack(">HHH", 0x8100, tag, 0x0800) + packet


def mpls(packet: bytes, label: int) -> bytes:
    return MAC + struct.pack(">HII", 0x8847, 99 << 12 | 64, label << 12 | 0x100 | 64) + packet


def gtp_u(packet: bytes, teid: int) -> bytes:
    return in_udp(2152, struct.pack(">BBHI", 0x30, 255, len(packet), teid) + packet)


def gre(packet: bytes, key: int) -> bytes:
    return outer(47, struct.pack(">HHI", 0x2000, 0x0800, key) + packet)


def erspan(packet: bytes, session: int) -> bytes:
    return outer(47, struct.pack(">HHIHHI", 0x1000, 0x88BE, 1, 0x1000, session, 0) + ethernet(packet))


TAGS: dict[str, Wrap] = {
    "VLAN": lambda packet, network: vlan(packet, 10 + network),
    "VLAN or untagged": lambda packet, network: vlan(packet, 10) if network else ethernet(packet),
    "VLAN in VLAN": lambda packet, network: (
        MAC + struct.pack(">HHHHH", 0x88A8, 100 + network, 0x8100, 7, 0x0800) + packet
    ),
    "VLAN per direction": lambda packet, network: vlan(packet, 10 + network + 100 * forth(packet)),
    "VXLAN": lambda packet, network: in_udp(4789, struct.pack(">II", 8 << 24, (7 + network) << 8) + ethernet(packet)),
    "Geneve": lambda packet, network: in_udp(6081, struct.pack(">II", 0x0800, (7 + network) << 8) + packet),
    "GRE key": lambda packet, network: gre(packet, 7 + network),
    "ERSPAN": lambda packet, network: erspan(packet, 7 + network),
    "GTP-U TEID per direction": lambda packet, network: gtp_u(packet, 7 + network + 1000 * forth(packet)),
    "MPLS label per direction": lambda packet, network: mpls(packet, 17 + network + 1000 * forth(packet)),
}


def ip_packets() -> Packets:
    return [(time, data[14:]) for time, data in read_packets(SAMPLE) if data[12:14] == b"\x08\x00"]


def elsewhere(packets: Packets, *, same_call_id: bool) -> Packets:
    """The same conversation held in another network 1.3 ms later: other identifications, numbers and texts."""
    found = []
    for time, packet in packets:
        size = (packet[0] & 15) * 4
        head = bytearray(packet[:size])
        head[4:6] = struct.pack(">H", struct.unpack_from(">H", packet, 4)[0] + 5000 & 0xFFFF)
        rest = bytearray(packet[size:])
        if packet[9] == 6:
            for at in (4, 8):
                number = struct.unpack_from(">I", rest, at)[0]
                struct.pack_into(">I", rest, at, number + 5000 & 0xFFFFFFFF if number else 0)
        octets = bytes(rest).replace(b"Hello", b"World").replace(b";tag=", b";Tag=")
        if not same_call_id:
            octets = octets.replace(b"Call-ID: ", b"Call-ID:z")
        found.append((time + 1_300_000, bytes(head) + octets))
    return found


def analyzed(path: Path, *more: str) -> dict[str, Any]:
    out = path.with_suffix(".json")
    run(["analyze", "-q", "-f", "json", "-o", str(out), *more, str(path)])
    report: dict[str, Any] = json.loads(out.read_bytes())
    return report


def outline(report: dict[str, Any]) -> list[tuple[str, str, int, int]]:
    return [
        (each["flow"], each["verdict"], each["sip"]["messages"], each["msrp"]["requests"])
        for each in report["sessions"]
    ]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, int, int]:
    path = tmp_path_factory.mktemp("alone") / "alone.pcap"
    (only,) = outline(analyzed(write_pcap(path, [(time, ethernet(packet)) for time, packet in ip_packets()])))
    assert only[:2] == ("tcp-dial-in", "ok")
    return only


@pytest.mark.parametrize("same_call_id", [False, True])
@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize("tag", TAGS)
def test_two_networks(
    tag: str, jobs: str, same_call_id: bool, alone: tuple[str, str, int, int], tmp_path: Path
) -> None:
    """Two sessions, each as if it were alone, whatever tells the networks apart."""
    wrap, packets = TAGS[tag], ip_packets()
    both = [(time, wrap(packet, 0)) for time, packet in packets]
    both += [(time, wrap(packet, 1)) for time, packet in elsewhere(packets, same_call_id=same_call_id)]
    report = analyzed(write_pcap(tmp_path / "two.pcap", sorted(both)), "--jobs", jobs)
    assert outline(report) == [alone, alone]
    assert len({each["id"] for each in report["sessions"]}) == 2
    assert [note for note in report["coverage"]["notes"] if "is another network than" in note]
    assert report["coverage"]["gaps_total"] == 0


@pytest.mark.parametrize("same_call_id", [False, True])
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_two_networks_by_signalling_alone(jobs: str, same_call_id: bool, tmp_path: Path) -> None:
    """UDP has no numbers: both tags in both directions, in turn, are two networks."""
    packets = [(time, packet) for time, packet in ip_packets() if packet[9] == 17]
    both = [(time, vlan(packet, 10)) for time, packet in packets]
    both += [(time, vlan(packet, 20)) for time, packet in elsewhere(packets, same_call_id=same_call_id)]
    report = analyzed(write_pcap(tmp_path / "two.pcap", sorted(both)), "--jobs", jobs)
    assert [(each["sip"]["messages"], len(each["h248"])) for each in report["sessions"]] == [(6, 1), (6, 1)]
    assert [each["state"].endswith(", VLAN 20") for each in report["sessions"]] == [False, True]


@pytest.mark.parametrize("tag", [name for name in TAGS if "per direction" in name])
def test_one_tag_per_direction_is_one_network(tag: str, alone: tuple[str, str, int, int], tmp_path: Path) -> None:
    """The neighbour: asymmetric VLANs, tunnels and label switched paths number each direction for itself."""
    path = write_pcap(tmp_path / "one.pcap", [(time, TAGS[tag](packet, 0)) for time, packet in ip_packets()])
    report = analyzed(path)
    assert outline(report) == [alone]
    assert report["coverage"]["notes"] == {}


@pytest.mark.parametrize("lost", [0, 3, 2])
def test_before_and_behind_a_router_is_one_network(lost: int, alone: tuple[str, str, int, int], tmp_path: Path) -> None:
    """The neighbour: copies with another tag and a smaller TTL, all of them or with some not captured."""
    both: Packets = []
    for number, (time, packet) in enumerate(ip_packets()):
        behind = packet[:8] + bytes((packet[8] - 1,)) + packet[9:]
        pair = [(time, vlan(packet, 10)), (time + 20_000, vlan(behind, 20))]
        if lost and number % lost == 0:
            del pair[number // lost % 2]
        both += pair
    report = analyzed(write_pcap(tmp_path / "routed.pcap", both))
    assert outline(report) == [alone]
    assert not [note for note in report["coverage"]["notes"] if "network" in note]


def test_any_number_of_tags_costs_no_more_than_their_packets() -> None:
    """One flow with a tag of its own for each packet: no table grows with them."""
    found = Networks()
    count = 5000
    for block in range(4):
        ends = np.full(count, 7, np.uint64), np.full(count, 9, np.uint64)
        tags = (np.arange(count) + 1 + block * count) | 2 << 32
        numbers = np.arange(count) << 27 & 0xFFFFFFFF
        found.see(6, *ends, tags, (np.arange(count), np.arange(count), numbers, numbers, numbers, numbers * 0 + 2))
        found.decide()
    assert len(found.found) <= 16
    (ways,) = found._watched.values()
    assert [len(way.sequence) for way in ways] == [16, 0] or [len(way.sequence) for way in ways] == [0, 16]
    assert max(len(way.turns) for way in ways) <= 16 * 16


@pytest.mark.parametrize("moves", [1, 2])
def test_a_path_that_moves_is_one_network(moves: int, alone: tuple[str, str, int, int], tmp_path: Path) -> None:
    """The neighbour: from some packet on everything has another tag, and perhaps the first again."""
    packets = ip_packets()
    part = len(packets) // (moves + 1)
    moved = [(time, vlan(packet, 10 + number // part % 2)) for number, (time, packet) in enumerate(packets)]
    assert outline(analyzed(write_pcap(tmp_path / "moved.pcap", moved))) == [alone]
