"""End-to-end security: TS 23.333 clauses 6.2.19.2.1 (dial-in) and 6.2.19.2.2 (dial-out), MIKEY-TICKET modes 1 to 4."""

from __future__ import annotations

import pytest
from lab_parties import ALICE, BOB, ROOM, kms, mrfc, mrfp, place, ue, visit
from lab_world import World

from dissectors.mikey import DataType, decode_key_mgmt
from dissectors.sdp import decode_sdp
from dissectors.sip import SipStream
from replay.ue import Leave, Say, Step


def sip_messages(world: World) -> list:
    """All SIP over TCP and UDP, in order."""
    streams: dict[tuple[str, str], SipStream] = {}
    found = []
    for each in world.wire:
        if each.kind != "tls" and b"SIP/2.0" in each.data:
            stream = streams.setdefault((each.source, each.target), SipStream())
            found += [framed.message for framed in stream.receive_data(each.data) if framed.message]
    return found


def key_mgmt(message) -> DataType:
    (value,) = decode_sdp(message.sdp()).media[0].attribute_all("key-mgmt")
    return decode_key_mgmt(value).data_type


def joined(world: World, *parties: object) -> None:
    place(world, kms(world), *parties)
    world.run(0.1)


@pytest.mark.parametrize("mode", [1, 2, 3, 4])
def test_dial_in(mode: int) -> None:
    world = World()
    focus, gateway = mrfc(), mrfp()
    joined(world, focus, gateway)
    alice = ue(ALICE, *visit("under cover", secured=True), mode=mode)
    place(world, alice)
    assert world.run(60, lambda: alice.done)
    world.run(1)
    assert alice.call is not None
    assert alice.call.ended_by == "left"
    sip = sip_messages(world)
    said = [each.method if each.is_request else f"{each.status} {each.method}" for each in sip]
    assert said == ["INVITE", "100 INVITE", "200 INVITE", "ACK", "BYE", "200 BYE"]
    assert [key_mgmt(sip[0]), key_mgmt(sip[2])] == [DataType.TRANSFER_INIT, DataType.TRANSFER_RESP]
    assert [(client, server) for _, client, server in world.tls] == [("mrfp", "alice")]
    asked = [each.data.partition(b" HTTP")[0] for each in world.wire if each.data.startswith(b"POST")]
    assert (
        asked
        == {
            1: [b"POST /keymanagement?requesttype=ticketrequest", b"POST /keymanagement?requesttype=ticketresolve"],
            2: [b"POST /keymanagement?requesttype=ticketrequest"],
            3: [b"POST /keymanagement?requesttype=ticketresolve"],
            4: [],
        }[mode]
    )
    assert list(alice.tally.settled.values()) == [200, 200]
    assert any(b"under cover" in each.data for each in world.wire if each.kind == "tls")
    assert not focus.focus.conferences


@pytest.mark.parametrize("mode", [1, 3, 4])
def test_dial_out(mode: int) -> None:
    world = World()
    focus, gateway = mrfc(dial_out_mode=mode), mrfp()
    bob = ue(BOB, Step(do=Say("here"), settled=True), Step(do=Leave(), after=1, settled=True))
    joined(world, focus, gateway, bob)
    world.carry_out("mrfc", focus.invite(ROOM, BOB, world.now, secured=True))
    assert world.run(60, lambda: bob.done)
    world.run(1)
    sip = sip_messages(world)
    said = [each.method if each.is_request else f"{each.status} {each.method}" for each in sip]
    assert said == ["INVITE", "100 INVITE", "180 INVITE", "200 INVITE", "ACK", "BYE", "200 BYE"]
    assert [key_mgmt(sip[0]), key_mgmt(sip[3])] == [DataType.TRANSFER_INIT, DataType.TRANSFER_RESP]
    assert [(client, server) for _, client, server in world.tls] == [("bob", "mrfp")]
    assert list(bob.tally.settled.values()) == [200, 200]
    assert not focus.focus.conferences


def test_din_1e_the_kms_gives_a_ticket_that_looks_made_by_the_initiator() -> None:
    world = World()
    place(world, kms(world, faults=frozenset({"DIN-1e"})), mrfc(), mrfp())
    world.run(0.1)
    alice = ue(ALICE, *visit("under cover", secured=True))
    place(world, alice)
    assert world.run(60, lambda: alice.done)
    assert alice.call is not None
    assert alice.call.ended_by == "left"
    (value,) = decode_sdp(sip_messages(world)[0].sdp()).media[0].attribute_all("key-mgmt")
    ticket = decode_key_mgmt(value).ticket
    assert ticket is not None
    assert ticket.flags.letters == "EFGHILNO"
