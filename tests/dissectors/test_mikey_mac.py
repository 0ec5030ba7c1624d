"""What the MACs cover, put together here by hand from table 5.2 of RFC 6043 and sections 5.2 and 6.2 of RFC 3830."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace

import pytest
from mikey_exchanges import ID_I, ID_R, PSK_I, PSK_R, exchange, ntp
from mikey_vectors import CSB_ID, INITIATOR, KMS, MPK, RAND_I, RAND_R, RESPONDER, TGK, TICKET_RAND, TPK

from dissectors.mikey import (
    EncrAlg,
    Header,
    Id,
    Kemac,
    KeyData,
    MikeyMessage,
    Rand,
    SessionConstant,
    Sign,
    SrtpCs,
    SrtpIdMap,
    Timestamp,
    Verification,
    build_error,
    compute_mac,
    covered_by_kemac,
    covered_by_v,
    decrypt_keys,
    encode_key_mgmt,
    encrypt_keys,
    initial_message_keys,
    mac_fits,
    make_message,
    psk_message_keys,
    response_message_keys,
    rfc3830_session_key,
    split_mpk,
    v_fits,
)

MADE = exchange(1)
MPK_I, MPK_R = split_mpk(1, MPK, TICKET_RAND)
assert MADE.request is not None
assert MADE.resolve is not None
REQUEST, REQUEST_RESP = MADE.request
RESOLVE, RESOLVE_RESP = MADE.resolve


def sha256(key: bytes, *parts: bytes) -> bytes:
    return hmac.new(key, b"".join(parts), hashlib.sha256).digest()


def mac_of(message: MikeyMessage) -> bytes:
    return message.octets[-32:]


def auth_key(message: MikeyMessage, secret: bytes, answered: bool, **rands: bytes) -> bytes:
    keys = (response_message_keys if answered else initial_message_keys)(1, secret, message.header.csb_id, **rands)
    return keys.auth_key(2)


def test_request() -> None:
    """REQUEST_INIT: message, ID_i, ID_kms. REQUEST_RESP: message, the whole REQUEST_INIT."""
    rands = {"rand_i": b"request rand i.."}
    key = auth_key(REQUEST, PSK_I, False, **rands)
    assert mac_of(REQUEST) == sha256(key, REQUEST.octets[:-32], INITIATOR, KMS)
    key = auth_key(REQUEST, PSK_I, True, **rands)
    assert mac_of(REQUEST_RESP) == sha256(key, REQUEST_RESP.octets[:-32], REQUEST.octets)


def test_resolve() -> None:
    """RESOLVE_INIT: message, ID_r, ID_kms. RESOLVE_RESP: message, the whole RESOLVE_INIT."""
    rands = {"rand_r": b"resolve rand r.."}
    key = auth_key(RESOLVE, PSK_R, False, **rands)
    assert mac_of(RESOLVE) == sha256(key, RESOLVE.octets[:-32], RESPONDER, KMS)
    key = auth_key(RESOLVE, PSK_R, True, **rands)
    assert mac_of(RESOLVE_RESP) == sha256(key, RESOLVE_RESP.octets[:-32], RESOLVE.octets)


@pytest.mark.parametrize("mode", [3, 4])
def test_transfer(mode: int) -> None:
    """TRANSFER_INIT: message without initiator data and their length, ID_i, ID_r. TRANSFER_RESP: message, INIT."""
    made = exchange(mode)
    init, resp = made.init.octets, made.resp.octets
    assert made.init.ticket is not None
    v_size, data_size = 2 + 32, len(made.init.ticket.initiator_data)
    assert data_size == (69 if mode == 3 else 0)
    head, tail = init[: -v_size - data_size - 2], init[-v_size:-32]
    key = auth_key(made.init, MPK_I, False, rand_i=RAND_I)
    assert init[-32:] == sha256(key, head, tail, INITIATOR, RESPONDER)
    answer_key = bytes.fromhex("a0d4f2bc232deb9fcfdae85ea6e7630f") if mode == 3 else MPK_I
    key = auth_key(made.init, answer_key, True, rand_i=RAND_I, rand_r=RAND_R)
    assert resp[-32:] == sha256(key, resp[:-32], init)


def test_trailing_octets_are_not_covered() -> None:
    """What stands behind V belongs to no payload."""
    longer = make_message(MADE.init.header, MADE.init.payloads)
    longer = replace(longer, octets=longer.octets + b"xy", trailing=b"xy")
    assert covered_by_v(longer, id_i=b"a", id_r=b"b") == covered_by_v(MADE.init, id_i=b"a", id_r=b"b")


def test_error() -> None:
    """Error: the message alone, with the key of the message that failed."""
    keys = initial_message_keys(1, MPK_I, CSB_ID, rand_i=RAND_I)
    error = build_error(MADE.init, [0], timestamp=ntp("e000001100000000"), protection=keys)
    assert mac_of(error) == sha256(keys.auth_key(2), error.octets[:-32])
    assert v_fits(error, keys.auth_key(2))
    assert (error.data_type, error.header.csb_id, error.header.cs_map) == (6, CSB_ID, MADE.init.header.cs_map)


PSK_HEADER = Header(data_type=0, response_expected=True, csb_id=CSB_ID, cs_map=SrtpIdMap((SrtpCs(0, 1, 0),)))


def test_psk_mode() -> None:
    """RFC 3830 in pre-shared key mode: KEMAC's MAC is over the message up to it; the answer over itself and more."""
    keys = psk_message_keys(0, TPK, CSB_ID, RAND_I)
    time = ntp("e000000000000000")
    kemac = encrypt_keys([KeyData(0, TGK)], keys, EncrAlg.AES_CM_128, CSB_ID, time.sixty_four_bits)
    identities = (Id(0, b"a@b"), Id(0, b"c@d"))
    draft = make_message(PSK_HEADER, [time, Rand(RAND_I), *identities, replace(kemac, mac_alg=1, mac=bytes(20))])
    covered = covered_by_kemac(draft)
    assert covered == draft.octets[:-20]
    kemac = replace(kemac, mac_alg=1, mac=compute_mac(1, keys.auth_key(1), covered))
    init = make_message(PSK_HEADER, [*draft.payloads[:-1], kemac])
    assert kemac.mac == hmac.new(keys.auth_key(1), init.octets[:-20], hashlib.sha1).digest()
    assert mac_fits(1, keys.auth_key(1), covered_by_kemac(init) or b"", kemac.mac)
    (key,) = decrypt_keys(kemac, keys, CSB_ID, time.sixty_four_bits)
    assert key.key == TGK
    # the first row of the vectors for RFC 3830 and PRF 0
    tek = rfc3830_session_key(0, key.key, SessionConstant.TEK, 1, CSB_ID, RAND_I, 16)
    assert tek.hex() == "fd7433cbfd6c1dd042d0a606b5482875"
    answer = make_message(replace(PSK_HEADER, data_type=1), [time, identities[1], Verification(1, bytes(20))])
    assert covered_by_v(answer, id_i=b"a@b", id_r=b"c@d", initial=init) == (
        answer.octets[:-20] + b"a@b" + b"c@d" + bytes.fromhex("e000000000000000")
    )
    assert encode_key_mgmt(init.octets).startswith("mikey AQAFgBI0Vng")


def test_public_key_mode() -> None:
    """RFC 3830 section 6.2: there KEMAC's MAC covers the KEMAC alone, its next payload octet taken as 0."""
    kemac = Kemac(1, b"keys", 1, b"m" * 20)
    message = make_message(Header(data_type=2), [Rand(b"r"), kemac, Sign(0, b"s")])
    assert covered_by_kemac(message) == bytes.fromhex("00 01 0004") + b"keys" + b"\1"
    assert message.octets[13] == 4  # what stands there is the type of SIGN
    assert covered_by_kemac(make_message(Header(data_type=2), [Rand(b"r")])) is None


def test_null_and_unknown() -> None:
    assert compute_mac(0, b"", b"x") == b""
    assert mac_fits(0, b"", b"x", b"") is False
    with pytest.raises(ValueError, match="MAC algorithm 3"):
        compute_mac(3, b"", b"x")
    assert v_fits(make_message(Header(data_type=14), [Timestamp(0, bytes(8))]), b"key") is False
    assert (ID_I.data, ID_R.data) == (INITIATOR, RESPONDER)
