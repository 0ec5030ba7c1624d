"""A UE that is invited with end-to-end security: what it does not take, and what it says to the focus."""

from __future__ import annotations

from lab_parties import ALICE, KEYS, ROOM, SIP, kms, mrfc, mrfp, place, ue
from lab_world import World

from replay.events import Datagram
from replay.kms import KmsUser
from replay.mrfc import Mrfc
from replay.ue import Ue


def invited(users: tuple[KmsUser, ...] | None, with_kms: bool = True) -> tuple[World, Mrfc, Ue]:
    """The MRFC invites Alice with a ticket of mode 3, which the KMS is to resolve for her."""
    world = World()
    focus = mrfc()
    if with_kms:
        place(world, kms(world) if users is None else kms(world, users=users))
    place(world, focus, mrfp())
    alice = ue(ALICE)
    alice.config.party.ticket_keys.clear()  # type: ignore[attr-defined]
    place(world, alice)
    world.run(0.1)
    world.carry_out("mrfc", focus.invite(ROOM, ALICE, world.now, secured=True))
    world.run(1)
    return world, focus, alice


def refusals(world: World) -> list[tuple[bytes, bytes]]:
    """First line, and Reason or Warning, of Alice's final responses that refuse."""
    found = {}
    for each in world.wire:
        if each.source == "alice" and each.data.startswith((b"SIP/2.0 4", b"SIP/2.0 5")):
            lines = each.data.split(b"\r\n")
            told = [line for line in lines if line.startswith((b"Reason: ", b"Warning: "))]
            found[lines[0]] = told[0] if told else b""
    return list(found.items())


def test_a_transfer_init_is_taken_once() -> None:
    """RFC 6043 section 5.3: the INVITE of the focus, sent again by somebody who heard it."""
    world, focus, alice = invited(None)
    assert len(focus.focus.legs) == 1
    invite = next(each.data for each in world.wire if each.data.startswith(b"INVITE "))
    world.carry_out("alice", alice.stop(world.now))
    world.run(1)
    again = invite.replace(b"branch=z9hG4bK", b"branch=z9hG4bKagain").replace(b"Call-ID: ", b"Call-ID: again")
    place_of_alice = SIP[ALICE]
    world.carry_out("alice", alice.receive(Datagram(place_of_alice, SIP["mrfc"], again), world.now))
    world.run(1)
    warning = f'Warning: 399 {place_of_alice[0]} "this TRANSFER_INIT was seen before"'.encode()
    assert refusals(world) == [(b"SIP/2.0 488 Not Acceptable Here", warning)]
    assert alice.call is not None
    assert (alice.call.ended_by, alice.is_out) == ("this TRANSFER_INIT was seen before", True)


def test_a_kms_that_does_not_resolve() -> None:
    users = (KmsUser(ROOM, KEYS[ROOM]), KmsUser(ALICE, KEYS[ALICE], may_resolve=False))
    world, focus, alice = invited(users)
    warning = f'Warning: 399 {SIP[ALICE][0]} "the KMS does not resolve the ticket"'.encode()
    assert refusals(world) == [(b"SIP/2.0 488 Not Acceptable Here", warning)]
    assert alice.is_out
    assert not focus.focus.legs


def test_a_kms_that_is_gone() -> None:
    """Whether the ticket is good is not known: 503."""
    world, focus, alice = invited(None, with_kms=False)
    assert refusals(world) == [(b"SIP/2.0 503 Service Unavailable", b'Reason: SIP;cause=503;text="KMS: refused"')]
    assert alice.call is not None
    assert (alice.call.ended_by, alice.is_out) == ("KMS: refused", True)
    assert not focus.focus.legs
