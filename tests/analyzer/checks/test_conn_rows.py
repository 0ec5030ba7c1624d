"""Rows CONN-1 to CONN-7 and NAT-1: a capture that satisfies each, one that differs by that single fact, and captures
without what would show it (TR 29.828 clauses 4.1.2 and 4.1.4).

The scenarios stand beside this file; a change is written as in samples/README.md.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import pytest
from scenario_twins import Built, twin

from analyzer.checks import CHECKS
from analyzer.correlate.session import Session
from analyzer.findings import Severity, Status
from analyzer.model import Verdict

SCENARIOS = Path(__file__).parent / "scenarios"
NO_SIP = ("invite*", "answer*", "ack*", "bye*")
NO_TCP = ("connect*", "send*", "close*", "auth*")
ONE_LEG = ("*-b", "bye-b-ok")

ACTIVE_ANSWER = '[values]\nanswer_more = "a=setup:active\\n"\n'
NO_SETUP = '[values]\noffer_more = ""\nanswer_more = ""\n'
FROM_B = '[[change]]\nstep = "connect"\nset = { tcp = "ue_b -> ue_a" }\n'
AT_OTHER = '[nodes.ue_b]\nrole = "UE"\nsip = "198.51.100.8:5060"\nmsrp = "198.51.100.88:8145"\n'
# c= and m= name another address than a=path, as behind a gateway that rewrites them alone (RFC 6714 section 5).
CEMA = """[values]
offer_more = "a=setup:actpass\\na=msrp-cema\\n"
answer_more = "a=setup:passive\\na=msrp-cema\\n"
answer_c = "198.51.100.88"
"""
LINES_ELSEWHERE = '[values]\nanswer_c = "198.51.100.88"\n'
OTHER_ADDRESS = 'to_b = "msrp://198.51.100.99:8145/b7k2m4x1;tcp"\n'
REFUSED = f'[values]\n{OTHER_ADDRESS}status = "481 No Such Session"\n'
# Without CEMA: a=path rewritten on both sides, and MSRP with it (B2BUA).
PLAIN = """[values]
a_more = "a=setup:actpass\\n"
b_more = "a=setup:passive\\n"
"""
OFFER_REWRITTEN = 'path_a_at_b = "msrp://203.0.113.61:40002/a1f9s8d7;tcp"\n'
ANSWER_REWRITTEN = 'path_b_at_a = "msrp://203.0.113.60:40001/b7k2m4x1;tcp"\n'
B2BUA = PLAIN + OFFER_REWRITTEN + ANSWER_REWRITTEN
NO_MEDIA = '[[change]]\ndrop = ["connect*", "send*", "close*"]\n'
DIRECT = """
[[change]]
step = "connect-a"
set = { tcp = "ue_a -> ue_b" }
[[change]]
step = "close-a"
set = { tcp = "ue_a -> ue_b" }
[[change]]
step = "send-1"
set = { msrp = "ue_a -> ue_b" }
[[change]]
step = "send-1-ok"
set = { msrp = "ue_b -> ue_a" }
[[change]]
drop = ["send-2", "send-2-ok"]
"""
NAT = '[nodes.ue_a]\nrole = "UE"\nsip = "198.51.100.7:5060"\nmsrp = "203.0.113.77:40022"\n'
SAME_CALL_ID = 'call_id_b = "<<call_id_a>>"\n'
ONE_CALL = f"[values]\n{SAME_CALL_ID}"
ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO


@dataclass(frozen=True)
class Row:
    """One row of the table."""

    code: str
    base: str
    good: str
    broken: str
    frames: tuple[str, ...]
    "The steps that show the fault; `connect:0` is the first packet of one."
    cuts: tuple[tuple[str, ...], ...]
    "Without these steps it is not observable."
    severity: Severity = ERROR
    name: str = ""


UE, ALG, RELAY = "ue-to-ue", "through-alg", "relay"
SIP_OR_TCP = (NO_SIP, NO_TCP)
ROWS = [
    Row("CONN-1", UE, "", FROM_B, ("invite", "answer", "connect:0"), SIP_OR_TCP),
    Row(
        "CONN-1",
        UE,
        ACTIVE_ANSWER + FROM_B,
        ACTIVE_ANSWER,
        ("invite", "answer", "connect:0"),
        SIP_OR_TCP,
        name="active answer",
    ),
    Row("CONN-2", UE, CEMA + AT_OTHER, CEMA, ("answer", "connect:0"), SIP_OR_TCP, name="cema"),
    Row(
        "CONN-2",
        UE,
        LINES_ELSEWHERE,
        LINES_ELSEWHERE + AT_OTHER,
        ("answer", "connect:0"),
        SIP_OR_TCP,
        name="without cema",
    ),
    Row("CONN-2", RELAY, "", DIRECT, ("answer", "connect-a:0"), SIP_OR_TCP, name="past the relay"),
    Row("CONN-3", UE, "", REFUSED, ("answer", "send-a:0", "send-a-ok:0"), SIP_OR_TCP, name="refused"),
    Row(
        "CONN-3",
        UE,
        CEMA.replace('answer_c = "198.51.100.88"\n', ""),
        CEMA.replace('answer_c = "198.51.100.88"\n', OTHER_ADDRESS),
        ("answer", "send-a:0"),
        SIP_OR_TCP,
        WARNING,
        name="accepted",
    ),
    Row("CONN-4", ALG, "", f"[values]\n{OFFER_REWRITTEN}", ("invite-a", "invite-b"), (ONE_LEG,), name="offer"),
    Row("CONN-4", ALG, "", f"[values]\n{ANSWER_REWRITTEN}", ("answer-b", "answer-a"), (ONE_LEG,), name="answer"),
    Row("CONN-4", ALG, ONE_CALL, ONE_CALL + ANSWER_REWRITTEN, ("answer-b", "answer-a"), (ONE_LEG,), name="one Call-ID"),
    Row(
        "CONN-5",
        ALG,
        B2BUA + NO_MEDIA,
        PLAIN + OFFER_REWRITTEN + NO_MEDIA,
        ("answer-b", "answer-a"),
        (ONE_LEG,),
        name="answer",
    ),
    Row(
        "CONN-5",
        ALG,
        B2BUA.replace("passive", "active") + NO_MEDIA,
        (PLAIN + ANSWER_REWRITTEN).replace("passive", "active") + NO_MEDIA,
        ("invite-a", "invite-b"),
        (ONE_LEG,),
        name="offer",
    ),
    Row(
        "CONN-5",
        ALG,
        B2BUA + SAME_CALL_ID + NO_MEDIA,
        PLAIN + OFFER_REWRITTEN + SAME_CALL_ID + NO_MEDIA,
        ("answer-b", "answer-a"),
        (ONE_LEG,),
        name="one Call-ID",
    ),
    Row("CONN-6", UE, NO_SETUP, NO_SETUP + FROM_B, ("invite", "answer", "connect:0"), SIP_OR_TCP),
    Row("CONN-7", RELAY, "", '[values]\nto_1 = "<<own_b>>"\n', ("answer", "send-1:0"), (NO_SIP, NO_TCP)),
]
# What MSRP itself shows is written down by a part that is still to come.
SHOWN = importlib.util.find_spec("analyzer.conversations.msrp_watch") is not None
needs_msrp = pytest.mark.skipif(not SHOWN, reason="facts about single MSRP messages are not collected yet")
CASES = [pytest.param(row, marks=needs_msrp) if row.code in ("CONN-3", "CONN-7") else row for row in ROWS]
NAMES = [f"{row.code} {row.name}".strip() for row in ROWS]


def findings(sessions: list[Session]) -> list[tuple[str, Severity, tuple[int, ...]]]:
    return [(each.code, each.severity, each.frames) for session in sessions for each in session.findings]


def statuses(sessions: list[Session], code: str) -> set[Status]:
    return {session.results[code].status for session in sessions}


@pytest.mark.parametrize("row", CASES, ids=NAMES)
def test_satisfied_twin_is_ok(row: Row, tmp_path: Path) -> None:
    sessions = twin(SCENARIOS, row.base, row.good).judged(tmp_path).sessions
    assert Status.OK in statuses(sessions, row.code)
    assert findings(sessions) == []
    assert {session.verdict for session in sessions} == {Verdict.OK}


@pytest.mark.parametrize("row", CASES, ids=NAMES)
def test_broken_twin_has_exactly_that_finding(row: Row, tmp_path: Path) -> None:
    built = twin(SCENARIOS, row.base, row.broken)
    sessions = built.judged(tmp_path).sessions
    assert findings(sessions) == [(row.code, row.severity, built.frames(*row.frames))]
    (finding,) = [each for session in sessions for each in session.findings]
    assert finding.clause.startswith("TR 29.828 clause 4.1.")
    assert finding.message
    assert finding.expected != finding.actual
    assert finding.hint


@pytest.mark.parametrize("row", CASES, ids=NAMES)
def test_without_what_shows_it_nothing_is_claimed(row: Row, tmp_path: Path) -> None:
    for changes in (row.good, row.broken):
        for cut in row.cuts:
            sessions = twin(SCENARIOS, row.base, changes).without(cut).judged(tmp_path).sessions
            found = statuses(sessions, row.code) if sessions else {Status.NOT_OBSERVABLE}
            assert (cut, found) == (cut, {Status.NOT_OBSERVABLE})


def test_the_table_has_every_row() -> None:
    assert {row.code for row in ROWS} == {rule.code for rule in CHECKS if rule.code.startswith("CONN-")}


def only(built: Built, folder: Path) -> Session:
    (session,) = built.judged(folder).sessions
    return session


# ---------------------------------------------------------------- NAT-1


@needs_msrp
def test_nat_is_told_as_information_and_breaks_no_decision(tmp_path: Path) -> None:
    """The source is no address that anybody signalled: who opened, and to where, is told all the same."""
    built = twin(SCENARIOS, UE, NAT)
    session = only(built, tmp_path)
    assert findings([session]) == [("NAT-1", INFO, built.frames("invite", "connect:0"))]
    assert session.findings[0].actual == "203.0.113.77"
    assert session.results["NAT-1"].status is Status.OK
    assert session.verdict is Verdict.OK
    assert [session.results[code].status for code in ("CONN-1", "CONN-2", "CONN-3")] == [Status.OK] * 3


def test_the_wrong_opener_behind_a_nat_is_still_found(tmp_path: Path) -> None:
    built = twin(SCENARIOS, UE, ACTIVE_ANSWER + NAT)
    session = only(built, tmp_path)
    assert [code for code, _, _ in findings([session])] == ["CONN-1", "NAT-1"]


def test_without_nat_there_is_nothing_to_tell(tmp_path: Path) -> None:
    session = only(twin(SCENARIOS, UE), tmp_path)
    assert session.results["NAT-1"].status is Status.NOT_APPLICABLE


@pytest.mark.parametrize("cut", SIP_OR_TCP, ids=["sip", "tcp"])
def test_nat_without_an_interface(cut: tuple[str, ...], tmp_path: Path) -> None:
    assert statuses(twin(SCENARIOS, UE, NAT).without(cut).judged(tmp_path).sessions, "NAT-1") == {Status.NOT_OBSERVABLE}


# ---------------------------------------------------------------- one fact, one finding; what is no fault


def test_a_try_at_the_address_of_a_path_is_linked_and_explained(tmp_path: Path) -> None:
    """With CEMA a UE goes to a=path, where nobody listens: the SYN alone shows it."""
    changes = '[[change]]\ndrop = ["send*", "close"]\n[[change]]\nstep = "connect"\nset = { do = "refused" }\n'
    built = twin(SCENARIOS, UE, CEMA + changes)
    session = only(built, tmp_path)
    assert [link.reason for link in session.links] == ["goes to the address of a=path"]
    told = [each for each in session.findings if each.code == "CONN-2"]
    assert [each.frames for each in told] == [built.frames("answer", "connect:0")]


def test_who_supports_cema_may_take_the_lines_without_an_answer_to_it(tmp_path: Path) -> None:
    """RFC 6714 section 4.2: the offerer is active and the answer has no a=msrp-cema."""
    changes = CEMA.replace("passive\\na=msrp-cema", "passive") + AT_OTHER
    session = only(twin(SCENARIOS, UE, changes), tmp_path)
    assert session.results["CONN-2"].status is Status.OK
    assert session.connection_model == "rfc6135"


def test_the_mrfp_is_told_by_its_own_rows_not_by_these(tmp_path: Path) -> None:
    """In a session with an MRFC the flow step is the more specific row (TCP-5 before CONN-1)."""
    from judged import judge_packets, sample_packets

    session = judge_packets(list(sample_packets("tcp-dial-in--TCP-5")), tmp_path).only
    assert [finding.code for finding in session.findings] == ["TCP-5"]
    assert "CONN-1" in session.findings[0].causes
    assert session.results["CONN-1"].reason == "follows from TCP-5"


def test_contradicting_setups_name_nobody(tmp_path: Path) -> None:
    changes = '[values]\noffer_more = "a=setup:active\\n"\nanswer_more = "a=setup:active\\n"\n'
    session = only(twin(SCENARIOS, UE, changes), tmp_path)
    assert session.results["CONN-1"].status is Status.NOT_APPLICABLE
    assert "names nobody" in session.results["CONN-1"].reason


def test_calls_of_one_icid_that_share_no_media_are_not_compared(tmp_path: Path) -> None:
    """A conference server may dial out with one ICID: their paths differ because they are different sessions."""
    changes = '[values]\npath_a_at_b = "msrp://203.0.113.61:40002/x1;tcp"\nown_b = "msrp://198.51.100.8:8145/y1;tcp"\n'
    changes += 'path_b_at_a = "msrp://203.0.113.60:40001/z1;tcp"\n'
    sessions = twin(SCENARIOS, ALG, changes).judged(tmp_path).sessions
    assert statuses(sessions, "CONN-4") <= {Status.NOT_OBSERVABLE, Status.NOT_APPLICABLE}
    assert "CONN-4" not in {code for code, _, _ in findings(sessions)}


def test_legs_are_compared_in_one_of_their_sessions_alone(tmp_path: Path) -> None:
    """In that of the later leg, whichever is handed out first."""
    access, core = twin(SCENARIOS, ALG).judged(tmp_path).sessions
    assert access.results["CONN-4"].reason == f"the two legs are compared in session {core.id}"
    assert core.results["CONN-4"].frames == twin(SCENARIOS, ALG).frames("invite-a", "invite-b", "answer-b", "answer-a")
