"""Sessions that follow no flow say why; one with MSRP that was not judged never reads `ok`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from capture_variants import write_pcap
from judged import judge_packets, sample_packets, without

from analyzer.checks import CHECKS
from analyzer.cli.main import run
from analyzer.correlate.correlator import Correlator
from analyzer.correlate.session import Session
from analyzer.flows import FLOWS
from analyzer.judge import Judge
from analyzer.model import Coverage, Message, Verdict
from tests.analyzer.checks.border_world import Border
from tests.analyzer.conversations.made import Dialog, msrp_sdp

MEDIA = "tcp-dial-in"
NO_SIGN = "no sign of a conference; held against the rules about MSRP and its connection"


def chat_of_two() -> list[tuple[int, bytes]]:
    """The sample without H.248, and with a Contact that is no focus: nothing speaks for a conference."""
    packets = without(list(sample_packets(MEDIA)), "h248")
    return [(time, data.replace(b";isfocus", b";nofocus")) for time, data in packets]


def test_a_chat_of_two_is_judged_by_the_rules_about_msrp(tmp_path: Path) -> None:
    session = judge_packets(chat_of_two(), tmp_path).only
    assert (session.kind, session.flow, session.verdict, session.state) == ("message", None, Verdict.OK, "ended")
    assert session.flow_reason == NO_SIGN


def test_a_leg_of_a_conference_that_was_not_judged_is_incomplete() -> None:
    """Rows of an MRFC can not be held against an access leg; its neighbour with the MRFC's own leg is judged."""
    ((access, *_), _), ((whole, *_), _) = Border(hops=("access",), mp=False).judged(), Border().judged()
    assert (access.kind, access.flow, access.verdict) == ("message", None, Verdict.INCOMPLETE)
    assert access.state == "ended, not judged: only a border gateway serves it"
    assert (whole.flow, whole.verdict, whole.state, whole.flow_reason) == (MEDIA, Verdict.OK, "ended", "")


def test_with_the_focus_it_is_judged(tmp_path: Path) -> None:
    """The neighbour: `isfocus` tells of an MRFC."""
    session = judge_packets(without(list(sample_packets(MEDIA)), "h248"), tmp_path).only
    assert (session.flow, session.verdict, session.state, session.flow_reason) == (MEDIA, Verdict.OK, "ended", "")


@pytest.mark.parametrize("form", ["json", "text"])
def test_reports_say_why_no_flow_applies(form: str, tmp_path: Path) -> None:
    path = write_pcap(tmp_path / "in.pcap", chat_of_two())
    out = tmp_path / "out"
    assert run(["analyze", "-f", form, "--jobs", "1", "-o", str(out), str(path)]) == 0
    text = out.read_text()
    if form == "json":
        (session,) = json.loads(text)["sessions"]
        assert (session["flow"], session["flow_reason"]) == (None, NO_SIGN)
    else:
        assert f"flow none: {NO_SIGN}" in " ".join(text.split())  # wrapped where the output is narrow


AUDIO = (
    b"v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n",
    b"v=0\r\no=- 1 1 IN IP4 198.51.100.8\r\ns=-\r\nc=IN IP4 198.51.100.8\r\nt=0 0\r\nm=audio 5000 RTP/AVP 0\r\n",
)


def judged_call(*messages: Message) -> Session:
    correlator = Correlator(Coverage())
    for message in messages:
        correlator.add_message(message)
    (session,) = correlator.finish()
    Judge(FLOWS, CHECKS).judge(session, correlator.nodes, correlator.scope)
    return session


def test_a_call_without_msrp_reads_by_the_general_rules() -> None:
    d = Dialog()
    d.request("INVITE", 1, AUDIO[0])
    d.response(200, sdp=AUDIO[1])
    d.request("ACK", 1)
    d.request("BYE", 2)
    d.response(200, "BYE", 2)
    session = judged_call(*d.messages)
    assert (session.kind, session.flow, session.verdict, session.state) == ("call", None, Verdict.OK, "ended")
    assert session.flow_reason == "no flow is about a call without MSRP; held against general rules alone"


def test_a_registration_reads_by_the_general_rules() -> None:
    """Its neighbour is a registration that is refused: that is found (RFC 3261 section 10.2.7)."""
    d = Dialog()
    d.request("REGISTER", 1, to_tag="")
    d.response(200, "REGISTER", 1)
    session = judged_call(*d.messages)
    assert (session.kind, session.verdict) == ("registration", Verdict.OK)
    assert session.flow_reason == "no flow is about a registration; held against general rules alone"
    refused = Dialog()
    refused.request("REGISTER", 1, to_tag="")
    refused.response(403, "REGISTER", 1)
    assert judged_call(*refused.messages).verdict is Verdict.WARNINGS


def test_a_message_session_that_was_refused_is_told_by_its_refusal() -> None:
    """There is nothing more to be judged: it keeps what the rules about SIP say of it."""
    d = Dialog()
    d.request("INVITE", 1, msrp_sdp("198.51.100.7", 7394, "ue1"))
    d.response(486)
    d.request("ACK", 1)
    session = judged_call(*d.messages)
    assert (session.kind, session.flow, session.state) == ("message", None, "rejected 486")
    assert session.verdict is Verdict.WARNINGS
