"""The KMS: what it issues and resolves leads both sides to one TEK (RFC 6043 section 4.2); whom it refuses."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from dissectors.http import HttpStream
from dissectors.mikey import (
    MODE_FLAGS,
    DataType,
    ErrorNo,
    GenericCs,
    IdRole,
    IdType,
    MikeyMessage,
    RandRole,
    Secret,
    SecretKind,
    Timestamp,
    TsType,
    decode_mikey,
    encode_mikey,
    split_mpk,
    unlock_transfer,
)
from dissectors.mikey.build import (
    build_request_init_psk,
    build_resolve_init_psk,
    build_transfer_init,
    build_transfer_resp,
    idr,
)
from dissectors.mikey.exchange import open_base_ticket, open_kms_exchange
from dissectors.mikey.payloads import Err
from dissectors.mikey.ticket import TicketPolicy, encode_policy
from dissectors.mikey.ticket_payloads import Tp
from dissectors.mikey.timestamps import ntp_utc
from replay.events import Accepted, Close, Ended, Expired, Listen, Note, Received, Send, SetTimer
from replay.kms import Kms, KmsConfig, KmsUser, read_config
from replay.kms.exchanges import TGK_SPI, answer

NOW = 1_768_478_400 * 10**9
ALICE = KmsUser("sip:alice@ims.example.net", b"alice and the kms")
FOCUS = KmsUser("sip:chat@conf.example.net", b"the mrfc and kms!")
CONFIG = KmsConfig(("192.0.2.40", 80), users=(ALICE, FOCUS), tpk=b"ticket key of it")
STAMP = Timestamp(TsType.NTP_UTC, ntp_utc(NOW))


def drawing() -> Callable[[int], bytes]:
    """Octets that look random and are the same in every run."""
    count = iter(range(1000))
    return lambda size: hashlib.sha256(b"%d" % next(count)).digest()[:size]


def request(user: KmsUser = ALICE, *, psk: bytes | None = None, mode: int = 1) -> MikeyMessage:
    policy = TicketPolicy(
        (
            idr(IdRole.KMS, IdType.URI, CONFIG.identity),
            idr(IdRole.INITIATOR, IdType.URI, user.identity),
            idr(IdRole.RESPONDER, IdType.URI, FOCUS.identity),
        )
    )
    return build_request_init_psk(
        Tp(flags=MODE_FLAGS[mode], policy_data=encode_policy(policy)),
        psk=psk or user.psk,
        csb_id=0x01020304,
        timestamp=STAMP,
        rand_i=bytes(range(16)),
        id_i=idr(IdRole.INITIATOR, IdType.URI, user.identity),
        id_kms=idr(IdRole.KMS, IdType.URI, CONFIG.identity),
    )


def transfer(asked: MikeyMessage, given: MikeyMessage) -> MikeyMessage:
    """The TRANSFER_INIT that Alice makes of what she was given."""
    ticket = given.ticket
    assert ticket is not None
    source = open_kms_exchange(asked, given, ticket, Secret(SecretKind.KMS_PSK, ALICE.psk))
    assert source.mpk_i is not None
    return build_transfer_init(
        ticket,
        csb_id=0x0A0B0C0D,
        mpk_i=source.mpk_i,
        mpk_r=source.mpk_r,
        timestamp=STAMP,
        rand_i=bytes(range(16, 32)),
        id_i=idr(IdRole.INITIATOR, IdType.URI, ALICE.identity),
        id_r=idr(IdRole.RESPONDER, IdType.URI, FOCUS.identity),
        crypto_sessions=[GenericCs(cs_id=1, prot_type=2, spi=TGK_SPI)],
    )


def resolve(init: MikeyMessage, *, psk: bytes | None = None, at: int = NOW) -> MikeyMessage:
    assert init.ticket is not None
    return build_resolve_init_psk(
        init.ticket,
        psk=psk or FOCUS.psk,
        csb_id=0x05060708,
        timestamp=Timestamp(TsType.NTP_UTC, ntp_utc(at)),
        rand_r=bytes(range(32, 48)),
        id_r=idr(IdRole.RESPONDER, IdType.URI, FOCUS.identity),
        id_kms=idr(IdRole.KMS, IdType.URI, CONFIG.identity),
    )


def test_mode_1_both_sides_come_to_one_tek() -> None:
    draw = drawing()
    asked = request()
    issued = answer(CONFIG, asked, NOW, draw)
    assert (issued.message.data_type, issued.note) == (DataType.REQUEST_RESP, "ticket of mode 1 issued")
    init = transfer(asked, issued.message)
    wants = resolve(init)
    resolved = answer(CONFIG, wants, NOW, draw)
    assert (resolved.message.data_type, resolved.note) == (DataType.RESOLVE_RESP, "ticket resolved")
    assert init.ticket is not None
    source = open_kms_exchange(wants, resolved.message, init.ticket, Secret(SecretKind.KMS_PSK, FOCUS.psk))
    assert source.mpk_r_forked is not None
    resp = build_transfer_resp(
        init,
        key=source.mpk_r_forked,
        timestamp=STAMP,
        rand_r=bytes(range(48, 64)),
        id_r=idr(IdRole.RESPONDER, IdType.URI, FOCUS.identity),
        rand_kms=resolved.message.rand(RandRole.KMS),
        crypto_sessions=[GenericCs(cs_id=1, prot_type=2, spi=TGK_SPI, policies=(0,))],
    )
    exchanges = [(asked, issued.message), (wants, resolved.message)]
    teks = {
        user.identity: unlock_transfer(
            init, resp, secrets=[Secret(SecretKind.KMS_PSK, user.psk)], kms_exchanges=exchanges
        )
        for user in (ALICE, FOCUS)
    }
    assert [each.authentic for each in teks.values()] == [True, True]
    assert teks[ALICE.identity].teks[0].key == teks[FOCUS.identity].teks[0].key


def test_mode_2_the_responder_opens_the_ticket_itself() -> None:
    focus = replace(FOCUS, tpk=b"of the responder")
    config = replace(CONFIG, users=(ALICE, focus))
    asked = request(mode=2)
    issued = answer(config, asked, NOW, drawing())
    assert issued.note == "ticket of mode 2 issued"
    ticket = issued.message.ticket
    assert ticket is not None
    source = open_base_ticket(ticket, Secret(SecretKind.TPK, b"of the responder"))
    mine = open_kms_exchange(asked, issued.message, ticket, Secret(SecretKind.KMS_PSK, ALICE.psk))
    assert source.mpk_i == mine.mpk_i


def test_mode_3_a_ticket_that_the_initiator_made_is_resolved() -> None:
    from tests.replay.kms.own_ticket import own_ticket_transfer

    focus = replace(FOCUS, tpk=b"key of initiator")
    config = replace(CONFIG, users=(ALICE, focus))
    init, mpk, rand = own_ticket_transfer(focus, ALICE, STAMP)
    assert init.ticket is not None
    wants = build_resolve_init_psk(
        init.ticket,
        psk=ALICE.psk,
        csb_id=1,
        timestamp=STAMP,
        rand_r=bytes(16),
        id_r=idr(IdRole.RESPONDER, IdType.URI, ALICE.identity),
        id_kms=idr(IdRole.KMS, IdType.URI, CONFIG.identity),
    )
    resolved = answer(config, wants, NOW, drawing())
    assert resolved.note == "ticket resolved"
    source = open_kms_exchange(wants, resolved.message, init.ticket, Secret(SecretKind.KMS_PSK, ALICE.psk))
    assert source.mpk_i == split_mpk(init.ticket.flags.prf, mpk, rand)[0]


@pytest.mark.parametrize(
    ("config", "made", "number"),
    [
        (CONFIG, request(psk=b"not her key at all"), ErrorNo.AUTH_FAILURE),
        (replace(CONFIG, users=(FOCUS,)), request(), ErrorNo.AUTH_FAILURE),
        (replace(CONFIG, users=(replace(ALICE, may_request=False), FOCUS)), request(), ErrorNo.INVALID_TPPAR),
        (replace(CONFIG, tpk=b""), request(), ErrorNo.INVALID_TPPAR),
    ],
)
def test_requests_that_are_refused(config: KmsConfig, made: MikeyMessage, number: ErrorNo) -> None:
    refused = answer(config, made, NOW, drawing())
    assert refused.message.data_type == DataType.ERROR
    assert [each.error_no for each in refused.message.all(Err)] == [number]
    assert refused.message.header.csb_id == made.header.csb_id


@pytest.mark.parametrize(
    ("config", "later", "psk", "number"),
    [
        (CONFIG, 0, b"not its key, no.", ErrorNo.AUTH_FAILURE),
        (replace(CONFIG, users=(ALICE, replace(FOCUS, may_resolve=False))), 0, None, ErrorNo.INVALID_TICKET),
        (replace(CONFIG, tpk=b"another ticket k"), 0, None, ErrorNo.INVALID_TICKET),
        (CONFIG, 86_402 * 10**9, None, ErrorNo.INVALID_TICKET),
    ],
    ids=["wrong key", "by policy", "another ticket key", "expired"],
)
def test_tickets_that_are_not_resolved(config: KmsConfig, later: int, psk: bytes | None, number: ErrorNo) -> None:
    asked = request()
    init = transfer(asked, answer(CONFIG, asked, NOW, drawing()).message)
    refused = answer(config, resolve(init, psk=psk, at=NOW + later), NOW + later, drawing())
    assert [each.error_no for each in refused.message.all(Err)] == [number]


@pytest.mark.parametrize("minutes", [-6, 6])
def test_requests_of_another_time(minutes: int) -> None:
    """Authentic, and more than five minutes off (RFC 3830 section 5.4): Error with invalid TS."""
    asked = request()
    init = transfer(asked, answer(CONFIG, asked, NOW, drawing()).message)
    for made in (asked, resolve(init)):
        refused = answer(CONFIG, made, NOW + minutes * 60 * 10**9, drawing())
        assert refused.note == "refused: its time is not ours"
        assert [each.error_no for each in refused.message.all(Err)] == [ErrorNo.INVALID_TS]


def kms() -> Kms:
    return Kms(CONFIG, clock=lambda: NOW, draw=drawing())


def post(body: bytes, *more: str) -> bytes:
    lines = ["POST /kms?request HTTP/1.1", "Host: kms.example.net", f"Content-Length: {len(body)}", *more]
    return "\r\n".join([*lines, "", ""]).encode() + body


def test_over_http_in_pieces() -> None:
    core = kms()
    assert core.start(0.0) == [Listen(CONFIG.local)]
    assert core.receive(Accepted(-1, CONFIG.local, ("198.51.100.7", 50000)), 0.0) == [SetTimer("visitors", 30.0)]
    octets = post(encode_mikey(request()))
    wishes = [wish for at in range(len(octets)) for wish in core.receive(Received(-1, octets[at : at + 1]), 1.0)]
    (sent,) = [wish.data for wish in wishes if isinstance(wish, Send)]
    (framed,) = HttpStream().receive_data(sent)
    assert framed.message is not None
    assert (framed.message.status, framed.message.media_type) == (200, "application/mikey")
    assert decode_mikey(framed.message.body).data_type == DataType.REQUEST_RESP
    assert Note("ticket of mode 1 issued") in wishes
    assert core.receive(Expired("visitors"), 30.0) == [SetTimer("visitors", 31.0)]
    assert core.receive(Expired("visitors"), 31.0)[1] == Close(-1, abort=True), "30 s after the last request"
    assert list(core.receive(Ended(-1), 32.0)) == []


@pytest.mark.parametrize(
    ("octets", "status", "closes"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 405, False),
        (post(b"no mikey"), 400, False),
        (post(b"no mikey", "Connection: close"), 400, True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 400, True),
        (post(bytes(70_000)), 413, False),
    ],
)
def test_what_is_no_request_to_a_kms(octets: bytes, status: int, closes: bool) -> None:
    core = kms()
    core.receive(Accepted(-1, CONFIG.local, ("198.51.100.7", 50000)), 0.0)
    wishes = core.receive(Received(-1, octets), 0.0)
    (sent,) = [wish.data for wish in wishes if isinstance(wish, Send)]
    assert sent.startswith(b"HTTP/1.1 %d " % status)
    assert (Close(-1) in wishes) is closes


def test_no_identity_and_no_key_in_notes() -> None:
    core = kms()
    core.receive(Accepted(-1, CONFIG.local, ("198.51.100.7", 50000)), 0.0)
    wishes = core.receive(Received(-1, post(encode_mikey(request(psk=b"wrong")))), 0.0)
    notes = [repr(wish) for wish in wishes if isinstance(wish, Note)]
    assert notes == [repr(Note("refused: the requester is not known, or its MAC does not fit"))]


def test_the_users_file() -> None:
    text = "tpk = '00ff'\n[[user]]\nidentity = 'sip:a@b'\npsk = '01'\nmay_resolve = false\n"
    read = read_config(text, ("127.0.0.1", 80))
    assert (read.tpk, read.users) == (b"\0\xff", (KmsUser("sip:a@b", b"\1", None, True, False),))
    for wrong, why in (
        ("[[user]]\npsk = '01'\n", "number 1: identity is a text"),
        ("[[user]]\nidentity = 'a'\npsk = 'xy'\n", "number 1: psk is a key in hexadecimal"),
        ("[[user]]\nidentity = 'a'\npsk = '00'\nx = 1\n", "no field x"),
        ("lifetime = 0\n", "lifetime is a number"),
        ("=", "users file: "),
    ):
        with pytest.raises(ValueError, match=why):
            read_config(wrong, ("127.0.0.1", 80))


def test_a_request_is_answered_once() -> None:
    """RFC 3830 section 5.4; what is not authentic is not even kept in mind."""
    core = kms()
    core.receive(Accepted(-1, CONFIG.local, ("198.51.100.7", 50000)), 0.0)

    def note(made: MikeyMessage, now: float) -> str:
        wishes = core.receive(Received(-1, post(encode_mikey(made))), now)
        return next(wish.what for wish in wishes if isinstance(wish, Note))

    asked, forged = request(), request(psk=b"not her key, no.")
    for _ in range(2):
        assert note(forged, 1.0) == "refused: the requester is not known, or its MAC does not fit"
    assert note(asked, 1.0) == "ticket of mode 1 issued"
    assert note(asked, 2.0) == "refused: it was seen before"
