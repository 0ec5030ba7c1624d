"""Nothing is silently missing: every packet is used or ignored for a reason, however the capture is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from capture_variants import SHARED, VARIANTS, read_packets, write_pcap

from analyzer.model import Coverage, Undecoded
from analyzer.pipeline import Analysis, Options
from analyzer.report.records import coverage_record

ROOT = Path(__file__).resolve().parents[3]
CAPTURES = {
    "tcp-dial-in": ROOT / "samples" / "drawn" / "tcp-dial-in" / "capture.pcapng",
    "fax-gateway": SHARED / "sip-h248-fax-gateway.pcap",
    "sip-calls": SHARED / "sip-calls.pcap",
    "msrp-node-lib": SHARED / "msrp-node-lib.pcapng",
    "h248-over-sctp": SHARED / "h248-over-sctp.cap",
    "tls12-psk": SHARED / "tls12-psk-aes128ccm.pcap",
}


def capture(name: str) -> Path:
    path = CAPTURES[name]
    if not path.exists():
        pytest.skip(f"{path.name} is not there: ../shared/captures is not beside this checkout")
    return path


def account(path: Path, jobs: int = 1, early: bool = False) -> tuple[dict[str, Any], set[int]]:
    """The account, and the frames that the sessions' timelines name."""
    analysis = Analysis([str(path)], Options(jobs=jobs))
    frames = {
        frame
        for session in analysis.sessions(early=early)
        for entry in session.entries()
        for frame in entry.frames
    }  # fmt: skip
    return coverage_record(analysis.coverage), frames


def check(record: dict[str, Any], frames: set[int], packets: int) -> None:
    assert record["packets"] == packets
    assert record["used"] + sum(record["ignored"].values()) == packets
    assert all(count > 0 for count in record["ignored"].values())
    # What a timeline names was used; acknowledgements of TCP, SCTP control and left-over messages are used beside it.
    assert len(frames) <= record["used"]
    assert all(1 <= frame <= packets for frame in frames)


@pytest.mark.parametrize("name", CAPTURES)
def test_used_and_ignored_are_all_packets(name: str) -> None:
    path = capture(name)
    packets = len(read_packets(path))
    expected, frames = account(path)
    check(expected, frames, packets)
    for jobs, early in ((2, False), (1, True), (2, True)):
        record, others = account(path, jobs, early)
        assert record == expected
        assert others == frames


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", ["tcp-dial-in", "fax-gateway", "sip-calls", "msrp-node-lib"])
def test_variants_are_accounted_for_too(name: str, variant: str, tmp_path: Path) -> None:
    plain = read_packets(capture(name))
    change, linktype = VARIANTS[variant]
    packets = change(plain)
    path = write_pcap(tmp_path / "changed.pcap", packets, linktype)
    record, frames = account(path)
    check(record, frames, len(packets))
    assert account(path, jobs=2) == (record, frames)
    before, _ = account(write_pcap(tmp_path / "plain.pcap", plain))
    assert record["messages"] == before["messages"]
    assert record["unlinked"] == before["unlinked"]


@pytest.mark.parametrize("name", ["fax-gateway", "sip-calls"])
def test_used_packets_are_the_messages(name: str) -> None:
    """Over UDP the packets used are exactly the messages: those in sessions and those left over."""
    record, frames = account(capture(name))
    messages = record["messages"].get("sip", 0) + record["messages"].get("h248", 0)
    assert record["used"] == messages
    assert len(frames) + sum(record["unlinked"].values()) == messages


def test_lanes_list_what_they_could_not_decode_in_order_of_frames() -> None:
    """The same list whether one process read all or two shared it."""
    first, second = Coverage(), Coverage()
    for frame, coverage in ((3, first), (1, second), (9, first), (4, second)):
        coverage.add_undecoded(Undecoded("sip", frame, 0, "why"))
    first.merge(second)
    assert [each.frame for each in first.undecoded] == [1, 3, 4, 9]
    assert first.undecoded_total == 4
