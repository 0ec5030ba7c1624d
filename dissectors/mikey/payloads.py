"""The payloads of RFC 3830 section 6, as values.

Each class has `payload_type`, its number in front of it; `body`, its octets behind the next payload octet; and `pull`,
which reads them again. SIGN alone has no next payload octet and is always the last (section 6.5).
"""

from __future__ import annotations

from dataclasses import dataclass

from dissectors.mikey.key_data import UnknownLengthError, Validity, pull_validity, validity_kind
from dissectors.mikey.numbers import (
    CertType,
    DhGroup,
    EncrAlg,
    EnvelopeCache,
    ErrorNo,
    ExtType,
    HashFunc,
    IdType,
    KeyIdType,
    MacAlg,
    PayloadType,
    ProtType,
    SignatureType,
    TsType,
    known,
)
from dissectors.mikey.octets import Reader, push_int, push_nibbles, push_vector
from dissectors.mikey.timestamps import TS_LENGTH, sixty_four_bits, unix_nanoseconds

MAC_LENGTH: dict[int, int] = {MacAlg.NULL: 0, MacAlg.HMAC_SHA_1_160: 20, MacAlg.HMAC_SHA_256_256: 32}
DH_LENGTH: dict[int, int] = {DhGroup.OAKLEY_5: 192, DhGroup.OAKLEY_1: 96, DhGroup.OAKLEY_2: 128}
HASH_LENGTH: dict[int, int] = {HashFunc.SHA_1: 20, HashFunc.MD5: 16, HashFunc.SHA_256: 32}


def _pull_mac(reader: Reader, mac_alg: int, next_payload: int) -> bytes:
    """A MAC; one of unregistered length is whatever is left, if nothing follows."""
    if mac_alg in MAC_LENGTH:
        return reader.pull(MAC_LENGTH[mac_alg])
    if next_payload != PayloadType.LAST_PAYLOAD:
        raise UnknownLengthError
    return reader.pull_rest()


def _check_length(what: str, number: int, value: bytes, lengths: dict[int, int]) -> bytes:
    if number in lengths and len(value) != lengths[number]:
        raise ValueError(f"a {what} of type {int(number)} has {lengths[number]} octets, not {len(value)}")
    return value


@dataclass(frozen=True, slots=True)
class Kemac:
    """Encrypted keys and a MAC (section 6.2); see `dissectors.mikey.kemac` for what is inside."""

    encr_alg: int
    encr_data: bytes
    mac_alg: int = MacAlg.NULL
    mac: bytes = b""

    payload_type = PayloadType.KEMAC

    def body(self) -> bytes:
        return (
            push_int(self.encr_alg, 1, "Encr alg")
            + push_vector(self.encr_data, 2, "Encr data")
            + push_int(self.mac_alg, 1, "MAC alg")
            + _check_length("MAC", self.mac_alg, self.mac, MAC_LENGTH)
        )

    @classmethod
    def pull(cls, reader: Reader, next_payload: int) -> Kemac:
        encr_alg = known(EncrAlg, reader.pull_int(1))
        encr_data = reader.pull_vector(2)
        mac_alg = known(MacAlg, reader.pull_int(1))
        return cls(encr_alg, encr_data, mac_alg, _pull_mac(reader, mac_alg, next_payload))


@dataclass(frozen=True, slots=True)
class Pke:
    """The envelope key, encrypted with a public key (section 6.3)."""

    cache: int
    data: bytes

    payload_type = PayloadType.PKE

    def body(self) -> bytes:
        if not 0 <= self.cache < 4 or len(self.data) > 0x3FFF:
            raise ValueError("C has two bits and the length of PKE 14")
        return push_int(self.cache << 14 | len(self.data), 2) + self.data

    @classmethod
    def pull(cls, reader: Reader, next_payload: int) -> Pke:
        both = reader.pull_int(2)
        return cls(known(EnvelopeCache, both >> 14), reader.pull(both & 0x3FFF))


@dataclass(frozen=True, slots=True)
class Dh:
    """A Diffie-Hellman value (section 6.4)."""

    group: int
    value: bytes
    validity: Validity = None
    reserved: int = 0

    payload_type = PayloadType.DH

    def body(self) -> bytes:
        return (
            push_int(self.group, 1, "DH-Group")
            + _check_length("DH value", self.group, self.value, DH_LENGTH)
            + push_nibbles(self.reserved, validity_kind(self.validity))
            + (b"" if self.validity is None else self.validity.encode())
        )

    @classmethod
    def pull(cls, reader: Reader, next_payload: int) -> Dh:
        group = known(DhGroup, reader.pull_int(1))
        if not isinstance(group, DhGroup):
            raise UnknownLengthError
        value = reader.pull(DH_LENGTH[group])
        kinds = reader.pull_int(1)
        return cls(group, value, pull_validity(reader, kinds & 15), kinds >> 4)


@dataclass(frozen=True, slots=True)
class Sign:
    """A signature (section 6.5)."""

    signature_type: int
    signature: bytes

    payload_type = PayloadType.SIGN

    def body(self) -> bytes:
        if not 0 <= self.signature_type < 16 or len(self.signature) > 0xFFF:
            raise ValueError("S type has four bits and the length of a signature 12")
        return push_int(self.signature_type << 12 | len(self.signature), 2) + self.signature

    @classmethod
    def pull(cls, reader: Reader, next_payload: int) -> Sign:
        both = reader.pull_int(2)
        return cls(known(SignatureType, both >> 12), reader.pull(both & 0xFFF))


@dataclass(frozen=True, slots=True)
class Timestamp:
    """T (section 6.6)."""

    ts_type: int
    value: bytes

    payload_type = PayloadType.T

    @property
    def sixty_four_bits(self) -> bytes:
        """The time as it enters IVs."""
        return sixty_four_bits(self.ts_type, self.value)

    @property
    def unix_nanoseconds(self) -> int | None:
        """The time in ns since 1970; None for a counter."""
        return unix_nanoseconds(self.ts_type, self.value)

    def body(self) -> bytes:
        return push_int(self.ts_type, 1, "TS type") + _check_length("time", self.ts_type, self.value, TS_LENGTH)

    @classmethod
    def pull(cls, reader: Reader, next_payload: int) -> Timestamp:
        ts_type = known(TsType, reader.pull_int(1))
        if not isinstance(ts_type, TsType):
            raise UnknownLengthError
        return cls(ts_type, reader.pull(TS_LENGTH[ts_type]))


@dataclass(frozen=True, slots=True)
class Id:
    """An identity (section 6.7); messages of MIKEY-TICKET have IDR in its place."""

    id_type: int
    data: bytes

    payload_type = PayloadType.ID

    def body(self) -> bytes:
        return push_int(self.id_type, 1, "ID type") + push_vector(self.data, 2, "an identity")

    @classmethod
    def pull(cls, reader: Reader, next_payload: int) -> Id:
        return cls(known(IdType, reader.pull_int(1)), reader.pull_vector(2))


@dataclass(frozen=True, slots=True)
class Cert:
    """A certificate, or the URL of one (section 6.7)."""

    cert_type: int
    data: bytes

    payload_type = PayloadType.CERT

    def body(self) -> bytes:
        return push_int(self.cert_type, 1, "Cert type") + push_vector(self.data, 2, "a certificate")

    @classmethod
    def pull(cls, reader: Reader, next_payload: int) -> Cert:
        return cls(known(CertType, reader.pull_int(1)), reader.pull_vector(2))


@dataclass(frozen=True, slots=True)
class Chash:
    """The hash of the certificate in use (section 6.8)."""

    hash_func: int
    hash: bytes

    payload_type = PayloadType.CHASH

    def body(self) -> bytes:
        return push_int(self.hash_func, 1, "Hash func") + _check_length("hash", self.hash_func, self.hash, HASH_LENGTH)

    @classmethod
    def pull(cls, reader: Reader, next_payload: int) -> Chash:
        hash_func = known(HashFunc, reader.pull_int(1))
        if not isinstance(hash_func, HashFunc):
            raise UnknownLengthError
        return cls(hash_func, reader.pull(HASH_LENGTH[hash_func]))


@dataclass(frozen=True, slots=True)
class Verification:
    """V, a MAC (section 6.9); what it covers depends on the message, see `dissectors.mikey.mac`."""

    auth_alg: int
    mac: bytes

    payload_type = PayloadType.V

    def body(self) -> bytes:
        return push_int(self.auth_alg, 1, "Auth alg") + _check_length("MAC", self.auth_alg, self.mac, MAC_LENGTH)

    @classmethod
    def pull(cls, reader: Reader, next_payload: int) -> Verification:
        auth_alg = known(MacAlg, reader.pull_int(1))
        return cls(auth_alg, _pull_mac(reader, auth_alg, next_payload))


@dataclass(frozen=True, slots=True)
class SecurityPolicy:
    """SP (section 6.10)."""

    policy_no: int
    prot_type: int
    params: tuple[tuple[int, bytes], ...] = ()
    "Type and value of each parameter, as sent; for SRTP the types are `SrtpParam`."

    payload_type = PayloadType.SP

    def body(self) -> bytes:
        params = b"".join(push_int(kind, 1) + push_vector(value, 1, "a parameter") for kind, value in self.params)
        return (
            push_int(self.policy_no, 1, "policy no")
            + push_int(self.prot_type, 1, "Prot type")
            + push_vector(params, 2, "the policy parameters")
        )

    @classmethod
    def pull(cls, reader: Reader, next_payload: int) -> SecurityPolicy:
        policy_no, prot_type = reader.pull(2)
        size = reader.pull_int(2)
        if size > reader.left:
            raise reader.fail(f"{size} octets of policy parameters are announced, {reader.left} are there")
        end = reader.at + size
        params = []
        inside = Reader(reader.data, reader.what, reader.at, end)
        while inside.left:
            params.append((inside.pull_int(1), inside.pull_vector(1)))
        reader.at = end
        return cls(policy_no, known(ProtType, prot_type), tuple(params))


@dataclass(frozen=True, slots=True)
class Rand:
    """RAND, a random value (section 6.11)."""

    rand: bytes

    payload_type = PayloadType.RAND

    def body(self) -> bytes:
        return push_vector(self.rand, 1, "a RAND")

    @classmethod
    def pull(cls, reader: Reader, next_payload: int) -> Rand:
        return cls(reader.pull_vector(1))


@dataclass(frozen=True, slots=True)
class Err:
    """ERR (section 6.12)."""

    error_no: int
    reserved: bytes = b"\0\0"

    payload_type = PayloadType.ERR

    def body(self) -> bytes:
        if len(self.reserved) != 2:
            raise ValueError("the reserved field of ERR has two octets")
        return push_int(self.error_no, 1, "Error no") + self.reserved

    @classmethod
    def pull(cls, reader: Reader, next_payload: int) -> Err:
        return cls(known(ErrorNo, reader.pull_int(1)), reader.pull(2))


@dataclass(frozen=True, slots=True)
class GeneralExt:
    """A general extension (section 6.15)."""

    ext_type: int
    data: bytes

    payload_type = PayloadType.GENERAL_EXT

    def body(self) -> bytes:
        return push_int(self.ext_type, 1, "extension type") + push_vector(self.data, 2, "an extension")

    @classmethod
    def pull(cls, reader: Reader, next_payload: int) -> GeneralExt:
        return cls(known(ExtType, reader.pull_int(1)), reader.pull_vector(2))

    def key_ids(self) -> tuple[tuple[int, bytes], ...]:
        """Type and id of each item of a Key ID extension (RFC 4563); DecodeError when they do not fill it."""
        reader = Reader(self.data, "MIKEY Key ID extension")
        found = []
        while reader.left:
            found.append((known(KeyIdType, reader.pull_int(1)), reader.pull_vector(1)))
        return tuple(found)

    def sdp_ids(self) -> tuple[str, ...]:
        """The key management protocols of an SDP IDs extension (RFC 4567 section 3.4): `mikey`."""
        return tuple(self.data.decode("ascii", "replace").split(";"))
