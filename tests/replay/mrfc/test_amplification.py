"""What strangers have the MRFC send: only to where they are, and no more than three times what they sent.

The caller of these tests never answers, as the owner of a forged address does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_network
from typing import Any

import pytest
from lab_parties import ALICE, BOB, MRFC_H248, MRFP_H248, SIP, mrfc, mrfp, place, ue, visit
from sip_caller import OFFER, Caller
from sip_octets import CountingWorld

from dissectors.sip import SipMessage
from replay.admission import Admission
from replay.events import Accepted, Datagram, Ended, Note, Received, SendDatagram
from replay.mrfc import Mrfc
from replay.sip.dialog import response_to
from replay.sip.digest import answer_challenge
from replay.ue import Pause, Step

HERE, VICTIM = "198.51.100.66", "198.51.100.99"
LISTED = Admission(allowed=(ip_network(f"{HERE}/32"),), known=frozenset({SIP[ALICE][0], SIP[BOB][0]}))
USERS = Admission(users={"alice": "secret"}, realm="conf.example.net")


def lab(admission: Admission = LISTED, **changes: Any) -> tuple[CountingWorld, Mrfc, Caller]:
    world = CountingWorld()
    focus = mrfc(admission=admission, **changes)
    place(world, focus, mrfp())
    caller = Caller(world)
    caller.answers = {}
    world.run(0.1)
    world.to.clear()
    return world, focus, caller


REQUESTS: dict[str, tuple[str, str, Sequence[tuple[str, str]]]] = {
    "INVITE": ("INVITE", OFFER, ()),
    "INVITE, passive": ("INVITE", OFFER.replace("actpass", "active"), ()),
    "INVITE, refused": ("INVITE", "v=0\r\n", ()),
    "SUBSCRIBE": ("SUBSCRIBE", "", [("Event", "conference"), ("Expires", "60")]),
    "SUBSCRIBE, ended": ("SUBSCRIBE", "", [("Event", "conference"), ("Expires", "0")]),
    "REFER": ("REFER", "", [("Refer-To", f"<sip:me@{HERE}:9>")]),
    "REFER over TCP": ("REFER", "", [("Refer-To", f"<sip:me@{HERE}:9;transport=tcp>")]),
    "OPTIONS": ("OPTIONS", "", ()),
    "BYE": ("BYE", "", ()),
    "PUBLISH": ("PUBLISH", "", ()),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_forged_source_gets_three_times_what_was_sent_in_its_name(name: str) -> None:
    """RFC 9000 section 8.1, for all repetitions of RFC 3261: 11 of a 200, 11 of a NOTIFY, 7 of an INVITE, the SYNs."""
    world, focus, caller = lab()
    method, sdp, headers = REQUESTS[name]
    request = caller.request(method, sdp=sdp, headers=headers)
    world.run(200)
    assert set(world.to) - {HERE} <= {"192.0.2.10", "192.0.2.20"}  # MRFC and MRFP
    assert 0 < world.to[HERE] <= 3 * len(request.data)
    assert focus.focus.legs == {}
    assert len(focus.subscriptions) == 0


def test_many_forged_requests_pay_no_more_than_their_own() -> None:
    world, _, caller = lab()
    octets = 0
    for number in range(60):
        method, sdp, headers = list(REQUESTS.values())[number % len(REQUESTS)]
        octets += len(caller.request(method, sdp=sdp, headers=headers, call_id=f"c{number}").data)
        world.run(3)
    world.run(200)
    assert 0 < world.to[HERE] <= 3 * octets


@pytest.mark.parametrize(
    ("method", "sdp", "headers"),
    [
        ("INVITE", OFFER, ()),
        ("SUBSCRIBE", "", [("Event", "conference")]),
        ("REFER", "", [("Refer-To", f"<{BOB}>")]),
    ],
)
@pytest.mark.parametrize("header", ["Contact", "Record-Route"])
def test_a_dialog_with_somebody_else(method: str, sdp: str, headers: Sequence[tuple[str, str]], header: str) -> None:
    """403, and nothing goes to the address in Contact, or in the first Record-Route (RFC 3261 section 12.1.1)."""
    world, focus, caller = lab()
    foreign = f"<sip:you@{VICTIM}:5060;lr>"
    if header == "Record-Route":
        headers = [*headers, (header, foreign)]
        caller.request(method, sdp=sdp, headers=headers)
    else:
        whole = build(caller, method, sdp, headers).replace(b"<sip:alice@198.51.100.66:5060>", foreign.encode())
        send(caller, whole)
    world.run(100)
    assert [each.status for each in caller.heard if not each.is_request and each.status >= 200][:1] == [403]
    assert VICTIM not in world.to
    assert focus.focus.legs == {}
    assert SIP[BOB][0] not in world.to


@pytest.mark.parametrize(
    ("uri", "status"),
    [
        (f"sip:you@{VICTIM}", 403),
        (f"sip:you@{VICTIM}:22;transport=tcp", 403),
        ("sip:you@127.0.0.1:22", 403),
        ("sip:you@[::1]", 403),
        (f"sip:me@{HERE}:9999", 202),
        (BOB, 202),
    ],
)
def test_refer_to_somebody_else(uri: str, status: int) -> None:
    """RFC 3515: INVITEs go to the source, to users of the configuration, and to what is listed."""
    world, _, caller = lab()
    request = caller.request("REFER", headers=[("Refer-To", f"<{uri}>")])
    world.run(100)
    assert caller.final("REFER").status == status
    elsewhere = {end for end in world.to if end not in (HERE, "192.0.2.10", "192.0.2.20")}
    assert elsewhere == ({SIP[BOB][0]} if uri == BOB else set())
    assert world.to[SIP[BOB][0]] <= 3 * len(request.data)
    assert world.to[HERE] <= 3 * len(request.data)


def test_who_is_referred_to_and_answers_is_invited_as_ever() -> None:
    world, focus, caller = lab()
    bob = ue(BOB, Step(do=Pause()))
    place(world, bob)
    caller.request("REFER", headers=[("Refer-To", f"<{BOB}>")])
    world.run(2)
    assert [leg.uri for leg in focus.focus.legs.values()] == [BOB]
    assert bob.call is not None
    assert bob.call.was_in


@pytest.mark.parametrize("address", [VICTIM, "127.0.0.1", "victim.example.net"])
@pytest.mark.parametrize("cema", [True, False])
def test_msrp_to_somebody_else(address: str, cema: bool) -> None:
    """Neither `c=` nor, without CEMA, the path has the MRFP connect to somebody else (TS 23.333 clause 6.2.10.3.1)."""
    world, _, caller = lab()
    sdp = OFFER.replace(f"c=IN IP4 {HERE}", f"c=IN IP4 {address}")
    if not cema:
        sdp = OFFER.replace("a=msrp-cema\r\n", "").replace(f"msrp://{HERE}:", f"msrp://{address}:")
    caller.invite(sdp)
    assert caller.final("INVITE").status == 488
    text = "the address for MSRP is another one than this came from"
    assert caller.final("INVITE").header("Warning") == f'399 192.0.2.10:5060 "{text}"'
    world.run(60)
    assert VICTIM not in world.to
    assert world.connects == []


def test_a_passive_mrfp_does_not_mind() -> None:
    """It connects to nobody; behind a NAT, `c=` is another address than the source."""
    _, focus, caller = lab()
    caller.invite(OFFER.replace(f"c=IN IP4 {HERE}", "c=IN IP4 10.0.0.7").replace("actpass", "active"))
    assert caller.final("INVITE").status == 200
    assert len(focus.focus.legs) == 1


def test_a_target_is_not_moved_to_somebody_else() -> None:
    """A re-INVITE may name another Contact (RFC 3261 section 12.2.2), but not another host."""
    world, focus, caller = lab()
    caller.invite(OFFER.replace("actpass", "active"))
    caller.ack()
    tag = caller.final("INVITE").to_tag
    whole = build(caller, "UPDATE", "", (), to_tag=tag, cseq="2")
    send(caller, whole.replace(b"<sip:alice@198.51.100.66:5060>", f"<sip:you@{VICTIM}>".encode()))
    world.run(0.1)
    assert caller.final("UPDATE").status == 403
    world.carry_out("mrfc", focus.stop(world.now))
    world.run(60)
    assert VICTIM not in world.to
    assert len(caller.requests("BYE")) > 5  # who said ACK is there, and is told in full


def test_a_proxy_on_the_way_stays_there() -> None:
    """A Record-Route of the host that the request came from: BYE goes there, with Route (RFC 3261 section 12.2.1.1)."""
    world, focus, caller = lab()
    send(
        caller, build(caller, "INVITE", OFFER.replace("actpass", "active"), [("Record-Route", f"<sip:{HERE}:5070;lr>")])
    )
    world.run(0.2)
    caller.ack()
    world.carry_out("mrfc", focus.stop(world.now))
    assert (HERE, 5070) in world.places
    byes = [each.data for each in world.wire if each.data.startswith(b"BYE ")]
    assert byes[0].startswith(b"BYE sip:alice@198.51.100.66:5060 SIP/2.0\r\n")
    assert b"\r\nRoute: <sip:198.51.100.66:5070;lr>\r\n" in byes[0]


@pytest.mark.parametrize("contact", [HERE, VICTIM])
def test_a_call_over_tcp_whose_connection_is_gone(contact: str) -> None:
    """BYE goes to its Contact, which is where the connection came from; another one was refused."""
    world, focus, caller = lab()
    octets = build(caller, "INVITE", OFFER.replace("actpass", "active"), ()).replace(b"SIP/2.0/UDP", b"SIP/2.0/TCP")
    octets = octets.replace(b"<sip:alice@198.51.100.66:5060>", f"<sip:you@{contact}>".encode())
    for event in (Accepted(-9, SIP["mrfc"], (HERE, 41_000)), Received(-9, octets)):
        world.carry_out("mrfc", focus.receive(event, world.now))
    world.run(0.2)
    assert len(focus.focus.legs) == (contact == HERE)
    for leg in focus.focus.legs.values():
        assert leg.dialog is not None
        tag = leg.dialog.key[1]
        ack = build(caller, "ACK", "", (), to_tag=tag)
        world.carry_out("mrfc", focus.receive(Received(-9, ack), world.now))
    world.carry_out("mrfc", focus.receive(Ended(-9), world.now))
    world.carry_out("mrfc", focus.stop(world.now))
    world.run(1)
    assert [each.request_uri for each in caller.requests("BYE")[:1]] == [f"sip:you@{HERE}"] * (contact == HERE)
    assert VICTIM not in world.to


def test_an_answer_of_somebody_who_names_others() -> None:
    """200 of an invited user with a foreign Contact: ACK and BYE go to where the answer came from."""
    world, focus, caller = lab()
    caller.answers = {}
    focus_invites(world, focus, f"sip:alice@{HERE}")
    invite = caller.requests("INVITE")[0]
    headers = [("Contact", f"<sip:you@{VICTIM}>"), ("Content-Type", "application/sdp")]
    sdp = OFFER.replace(f"c=IN IP4 {HERE}", f"c=IN IP4 {VICTIM}").replace("actpass", "passive")
    caller.send(response_to(invite, 200, "OK", tag="x", headers=headers, body=sdp.encode()))
    world.run(60)
    assert VICTIM not in world.to
    assert len(caller.requests("ACK")) == 1
    assert caller.requests("BYE")[0].reasons()[0].text == (
        "the address for MSRP is another one than the answer came from"
    )


def focus_invites(world: CountingWorld, focus: Mrfc, uri: str) -> None:
    world.carry_out("mrfc", focus.invite("sip:chat-17@conf.example.net", uri, world.now))
    world.run(0.5)


# ---------------------------------------------------------------------- who is not listed


def test_nobody_is_served_who_is_neither_listed_nor_a_user() -> None:
    """One 403 for each request, without a transaction (RFC 3261 section 8.2.7)."""
    world, focus, caller = lab(Admission())
    octets = 0
    for method in ("INVITE", "SUBSCRIBE", "REFER", "OPTIONS", "BYE", "CANCEL"):
        octets += len(caller.request(method, sdp=OFFER, headers=[("Event", "conference")]).data)
    world.run(60)
    assert [each.status for each in caller.heard] == [403] * 6
    assert world.to[HERE] <= 3 * octets
    assert focus.focus.sip.layer.open_transactions == 0
    assert focus.focus.conferences == {}
    assert [note for _, note in world.notes[-6:]] == [Note("sip refused", {"status": 403, "address": HERE})] * 6


def authorized(caller: Caller, method: str, **more: Any) -> SipMessage:
    """A request, its challenge, and the request with what was asked for."""
    caller.request(method, **more)
    caller.world.run(0.05)
    challenge = caller.heard[-1]
    assert (challenge.status, challenge.to_tag != "") == (401, True)
    value = answer_challenge(
        challenge.header("WWW-Authenticate") or "", "alice", "secret", method, "sip:chat-17@conf.example.net", "c1"
    )
    assert value is not None
    more["headers"] = [*more.get("headers", ()), ("Authorization", value)]
    sent = caller.request(method, cseq="2", **more)
    caller.world.run(0.2)
    return sent


def test_a_user_authenticates() -> None:
    """RFC 3261 section 22.2; ACK, BYE and CANCEL need nothing more, since they know our tag, or are the INVITE's."""
    world, focus, caller = lab(USERS)
    authorized(caller, "INVITE", sdp=OFFER.replace("actpass", "active"))
    answer = caller.final("INVITE")
    assert (answer.status, answer.cseq) == (200, 2)
    caller.request("ACK", to_tag=answer.to_tag, cseq="2")
    world.run(0.1)
    caller.request("BYE", to_tag=answer.to_tag, cseq="3")
    world.run(0.1)
    assert caller.final("BYE").status == 200
    assert focus.focus.legs == {}


def test_who_authenticated_is_there_and_gets_every_repetition() -> None:
    """RFC 3261 section 13.3.1.4: 200 at 0, 0.5, 1.5, 3.5, 7.5, then every 4 s until 32 s."""
    world, _, caller = lab(USERS)
    authorized(caller, "INVITE", sdp=OFFER.replace("actpass", "active"))
    world.run(31.9)
    assert len([each for each in caller.heard if each.status == 200]) == 11


def test_the_same_credentials_are_not_taken_twice() -> None:
    world, focus, caller = lab(USERS)
    sent = authorized(caller, "INVITE", sdp=OFFER.replace("actpass", "active"))
    send(caller, sent.data.replace(b"branch=", b"branch=z9hG4bKreplayed").replace(b"call-1", b"call-2"))
    world.run(0.2)
    refused = caller.heard[-1]
    assert (refused.status, refused.call_id) == (401, "call-2")
    assert "stale=true" in (refused.header("WWW-Authenticate") or "")
    assert len(focus.focus.legs) == 1


def test_a_wrong_password_gets_nobody_in() -> None:
    world, focus, caller = lab(USERS)
    for number in range(3):
        caller.request(
            "INVITE", sdp=OFFER, call_id=f"c{number}", headers=[("Authorization", 'Digest username="alice"')]
        )
    world.run(0.2)
    assert [each.status for each in caller.heard] == [401] * 3
    assert focus.focus.legs == {}
    assert focus.focus.sip.layer.open_transactions == 0


def test_our_ue_authenticates() -> None:
    world, focus, _ = lab(USERS)
    alice = ue(ALICE, *visit("hello"), username="alice", password="secret")
    wrong = ue(BOB, *visit("hello"), username="alice", password="guessed")
    place(world, alice, wrong)
    assert world.run(30, lambda: alice.done and wrong.is_out)
    assert alice.call is not None
    assert alice.call.ended_by == "left"
    assert wrong.call is not None
    assert wrong.call.ended_by == "401 Unauthorized"
    world.run(60)
    assert focus.focus.legs == {}


# ---------------------------------------------------------------------- H.248


@pytest.mark.parametrize(("address", "port"), [(f"[{VICTIM}]:2944", 2944), ("2945", 2945), ("[192.0.2.20]:2946", 2946)])
def test_in_the_name_of_the_mrfp(address: str, port: int) -> None:
    """ServiceChangeAddress (H.248.1 clause 7.2.8) names another port, but no other host."""
    world, focus, _ = lab(audit_interval=1.0)
    forged = f"!/2 [192.0.2.20]:2944\nT=9{{C=-{{SC=ROOT{{SV{{MT=RS,RE=901,AD={address}}}}}}}}}".encode()
    world.carry_out("mrfc", focus.receive(Datagram(MRFC_H248, MRFP_H248, forged), world.now))
    world.places.clear()
    world.run(60)
    assert VICTIM not in world.to
    assert ("192.0.2.20", port) in world.places


# ---------------------------------------------------------------------- the UE


@pytest.mark.parametrize(
    ("contact", "address", "status"),
    [(HERE, HERE, 200), (VICTIM, HERE, 488), (HERE, VICTIM, 488)],
)
def test_a_ue_is_no_tool_either(contact: str, address: str, status: int) -> None:
    world = CountingWorld()
    alice = ue(ALICE, admission=LISTED)
    place(world, alice)
    caller = Caller(world)
    caller.answers = {}
    world.run(0.1)
    whole = build(caller, "INVITE", OFFER.replace(f"c=IN IP4 {HERE}", f"c=IN IP4 {address}"), ())
    whole = whole.replace(b"<sip:alice@198.51.100.66:5060>", f"<sip:you@{contact}>".encode())
    caller.MRFC = SIP[ALICE]  # type: ignore[misc]
    send(caller, whole)
    world.run(200)
    assert [each.status for each in caller.heard if not each.is_request and each.status >= 200][:1] == [status]
    assert VICTIM not in world.to
    assert world.to[HERE] <= 3 * len(whole)


def build(caller: Caller, method: str, sdp: str, headers: Sequence[tuple[str, str]], **more: str) -> bytes:
    """A request as the caller would send it."""
    kept, caller.send = caller.send, lambda message: message  # type: ignore[method-assign]
    try:
        return caller.request(method, sdp=sdp, headers=headers, **more).data
    finally:
        caller.send = kept  # type: ignore[method-assign]


def send(caller: Caller, octets: bytes) -> None:
    caller.world.carry_out(caller.name, [SendDatagram(caller.LOCAL, caller.MRFC, octets)])
