"""Order: `late` for what came after a step that needs it, and only a warning where two clocks may tell it wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from capture_variants import Packets, write_pcap
from judged import Judged, interface_of, judge_files, judge_packets, sample_packets

from analyzer.findings import Severity, Status
from analyzer.model import Verdict

MS = 1_000_000
IN, OUT = "tcp-dial-in", "tcp-dial-out"


def merged(name: str, interface: str, ahead: int, folder: Path) -> Judged:
    """Two captures of one session; the clock of the one that holds `interface` is `ahead` ns before the other."""
    one: Packets = []
    other: Packets = []
    for time, data in sample_packets(name):
        if interface_of(data) == interface:
            one.append((time + ahead, data))
        else:
            other.append((time, data))
    return judge_files([write_pcap(folder / "one.pcap", one), write_pcap(folder / "other.pcap", other)])


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        (f"{IN}--late-TCP-2", "TCP-2", "TCP-6 8.0 ms earlier"),
        (f"{IN}--late-TCP-4", "TCP-4", "TCP-5 5.0 ms earlier"),
        (f"{OUT}--late-SEND-1", "SEND-1", "SEND-3 6.0 ms earlier"),
    ],
)
def test_late_is_an_error_on_one_clock(name: str, code: str, words: str, tmp_path: Path) -> None:
    session = judge_packets(list(sample_packets(name)), tmp_path).only
    (finding,) = session.findings
    assert (finding.code, finding.severity, finding.actual) == (code, Severity.ERROR, words)
    assert {step.id: step.status for step in session.steps}[code] is Status.LATE
    assert session.verdict is Verdict.FAILED


def test_two_clocks_give_a_warning_at_most(tmp_path: Path) -> None:
    """A SYN before the Add that asks for it is not impossible, as MSRP before it would be: two files may disagree."""
    session = merged(IN, "tcp", -10 * MS, tmp_path).only
    (finding,) = session.findings
    assert (finding.code, finding.severity) == ("TCP-4", Severity.WARNING)
    assert "clocks may differ" in finding.message
    assert session.results["TCP-4"].status is Status.LATE
    assert session.verdict is Verdict.WARNINGS


@pytest.mark.parametrize("name", [IN, OUT, "conference-3"])
def test_two_clocks_that_agree_give_nothing(name: str, tmp_path: Path) -> None:
    for interface in ("sip", "h248", "tcp"):
        judged = merged(name, interface, 0, tmp_path)
        assert [session.findings for session in judged.sessions] == [[]] * (3 if name == "conference-3" else 1)
        assert {session.verdict for session in judged.sessions} == {Verdict.OK}


def test_a_millisecond_is_no_order(tmp_path: Path) -> None:
    """Packets that a capture may have exchanged (two milliseconds) are not called late."""
    late = dict(zip(("reply", "answer"), (3, 7), strict=True))
    packets = list(sample_packets(IN))
    packets[late["reply"]] = (packets[late["answer"]][0] + 2 * MS, packets[late["reply"]][1])
    assert judge_packets(sorted(packets), tmp_path).only.findings == []
    packets[late["reply"]] = (packets[late["answer"]][0] + 2 * MS + 1, packets[late["reply"]][1])
    (finding,) = judge_packets(sorted(packets), tmp_path).only.findings
    assert (finding.code, finding.severity) == ("TCP-2", Severity.ERROR)
