"""The MRFC as a SIP user: what it refuses and why, CANCEL, new offers, SUBSCRIBE, REFER (RFC 3261, RFC 4579)."""

from __future__ import annotations

import pytest
from lab_parties import BOB, ROOM, mrfc, mrfp, place, ue
from lab_world import World
from sip_caller import OFFER, Caller

from dissectors.h248 import CommandName
from replay.ue import Behaviour, Leave, Pause, Step


def lab(**changes: object):
    world = World()
    focus, gateway = mrfc(**changes), mrfp()
    place(world, focus, gateway)
    world.run(0.1)
    return world, focus, gateway, Caller(world)


REFUSED = {
    "no description": ("", 488, '399 192.0.2.10:5060 "no session description"'),
    "no sense": ("x", 488, '399 192.0.2.10:5060 "unreadable session description"'),
    "no message media": ("v=0\r\nm=audio 4000 RTP/AVP 0\r\n", 488, '304 192.0.2.10:5060 "no message media offered"'),
    "MSRP over another transport": (
        OFFER.replace("TCP/MSRP", "SCTP/MSRP"),
        488,
        '302 192.0.2.10:5060 "no MSRP over TCP offered"',
    ),
    "refused stream": (OFFER.replace("7394 TCP", "0 TCP"), 488, '302 192.0.2.10:5060 "no MSRP over TCP offered"'),
    "no path": (OFFER.replace("a=path", "a=x"), 488, '399 192.0.2.10:5060 "no a=path in the message media"'),
    "bad path": (OFFER.replace("msrp://", "http://"), 488, '399 192.0.2.10:5060 "unreadable a=path"'),
    "no CPIM": (
        OFFER.replace("message/cpim", "text/plain"),
        488,
        '305 192.0.2.10:5060 "a conference needs message/cpim"',
    ),
    "TLS without keys": (
        OFFER.replace("TCP/MSRP", "TCP/TLS/MSRP"),
        488,
        '306 192.0.2.10:5060 "TCP/TLS/MSRP needs a=key-mgmt with a TRANSFER_INIT"',
    ),
    "keys that are none": (
        OFFER.replace("TCP/MSRP", "TCP/TLS/MSRP") + "a=key-mgmt:mikey AQAA\r\n",
        488,
        '399 192.0.2.10:5060 "TRANSFER_INIT is unreadable"',
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_offer_that_cannot_be_had_is_refused_with_a_warning(name: str) -> None:
    sdp, status, warning = REFUSED[name]
    _world, focus, gateway, caller = lab()
    caller.invite(sdp)
    final = caller.final("INVITE")
    assert (final.status, final.header("Warning")) == (status, warning)
    assert gateway.requests == []
    assert not focus.focus.legs
    assert not focus.focus.conferences


def test_only_secured_sessions_get_into_a_room_that_asks_for_it() -> None:
    _, _, gateway, caller = lab(secured_only=("chat-17",))
    caller.invite()
    assert caller.final("INVITE").status == 488
    assert gateway.requests == []


def test_no_such_conference() -> None:
    world, _, _, caller = lab(rooms=frozenset({"chat-99"}))
    caller.invite()
    assert caller.final("INVITE").status == 404
    caller.request("INVITE", "sip:chat-17@elsewhere.example", sdp=OFFER)
    world.run(0.1)
    assert caller.final("INVITE").status == 404


def test_a_full_conference_is_busy() -> None:
    _, _, _, caller = lab(max_participants=1)
    caller.invite(call_id="one")
    caller.invite(call_id="two")
    assert [each.status for each in caller.heard if each.status >= 200 and each.method == "INVITE"] == [200, 486]


def test_without_mrfp_service_is_unavailable() -> None:
    world = World()
    focus = mrfc()
    place(world, focus)
    caller = Caller(world)
    caller.invite()
    final = caller.final("INVITE")
    assert (final.status, final.header("Retry-After")) == (503, "30")
    assert not focus.focus.legs


@pytest.mark.parametrize(("error", "status"), [(510, 503), (434, 503), (500, 500), (449, 500)])
def test_what_the_mrfp_refuses(error: int, status: int) -> None:
    _world, focus, gateway, caller = lab()
    gateway.refuse = error
    caller.invite()
    final = caller.final("INVITE")
    assert (final.status, final.reasons()[0].text) == (status, f"MRFP error {error}")
    assert not focus.focus.legs
    assert not focus.focus.conferences


def test_an_mrfp_that_gives_no_path_gets_its_termination_back() -> None:
    _world, _focus, gateway, caller = lab()
    gateway.address = "not an address"
    caller.invite()
    assert caller.final("INVITE").status == 500
    assert [each.name for each in gateway.requests] == [CommandName.ADD, CommandName.SUBTRACT]
    assert not gateway.legs


def test_cancel_while_the_mrfp_is_asked() -> None:
    """RFC 3261 section 9.2: 200 to the CANCEL, 487 to the INVITE; the termination that comes late is given back."""
    world, focus, gateway, caller = lab()
    caller.request("INVITE", sdp=OFFER, branch="z9hG4bKi")
    world.run(0.0015)
    caller.request("CANCEL", branch="z9hG4bKi")
    world.run(0.2)
    assert caller.final("CANCEL").status == 200
    assert caller.final("INVITE").status == 487
    assert [each.name for each in gateway.requests] == [CommandName.ADD, CommandName.SUBTRACT]
    assert not focus.focus.legs
    assert not focus.focus.conferences


def test_cancel_of_nothing() -> None:
    world, _, _, caller = lab()
    caller.request("CANCEL")
    world.run(0.1)
    assert caller.final("CANCEL").status == 481


def test_no_ack_ends_the_leg_by_bye() -> None:
    """RFC 3261 section 13.3.1.4."""
    world, focus, gateway, caller = lab()
    caller.invite(OFFER.replace("actpass", "active"))
    world.run(31)
    assert not caller.requests("BYE")
    world.run(2)
    (bye,) = caller.requests("BYE")
    assert (bye.reasons()[0].protocol, bye.reasons()[0].cause, bye.reasons()[0].text) == ("SIP", 408, "no ACK came")
    assert not focus.focus.legs
    assert not gateway.legs


def test_a_failed_connection_ends_the_leg_only_after_the_ack() -> None:
    """TCP-F: the MRFP notifies; no BYE before the ACK (RFC 3261 section 15)."""
    world, focus, gateway, caller = lab()
    caller.invite()  # nobody listens at 198.51.100.66:7394
    assert not caller.requests("BYE")
    caller.ack()
    (bye,) = caller.requests("BYE")
    assert (bye.reasons()[0].cause, bye.reasons()[0].text) == (500, "TCP connection was not set up")
    world.run(0.1)
    assert not focus.focus.legs
    assert not gateway.legs


def test_a_participant_who_leaves_before_the_ack() -> None:
    world, focus, gateway, caller = lab()
    caller.invite()
    caller.request("BYE", to_tag=caller.final("INVITE").to_tag, cseq="2")
    world.run(0.2)
    assert caller.final("BYE").status == 200
    assert not focus.focus.legs
    assert not gateway.legs


def test_requests_that_belong_to_nothing() -> None:
    world, _, _, caller = lab()
    for method, status in {"BYE": 481, "UPDATE": 481, "INFO": 405, "REGISTER": 405, "FROBNICATE": 501}.items():
        caller.request(method)
        world.run(0.1)
        assert caller.final(method).status == status, method
        caller.request(method, to_tag="nobody")
        world.run(0.1)
        assert caller.final(method).status == 481, method


def test_what_is_required_and_not_supported() -> None:
    world, _, _, caller = lab()
    caller.request("INVITE", sdp=OFFER, headers=[("Require", "100rel, timer")])
    world.run(0.1)
    final = caller.final("INVITE")
    assert (final.status, final.header("Unsupported")) == (420, "100rel, timer")


def test_options() -> None:
    world, _, _, caller = lab(rooms=frozenset({"chat-17"}))
    caller.request("OPTIONS")
    caller.request("OPTIONS", "sip:conf.example.net")
    caller.request("OPTIONS", "sip:nobody@conf.example.net")
    world.run(0.1)
    statuses = [each.status for each in caller.heard]
    assert statuses == [200, 200, 404]
    assert caller.heard[0].is_focus()
    assert caller.heard[0].header("Accept") == "application/sdp"


def joined(**changes: object):
    """A caller who is in, with a connection that stays."""
    world, focus, gateway, caller = lab(**changes)
    sdp = OFFER.replace("a=setup:actpass", "a=setup:active")
    caller.invite(sdp)
    caller.ack()
    return world, focus, gateway, caller, caller.final("INVITE").to_tag


def test_a_new_offer_that_changes_nothing_gets_the_same_answer() -> None:
    """re-INVITE and UPDATE (RFC 3261 section 14.2, RFC 3311)."""
    world, focus, gateway, caller, tag = joined()
    answer = caller.final("INVITE").sdp()
    sdp = OFFER.replace("a=setup:actpass", "a=setup:active")
    caller.invite(sdp, to_tag=tag, cseq="2")
    assert caller.final("INVITE").sdp() == answer
    caller.ack()
    caller.request("UPDATE", sdp=sdp, to_tag=tag, cseq="3")
    world.run(0.1)
    assert (caller.final("UPDATE").status, caller.final("UPDATE").sdp()) == (200, answer)
    caller.request("UPDATE", to_tag=tag, cseq="4")
    world.run(0.1)
    assert (caller.final("UPDATE").status, caller.final("UPDATE").sdp()) == (200, None)
    assert len(focus.focus.legs) == 1
    assert [each.name for each in gateway.requests] == [CommandName.ADD]


def test_a_new_offer_that_would_change_the_stream_is_refused_and_the_session_goes_on() -> None:
    world, focus, _, caller, tag = joined()
    caller.request("UPDATE", sdp=OFFER.replace("/abcd;", "/efgh;"), to_tag=tag, cseq="2")
    world.run(0.1)
    assert caller.final("UPDATE").status == 488
    assert len(focus.focus.legs) == 1


def test_a_request_that_is_older_than_the_last_one() -> None:
    """RFC 3261 section 12.2.2."""
    world, _, _, caller, tag = joined()
    caller.request("UPDATE", to_tag=tag, cseq="9")
    caller.request("UPDATE", to_tag=tag, cseq="8")
    world.run(0.1)
    assert [each.status for each in caller.heard if each.method == "UPDATE"] == [200, 500]


def test_who_is_in_is_told_to_those_who_subscribe() -> None:
    """RFC 4575: full state as soon as the watcher shows that it is there, at every change, and when it ends."""
    world, focus, _, caller = lab()
    caller.request("SUBSCRIBE", headers=[("Event", "conference"), ("Expires", "600")], call_id="watch")
    world.run(0.1)
    assert (caller.final("SUBSCRIBE").status, caller.final("SUBSCRIBE").header("Expires")) == (200, "600")
    neutral, first = caller.requests("NOTIFY")
    assert (neutral.body, neutral.header("Content-Type")) == (b"", None)
    assert {each.header("Subscription-State") for each in (neutral, first)} == {"active;expires=600"}
    assert b'state="full" version="0"' in first.body
    assert b"<user-count>0</user-count>" in first.body
    caller.invite(OFFER.replace("actpass", "active"))
    caller.ack()
    second = caller.requests("NOTIFY")[-1]
    assert b'version="1"' in second.body
    assert b'<user entity="sip:alice@ims.example.net" state="full">' in second.body
    caller.request("BYE", to_tag=caller.final("INVITE").to_tag, cseq="2")
    world.run(0.1)
    assert b"<user-count>0</user-count>" in caller.requests("NOTIFY")[-1].body
    world.run(700)
    last = caller.requests("NOTIFY")[-1]
    assert last.header("Subscription-State") == "terminated;reason=timeout"
    assert not focus.focus.conferences


def test_a_watcher_that_does_not_answer_is_told_once() -> None:
    """What changed meanwhile is told when it answers; so silence costs one transaction, however much happens."""
    world, _, _, caller = lab()
    del caller.answers["NOTIFY"]
    caller.request("SUBSCRIBE", headers=[("Event", "conference")], call_id="watch")
    world.run(0.1)
    caller.invite(OFFER.replace("actpass", "active"))
    caller.ack()
    caller.request("BYE", to_tag=caller.final("INVITE").to_tag, cseq="2")
    world.run(0.3)
    assert {each.branch for each in caller.requests("NOTIFY")} == {caller.requests("NOTIFY")[0].branch}
    caller.answers["NOTIFY"] = 200
    world.run(5.0)
    assert [b'version="2"' in each.body for each in caller.requests("NOTIFY")[-2:]] == [False, True]


def test_a_watcher_that_is_gone_is_forgotten() -> None:
    world, focus, _, caller = lab()
    caller.answers["NOTIFY"] = 481
    caller.request("SUBSCRIBE", headers=[("Event", "conference")])
    world.run(0.1)
    assert len(focus.subscriptions) == 0
    assert not focus.focus.conferences


def test_other_event_packages() -> None:
    world, _, _, caller = lab()
    caller.request("SUBSCRIBE", headers=[("Event", "presence")])
    world.run(0.1)
    assert (caller.final("SUBSCRIBE").status, caller.final("SUBSCRIBE").header("Allow-Events")) == (489, "conference")


def test_refer_has_the_focus_invite_somebody_and_tells_how_it_went() -> None:
    """RFC 4579 section 5.5, RFC 3515 section 2.4.5."""
    world, _focus, gateway, caller, tag = joined()
    bob = ue(BOB, Step(do=Pause()), Step(do=Leave(), after=5))
    place(world, bob)
    caller.request("REFER", to_tag=tag, cseq="2", headers=[("Refer-To", f"<{BOB};method=INVITE>")])
    world.run(1)
    assert caller.final("REFER").status == 202
    told = [each.body for each in caller.requests("NOTIFY")]
    assert told == [
        b"SIP/2.0 100 Trying\r\n",
        b"SIP/2.0 100 Trying\r\n",
        b"SIP/2.0 180 Ringing\r\n",
        b"SIP/2.0 200 OK\r\n",
    ]
    assert caller.requests("NOTIFY")[-1].header("Subscription-State") == "terminated;reason=noresource"
    assert {leg.context for leg in gateway.legs.values()} == {17}
    assert len(gateway.legs) == 2


def test_refer_sends_somebody_away() -> None:
    """RFC 4579 section 5.10."""
    world, _focus, gateway, caller, tag = joined()
    caller.request("REFER", to_tag=tag, cseq="2", headers=[("Refer-To", "<sip:alice@ims.example.net;method=BYE>")])
    world.run(0.2)
    assert caller.requests("NOTIFY")[-1].body == b"SIP/2.0 200 OK\r\n"
    assert len(caller.requests("BYE")) == 1
    assert not gateway.legs


@pytest.mark.parametrize(
    ("behaviour", "told"),
    [(Behaviour.BUSY, b"SIP/2.0 486 Busy Here\r\n"), (Behaviour.DECLINES, b"SIP/2.0 603 Decline\r\n")],
)
def test_who_is_invited_and_refuses_leaves_nothing_behind(behaviour: Behaviour, told: bytes) -> None:
    world, focus, gateway, caller = lab()
    bob = ue(BOB, behaviours=frozenset({behaviour}))
    place(world, bob)
    caller.request("REFER", headers=[("Refer-To", f"<{BOB}>")])
    world.run(1)
    assert caller.requests("NOTIFY")[-1].body == told
    assert not gateway.legs
    assert not focus.focus.legs
    assert not focus.focus.conferences


def test_who_does_not_answer_is_cancelled() -> None:
    world, focus, gateway, _ = lab(ring_timeout=20.0)
    bob = ue(BOB, behaviours=frozenset({Behaviour.RINGS_FOREVER}))
    place(world, bob)
    world.carry_out("mrfc", focus.invite(ROOM, BOB, world.now))
    world.run(19)
    assert len(gateway.legs) == 1
    world.run(2)
    assert bob.call is not None
    assert bob.call.ended_by == "cancelled"
    assert not gateway.legs
    assert not focus.focus.legs


def test_who_is_not_there_times_out() -> None:
    world, focus, gateway, _ = lab()
    world.carry_out("mrfc", focus.invite(ROOM, BOB, world.now))
    world.run(31)
    assert len(gateway.legs) == 1
    world.run(3)
    assert not gateway.legs
    assert not focus.focus.legs
    assert focus.focus.sip.layer.open_transactions == 0


def test_nobody_knows_where_a_user_is() -> None:
    _, focus, _, _ = lab()
    with pytest.raises(ValueError, match="no address is known"):
        focus.invite(ROOM, "sip:nobody@nowhere.example", 0.0)
    with pytest.raises(ValueError, match="not a conference"):
        focus.invite("sip:chat@elsewhere.example", BOB, 0.0)
