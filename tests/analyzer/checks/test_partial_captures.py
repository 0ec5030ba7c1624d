"""MRFP-2 and MRFP-3 where a re-INVITE moves the session-ids: only what was in force, and was seen, is compared with.

TS 23.333 clause 6.2.10.3.1; RFC 4975 section 7.3 for 481. The capture lacks a step here and there: the Add, its
reply, the Modify. What the MRFP does is right in the first half of the tests, and wrong in the second.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from inline_twins import Built, added, changed, dropped, replaced, twin
from judged import Judged, judge_packets

from analyzer.conversations.msrp_facts import LISTED
from analyzer.findings import Status

IN = "tcp-dial-in"
UE_1, MRFP_1 = "msrp://<<ue_a.msrp>>/jshA7weztas2s93i9ek2;tcp", "msrp://<<mrfp.msrp>>/s1f00dQ9x4mB7tLz;tcp"
UE_2, MRFP_2 = "msrp://<<ue_a.msrp>>/ue2Qm81sLw0dT5;tcp", "msrp://<<mrfp.msrp>>/mrf2Zk93xUv7a;tcp"


def _sip(first: str, cseq: str, branch: str, *more: str, from_mrfc: bool = False) -> str:
    way = ";rport=<<ue_a.sip.port>>" if from_mrfc else ";rport"
    lines = [first, f"Via: SIP/2.0/UDP <<ue_a.sip>>;branch={branch}{way}", "<<dialog>>CSeq: " + cseq, *more]
    return "\n".join([*lines, "Content-Length: <<size>>", ""])


def _sdp(who: str, address: str, path: str, setup: str) -> str:
    return (
        f"v=0\no={who} 7 8 IN IP4 <<{address}.ip>>\ns=-\nc=IN IP4 <<{address}.ip>>\nt=0 0\n"
        f"m=message <<{address}.port>> TCP/MSRP *\na=setup:{setup}\na=accept-types:message/cpim\n"
        f"a=accept-wrapped-types:text/plain text/html image/png\na=path:{path}\na=msrp-cema"
    )


def _send(name: str, at: float, way: str, to_path: str, from_path: str) -> str:
    text = f"MSRP <<tid>> SEND\nTo-Path: {to_path}\nFrom-Path: {from_path}\nMessage-ID: {name}m81\n"
    back = " -> ".join(reversed(way.split(" -> ")))
    ok = f"MSRP <<tid>> 200 OK\nTo-Path: {from_path}\nFrom-Path: {to_path}\n"
    return added(name, at, way, text=text, tid=f"{name}t44") + added(
        f"{name}-ok", at + 0.005, back, text=ok, answers=name
    )


CONTENT = "Content-Type: application/sdp"
CONTACT = "Contact: <sip:alice@<<ue_a.sip>>>"
REINVITE = (
    added("reinvite", 32.0, "ue_a -> mrfc", "sip",
          _sip("INVITE <<conference>> SIP/2.0", "2 INVITE", "z9hG4bKre1", "Max-Forwards: 70", CONTACT, CONTENT),
          content=_sdp("alice", "ue_a.msrp", UE_2, "actpass"))
    + added("modify", 32.005, "mrfc -> mrfp", "h248",
            "!/2 [192.0.2.10]:2944\nT=<<transaction>>{C=<<context>>{MF=<<termination>>{M{ST=1{L{\nv=0\nc=IN IP4 $\n"
            "m=message $ TCP/MSRP *\na=setup:active\na=path:$\n},R{\nv=0\nc=IN IP4 <<ue_a.msrp.ip>>\n"
            f"m=message <<ue_a.msrp.port>> TCP/MSRP *\na=setup:passive\na=path:{UE_2}\n}}}}}}}}}}}}\n",
            transaction="4800")
    + added("modify-reply", 32.010, "mrfp -> mrfc", "h248",
            "!/2 [192.0.2.20]:2944\nP=<<transaction>>{C=<<context>>{MF=<<termination>>{M{ST=1{L{\nv=0\n"
            "c=IN IP4 <<mrfp.msrp.ip>>\nm=message <<mrfp.msrp.port>> TCP/MSRP *\na=setup:active\n"
            f"a=path:{MRFP_2}\n}}}}}}}}}}}}\n",
            answers="modify")
    + added("reinvite-ok", 32.020, "mrfc -> ue_a", "sip",
            _sip("SIP/2.0 200 OK", "2 INVITE", "z9hG4bKre1", "Contact: <<<conference>>>;isfocus", CONTENT,
                 from_mrfc=True),
            content=_sdp("mrfc", "mrfp.msrp", MRFP_2, "active"))
    + added("reinvite-ack", 32.030, "ue_a -> mrfc", "sip",
            _sip("ACK <<conference>> SIP/2.0", "2 ACK", "z9hG4bKre2", "Max-Forwards: 70"))
    + replaced("bye", "CSeq: 2 BYE", "CSeq: 3 BYE")
    + replaced("bye-ok", "CSeq: 2 BYE", "CSeq: 3 BYE")
)  # fmt: skip
"The UE moves its session-id and the MRFP, asked to, its own."
MOVED = REINVITE + _send("new1", 33.0, "mrfp -> ue_a", UE_2, MRFP_2) + _send("new2", 34.0, "ue_a -> mrfp", MRFP_2, UE_2)
"The same, and then a message each way."

STEPS = ("add", "add-reply", "modify", "modify-reply", "reinvite", "reinvite-ok", "answer", "invite")


def judged(folder: Path, *changes: str, lost: Sequence[str] = (), moved: str = MOVED) -> Judged:
    """The session without the packets of the steps that were `lost`."""
    built = twin(IN, "\n".join(changes) + "\n" + moved)
    kept = [packet for packet, step in zip(built.packets, built.steps, strict=True) if step not in lost]
    return judge_packets(kept, folder)


def statuses(result: Judged) -> tuple[Status, Status]:
    results = result.only.results
    return results["MRFP-2"].status, results["MRFP-3"].status


def codes(result: Judged) -> set[str]:
    return {finding.code for session in result.sessions for finding in session.findings}


def test_nothing_is_wrong_where_all_was_captured(tmp_path: Path) -> None:
    result = judged(tmp_path)
    assert statuses(result) == (Status.OK, Status.OK)
    assert codes(result) == set()


@pytest.mark.parametrize(
    "lost",
    [
        *((step,) for step in STEPS),
        ("add", "add-reply"),
        ("modify", "modify-reply"),
        ("invite", "answer"),
        ("reinvite", "reinvite-ok"),
        ("add-reply", "answer"),
        ("modify-reply", "reinvite-ok"),
        ("add", "add-reply", "answer"),
        ("add", "add-reply", "invite", "answer"),
        ("modify", "modify-reply", "reinvite-ok"),
    ],
    ids="+".join,
)
def test_what_the_capture_lacks_is_no_fault_of_the_mrfp(lost: tuple[str, ...], tmp_path: Path) -> None:
    result = judged(tmp_path, lost=lost)
    assert not {"MRFP-2", "MRFP-3", "MSRP-SESSION-ID"} & codes(result)


REFUSE = "[[change]]\nstep = '{}'\nreplace = '200 OK'\nwith = '481 Session Does Not Exist'\n"


def test_481_for_the_session_id_in_force_is_a_finding(tmp_path: Path) -> None:
    (first,) = [each for each in judged(tmp_path, REFUSE.format("chat-1-ok")).only.findings if each.code == "MRFP-2"]
    assert first.message == "The MRFP refused a request with 481 whose session-id is the one that it gave."


def test_481_is_found_though_the_modify_of_later_is_not_captured(tmp_path: Path) -> None:
    result = judged(tmp_path, REFUSE.format("chat-1-ok"), lost=("modify", "modify-reply"))
    assert "MRFP-2" in codes(result)


def _old_id_after_the_modify(answer: str) -> str:
    return _send("late", 36.0, "ue_a -> mrfp", MRFP_1, UE_1).replace("200 OK", answer)


def test_481_is_right_for_a_session_id_that_is_not_in_force_any_more(tmp_path: Path) -> None:
    """RFC 4975 section 7.3: the Modify gave another."""
    assert "MRFP-2" not in codes(judged(tmp_path, _old_id_after_the_modify("481 Session Does Not Exist")))


INVENTED = replaced("answer", "/s1f00dQ9x4mB7tLz;tcp", "/invented0815;tcp")


def _invented(answer: str) -> str:
    to_path = MRFP_1.replace("s1f00dQ9x4mB7tLz", "invented0815")
    return INVENTED + _send("wrong", 1.0, "ue_a -> mrfp", to_path, UE_1).replace("200 OK", answer)


def test_481_is_right_for_a_session_id_that_the_mrfc_invented(tmp_path: Path) -> None:
    """The answer has another session-id than the MRFP gave (OFFER-5), and the UE uses it: the MRFP is right."""
    result = judged(tmp_path, _invented("481 Session Does Not Exist"))
    assert "OFFER-5" in codes(result)
    assert "MRFP-2" not in codes(result)


def test_481_is_right_for_a_session_id_that_the_ue_invented(tmp_path: Path) -> None:
    to_path = MRFP_1.replace("s1f00dQ9x4mB7tLz", "nobody0815")
    wrong = _send("wrong", 1.0, "ue_a -> mrfp", to_path, UE_1)
    result = judged(tmp_path, wrong.replace("200 OK", "481 Session Does Not Exist"))
    assert "MRFP-2" not in codes(result)
    (taken,) = [each for each in judged(tmp_path, wrong).only.findings if each.code == "MRFP-2"]
    assert taken.message == "The MRFP answered 200 to a request whose session-id it never gave."


def test_200_for_a_session_id_of_nobody_is_not_observable_without_the_reply_to_the_add(tmp_path: Path) -> None:
    to_path = MRFP_1.replace("s1f00dQ9x4mB7tLz", "nobody0815")
    wrong = dropped("chat-*", "nickname*", "agenda-*") + _send("wrong", 1.0, "ue_a -> mrfp", to_path, UE_1)
    result = judged(tmp_path, wrong, lost=("add-reply",), moved=REINVITE)
    assert result.only.results["MRFP-2"].status is Status.NOT_OBSERVABLE


WRONG = replaced("chat-2", "To-Path: msrp://198.51.100.7:7394/", "To-Path: msrp://198.51.100.7:7395/")


def test_a_wrong_to_path_is_held_against_what_was_in_force_then(tmp_path: Path) -> None:
    """The Modify comes later: its path is not the one that To-Path should have had."""
    (finding,) = [each for each in judged(tmp_path, WRONG).only.findings if each.code == "MRFP-3"]
    assert finding.frames[0] == 3


def test_a_wrong_to_path_is_not_observable_where_the_add_was_not_captured(tmp_path: Path) -> None:
    changes = WRONG + dropped("bind*", "chat-4*", "chat-3-report")
    result = judged(tmp_path, changes, lost=("add", "add-reply"), moved=REINVITE)
    assert result.only.results["MRFP-3"].status is Status.NOT_OBSERVABLE


def _from_relays(count: int) -> str:
    """The UE sends through `count` relays, one after the other; the last response goes to a place of nobody."""
    sends = [
        _send(f"r{n}", 1.0 + n / 10, "ue_a -> mrfp", MRFP_1, f"msrp://relay{n}.example.net:2855/r{n};tcp {UE_1}")
        for n in range(count)
    ]
    last = f"To-Path: msrp://relay{count - 1}.example.net:2855/"
    sends[-1] = f"To-Path: msrp://elsewhere.example.net:2855/{''.join(sends[-1].rpartition(last)[2:])}".join(
        ("".join(sends[-1].rpartition(last)[:1]), "")
    )
    return dropped("nickname*", "chat-1*", "chat-3*", "agenda*") + "".join(sends)


@pytest.mark.parametrize(("relays", "found"), [(LISTED - 1, {"MRFP-3"}), (LISTED, set()), (LISTED + 1, set())])
def test_responses_are_judged_while_every_from_path_is_listed(relays: int, found: set[str], tmp_path: Path) -> None:
    """RFC 4975 section 7.2; a full list of From-Path values may lack the one that a response goes back to."""
    built = twin(IN, _from_relays(relays))
    assert {"MRFP-3"} & codes(judge_packets(built.all(), tmp_path)) == found


# ---------------------------------------------------------------- set-up: a later offer is never taken for the first

SET_UP = {"TCP-1", "GEN-2", "OFFER-1", "OFFER-2", "OFFER-3b", "OFFER-5", "OFFER-6", "TCP-2", "TCP-6", "TCP-7"}
"Rows that hold the first offer, or its answer, against something."


@pytest.mark.parametrize(
    ("lost", "unseen"),
    [
        (("answer",), {"OFFER-5", "OFFER-6", "TCP-6"}),
        (("invite", "answer"), {"TCP-1", "GEN-2", "OFFER-1", "OFFER-5", "OFFER-6", "TCP-6"}),
        (("invite", "answer", "add", "add-reply"), {"TCP-1", "GEN-2", "OFFER-1", "TCP-6"}),
        (("add", "add-reply"), {"OFFER-1", "OFFER-5", "TCP-2", "TCP-6"}),
        (("add", "add-reply", "reinvite", "reinvite-ok"), {"OFFER-1", "OFFER-5", "TCP-2", "TCP-6"}),
    ],
    ids=lambda each: "+".join(sorted(each)),
)
def test_a_later_offer_is_not_taken_for_the_first(lost: tuple[str, ...], unseen: set[str], tmp_path: Path) -> None:
    """RFC 3264: what the re-INVITE says was not what the Add was given, nor what the UE offered at first."""
    result = judged(tmp_path, lost=lost)
    session = max(result.sessions, key=lambda each: len(each.results))
    assert not SET_UP & codes(result)
    assert {code for code in unseen if session.results[code].status is Status.NOT_OBSERVABLE} == unseen


SIGNALLING = (
    "invite", "trying", "answer", "ack", "add", "add-reply", "connect", "reinvite", "reinvite-ok", "reinvite-ack",
    "modify", "modify-reply", "bye", "bye-ok", "subtract", "subtract-reply",
)  # fmt: skip


@pytest.mark.parametrize("first", SIGNALLING)
def test_no_two_steps_that_the_capture_lacks_make_anybody_wrong(first: str, tmp_path: Path) -> None:
    for second in SIGNALLING[SIGNALLING.index(first) :]:
        result = judged(tmp_path, lost=(first, second))
        severe = {finding.code for each in result.sessions for finding in each.findings if finding.severity != "info"}
        assert (second, severe) == (second, set())


@pytest.mark.parametrize("lost", [("reinvite",), ("reinvite-ok",), ("modify", "modify-reply"), ()])
def test_a_wrong_set_up_is_found_beside_a_later_offer(lost: tuple[str, ...], tmp_path: Path) -> None:
    wrong = replaced("answer", "/s1f00dQ9x4mB7tLz;tcp", "/invented0815;tcp")
    assert "OFFER-5" in codes(judged(tmp_path, wrong, lost=lost))
    wrong = replaced("invite", "/jshA7weztas2s93i9ek2;tcp", "/other0815zz;tcp")
    assert "OFFER-1" in codes(judged(tmp_path, wrong, lost=lost))


# ---------------------------------------------------------------- ANS-1: the set-up ends after the answer

OUT = "tcp-dial-out"
NEVER = dropped("modify*", "connect", "bind*", "chat-*", "nickname*", "close")


def _ended(at: float) -> Built:
    steps = {"bye": 0.0, "bye-ok": 0.003, "subtract": 0.005, "subtract-reply": 0.008}
    return twin(OUT, NEVER + "".join(changed(step, at=at + more) for step, more in steps.items()))


def test_no_modify_is_needed_where_the_session_ends_after_the_answer(tmp_path: Path) -> None:
    result = judge_packets(_ended(2.5).all(), tmp_path)
    assert "ANS-1" not in codes(result)
    assert result.only.results["ANS-1"].status is Status.NOT_OBSERVABLE


def test_no_modify_in_a_session_that_goes_on_is_a_finding(tmp_path: Path) -> None:
    result = judge_packets(_ended(30.0).all(), tmp_path)
    assert "ANS-1" in codes(result)
