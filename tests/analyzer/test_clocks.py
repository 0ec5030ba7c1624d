"""Two clocks in one capture: told by orders that cannot be, named with their offset; no order across them is judged."""

from __future__ import annotations

from pathlib import Path

import pytest
from capture_variants import write_pcap
from inline_twins import changed, replaced, twin
from judged import Judged, interface_of, judge_files, judge_packets, sample_keys, sample_packets

from analyzer.findings import Severity, Status
from analyzer.model import Verdict

MS = 1_000_000
IN, OUT, E2E = "tcp-dial-in", "tcp-dial-out", "e2e-dial-in"
NAMES = {"sip": "", "h248": "H.248", "tcp": "TCP and MSRP"}


def timed(name: str, interface: str, ahead: int, folder: Path, files: int) -> Judged:
    """A session of which one interface has a clock that is `ahead` ns before the other's; in one file, or in two."""
    packets = sample_packets(name)
    one = [(time + ahead, data) for time, data in packets if interface_of(data) == interface]
    other = [(time, data) for time, data in packets if interface_of(data) != interface]
    keys = sample_keys(name) if name == E2E else None
    if files == 1:
        return judge_packets(sorted(one + other), folder, keys=keys)
    return judge_files([write_pcap(folder / "one.pcap", one), write_pcap(folder / "other.pcap", other)], keys=keys)


@pytest.mark.parametrize("files", [1, 2])
@pytest.mark.parametrize("ahead", [-5000, -200, -50, 50, 200, 5000])
@pytest.mark.parametrize("interface", ["sip", "h248", "tcp"])
@pytest.mark.parametrize("name", [IN, OUT, E2E, "conference-3"])
def test_clocks_that_differ_are_no_fault(name: str, interface: str, ahead: int, files: int, tmp_path: Path) -> None:
    judged = timed(name, interface, ahead * MS, tmp_path, files)
    assert [session.findings for session in judged.sessions] == [[]] * (3 if name == "conference-3" else 1)
    assert {session.verdict for session in judged.sessions} == {Verdict.OK}


@pytest.mark.parametrize(
    ("name", "interface", "ahead", "note"),
    [
        (IN, "tcp", -200, "the clock of TCP and MSRP is about 0.2 s or more behind that of SIP"),
        (IN, "tcp", -5000, "the clock of TCP and MSRP is about 5 s or more behind that of SIP"),
        (IN, "h248", -200, "the clock of H.248 is about 0.2 s behind that of SIP"),
        (IN, "h248", 200, "the clock of H.248 is about 0.2 s ahead of that of SIP"),
        (IN, "h248", 50, "the clock of H.248 is about 0.05 s ahead of that of SIP"),
        (OUT, "h248", 50, "the clock of H.248 is about 0.05 s ahead of that of SIP"),
        (OUT, "tcp", -3000, "the clock of TCP and MSRP is about 1 s or more behind that of SIP"),
    ],
)
@pytest.mark.parametrize("files", [1, 2])
def test_the_offset_is_named(name: str, interface: str, ahead: int, note: str, files: int, tmp_path: Path) -> None:
    judged = timed(name, interface, ahead * MS, tmp_path, files)
    assert f"{note}: order across them was not judged" in judged.coverage.notes
    for code in ("TCP-1", "TCP-2", "SEND-1", "SEND-3"):
        assert judged.only.results[code].status in (Status.OK, Status.NOT_APPLICABLE)


def test_gen_2_says_why_it_is_not_judged(tmp_path: Path) -> None:
    result = timed(IN, "tcp", -200 * MS, tmp_path, 1).only.results["GEN-2"]
    assert result.status is Status.NOT_OBSERVABLE
    assert result.reason.startswith("the clock of TCP and MSRP is about 0.2 s or more behind that of SIP")


@pytest.mark.parametrize("at", [-0.5, -5.0])
def test_a_connection_that_was_there_before_the_offer_stays_found(at: float, tmp_path: Path) -> None:
    """GEN-2: only the handshake is early, and MSRP on it comes when its session-ids were given: one clock."""
    judged = judge_packets(twin(IN, changed("connect", at=at)).all(), tmp_path)
    assert [(each.code, each.severity) for each in judged.only.findings] == [("GEN-2", Severity.ERROR)]
    assert not judged.coverage.notes


def test_an_answer_before_the_reply_stays_found_where_no_offset_explains_it(tmp_path: Path) -> None:
    """The Add is in order, its reply 200 ms late: shifted by so much, the Add would stand before the offer."""
    judged = judge_packets(twin(IN, changed("add-reply", at=0.220)).all(), tmp_path)
    assert ("TCP-2", Severity.ERROR) in [(each.code, each.severity) for each in judged.only.findings]
    assert not judged.coverage.notes


def test_what_is_wrong_is_found_whatever_the_clocks_say(tmp_path: Path) -> None:
    packets = twin(IN, replaced("answer", "/s1f00dQ9x4mB7tLz;tcp", "/invented0815;tcp")).all()
    late = [(time - (200 * MS if interface_of(data) == "tcp" else 0), data) for time, data in packets]
    judged = judge_packets(sorted(late), tmp_path)
    assert "OFFER-5" in {each.code for each in judged.only.findings}
