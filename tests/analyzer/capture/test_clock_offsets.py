"""The same packets in two captures tell how far their clocks are apart: corrected, named, and counted once."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from capture_variants import Packets, write_pcap
from judged import Judged, interface_of, judge_files, sample_packets

from analyzer.capture.clock_offsets import LEAST, PACKETS, Seen, difference
from analyzer.findings import Severity
from analyzer.model import Verdict
from analyzer.pipeline import Analysis, Options

MS = 1_000_000
IN, OUT = "tcp-dial-in", "tcp-dial-out"


def points(name: str, ahead: int) -> tuple[Packets, Packets]:
    """At the MRFC: SIP and H.248; at the MRFP: H.248 and MSRP, by a clock that is `ahead` ns before the other's."""
    packets = sample_packets(name)
    one = [each for each in packets if interface_of(each[1]) != "tcp"]
    other = [(time + ahead, data) for time, data in packets if interface_of(data) != "sip"]
    return one, other


def two_files(name: str, ahead: int, folder: Path) -> list[Path]:
    one, other = points(name, ahead)
    return [write_pcap(folder / "mrfc.pcap", one), write_pcap(folder / "mrfp.pcap", other)]


def merged(folder: Path, *captures: Packets) -> Path:
    """One pcapng with an interface for each capture, as mergecap writes it."""
    block = lambda kind, body: struct.pack("<II", kind, 12 + len(body)) + body + struct.pack("<I", 12 + len(body))  # noqa: E731
    out = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    out += block(1, struct.pack("<HHI", 1, 0, 0) + struct.pack("<HHB3xHH", 9, 1, 9, 0, 0)) * len(captures)
    for time, interface, data in sorted((time, at, data) for at, each in enumerate(captures) for time, data in each):
        padded = data + bytes(-len(data) % 4)
        head = struct.pack("<IIIII", interface, time >> 32, time & 0xFFFFFFFF, len(data), len(data))
        out += block(6, head + padded)
    path = folder / "merged.pcapng"
    path.write_bytes(out)
    return path


def expect_whole(judged: Judged, name: str) -> None:
    """As if one capture point had seen it all."""
    assert judged.only.findings == []
    assert judged.only.verdict is Verdict.OK
    copies = sum(interface_of(data) == "h248" for _, data in sample_packets(name))
    assert judged.coverage.ignored == {"duplicate": copies}
    assert judged.coverage.messages["h248"] == copies


@pytest.mark.parametrize("ahead", [-5000, -200, -50, 50, 200, 1000, 5000])
@pytest.mark.parametrize("name", [IN, OUT])
def test_two_files(name: str, ahead: int, tmp_path: Path) -> None:
    judged = judge_files(two_files(name, ahead * MS, tmp_path))
    expect_whole(judged, name)
    way = "ahead of" if ahead > 0 else "behind"
    copies = judged.coverage.messages["h248"]
    assert judged.coverage.notes == {
        f"clock of mrfp.pcap {abs(ahead) / 1000:.3f} s {way} that of mrfc.pcap, by {copies} packets that both have: "
        "its times are corrected": 1
    }


@pytest.mark.parametrize("ahead", [-5000, -200, -50, 50, 200, 5000])
def test_two_interfaces_of_one_file(ahead: int, tmp_path: Path) -> None:
    judged = judge_files([merged(tmp_path, *points(IN, ahead * MS))])
    expect_whole(judged, IN)
    (note,) = judged.coverage.notes
    assert note.startswith(f"clock of merged.pcapng interface 1 {abs(ahead) / 1000:.3f} s")


def test_two_processes_correct_alike(tmp_path: Path) -> None:
    paths = [str(path) for path in two_files(IN, 200 * MS, tmp_path)]
    for jobs in (1, 2):
        analysis = Analysis(paths, Options(jobs=jobs))
        (session,) = analysis.sessions()
        assert session.sip is not None
        assert (session.sip.messages, analysis.coverage.ignored["duplicate"]) == (6, 4)


@pytest.mark.parametrize("ahead", [0, LEAST - 1, 1 - LEAST])
def test_clocks_that_agree_are_left_alone(ahead: int, tmp_path: Path) -> None:
    judged = judge_files(two_files(IN, ahead, tmp_path))
    expect_whole(judged, IN)
    assert not judged.coverage.notes


def test_what_is_late_stays_late_when_clocks_are_corrected(tmp_path: Path) -> None:
    """Two files: a warning, as before (`test_order`); its gap is that of the corrected times."""
    judged = judge_files(two_files(f"{IN}--late-TCP-4", 200 * MS, tmp_path))
    (finding,) = judged.only.findings
    assert (finding.code, finding.severity, finding.actual) == ("TCP-4", Severity.WARNING, "TCP-5 5.0 ms earlier")


def test_a_retransmission_is_no_copy(tmp_path: Path) -> None:
    """One file has each H.248 message twice, 500 ms apart, as UDP sends it again: nobody knows which the other has."""
    one, other = points(IN, 0)
    again = [(time + 500 * MS, data) for time, data in one if interface_of(data) == "h248"]
    paths = [write_pcap(tmp_path / "a.pcap", sorted(one + again)), write_pcap(tmp_path / "b.pcap", other)]
    judged = judge_files(paths)
    assert not any("clock" in note for note in judged.coverage.notes)


def _seen(*times: int, forth: bool = True) -> Seen:
    return {(number, 1, 2, b"x"): [(time, forth)] for number, time in enumerate(times)}


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        (_seen(1000 * MS, 2000 * MS), _seen(800 * MS, 1800 * MS), (200 * MS, 2)),
        (_seen(1000 * MS), _seen(800 * MS), None),
        (_seen(0, 1000 * MS, 2000 * MS, 3000 * MS), _seen(0, 900 * MS, 2500 * MS, 900 * MS), None),
        (_seen(), _seen(), None),
        (
            _seen(1000 * MS, 2000 * MS) | {(9, 2, 1, b"y"): [(3000 * MS, False)]},
            _seen(810 * MS, 1810 * MS) | {(9, 2, 1, b"y"): [(2790 * MS, False)]},
            (200 * MS, 3),
        ),
    ],
    ids=["two agree", "one alone", "they do not agree", "nothing", "both directions: the way is left out"],
)
def test_difference(one: Seen, other: Seen, told: tuple[int, int] | None) -> None:
    assert PACKETS == 2
    assert difference(one, other) == told
