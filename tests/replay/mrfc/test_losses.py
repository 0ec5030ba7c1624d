"""The MRFP vanishes or begins anew, the KMS fails, keys do not fit: a reason for everybody, nothing half open."""

from __future__ import annotations

import random

import pytest
from lab_parties import (
    ALICE,
    BOB,
    CLOCK,
    KEYS,
    MRFC_H248,
    MRFP_H248,
    ROOM,
    TPK_2,
    kms,
    mrfc,
    mrfp,
    place,
    ue,
    visit,
)
from lab_world import World
from small_mrfp import SmallMrfp

from dissectors.h248 import NULL_CONTEXT, Command, CommandName, ContextAction
from dissectors.h248.model import ServiceChange
from replay.events import Datagram, Expired
from replay.keying import Party
from replay.kms import KmsUser
from replay.mrfc import Mrfc
from replay.ue import Behaviour, DialIn, Pause, Step, Ue

STAY = (Step(do=DialIn(ROOM)), Step(do=Pause(), after=600))
STAY_SECURED = (Step(do=DialIn(ROOM, True)), Step(do=Pause(), after=600))


def lab(*users: str, **changes: object) -> tuple[World, Mrfc, SmallMrfp, list[Ue]]:
    world = World()
    focus, gateway = mrfc(**changes), mrfp()
    place(world, focus, gateway)
    world.run(0.1)
    people = [ue(user, *STAY) for user in users]
    for each in people:
        place(world, each)
        world.run(0.5)
    return world, focus, gateway, people


def nothing_is_left(focus: Mrfc) -> bool:
    inside = focus.focus
    return not (inside.legs or inside.conferences or inside.by_dialog or inside.by_invite)


def reasons(people: list[Ue]) -> list[str]:
    return [each.call.ended_by if each.call is not None else "" for each in people]


# ---------------------------------------------------------------- the MRFP


def test_a_killed_mrfp_is_found_by_audit_and_its_legs_end_with_a_reason() -> None:
    world, focus, gateway, people = lab(ALICE, BOB, audit_interval=5.0)
    assert len(gateway.legs) == 2
    world.kill("mrfp")
    world.run(5 + 25 + 1)
    assert reasons(people) == ["MRFP lost: no reply", "MRFP lost: no reply"]
    assert nothing_is_left(focus)
    assert not focus.focus.gateway.in_service
    late = ue("sip:carol@ims.example.net", *STAY)
    place(world, late)
    world.run(1)
    assert reasons([late]) == ["503 Service Unavailable: no MRFP in service"]


def test_service_goes_on_once_the_mrfp_is_back() -> None:
    world, focus, _, _ = lab(ALICE, audit_interval=5.0)
    world.kill("mrfp")
    world.run(40)
    again = mrfp(life=2)
    place(world, again)
    world.run(0.1)
    assert focus.focus.gateway.in_service
    bob = ue(BOB, *STAY)
    place(world, bob)
    world.run(1)
    assert len(again.legs) == 1
    assert bob.call is not None
    assert bob.call.ended_by == ""


def test_an_mrfp_that_begins_anew_has_lost_its_contexts() -> None:
    """ServiceChange Restart on ROOT (H.248.1 clause 7.2.8): no need to wait for a time-out."""
    world, focus, _gateway, people = lab(ALICE)
    place(world, mrfp(life=2))
    world.run(1)
    assert reasons(people) == ["MRFP lost: it began anew"]
    assert nothing_is_left(focus)
    assert focus.focus.gateway.in_service


def test_an_mrfp_that_was_only_disconnected_keeps_its_contexts() -> None:
    world, focus, gateway, people = lab(ALICE)
    gateway.register = "Disconnected"
    world.carry_out("mrfp", gateway.start(world.now))
    world.run(1)
    assert reasons(people) == [""]
    assert len(focus.focus.legs) == 1


@pytest.mark.parametrize(("method", "leg_ends"), [("Forced", True), ("Graceful", False)])
def test_an_mrfp_that_goes_out_of_service(method: str, leg_ends: bool) -> None:
    world, focus, gateway, people = lab(ALICE)
    gateway.register = method
    world.carry_out("mrfp", gateway.start(world.now))
    world.run(1)
    assert not focus.focus.gateway.in_service
    assert (reasons(people) == ["MRFP lost: it goes out of service"]) is leg_ends


def test_an_mrfp_that_withdraws_one_termination() -> None:
    world, _, gateway, people = lab(ALICE, BOB)
    change = ServiceChange("Forced", "904 Termination malfunctioning")
    first = next(iter(gateway.legs))
    command = Command(CommandName.SERVICE_CHANGE, [first], service_change=change)
    world.carry_out(
        "mrfp", gateway.transactions.request(gateway.route, [ContextAction(17, [command])], world.now, "")[1]
    )
    world.run(1)
    assert reasons(people) == ["MRFP withdrew its end", ""]


def test_somebody_else_may_not_register_as_the_mrfp() -> None:
    world, _focus, _gateway, people = lab(ALICE, mrfp=MRFP_H248)
    stranger = SmallMrfp(("203.0.113.66", 2944), MRFC_H248, "203.0.113.66", name="stranger")
    place(world, stranger)
    world.run(1)
    assert stranger.last_answer.actions[0].commands[0].error.code == 402
    assert reasons(people) == [""]


def test_a_request_before_service_change_is_refused() -> None:
    """Error 505 (H.248.8)."""
    world = World()
    focus, gateway = mrfc(), mrfp(register="")
    place(world, focus, gateway)
    command = Command(CommandName.NOTIFY, ["ip/1/mb/1"])
    world.carry_out(
        "mrfp", gateway.transactions.request(gateway.route, [ContextAction(NULL_CONTEXT, [command])], 0.0, "")[1]
    )
    world.run(1)
    assert gateway.last_answer.actions[0].commands[0].error.code == 505


def test_an_mrfp_that_does_not_answer_an_add() -> None:
    world, focus, gateway, _ = lab()
    gateway.silent = True
    alice = ue(ALICE, *STAY)
    place(world, alice)
    world.run(33)
    assert reasons([alice]) == ["503 Service Unavailable: MRFP does not answer"]
    assert not focus.focus.legs
    world.run(200)  # it said Pending, twenty times
    assert nothing_is_left(focus)


def test_the_first_two_of_a_conference_share_one_context() -> None:
    """While it is not known which context the MRFP chose, the second Add waits."""
    world = World()
    focus, gateway = mrfc(), mrfp()
    place(world, focus, gateway)
    world.run(0.1)
    place(world, ue(ALICE, *STAY), ue(BOB, *STAY))
    world.run(1)
    assert {leg.context for leg in gateway.legs.values()} == {17}
    assert len(gateway.legs) == 2


def test_who_comes_while_the_last_one_goes_gets_a_new_context() -> None:
    world, _focus, gateway, (alice,) = lab(ALICE)
    world.carry_out("alice", alice.stop(world.now))
    world.run(0.0015)  # the BYE is there, its Subtract is not answered
    bob = ue(BOB, *STAY)
    place(world, bob)
    world.run(1)
    assert {leg.context for leg in gateway.legs.values()} == {18}
    assert reasons([alice, bob]) == ["left", ""]


@pytest.mark.parametrize("seed", range(5))
def test_lost_datagrams_are_made_good(seed: int) -> None:
    """Four datagrams of ten are lost, whoever sends them: both transaction layers repeat."""
    world = World()
    dice = random.Random(seed)
    world.lose = lambda _: dice.random() < 0.4
    focus, gateway = mrfc(), mrfp()
    focus.focus.sip.layer.gate = lambda request, hop, now: True  # who did not authenticate is not sent so much
    place(world, focus, gateway)
    world.run(25)
    alice = ue(ALICE, *visit("through the storm"))
    place(world, alice)
    assert world.run(120, lambda: alice.done)
    world.run(40)
    assert reasons([alice]) == ["left"]
    assert not gateway.legs
    assert nothing_is_left(focus)


def test_stopping_says_bye_to_everybody() -> None:
    world, focus, gateway, people = lab(ALICE, BOB)
    world.carry_out("mrfc", focus.stop(world.now))
    world.run(1)
    assert reasons(people) == ["the conference server stops"] * 2
    assert not gateway.legs


def test_stray_timers_and_connections_do_no_harm() -> None:
    _, focus, _, _ = lab()
    assert list(focus.receive(Expired("nobody's"), 0.0)) == []


# ---------------------------------------------------------------- keys


def secured(kms_changes: dict[str, object] | None = None, **changes: object) -> tuple[World, Mrfc, SmallMrfp, Ue]:
    """Alice dials in with security; `changes` are hers, but for those of the MRFC, which begin with `mrfc_`."""
    world = World()
    of_mrfc = {name[5:]: value for name, value in changes.items() if name.startswith("mrfc_")}
    of_alice = {name: value for name, value in changes.items() if not name.startswith("mrfc_")}
    focus, gateway = mrfc(**of_mrfc), mrfp()
    if kms_changes is not None:
        place(world, kms(world, **kms_changes))
    place(world, focus, gateway)
    world.run(0.1)
    alice = ue(ALICE, *STAY_SECURED, **of_alice)
    place(world, alice)
    world.run(12)
    return world, focus, gateway, alice


def test_a_kms_that_is_not_there_when_the_ticket_is_to_be_resolved() -> None:
    """Whether the ticket is good is not known: 503, not 488."""
    _, focus, gateway, alice = secured(None, mode=3)
    assert reasons([alice]) == ["503 Service Unavailable: KMS: refused"]
    assert nothing_is_left(focus)
    assert gateway.requests == []


def test_a_kms_that_is_not_there_when_a_ticket_is_needed() -> None:
    _, focus, _, alice = secured(None, mode=1)
    assert reasons([alice]) == ["KMS: refused"]
    assert nothing_is_left(focus)


def test_a_kms_that_does_not_resolve() -> None:
    users = (KmsUser(ROOM, KEYS[ROOM], may_resolve=False), KmsUser(ALICE, KEYS[ALICE]))
    _, focus, gateway, alice = secured({"users": users})
    assert reasons([alice]) == ["488 Not Acceptable Here: the KMS does not resolve the ticket"]
    assert nothing_is_left(focus)
    assert gateway.requests == []


def test_a_kms_that_gives_no_ticket() -> None:
    users = (KmsUser(ROOM, KEYS[ROOM]), KmsUser(ALICE, KEYS[ALICE], may_request=False))
    _, _, _, alice = secured({"users": users})
    assert reasons([alice]) == ["the KMS gives no ticket"]


def test_a_ticket_of_another_clock() -> None:
    _, focus, _, alice = secured({}, clock=CLOCK - 3600, mode=4)  # the KMS would not even give a ticket
    assert reasons([alice]) == ["488 Not Acceptable Here: the time of TRANSFER_INIT is not ours"]
    assert nothing_is_left(focus)


def test_an_expired_ticket() -> None:
    party = Party(kms_key=KEYS[ALICE], ticket_keys={4: TPK_2}, ticket_lifetime=-400)
    _, _focus, gateway, alice = secured({}, mode=4, party=party)
    assert reasons([alice]) == ["488 Not Acceptable Here: the ticket has expired"]
    assert gateway.requests == []


def test_a_ticket_under_a_key_that_nobody_knows() -> None:
    party = Party(kms_key=KEYS[ALICE], ticket_keys={3: b"a key of her own", 4: b"a key of her own"})
    for mode in (3, 4):
        _, focus, gateway, alice = secured({}, mode=mode, party=party)
        assert reasons([alice]) == ["488 Not Acceptable Here: the KMS does not resolve the ticket"], mode
        assert nothing_is_left(focus)
        assert gateway.requests == []


def test_a_transfer_init_is_taken_once() -> None:
    """RFC 6043 section 5.3: the same INVITE, sent again by somebody who heard it, gets nobody in."""
    world, focus, gateway, alice = secured({})
    assert len(gateway.legs) == 1
    invite = alice.call.invite
    assert invite is not None
    replayed = invite.data.replace(invite.branch.encode(), b"z9hG4bKreplay").replace(
        invite.call_id.encode(), b"replayed-call-of-the-same-length-no"[: len(invite.call_id)]
    )
    events = focus.focus.sip.layer.receive_datagram(("198.51.100.66", 5060), replayed, world.now)
    for each in events:
        focus._sip(each, world.now)
    (final,) = [each for each in focus._wishes() if b"SIP/2.0 488" in getattr(each, "data", b"")]
    assert b"this TRANSFER_INIT was seen before" in final.data  # type: ignore[union-attr]
    assert len(focus.focus.legs) == 1


def test_a_participant_with_another_key_is_refused_by_tls_and_the_leg_ends() -> None:
    """DIN-F: the MRFP notifies that TLS failed."""
    _, focus, gateway, alice = secured({}, behaviours=frozenset({Behaviour.WRONG_KEY}))
    assert alice.call is not None
    assert alice.call.ended_by in ("TLS session was not set up", "MSRP connection: alert decrypt_error")
    assert nothing_is_left(focus)
    assert not gateway.legs


def test_a_participant_who_refuses_tcp() -> None:
    """TCP-F."""
    world, focus, gateway, _ = lab()
    alice = ue(ALICE, *STAY, behaviours=frozenset({Behaviour.REFUSES_TCP}))
    place(world, alice)
    world.run(1)
    assert reasons([alice]) == ["TCP connection was not set up"]
    assert nothing_is_left(focus)
    assert not gateway.legs


def test_the_gateway_may_write_root_in_small_letters() -> None:
    """H.248.1 clause B.1: text has no case; OTP's megaco writes `root`."""
    focus = mrfc()
    text = '!/2 [192.0.2.20]:2944 T=1{C=-{SC=root{SV{MT=RS,RE="901 Cold Boot",V=2}}}}'
    focus.receive(Datagram(MRFC_H248, MRFP_H248, text.encode()), 0.0)
    assert focus.focus.gateway.in_service
