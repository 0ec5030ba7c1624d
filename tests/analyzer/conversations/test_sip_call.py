"""What the messages of one Call-ID say about the call (RFC 3261 sections 9, 12 to 15; RFC 6665; RFC 4579)."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from analyzer.conversations.sip_call import SipCall
from analyzer.correlate.outcome import outcome
from analyzer.model import Message, Verdict
from tests.analyzer.conversations.made import MRFC, MS, PROXY, START, UE, Dialog, S, flow, msrp_sdp

OFFER, ANSWER = msrp_sdp(UE, 7394, "ue1"), msrp_sdp(MRFC, 28563, "mrf1")

Told = tuple[str, int, str, Verdict, str]
"""Method, status, state, verdict, and `over`, `resting` or `open`."""


def call_of(messages: list[Message]) -> SipCall:
    call = SipCall("c1")
    for message in messages:
        call.add(message)
    return call


def told(call: SipCall) -> Told:
    state, verdict = outcome(call, [], [])
    life = "over" if call.over else "resting" if call.resting else "open"
    return call.facts.method, call.facts.status, state, verdict, life


def begin(d: Dialog) -> None:
    d.request("INVITE", 1, OFFER)
    d.response(200, sdp=ANSWER)
    d.request("ACK", 1)


def answered_and_ended(d: Dialog) -> Told:
    begin(d)
    d.request("BYE", 2)
    d.response(200, "BYE", 2)
    return "INVITE", 200, "ended", Verdict.OK, "over"


def ended_by_the_callee(d: Dialog) -> Told:
    begin(d)
    d.request("BYE", 1, back=True)
    d.response(200, "BYE", 1, back=True)
    return "INVITE", 200, "ended", Verdict.OK, "over"


def bye_challenged(d: Dialog) -> Told:
    begin(d)
    d.request("BYE", 2)
    d.response(407, "BYE", 2)
    return "INVITE", 200, "ended", Verdict.OK, "open"


def not_yet_ended(d: Dialog) -> Told:
    begin(d)
    return "INVITE", 200, "open at the end of the capture", Verdict.INCOMPLETE, "open"


def challenged_and_tried_again(d: Dialog) -> Told:
    d.request("INVITE", 1, OFFER)
    d.response(407)
    d.request("ACK", 1)
    d.request("INVITE", 2, OFFER, to_tag="")
    d.response(200, cseq=2, sdp=ANSWER)
    d.request("ACK", 2)
    d.request("BYE", 3)
    d.response(200, "BYE", 3)
    return "INVITE", 200, "ended", Verdict.OK, "over"


def challenged_and_tried_again_without_answer(d: Dialog) -> Told:
    d.request("INVITE", 1, OFFER)
    d.response(401)
    d.request("INVITE", 2, OFFER, to_tag="")
    return "INVITE", 0, "no final response", Verdict.INCOMPLETE, "open"


def challenged_only(d: Dialog) -> Told:
    d.request("INVITE", 1, OFFER)
    d.response(407)
    return "INVITE", 407, "challenged 407, not tried again", Verdict.INCOMPLETE, "resting"


def cancelled(d: Dialog) -> Told:
    """RFC 3261 section 9.2: the CANCEL is answered, and the INVITE gets 487."""
    d.request("INVITE", 1, OFFER)
    d.response(180)
    d.request("CANCEL", 1, to_tag="")
    d.response(200, "CANCEL", 1)
    d.response(487)
    d.request("ACK", 1)
    return "INVITE", 487, "cancelled", Verdict.OK, "over"


def cancelled_too_late(d: Dialog) -> Told:
    """The 200 to the INVITE crosses the CANCEL: the call goes on (RFC 3261 section 9.1)."""
    d.request("INVITE", 1, OFFER)
    d.request("CANCEL", 1, to_tag="")
    d.response(200, sdp=ANSWER)
    d.response(481, "CANCEL", 1)
    return "INVITE", 200, "open at the end of the capture", Verdict.INCOMPLETE, "open"


def rejected(d: Dialog) -> Told:
    d.request("INVITE", 1, OFFER)
    d.response(486)
    d.request("ACK", 1)
    return "INVITE", 486, "rejected 486", Verdict.OK, "over"


def redirected(d: Dialog) -> Told:
    d.request("INVITE", 1, OFFER)
    d.response(302)
    return "INVITE", 302, "redirected 302", Verdict.OK, "over"


def one_fork_busy_while_another_rings(d: Dialog) -> Told:
    d.request("INVITE", 1, OFFER, branch="z9hG4bKone")
    d.request("INVITE", 1, OFFER, branch="z9hG4bKtwo")
    d.response(486, branch="z9hG4bKone", to_tag="one")
    d.response(180, branch="z9hG4bKtwo", to_tag="two")
    return "INVITE", 486, "rejected 486", Verdict.OK, "open"


def two_forks_accept(d: Dialog) -> Told:
    """The caller ends the second dialog at once; the first goes on (RFC 3261 section 13.2.2.4)."""
    d.request("INVITE", 1, OFFER)
    d.response(200, sdp=ANSWER, to_tag="one")
    d.response(200, sdp=ANSWER, to_tag="two")
    d.request("BYE", 2, to_tag="two")
    d.response(200, "BYE", 2, to_tag="two")
    return "INVITE", 200, "open at the end of the capture", Verdict.INCOMPLETE, "open"


def reinvite_refused(d: Dialog) -> Told:
    begin(d)
    d.request("INVITE", 2, OFFER)
    d.response(488, "INVITE", 2)
    return "INVITE", 200, "open at the end of the capture", Verdict.INCOMPLETE, "open"


def message_in_the_dialog(d: Dialog) -> Told:
    begin(d)
    d.request("OPTIONS", 2)
    d.response(200, "OPTIONS", 2)
    d.request("MESSAGE", 3)
    d.response(200, "MESSAGE", 3)
    return "INVITE", 200, "open at the end of the capture", Verdict.INCOMPLETE, "open"


def ringing_with_info(d: Dialog) -> Told:
    d.request("INVITE", 1, OFFER)
    d.response(180)
    d.request("NOTIFY", 2, headers=(("Subscription-State", "active"),))
    d.response(200, "NOTIFY", 2)
    return "INVITE", 0, "no final response", Verdict.INCOMPLETE, "open"


def begun_before_ended(d: Dialog) -> Told:
    d.request("BYE", 7)
    d.response(200, "BYE", 7)
    return "INVITE", 0, "begun before the capture, ended", Verdict.INCOMPLETE, "over"


def begun_before_with_reinvite(d: Dialog) -> Told:
    d.request("INFO", 6)
    d.response(200, "INFO", 6)
    d.request("INVITE", 7, OFFER, to_tag="t")
    d.response(200, "INVITE", 7, ANSWER)
    return "INVITE", 200, "begun before the capture", Verdict.INCOMPLETE, "open"


def late_200_after_bye(d: Dialog) -> Told:
    """The 2xx is sent again until its ACK comes (RFC 3261 section 13.3.1.4); it opens nothing after the BYE."""
    d.request("INVITE", 1, OFFER)
    answer = d.response(200, sdp=ANSWER)
    d.request("BYE", 2)
    d.response(200, "BYE", 2)
    d.again(answer)
    return "INVITE", 200, "ended", Verdict.OK, "over"


def registered(d: Dialog) -> Told:
    d.request("REGISTER", 1, to_tag="")
    d.response(401, "REGISTER", 1)
    d.from_tag = "f2"
    d.request("REGISTER", 2, to_tag="")
    d.response(200, "REGISTER", 2)
    return "REGISTER", 200, "ended", Verdict.OK, "resting"


def registration_refresh_refused(d: Dialog) -> Told:
    registered(d)
    d.request("REGISTER", 3, to_tag="")
    d.response(403, "REGISTER", 3)
    return "REGISTER", 403, "rejected 403", Verdict.OK, "resting"


def options(d: Dialog) -> Told:
    d.request("OPTIONS", 1, to_tag="")
    d.response(200, "OPTIONS", 1)
    return "OPTIONS", 200, "ended", Verdict.OK, "resting"


def pager_message(d: Dialog) -> Told:
    d.request("MESSAGE", 1, to_tag="")
    d.response(202, "MESSAGE", 1)
    return "MESSAGE", 202, "ended", Verdict.OK, "over"


def subscribed(d: Dialog) -> Told:
    d.request("SUBSCRIBE", 1, to_tag="")
    d.response(200, "SUBSCRIBE", 1, headers=(("Expires", "3600"),))
    d.request("NOTIFY", 1, back=True, headers=(("Subscription-State", "active;expires=3600"),))
    d.response(200, "NOTIFY", 1, back=True)
    return "SUBSCRIBE", 200, "open at the end of the capture", Verdict.INCOMPLETE, "open"


def subscription_ended(d: Dialog) -> Told:
    """A NOTIFY with `terminated` ends the subscription (RFC 6665 section 4.4.1)."""
    subscribed(d)
    d.request("NOTIFY", 2, back=True, headers=(("Subscription-State", "terminated;reason=timeout"),))
    d.response(200, "NOTIFY", 2, back=True)
    return "SUBSCRIBE", 200, "ended", Verdict.OK, "over"


CASES: list[Callable[[Dialog], Told]] = [
    answered_and_ended, ended_by_the_callee, bye_challenged, not_yet_ended, challenged_and_tried_again,
    challenged_and_tried_again_without_answer, challenged_only, cancelled, cancelled_too_late, rejected, redirected,
    one_fork_busy_while_another_rings, two_forks_accept, reinvite_refused, message_in_the_dialog, ringing_with_info,
    begun_before_ended, begun_before_with_reinvite, late_200_after_bye, registered, registration_refresh_refused,
    options, pager_message, subscribed, subscription_ended,
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_call(case: Callable[[Dialog], Told]) -> None:
    dialog = Dialog()
    expected = case(dialog)
    assert told(call_of(dialog.messages)) == expected


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_facts_do_not_depend_on_arrival(case: Callable[[Dialog], Told]) -> None:
    dialog = Dialog()
    expected = case(dialog)
    shuffled = list(dialog.messages)
    random.Random(3).shuffle(shuffled)
    call = call_of(shuffled)
    assert told(call)[:4] == expected[:4]
    assert (call.first, call.last) == (START, START + (len(shuffled) - 1) * MS)


def test_retransmissions_are_counted_and_hops_are_not() -> None:
    dialog = Dialog()
    request = dialog.request("INVITE", 1, OFFER)
    dialog.again(request)
    dialog.wait(S)
    dialog.again(request)
    dialog.again(request, flow(PROXY, MRFC))
    dialog.response(200, sdp=ANSWER)
    facts = call_of(dialog.messages).facts
    assert facts.retransmissions == 2
    assert len(facts.messages) == 5
    assert facts.opening is request


def test_parties_and_tags() -> None:
    dialog = Dialog()
    answered_and_ended(dialog)
    facts = call_of(dialog.messages).facts
    assert (facts.caller.uri, facts.caller.tag) == ("sip:caller@example.net", "f")
    assert (facts.callee.uri, facts.callee.tag) == ("sip:callee@example.net", "t")
    assert facts.request_uri == "sip:callee@example.net"


FOCUS = (("Contact", "<sip:chat-17@conf.example.net>;isfocus"),)


def test_focus_answers() -> None:
    """The conference dials nobody: its Contact in the 200 carries `isfocus` (RFC 4579 section 5.2)."""
    dialog = Dialog()
    dialog.request("INVITE", 1, OFFER)
    dialog.response(200, sdp=ANSWER, headers=FOCUS)
    facts = call_of(dialog.messages).facts
    assert (facts.focus_uri, facts.focus_is_caller, facts.focus_address) == (
        "sip:chat-17@conf.example.net", False, MRFC,
    )  # fmt: skip


def test_focus_calls() -> None:
    """The conference dials out: its INVITE carries `isfocus` (RFC 4579 section 5.5)."""
    dialog = Dialog(caller=MRFC, callee=UE)
    dialog.request("INVITE", 1, ANSWER, headers=FOCUS)
    dialog.response(200, sdp=OFFER)
    facts = call_of(dialog.messages).facts
    assert (facts.focus_is_caller, facts.focus_address) == (True, MRFC)


def test_focus_is_found_beside_the_deepest_hop() -> None:
    """Capture times of two probes lie: the response seen first came from the proxy, with one Via less."""
    dialog = Dialog()
    dialog.request("INVITE", 1, OFFER)
    dialog.response(200, sdp=ANSWER, headers=FOCUS, way=flow(PROXY, UE))
    second = ("Via", f"SIP/2.0/UDP {PROXY};branch=z9hG4bKhop")
    dialog.response(200, sdp=ANSWER, headers=(*FOCUS, second), way=flow(MRFC, PROXY))
    assert call_of(dialog.messages).facts.focus_address == MRFC


def test_isfocus_in_accept_contact_is_a_wish() -> None:
    """A caller that asks for a focus is none (RFC 3841 section 9.2)."""
    dialog = Dialog()
    dialog.request("INVITE", 1, OFFER, headers=(("Accept-Contact", "*;isfocus"), ("Contact", "<sip:ue@host>")))
    assert call_of(dialog.messages).facts.focus_uri == ""
