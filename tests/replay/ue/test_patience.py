"""Whatever dies out there, a call of a UE comes to an end, by itself and with a reason."""

from __future__ import annotations

from lab_parties import ALICE, BOB, ROOM, mrfc, mrfp, place, ue
from lab_world import World
from small_mrfp import SmallMrfp

from replay.mrfc import Mrfc
from replay.sip import Directory
from replay.ue import DialIn, Pause, Step, Ue
from replay.ue.call import CallState

STAY = (Step(do=DialIn(ROOM)), Step(do=Pause(), after=600))


def lab(**changes: object) -> tuple[World, Mrfc, SmallMrfp, Ue]:
    """Alice is in; `changes` are hers, but for those of the MRFC, which begin with `mrfc_`."""
    of_mrfc = {name[5:]: value for name, value in changes.items() if name.startswith("mrfc_")}
    of_alice = {name: value for name, value in changes.items() if not name.startswith("mrfc_")}
    world, focus, gateway = World(), mrfc(**of_mrfc), mrfp()
    place(world, focus, gateway)
    world.run(0.1)
    alice = ue(ALICE, *STAY, **of_alice)
    place(world, alice)
    world.run(1)
    return world, focus, gateway, alice


def notes(world: World, name: str = "alice") -> list[tuple[str, dict[str, str | int | float]]]:
    return [(note.what, note.details) for who, note in world.notes if who == name]


def byes(world: World, name: str = "alice") -> set[bytes]:
    """The values of Reason in BYE requests; repetitions are one."""
    sent = {each.data for each in world.wire if each.source == name and each.data.startswith(b"BYE ")}
    return {data.partition(b"Reason: ")[2].partition(b"\r\n")[0] for data in sent}


def test_mrfc_and_mrfp_are_gone() -> None:
    """BYE is tried, in case that the focus is there after all; nobody answers (timer F, RFC 3261 section 17.1.2)."""
    world, _, _, alice = lab(session_wait=20.0)
    world.kill("mrfc")
    world.kill("mrfp")
    world.run(19.9)
    assert byes(world) == set()
    world.run(0.2)
    assert byes(world) == {b'SIP;cause=500;text="MSRP connection: reset"'}
    world.run(32.1)
    assert notes(world) == [
        ("joined", {"secured": 0}),
        ("msrp connection ended", {"why": "reset"}),
        ("call over", {"why": "MSRP connection: reset"}),
    ]
    assert alice.is_out


def test_a_focus_that_is_there_is_told_by_bye() -> None:
    world, focus, gateway, alice = lab(session_wait=20.0)
    (leg,) = gateway.legs.values()
    world._finish(world._ends["mrfp", leg.connection], reset=False)
    world.run(21.0)
    assert alice.call is not None
    assert (alice.call.ended_by, alice.is_out) == ("MSRP connection: closed", True)
    assert not focus.focus.legs
    assert gateway.legs == {}


def test_a_focus_that_dies_within_the_invite() -> None:
    """It said 100, so that timer B does not run any more: CANCEL, and 64*T1 later it is over (section 9.1)."""
    world = World()
    focus, gateway = mrfc(), mrfp()
    gateway.silent = True
    place(world, focus, gateway)
    gateway.silent = True
    world.run(0.1)
    alice = ue(ALICE, *STAY, answer_wait=50.0)
    place(world, alice)
    world.run(0.01)
    world.kill("mrfc")
    world.run(49.9)
    assert not [each for each in world.wire if each.data.startswith(b"CANCEL ")]
    world.run(0.2)
    assert [each for each in world.wire if each.data.startswith(b"CANCEL ")]
    world.run(33)
    assert notes(world) == [("call over", {"why": "no answer"})]
    assert alice.ways.sip.layer.open_transactions == 0


def test_a_session_that_never_comes() -> None:
    """The MRFC does not have the MRFP start (the fault TCP-4): nobody ever connects."""
    world, focus, _, alice = lab(session_wait=10.0, mrfc_faults=frozenset({"TCP-4"}))
    assert alice.call is not None
    assert alice.call.state is CallState.TALKING
    world.run(10)
    assert byes(world) == {b'SIP;cause=500;text="no MSRP session"'}
    assert notes(world) == [("call over", {"why": "no MSRP session"})]
    assert not focus.focus.legs


def test_a_cancel_that_crosses_the_answer() -> None:
    """The 2xx is acknowledged, then BYE (RFC 3261 section 9.1): nobody is left in a call that was given up."""
    world = World()
    focus, gateway = mrfc(), mrfp()
    place(world, focus, gateway)
    world.run(0.1)
    bob = ue(BOB, *STAY)
    place(world, bob)
    world.run(0.0025)  # 100 is there, 200 is on its way
    world.carry_out("bob", bob.stop(world.now))
    world.run(5)
    assert [each for each in world.wire if each.data.startswith(b"CANCEL ")]
    assert bob.call is not None
    assert (bob.call.ended_by, bob.is_out) == ("left", True)
    assert not focus.focus.legs
    assert gateway.legs == {}


def test_a_focus_that_cannot_be_reached_for_a_bye() -> None:
    """Its Contact names a host that nobody knows."""
    world, _, _, alice = lab(directory=Directory({"conf.example.net": ("192.0.2.10", 5060)}))
    assert alice.call is not None
    assert alice.call.dialog is not None
    alice.call.dialog.remote_target = "sip:chat-17@elsewhere.example.org"
    world.carry_out("alice", alice.stop(world.now))
    world.run(33)
    assert notes(world)[-1] == ("call over", {"why": "left"})
