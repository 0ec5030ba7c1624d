"""Time grows as the capture does, whatever of it grows: four times as much takes about four times as long."""

from __future__ import annotations

import gc
import json
import time
from io import BytesIO
from pathlib import Path
from typing import Any

import hostile_captures as hostile
import pytest
from capture_variants import write_pcap

from analyzer.pipeline import Analysis, Options
from analyzer.report import FORMATS, Report

CASES = {
    hostile.syn_flood: 1500,
    hostile.one_port: 150,
    hostile.one_silent_port: 300,
    hostile.one_pair_of_ends: 280,  # 256 are looked at for one place
    hostile.late_segments: 1000,
    hostile.one_call: 600,
    hostile.forks: 600,
    hostile.constant_identities: 500,
    hostile.media_lines: 2500,
    hostile.nested_parts: 400,
    hostile.one_context: 500,
    hostile.bare_terminations: 500,
    hostile.modified_termination: 600,
    hostile.repeated_request: 1500,
    hostile.octet_segments: 5000,
    hostile.reversed_chunks: 800,
    hostile.sparse_chunks: 800,
    hostile.shared_connection: 250,
}
"How much takes about 0.05 s."
FACTOR = 4
MOST = 2.6**2
"Doubling may take 2.6 times as long; where time grows with the square, a factor of four takes sixteen times as long."
TRIES = 3


def reported(path: Path) -> tuple[float, bytes]:
    """Processor time of a whole run, and its report."""
    gc.collect()
    gc.disable()  # as in the command
    try:
        begun = time.process_time()
        analysis = Analysis([str(path)], Options(jobs=1))
        out = BytesIO()
        FORMATS["json"].load()(Report(analysis, enumerate(analysis.sessions(), 1), jobs=1), out)
        return time.process_time() - begun, out.getvalue()
    finally:
        gc.enable()


def assert_linear(case: Any, n: int, folder: Path, tries: int = TRIES) -> None:
    small = write_pcap(folder / "small.pcap", case(n))
    large = write_pcap(folder / "large.pcap", case(FACTOR * n))
    reported(small)  # caches, and modules loaded when first wanted
    ratios = []
    for _ in range(tries):
        short = min(reported(small)[0] for _ in range(3))
        ratios.append(reported(large)[0] / short)
        if ratios[-1] < MOST:
            return
    pytest.fail(f"{FACTOR} times as much takes {min(ratios):.1f} times as long")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_time_grows_with_size(case: Any, tmp_path: Path) -> None:
    assert_linear(case, CASES[case], tmp_path)


@pytest.mark.soak
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_time_grows_with_size_soak(case: Any, tmp_path: Path) -> None:
    """Sizes at which a small quadratic part shows; SDP stays below what one SIP message over TCP may hold."""
    n = CASES[case] if case in (hostile.media_lines, hostile.nested_parts) else 10 * CASES[case]
    assert_linear(case, n, tmp_path, tries=2)


def report(packets: Any, folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(reported(write_pcap(folder / "capture.pcap", packets))[1])
    return found


def test_constant_identities_link_nothing(tmp_path: Path) -> None:
    """RFC 7315 section 5.6: an ICID is unique to a dialog; one that every call has is none."""
    sessions = report(hostile.constant_identities(30), tmp_path)["sessions"]
    assert len(sessions) == 30
    assert all(session["links"] == [] for session in sessions)


def test_sessions_of_a_shared_connection(tmp_path: Path) -> None:
    """Each call gets its own MSRP session of the connection (RFC 4975 section 5.4), and no other's rows."""
    sessions = report(hostile.shared_connection(40), tmp_path)["sessions"]
    assert len(sessions) == 40
    for session in sessions:
        assert session["msrp"]["requests"] == 1
        assert session["msrp"]["session_ids"] == [
            [f"a{int(session['sip']['call_id'][1:]):08x}", f"b{int(session['sip']['call_id'][1:]):08x}"]
        ]
        assert [row["summary"][:4] for row in session["timeline"] if row["protocol"] == "msrp"] == ["SEND"]


def test_one_octet_at_a_time(tmp_path: Path) -> None:
    """A body in segments of one octet, with look-alikes of its end-line, is one message (RFC 4975 section 7.1)."""
    found = report(hostile.octet_segments(3000), tmp_path)
    assert found["coverage"]["messages"] == {"msrp": 1}
    assert found["sessions"][0]["msrp"]["octets"] == 3000
    assert found["coverage"]["undecoded_total"] == 0
