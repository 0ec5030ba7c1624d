"""A UE dies at any moment: what was reserved for it goes, and the others stay (TS 23.333 clause 6.2.20, RFC 7701)."""

from __future__ import annotations

import pytest
from lab_parties import ALICE, BOB, CLOCK, MRFC_H248, MRFP_H248, ROOM, chance, mrfc, place, ue
from lab_world import World

from replay.mrfc import Mrfc
from replay.mrfp import Mrfp, MrfpConfig
from replay.ue import Behaviour, DialIn, Pause, Say, SetNickname, Step, Subscribe, Ue

UNCONNECTED = 5.0
"s that a session may be without a connection."
PORTS = range(20_000, 20_004)
NAME = "Alice the great"


def lab() -> tuple[World, Mrfc, Mrfp]:
    world = World()
    focus = mrfc()
    place(world, focus)
    config = MrfpConfig(
        h248=MRFP_H248,
        controllers=(MRFC_H248,),
        media_address="203.0.113.5",
        media_ports=PORTS,
        unconnected=UNCONNECTED,
        epoch=CLOCK,
        random=chance("mrfp"),
    )
    gateway = Mrfp(config)
    world.add(gateway, MRFP_H248)
    world.run(1)
    return world, focus, gateway


def bob(*steps: Step) -> Ue:
    return ue(BOB, Step(do=DialIn(ROOM)), Step(do=Subscribe()), *steps, Step(do=Pause(), after=1000))


def nothing_is_left_but(focus: Mrfc, gateway: Mrfp, participants: int) -> None:
    """Legs, roster, dialogs, subscriptions, transactions, contexts, terminations."""
    state = focus.focus
    assert (len(state.legs), len(state.by_dialog), len(state.by_invite)) == (participants, participants, 0)
    assert len(focus.subscriptions) == participants
    assert state.sip.layer.open_transactions == 0
    assert [len(each.roster) for each in state.conferences.values()] == [participants] * bool(participants)
    assert dict(gateway.in_use) == {"contexts": min(participants, 1), "terminations": participants}


def test_its_nickname_is_free_at_once() -> None:
    world, _, _ = lab()
    place(world, ue(ALICE, Step(do=DialIn(ROOM)), Step(do=SetNickname(NAME)), Step(do=Pause(), after=1000)))
    world.run(3)
    second = bob(Step(do=SetNickname(NAME), after=1), Step(do=SetNickname(NAME), after=4))
    place(world, second)
    world.run(2.5)
    assert list(second.tally.settled.values()) == [425]
    world.kill("alice")
    world.run(UNCONNECTED - 1)
    assert list(second.tally.settled.values()) == [425, 200]


def test_one_that_is_in_and_watches() -> None:
    """Notify after `unconnected`; Subtract; NOTIFY to those who are left; BYE and NOTIFY to the dead one time out."""
    world, focus, gateway = lab()
    place(world, ue(ALICE, Step(do=DialIn(ROOM)), Step(do=Subscribe()), Step(do=SetNickname(NAME)), Step(do=Pause())))
    second = bob()
    place(world, second)
    world.run(3)
    assert second.participants == 2
    world.kill("alice")
    world.run(UNCONNECTED + 1)
    assert second.participants == 1
    assert dict(gateway.in_use) == {"contexts": 1, "terminations": 1}
    world.run(64)
    nothing_is_left_but(focus, gateway, 1)


def test_ports_go_round() -> None:
    """Four ports for twelve participants who die one after the other, at the side of one who stays."""
    world, focus, gateway = lab()
    second = bob()
    place(world, second)
    world.run(2)
    for number in range(12):
        dead = ue(ALICE, Step(do=DialIn(ROOM)), Step(do=SetNickname(NAME)), Step(do=Say("x")), Step(do=Pause()))
        place(world, dead)
        world.run(2)
        assert list(dead.tally.settled.values()) == [200, 200], number
        world.kill("alice")
        world.run(UNCONNECTED + 60)
    assert second.tally.heard == 12
    nothing_is_left_but(focus, gateway, 1)


@pytest.mark.parametrize("behaviour", [Behaviour.NEVER_ACKNOWLEDGES, Behaviour.SAYS_NOTHING])
def test_one_that_dies_before_its_session_is_there(behaviour: Behaviour) -> None:
    world, focus, gateway = lab()
    place(world, bob(), ue(ALICE, Step(do=DialIn(ROOM)), Step(do=Pause()), behaviours=frozenset({behaviour})))
    world.run(0.5)
    assert len(focus.focus.legs) == 2
    world.kill("alice")
    world.run(UNCONNECTED + 140)
    nothing_is_left_but(focus, gateway, 1)


@pytest.mark.parametrize("after", [0.0, 0.002, 0.004, 0.006, 0.01])
@pytest.mark.parametrize("dialled_out", [False, True])
def test_one_that_dies_in_mid_set_up(dialled_out: bool, after: float) -> None:
    """Whatever was on its way; a message takes 1 ms."""
    world, focus, gateway = lab()
    place(world, bob())
    world.run(2)
    place(world, ue(ALICE, *([] if dialled_out else [Step(do=DialIn(ROOM))]), Step(do=Pause())))
    if dialled_out:
        world.carry_out("mrfc", focus.invite(ROOM, ALICE, world.now))
    world.run(after)
    world.kill("alice")
    world.run(UNCONNECTED + 200)
    nothing_is_left_but(focus, gateway, 1)


def test_the_last_one() -> None:
    world, focus, gateway = lab()
    place(world, ue(ALICE, Step(do=DialIn(ROOM)), Step(do=Subscribe()), Step(do=Pause())))
    world.run(2)
    world.kill("alice")
    world.run(UNCONNECTED + 64)
    nothing_is_left_but(focus, gateway, 0)
    assert focus.focus.conferences == {}
