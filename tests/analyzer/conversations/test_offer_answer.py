"""Offers and answers (RFC 3264, RFC 3261 section 13.2.1, RFC 3262 section 5, RFC 3311), message by message."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from analyzer.conversations.offer_answer import Exchange, exchanges
from analyzer.model import Message
from tests.analyzer.conversations.made import MRFC, PROXY, UE, Dialog, flow, msrp_sdp

OFFER, ANSWER = msrp_sdp(UE, 7394, "ue1"), msrp_sdp(MRFC, 28563, "mrf1")
OFFER2, ANSWER2 = msrp_sdp(UE, 7400, "ue2"), msrp_sdp(MRFC, 28600, "mrf2")
RELIABLE = (("Require", "100rel"), ("RSeq", "9"))

Told = list[tuple[int, int, str, int, bool]]


def told(found: list[Exchange]) -> Told:
    """Frame of the offer, frame of the answer (0: none), fork, refusal, accepted."""
    return [
        (
            each.offer.message.frames[0] if each.offer else 0,
            each.answer.message.frames[0] if each.answer else 0,
            each.to_tag,
            each.rejected,
            each.confirmed,
        )
        for each in found
    ]


def invite_and_200(d: Dialog) -> Told:
    d.request("INVITE", 1, OFFER)
    d.response(200, sdp=ANSWER)
    d.request("ACK", 1)
    return [(1, 2, "t", 0, True)]


def preview_then_same_200(d: Dialog) -> Told:
    """Without RSeq the 18x is a preview; the 2xx is the answer (RFC 3261 section 13.2.1)."""
    d.request("INVITE", 1, OFFER)
    d.response(183, sdp=ANSWER)
    d.response(200, sdp=ANSWER)
    return [(1, 3, "t", 0, True)]


def preview_then_other_200(d: Dialog) -> Told:
    d.request("INVITE", 1, OFFER)
    d.response(183, sdp=ANSWER)
    d.response(200, sdp=ANSWER2)
    return [(1, 3, "t", 0, True)]


def preview_then_bare_200(d: Dialog) -> Told:
    d.request("INVITE", 1, OFFER)
    d.response(183, sdp=ANSWER)
    d.response(200)
    return [(1, 2, "t", 0, True)]


def preview_then_refused(d: Dialog) -> Told:
    d.request("INVITE", 1, OFFER)
    d.response(183, sdp=ANSWER)
    d.response(480)
    return [(1, 2, "t", 480, False)]


def reliable_answer(d: Dialog) -> Told:
    """The first reliable response with SDP answers; the SDP of the 2xx repeats it (RFC 3262 section 5)."""
    d.request("INVITE", 1, OFFER)
    d.response(183, sdp=ANSWER, headers=RELIABLE)
    d.request("PRACK", 2, headers=(("RAck", "9 1 INVITE"),))
    d.response(200, "PRACK", 2)
    d.response(200, sdp=ANSWER2)
    return [(1, 2, "t", 0, True)]


def prack_answers(d: Dialog) -> Told:
    """No offer in the INVITE: the reliable 18x offers, the PRACK answers (RFC 3262 section 5)."""
    d.request("INVITE", 1)
    d.response(183, sdp=OFFER, headers=RELIABLE)
    d.request("PRACK", 2, ANSWER, headers=(("RAck", "9 1 INVITE"),))
    d.response(200, "PRACK", 2)
    d.response(200, sdp=OFFER)
    d.request("ACK", 1)
    return [(2, 3, "t", 0, True)]


def prack_offers(d: Dialog) -> Told:
    """The exchange of the INVITE is complete: a PRACK may offer anew, its 200 answers (RFC 3262 section 5)."""
    d.request("INVITE", 1, OFFER)
    d.response(183, sdp=ANSWER, headers=RELIABLE)
    d.request("PRACK", 2, OFFER2, headers=(("RAck", "9 1 INVITE"),))
    d.response(200, "PRACK", 2, ANSWER2)
    d.response(200)
    return [(1, 2, "t", 0, True), (3, 4, "t", 0, True)]


def late_offer(d: Dialog) -> Told:
    d.request("INVITE", 1)
    d.response(200, sdp=OFFER)
    d.request("ACK", 1, ANSWER)
    return [(2, 3, "t", 0, True)]


def late_offer_with_preview(d: Dialog) -> Told:
    d.request("INVITE", 1)
    d.response(180, sdp=OFFER)
    d.response(200, sdp=OFFER2)
    d.request("ACK", 1, ANSWER)
    return [(3, 4, "t", 0, True)]


def late_offer_begun_before(d: Dialog) -> Told:
    """The INVITE was not captured; the SDP of the ACK tells that the 200 offered."""
    d.response(200, sdp=OFFER)
    d.request("ACK", 1, ANSWER)
    return [(1, 2, "t", 0, True)]


def answer_begun_before(d: Dialog) -> Told:
    d.response(200, sdp=ANSWER)
    d.request("ACK", 1)
    return [(0, 1, "t", 0, True)]


def update(d: Dialog) -> Told:
    invite_and_200(d)
    d.request("UPDATE", 2, OFFER2)
    d.response(200, "UPDATE", 2, ANSWER2)
    return [(1, 2, "t", 0, True), (4, 5, "t", 0, True)]


def update_glare(d: Dialog) -> Told:
    """RFC 3311 section 5.2: 491, or 500 while an offer is open; then tried again."""
    invite_and_200(d)
    d.request("UPDATE", 2, OFFER2)
    d.response(491, "UPDATE", 2)
    d.request("UPDATE", 3, OFFER2)
    d.response(200, "UPDATE", 3, ANSWER2)
    return [(1, 2, "t", 0, True), (4, 0, "", 491, False), (6, 7, "t", 0, True)]


def reinvite_of_the_callee(d: Dialog) -> Told:
    invite_and_200(d)
    d.request("INVITE", 1, OFFER2, back=True)
    d.response(200, "INVITE", 1, ANSWER2, back=True)
    return [(1, 2, "t", 0, True), (4, 5, "f", 0, True)]


def reinvite_glare(d: Dialog) -> Told:
    """Both sides at once: both get 491 (RFC 3261 section 14.1), the caller tries again."""
    invite_and_200(d)
    d.request("INVITE", 2, OFFER2)
    d.request("INVITE", 1, ANSWER2, back=True)
    d.response(491, "INVITE", 2)
    d.response(491, "INVITE", 1, back=True)
    d.request("INVITE", 3, OFFER2)
    d.response(200, "INVITE", 3, ANSWER2)
    return [(1, 2, "t", 0, True), (4, 0, "", 491, False), (5, 0, "", 491, False), (8, 9, "t", 0, True)]


def reinvite_refused(d: Dialog) -> Told:
    invite_and_200(d)
    d.request("INVITE", 2, OFFER2)
    d.response(488, "INVITE", 2)
    return [(1, 2, "t", 0, True), (4, 0, "", 488, False)]


def challenged(d: Dialog) -> Told:
    d.request("INVITE", 1, OFFER)
    d.response(407)
    d.request("ACK", 1)
    d.request("INVITE", 2, OFFER, to_tag="")
    d.response(200, cseq=2, sdp=ANSWER)
    return [(1, 0, "", 407, False), (4, 5, "t", 0, True)]


def two_forks(d: Dialog) -> Told:
    """Each To tag is a dialog with its own answer (RFC 3261 section 13.2.2.4); one is accepted."""
    d.request("INVITE", 1, OFFER)
    d.response(183, sdp=ANSWER, to_tag="one", headers=RELIABLE)
    d.response(183, sdp=ANSWER2, to_tag="two", headers=RELIABLE)
    d.response(200, to_tag="two")
    return [(1, 2, "one", 0, False), (1, 3, "two", 0, True)]


def fork_refused(d: Dialog) -> Told:
    d.request("INVITE", 1, OFFER)
    d.response(183, sdp=ANSWER, to_tag="one")
    d.response(183, sdp=ANSWER2, to_tag="two")
    d.response(486, to_tag="one")
    d.response(200, to_tag="two", sdp=ANSWER2)
    return [(1, 2, "one", 486, False), (1, 5, "two", 0, True)]


def retransmitted(d: Dialog) -> Told:
    request = d.request("INVITE", 1, OFFER)
    d.again(request)
    answer = d.response(200, sdp=ANSWER)
    d.again(answer)
    d.request("ACK", 1)
    return [(1, 3, "t", 0, True)]


def options_is_no_offer(d: Dialog) -> Told:
    """SDP in the response to OPTIONS tells capabilities (RFC 3264 section 9)."""
    d.request("OPTIONS", 1)
    d.response(200, "OPTIONS", 1, ANSWER)
    return []


CASES: list[Callable[[Dialog], Told]] = [
    invite_and_200, preview_then_same_200, preview_then_other_200, preview_then_bare_200, preview_then_refused,
    reliable_answer, prack_answers, prack_offers, late_offer, late_offer_with_preview, late_offer_begun_before,
    answer_begun_before, update, update_glare, reinvite_of_the_callee, reinvite_glare, reinvite_refused, challenged,
    two_forks, fork_refused, retransmitted, options_is_no_offer,
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_exchanges(case: Callable[[Dialog], Told]) -> None:
    dialog = Dialog()
    expected = case(dialog)
    assert told(exchanges(dialog.messages)) == expected


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_any_order_gives_the_same_exchanges(case: Callable[[Dialog], Told]) -> None:
    dialog = Dialog()
    expected = case(dialog)
    shuffled: list[Message] = list(dialog.messages)
    for seed in range(10):
        random.Random(seed).shuffle(shuffled)
        assert told(exchanges(shuffled)) == expected


def test_two_hops_and_a_rewritten_description() -> None:
    """A border gateway with one Call-ID on both sides puts its own address in: both descriptions are known."""
    dialog = Dialog()
    dialog.request("INVITE", 1, OFFER, way=flow(UE, PROXY))
    dialog.request("INVITE", 1, OFFER2, way=flow(PROXY, MRFC), branch="z9hG4bKhop2")
    dialog.response(200, sdp=ANSWER2, way=flow(MRFC, PROXY))
    dialog.response(200, sdp=ANSWER, way=flow(PROXY, UE))
    (found,) = exchanges(dialog.messages)
    assert told([found]) == [(1, 3, "t", 0, True)]
    assert [each.message.frames for each in found.offer_copies + found.answer_copies] == [(2,), (4,)]
    assert [(who, part.ends[0].session_id) for who, part in found.parts()] == [
        ("offerer", "ue1"), ("offerer", "ue2"), ("answerer", "mrf2"), ("answerer", "mrf1"),
    ]  # fmt: skip


def test_the_same_description_on_two_hops_is_read_once() -> None:
    dialog = Dialog()
    first = dialog.request("INVITE", 1, OFFER, way=flow(UE, PROXY))
    dialog.again(first, flow(PROXY, MRFC))
    dialog.response(200, sdp=ANSWER, way=flow(MRFC, PROXY))
    (found,) = exchanges(dialog.messages)
    assert found.offer is not None
    assert [each.message.frames for each in found.offer_copies] == [(2,)]
    assert found.offer_copies[0].ends is found.offer.ends
    assert [part.message.frames for _, part in found.parts()] == [(1,), (3,)]


def test_an_early_answer_that_the_2xx_replaced_is_kept_aside() -> None:
    dialog = Dialog()
    preview_then_other_200(dialog)
    (found,) = exchanges(dialog.messages)
    assert [each.message.frames for each in found.answer_copies] == [(2,)]
