"""Key derivation of MIKEY against vectors that others published, and those made with an independent program.

The first table stands in the unit tests of an open-source MIKEY-SAKKE library (mission critical services); RFC 3830,
4738 and 6043 have none.
"""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from mikey_vectors import CSB_ID, MPK, RAND_I, RAND_KMS, RAND_R, RESPONDER, TGK, TICKET_RAND, TPK

from dissectors.errors import DecodeError
from dissectors.mikey import (
    EncrAlg,
    KeyData,
    KeyDataType,
    PrfFunc,
    SessionConstant,
    Spi,
    decrypt_keys,
    encrypt_keys,
    fork_key,
    initial_message_keys,
    prf,
    psk_message_keys,
    response_message_keys,
    rfc3830_session_key,
    session_key,
    split_mpk,
    ticket_keys,
    vr_keys,
)
from dissectors.mikey.kemac import NO_CSB, _unwrap, _wrap, aes_cm_iv
from dissectors.mikey.keys import MPKR_FORK, TGK_FORK

SHA1, SHA256 = PrfFunc.MIKEY_1, PrfFunc.PRF_HMAC_SHA_256
NO_RANDS = (b"", b"")
MPK_I, MPK_R = split_mpk(SHA256, MPK, TICKET_RAND)
MPK_R_FORKED = fork_key(SHA256, MPKR_FORK, MPK_R, RESPONDER, RAND_KMS)
TGK_FORKED = fork_key(SHA256, TGK_FORK, TGK, RESPONDER, RAND_KMS)


@pytest.mark.parametrize(
    ("csb_id", "cs_id", "constant", "length", "expected"),
    [
        (0x05A85C16, 4, "ENCRYPTION_KEY", 16, "3924935940c154ccbc3c2ad05c8f5181"),
        (0x05A85C16, 4, "SALTING_KEY", 12, "1725869b80f370cc9f24e13b"),
        (0x05A85C16, 0, "ENCRYPTION_KEY", 16, "f17c80a8d2f9befa47cf712603d7229a"),
        (0x05A85C16, 0, "SALTING_KEY", 12, "c3b7b561a291a1d3abef482b"),
        (0x0633F457, 4, "TEK", 16, "59aaa49ebb54813602b7cc165961b4e8"),
        (0x0633F457, 4, "SALTING_KEY", 12, "745eb4df7d155c473114a799"),
    ],
)
def test_published(csb_id: int, cs_id: int, constant: str, length: int, expected: str) -> None:
    """RFC 3830 section 4.1.3 with the PRF of RFC 6043."""
    inkey = bytes.fromhex("A27B7D578EEB9B1EE7705E385996D300")
    rand = bytes.fromhex("4339F62F55AAC86348846A482C893802")
    found = rfc3830_session_key(SHA256, inkey, SessionConstant[constant], cs_id, csb_id, rand, length)
    assert found.hex() == expected


def test_ticket_keys() -> None:
    """RFC 6043 Appendix A: label 05."""
    keys = ticket_keys(SHA256, TPK, TICKET_RAND)
    assert keys.encr_key(EncrAlg.AES_CM_128).hex() == "bdeaf38ace31136ff99923824933f233"
    assert keys.auth_key(2).hex() == "a174f1bae032e3e62e5aad88c8a6e889ec8d8f6fbd5ccee0963fcaf8994af209"
    assert keys.salt_key(EncrAlg.AES_CM_128).hex() == "364b57682743a74ec050cb7ba57a"
    iv = aes_cm_iv(keys.salt_key(EncrAlg.AES_CM_128), NO_CSB, bytes.fromhex("e000000000000000"))
    assert iv.hex() == "364ba897d8bc474ec050cb7ba57a0000"


def test_master_keys_and_forking() -> None:
    """RFC 6043 Appendix A (label 06) and section 5.1.1 (label 00)."""
    assert MPK_I.hex() == "0437a637bdb974990a1883c56b964c30"
    assert MPK_R.hex() == "4012d79c14bc0604e670fe42b9791193"
    assert MPK_R_FORKED.hex() == "a0d4f2bc232deb9fcfdae85ea6e7630f"
    assert TGK_FORKED.hex() == "5ea6719062670aa2a544e2059ae558bf"


def test_message_keys() -> None:
    """RFC 6043 section 5.1: labels 01, 02 and 04."""
    initial = initial_message_keys(SHA256, MPK_I, CSB_ID, rand_i=RAND_I)
    assert initial.auth_key(2).hex() == "7956f96f75eb03ee8c174af3a5f0c46041ccd4d5722c952fee67d6a5c3b9a06e"
    assert initial.encr_key(EncrAlg.AES_CM_128).hex() == "aa95d7c7199722afe52c0e48e811355a"
    assert initial.salt_key(EncrAlg.AES_CM_128).hex() == "91d8734dedf69d0e9c578829fed8"
    forked = response_message_keys(SHA256, MPK_R_FORKED, CSB_ID, rand_i=RAND_I, rand_r=RAND_R)
    assert forked.auth_key(2).hex() == "fe92397c2d8f617a5a8db3c9873ad69b1f4ae562905b46a02d03f112a8c45c76"
    plain = response_message_keys(SHA256, MPK_I, CSB_ID, rand_i=RAND_I, rand_r=RAND_R)
    assert plain.auth_key(2).hex() == "7f70307e39a83d8609e9742a4868533fb45a1e25f4f41c07268d058d08a077d2"
    assert vr_keys(SHA256, MPK_R).auth_key(2).hex() == (
        "ab2a40e4ade4107c9f45d71474a190da659ea673ea0ebea43fdbb31f5408b583"
    )


@pytest.mark.parametrize(
    ("function", "tgk", "rands", "length", "expected"),
    [
        (SHA256, TGK, (RAND_I, RAND_R), 16, "c4a01198a59512461b808d24ba1e480a"),
        (SHA256, TGK, (RAND_I, b""), 16, "2c490acf3ea9994ddae12309fb6edd33"),
        (SHA256, TGK, (b"", RAND_R), 16, "ea9ed4f5d1585b82264bc4d4f211a3b4"),
        (SHA256, TGK_FORKED, (RAND_I, RAND_R), 16, "d73b445215885ef24535de9e1e5e9a55"),
        (
            SHA256,
            TGK_FORKED,
            (RAND_I, RAND_R),
            32,
            "d73b445215885ef24535de9e1e5e9a55503fcbd6decafe4d9d504a8efad3f7a5",
        ),
        (SHA1, TGK_FORKED, (RAND_I, RAND_R), 16, "84811e0c3e71f3ac6bb14e97aa1f27c7"),
    ],
)
def test_tek(function: int, tgk: bytes, rands: tuple[bytes, bytes], length: int, expected: str) -> None:
    """RFC 6043 section 5.1: label 03; RANDRi if H, RANDRr if G; the PRF of the header, whatever forked the TGK."""
    rand_i, rand_r = rands
    found = session_key(function, tgk, SessionConstant.TEK, 1, length, rand_i=rand_i, rand_r=rand_r)
    assert found.hex() == expected


def test_rfc3830() -> None:
    """RFC 3830 sections 4.1.2 to 4.1.4, also with a key of two blocks."""
    tek = rfc3830_session_key(SHA1, TGK, SessionConstant.TEK, 1, CSB_ID, RAND_I, 16)
    assert tek.hex() == "fd7433cbfd6c1dd042d0a606b5482875"
    auth_key = psk_message_keys(SHA1, TPK, CSB_ID, RAND_I).auth_key(1)
    assert auth_key.hex() == "cbdbf0eed133cbcf61e2de9b1b21f1c3c8171261"
    long = rfc3830_session_key(SHA256, bytes(range(48)), SessionConstant.TEK, 1, CSB_ID, RAND_I, 40)
    assert long.hex() == "68243e68c665736fd7bd5b6d6fce297e9936efe9fddef297354e05d8230bec6668cba1c9540de6f7"


def test_prf_refusals() -> None:
    """What is not registered, or beyond reason, is refused: the work would grow with the square of the length."""
    with pytest.raises(ValueError, match="PRF function 7"):
        prf(7, b"k", b"l", 16)
    with pytest.raises(ValueError, match="1024"):
        prf(1, bytes(1025), b"l", 16)
    with pytest.raises(ValueError, match="1024"):
        prf(1, b"k", b"l", 1025)
    with pytest.raises(ValueError, match="MAC algorithm 9"):
        ticket_keys(SHA256, TPK, TICKET_RAND).auth_key(9)


KEYS = (
    KeyData(KeyDataType.MPK, MPK, validity=Spi(b"\0\0\0\1")),
    KeyData(KeyDataType.TEK_SALT, TGK, b"salt of 14 oct", Spi(b"\0\0\0\2")),
)


@pytest.mark.parametrize("alg", EncrAlg)
def test_kemac_there_and_back(alg: EncrAlg) -> None:
    """Each algorithm of RFC 3830 section 6.2 and RFC 6043 section 6.3 gives the keys back, and hides them."""
    protection = initial_message_keys(SHA256, MPK_I, CSB_ID, rand_i=RAND_I)
    kemac = encrypt_keys(KEYS, protection, alg, CSB_ID, bytes(8))
    assert decrypt_keys(kemac, protection, CSB_ID, bytes(8)) == KEYS
    assert (MPK in kemac.encr_data) == (alg == EncrAlg.NULL)
    if alg != EncrAlg.NULL:
        wrong = initial_message_keys(SHA256, MPK_R, CSB_ID, rand_i=RAND_I)
        with pytest.raises(DecodeError):
            decrypt_keys(kemac, wrong, CSB_ID, bytes(8))


@pytest.mark.parametrize("size", [16, 24, 64])
def test_key_wrap_is_that_of_rfc_3394(size: int) -> None:
    """With the default initial value it must give what OpenSSL gives; MIKEY puts a salt in its place."""
    default = b"\xa6" * 8
    assert _wrap(TPK, default, bytes(range(size))) == aes_key_wrap(TPK, bytes(range(size)))
    assert _unwrap(TPK, default, aes_key_wrap(TPK, bytes(range(size)))) == bytes(range(size))


def test_keys_are_not_in_repr() -> None:
    """Keys are never printed unless asked for."""
    assert repr(KEYS[1]) == "KeyData(key_type=<KeyDataType.TEK_SALT: 3>, validity=Spi(spi=b'\\x00\\x00\\x00\\x02'))"
    assert repr(TPK) not in repr(ticket_keys(SHA256, TPK, TICKET_RAND))
