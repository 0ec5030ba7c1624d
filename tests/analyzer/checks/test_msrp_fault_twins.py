"""Faults of MSRP: the sample tcp-dial-in, which has none, and twins that differ from it by one (RFC 4975)."""

from __future__ import annotations

from pathlib import Path

import pytest
from fault_case import Case
from inline_twins import added, changed, dropped, replaced, twin
from judged import judge_packets, without

from analyzer.findings import Severity, Status
from analyzer.model import Confidence

ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO
CHARACTERS = 176 - 3
"chat-2 has 176 octets; ü, ß and ö are two each."


def refused(step: str, status: str) -> str:
    """A response that refuses."""
    return replaced(step, "200 OK", status)


def range_of(step: str, text: str) -> str:
    """Another Byte-Range."""
    return replaced(step, "Byte-Range: 1-<<size>>/<<size>>", f"Byte-Range: {text}")


AGENDA = ("agenda-1/1", "agenda-1/2")
"The first chunk of the long message: two segments, with an acknowledgement behind them."

CASES = [
    Case(
        "no Content-Type", "GEN-1", replaced("chat-1", "Content-Type: message/cpim\n", ""), ERROR, ("chat-1",),
        says="The UE sent a message of 182 octets without Content-Type",
    ),
    Case(
        "the right session-id refused", "MRFP-2", refused("chat-1-ok", "481 No such session"), ERROR,
        ("chat-1", "chat-1-ok"), says="481 No such session", follows=("MSRP-4XX",),
    ),
    Case(
        "another address refused", "MRFP-2",
        replaced("chat-1", "To-Path: msrp://203.0.113.5:28563/", "To-Path: msrp://192.0.2.99:7777/")
        + refused("chat-1-ok", "403 Forbidden"),
        ERROR, ("chat-1", "chat-1-ok"), says="although only the address in its To-Path differs", follows=("MSRP-4XX",),
    ),
    Case(
        "a wrong session-id accepted", "MRFP-2", replaced("chat-1", "/s1f00dQ9x4mB7tLz;tcp\nFrom", "/other;tcp\nFrom"),
        ERROR, ("chat-1", "chat-1-ok"), says="200 for session-id other", follows=("MSRP-SESSION-ID",),
    ),
    Case(
        "To-Path of the MRFP", "MRFP-3",
        replaced("chat-2", "To-Path: msrp://198.51.100.7:7394/", "To-Path: msrp://198.51.100.77:7394/"),
        ERROR, ("add", "chat-2"), says="To-Path: msrp://198.51.100.77:7394/jshA7weztas2s93i9ek2;tcp",
        follows=("CONN-3",),
    ),
    Case(
        "To-Path of a response of the MRFP", "MRFP-3",
        replaced("chat-1-ok", "To-Path: msrp://198.51.100.7:7394/", "To-Path: msrp://198.51.100.77:7394/"),
        ERROR, ("nickname", "chat-1-ok"), says="does not go back to where the request came from",
    ),
    Case(
        "a wrong session-id refused", "MSRP-SESSION-ID",
        replaced("chat-1", "/s1f00dQ9x4mB7tLz;tcp\nFrom", "/other;tcp\nFrom")
        + replaced("chat-1-ok", "/s1f00dQ9x4mB7tLz", "/other")
        + refused("chat-1-ok", "481 No such session"),
        ERROR, ("chat-1",), says="The UE sent to a session-id that the MRFP never gave",
        follows=("MSRP-4XX",),
    ),
    Case(
        "characters counted", "MSRP-RANGE", range_of("chat-2", f"1-{CHARACTERS}/{CHARACTERS}"), ERROR, ("chat-2",),
        says="it counts characters, not octets",
    ),
    Case(
        "total too large", "MSRP-RANGE", range_of("chat-1", "1-182/190"), ERROR, ("chat-1",),
        says="total is not that of the body: 190 said, 182 sent",
    ),
    Case(
        "range beyond the total", "MSRP-RANGE", range_of("chat-1", "1-190/182"), ERROR, ("chat-1",),
        says="end is not that of the body: 190 said, 182 sent",
    ),
    Case(
        "a chunk lost", "MSRP-LOST", dropped("agenda-2", "agenda-2-ok"), ERROR,
        (*AGENDA, "agenda-3"), says="2048 octets are missing",
    ),
    Case(
        "a chunk twice", "MSRP-OVERLAP",
        changed("agenda-1-ok", at=20.002)
        + added(
            "again", 20.007, "ue_a -> mrfp", use="chunk_to_mrfp", tid="c9m5x8u2w9", message_id="87652491a3",
            range="1-*", content="<<agenda[1-2048]>>", end="+",
        )
        + added("again-ok", 20.010, "mrfp -> ue_a", use="ok_to_ue", answers="again"),
        WARNING, (*AGENDA, "agenda-3"), says="2048 octets of a message twice",
    ),
    Case(
        "a message without end", "MSRP-UNFINISHED", dropped("agenda-3", "agenda-3-ok"), WARNING,
        (*AGENDA, "agenda-2/1", "agenda-2/2"), confidence=Confidence.LIKELY, says="neither its end nor that it gave up",
    ),
    Case("given up", "MSRP-ABORTED", changed("agenda-3", end="#"), INFO, (*AGENDA, "agenda-3"), says="flagged #"),
    Case(
        "no response", "MSRP-NO-RESPONSE", dropped("chat-1-ok"), ERROR, ("chat-1",),
        says="The MRFP did not answer a SEND",
    ),
    Case(
        "late response", "MSRP-NO-RESPONSE", changed("chat-1-ok", at=35.0), WARNING, ("chat-1", "chat-1-ok"),
        says="only after 33 s",
    ),
    Case(
        "response to nothing", "MSRP-RESPONSE-UNKNOWN",
        added("extra", 3.0, "mrfp -> ue_a", use="ok_to_ue", tid="zz00zz00zz"), WARNING, ("extra",),
        says="200 with transaction id zz00zz00zz",
    ),
    Case(
        "no ident", "MSRP-MESSAGE-ID", replaced("chat-1", "Message-ID: 87652491a1", "Message-ID: <1@host>"), WARNING,
        ("chat-1",), says="Message-ID: <1@host>",
    ),
    Case(
        "refused, of an accepted type", "MSRP-4XX", refused("chat-1-ok", "415 Unknown type"), ERROR,
        ("chat-1", "chat-1-ok"), says="The MRFP refused a SEND with 415: the media type is not understood",
    ),
    Case(
        "not wanted", "MSRP-4XX", refused("chat-2-ok", "413 Stop"), WARNING, ("chat-2", "chat-2-ok"),
        says="The UE refused a SEND with 413",
    ),
    Case(
        "nickname in use", "MSRP-4XX", refused("nickname-ok", "425 Nickname in use"), WARNING,
        ("nickname", "nickname-ok"), says="refused a NICKNAME with 425",
    ),
    Case(
        "bound elsewhere", "MSRP-5XX", refused("chat-1-ok", "506 In use"), ERROR, ("chat-1", "chat-1-ok"),
        says="506 In use",
    ),
    Case(
        "failure report", "MSRP-FAILURE-REPORT", replaced("chat-3-report", "000 200 OK", "000 408 Timeout"), ERROR,
        ("chat-3-report",), says="The MRFP reported that a message failed with 408: the next hop",
    ),
    Case(
        "a REPORT answered", "MSRP-REPORT-ANSWERED",
        added("report-ok", 9.82, "ue_a -> mrfp", use="ok_to_mrfp", answers="chat-3-report"), WARNING,
        ("chat-3-report", "report-ok"), says="The UE answered a REPORT with 200",
    ),
    Case(
        "no success report", "MSRP-REPORT-MISSING", dropped("chat-3-report"), WARNING, ("chat-3",),
        confidence=Confidence.LIKELY, says="The MRFP never sent the success report",
    ),
    Case(
        "report of an unknown message", "MSRP-REPORT-WRONG",
        replaced("chat-3-report", "Message-ID: 87652491a2", "Message-ID: 87652491zz"), WARNING, ("chat-3-report",),
        says="on a message that was never sent", beside=("MSRP-REPORT-MISSING",),
    ),
    Case(
        "report beyond the end", "MSRP-REPORT-WRONG", replaced("chat-3-report", "1-210/210", "1-260/260"), WARNING,
        ("chat-3-report",), says="ends at 260",
    ),
    Case(
        "report that nobody wanted", "MSRP-REPORT-WRONG", replaced("chat-3", "Success-Report: yes\n", ""), WARNING,
        ("chat-3-report",), says="nobody had asked for",
    ),
    Case(
        "a type that is not accepted", "MSRP-TYPE",
        replaced("chat-1", "Content-Type: message/cpim", "Content-Type: text/plain"), ERROR, ("answer", "chat-1"),
        says="The UE sent text/plain, which the MRFP does not accept",
    ),
    Case(
        "a type that is not accepted, and refused", "MSRP-TYPE",
        replaced("chat-1", "Content-Type: message/cpim", "Content-Type: text/plain")
        + refused("chat-1-ok", "415 Unknown type"),
        ERROR, ("answer", "chat-1"), follows=("MSRP-4XX",),
    ),
    Case(
        "a wrapped type that is not accepted", "MSRP-TYPE",
        replaced("chat-2", "Content-Type: text/plain; charset=utf-8", "Content-Type: video/mp4"), WARNING,
        ("invite", "chat-2"), says="video/mp4 in CPIM",
    ),
    Case(
        "too large", "MSRP-SIZE", replaced("answer", "a=msrp-cema\n", "a=msrp-cema\na=max-size:1000\n"), WARNING,
        ("answer", "agenda-3"), says="accepts",
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.code} {case.name}")
def test_fault_is_one_finding(case: Case, tmp_path: Path) -> None:
    case.check(tmp_path)


CODES = {case.code for case in CASES}


def test_a_good_sample_has_no_fault(tmp_path: Path) -> None:
    built = twin("tcp-dial-in", replaced("answer", "a=msrp-cema\n", "a=msrp-cema\na=max-size:9000\n"))
    session = judge_packets(built.all(), tmp_path).only
    assert session.findings == []
    assert {code: session.results[code].status for code in CODES} == dict.fromkeys(CODES, Status.OK)


def test_without_msrp_nothing_is_said_of_it(tmp_path: Path) -> None:
    session = judge_packets(without(twin("tcp-dial-in", "").all(), "tcp"), tmp_path).only
    assert {code: session.results[code].status for code in CODES} == dict.fromkeys(CODES, Status.NOT_OBSERVABLE)


def test_another_address_is_accepted(tmp_path: Path) -> None:
    """MRFP-2: only the session-id counts."""
    built = twin(
        "tcp-dial-in", replaced("chat-1", "To-Path: msrp://203.0.113.5:28563/", "To-Path: msrp://192.0.2.9:7/")
    )
    session = judge_packets(built.all(), tmp_path).only
    assert session.results["MRFP-2"].status is Status.OK
    assert session.findings == []


def test_a_refusal_after_the_end_is_right(tmp_path: Path) -> None:
    """MRFP-2: once the termination is subtracted its session-id is nobody's."""
    late = added(
        "late", 40.006, "ue_a -> mrfp", use="send_to_mrfp", tid="late0late0", message_id="late0late0",
        content="From: <sip:a@ims.example.net>\nTo: <<<conference>>>\n\nContent-Type: text/plain\n\nBye",
    )  # fmt: skip
    gone = added("gone", 40.0095, "mrfp -> ue_a", text="MSRP late0late0 481 Gone\n<<msrp_to_ue>>")
    built = twin("tcp-dial-in", late + gone + changed("close", at=40.020))
    session = judge_packets(built.all(), tmp_path).only
    assert session.results["MRFP-2"].status is Status.OK
    assert [(each.code, each.severity, each.frames) for each in session.findings] == [
        ("MSRP-4XX", WARNING, built.frames("late", "gone"))
    ]
