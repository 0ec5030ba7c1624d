"""Each kind of observation of `msrp_facts`: a conversation that shows it, and twins that differ and do not."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from analyzer.conversations import msrp_facts
from analyzer.conversations.msrp_facts import OBSERVED
from analyzer.conversations.msrp_watch import EARLY, UNANSWERED, WAITING
from analyzer.conversations.msrp_way import ASKED, REPORTS
from dissectors.msrp import decode_msrp
from tests.analyzer.conversations.msrp_talk import LONG, SECOND, TEXT, WRONG, A, Talk


def test_an_ordinary_conversation_shows_nothing() -> None:
    talk = Talk().send(body=None).ok().send("Success-Report: yes\r\nByte-Range: 1-5/5\r\n", message_id="m124").ok()
    talk.report("m124").say("NICKNAME", 'Use-Nickname: "x"\r\n').ok().send(by=1, message_id="m900")  # type: ignore[arg-type]
    assert talk.ok(by=0).wait().over().kinds == []


# ---------------------------------------------------------------------- requests


def test_no_content_type() -> None:
    seen = Talk().say("SEND", "Message-ID: m123\r\n", "Hello").ok().over().only("no-content-type")
    assert (seen.direction, seen.time, seen.frames) == (0, SECOND, (1,))
    assert seen.detail == {"message_id": "m123", "octets": 5}


@pytest.mark.parametrize("message_id", ["", "m12", "m 123", "-m123", "m" * 33])
def test_bad_message_id(message_id: str) -> None:
    field = f"Message-ID: {message_id}\r\n" if message_id else ""
    seen = Talk().say("SEND", field + TEXT, "Hello").ok().over().only("bad-message-id")
    assert seen.detail == {"method": "SEND", "message_id": message_id}


def test_a_nickname_needs_no_message_id() -> None:
    assert Talk().say("NICKNAME", 'Use-Nickname: "x"\r\n').ok().over().kinds == []


def test_framing() -> None:
    talk = Talk().send()
    talk.exchange.broken(0, "it has no end-line")
    seen = talk.over().only("framing")
    assert (seen.direction, seen.time, seen.frames) == (0, SECOND, (1,))
    assert seen.detail == {"what": "SEND", "why": "it has no end-line"}


# ---------------------------------------------------------------------- transactions


def test_no_response() -> None:
    seen = Talk().send().wait().send(message_id="m124").ok().over().only("no-response")
    assert (seen.direction, seen.time, seen.frames) == (0, SECOND, (1,))
    detail = {"method": "SEND", "transaction_id": "tid1", "message_id": "m123"}
    assert seen.detail == {**detail, "waited": LONG + 2 * SECOND, "after": None}


def test_a_late_response() -> None:
    seen = Talk().send().wait().ok("tid1").over().only("no-response")
    assert seen.frames == (1, 2)
    assert seen.detail["after"] == LONG + SECOND


@pytest.mark.parametrize(
    "talk",
    [
        pytest.param(Talk().send().wait(27 * SECOND).send(message_id="m124").ok().over(), id="not that long"),
        pytest.param(Talk().send().wait(29 * SECOND).ok("tid1").over(), id="just in time"),
        pytest.param(Talk().send("Failure-Report: no\r\n").wait().over(), id="no response wanted (7.2)"),
        pytest.param(Talk().send("Failure-Report: partial\r\n").wait().over(), id="only failures wanted (7.2)"),
        pytest.param(Talk().send().wait().over(closing=20 * SECOND), id="closed before"),
        pytest.param(Talk().send().wait().over(heard=(41 * SECOND, 0)), id="the other direction is not in the capture"),
        pytest.param(Talk().send().lose(1).wait().over(), id="octets missing where the response would be"),
        pytest.param(Talk().report(by=0).wait().lose(1).over(), id="a REPORT has no response"),
        pytest.param(Talk().send().ok().wait().over(), id="answered"),
        pytest.param(Talk().ok("tid2").send().wait().over(), id="the response captured first"),
    ],
)
def test_no_response_is_not_observed(talk: Talk) -> None:
    assert "no-response" not in talk.kinds


def test_unknown_response() -> None:
    seen = Talk().send().ok().ok("tidx").over().only("unknown-response")
    assert (seen.direction, seen.frames) == (1, (3,))
    assert seen.detail == {"status": 200, "transaction_id": "tidx"}


@pytest.mark.parametrize(
    "talk",
    [
        pytest.param(Talk().lose(0).ok("tidx").over(), id="begun before the capture, or a gap"),
        pytest.param(Talk().send().lose(1).ok("tid1").over(), id="a gap between request and response"),
        pytest.param(Talk().ok("tid2").send().over(), id="captured before its request"),
        pytest.param(Talk().send("Failure-Report: no\r\n").ok().over(), id="answered against the rule"),
    ],
)
def test_a_response_is_known(talk: Talk) -> None:
    assert talk.kinds == []


def test_too_many_responses_without_request() -> None:
    talk = Talk()
    for number in range(EARLY + 2):
        talk.ok(f"tidx{number}")
    assert len(talk.connection.sessions[0].observations) == 2
    assert len(talk.over().seen) == OBSERVED
    assert talk.connection.sessions[0].unlisted == {"unknown-response": EARLY + 2 - OBSERVED}


def test_report_answered() -> None:
    seen = Talk().send("Success-Report: yes\r\n").ok().report().ok("tid3", by=0).over().only("report-answered")
    assert (seen.direction, seen.frames) == (0, (4, 3))
    assert seen.detail == {"status": 200, "message_id": "m123"}


def test_error_response() -> None:
    seen = Talk().send().ok(status="481 No such session").over().only("error-response")
    assert (seen.direction, seen.frames) == (1, (2, 1))
    detail = {"status": 481, "comment": "No such session"}
    assert seen.detail == {**detail, "method": "SEND", "message_id": "m123"}


def test_error_response_to_what_was_not_captured() -> None:
    seen = Talk().lose(0).ok("tidx", status="400").over().only("error-response")
    assert seen.detail == {"status": 400, "comment": "", "method": None, "message_id": None}


def test_requests_that_wait_are_bounded() -> None:
    talk = Talk()
    for number in range(WAITING + 1):
        talk.send(message_id=f"m{number:05}")
    talk.ok("tid1")  # dropped: nothing can be said about it
    talk.ok(f"tid{WAITING}").over()
    assert set(talk.kinds) == {"no-response"}
    assert talk.seen[0].detail["message_id"] == f"m{WAITING // 2:05}"


def test_requests_without_response_are_bounded() -> None:
    talk = Talk()
    for number in range(UNANSWERED + 1):
        talk.send("Failure-Report: no\r\n", message_id=f"m{number:05}")
    assert talk.ok("tid1").over().kinds == []


# ---------------------------------------------------------------------- reports


def test_no_success_report() -> None:
    seen = Talk().send("Success-Report: yes\r\n").ok().wait().over().only("no-success-report")
    assert (seen.direction, seen.frames) == (0, (1,))
    assert seen.detail == {"message_id": "m123", "octets": 5, "waited": LONG + SECOND, "after": None}


def test_a_late_success_report() -> None:
    seen = Talk().send("Success-Report: yes\r\n").ok().wait().report().over().only("no-success-report")
    assert seen.frames == (1, 3)
    assert seen.detail["after"] == LONG + 2 * SECOND


@pytest.mark.parametrize(
    "talk",
    [
        pytest.param(Talk().send("Success-Report: yes\r\n").ok().wait(28 * SECOND).over(), id="not that long"),
        pytest.param(Talk().send("Success-Report: no\r\n").ok().wait().over(), id="not asked for"),
        pytest.param(Talk().send("Success-Report: yes\r\n").ok().report().wait().over(), id="came"),
        pytest.param(Talk().report().send("Success-Report: yes\r\n").ok().wait().over(), id="captured first"),
        pytest.param(Talk().send("Success-Report: yes\r\n").ok().lose(1).wait().over(), id="may be in a gap"),
        pytest.param(Talk().send("Success-Report: yes\r\n").ok().wait().over(closing=3 * SECOND), id="closed"),
        pytest.param(
            Talk().send("Success-Report: yes\r\nByte-Range: 1-*/9\r\n", flag="+").ok().wait().over(), id="not all sent"
        ),
    ],
)
def test_no_success_report_is_not_observed(talk: Talk) -> None:
    assert "no-success-report" not in talk.kinds


def test_a_refused_message_needs_no_report() -> None:
    talk = Talk().send("Success-Report: yes\r\n").ok(status="415 No").wait().over()
    assert talk.kinds == ["error-response"]


def test_no_success_report_for_chunks() -> None:
    asked = "Success-Report: yes\r\nByte-Range: {}\r\n"
    talk = Talk().send(asked.format("1-*/10"), flag="+").ok().send(asked.format("6-10/10")).ok().wait().over()
    assert talk.only("no-success-report").detail["octets"] == 10


def test_report_unasked() -> None:
    seen = Talk().send().ok().report().over().only("report-unasked")
    assert (seen.direction, seen.frames) == (1, (3,))
    assert seen.detail == {"message_id": "m123", "status": 200}


def test_report_unknown() -> None:
    seen = Talk().send("Success-Report: yes\r\n").ok().report().report("m999").over().only("report-unknown")
    assert (seen.direction, seen.frames) == (1, (4,))
    assert seen.detail == {"message_id": "m999", "status": 200}
    assert Talk().lose(0).report("m999").over().kinds == []


def test_report_range() -> None:
    asked = Talk().send("Success-Report: yes\r\n").ok()
    seen = asked.report(octets=6).over().only("report-range")
    assert seen.detail == {"message_id": "m123", "end": 6, "octets": 5}
    unasked = Talk().send().ok().report(octets=6).over()
    assert unasked.kinds == ["report-unasked", "report-range"]


def test_failure_report() -> None:
    seen = Talk().send().ok().report(status="000 408 Timeout").over().only("failure-report")
    assert (seen.direction, seen.frames) == (1, (3,))
    assert seen.detail == {"message_id": "m123", "status": 408, "comment": "Timeout"}


def test_reports_are_bounded() -> None:
    talk = Talk().send().ok()
    for number in range(REPORTS + 5):
        talk.report(f"x{number:04}")
    talk.over()
    assert talk.kinds == ["report-unknown"] * OBSERVED
    assert talk.connection.sessions[0].unlisted == {"report-unknown": REPORTS + 5 - OBSERVED}


def test_messages_that_asked_are_bounded() -> None:
    talk = Talk()
    for number in range(ASKED + 1):
        talk.send("Success-Report: yes\r\n", message_id=f"m{number:05}").ok()
    assert talk.report("m00000").over(closing=SECOND).kinds == []


# ---------------------------------------------------------------------- session-ids


def test_wrong_session_id() -> None:
    talk = Talk().send().ok().send(by=1, message_id="m900").ok(by=0)  # type: ignore[arg-type]
    talk.send(to=WRONG, message_id="m124").ok(status="481 No such session").over()
    assert talk.kinds == ["wrong-session-id", "error-response"] or talk.kinds == ["error-response", "wrong-session-id"]
    seen = next(each for each in talk.seen if each.kind == "wrong-session-id")
    assert (seen.direction, seen.frames) == (0, (5,))
    assert seen.detail == {"method": "SEND", "sent_to": "wrong", "expected": ("bbbb",)}


@pytest.mark.parametrize("copied", [False, True])
def test_wrong_session_id_accepted(copied: bool) -> None:
    """The response may name the receiver's own path, or copy the wrong one."""
    talk = Talk().send(by=1, message_id="m900").ok(by=0)  # type: ignore[arg-type]
    talk.send(to=WRONG, message_id="m124")
    if copied:
        data = f"MSRP tid3 200 OK\r\nTo-Path: {A}\r\nFrom-Path: {WRONG}\r\n-------tid3$\r\n".encode()
        talk.frame += 1
        talk.exchange.add(decode_msrp(data), 1, talk.now, (talk.frame,))
    else:
        talk.ok("tid3")
    talk.over()
    assert talk.kinds == ["wrong-session-id", "wrong-session-200"]
    assert talk.seen[1].frames == (3, 4)


@pytest.mark.parametrize(
    "talk",
    [
        pytest.param(Talk().send().ok().send(to=WRONG, message_id="m124").ok().over(), id="nothing to compare with"),
        pytest.param(
            Talk().lose(1).send(by=1, message_id="m900").send(to=WRONG, message_id="m124").over(),  # type: ignore[arg-type]
            id="it may have said so where octets are missing",
        ),
        pytest.param(
            Talk().send(by=1, message_id="m900").ok(by=0).send(message_id="m124").ok().over(),  # type: ignore[arg-type]
            id="the right one",
        ),
    ],
)
def test_wrong_session_id_is_not_observed(talk: Talk) -> None:
    assert "wrong-session-id" not in talk.kinds


@pytest.mark.parametrize(("given", "kinds"), [(True, []), (False, ["wrong-session-id"])])
def test_a_session_id_of_another_pair_was_given(given: bool, kinds: list[str]) -> None:
    """RFC 4975 section 5.4: several sessions share the connection; "never gave" holds for all of its pairs."""
    talk = Talk().send(by=1, message_id="m900").ok(by=0)  # type: ignore[arg-type]
    if given:
        other = f"MSRP tid9 SEND\r\nTo-Path: msrp://a.example:1/cccc;tcp\r\nFrom-Path: {WRONG}\r\nMessage-ID: m901\r\n"
        talk.frame += 1
        talk.exchange.add(decode_msrp(f"{other}Failure-Report: no\r\n-------tid9$\r\n".encode()), 1, talk.now, (9,))
    talk.send("Failure-Report: no\r\n", to=WRONG, message_id="m124").over()
    assert [each.kind for each in talk.seen if each.kind.startswith("wrong") and each.direction == 0] == kinds


# ---------------------------------------------------------------------- the table


def kinds_in_the_table() -> Iterator[str]:
    return (match[1] for match in re.finditer(r"^\| ([a-z0-9-]+) +\|", msrp_facts.__doc__ or "", re.MULTILINE))


def test_every_kind_of_the_table_is_tested_and_no_other_is_made() -> None:
    from pathlib import Path

    here, code = Path(__file__), Path(msrp_facts.__file__)
    tests = here.read_text() + here.with_name("test_msrp_chunks.py").read_text()
    made = "".join(code.with_name(f"msrp_{each}.py").read_text() for each in ("watch", "chunks", "exchange"))
    in_code = set(re.findall(r"observe\(\s*\"([a-z0-9-]+)\"", made))
    table = [kind for kind in kinds_in_the_table() if kind != "kind"]
    assert len(table) == 21
    assert set(table) == in_code
    assert all(f'"{kind}"' in tests for kind in table)
