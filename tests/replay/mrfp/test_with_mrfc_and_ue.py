"""MRFC, MRFP, KMS and UEs of the lab in one world: whole sessions, in both encodings and transports of H.248."""

from __future__ import annotations

import random
from typing import Any

import pytest
from lab_parties import ALICE, BOB, CAROL, CLOCK, MRFC_H248, MRFP_H248, ROOM, kms, mrfc, place, ue, visit
from lab_world import World

from replay.mrfc import Mrfc
from replay.mrfp import FAULTS, Mrfp, MrfpConfig
from replay.ue import Behaviour, DialIn, Leave, Pause, Say, SendContent, Step, Ue
from replay.ue.content import Octets

ADDRESS = "203.0.113.5"


def real(faults: Any = (), **changes: Any) -> Mrfp:
    """The MRFP that the lab runs."""
    chance = random.Random("mrfp").randbytes
    return Mrfp(MrfpConfig(MRFP_H248, (MRFC_H248,), ADDRESS, random=chance, epoch=CLOCK, **changes), faults)


def lab(gateway: Mrfp, focus: Mrfc | None = None) -> World:
    world = World()
    place(world, kms(world), focus or mrfc())
    world.add(gateway, MRFP_H248)
    world.run(0.2)
    assert gateway.is_registered
    return world


def stays(*steps: Step, seconds: float = 5, secured: bool = False) -> tuple[Step, ...]:
    return (Step(do=DialIn(ROOM, secured)), *steps, Step(do=Leave(), after=seconds, settled=True))


def play(world: World, *people: Ue, seconds: float = 60) -> None:
    """Let people come one after the other, until all have left."""
    for each in people:
        place(world, each)
        world.run(0.3)
    assert world.run(seconds, lambda: all(each.done for each in people))
    world.run(1)


def test_three_talk() -> None:
    gateway = real()
    world = lab(gateway)
    bob, carol = ue(BOB, *stays(Step(do=Say("hello Alice"), heard=1))), ue(CAROL, *stays())
    alice = ue(ALICE, *visit("hello all", "second", stay=2))
    play(world, bob, carol, alice)
    assert [each.tally.heard for each in (alice, bob, carol)] == [1, 2, 3]
    assert set(alice.tally.settled.values()) == {200}
    assert gateway.legs == []
    assert [note.what for name, note in world.notes if name == "mrfp"] == ["h248 registered"]


@pytest.mark.parametrize("mode", [1, 2, 3, 4])
def test_secured_dial_in(mode: int) -> None:
    world = lab(real())
    alice = ue(ALICE, *visit("under cover", secured=True), mode=mode)
    play(world, alice)
    assert [(client, server) for _, client, server in world.tls] == [("mrfp", "alice")]
    assert set(alice.tally.settled.values()) == {200}


def test_secured_dial_out() -> None:
    focus = mrfc()
    world = lab(real(), focus)
    bob = ue(BOB, Step(do=Say("here"), settled=True), Step(do=Leave(), after=1, settled=True))
    place(world, bob)
    world.carry_out("mrfc", focus.invite(ROOM, BOB, world.now, secured=True))
    assert world.run(60, lambda: bob.done)
    world.run(1)
    assert [(client, server) for _, client, server in world.tls] == [("bob", "mrfp")]
    assert set(bob.tally.settled.values()) == {200}


def test_mrfp_tls_1_secured_and_plain_legs_in_one_conference() -> None:
    world = lab(real())
    bob, alice = ue(BOB, *stays()), ue(ALICE, *visit("from TLS to TCP", secured=True))
    play(world, bob, alice)
    assert bob.tally.heard == 1
    kinds = {each.kind for each in world.wire if b"from TLS to TCP" in each.data}
    assert kinds == {"tls", "tcp"}


def test_a_private_message() -> None:
    world = lab(real())
    bob, carol = ue(BOB, *stays()), ue(CAROL, *stays())
    alice = ue(ALICE, *stays(Step(do=Say("psst", to=BOB, success_report=True)), seconds=2))
    play(world, bob, carol, alice)
    assert (bob.tally.heard, carol.tally.heard) == (1, 0)
    assert list(alice.tally.reports.values()) == [200]


def test_a_file_of_ten_megabytes() -> None:
    gateway = real()
    world = lab(gateway)
    bob = ue(BOB, *stays(seconds=200))
    size = 10_000_000
    alice = ue(ALICE, *stays(Step(do=SendContent("application/octet-stream", Octets(bytes(size)))), seconds=2))
    place(world, bob)
    world.run(0.3)
    place(world, alice)
    assert world.run(120, lambda: alice.done)
    assert bob.tally.heard == 1
    assert bob.tally.octets_heard > size


def test_binary_h248() -> None:
    world = lab(real(encoding="binary"), mrfc(encoding="binary", termination="$"))
    alice = ue(ALICE, *visit("in binary"))
    play(world, alice)
    assert all(each.data[:1] == b"\x30" for each in world.wire if {each.source, each.target} == {"mrfc", "mrfp"})
    assert set(alice.tally.settled.values()) == {200}


def test_h248_over_tcp() -> None:
    world = lab(real(transport="tcp"))
    alice = ue(ALICE, *visit("over TPKT"))
    play(world, alice)
    between = [each for each in world.wire if {each.source, each.target} == {"mrfc", "mrfp"}]
    assert between
    assert all(each.kind == "tcp" and each.data[:2] == b"\x03\x00" for each in between)
    assert set(alice.tally.settled.values()) == {200}


@pytest.mark.parametrize(
    ("behaviour", "secured"),
    [(Behaviour.REFUSES_TCP, False), (Behaviour.REFUSES_TCP, True), (Behaviour.WRONG_KEY, True)],
)
def test_tcp_f_din_f_a_failed_set_up_ends_the_call(behaviour: Behaviour, secured: bool) -> None:
    gateway, focus = real(), mrfc()
    world = lab(gateway, focus)
    alice = ue(ALICE, *stays(secured=secured), behaviours=frozenset({behaviour}))
    place(world, alice)
    world.run(10)
    item = b"tlsbsc/BNCChange" if behaviour is Behaviour.WRONG_KEY else b"tcpbcc/BNCChange"
    notices = [each.data for each in world.wire if b"{OE=" in each.data]
    assert len(notices) == 1
    assert item + b"{ST=1,Type=failed}" in notices[0]
    assert gateway.legs == []
    assert not focus.focus.legs


def test_lost_datagrams() -> None:
    chance = random.Random(11)
    gateway, focus = real(), mrfc()
    world = lab(gateway, focus)
    world.lose = lambda wish: chance.random() < 0.3
    alice = ue(ALICE, *visit("against the wind"))
    play(world, alice, seconds=300)
    world.lose = lambda wish: False
    world.run(60)
    assert set(alice.tally.settled.values()) == {200}
    assert gateway.legs == []
    assert not focus.focus.legs


def test_the_mrfp_begins_anew() -> None:
    gateway, focus = real(), mrfc()
    world = lab(gateway, focus)
    alice = ue(ALICE, Step(do=DialIn(ROOM)), Step(do=Pause(), after=600))
    place(world, alice)
    world.run(1)
    assert len(gateway.legs) == 1
    world.kill("mrfp")
    world.run(1)
    again = Mrfp(MrfpConfig(MRFP_H248, (MRFC_H248,), ADDRESS, random=random.Random("second life").randbytes))
    world.add(again, MRFP_H248)
    world.run(1)
    assert alice.call is not None
    assert alice.call.ended_by == "MRFP lost: it began anew"
    bob = ue(BOB, *visit("in the new one"))
    play(world, bob)
    assert set(bob.tally.settled.values()) == {200}


def test_the_mrfp_stops() -> None:
    gateway, focus = real(), mrfc()
    world = lab(gateway, focus)
    alice = ue(ALICE, Step(do=DialIn(ROOM)), Step(do=Pause(), after=600))
    place(world, alice)
    world.run(1)
    world.carry_out("mrfp", gateway.stop(world.now))
    world.run(2)
    assert alice.call is not None
    assert alice.call.ended_by == "MRFP lost: it goes out of service"


@pytest.mark.parametrize("fault", FAULTS)
def test_no_fault_makes_it_hang(fault: str) -> None:
    """Whatever row is broken: people come and go, and nothing is left of them."""
    gateway = real([fault])
    both = frozenset({fault}) & {"TCP-5", "DIN-7", "DIN-8", "DOUT-12", "DOUT-13"}
    focus = mrfc()
    world = lab(gateway, focus)
    alice, bob = ue(ALICE, *visit("one", secured=True), faults=both), ue(BOB, *visit("two"), faults=both)
    for each in (alice, bob):
        place(world, each)
        world.run(100, lambda each=each: each.done)  # type: ignore[misc]
        world.carry_out(each.name, each.stop(world.now))
        world.run(40)
    world.carry_out("mrfc", focus.invite(ROOM, CAROL, world.now, secured=False))
    world.run(100)
    assert gateway.legs == []
    assert not focus.focus.legs
