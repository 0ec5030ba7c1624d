"""A media connection that is quiet for hours is one connection; what had to be let go is said to be that."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from analyzer.cli.main import run
from analyzer.streams import lane
from analyzer.transport.tcp import TcpTable
from tests.support.capture_variants import Packets, read_packets, write_pcap

SAMPLES = Path(__file__).parents[2] / "samples"
HOUR = 3_600_000_000_000
inet = pytest.importorskip("scapy.layers.inet")
l2 = pytest.importorskip("scapy.layers.l2")


def other(port: int, payload: bytes = b"", flags: str = "A") -> bytes:
    """A segment of a connection that has nothing to do with the session."""
    packet = l2.Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / inet.IP(src="192.0.2.201", dst="192.0.2.202")
    return bytes(packet / inet.TCP(sport=port, dport=9, seq=1, ack=1, flags=flags) / payload)


def middle_of_media(packets: Packets) -> int:
    """Where the media connection, whose UE has port 7394, is quiet the longest: nobody waits for an answer there."""
    media = [place for place, (_, data) in enumerate(packets) if b"\x1c\xe2" in (data[34:36], data[36:38])][4:-4]
    pauses = [(packets[after][0] - packets[before][0], after) for before, after in pairwise(media)]
    return max(pauses)[1]


def with_a_pause(packets: Packets, hours: int) -> Packets:
    """Everything from the middle of the media connection on is so many hours later; others go on in between."""
    middle = middle_of_media(packets)
    first = packets[middle][0]
    between = [(first + minute * HOUR // 60, other(2000, b"x")) for minute in range(0, hours * 60, 5)]
    return packets[:middle] + between + [(time + hours * HOUR, data) for time, data in packets[middle:]]


def analyzed(path: Path, *more: str) -> dict[str, Any]:
    out = path.with_suffix(".json")
    run(["analyze", "-q", "-f", "json", "--jobs", "1", "-o", str(out), *more, str(path)])
    report: dict[str, Any] = json.loads(out.read_bytes())
    return report


@pytest.mark.parametrize("scenario", ["tcp-dial-in", "e2e-dial-in"])
def test_quiet_for_hours(scenario: str, tmp_path: Path) -> None:
    packets = read_packets(SAMPLES / scenario / "capture.pcapng")
    keys = SAMPLES / scenario / "keys.toml"
    options = ["--insecure-keys", "-k", str(keys)] if keys.is_file() else []
    before = analyzed(write_pcap(tmp_path / "before.pcap", packets), *options)
    after = analyzed(write_pcap(tmp_path / "after.pcap", with_a_pause(packets, 5)), *options)
    assert len(after["sessions"]) == len(before["sessions"])
    for ours, theirs in zip(after["sessions"], before["sessions"], strict=True):
        assert (ours["verdict"], ours["state"]) == (theirs["verdict"], theirs["state"])
        assert [each["outcome"] for each in ours["tcp"]] == [each["outcome"] for each in theirs["tcp"]]
    assert after["coverage"]["messages"] == before["coverage"]["messages"]
    assert not [note for note in after["coverage"]["notes"] if "evicted" in note]


def crowded(packets: Packets) -> Packets:
    """In a pause of the media connection come more connections than the table holds."""
    middle = middle_of_media(packets)
    first = packets[middle][0]
    crowd = [(first + number, other(1000 + number, b"", "S")) for number in range(8)]
    return packets[:middle] + crowd + [(time + HOUR // 4, data) for time, data in packets[middle:]]


@pytest.mark.parametrize("scenario", ["tcp-dial-in", "e2e-dial-in"])
def test_what_had_to_be_let_go_is_said(scenario: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The neighbour: no place for it. No finding comes of that, and nothing is called begun before the capture."""
    monkeypatch.setattr(lane, "TcpTable", lambda closed_idle: TcpTable(limit=4, closed_idle=closed_idle))
    packets = read_packets(SAMPLES / scenario / "capture.pcapng")
    report = analyzed(write_pcap(tmp_path / "crowded.pcap", crowded(packets)))
    assert report["coverage"]["notes"]["tcp connections evicted, table full"] > 0
    media = [each for session in report["sessions"] for each in session["tcp"] if each["protocol"] in ("msrp", "tls")]
    assert "evicted" in [each["outcome"] for each in media]
    text = json.dumps(report)
    assert "evicted and taken up again" in text
    assert "begin of the TCP connection not captured" not in text
    assert "handshake_not_captured" not in json.dumps(report["coverage"]["tls"])
    errors = [each for session in report["sessions"] for each in session["findings"] if each["severity"] == "error"]
    assert [each["code"] for each in errors] == []
