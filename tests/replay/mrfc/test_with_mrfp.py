"""MRFC, UEs and the MRFP of the lab together, over every way of H.248; and the tables of faults."""

from __future__ import annotations

from dataclasses import fields

import pytest
from lab_parties import ALICE, BOB, CLOCK, MRFC_H248, MRFP_H248, ROOM, chance, kms, mrfc, place, ue
from lab_world import World

from analyzer.profile import DEFAULT_PROFILE
from replay.mrfc import FAULTS, ItemNames, MrfcConfig
from replay.mrfp import Mrfp, MrfpConfig
from replay.ue import FAULTS as UE_FAULTS
from replay.ue import DialIn, Leave, Octets, Pause, Refer, Say, SendContent, SetNickname, Step, Subscribe, UeConfig

SECRET = "for your eyes only"


def gateway(**changes: object) -> Mrfp:
    config = MrfpConfig(h248=MRFP_H248, controllers=(MRFC_H248,), media_address="203.0.113.5", epoch=CLOCK, **changes)  # type: ignore[arg-type]
    return Mrfp(config)


def lab(**changes: object) -> World:
    world = World()
    place(world, kms(world), mrfc(encoding=changes.get("encoding", "text")))
    world.add(gateway(random=chance("mrfp"), **changes), MRFP_H248)
    world.run(1)
    return world


@pytest.mark.parametrize("encoding", ["text", "binary"])
@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("secured", [False, True])
def test_two_chat(transport: str, encoding: str, secured: bool) -> None:
    world = lab(transport=transport, encoding=encoding)
    long = "<p>" + "minutes of the meeting " * 500 + "</p>"
    bob = ue(BOB, Step(do=DialIn(ROOM, secured)), Step(do=Say("welcome"), heard=2), Step(do=Leave(), after=1))
    alice = ue(
        ALICE,
        Step(do=DialIn(ROOM, secured)),
        Step(do=SetNickname("Alice the great")),
        Step(do=Say("good morning", success_report=True)),
        Step(do=SendContent("text/html", Octets(long.encode()))),
        Step(do=Leave(), heard=1, settled=True),
    )
    place(world, bob)
    world.run(1)
    place(world, alice)
    assert world.run(60, lambda: alice.done and bob.done)
    assert bob.tally.last == ["good morning", long]
    assert alice.tally.last == ["welcome"]
    assert set(alice.tally.settled.values()) == {200}
    assert list(alice.tally.reports.values()) == [200]
    assert [each.call.ended_by for each in (alice, bob) if each.call is not None] == ["left", "left"]
    world.run(1)
    (focus,) = [core for core in world.cores.values() if core.name == "mrfc"]
    assert not focus.focus.conferences  # type: ignore[attr-defined]


def test_a_private_message_reaches_one() -> None:
    """RFC 7701 section 6.1."""
    world = lab()
    carol = "sip:carol@ims.example.net"
    others = [ue(user, Step(do=DialIn(ROOM)), Step(do=Pause(), after=60)) for user in (BOB, carol)]
    place(world, *others)
    world.run(1)
    alice = ue(ALICE, Step(do=DialIn(ROOM)), Step(do=Say(SECRET, to=BOB)), Step(do=Leave(), settled=True))
    place(world, alice)
    assert world.run(30, lambda: alice.done)
    assert [each.tally.last for each in others] == [[SECRET], []]


def test_a_participant_has_another_one_invited_and_sees_who_is_in() -> None:
    world = lab()
    bob = ue(BOB, Step(do=Say("here I am")), Step(do=Leave(), after=2))
    alice = ue(
        ALICE,
        Step(do=DialIn(ROOM)),
        Step(do=Subscribe()),
        Step(do=Refer(BOB)),
        Step(do=Leave(), participants=2, heard=1, after=5),
    )
    place(world, bob, alice)
    assert world.run(60, lambda: alice.done and bob.done)
    assert alice.tally.last == ["here I am"]
    assert alice.participants == 1  # Bob left first


def test_names_of_items_are_those_that_the_analyzer_knows() -> None:
    names, known = ItemNames(), DEFAULT_PROFILE
    assert names.start_tcp.lower() in known.start_tcp
    assert names.start_tls.lower() in known.start_tls
    assert names.tcp_event.lower() in known.tcp_events
    assert names.tls_event.lower() in known.tls_events
    assert names.psk in known.psk_properties
    assert names.failed in known.failure_types
    assert names.filter.partition("/")[0] in known.filter_packages


def test_a_row_that_is_not_its_own_cannot_be_broken() -> None:
    with pytest.raises(ValueError, match="the MRFC cannot break DIN-1b"):
        mrfc(faults=frozenset({"DIN-1b"}))
    with pytest.raises(ValueError, match="a UE cannot break OFFER-1"):
        ue(ALICE, faults=frozenset({"OFFER-1"}))
    assert {each.name for each in fields(MrfcConfig)} & {each.name for each in fields(UeConfig)} >= {"faults", "clock"}
    assert all(text and not text.endswith(".") for text in (*FAULTS.values(), *UE_FAULTS.values()))


def test_another_filter_for_all_who_are_in() -> None:
    """GEN-4: what the filter says is not distributed."""
    world = lab()
    bob = ue(BOB, Step(do=DialIn(ROOM)), Step(do=Pause(), after=60))
    place(world, bob)
    alice = ue(
        ALICE, Step(do=DialIn(ROOM)), Step(do=Say("one")), Step(do=Say("two"), after=5), Step(do=Leave(), after=1)
    )
    world.run(1)
    place(world, alice)
    world.run(2)
    focus = world.cores["mrfc"]
    world.carry_out("mrfc", focus.set_filter(ROOM, "discard;", world.now))  # type: ignore[attr-defined]
    assert world.run(30, lambda: alice.done)
    assert bob.tally.last == ["one"]
