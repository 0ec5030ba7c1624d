"""Whatever comes on its ports, the MRFC raises nothing and goes on serving; the UE likewise."""

from __future__ import annotations

import random

import pytest
from lab_parties import ALICE, BOB, kms, mrfc, mrfp, place, ue, visit
from lab_world import World
from sip_caller import OFFER, Caller

from replay.events import Accepted, Datagram, Ended, Expired, Received
from replay.sip.dialog import response_to

MRFC_SIP, MRFC_H248 = ("192.0.2.10", 5060), ("192.0.2.10", 2944)
STRANGER = ("203.0.113.66", 5060)


def corpus() -> list[bytes]:
    """Everything that was said in good conversations, secured and not."""
    world = World()
    caller = Caller(world)
    place(world, kms(world), mrfc(), mrfp())
    world.run(0.1)
    for secured in (False, True):
        alice = ue(ALICE, *visit("hello", secured=secured))
        place(world, alice)
        assert world.run(60, lambda alice=alice: alice.done)
    for method in ("INVITE", "OPTIONS", "SUBSCRIBE", "REFER", "CANCEL", "BYE", "UPDATE"):
        headers = [("Refer-To", f"<{BOB};method=INVITE>"), ("Event", "conference"), ("Expires", "60")]
        caller.request(method, sdp=OFFER, headers=headers)
    return sorted({each.data for each in world.wire if each.kind != "tls"})


CORPUS = corpus()


def mutated(dice: random.Random, data: bytes) -> bytes:
    octets = bytearray(data)
    for _ in range(dice.randrange(1, 6)):
        at = dice.randrange(len(octets) + 1)
        kind = dice.randrange(5)
        if kind == 0:
            octets[at : at + 1] = dice.randbytes(1)
        elif kind == 1:
            del octets[at : at + dice.randrange(1, 40)]
        elif kind == 2:
            octets[at:at] = dice.choice([b"\r\n", b"\r", b"\n", b'"', b"<", b">", b";", b"\0", b"$", b"{", b"\xff" * 9])
        elif kind == 3:
            piece = dice.choice(CORPUS)
            begin = dice.randrange(len(piece))
            octets[at:at] = piece[begin : begin + dice.randrange(1, 200)]
        else:
            octets[at:at] = octets[: dice.randrange(len(octets) + 1)][:300]
    return bytes(octets)


@pytest.mark.parametrize("seed", range(6))
def test_mutated_messages_on_every_port(seed: int) -> None:
    """Over UDP and TCP, SIP and H.248; then a participant joins as if nothing had been."""
    dice = random.Random(seed)
    world = World()
    focus = mrfc(mrfp_allowed=("192.0.2.20",))
    place(world, kms(world), focus, mrfp(), ue(BOB))
    world.run(0.1)
    for number in range(400):
        data = mutated(dice, dice.choice(CORPUS))
        local = MRFC_H248 if dice.random() < 0.3 else MRFC_SIP
        if dice.random() < 0.6:
            world.carry_out("mrfc", focus.receive(Datagram(local, STRANGER, data), world.now))
        else:
            connection = -1000 - number
            world.carry_out("mrfc", focus.receive(Accepted(connection, local, STRANGER), world.now))
            world.carry_out("mrfc", focus.receive(Received(connection, data), world.now))
            if dice.random() < 0.9:
                world.carry_out("mrfc", focus.receive(Ended(connection, True), world.now))
        world.run(0.02)
    world.run(130)
    assert focus.focus.sip.layer.open_transactions < 50
    alice = ue(ALICE, *visit("hello"))
    place(world, alice)
    assert world.run(60, lambda: alice.done)
    assert alice.call is not None
    assert alice.call.ended_by == "left"


@pytest.mark.parametrize("seed", range(4))
def test_a_ue_hears_mutated_messages(seed: int) -> None:
    dice = random.Random(100 + seed)
    world = World()
    alice = ue(ALICE)
    place(world, alice)
    for _ in range(300):
        data = mutated(dice, dice.choice(CORPUS))
        world.carry_out("alice", alice.receive(Datagram(alice.config.sip, STRANGER, data), world.now))
        world.run(0.02)
    assert isinstance(alice.receive(Expired("nothing"), world.now), list)


def test_random_octets() -> None:
    dice = random.Random(1)
    world = World()
    focus = mrfc()
    place(world, focus)
    focus.receive(Accepted(-1, MRFC_SIP, STRANGER), 0.0)
    focus.receive(Accepted(-2, MRFC_H248, STRANGER), 0.0)
    for _ in range(300):
        data = dice.randbytes(dice.randrange(1, 400))
        for event in (Datagram(MRFC_SIP, STRANGER, data), Datagram(MRFC_H248, STRANGER, data)):
            focus.receive(event, 0.0)
        focus.receive(Received(-1, data), 0.0)
        focus.receive(Received(-2, data), 0.0)


def test_a_lone_carriage_return_in_what_a_response_repeats() -> None:
    """It would end a header line: the request is dropped and counted."""
    world = World()
    focus = mrfc()
    place(world, focus)
    caller = Caller(world)
    request = caller.request("OPTIONS").data.replace(b"tag=a1", b"tag=a\r1")
    assert list(focus.receive(Datagram(MRFC_SIP, STRANGER, request), 0.0)) == []
    assert focus.focus.sip.layer.faults["unanswerable"] == 1


def test_a_response_to_a_request_nobody_sent() -> None:
    world = World()
    focus = mrfc()
    place(world, focus)
    caller = Caller(world)
    response = response_to(caller.request("OPTIONS"), 200, "OK", tag="x")
    assert list(focus.receive(Datagram(MRFC_SIP, STRANGER, response.data), 0.0)) == []
