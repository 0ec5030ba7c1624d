"""Payloads of identity based modes, structurally: IBAKE and ESK (RFC 6267), SAKKE (RFC 6509).

SK and ECCPT of RFC 6267 stand only inside what an IBAKE payload encrypts. They have no class here: in a chain they are
kept byte for byte, with all that follows.
"""

from __future__ import annotations

from dataclasses import dataclass

from dissectors.mikey.numbers import PayloadType
from dissectors.mikey.octets import Reader, push_int, push_vector


@dataclass(frozen=True, slots=True)
class Ibake:
    """Data encrypted to an identity (RFC 6267)."""

    data: bytes

    payload_type = PayloadType.IBAKE

    def body(self) -> bytes:
        return push_vector(self.data, 2, "IBAKE data")

    @classmethod
    def pull(cls, reader: Reader, next_payload: int) -> Ibake:
        return cls(reader.pull_vector(2))


@dataclass(frozen=True, slots=True)
class Esk:
    """An encrypted secret key (RFC 6267)."""

    data: bytes

    payload_type = PayloadType.ESK

    def body(self) -> bytes:
        return push_vector(self.data, 2, "ESK data")

    @classmethod
    def pull(cls, reader: Reader, next_payload: int) -> Esk:
        return cls(reader.pull_vector(2))


@dataclass(frozen=True, slots=True)
class Sakke:
    """SAKKE encapsulated data (RFC 6509 section 4.2)."""

    params: int
    "SAKKE parameter set; 1 is the one of RFC 6509."
    id_scheme: int
    "1: tel URI with monthly keys."
    data: bytes

    payload_type = PayloadType.SAKKE

    def body(self) -> bytes:
        return (
            push_int(self.params, 1, "SAKKE params")
            + push_int(self.id_scheme, 1, "ID scheme")
            + push_vector(self.data, 2, "SAKKE data")
        )

    @classmethod
    def pull(cls, reader: Reader, next_payload: int) -> Sakke:
        return cls(reader.pull_int(1), reader.pull_int(1), reader.pull_vector(2))
