"""Chains of payloads: each names the type of the next (RFC 3830 section 5.1); the same in messages and inside tickets.

A payload names a type, never a place, so a chain cannot come back to itself: each one takes at least its own octets,
and reading is linear. Where a number is unregistered on which a length depends, that payload and all behind it are kept
as one `OpaquePayload`, so that what was read can be written again octet for octet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from dissectors.errors import DecodeError
from dissectors.mikey.identity_payloads import Esk, Ibake, Sakke
from dissectors.mikey.key_data import KeyData, UnknownLengthError
from dissectors.mikey.numbers import PayloadType, known
from dissectors.mikey.octets import Reader
from dissectors.mikey.payloads import (
    Cert,
    Chash,
    Dh,
    Err,
    GeneralExt,
    Id,
    Kemac,
    Pke,
    Rand,
    SecurityPolicy,
    Sign,
    Timestamp,
    Verification,
)
from dissectors.mikey.ticket_payloads import Idr, Randr, Ticket, Tp, Tr


class Payload(Protocol):
    """What every payload can do."""

    @property
    def payload_type(self) -> int:
        """Its number, a `PayloadType` if registered."""
        ...

    def body(self) -> bytes:
        """Its octets behind the next payload octet; ValueError when a field does not fit."""
        ...


class PayloadClass(Protocol):
    """How a payload is read."""

    @property
    def payload_type(self) -> int: ...

    def pull(self, reader: Reader, next_payload: int) -> Payload: ...


PAYLOADS: tuple[PayloadClass, ...] = (
    *(Kemac, Pke, Dh, Sign, Timestamp, Id, Cert, Chash, Verification, SecurityPolicy, Rand, Err),
    *(Tr, Idr, Randr, Tp, Ticket, KeyData, GeneralExt, Ibake, Esk, Sakke),
)
"Every payload that is taken apart; a new one is a class and its name here."

_BY_TYPE = {int(each.payload_type): each for each in PAYLOADS}
_UNSURE = frozenset({PayloadType.IBAKE, PayloadType.ESK})  # their layout could not be checked with RFC 6267


@dataclass(frozen=True, slots=True)
class OpaquePayload:
    """A payload whose length cannot be known, with everything behind it; always the last of its chain."""

    payload_type: int
    data: bytes
    "From its own next payload octet on."

    def body(self) -> bytes:
        return self.data


@dataclass(frozen=True, slots=True)
class Chain:
    """The payloads of one chain."""

    payloads: tuple[Payload, ...]
    starts: tuple[int, ...]
    "Offset of each payload in the octets that were read."
    end: int
    "Offset behind the last payload: what is between it and the end of the octets belongs to none."


def pull_chain(reader: Reader, first: int) -> Chain:
    """Read payloads, the first of type `first`, up to one that says it is the last."""
    payloads: list[Payload] = []
    starts = []
    payload_type = first
    while payload_type != PayloadType.LAST_PAYLOAD:
        start = reader.at
        starts.append(start)
        kind = _BY_TYPE.get(payload_type)
        try:
            if kind is None:
                raise UnknownLengthError
            # SIGN has no next payload octet (section 6.5).
            following = 0 if payload_type == PayloadType.SIGN else reader.pull_int(1)
            payloads.append(kind.pull(reader, following))
        except (UnknownLengthError, DecodeError) as error:
            if isinstance(error, DecodeError) and payload_type not in _UNSURE:
                raise DecodeError(f"MIKEY payload {_name(payload_type)}", error.offset, error.why) from None
            reader.at = start
            payloads.append(OpaquePayload(known(PayloadType, payload_type), reader.pull_rest()))
            break
        payload_type = following
    return Chain(tuple(payloads), tuple(starts), reader.at)


def push_chain(payloads: Sequence[Payload]) -> bytes:
    """The octets of a chain; ValueError when something follows a SIGN or an opaque payload."""
    parts = []
    for place, payload in enumerate(payloads):
        last = place + 1 == len(payloads)
        if isinstance(payload, Sign | OpaquePayload):
            if not last:
                raise ValueError("nothing can follow a SIGN payload or one that is not understood")
            parts.append(payload.body())
        else:
            following = 0 if last else payloads[place + 1].payload_type
            parts += (bytes([following]), payload.body())
    return b"".join(parts)


def first_type(payloads: Sequence[Payload]) -> int:
    """The number that has to stand in front of a chain."""
    return payloads[0].payload_type if payloads else PayloadType.LAST_PAYLOAD


def decode_key_chain(data: bytes) -> tuple[KeyData, ...]:
    """Key data sub-payloads, as the decrypted Encr data of a KEMAC has them.

    DecodeError when there is anything else, as after decrypting with a wrong key. Zero octets behind the last one are
    padding (AES-KW encrypts whole blocks of eight octets).
    """
    reader = Reader(data, "MIKEY key data")
    chain = pull_chain(reader, PayloadType.KEY_DATA)
    keys = tuple(each for each in chain.payloads if isinstance(each, KeyData))
    if len(keys) != len(chain.payloads):
        raise DecodeError("MIKEY key data", chain.starts[len(keys)], "not a key data sub-payload")
    if data[chain.end :].strip(b"\0"):
        raise DecodeError("MIKEY key data", chain.end, "octets behind the last key")
    return keys


def _name(payload_type: int) -> str:
    number = known(PayloadType, payload_type)
    return number.name if isinstance(number, PayloadType) else str(number)
