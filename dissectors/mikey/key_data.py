"""Key data sub-payloads and key validity (RFC 3830 sections 6.13 and 6.14; RFC 6043 section 6.9)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from dissectors.mikey.numbers import KeyDataType, KeyValidity, PayloadType, known
from dissectors.mikey.octets import Reader, push_nibbles, push_vector

_SALTED = frozenset({KeyDataType.TGK_SALT, KeyDataType.TEK_SALT, KeyDataType.GTGK_SALT})


class UnknownLengthError(Exception):
    """Raised inside the codec where a number is unregistered on which a length depends."""


@dataclass(frozen=True, slots=True)
class Spi:
    """KV 1: the key belongs to this SPI or MKI."""

    spi: bytes

    kind = KeyValidity.SPI

    def encode(self) -> bytes:
        return push_vector(self.spi, 1, "an SPI")


@dataclass(frozen=True, slots=True)
class Interval:
    """KV 2: the key is valid from one index or time to another; each is as long as it likes."""

    valid_from: bytes
    valid_to: bytes

    kind = KeyValidity.INTERVAL

    def encode(self) -> bytes:
        return push_vector(self.valid_from, 1, "an interval") + push_vector(self.valid_to, 1, "an interval")


Validity: TypeAlias = Spi | Interval | None


def pull_validity(reader: Reader, kind: int) -> Validity:
    """The KV data of this kind; None for KV 0."""
    if kind == KeyValidity.NULL:
        return None
    if kind == KeyValidity.SPI:
        return Spi(reader.pull_vector(1))
    if kind == KeyValidity.INTERVAL:
        return Interval(reader.pull_vector(1), reader.pull_vector(1))
    raise UnknownLengthError


def validity_kind(validity: Validity) -> int:
    """The number KV for a validity."""
    return KeyValidity.NULL if validity is None else validity.kind


@dataclass(frozen=True, slots=True)
class KeyData:
    """One key. Its octets are left out of `repr`."""

    key_type: int
    "A `KeyDataType`."
    key: bytes = field(repr=False)
    salt: bytes | None = field(default=None, repr=False)
    "Present exactly for the types that have `SALT` in their name."
    validity: Validity = None

    payload_type = PayloadType.KEY_DATA

    @property
    def spi(self) -> bytes:
        """The SPI, empty when the key has none."""
        return self.validity.spi if isinstance(self.validity, Spi) else b""

    def body(self) -> bytes:
        if (self.salt is not None) != (self.key_type in _SALTED):
            raise ValueError("a salt goes with the key data types that have SALT in their name, and with no other")
        return (
            push_nibbles(self.key_type, validity_kind(self.validity), "key data type")
            + push_vector(self.key, 2, "a key")
            + (b"" if self.salt is None else push_vector(self.salt, 2, "a salt"))
            + (b"" if self.validity is None else self.validity.encode())
        )

    @classmethod
    def pull(cls, reader: Reader, next_payload: int) -> KeyData:
        kinds = reader.pull_int(1)
        key_type = known(KeyDataType, kinds >> 4)
        if not isinstance(key_type, KeyDataType):
            raise UnknownLengthError  # it may have a salt or not
        key = reader.pull_vector(2)
        salt = reader.pull_vector(2) if key_type in _SALTED else None
        return cls(key_type, key, salt, pull_validity(reader, kinds & 15))
