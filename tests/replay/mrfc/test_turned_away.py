"""UEs that must not get in, or not stay: what the MRFC says to each, and that nothing is left of them."""

from __future__ import annotations

import pytest
from lab_parties import ALICE, BOB, KEYS, ROOM, kms, mrfc, mrfp, place, ue
from lab_world import World
from small_mrfp import SmallMrfp

from replay.kms import KmsUser
from replay.mrfc import Mrfc
from replay.negotiation import read_offer
from replay.ue import Behaviour, DialIn, Pause, Step, Ue

STAY = (Step(do=DialIn(ROOM)), Step(do=Pause(), after=600))
STAY_SECURED = (Step(do=DialIn(ROOM, True)), Step(do=Pause(), after=600))


def lab(**changes: object) -> tuple[World, Mrfc, SmallMrfp]:
    world = World()
    focus, gateway = mrfc(), mrfp()
    place(world, kms(world, **changes), focus, gateway)
    world.run(0.1)
    return world, focus, gateway


def end_of(who: Ue) -> str:
    return who.call.ended_by if who.call is not None else ""


def nothing_is_left(focus: Mrfc, gateway: SmallMrfp) -> bool:
    inside = focus.focus
    return not (inside.legs or inside.conferences or inside.by_dialog or inside.by_invite or gateway.legs)


def test_nobody_answers_the_syn() -> None:
    """TCP-F: the MRFP notifies after its time for a connection, and the MRFC says BYE."""
    world, focus, gateway = lab()
    alice = ue(ALICE, *STAY, behaviours=frozenset({Behaviour.IGNORES_TCP}))
    place(world, alice)
    world.run(9.9)
    assert end_of(alice) == ""
    world.run(1)
    assert end_of(alice) == "TCP connection was not set up"
    assert nothing_is_left(focus, gateway)


@pytest.mark.parametrize(
    ("behaviour", "why", "asks_kms"),
    [
        (Behaviour.SPOILS_TICKET, "the KMS does not resolve the ticket", True),
        (Behaviour.FOREIGN_TICKET, "the ticket is for somebody else", False),
        (Behaviour.EXPIRED_TICKET, "the ticket has expired", False),
    ],
)
def test_tickets_that_get_nobody_in(behaviour: Behaviour, why: str, asks_kms: bool) -> None:
    """DIN-3a: the INVITE is rejected, without a word to the MRFP, and to the KMS only where it alone can tell."""
    world, focus, gateway = lab()
    alice = ue(ALICE, *STAY_SECURED, behaviours=frozenset({behaviour}))
    place(world, alice)
    world.run(2)
    assert end_of(alice) == f"488 Not Acceptable Here: {why}"
    assert [who for _, who, whom in world.connects if whom == "kms"].count("mrfc") == asks_kms
    assert gateway.requests == []
    assert nothing_is_left(focus, gateway)


def overheard(alice: Ue) -> str:
    assert alice.call is not None
    assert alice.call.invite is not None
    sdp = alice.call.invite.sdp()
    assert sdp is not None
    return read_offer(sdp)[2].key_mgmt


def replaying(alice: Ue) -> Ue:
    return ue(BOB, *STAY_SECURED, behaviours=frozenset({Behaviour.REPLAYS}), overheard=overheard(alice))


def test_the_transfer_init_of_somebody_else() -> None:
    """RFC 6043 section 5.3: taken once, whoever sends it; the one whose it is stays in."""
    world, _, gateway = lab()
    alice = ue(ALICE, *STAY_SECURED)
    place(world, alice)
    world.run(2)
    bob = replaying(alice)
    place(world, bob)
    world.run(2)
    assert end_of(bob) == "488 Not Acceptable Here: this TRANSFER_INIT was seen before"
    assert end_of(alice) == ""
    assert len(gateway.legs) == 1


def test_a_replay_of_what_never_arrived_gets_no_key() -> None:
    """Who answered first has the INVITE accepted, and is thrown out: without the ticket there is no key for TLS."""
    world = World()
    alice = ue(ALICE, *STAY_SECURED)
    place(world, kms(world), alice)
    world.run(0.1)
    bob = replaying(alice)
    world.kill("alice")
    focus, gateway = mrfc(), mrfp()
    place(world, focus, gateway)
    world.run(0.1)
    place(world, bob)
    world.run(2)
    assert end_of(bob) == "the key of what was overheard is not known"
    assert nothing_is_left(focus, gateway)


def test_what_came_to_nothing_may_come_again() -> None:
    """The KMS was not there: no TRANSFER_RESP went out, so the same message is no replay once it is."""
    world = World()
    focus, gateway = mrfc(), mrfp()
    place(world, focus, gateway)
    world.run(0.1)
    alice = ue(ALICE, *STAY_SECURED, mode=3)
    place(world, alice)
    world.run(1)
    assert end_of(alice) == "503 Service Unavailable: KMS: refused"
    place(world, kms(world))
    bob = replaying(alice)
    place(world, bob)
    world.run(1)
    assert end_of(bob) == "the key of what was overheard is not known"


def test_a_ticket_that_was_refused_is_not_remembered() -> None:
    """Else anybody could have the ones forgotten that count (RFC 3830 section 5.4)."""
    users = (KmsUser(ROOM, KEYS[ROOM], may_resolve=False), KmsUser(ALICE, KEYS[ALICE]))
    world, focus, _ = lab(users=users)
    place(world, ue(ALICE, *STAY_SECURED))
    world.run(2)
    assert focus.focus.replays._seen == {}
