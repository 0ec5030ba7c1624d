"""MSRP-FRAMING (RFC 4975 section 7.1): one wrong end-line is one finding, and hides nothing of what follows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from capture_variants import read_packets, write_pcap

from analyzer.cli.main import run

SAMPLE = Path(__file__).resolve().parents[3] / "samples" / "drawn" / "tcp-dial-in" / "capture.pcapng"


def analysed(folder: Path, old: bytes = b"", new: bytes = b"") -> dict[str, Any]:
    changed = read_packets(SAMPLE)
    if old:
        at = next(number for number, (_, data) in enumerate(changed) if old in data)
        changed[at] = changed[at][0], changed[at][1].replace(old, new)
    capture = write_pcap(folder / "call.pcap", changed)
    assert run(["analyze", "-q", "-f", "json", "-o", str(folder / "out.json"), str(capture)]) == (1 if old else 0)
    report: dict[str, Any] = json.loads((folder / "out.json").read_bytes())
    return report


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (b"-------b1e9c04kd7$", b"-------b1e9c04kdX$", "its end-line is not that of its start line"),
        (b"-------f4b7qq20z3$", b"-------f4b7qq20z3?", "its end-line is not that of its start line"),
    ],
    ids=["of the UE", "of the MRFP"],
)
def test_a_wrong_end_line_is_told_and_the_rest_is_judged(old: bytes, new: bytes, why: str, tmp_path: Path) -> None:
    report = analysed(tmp_path, old, new)
    (session,) = report["sessions"]
    assert [(each["code"], each["severity"], each["actual"]) for each in session["findings"]] == [
        ("MSRP-FRAMING", "error", why)
    ]
    assert session["verdict"] == "failed"
    assert report["coverage"]["messages"]["msrp"] == 19
    assert [each["reason"] for each in report["coverage"]["undecoded"]] == [why]
    assert session["findings"][0]["frames"] == [report["coverage"]["undecoded"][0]["frame"]]


def test_right_end_lines_are_no_finding(tmp_path: Path) -> None:
    report = analysed(tmp_path)
    (session,) = report["sessions"]
    assert (session["verdict"], session["checks"]["MSRP-FRAMING"]) == ("ok", "ok")


def test_octets_that_are_no_message_at_all_leave_no_ok(tmp_path: Path) -> None:
    """The start line is broken too: nothing tells what it was, so the session is not known to be in order."""
    packets = read_packets(SAMPLE)
    changed = [(time, data.replace(b"MSRP b1e9c04kd7 SEND", b"MSRQ b1e9c04kd7 SEND")) for time, data in packets]
    capture = write_pcap(tmp_path / "call.pcap", changed)
    assert run(["analyze", "-q", "-f", "json", "-o", str(tmp_path / "out.json"), str(capture)]) == 0
    report = json.loads((tmp_path / "out.json").read_bytes())
    (session,) = report["sessions"]
    assert session["verdict"] == "incomplete"
    assert "MSRP not all readable" in session["state"]
    assert session["findings"] == []
    assert report["coverage"]["messages"]["msrp"] == 18
