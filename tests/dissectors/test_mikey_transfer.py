"""From what is known to the TEK, in all modes of RFC 6043, and why not; the two whole messages byte for byte."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mikey_exchanges import (
    CS,
    ID_R,
    PSK_I,
    PSK_R,
    TEK_KEY,
    TGK_KEY,
    Exchange,
    exchange,
    ntp,
)
from mikey_vectors import CSB_ID, INITIATOR, KMS, MPK, RAND_R, RESPONDER, TEK, TGK, TPK, TRANSFER_INIT, TRANSFER_RESP

from dissectors.errors import DecodeError
from dissectors.mikey import (
    MODE_FLAGS,
    Checks,
    EncrAlg,
    ErrorNo,
    GenericIdMap,
    Header,
    Idr,
    Kemac,
    KeyData,
    KeyDataType,
    MikeyMessage,
    Pke,
    PrfFunc,
    Randr,
    RandRole,
    Reason,
    Secret,
    SecretKind,
    Sign,
    Spi,
    TicketFlags,
    TicketType,
    Unlocked,
    Verification,
    build_error,
    build_request_resp,
    build_transfer_resp,
    decode_base64,
    decode_key_mgmt,
    decode_mikey,
    encrypt_keys,
    initial_message_keys,
    make_message,
    response_message_keys,
    split_mpk,
    unlock_transfer,
)
from dissectors.mikey.mac import compute_mac, covered_by_v

TICKET_KEY = Secret(SecretKind.TPK, TPK, "kms 1")
ALL_FIT = Checks(ticket=True, transfer_init=True, vi=True, vr=True, transfer_resp=True)
UNFORKED_FIT = Checks(ticket=True, transfer_init=True, transfer_resp=True)


def unlock(made: Exchange, *secrets: Secret, resp: bool = True) -> Unlocked:
    pairs = [pair for pair in (made.request, made.resolve) if pair is not None]
    return unlock_transfer(made.init, made.resp if resp else None, secrets=secrets, kms_exchanges=pairs)


def flipped(message: MikeyMessage, at: int) -> MikeyMessage:
    octets = bytearray(message.octets)
    octets[at] ^= 1
    return decode_mikey(bytes(octets))


def test_whole_messages_byte_for_byte() -> None:
    """The mode 3 exchange of the vectors: made octet for octet, read again, and its TEK found."""
    made = exchange(3)
    assert made.init.octets == decode_base64(TRANSFER_INIT)
    assert made.resp.octets == decode_base64(TRANSFER_RESP)
    assert (len(made.init.octets), len(made.resp.octets)) == (419, 132)
    assert made.init.ticket is not None
    assert made.init.ticket.flags.encode().hex() == "02f960"
    found = unlock_transfer(
        decode_key_mgmt("mikey " + TRANSFER_INIT),
        decode_key_mgmt("mikey " + TRANSFER_RESP),
        secrets=[TICKET_KEY],
        tek_lengths=(16, 32, 16),
    )
    assert [(tek.cs_id, tek.prot_type, tek.key.hex()) for tek in found.teks] == [
        (1, 2, TEK.hex()),
        (1, 2, "d73b445215885ef24535de9e1e5e9a55503fcbd6decafe4d9d504a8efad3f7a5"),
    ]
    assert found.teks[0].how == "TPK -> ticket -> TGK -> TGK' -> TEK"
    assert (found.checks, found.failures, found.authentic) == (ALL_FIT, (), True)


def test_header_prf_for_the_tek() -> None:
    """Forking takes the PRF of the policy, the TEK that of the header (vector: PRF 1, then PRF 0)."""
    made = exchange(3, prf=PrfFunc.MIKEY_1)
    found = unlock(made, TICKET_KEY)
    assert found.teks[0].key.hex() == "84811e0c3e71f3ac6bb14e97aa1f27c7"
    assert found.checks == ALL_FIT


WAYS = {
    "TPK": (TICKET_KEY, "TPK -> ticket -> TGK -> TGK' -> TEK", "TPK -> ticket -> TGK -> TEK"),
    "request": (
        Secret(SecretKind.KMS_PSK, PSK_I),
        "KMS key -> REQUEST_RESP -> TGK -> TGK' -> TEK",
        "KMS key -> REQUEST_RESP -> TGK -> TEK",
    ),
    "resolve": (Secret(SecretKind.KMS_PSK, PSK_R), "KMS key -> RESOLVE_RESP -> TGK' -> TEK", "KMS key -> RESOLVE_RESP"),
    "TGK": (Secret(SecretKind.TGK, TGK), "TGK -> TGK' -> TEK", "TGK -> TEK"),
}


@pytest.mark.parametrize(
    ("mode", "way"),
    [
        *((1, way) for way in WAYS),
        *((2, way) for way in ("TPK", "request", "TGK")),
        *((3, way) for way in ("TPK", "resolve", "TGK")),
        *((4, way) for way in ("TPK", "TGK")),
    ],
)
def test_modes(mode: int, way: str) -> None:
    """RFC 6043 section 4.1.1: each key that exists in a mode leads to the same TEK, and the trace says how."""
    made = exchange(mode)
    secret, forked_how, how = WAYS[way]
    found = unlock(made, secret)
    forks = mode in (1, 3)
    assert [tek.key for tek in found.teks] == [made.tek]
    assert found.teks[0].how == (forked_how if forks else how)
    assert found.failures == ()
    assert found.opened
    assert found.authentic == (way != "TGK")
    checks = ALL_FIT if forks else UNFORKED_FIT
    if way == "resolve":
        checks = replace(checks, vr=None)  # Vr is under the MPKr that is not forked, which a responder never sees
    if way == "TGK":
        checks = Checks(vi=True if forks else None)
    assert found.checks == checks


def test_modes_have_the_exchanges_they_should() -> None:
    """Section 4.1.1: request in modes 1 and 2, resolve in 1 and 3."""
    has = {mode: (exchange(mode).request is not None, exchange(mode).resolve is not None) for mode in MODE_FLAGS}
    assert has == {1: (True, True), 2: (True, False), 3: (False, True), 4: (False, False)}
    assert {mode: flags.mode for mode, flags in MODE_FLAGS.items()} == {1: 1, 2: 2, 3: 3, 4: 4}
    assert [flags.contradictions(True) for flags in MODE_FLAGS.values()] == [[], [], [], []]


def test_direct_keys() -> None:
    """TGK', TEK and MPK as they are."""
    made = exchange(3)
    forked = unlock(made, Secret(SecretKind.FORKED_TGK, made.forked_tgk, spi=b"\0\0\0\2"))
    assert [(tek.key, tek.how) for tek in forked.teks] == [(TEK, "TGK' -> TEK")]
    direct = unlock(made, Secret(SecretKind.TEK, b"thirteen octets"[:13]), resp=False)
    assert [(tek.key, tek.how, tek.transported) for tek in direct.teks] == [(b"thirteen octe", "TEK", True)]
    master = unlock(made, Secret(SecretKind.MPK, MPK))
    assert master.checks == replace(ALL_FIT, ticket=None)
    assert master.reasons() == [Reason.NO_SESSION_KEY]


def test_transported_tek_and_gtgk() -> None:
    """A TEK in the ticket is used as it is; a GTGK gives a TEK and is never forked (section 5.1.1)."""
    made = exchange(3, key=TEK_KEY)
    found = unlock(made, TICKET_KEY, resp=False)
    assert [(tek.key, tek.transported, tek.how) for tek in found.teks] == [
        (b"a TEK of 24 octets......", True, "TPK -> ticket -> TEK")
    ]
    assert found.authentic
    made = exchange(3, key=KeyData(KeyDataType.GTGK_SALT, TGK, b"salt", Spi(b"\0\0\0\2")))
    found = unlock(made, TICKET_KEY)
    assert [(tek.key.hex(), tek.salt, tek.how) for tek in found.teks] == [
        ("c4a01198a59512461b808d24ba1e480a", b"salt", "TPK -> ticket -> GTGK -> TEK")
    ]


def test_without_response() -> None:
    """Without forking and RANDRr the TEK needs no TRANSFER_RESP (flags I and G)."""
    flags = TicketFlags(l=True, h=True, n=True, o=True)
    made = exchange(4, flags=flags)
    found = unlock(made, TICKET_KEY, resp=False)
    assert [tek.key.hex() for tek in found.teks] == ["2c490acf3ea9994ddae12309fb6edd33"]
    assert (found.checks, found.failures) == (Checks(ticket=True, transfer_init=True), ())


@pytest.mark.parametrize(
    ("letters", "expected"),
    [
        ("lfgh", "c4a01198a59512461b808d24ba1e480a"),
        ("lfh", "2c490acf3ea9994ddae12309fb6edd33"),
        ("lfg", "ea9ed4f5d1585b82264bc4d4f211a3b4"),
    ],
)
def test_random_values_by_flags(letters: str, expected: str) -> None:
    """RANDRi enters the TEK if H is set, RANDRr if G is (section 6.10); one that is sent all the same does not."""
    made = exchange(4, flags=TicketFlags(**dict.fromkeys(letters, True)))
    found = unlock(made, TICKET_KEY)
    assert [tek.key.hex() for tek in found.teks] == [expected]
    assert found.authentic
    if "g" not in letters:
        mpk_i, _ = split_mpk(1, MPK, bytes(range(0x10, 0x20)))
        resp = build_transfer_resp(made.init, key=mpk_i, timestamp=ntp("e000001180000000"))
        resp = make_message(resp.header, [resp.payloads[0], Randr(RandRole.RESPONDER, RAND_R), resp.payloads[-1]])
        found = unlock_transfer(made.init, resp, secrets=[TICKET_KEY])
        assert [tek.key.hex() for tek in found.teks] == [expected]


@pytest.mark.parametrize("where", ["supplied", "answered"])
def test_keys_of_the_parties(where: str) -> None:
    """Flags L and M: keys in the KEMAC of TRANSFER_INIT or TRANSFER_RESP are never forked; the SPI selects."""
    party = KeyData(KeyDataType.TGK, b"a TGK of a party", validity=Spi(b"\0\0\0\2"))
    other = replace(TGK_KEY, validity=Spi(b"other"))
    made = exchange(3, flags=replace(MODE_FLAGS[3], m=True), key=other, **{where: (party,)})
    found = unlock(made, TICKET_KEY)
    name = "TRANSFER_INIT" if where == "supplied" else "TRANSFER_RESP"
    assert [(tek.spi, tek.how) for tek in found.teks] == [
        (b"\0\0\0\2", f"TPK -> ticket -> KEMAC of {name} -> TGK -> TEK")
    ]
    assert found.authentic
    direct = unlock(made, Secret(SecretKind.FORKED_TGK, b"a TGK of a party"))
    assert [tek.key for tek in direct.teks] == [tek.key for tek in found.teks]


def test_time_in_the_iv_of_a_response() -> None:
    """RFC 3830 has the initiator's T in the IV, RFC 6043 gives responses one of their own: both decrypt."""
    made = exchange(4)
    mpk_i, _ = split_mpk(1, MPK, bytes(range(0x10, 0x20)))
    rand_r = made.resp.rand(RandRole.RESPONDER)
    assert rand_r is not None
    keys = response_message_keys(1, mpk_i, CSB_ID, rand_i=made.init.rand(RandRole.INITIATOR) or b"", rand_r=rand_r)
    for time in (made.init.timestamp, made.resp.timestamp):
        assert time is not None
        kemac = encrypt_keys([TEK_KEY], keys, EncrAlg.AES_CM_256, CSB_ID, time.sixty_four_bits)
        payloads = [*made.resp.payloads[:-1], kemac, Verification(2, bytes(32))]
        draft = make_message(made.resp.header, payloads)
        mac = compute_mac(2, keys.auth_key(2), covered_by_v(draft, initial=made.init))
        resp = make_message(made.resp.header, [*payloads[:-1], Verification(2, mac)])
        found = unlock_transfer(made.init, resp, secrets=[TICKET_KEY])
        assert [tek.key for tek in found.teks] == [made.tek, TEK_KEY.key]
        assert found.authentic
    noise = make_message(made.resp.header, [*made.resp.payloads[:-1], Kemac(1, b"n" * 40), made.resp.payloads[-1]])
    found = unlock_transfer(made.init, noise, secrets=[TICKET_KEY])
    assert found.reasons() == [Reason.WRONG_TRANSFER_RESP, Reason.WRONG_KEMAC]


@pytest.mark.parametrize("mode", [1, 3])
def test_identities_left_out(mode: int) -> None:
    """Table 5.2: identities enter the MACs though their payloads are left out; the policy or the user names them."""
    made = exchange(mode, omit_identities=True)
    assert made.init.all(Idr) == []
    for secret in (TICKET_KEY, Secret(SecretKind.KMS_PSK, PSK_R)):
        found = unlock(made, secret)
        assert found.authentic
        assert found.checks.transfer_init is True
        assert [tek.key for tek in found.teks] == [made.tek]


def test_identities_supplied_by_the_user() -> None:
    """The MAC is over identities that neither message nor policy has: they are tried as given."""
    made = exchange(3)
    keys = initial_message_keys(1, split_mpk(1, MPK, bytes(range(0x10, 0x20)))[0], CSB_ID, rand_i=bytes(range(64, 80)))
    covered = covered_by_v(made.init, id_i=b"tel:+1", id_r=b"tel:+2")
    v = Verification(2, compute_mac(2, keys.auth_key(2), covered))
    init = make_message(made.init.header, [*made.init.payloads[:-1], v])
    assert unlock_transfer(init, secrets=[TICKET_KEY]).checks.transfer_init is False
    others = [b"sip:x@y", b"tel:+2", b"tel:+1"]
    assert unlock_transfer(init, secrets=[TICKET_KEY], identities=others).checks.transfer_init is True


# Why not: each reason of its own.


def test_no_key() -> None:
    assert unlock(exchange(3)).reasons() == [Reason.NO_KEY]
    # a KMS key, but the exchange that it opens was not captured
    found = unlock_transfer(exchange(3).init, secrets=[Secret(SecretKind.KMS_PSK, PSK_R)])
    assert found.reasons() == [Reason.NO_KEY]


def test_wrong_ticket_key_is_told_from_wrong_transfer_resp() -> None:
    """Issue "Keys": two causes, two reasons. Nothing is blamed on the messages when the key is wrong."""
    made = exchange(3)
    wrong = unlock(made, Secret(SecretKind.TPK, b"not the key", "kms 2"))
    assert (wrong.reasons(), wrong.teks, wrong.checks) == ([Reason.WRONG_TICKET_KEY], (), Checks())
    assert str(wrong.failures[0]) == "ticket protection key kms 2: the ticket's MAC does not fit the ticket key"
    for at in range(16, 132):  # everything behind the header and its map
        try:
            damaged = flipped(made.resp, at)
        except DecodeError:
            continue
        found = unlock_transfer(made.init, damaged, secrets=[TICKET_KEY])
        assert Reason.WRONG_TICKET_KEY not in found.reasons()
        assert found.checks.ticket is found.checks.transfer_init is True
        assert not found.authentic
        assert found.failures


def test_several_keys() -> None:
    """The one that fits is found among others; each other one is reported with why it did not."""
    made = exchange(1)
    others = [Secret(SecretKind.TPK, bytes([number]), f"tpk {number}") for number in range(5)]
    found = unlock(made, *others, Secret(SecretKind.KMS_PSK, b"nobody's"), TICKET_KEY)
    assert found.authentic
    assert found.failures == ()
    assert [attempt.opened for attempt in found.attempts] == [False] * 6 + [True]
    assert [attempt.failures[0].reason for attempt in found.attempts[:-1]] == [Reason.WRONG_TICKET_KEY] * 5 + [
        Reason.WRONG_KMS_KEY
    ]
    assert found.attempts[-1].secret is TICKET_KEY
    mistaken = Secret(SecretKind.TGK, b"of another session")
    found = unlock(made, mistaken, TICKET_KEY)
    assert found.authentic
    assert [secret for secret, _ in found.candidates()] == [TICKET_KEY, mistaken]
    assert found.candidates()[0][1] == found.teks[0]
    found = unlock_transfer(made.init, flipped(made.resp, 131), secrets=[TICKET_KEY, mistaken])
    assert (found.opened, found.authentic) == (True, False)  # nothing can speak against a TGK; the session will
    assert [secret for secret, _ in found.candidates()] == [mistaken, TICKET_KEY]


def test_response_missing() -> None:
    """Forked keys need RANDRkms, the flag G needs RANDRr: without the answer, that is said, and no key guessed."""
    forked = unlock(exchange(3), TICKET_KEY, resp=False)
    assert (forked.teks, forked.reasons()) == ((), [Reason.RESPONSE_MISSING])
    assert forked.failures[0].detail == "keys are forked with its RANDRkms"
    assert forked.checks == Checks(ticket=True, transfer_init=True, vi=True, vr=True)
    plain = unlock(exchange(4), TICKET_KEY, resp=False)
    assert (plain.teks, plain.failures[0].detail) == ((), "its RANDRr enters the TEK")
    resolved = unlock(exchange(3), Secret(SecretKind.KMS_PSK, PSK_R), resp=False)
    assert (resolved.teks, resolved.reasons()) == ((), [Reason.RESPONSE_MISSING])


def test_response_incomplete() -> None:
    made = exchange(3)
    for role in (RandRole.KMS, RandRole.RESPONDER):
        payloads = [e for e in made.resp.payloads if not (isinstance(e, Randr) and e.role == role)]
        found = unlock_transfer(made.init, make_message(made.resp.header, payloads), secrets=[TICKET_KEY])
        assert Reason.RESPONSE_INCOMPLETE in found.reasons()
        assert found.teks == ()


def test_identity_of_the_response_forks() -> None:
    """Section 5.1.1: the keys are forked for IDRr of the answer, another than was asked for (forwarding)."""
    made = exchange(3)
    carol = replace(ID_R, data=b"sip:carol@example.net")
    payloads = [carol if isinstance(each, Idr) else each for each in made.resp.payloads]
    found = unlock_transfer(made.init, make_message(made.resp.header, payloads), secrets=[TICKET_KEY])
    assert found.reasons() == [Reason.WRONG_TRANSFER_RESP]
    assert [tek.key for tek in found.teks] != [made.tek]
    assert not found.authentic


def test_response_of_something_else() -> None:
    made = exchange(3)
    other = make_message(replace(made.resp.header, csb_id=1), made.resp.payloads)
    found = unlock_transfer(made.init, other, secrets=[TICKET_KEY])
    assert found.reasons() == [Reason.RESPONSE_MISMATCH, Reason.RESPONSE_MISSING]
    found = unlock_transfer(made.init, made.init, secrets=[TICKET_KEY])
    assert str(found.failures[0]).endswith("answers something else (TRANSFER_INIT (14))")


def test_refused() -> None:
    """An Error message instead of TRANSFER_RESP, and instead of REQUEST_RESP."""
    made = exchange(1)
    error = build_error(made.init, [ErrorNo.INVALID_TICKET, 99], timestamp=ntp("e000001100000000"))
    found = unlock_transfer(made.init, error, secrets=[TICKET_KEY])
    assert found.reasons() == [Reason.TRANSFER_REFUSED, Reason.RESPONSE_MISSING]
    assert found.failures[0].detail == "INVALID_TICKET (14), 99"
    assert made.request is not None
    asked, _ = made.request
    error = build_error(asked, [ErrorNo.INVALID_TPPAR], timestamp=ntp("e000000500000000"))
    found = unlock_transfer(made.init, secrets=[Secret(SecretKind.KMS_PSK, PSK_I)], kms_exchanges=[(asked, error)])
    assert found.reasons() == [Reason.KMS_REFUSED]


def test_wrong_transfer_init() -> None:
    """Another identity in the MAC: the keys are found all the same, and not called authentic."""
    made = exchange(3)
    payloads = [replace(each, data=b"sip:eve@example.net") if each == ID_R else each for each in made.init.payloads]
    init = make_message(made.init.header, payloads)
    found = unlock_transfer(init, made.resp, secrets=[TICKET_KEY])
    assert found.reasons() == [Reason.WRONG_TRANSFER_INIT, Reason.WRONG_TRANSFER_RESP]
    assert found.checks.ticket is True
    assert [tek.key for tek in found.teks] == [TEK]
    assert not found.authentic


def test_wrong_initiator_data() -> None:
    """Section 6.10: Vi is compared with V, Vr checked with MPKr; other next payload octets of Vi are tolerated."""
    made = exchange(3)
    assert made.init.ticket is not None
    data = made.init.ticket.initiator_data

    def with_data(changed: bytes) -> Unlocked:
        ticket = replace(made.init.ticket, initiator_data=changed)  # type: ignore[type-var]
        payloads = [ticket if each is made.init.ticket else each for each in made.init.payloads]
        return unlock_transfer(make_message(made.init.header, payloads), secrets=[TICKET_KEY])

    for at, checks in ((5, (False, False)), (40, (True, False)), (68, (True, False))):
        found = with_data(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        assert (found.checks.vi, found.checks.vr) == checks if at != 40 else found.reasons()
        assert found.checks.transfer_init is True  # V does not cover the initiator data (table 5.2)
    assert with_data(data[:1] + b"\0" + data[2:]).checks.vi is True
    assert with_data(b"").reasons()[0] is Reason.UNREADABLE


def test_3gpp_ticket() -> None:
    """A 3GPP base ticket (TS 33.328): opaque data, but its policy is read, and a TGK opens it all the same."""
    made = exchange(3)
    assert made.init.ticket is not None
    ticket = replace(made.init.ticket, ticket_type=TicketType.THREEGPP_BASE_TICKET, ticket_data=b"not public")
    init = make_message(made.init.header, [ticket if each is made.init.ticket else each for each in made.init.payloads])
    found = unlock_transfer(init, made.resp, secrets=[TICKET_KEY])
    assert found.reasons() == [Reason.UNREADABLE_TICKET]
    assert found.failures[0].detail.startswith("ticket type THREEGPP_BASE_TICKET (2), MIKEY payload THDR at octet 3")
    found = unlock_transfer(init, made.resp, secrets=[Secret(SecretKind.TGK, TGK)])
    assert [tek.key for tek in found.teks] == [TEK]


def test_kms_exchange_failures() -> None:
    """A wrong key, a wrong response, and the exchange of another session are three things."""
    made = exchange(1)
    assert made.request is not None
    assert made.resolve is not None
    for (asked, answer), psk in ((made.request, PSK_I), (made.resolve, PSK_R)):
        secret = Secret(SecretKind.KMS_PSK, psk)
        wrong = Secret(SecretKind.KMS_PSK, b"wrong")

        def why(asked: MikeyMessage, answer: MikeyMessage, secret: Secret) -> list[Reason]:
            return unlock_transfer(made.init, secrets=[secret], kms_exchanges=[(asked, answer)]).reasons()

        assert why(asked, answer, wrong) == [Reason.WRONG_KMS_KEY]
        damaged = flipped(answer, len(answer.octets) - 1)
        assert why(asked, damaged, secret) == [Reason.WRONG_KMS_RESPONSE]
        assert why(asked, damaged, wrong) == [Reason.WRONG_KMS_KEY]
        assert why(asked, made.resp, secret) == [Reason.RESPONSE_MISMATCH]
    other = exchange(1, key=TEK_KEY)
    assert other.request is not None
    found = unlock_transfer(
        made.init, made.resp, secrets=[Secret(SecretKind.KMS_PSK, PSK_I)], kms_exchanges=[other.request, made.request]
    )
    assert [tek.key for tek in found.teks] == [made.tek]


def test_public_key_request() -> None:
    """REQUEST_INIT_PK (section 4.2.1.1): the envelope key opens the response; a signature says nothing of it."""
    made = exchange(1)
    assert made.request is not None
    assert made.request[1].ticket is not None
    header = replace(made.request[0].header, data_type=12)
    asked = make_message(header, [*made.request[0].payloads[:-1], Pke(0, b"envelope"), Sign(0, b"signature")])
    keys = [KeyData(KeyDataType.MPK, mpk) for mpk in split_mpk(1, MPK, bytes(range(0x10, 0x20)))]
    answer = build_request_resp(
        asked, made.request[1].ticket, psk=b"envelope key", timestamp=ntp("e000000500000000"), keys=[*keys, TGK_KEY]
    )
    for key, reasons in ((b"envelope key", []), (b"another", [Reason.WRONG_KMS_KEY])):
        secret = Secret(SecretKind.KMS_PSK, key)
        found = unlock_transfer(made.init, made.resp, secrets=[secret], kms_exchanges=[(asked, answer)])
        assert found.reasons() == reasons
        assert [tek.key for tek in found.teks] == ([] if reasons else [made.tek])


@pytest.mark.parametrize(("prf", "mac_alg"), [(77, 2), (1, 66)])
def test_unknown_algorithms(prf: int, mac_alg: int) -> None:
    """An algorithm nobody registered is named as the reason, not taken for a wrong key."""
    made = exchange(3)
    v = made.init.verification
    assert v is not None
    init = make_message(replace(made.init.header, prf=prf), [*made.init.payloads[:-1], Verification(mac_alg, v.mac)])
    found = unlock_transfer(init, made.resp, secrets=[TICKET_KEY])
    assert Reason.UNSUPPORTED in found.reasons()
    assert Reason.WRONG_TRANSFER_INIT not in found.reasons()


def test_null_mac_proves_nothing() -> None:
    made = exchange(3)
    init = make_message(made.init.header, [*made.init.payloads[:-1], Verification(0, b"")])
    found = unlock_transfer(init, secrets=[TICKET_KEY])
    assert found.checks.transfer_init is False
    assert found.failures[0].detail == "it has no MAC"


def test_other_messages() -> None:
    made = exchange(3)
    assert unlock_transfer(made.resp, secrets=[TICKET_KEY]).reasons() == [Reason.NO_TICKET]
    payloads = [each for each in made.init.payloads if each is not made.init.ticket]
    assert unlock_transfer(make_message(made.init.header, payloads), secrets=[TICKET_KEY]).reasons() == [
        Reason.NO_TICKET
    ]
    empty = make_message(replace(made.init.header, cs_map=GenericIdMap()), made.init.payloads)
    assert Reason.NO_CRYPTO_SESSION in unlock_transfer(empty, secrets=[TICKET_KEY]).reasons()


def test_two_crypto_sessions() -> None:
    """Each CS has its TEK (its CS ID is in the label), and its SPI selects the key."""
    made = exchange(4)
    sessions = (CS, replace(CS, cs_id=2), replace(CS, cs_id=3, spi=b"none has it"), replace(CS, cs_id=4, spi=b""))
    header = replace(made.resp.header, cs_map=GenericIdMap(sessions))
    found = unlock_transfer(made.init, make_message(header, made.resp.payloads), secrets=[TICKET_KEY])
    assert [tek.cs_id for tek in found.teks] == [1, 2, 3, 4]
    assert len({tek.key for tek in found.teks}) == 4
    assert found.teks[0].key == made.tek


def test_secrets_are_not_in_repr() -> None:
    """Keys are never printed unless asked for: not in results, not in failures."""
    made = exchange(3)
    for found in (unlock(made, TICKET_KEY), unlock(made, Secret(SecretKind.TPK, b"\x77" * 8))):
        text = repr(found) + "".join(map(str, found.failures))
        for key in (TPK, TEK, TGK, MPK, b"\x77" * 8):
            assert repr(key)[2:-1] not in text
            assert key.hex() not in text
        for identity in (INITIATOR, RESPONDER, KMS):
            assert identity.decode() not in text


def test_macs_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every MAC goes through `hmac.compare_digest`: five are compared in a forked transfer."""
    import hmac

    seen = []
    real = hmac.compare_digest

    def spy(one: bytes, other: bytes) -> bool:
        seen.append(other)
        return real(one, other)

    monkeypatch.setattr(hmac, "compare_digest", spy)
    made = exchange(3)
    assert unlock(made, TICKET_KEY).authentic
    assert made.init.verification is not None
    assert made.resp.verification is not None
    assert made.init.ticket is not None
    assert (
        seen
        == [
            made.ticket.ticket_data[-32:],
            made.init.verification.mac,
            made.init.verification.mac,  # Vi
            made.init.ticket.initiator_data[-32:],
            made.resp.verification.mac,
        ]
    )


@st.composite
def damaged(draw: st.DrawFn, seed: bytes) -> bytes:
    data = bytearray(seed)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(10, len(data)))
        data[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(data)


@given(damaged(decode_base64(TRANSFER_INIT)), damaged(decode_base64(TRANSFER_RESP)), st.booleans())
@settings(max_examples=400, deadline=None)
def test_damaged(init: bytes, resp: bytes, intact_init: bool) -> None:
    """Whatever is damaged, there is a result; keys are called authentic only if what the MACs cover is untouched."""
    whole = decode_base64(TRANSFER_INIT)
    try:
        first, second = decode_mikey(whole if intact_init else init), decode_mikey(resp)
    except DecodeError:
        return
    secrets = [TICKET_KEY, Secret(SecretKind.TGK, TGK), Secret(SecretKind.MPK, MPK)]
    found = unlock_transfer(first, second, secrets=secrets)
    best = found.attempts[0] if found.attempts else None
    if best is not None and best.opened:
        assert second.octets[: len(second.octets) - len(second.trailing)] == decode_base64(TRANSFER_RESP)
        assert first.octets[: len(first.octets) - len(first.trailing)] == whole


def test_response_made_for_two() -> None:
    """`build_transfer_resp` gives what the responder's MPKr' protects, and nothing of another's fits."""
    made = exchange(1)
    other = build_transfer_resp(made.init, key=bytes(16), timestamp=ntp("e000001180000000"), rand_r=b"r", rand_kms=b"k")
    assert unlock_transfer(made.init, other, secrets=[TICKET_KEY]).reasons() == [Reason.WRONG_TRANSFER_RESP]
    assert other.header == Header(data_type=15, prf=1, csb_id=CSB_ID, cs_map=GenericIdMap())
