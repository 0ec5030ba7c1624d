"""Dialling in over TCP (TS 23.333 clause 6.2.20.1), as a conversation of UE, MRFC and a small MRFP."""

from __future__ import annotations

from lab_parties import ALICE, ROOM, mrfc, mrfp, place, ue, visit
from lab_world import World

from dissectors.h248 import CommandName
from dissectors.sdp import decode_sdp
from dissectors.sip import decode_sip


def test_the_flow_of_the_figure() -> None:
    world = World()
    focus, gateway = mrfc(), mrfp()
    place(world, focus, gateway)
    world.run(0.1)
    alice = ue(ALICE, *visit("Good morning, is Bob here?"))
    place(world, alice)
    assert world.run(60, lambda: alice.done)
    world.run(1)
    sip = [decode_sip(each.data) for each in world.wire if each.kind == "udp" and b"SIP/2.0" in each.data]
    said = [each.method if each.is_request else f"{each.status} {each.method}" for each in sip]
    assert said == ["INVITE", "100 INVITE", "200 INVITE", "ACK", "BYE", "200 BYE"]
    assert [each.name for each in gateway.requests] == [CommandName.ADD, CommandName.SUBTRACT]
    offer, answer = (decode_sdp(each.sdp() or b"").media[0] for each in (sip[0], sip[2]))
    assert (offer.setup, answer.setup) == ("actpass", "active")
    assert answer.path == ["msrp://203.0.113.5:28561/s1x9Q4mB7t;tcp"]
    assert (answer.connection.address, answer.port) == ("203.0.113.5", 28561)
    assert sip[2].is_focus()
    assert sip[2].contact_uri() == ROOM
    assert [(who, whom) for _, who, whom in world.connects] == [("mrfp", "alice")]
    assert not focus.focus.legs
    assert not focus.focus.conferences
