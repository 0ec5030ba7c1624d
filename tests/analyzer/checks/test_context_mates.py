"""What else is in the context of a participant: it makes no border gateway, and belongs to other participants.

An MRFP has a termination for each participant in the conference's context (TS 23.333 clause 6.2.10); of those that
joined before the capture began only an audit, a Modify or the Subtract may be seen.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from inline_twins import added, twin
from judged import Judged, judge_packets

from analyzer.correlate.session import Session
from analyzer.findings import Status
from analyzer.model import Verdict

MATE = "ip/1/mb/32"


def command(name: str, at: float, request: str, reply: str, number: int) -> str:
    """One transaction about the conference's context."""
    asked = f"!/2 [192.0.2.10]:2944\nT={number}{{C=17{{{request}}}}}\n"
    told = f"!/2 [192.0.2.20]:2944\nP={number}{{C=17{{{reply}}}}}\n"
    return added(name, at, "mrfc -> mrfp", "h248", asked) + added(
        f"{name}-reply", at + 0.003, "mrfp -> mrfc", "h248", told
    )


MATES = {
    "audited": command("mate", 5.0, f"AV={MATE}{{AT{{}}}}", f"AV={MATE}", 901),
    "modified": command("mate", 5.0, f"MF={MATE}{{M{{O{{MO=IN}}}}}}", f"MF={MATE}", 902),
    "subtracted": command("mate", 5.0, f"S={MATE}", f"S={MATE}", 903),
    "in one message with ours": command(
        "mate", 39.0, f"AV={MATE}{{AT{{}}}},AV=ip/1/mb/33{{AT{{}}}}", f"AV={MATE},AV=ip/1/mb/33", 904
    ),
}


def ours(found: Judged) -> Session:
    (session,) = [each for each in found.sessions if each.sip is not None]
    return session


@pytest.mark.parametrize("mate", MATES.values(), ids=MATES)
def test_a_mate_without_known_sdp_changes_no_verdict(mate: str, tmp_path: Path) -> None:
    session = ours(judge_packets(twin("tcp-dial-in", mate).all(), tmp_path))
    assert (session.flow, session.verdict, session.state) == ("tcp-dial-in", Verdict.OK, "ended")
    assert [life.termination_id for life in session.terminations] == ["ip/1/mb/33"]


@pytest.mark.parametrize("mate", MATES.values(), ids=MATES)
def test_a_broken_row_is_found_beside_a_mate(mate: str, tmp_path: Path) -> None:
    session = ours(judge_packets(twin("tcp-dial-in--OFFER-5", mate).all(), tmp_path))
    assert session.results["OFFER-5"].status is Status.FAILED
    assert session.verdict is Verdict.FAILED


def test_a_mate_is_a_session_of_its_own(tmp_path: Path) -> None:
    """Nothing read is dropped: what is known of the other participant is told."""
    found = judge_packets(twin("tcp-dial-in", MATES["subtracted"]).all(), tmp_path)
    (mate,) = [each for each in found.sessions if each.sip is None]
    assert [life.termination_id for life in mate.terminations] == [MATE]
    assert (mate.kind, mate.state, mate.verdict) == ("h248", "begun before the capture", Verdict.INCOMPLETE)
    assert mate.flow_reason.startswith("no flow is about H.248 without MSRP")


OTHER = (
    "M{ST=1{L{\nv=0\nc=IN IP4 203.0.113.5\nm=message 28563 TCP/MSRP *\na=path:msrp://203.0.113.5:28563/forBob;tcp\n},"
    "R{\nv=0\nc=IN IP4 198.51.100.9\nm=message 8145 TCP/MSRP *\na=path:msrp://198.51.100.9:8145/bob;tcp\n}}}"
)


@pytest.mark.parametrize(("base", "verdict"), [("tcp-dial-in", Verdict.OK), ("tcp-dial-in--OFFER-5", Verdict.FAILED)])
def test_another_participant_with_known_sdp_is_no_other_side(base: str, verdict: Verdict, tmp_path: Path) -> None:
    mate = command("mate", 5.0, f"MF={MATE}{{{OTHER}}}", f"MF={MATE}", 905)
    session = ours(judge_packets(twin(base, mate).all(), tmp_path))
    assert (session.flow, session.verdict) == ("tcp-dial-in", verdict)
