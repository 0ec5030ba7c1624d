"""A clock that is set back while a file is written, and what only looks like it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from capture_variants import Packets, write_pcap
from judged import Judged, interface_of, judge_files, judge_packets, sample_packets

from analyzer.capture import clock_steps
from analyzer.capture.blocks import NO_TIME, PacketBlock
from analyzer.capture.clock_steps import LASTING, REFUSED, STEP, ClockSteps
from analyzer.findings import Severity
from analyzer.model import Verdict

MS, S, HOUR = 1_000_000, 1_000_000_000, 3_600_000_000_000
IN = "tcp-dial-in"


def block(times: list[int], first: int = 1) -> PacketBlock:
    time = np.array(times, np.int64)
    none = np.zeros(len(times), np.int64)
    narrow = none.astype(np.int32)
    return PacketBlock(b"", np.arange(first, first + len(times)), time, none, none, none, narrow, narrow)


def corrected(*blocks: list[int]) -> tuple[list[int], list[tuple[int, int]]]:
    clock = ClockSteps()
    found: list[int] = []
    for times in blocks:
        found += clock.corrected(block(times, len(found) + 1)).tolist()
    return found, [tuple(step) for step in clock.steps]


T = 1_700_000_000 * S
BACK = [T, T + S, T + 2 * S, *(T - HOUR + n * S for n in range(7))]
RIGHT = [T, T + S, T + 2 * S, *(T + 2 * S + n * S for n in range(7))]


@pytest.fixture
def one_flow(monkeypatch: pytest.MonkeyPatch) -> None:
    """The records of these tests have no octets: say that they belong together."""
    monkeypatch.setattr(clock_steps, "flow_goes_on", lambda before, after: True)


@pytest.mark.usefixtures("one_flow")
@pytest.mark.parametrize("cut", range(len(BACK)))
def test_times_go_on_where_the_clock_was_set_back(cut: int) -> None:
    """Wherever a block ends: too few of its records behind the step, and the next block tells."""
    times, steps = corrected(BACK[:cut], BACK[cut:]) if cut else corrected(BACK)
    told = cut if cut in (4, 5) else 3
    assert times == [*BACK[:told], *(T + 2 * S + n * S for n in range(len(BACK) - told))]
    assert steps == [(told + 1, T + 2 * S - BACK[told])]


@pytest.mark.usefixtures("one_flow")
def test_twice_back_and_right_again() -> None:
    twice = [*BACK, *(T - 3 * HOUR + n * S for n in range(9)), *(T + 20 * S + n * S for n in range(4))]
    times, steps = corrected(twice)
    assert times == sorted(times)
    assert times[-4:] == twice[-4:]
    assert [frame for frame, _ in steps] == [4, 11, 20]
    assert sum(back for _, back in steps) == 0


@pytest.mark.usefixtures("one_flow")
def test_a_pause_is_not_a_clock_set_right_again() -> None:
    pause = [*BACK, *(T - HOUR + 600 * S + n * S for n in range(9))]
    times, steps = corrected(pause)
    assert len(steps) == 1
    assert times[-9:] == [each + HOUR + 2 * S for each in pause[-9:]]


@pytest.mark.usefixtures("one_flow")
@pytest.mark.parametrize(
    "times",
    [
        [T + n * MS for n in (0, 9, 3, 4, 5, 6, 20)],
        [T, T + S, T + 2 * S, T + S, T + S + 1, T + S + 2, T + S + 3],
        [T, T + 2 * HOUR, T + 2 * HOUR + 1, T, T + 2 * HOUR + 3, T + 2 * HOUR + 4, T + 2 * HOUR + 5],
        [T, T + HOUR, T + HOUR + 1, *range(T, T + LASTING - 1)],
        [T + (n % 2) * HOUR + n for n in range(3 * REFUSED)],
    ],
    ids=["milliseconds", "not more than STEP", "one late record", "the end", "two clocks in turn"],
)
def test_what_is_no_step_stays(times: list[int]) -> None:
    assert STEP == S
    assert corrected(times) == (times, [])


@pytest.mark.usefixtures("one_flow")
def test_records_without_time_stay_so() -> None:
    with_none = [*BACK[:5], NO_TIME, *BACK[5:]]
    times, _ = corrected([NO_TIME], with_none)  # the first block has no time at all
    assert times == [NO_TIME, *RIGHT[:5], NO_TIME, *RIGHT[5:]]


def _set_back(packets: Packets, frame: int, by: int) -> Packets:
    return [(time - (by if number >= frame else 0), data) for number, (time, data) in enumerate(packets, 1)]


@pytest.mark.parametrize(("by", "frames"), [(2 * S, (3, 5)), (3600 * S, (3, 5, 9, 20, 40))])
def test_a_session_is_whole_though_the_clock_was_set_back(by: int, frames: tuple[int, ...], tmp_path: Path) -> None:
    packets = list(sample_packets(IN))
    for frame in frames:
        gap = packets[frame - 1][0] - packets[frame - 2][0]
        judged = judge_packets(_set_back(packets, frame, by + gap), tmp_path)
        assert judged.only.verdict is Verdict.OK
        assert judged.only.findings == []
        (note,) = judged.coverage.notes
        assert note.startswith(f"clock of capture.pcap set back by about {by / S:.1f} s before its frame {frame}")


def test_captures_laid_end_to_end_keep_their_times(tmp_path: Path) -> None:
    """First all SIP and H.248, then the MSRP of the same time: no flow goes on, so no clock was set back."""
    packets = list(sample_packets(IN))
    media = [each for each in packets if interface_of(each[1]) == "tcp"]
    signalling = [each for each in packets if interface_of(each[1]) != "tcp"]
    judged = judge_packets([*signalling, *media], tmp_path)
    assert judged.only.verdict is Verdict.OK
    assert not judged.coverage.notes


def test_parts_laid_end_to_end_in_the_wrong_order_keep_their_times(tmp_path: Path) -> None:
    """The second half first: the sequence numbers of its TCP connection go back behind the step."""
    packets = list(sample_packets(IN))
    judged = judge_packets([*packets[30:], *packets[:30]], tmp_path)
    assert judged.only.verdict is Verdict.OK
    assert not judged.coverage.notes


def test_what_is_late_stays_late_beside_a_clock_that_was_set_back(tmp_path: Path) -> None:
    """The order of the records is judged: TCP-2 (late) before the step."""
    packets = list(sample_packets(f"{IN}--late-TCP-2"))
    judged = judge_packets(_set_back(packets, 30, HOUR), tmp_path)
    assert [(each.code, each.severity) for each in judged.only.findings] == [("TCP-2", Severity.ERROR)]


def test_one_of_two_files(tmp_path: Path) -> None:
    """Files are merged by their times as recorded; what they say is one session all the same."""
    packets = list(sample_packets(IN))
    sip = [each for each in packets if interface_of(each[1]) == "sip"]
    rest = [each for each in packets if interface_of(each[1]) != "sip"]
    paths = [write_pcap(tmp_path / "a.pcap", sip), write_pcap(tmp_path / "b.pcap", _set_back(rest, 30, HOUR))]
    judged: Judged = judge_files(paths)
    assert judged.only.verdict is Verdict.OK
    assert any(note.startswith("clock of b.pcap set back by about") for note in judged.coverage.notes)
