"""An MRFP that was lost, and another one after it: nothing of the first one is mistaken for the second one's."""

from __future__ import annotations

from lab_parties import ALICE, BOB, MRFC_H248, ROOM, mrfc, mrfp, place, ue
from lab_world import World
from small_mrfp import SmallMrfp

from dissectors.h248 import CommandName
from replay.h248 import Timers
from replay.ue import DialIn, Pause, Step

STAY = (Step(do=DialIn(ROOM)), Step(do=Pause(), after=600))


def test_one_that_was_lost_and_says_disconnected_is_emptied_first() -> None:
    """Its terminations are of calls that ended when it was lost (H.248.1 clause 11.5); no call gets in before that."""
    world = World()
    focus, gateway = mrfc(audit_interval=5.0, h248_timers=Timers(give_up=4.0)), mrfp()
    place(world, focus, gateway)
    world.run(0.1)
    alice = ue(ALICE, *STAY)
    place(world, alice)
    world.run(1)
    world.lose = lambda _: True
    world.run(12)
    assert not focus.focus.gateway.in_service
    assert len(gateway.legs) == 1
    world.lose = lambda wish: b"W-S=" in wish.data and world.now < 15
    gateway.register = "Disconnected"
    world.carry_out("mrfp", gateway.start(world.now))
    world.run(1)
    assert not focus.focus.gateway.in_service
    world.run(10)
    assert focus.focus.gateway.in_service
    assert gateway.legs == {}
    assert gateway.requests[-1].name is CommandName.AUDIT_VALUE
    assert CommandName.SUBTRACT in [each.name for each in gateway.requests]
    notes = [(note.what, note.details) for name, note in world.notes if name == "mrfc" and "mrfp" in note.what]
    assert notes == [
        ("mrfp in service", {"method": "Restart", "version": 2}),
        ("mrfp lost", {"why": "no reply"}),
        ("mrfp in service", {"method": "Disconnected", "version": 2}),
    ]
    bob = ue(BOB, *STAY)
    place(world, bob)
    world.run(1)
    assert len(gateway.legs) == 1


def test_what_the_first_one_does_not_answer_says_nothing_about_the_second() -> None:
    """Audits of the lost one are given up one after the other, while another one is in service already."""
    world = World()
    focus = mrfc(audit_interval=5.0)
    place(world, focus, mrfp())
    world.run(1)
    world.kill("mrfp")
    world.run(30)
    assert not focus.focus.gateway.in_service
    other = SmallMrfp(("192.0.2.21", 2944), MRFC_H248, "203.0.113.6", name="other")
    place(world, other)
    world.run(60)
    assert focus.focus.gateway.in_service
    assert [note.what for name, note in world.notes if name == "mrfc"] == [
        "mrfp in service",
        "mrfp lost",
        "mrfp in service",
    ]
