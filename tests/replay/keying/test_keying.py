"""Initiator, responder and KMS client (RFC 6043): all modes, what is refused, and an independent look at the keys."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from lab_parties import ALICE, CLOCK, KEYS, KMS, ROOM, TPK_2, TPK_3, TPK_4, TPK_KMS, chance, kms
from lab_world import World

from dissectors.mikey import (
    ErrorNo,
    Secret,
    SecretKind,
    build_error,
    decode_mikey,
    encode_mikey,
    unlock_transfer,
)
from replay.events import Accepted, Close, Connect, Connected, ConnectFailed, Ended, Expired, Received, Send, SetTimer
from replay.keying import Initiator, KeyingRefused, KmsAnswered, KmsClient, KmsFailed, Party, Replays, Responder
from replay.keying.party import spoil_mac

NOW = CLOCK


def ask(octets: bytes) -> bytes:
    """What the KMS of the lab answers."""
    server = kms(World())
    list(server.receive(Accepted(-1, KMS, ("192.0.2.10", 40000)), 0.0))
    head = f"POST / HTTP/1.1\r\nHost: k\r\nContent-Type: application/mikey\r\nContent-Length: {len(octets)}\r\n\r\n"
    (answer,) = [
        each.data for each in server.receive(Received(-1, head.encode() + octets), 0.0) if isinstance(each, Send)
    ]
    return answer.partition(b"\r\n\r\n")[2]


def alice(mode: int, **changes: object) -> Initiator:
    party = Party(kms_key=KEYS[ALICE], ticket_keys={3: TPK_3, 4: TPK_4})
    return Initiator(replace(party, **changes), ALICE, ROOM, mode=mode, chance=chance(f"alice {mode}"))


def mrfc(octets: bytes, now: float = NOW, own: str = ROOM, **changes: object) -> Responder:
    party = Party(kms_key=KEYS[ROOM], ticket_keys={2: TPK_2, 4: TPK_4})
    return Responder(replace(party, **changes), own, octets, now=now, chance=chance("mrfc"))


def with_ticket(mode: int, **changes: object) -> Initiator:
    initiator = alice(mode, **changes)
    question = initiator.request(NOW)
    if question is not None:
        initiator.take_ticket(ask(question))
    return initiator


def resolved(responder: Responder) -> Responder:
    question = responder.request(NOW)
    if question is not None:
        responder.take_resolution(ask(question))
    return responder


@pytest.mark.parametrize("mode", [1, 2, 3, 4])
def test_both_ends_get_the_same_key(mode: int) -> None:
    initiator = with_ticket(mode)
    init = initiator.transfer_init(NOW)
    responder = resolved(mrfc(encode_mikey(init)))
    resp = responder.finish(NOW)
    tek = initiator.finish(encode_mikey(resp))
    assert tek == responder.tek
    assert len(tek) == 16
    assert responder.initiator == ALICE
    assert initiator.psk_identity == responder.psk_identity == f"{init.header.csb_id:08x}"
    assert init.ticket is not None
    assert init.ticket.flags.mode == mode
    # The analyzer's own way to the key, from the ticket key alone.
    ticket_key = {1: TPK_KMS, 2: TPK_2, 3: TPK_3, 4: TPK_4}[mode]
    seen = unlock_transfer(decode_mikey(encode_mikey(init)), resp, secrets=[Secret(SecretKind.TPK, ticket_key)])
    assert seen.authentic
    assert seen.checks.transfer_resp is True
    assert [each.key for each in seen.teks] == [tek]


@pytest.mark.parametrize("mode", [1, 4])
def test_one_crypto_session_for_tls(mode: int) -> None:
    """TS 33.328 Annex H.3, rows DIN-1b and DIN-1c; and how a fault departs from it."""
    initiator = with_ticket(mode)
    assert [each.prot_type for each in initiator.transfer_init(NOW).header.crypto_sessions] == [2]
    assert len(initiator.transfer_init(NOW, crypto_sessions=2).header.crypto_sessions) == 2
    srtp = encode_mikey(initiator.transfer_init(NOW, prot_type=0))
    with pytest.raises(KeyingRefused, match="no crypto session for TLS"):
        mrfc(srtp)


def test_the_responder_does_not_answer_what_does_not_fit() -> None:
    init = with_ticket(4).transfer_init(NOW)
    with pytest.raises(KeyingRefused, match="somebody else"):
        mrfc(encode_mikey(init), own="sip:chat-99@conf.example.net")
    with pytest.raises(KeyingRefused, match="not ours"):
        mrfc(encode_mikey(init), now=NOW + 301)
    with pytest.raises(KeyingRefused, match="not ours"):
        mrfc(encode_mikey(init), now=NOW - 301)
    with pytest.raises(KeyingRefused, match="unreadable"):
        mrfc(b"nonsense")
    with pytest.raises(KeyingRefused, match="not a TRANSFER_INIT"):
        mrfc(alice(1).request(NOW) or b"")
    with pytest.raises(KeyingRefused, match="does not fit its ticket"):
        resolved(mrfc(encode_mikey(spoil_mac(init)))).finish(NOW)


def test_tickets_out_of_their_time() -> None:
    late = with_ticket(4, ticket_lifetime=-301).transfer_init(NOW)
    with pytest.raises(KeyingRefused, match="has expired"):
        mrfc(encode_mikey(late))
    early = with_ticket(4)
    early._ticket = None
    early.request(NOW + 4000)
    with pytest.raises(KeyingRefused, match="not valid yet"):
        mrfc(encode_mikey(early.transfer_init(NOW)))


def test_the_initiator_does_not_take_what_does_not_fit() -> None:
    """TS 23.333 clause 6.2.19.2.1 step 10: MAC, and the authenticated identity against the policy."""
    initiator = with_ticket(4)
    responder = resolved(mrfc(encode_mikey(initiator.transfer_init(NOW))))
    resp = responder.finish(NOW)
    with pytest.raises(KeyingRefused, match="does not fit"):
        initiator.finish(encode_mikey(spoil_mac(resp)))
    assert initiator.finish(encode_mikey(spoil_mac(resp)), unchecked=True) == responder.tek
    with pytest.raises(KeyingRefused, match="unreadable"):
        initiator.finish(b"\1")
    with pytest.raises(KeyingRefused, match="no TRANSFER_RESP"):
        initiator.finish(encode_mikey(initiator.transfer_init(NOW)))
    initiator.transfer_init(NOW)  # another one: the answer was to the first
    with pytest.raises(KeyingRefused, match="does not fit"):
        initiator.finish(encode_mikey(resp))


def test_another_responder_than_was_meant() -> None:
    """DIN-10b: the MAC fits, the identity is another one that the ticket allows nobody to be."""
    initiator = with_ticket(4)
    responder = resolved(mrfc(encode_mikey(initiator.transfer_init(NOW))))
    from dissectors.mikey import IdRole
    from replay.keying.party import identity

    responder._id_r = identity(IdRole.RESPONDER, "sip:chat-99@conf.example.net")
    with pytest.raises(KeyingRefused, match="another responder"):
        initiator.finish(encode_mikey(responder.finish(NOW)))


def test_answers_of_the_kms_that_do_not_fit() -> None:
    initiator = alice(1)
    request = decode_mikey(initiator.request(NOW) or b"")
    error = build_error(request, [ErrorNo.INVALID_TICKET], timestamp=request.timestamp)
    with pytest.raises(KeyingRefused, match="gives no ticket"):
        initiator.take_ticket(encode_mikey(error))
    with pytest.raises(KeyingRefused, match="unreadable"):
        initiator.take_ticket(b"")
    other = alice(1, kms_key=b"another key 9999")
    with pytest.raises(KeyingRefused, match="gives no ticket"):
        other.take_ticket(ask(other.request(NOW) or b""))
    with pytest.raises(KeyingRefused, match="does not fit"):
        initiator.take_ticket(ask(alice(1).request(NOW + 1) or b""))
    responder = mrfc(encode_mikey(with_ticket(1).transfer_init(NOW)))
    responder.request(NOW)
    with pytest.raises(KeyingRefused, match="was not resolved"):
        responder.finish(NOW)
    with pytest.raises(KeyingRefused, match="unreadable"):
        responder.take_resolution(b"\0")
    first = mrfc(encode_mikey(with_ticket(1).transfer_init(NOW)))
    with pytest.raises(KeyingRefused, match="does not fit"):
        responder.take_resolution(ask(first.request(NOW) or b"")[:-1] + b"\0")


def test_no_ticket_key_no_ticket() -> None:
    with pytest.raises(KeyingRefused, match="no ticket key for mode 3"):
        alice(3, ticket_keys={}).request(NOW)


def test_any_octets_are_refused_and_nothing_else_happens() -> None:
    """Mutations of a good TRANSFER_INIT and random octets: a Responder, or KeyingRefused."""
    dice = random.Random(6043)
    good = encode_mikey(with_ticket(4).transfer_init(NOW))
    answered = 0
    for _ in range(600):
        octets = bytearray(good)
        for _ in range(dice.randrange(1, 4)):
            octets[dice.randrange(len(octets))] = dice.randrange(256)
        if dice.random() < 0.3:
            octets = octets[: dice.randrange(len(octets))]
        try:
            responder = mrfc(bytes(octets))
            responder.request(NOW)
            responder.finish(NOW)
            answered += bytes(octets) != good
        except KeyingRefused:
            continue
    assert answered == 0  # no change of a single octet got an answer


def test_no_key_and_no_identity_in_repr() -> None:
    party = Party(kms_key=b"0123456789abcdef", ticket_keys={3: b"fedcba9876543210"})
    assert "0123456789abcdef" not in repr(party)
    assert "fedcba" not in repr(party)


def test_replays() -> None:
    seen = Replays(keep_for=600.0)
    assert seen.is_new(b"one", 0.0)
    assert not seen.is_new(b"one", 599.0)
    assert seen.is_new(b"two", 599.0)
    assert seen.is_new(b"one", 601.0)


# ---------------------------------------------------------------- the client of the KMS


def client() -> KmsClient:
    numbers = iter(range(1, 100))
    return KmsClient(KMS, "192.0.2.10", lambda: next(numbers), name="mrfc", host="kms.example.net")


def wishes(one: KmsClient) -> list[object]:
    return [each for each in one.take_wishes() if not isinstance(each, SetTimer)]


def test_a_question_and_its_answer_in_pieces() -> None:
    one = client()
    one.ask("ticketresolve", b"\1\2\3", "topic", 0.0)
    assert wishes(one) == [Connect(1, ("192.0.2.10", 0), KMS)]
    one.receive(Connected(1, ("192.0.2.10", 40000), KMS), 0.1)
    assert wishes(one) == [
        Send(
            1,
            b"POST /keymanagement?requesttype=ticketresolve HTTP/1.1\r\nHost: kms.example.net\r\nUser-Agent: mrfc\r\n"
            b"Content-Type: application/mikey\r\nContent-Length: 3\r\n\r\n\1\2\3",
        )
    ]
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/mikey\r\nContent-Length: 2\r\n\r\n\4\5"
    told = [each for octet in answer for each in one.receive(Received(1, bytes([octet])), 0.2)]
    assert told == [KmsAnswered("topic", b"\4\5")]
    assert wishes(one) == [Close(1)]
    assert not one.owns(Ended(1))


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (ConnectFailed(1, "refused"), "refused"),
        (Ended(1), "no answer"),
        (Received(1, b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"), "HTTP status 503"),
        (Received(1, b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 1\r\n\r\nx"), "HTTP status 200"),
        (Received(1, b"GET / HTTP/1.1\r\n\r\n"), "no HTTP response"),
        (Expired("mrfc kms"), "timeout"),
    ],
)
def test_no_answer(event: object, why: str) -> None:
    one = client()
    one.ask("ticketrequest", b"\1", "topic", 0.0)
    assert one.owns(event)  # type: ignore[arg-type]
    assert one.receive(event, 6.0) == [KmsFailed("topic", why)]  # type: ignore[arg-type]
    assert one.receive(Expired("mrfc kms"), 60.0) == []


def test_who_does_not_wait_any_more_is_not_told() -> None:
    one = client()
    topic = object()
    one.ask("ticketrequest", b"\1", topic, 0.0)
    one.forget(topic)
    assert not one.owns(Received(1, b""))
    assert one.receive(Expired("mrfc kms"), 60.0) == []
