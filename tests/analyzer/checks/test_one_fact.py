"""One fact, one finding: what follows from another row is named there; what is a fact of its own is told beside it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from judged import SAMPLES
from scenario_twins import twin

from analyzer.correlate.session import Session
from analyzer.findings import Status

IN, E2E = "tcp-dial-in", "e2e-dial-in"
WRONG = "/jshA7weztas2s93i9ek2;tcp", "/wrong;tcp"


def replaced(step: str, old: str, new: str) -> str:
    return f'[[change]]\nstep = "{step}"\nreplace = """{old}"""\nwith = """{new}"""\n'


def to_ue() -> list[str]:
    """The steps in which the MRFP sends requests to the UE."""
    steps = tomllib.loads((SAMPLES / IN / "scenario.toml").read_text())["step"]
    return [each["name"] for each in steps if each.get("msrp") == "mrfp -> ue_a" and "answers" not in each]


def told(session: Session) -> dict[str, tuple[str, ...]]:
    return {each.code: each.causes for each in session.findings if each.severity.value == "error"}


def judged(folder: Path, base: str, *changes: str) -> Session:
    return twin(SAMPLES, base, "".join(changes)).judged(folder).only


REMOTE = replaced("add", "<<ue_path>>", f"msrp://198.51.100.7:7394{WRONG[1]}")
SENT = "".join(
    replaced(step, f"To-Path: msrp://198.51.100.7:7394{WRONG[0]}", f"To-Path: msrp://198.51.100.7:7394{WRONG[1]}")
    for step in to_ue()
)
BY_UE = (
    replaced("chat-1", "/s1f00dQ9x4mB7tLz;tcp\nFrom", "/other;tcp\nFrom")
    + replaced("chat-1-ok", "/s1f00dQ9x4mB7tLz", "/other")
    + replaced("chat-1-ok", "200 OK", "481 No such session")
)


def test_a_session_id_that_the_mrfc_gave_is_the_fault_of_the_mrfc(tmp_path: Path) -> None:
    """OFFER-1: the MRFP sends as it was told."""
    found = told(judged(tmp_path, IN, REMOTE, SENT))
    assert list(found) == ["OFFER-1"]
    assert "MSRP-SESSION-ID" in found["OFFER-1"]


def test_another_wrong_session_id_is_told_beside_it(tmp_path: Path) -> None:
    """The neighbour: what the UE sends does not follow from OFFER-1."""
    found = judged(tmp_path, IN, REMOTE, SENT, BY_UE)
    assert {"OFFER-1", "MSRP-SESSION-ID"} <= told(found).keys()
    (finding,) = [each for each in found.findings if each.code == "MSRP-SESSION-ID"]
    assert finding.message == "The UE sent to a session-id that the MRFP never gave."


@pytest.mark.parametrize("base", [IN, E2E])
def test_sdp_setup_follows_from_the_offer(base: str, tmp_path: Path) -> None:
    """An offer without a=setup, answered with active as the flow has it: DIN-1d, or SDP-SETUP beside TCP-1."""
    found = told(judged(tmp_path, base, replaced("invite", "a=setup:actpass\n", "")))
    if base == E2E:
        assert list(found) == ["DIN-1d"]
        assert "SDP-SETUP" in found["DIN-1d"]
    else:
        assert {"TCP-1", "SDP-SETUP"} <= found.keys()


def test_sdp_setup_by_itself_is_told(tmp_path: Path) -> None:
    """The neighbour: a good offer, answered with what is no answer."""
    found = told(judged(tmp_path, E2E, replaced("answer", "a=setup:active", "a=setup:actpass")))
    assert "SDP-SETUP" in found


NO_SETUP = replaced("invite", "a=setup:actpass\n", "") + replaced("answer", "a=setup:active\n", "")
BY_OFFERER = '[[change]]\nstep = "connect"\nset = { tcp = "ue_a -> mrfp" }\n'


def test_an_answer_without_setup_fits_an_offer_without(tmp_path: Path) -> None:
    """RFC 6135 section 4.1: TCP-1 alone, and the offerer opens."""
    session = judged(tmp_path, IN, NO_SETUP, BY_OFFERER)
    assert list(told(session)) == ["TCP-1"]
    assert session.results["CONN-6"].status is Status.OK


def test_who_opens_is_a_fact_of_its_own(tmp_path: Path) -> None:
    """CONN-6 beside TCP-1: nobody has a=setup, and the answerer opens."""
    session = judged(tmp_path, IN, NO_SETUP)
    assert told(session).keys() == {"TCP-1", "CONN-6"}


def test_an_answer_without_setup_to_actpass_is_tcp_6(tmp_path: Path) -> None:
    """The neighbour: the offer left the choice, and the flow has active."""
    assert list(told(judged(tmp_path, IN, replaced("answer", "a=setup:active\n", "")))) == ["TCP-6"]
