"""Nothing is said about what a cut took away: the good samples with every packet dropped in turn, and cut short.

A session is `failed` exactly where it has a finding of severity error.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from judged import interface_of, judge_packets, sample_packets, sample_steps

from analyzer.findings import Severity
from analyzer.model import Verdict

SAMPLES = ["tcp-dial-in", "tcp-dial-out", "tcp-dial-in--refused", "tcp-dial-in--package-less"]


@pytest.mark.parametrize("name", SAMPLES[:2])
def test_every_packet_dropped_in_turn(name: str, tmp_path: Path) -> None:
    packets = list(sample_packets(name))
    steps = sample_steps(name)
    for index, step in enumerate(steps):
        judged = judge_packets(packets[:index] + packets[index + 1 :], tmp_path)
        told = [(step, each.code, each.message) for session in judged.sessions for each in session.findings]
        assert told == []
        carries = interface_of(packets[index][1]) != "tcp" or step in ("connect",) or steps[index - 1] != step
        if carries and step not in WITHOUT_A_TRACE and not (step == "connect" and steps[index - 1] == "connect"):
            said = ", ".join(session.state for session in judged.sessions)
            assert "not captured" in said or "before the capture" in said, (step, index + 1, said)


WITHOUT_A_TRACE = frozenset({"trying", "ringing", "close"})
"What may be missing without leaving a trace: a provisional response, a FIN."


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("side", ["front", "back"])
def test_cut_short(name: str, side: str, tmp_path: Path) -> None:
    packets = list(sample_packets(name))
    allowed = {(each.code, each.severity) for each in judge_packets(packets, tmp_path).only.findings}
    for cut in range(1, len(packets)):
        left = packets[cut:] if side == "front" else packets[:-cut]
        for session in judge_packets(left, tmp_path).sessions:
            told = {(each.code, each.severity) for each in session.findings}
            assert told <= allowed, (cut, [each.message for each in session.findings])
            has_error = any(each.severity is Severity.ERROR for each in session.findings)
            assert (session.verdict is Verdict.FAILED) == has_error
