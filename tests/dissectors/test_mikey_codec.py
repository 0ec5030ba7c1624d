"""Payloads and headers of MIKEY, octet by octet (RFC 3830 section 6, RFC 6043 section 6, RFC 6509 section 4.2)."""

from __future__ import annotations

import pytest
from mikey_vectors import PSK_INIT, PSK_VER, TRANSFER_INIT, TRANSFER_RESP

from dissectors.errors import DecodeError
from dissectors.mikey import (
    Cert,
    Chash,
    DataType,
    Dh,
    EmptyMap,
    EncrAlg,
    Err,
    ErrorNo,
    Esk,
    GeneralExt,
    GenericCs,
    GenericIdMap,
    HashFunc,
    Header,
    Ibake,
    Id,
    Idr,
    Interval,
    Kemac,
    KeyData,
    MacAlg,
    MikeyMessage,
    OpaqueMap,
    OpaquePayload,
    Payload,
    PayloadType,
    Pke,
    PrfFunc,
    Rand,
    Randr,
    Sakke,
    SecurityPolicy,
    Sign,
    Spi,
    SrtpCs,
    SrtpIdMap,
    Ticket,
    TicketFlags,
    Timestamp,
    Tp,
    Tr,
    TsType,
    Verification,
    decode_base64,
    decode_key_chain,
    decode_key_mgmt,
    decode_mikey,
    encode_key_mgmt,
    encode_mikey,
    make_message,
    name_of,
    ntp_utc,
)
from dissectors.mikey.message import MAX_OCTETS

HEAD = "01 00 {:02x} 00 00000007 00 01"

PAYLOADS = [
    (Kemac(1, b"keys", 0), "00 01 0004 6b657973 00"),
    (Kemac(3, b"", 1, b"m" * 20), "00 03 0000 01" + "6d" * 20),
    (Kemac(2, b"k", 2, b"m" * 32), "00 02 0001 6b 02" + "6d" * 32),
    (Pke(2, b"env"), "00 8003 656e76"),
    (Dh(1, b"d" * 96), "00 01" + "64" * 96 + "00"),
    (Dh(2, b"d" * 128, Spi(b"mki"), 5), "00 02" + "64" * 128 + "51 03 6d6b69"),
    (Dh(0, b"d" * 192, Interval(b"a", b"bc")), "00 00" + "64" * 192 + "02 01 61 02 6263"),
    (Sign(1, b"sig"), "1003 736967"),
    (Timestamp(0, b"12345678"), "00 00 3132333435363738"),
    (Timestamp(2, b"1234"), "00 02 31323334"),
    (Timestamp(3, b"1234"), "00 03 31323334"),
    (Id(0, b"a@b"), "00 00 0003 614062"),
    (Cert(1, b"http:x"), "00 01 0006 687474703a78"),
    (Chash(0, b"h" * 20), "00 00" + "68" * 20),
    (Chash(1, b"h" * 16), "00 01" + "68" * 16),
    (Chash(2, b"h" * 32), "00 02" + "68" * 32),
    (Verification(0, b""), "00 00"),
    (Verification(1, b"m" * 20), "00 01" + "6d" * 20),
    (Verification(9, b"any length"), "00 09 616e79206c656e677468"),
    (SecurityPolicy(3, 0, ((0, b"\1"), (1, b"\x10"), (77, b""))), "00 03 00 0008 00 01 01 01 01 10 4d 00"),
    (Rand(b"random"), "00 06 72616e646f6d"),
    (Err(14), "00 0e 0000"),
    (Err(200, b"\1\2"), "00 c8 0102"),
    (Tr(4, 3, b"\0\0\x0e\x10"), "00 04 03 00000e10"),
    (Idr(1, 1, b"sip:a@b"), "00 01 01 0007 7369703a614062"),
    (Randr(3, b"rand"), "00 03 04 72616e64"),
    (Tp(policy_data=b"\0"), "00 0001 01 01 020000 0001 00"),
    (
        Ticket(ticket_type=2, version=7, ticket_data=b"opaque", initiator_data=b"i"),
        "00 0002 01 07 020000 0000 0006 6f7061717565 0001 69",
    ),
    (KeyData(0, b"tgk"), "00 00 0003 74676b"),
    (KeyData(3, b"tek", b"salt", Spi(b"s")), "00 31 0003 74656b 0004 73616c74 01 73"),
    (KeyData(6, b"mpk", None, Interval(b"", b"z")), "00 62 0003 6d706b 00 01 7a"),
    (GeneralExt(1, b"mikey"), "00 01 0005 6d696b6579"),
    (Ibake(b"ibe"), "00 0003 696265"),
    (Esk(b"esk"), "00 0003 65736b"),
    (Sakke(1, 1, b"sakke"), "00 01 01 0005 73616b6b65"),
]  # fmt: skip


@pytest.mark.parametrize(("payload", "octets"), PAYLOADS)
def test_payload(payload: Payload, octets: str) -> None:
    """Both ways, alone; and behind another payload, whose next payload octet then names it."""
    whole = bytes.fromhex(HEAD.format(payload.payload_type) + octets)
    message = decode_mikey(whole)
    assert message.payloads == (payload,)
    assert message.trailing == b""
    assert message.starts == (10,)
    assert encode_mikey(MikeyMessage(message.header, (payload,))) == whole
    rand = Rand(b"r")
    second = make_message(message.header, (rand, payload))
    assert second.payloads == (rand, payload)
    assert second.octets[10:] == bytes([payload.payload_type, 1]) + b"r" + bytes.fromhex(octets)


@pytest.mark.parametrize(("payload", "octets"), PAYLOADS)
def test_payload_cut(payload: Payload, octets: str) -> None:
    """Cut anywhere, it is an error that says where, or kept as it came; never half a payload."""
    whole = bytes.fromhex(HEAD.format(payload.payload_type) + octets)
    for size in range(10, len(whole)):
        cut = whole[:size]
        if isinstance(payload, Ibake | Esk):
            assert decode_mikey(cut).payloads == (OpaquePayload(payload.payload_type, cut[10:]),)
        elif isinstance(payload, Verification) and payload.auth_alg == 9 and size > 11:
            # the MAC of an unknown algorithm may have any length
            assert decode_mikey(cut).payloads == (Verification(9, cut[12:]),)
        else:
            with pytest.raises(DecodeError) as caught:
                decode_mikey(cut)
            assert caught.value.what == f"MIKEY payload {PayloadType(payload.payload_type).name}"
            assert 10 <= caught.value.offset <= size


MAPS = [
    (SrtpIdMap((SrtpCs(1, 0xAABBCCDD, 2), SrtpCs(0, 0, 0))), "02 00", "01 aabbccdd 00000002 00 00000000 00000000"),
    (EmptyMap(), "00 01", ""),
    (EmptyMap(9), "09 01", ""),
    # the bytes of a mission critical services message of an open-source library
    (
        GenericIdMap((GenericCs(cs_id=4, prot_type=0, policies=(0,), spi=bytes.fromhex("0df9bc3906a12aea")),)),
        "01 02",
        "04 00 01 00 0000 08 0df9bc3906a12aea",
    ),
    (
        GenericIdMap(
            (
                GenericCs(cs_id=1, prot_type=2),
                GenericCs(cs_id=2, prot_type=0, session_flag=True, policies=(5, 6), session_data=b"ssrcroc", spi=b"x"),
            )
        ),
        "02 02",
        "01 02 00 0000 00 02 00 82 05 06 0007 73737263726f63 01 78",
    ),
]


@pytest.mark.parametrize(("cs_map", "counts", "octets"), MAPS)
def test_header(cs_map: SrtpIdMap | EmptyMap | GenericIdMap, counts: str, octets: str) -> None:
    """HDR with each map of crypto sessions (RFC 3830 section 6.1; RFC 4563; RFC 6043 section 6.1.1)."""
    whole = bytes.fromhex("01 0e 00 81 89abcdef" + counts + octets)
    message = decode_mikey(whole)
    assert message.header == Header(
        data_type=DataType.TRANSFER_INIT, response_expected=True, prf=1, csb_id=0x89ABCDEF, cs_map=cs_map
    )
    assert message.header.prf is PrfFunc.PRF_HMAC_SHA_256
    assert encode_mikey(message) == whole
    for size in range(len(whole)):
        with pytest.raises(DecodeError) as caught:
            decode_mikey(whole[:size])
        assert caught.value.what == "MIKEY header"
        assert caught.value.offset <= size


def test_crypto_sessions_of_srtp_map() -> None:
    """The CS ID of an SRTP-ID map is the place in it, from 1 (RFC 3830 section 6.1.1)."""
    header = Header(data_type=0, cs_map=SrtpIdMap((SrtpCs(7, 1, 2), SrtpCs(8, 3, 4))))
    assert [(cs.cs_id, cs.policies, cs.prot_type) for cs in header.crypto_sessions] == [(1, (7,), 0), (2, (8,), 0)]


def test_unknown_map_keeps_everything() -> None:
    """The length of an unregistered map is unknown, so all behind the header is kept as it came."""
    whole = bytes.fromhex("01 0e 05 81 89abcdef 03 f1 0102030405")
    message = decode_mikey(whole)
    assert message.header.cs_map == OpaqueMap(0xF1, 3, 5, b"\1\2\3\4\5")
    assert message.header.cs_count == 3
    assert message.payloads == ()
    assert encode_mikey(message) == whole


@pytest.mark.parametrize("payload_type", [18, 19, 24, 25, 27, 200, 255])
def test_unknown_payload_is_kept(payload_type: int) -> None:
    """Payload types that have no number, and those of RFC 6267 that stand only in encrypted data: octets kept."""
    whole = bytes.fromhex("01 0e 0b 00 00000007 00 01") + bytes([payload_type, 1, 65]) + b"\x05\x00\x01\x02\x03"
    message = decode_mikey(whole)
    assert message.payloads == (Rand(b"A"), OpaquePayload(payload_type, b"\x05\x00\x01\x02\x03"))
    assert encode_mikey(message) == whole


@pytest.mark.parametrize(
    ("payload_type", "octets"),
    [
        (PayloadType.T, "05 09 0102"),
        (PayloadType.TR, "05 01 09 0102"),
        (PayloadType.DH, "05 09 0102"),
        (PayloadType.CHASH, "05 09 0102"),
        (PayloadType.V, "05 09 0102"),
        (PayloadType.KEMAC, "05 00 0001 41 09 0102"),
        (PayloadType.KEY_DATA, "05 f0 0001 41"),
        (PayloadType.KEY_DATA, "05 0f 0001 41"),
    ],
)
def test_unknown_number_that_a_length_depends_on(payload_type: PayloadType, octets: str) -> None:
    """An unregistered type, group or algorithm: the payload and what follows is kept as it came."""
    data = bytes.fromhex(octets)
    whole = bytes.fromhex(HEAD.format(payload_type)) + data
    message = decode_mikey(whole)
    assert message.payloads == (OpaquePayload(payload_type, data),)
    assert encode_mikey(message) == whole


def test_unknown_enumerations_are_kept_as_numbers() -> None:
    """Fields whose value the registry has not are the number; others are members with the registry's name."""
    whole = bytes.fromhex("01 c8 0e 7f 00000007 00 01" + "00 e0 e1 0001 41")
    message = decode_mikey(whole)
    assert (message.data_type, message.header.prf) == (200, 127)
    assert message.payloads == (Idr(0xE0, 0xE1, b"A"),)
    assert (name_of(message.data_type), name_of(DataType.TRANSFER_INIT)) == ("200", "TRANSFER_INIT (14)")
    assert encode_mikey(message) == whole


def test_trailing_octets_are_kept() -> None:
    """Behind the last payload, and behind a SIGN that is shorter than what is left."""
    whole = bytes.fromhex(HEAD.format(PayloadType.SIGN) + "0001 41 4243")
    message = decode_mikey(whole)
    assert (message.payloads, message.trailing) == ((Sign(0, b"A"),), b"BC")
    assert encode_mikey(message) == whole
    empty = decode_mikey(bytes.fromhex(HEAD.format(0) + "ff"))
    assert (empty.payloads, empty.trailing) == ((), b"\xff")


@pytest.mark.parametrize("version", [0, 2, 255])
def test_other_version(version: int) -> None:
    with pytest.raises(DecodeError, match=f"version {version}, not 1"):
        decode_mikey(bytes([version]) + bytes(20))


def test_policy_parameters_past_their_end() -> None:
    """A parameter that reaches beyond the policy parameters (section 6.10) is an error, though octets follow."""
    with pytest.raises(DecodeError) as caught:
        decode_mikey(bytes.fromhex(HEAD.format(PayloadType.SP) + "0b 00 00 0002 00 01 01 00 00"))
    assert (caught.value.what, caught.value.offset) == ("MIKEY payload SP", 17)


def test_psk_messages_of_rfc_4567() -> None:
    """RFC 4567 section 5.1, both messages field by field."""
    init = decode_key_mgmt("mikey " + PSK_INIT)
    assert init.header == Header(
        data_type=DataType.PRE_SHARED,
        response_expected=True,
        csb_id=0xCD177E50,
        cs_map=SrtpIdMap((SrtpCs(0, 0, 0),)),
    )
    time, rand, identity, policy, kemac = init.payloads
    assert time == Timestamp(TsType.NTP_UTC, bytes.fromhex("c8e350ea00000000"))
    assert rand == Rand(bytes.fromhex("4a28da979ee21a7651a0d7f19136d98c"))
    assert identity == Id(0, b"donald@duck.com")
    assert policy == SecurityPolicy(0, 0)
    assert isinstance(kemac, Kemac)
    assert (kemac.encr_alg, kemac.mac_alg) == (EncrAlg.AES_CM_128, MacAlg.HMAC_SHA_1_160)
    assert (len(kemac.encr_data), len(kemac.mac)) == (36, 20)
    answer = decode_key_mgmt(PSK_VER)
    assert answer.data_type is DataType.PSK_VER_MSG
    assert answer.header.csb_id == 0xCD177E50
    assert answer.first(Id) == Id(0, b"mickey@mouse.com")
    assert answer.verification == Verification(1, bytes.fromhex("9fc1dd184e413035c522e18481afbad80818e5c7"))
    assert [encode_mikey(each) for each in (init, answer)] == [decode_base64(PSK_INIT), decode_base64(PSK_VER)]


def test_flags() -> None:
    """RFC 6043 section 6.10: 24 bits, PRF func in the first seven."""
    flags = TicketFlags.decode(bytes.fromhex("02f960"))
    assert (flags.prf, flags.letters, flags.mode, flags.reserved) == (1, "EFGHILNO", 3, 0)
    assert flags.contradictions(tgk_in_ticket=True) == []
    for number in range(24):
        one = (1 << number).to_bytes(3, "big")
        assert TicketFlags.decode(one).encode() == one
    bits = {letter: TicketFlags(prf=0, **{letter: True}).encode().hex() for letter in "defghijklmno"}
    assert bits == {
        "d": "010000",
        "e": "008000",
        "f": "004000",
        "g": "002000",
        "h": "001000",
        "i": "000800",
        "j": "000400",
        "k": "000200",
        "l": "000100",
        "m": "000080",
        "n": "000040",
        "o": "000020",
    }


@pytest.mark.parametrize(
    ("flags", "tgk", "starts"),
    [
        ("h", None, ["D is 0"]),
        ("lgh", None, ["G is 1"]),
        ("l", None, ["neither G nor H"]),
        ("lhi", None, ["I is 1 (keys are forked), but E"]),
        ("lhk", None, ["K is 1"]),
        ("lhm", None, ["M is 1"]),
        ("lhme", None, ["M is 1"]),
        ("lhmf", None, []),
        ("lhie", True, ["I is 1 and a TGK"]),
        ("lhie", False, []),
        ("dhk", None, []),
        ("", None, ["D is 0", "neither G nor H"]),
    ],
)
def test_flags_that_contradict(flags: str, tgk: bool | None, starts: list[str]) -> None:
    """RFC 6043 section 6.10: !D=>L, G=>F, !G=>H, !H=>G, I=>E, K=>D, M=>F, and F when a TGK is to be forked."""
    found = TicketFlags(**dict.fromkeys(flags, True)).contradictions(tgk)
    assert [text[: len(start)] for text, start in zip(found, starts, strict=True)] == starts


def test_times() -> None:
    """RFC 3830 section 6.6 and RFC 6043 section 6.6: NTP times of 1968 to 2104, and 64 bits for the IV."""
    assert Timestamp(TsType.NTP_UTC, bytes.fromhex("e000001180000000")).unix_nanoseconds == 1549107601500000000
    assert Timestamp(TsType.NTP_UTC_32, b"\xe0\0\0\x11").unix_nanoseconds == 1549107601000000000
    assert Timestamp(TsType.NTP_UTC_32, b"\0\0\0\0").unix_nanoseconds == 2085978496000000000  # 7 February 2036
    assert Timestamp(TsType.COUNTER, b"\0\0\0\5").unix_nanoseconds is None
    assert Timestamp(TsType.COUNTER, b"\0\0\0\5").sixty_four_bits == b"\0\0\0\0\0\0\0\5"
    assert Timestamp(TsType.NTP_UTC_32, b"\xe0\0\0\5").sixty_four_bits == b"\xe0\0\0\5\0\0\0\0"
    assert Tr(4, TsType.NTP_UTC_32, b"\0\0\x0e\x10").seconds == 3600
    for time in (0, 1549107601500000000, 2085978496000000000):
        assert Timestamp(TsType.NTP_UTC, ntp_utc(time)).unix_nanoseconds == time


def test_extensions() -> None:
    """Key IDs of RFC 4563, protocols of RFC 4567 section 3.4."""
    assert GeneralExt(3, bytes.fromhex("00 03 414243 01 02 4445")).key_ids() == ((0, b"ABC"), (1, b"DE"))
    with pytest.raises(DecodeError):
        GeneralExt(3, bytes.fromhex("00 03 4142")).key_ids()
    assert GeneralExt(1, b"mikey;sec2").sdp_ids() == ("mikey", "sec2")


def test_key_chain() -> None:
    """RFC 3830 section 6.13: intermediate sub-payloads say 20, the last says 0; zeros behind it are padding."""
    octets = bytes.fromhex("14 61 0001 41 01 01" + "00 01 0001 42 01 02")
    keys = (KeyData(6, b"A", validity=Spi(b"\1")), KeyData(0, b"B", validity=Spi(b"\2")))
    assert decode_key_chain(octets) == keys
    assert decode_key_chain(octets + bytes(7)) == keys
    for wrong in (octets + b"\1", b"\x05" + octets[1:], b"", octets[:-1], b"\0\xf0\0\1A"):
        with pytest.raises(DecodeError):
            decode_key_chain(wrong)


@pytest.mark.parametrize("fault", ["{}=", "{}\n", " {} ", "\t{}\r\n "])
def test_base64_of_any_b2bua(fault: str) -> None:
    """Wrapped, unpadded and indented values of `a=key-mgmt`; what is no base64 is refused."""
    for text in (TRANSFER_INIT, TRANSFER_RESP, PSK_VER.rstrip("=")):
        octets = decode_base64(text)
        bare = text.rstrip("=")
        for changed in (bare, text, bare[:70] + "\r\n " + bare[70:], bare[:1] + " " + bare[1:]):
            assert decode_base64(fault.format(changed).replace("===", "==")) == octets
            assert decode_key_mgmt("mikey " + changed).octets == octets
        assert decode_key_mgmt(encode_key_mgmt(octets)).octets == octets
    assert decode_key_mgmt("MIKEY\t" + TRANSFER_RESP).data_type is DataType.TRANSFER_RESP


@pytest.mark.parametrize(
    ("value", "offset"),
    [("AQ*A", 2), ("AQ=A", 2), ("AAAAA", 5), ("AQ=====", 2), ("AQ\u00e9A", 2)],
)
def test_no_base64(value: str, offset: int) -> None:
    with pytest.raises(DecodeError) as caught:
        decode_base64(value)
    assert (caught.value.what, caught.value.offset) == ("key-mgmt value", offset)


@pytest.mark.parametrize("value", ["", "mikey", "mikey ", "prot2 AQAF", "mikey AAAA"])
def test_no_mikey_value(value: str) -> None:
    with pytest.raises(DecodeError):
        decode_key_mgmt(value)


def test_too_long() -> None:
    """Hostile input cannot take memory without bound."""
    with pytest.raises(DecodeError, match="longer than 262144"):
        decode_mikey(bytes(MAX_OCTETS + 1))
    with pytest.raises(DecodeError, match="longer than 262144"):
        decode_base64("A" * (MAX_OCTETS * 4 // 3 // 4 * 4 + 12))


@pytest.mark.parametrize(
    "payloads",
    [
        (Sign(0, b""), Rand(b"")),
        (OpaquePayload(200, b""), Rand(b"")),
        (Rand(bytes(256)),),
        (Id(256, b""),),
        (Id(0, bytes(65536)),),
        (Timestamp(0, b"1234"),),
        (Tr(1, 0, b"1234"),),
        (Kemac(0, b"", 1, b"short"),),
        (Chash(HashFunc.SHA_1, b"short"),),
        (Dh(0, b"short"),),
        (Pke(4, b""),),
        (Pke(0, bytes(0x4000)),),
        (Sign(16, b""),),
        (Sign(0, bytes(0x1000)),),
        (Err(ErrorNo.AUTH_FAILURE, b"\0"),),
        (KeyData(1, b"k"),),
        (KeyData(0, b"k", b"s"),),
        (KeyData(16, b"k"),),
        (OpaquePayload(0, b""),),
    ],
)
def test_encode_refusals(payloads: tuple[Payload, ...]) -> None:
    """What has no octets is a ValueError, not a wrong message."""
    with pytest.raises(ValueError, match=r"\w"):
        make_message(Header(data_type=0), payloads)


@pytest.mark.parametrize(
    "header",
    [
        Header(data_type=256),
        Header(data_type=0, prf=128),
        Header(data_type=0, csb_id=1 << 32),
        Header(data_type=0, cs_map=EmptyMap(256)),
        Header(data_type=0, cs_map=GenericIdMap((GenericCs(cs_id=0, prot_type=0, policies=(0,) * 128),))),
        Header(data_type=0, cs_map=SrtpIdMap((SrtpCs(0, 1 << 32, 0),))),
    ],
)
def test_header_encode_refusals(header: Header) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        make_message(header, ())
