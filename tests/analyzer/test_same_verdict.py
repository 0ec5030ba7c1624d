"""The same sessions come out however the packets were captured (issue: shuffled, doubled, split, wrapped)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from capture_variants import SHARED, VARIANTS, Packets, read_packets, write_pcap

from analyzer.pipeline import Analysis, Options
from analyzer.report.records import session_record

ROOT = Path(__file__).resolve().parents[2]
CAPTURES = {
    "tcp-dial-in": ROOT / "samples" / "drawn" / "tcp-dial-in" / "capture.pcapng",
    "e2e-dial-in": ROOT / "samples" / "e2e-dial-in" / "capture.pcapng",
    "sip over tcp": SHARED / "reports" / "sip-tcp-cut-7.pcap",
    "fax-gateway": SHARED / "sip-h248-fax-gateway.pcap",
    "sip-calls": SHARED / "sip-calls.pcap",
    "msrp-node-lib": SHARED / "msrp-node-lib.pcapng",
}


def sessions_of(*paths: Path, jobs: int = 1) -> list[dict[str, Any]]:
    """The records of all sessions without frame numbers and times, which the variants change."""
    analysis = Analysis([str(path) for path in paths], Options(jobs=jobs))
    found = []
    for session in list(analysis.sessions()):
        record = session_record(session, analysis.nodes)
        for key in ("first", "last", "wireshark_filter"):
            del record[key]
        if record["sip"] is not None:
            for exchange in record["sip"]["exchanges"]:
                exchange["offer"] = exchange["offer"] is not None
                exchange["answer"] = exchange["answer"] is not None
        record["nodes"].sort(key=lambda node: node["address"])
        # Which of two hops saw a message first is lost when times lie; that it was there twice is not.
        record["timeline"] = sorted(
            (each["protocol"], each["src"], each["summary"].partition(",")[0]) for each in record["timeline"]
        )
        for part in record["tcp"]:
            del part["retransmissions"]
        if record["tls"] is not None:
            del record["tls"]["established"]
            for alert in record["tls"]["alerts"]:
                del alert["time"], alert["frames"]
        found.append(record)
    return sorted(found, key=lambda record: record["id"])


def packets_of(name: str) -> Packets:
    path = CAPTURES[name]
    if not path.exists():
        pytest.skip(f"{path.name} is not there: ../shared/captures is not beside this checkout")
    return read_packets(path)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", CAPTURES)
def test_same_sessions_in_another_capture(name: str, variant: str, tmp_path: Path) -> None:
    packets = packets_of(name)
    plain = write_pcap(tmp_path / "plain.pcap", packets)
    change, linktype = VARIANTS[variant]
    changed = write_pcap(tmp_path / "changed.pcap", change(packets), linktype)
    expected = sessions_of(plain)
    assert expected
    assert sessions_of(changed) == expected


@pytest.mark.parametrize("name", CAPTURES)
def test_same_sessions_in_two_files(name: str, tmp_path: Path) -> None:
    packets = packets_of(name)
    plain = write_pcap(tmp_path / "plain.pcap", packets)
    middle = len(packets) // 2
    one = write_pcap(tmp_path / "one.pcap", packets[:middle])
    two = write_pcap(tmp_path / "two.pcap", packets[middle:])
    expected = sessions_of(plain)
    assert sessions_of(one, two) == expected
    assert sessions_of(two, one) == expected


@pytest.mark.parametrize("name", CAPTURES)
def test_same_sessions_with_two_processes(name: str) -> None:
    if not CAPTURES[name].exists():
        pytest.skip(f"{CAPTURES[name].name} is not there: ../shared/captures is not beside this checkout")
    assert sessions_of(CAPTURES[name], jobs=2) == sessions_of(CAPTURES[name], jobs=1)
