"""One dialog for each To tag (RFC 3261 sections 12.1 and 13.2.2.4): which of the answers to an INVITE counts.

The MRFC dials out and its INVITE is forked to two devices: Bob's (the sample's) and another at 198.51.100.77.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from inline_twins import Built, added, dropped, replaced, twin
from judged import Judged, interface_of, judge_packets

from analyzer.findings import Status
from analyzer.model import Verdict

OUT, IN = "tcp-dial-out", "tcp-dial-in"
OTHER_PATH = "msrp://198.51.100.77:9000/otherDevice7;tcp"
OURS = "<<dialog_mrfc>>"
OTHERS = "From: <<<conference>>>;tag=<<from_tag>>\nTo: <<<bob>>>;tag=otherdevice\nCall-ID: <<call_id>>\n"
THIRDS = OTHERS.replace("otherdevice", "thirddevice")


def sdp(address: str, port: str, path: str) -> str:
    return (
        f"v=0\no=x 1 1 IN IP4 {address}\ns=-\nc=IN IP4 {address}\nt=0 0\nm=message {port} TCP/MSRP *\n"
        f"a=setup:active\na=accept-types:message/cpim\na=accept-wrapped-types:text/plain\na=path:{path}\na=msrp-cema"
    )


BOB, OTHER = sdp("<<ue_b.msrp.ip>>", "<<ue_b.msrp.port>>", "<<ue_path>>"), sdp("198.51.100.77", "9000", OTHER_PATH)


def response(name: str, at: float, status: str, dialog: str, content: str) -> str:
    text = (
        f"SIP/2.0 {status}\nVia: SIP/2.0/UDP <<mrfc.sip>>;branch=<<invite_branch>>\n{dialog}CSeq: 1 INVITE\n"
        "Contact: <sip:bob@<<ue_b.sip>>>\nContent-Type: application/sdp\nContent-Length: <<size>>\n"
    )
    return added(name, at, "ue_b -> mrfc", "sip", text, content=content)


def request(name: str, at: float, method: str, cseq: int, dialog: str, branch: str) -> str:
    text = (
        f"{method} sip:bob@<<ue_b.sip>> SIP/2.0\nVia: SIP/2.0/UDP <<mrfc.sip>>;branch={branch}\nMax-Forwards: 70\n"
        f"{dialog}CSeq: {cseq} {method}\nContent-Length: <<size>>\n"
    )
    return added(name, at, "mrfc -> ue_b", "sip", text)


def bye_ok(name: str, at: float, dialog: str, branch: str) -> str:
    via = f"Via: SIP/2.0/UDP <<mrfc.sip>>;branch={branch}"
    text = f"SIP/2.0 200 OK\n{via}\n{dialog}CSeq: 2 BYE\nContent-Length: <<size>>\n"
    return added(name, at, "ue_b -> mrfc", "sip", text)


EARLY = response("early-other", 0.5, "183 Session Progress", OTHERS, OTHER) + response(
    "early-bob", 0.6, "183 Session Progress", OURS, BOB
)
"The other device rings first, and each gives an answer of its own."
SECOND = (
    response("answer-other", 1.999, "200 OK", OTHERS, OTHER)
    + request("ack-other", 2.001, "ACK", 1, OTHERS, "z9hG4bKackother")
    + request("bye-other", 2.002, "BYE", 2, OTHERS, "z9hG4bKbyeother")
    + bye_ok("bye-other-ok", 2.004, OTHERS, "z9hG4bKbyeother")
)
"The other device accepts first, and is let go at once."
TO_OTHER = replaced("modify", "a=path:<<ue_path>>", f"a=path:{OTHER_PATH}")
"The MRFC gives the MRFP the other device's path."


def judged(folder: Path, *changes: str) -> Judged:
    return judge_packets(twin(OUT, "".join(changes)).all(), folder)


def statuses(found: Judged, *codes: str) -> list[Status]:
    return [found.only.results[code].status for code in codes]


def answered_from(found: Judged) -> list[str]:
    return [end.address for end in found.only.answered]


def test_the_200_tells_whose_early_answer_it_was(tmp_path: Path) -> None:
    found = judged(tmp_path, EARLY)
    assert found.only.verdict is Verdict.OK
    assert answered_from(found) == ["198.51.100.9"]


def test_the_mrfc_that_takes_the_early_answer_of_another_fork_is_found(tmp_path: Path) -> None:
    found = judged(tmp_path, EARLY, TO_OTHER)
    assert statuses(found, "ANS-1") == [Status.FAILED]


def test_a_dialog_ended_at_once_is_not_the_session(tmp_path: Path) -> None:
    """Section 13.2.2.4: the UAC acknowledges every 2xx, and sends BYE in the dialogs it does not want."""
    found = judged(tmp_path, SECOND)
    assert (found.only.verdict, found.only.state) == (Verdict.OK, "ended")
    assert answered_from(found) == ["198.51.100.9"]
    assert found.only.sip is not None
    assert found.only.sip.to_tag != "otherdevice"


def test_the_mrfc_that_configures_the_dialog_it_ended_is_found(tmp_path: Path) -> None:
    found = judged(tmp_path, SECOND, TO_OTHER)
    assert statuses(found, "ANS-1") == [Status.FAILED]
    assert found.only.verdict is Verdict.FAILED


LOST = dropped("answer")
UNKNOWN = dropped("answer", "ack", "add*", "modify*", "subtract*", "connect", "bind*", "nickname*", "chat-*", "close")
"Neither SIP nor media tell whose answer it was."


def test_the_ack_tells_whose_200_was_lost(tmp_path: Path) -> None:
    """Section 17.1.1.3: the ACK of a 2xx has a branch of its own; its To tag is that of the dialog."""
    found = judged(tmp_path, EARLY, LOST)
    assert statuses(found, "ANS-1", "CONN-1") == [Status.OK, Status.OK]
    assert found.only.findings == []
    assert found.only.verdict is Verdict.INCOMPLETE
    assert answered_from(found) == ["198.51.100.9"]


def test_where_the_200_was_lost_the_wrong_device_is_still_found(tmp_path: Path) -> None:
    found = judged(tmp_path, EARLY, LOST, TO_OTHER)
    assert statuses(found, "ANS-1") == [Status.FAILED]


def test_the_answer_of_another_device_is_never_held_against_the_mrfc(tmp_path: Path) -> None:
    """Only the other device's 183 is there: what Bob's device answered is not known."""
    found = judged(tmp_path, response("early-other", 0.5, "183 Session Progress", OTHERS, OTHER), LOST)
    assert statuses(found, "ANS-1", "ANS-2") == [Status.NOT_OBSERVABLE] * 2
    assert found.only.findings == []
    assert found.only.answered == []


@pytest.mark.parametrize(
    ("branch", "answered"), [("<<invite_branch>>", []), ("z9hG4bKackother", ["198.51.100.77"])], ids=["refusal", "2xx"]
)
def test_the_ack_of_a_refusal_makes_no_dialog(branch: str, answered: list[str], tmp_path: Path) -> None:
    """It has the branch of its INVITE (section 17.1.1.3), whose other responses escaped the capture."""
    changes = EARLY + request("ack-other", 1.5, "ACK", 1, OTHERS, branch)
    found = judged(tmp_path, changes, UNKNOWN, dropped("bye*"))
    assert answered_from(found) == answered
    assert found.only.findings == []


def test_the_callee_that_sends_bye_had_accepted(tmp_path: Path) -> None:
    """Section 15: before the ACK only the caller may."""
    assert answered_from(judged(tmp_path, EARLY, UNKNOWN)) == ["198.51.100.9"]


def both_stay() -> Built:
    """Two 200, two ACK, and the other device's dialog lasts as long as Bob's."""
    return twin(
        OUT,
        response("answer-other", 1.999, "200 OK", OTHERS, OTHER)
        + request("ack-other", 2.001, "ACK", 1, OTHERS, "z9hG4bKackother")
        + request("bye-other", 19.9, "BYE", 2, OTHERS, "z9hG4bKbyeother")
        + bye_ok("bye-other-ok", 19.91, OTHERS, "z9hG4bKbyeother"),
    )


def test_where_both_stay_the_media_tells(tmp_path: Path) -> None:
    found = judge_packets(both_stay().all(), tmp_path)
    assert statuses(found, "ANS-1", "CONN-1") == [Status.OK, Status.OK]
    assert found.only.verdict is Verdict.OK


def test_where_both_stay_msrp_tells_more_than_h248(tmp_path: Path) -> None:
    """MSRP goes to Bob's device, whose path the MRFP was not given."""
    accepted = response("answer-other", 1.999, "200 OK", OTHERS, OTHER)
    found = judged(tmp_path, accepted, request("ack-other", 2.001, "ACK", 1, OTHERS, "z9hG4bKackother"), TO_OTHER)
    assert statuses(found, "ANS-1") == [Status.FAILED]


def refusal(status: str) -> str:
    """The other device refuses."""
    text = (
        f"SIP/2.0 {status}\nVia: SIP/2.0/UDP <<mrfc.sip>>;branch=<<invite_branch>>\n{OTHERS}CSeq: 1 INVITE\n"
        "Content-Length: <<size>>\n"
    )
    return added("refused", 1.5, "ue_b -> mrfc", "sip", text) + request(
        "ack-refused", 1.6, "ACK", 1, OTHERS, "<<invite_branch>>"
    )


@pytest.mark.parametrize("status", ["404 Not Found", "487 Request Terminated"])
def test_a_fork_that_refuses_is_not_the_call_whose_200_was_lost(status: str, tmp_path: Path) -> None:
    """RFC 3261 section 16.7: one branch fails, another one is accepted, and its ACK shows that."""
    found = judged(tmp_path, refusal(status), LOST)
    assert found.only.findings == []
    assert (found.only.verdict, found.only.state) == (Verdict.INCOMPLETE, "no final response, ended")


@pytest.mark.parametrize(("status", "code"), [("404 Not Found", "SIP-4XX")])
def test_a_call_that_nobody_accepted_is_still_refused(status: str, code: str, tmp_path: Path) -> None:
    found = judged(tmp_path, refusal(status), UNKNOWN, dropped("bye*"))
    assert [finding.code for finding in found.only.findings] == [code]
    assert found.only.state == "rejected 404"


@pytest.mark.parametrize("changes", [EARLY, SECOND, EARLY + SECOND], ids=["early", "second", "both"])
def test_no_sip_message_that_is_missing_makes_the_mrfc_wrong(changes: str, tmp_path: Path) -> None:
    """Whichever one escaped the capture: an answer of another device is not held against it."""
    packets = twin(OUT, changes).all()
    lost = [number for number, (_, data) in enumerate(packets) if interface_of(data) == "sip"]
    assert len(lost) > 8
    for number in lost:
        found = judge_packets(packets[:number] + packets[number + 1 :], tmp_path)
        assert (number, [finding.code for finding in found.only.findings]) == (number, [])
