"""Key derivation (RFC 3830 sections 4.1.3 and 4.1.4; RFC 6043 sections 5.1 and A): the labels of every key.

Lengths are in octets. RFC 3830 puts the CSB ID into every label; RFC 6043 puts it into those of message keys only and
has FFFFFFFF elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from dissectors.mikey.numbers import EncrAlg, MacAlg
from dissectors.mikey.octets import push_int, push_vector
from dissectors.mikey.prf import prf


class SessionConstant(Enum):
    """What is derived from a TGK for a crypto session."""

    TEK = bytes.fromhex("2AD01C64")
    AUTHENTICATION_KEY = bytes.fromhex("1B5C7973")
    ENCRYPTION_KEY = bytes.fromhex("15798CEF")
    SALTING_KEY = bytes.fromhex("39A2C14B")


class MessageConstant(Enum):
    """What is derived to protect messages and tickets."""

    ENCR_KEY = bytes.fromhex("150533E1")
    AUTH_KEY = bytes.fromhex("2D22AC75")
    SALT_KEY = bytes.fromhex("29B88916")


MPKR_FORK = bytes.fromhex("2B288856")
TGK_FORK = bytes.fromhex("1512B54A")
MPKI = bytes.fromhex("220E99A2")
MPKR = bytes.fromhex("1F4D675B")

_NO_CS = b"\xff"
_NO_CSB = b"\xff\xff\xff\xff"

ENCR_KEY_LENGTH: dict[int, int] = {
    EncrAlg.NULL: 0,
    EncrAlg.AES_CM_128: 16,
    EncrAlg.AES_KW_128: 16,
    EncrAlg.AES_CM_256: 32,
}
SALT_KEY_LENGTH: dict[int, int] = {
    EncrAlg.NULL: 0,
    EncrAlg.AES_CM_128: 14,
    EncrAlg.AES_KW_128: 8,
    EncrAlg.AES_CM_256: 14,
}
AUTH_KEY_LENGTH: dict[int, int] = {MacAlg.NULL: 0, MacAlg.HMAC_SHA_1_160: 20, MacAlg.HMAC_SHA_256_256: 32}


@dataclass(frozen=True, slots=True)
class ProtectionKeys:
    """The source of the keys that protect one message or ticket: a key, and the label behind the constant."""

    prf: int
    inkey: bytes = field(repr=False)
    label: bytes

    def derive(self, constant: MessageConstant, length: int) -> bytes:
        """An encryption, authentication or salting key."""
        return prf(self.prf, self.inkey, constant.value + self.label, length)

    def auth_key(self, mac_alg: int) -> bytes:
        """The authentication key for a MAC algorithm; ValueError for one that is not registered."""
        if mac_alg not in AUTH_KEY_LENGTH:
            raise ValueError(f"MAC algorithm {mac_alg} is not known")
        return self.derive(MessageConstant.AUTH_KEY, AUTH_KEY_LENGTH[mac_alg])

    def encr_key(self, encr_alg: int) -> bytes:
        """The encryption key for an algorithm; ValueError for one that is not registered."""
        if encr_alg not in ENCR_KEY_LENGTH:
            raise ValueError(f"encryption algorithm {encr_alg} is not known")
        return self.derive(MessageConstant.ENCR_KEY, ENCR_KEY_LENGTH[encr_alg])

    def salt_key(self, encr_alg: int) -> bytes:
        """The salting key for an algorithm."""
        if encr_alg not in SALT_KEY_LENGTH:
            raise ValueError(f"encryption algorithm {encr_alg} is not known")
        return self.derive(MessageConstant.SALT_KEY, SALT_KEY_LENGTH[encr_alg])


def _csb(csb_id: int) -> bytes:
    return push_int(csb_id, 4, "CSB ID")


def psk_message_keys(function: int, inkey: bytes, csb_id: int, rand: bytes) -> ProtectionKeys:
    """Keys of a message of RFC 3830, from the pre-shared or the envelope key (section 4.1.4)."""
    return ProtectionKeys(function, inkey, _NO_CS + _csb(csb_id) + rand)


def initial_message_keys(
    function: int, inkey: bytes, csb_id: int, *, rand_i: bytes = b"", rand_r: bytes = b""
) -> ProtectionKeys:
    """Keys of an initial message of RFC 6043: REQUEST_INIT, TRANSFER_INIT (RANDRi), RESOLVE_INIT (RANDRr)."""
    label = _NO_CS + _csb(csb_id) + b"\x01" + push_vector(rand_i, 1) + push_vector(rand_r, 1)
    return ProtectionKeys(function, inkey, label)


def response_message_keys(
    function: int, inkey: bytes, csb_id: int, *, rand_i: bytes = b"", rand_r: bytes = b""
) -> ProtectionKeys:
    """Keys of a response of RFC 6043. TRANSFER_RESP: from MPKr' when keys are forked, else from MPKi."""
    label = _NO_CS + _csb(csb_id) + b"\x02" + push_vector(rand_i, 1) + push_vector(rand_r, 1)
    return ProtectionKeys(function, inkey, label)


def vr_keys(function: int, mpk_r: bytes) -> ProtectionKeys:
    """Keys of Vr in the initiator data, from the MPKr that is not forked."""
    return ProtectionKeys(function, mpk_r, _NO_CS + _NO_CSB + b"\x04")


def ticket_keys(function: int, ticket_protection_key: bytes, rand: bytes) -> ProtectionKeys:
    """Keys of a base ticket, with the PRF of the ticket's policy and the RAND of its ticket data."""
    return ProtectionKeys(function, ticket_protection_key, _NO_CS + _NO_CSB + b"\x05" + push_vector(rand, 1))


def split_mpk(function: int, mpk: bytes, rand: bytes) -> tuple[bytes, bytes]:
    """MPKi and MPKr from the MPK of a base ticket."""
    label = _NO_CS + _NO_CSB + b"\x06" + push_vector(rand, 1)
    return prf(function, mpk, MPKI + label, len(mpk)), prf(function, mpk, MPKR + label, len(mpk))


def fork_key(function: int, constant: bytes, key: bytes, id_r: bytes, rand_kms: bytes) -> bytes:
    """MPKr' or TGK' (`MPKR_FORK`, `TGK_FORK`), for the identity that answers; PRF of the ticket's policy."""
    label = _NO_CS + _NO_CSB + b"\x00" + push_vector(id_r, 2) + push_vector(rand_kms, 1)
    return prf(function, key, constant + label, len(key))


def session_key(
    function: int,
    tgk: bytes,
    constant: SessionConstant,
    cs_id: int,
    length: int,
    *,
    rand_i: bytes = b"",
    rand_r: bytes = b"",
) -> bytes:
    """A key of a crypto session in RFC 6043; PRF of the header. RANDRi only if the flag H is set, RANDRr only if G."""
    label = push_int(cs_id, 1, "CS ID") + _NO_CSB + b"\x03" + push_vector(rand_i, 1) + push_vector(rand_r, 1)
    return prf(function, tgk, constant.value + label, length)


def rfc3830_session_key(
    function: int, tgk: bytes, constant: SessionConstant, cs_id: int, csb_id: int, rand: bytes, length: int
) -> bytes:
    """A key of a crypto session in RFC 3830 (section 4.1.3)."""
    return prf(function, tgk, constant.value + push_int(cs_id, 1, "CS ID") + _csb(csb_id) + rand, length)
