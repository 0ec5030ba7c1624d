"""One MIKEY message: HDR and its payloads (RFC 3830 sections 5 and 6; RFC 6043).

The octets of a decoded message are kept: MACs are over what was sent, not over what would be written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from dissectors.errors import DecodeError
from dissectors.mikey.chain import Payload, first_type, pull_chain, push_chain
from dissectors.mikey.header import Header, OpaqueMap, pull_header
from dissectors.mikey.numbers import DataType, IdRole, PayloadType, RandRole
from dissectors.mikey.octets import Reader
from dissectors.mikey.payloads import Timestamp, Verification
from dissectors.mikey.ticket_payloads import Idr, Randr, Ticket

P = TypeVar("P", bound=Payload)

MAX_OCTETS = 1 << 18
"Longer messages are refused: the largest TICKET has 196 KiB, and memory for what is read is bounded."


@dataclass(frozen=True, slots=True)
class MikeyMessage:
    """A message; make new ones with `make_message`, which fills in the octets."""

    header: Header
    payloads: tuple[Payload, ...] = ()
    trailing: bytes = b""
    "Octets behind the last payload; they belong to no payload and are no part of what a MAC covers."
    octets: bytes = field(default=b"", repr=False, compare=False)
    "The message as it was decoded, `trailing` included."
    starts: tuple[int, ...] = field(default=(), repr=False, compare=False)
    "Offset of each payload in `octets`."

    @property
    def data_type(self) -> int:
        """A `DataType`, or another number."""
        return self.header.data_type

    def all(self, kind: type[P]) -> list[P]:
        """All payloads of a class, in order."""
        return [each for each in self.payloads if isinstance(each, kind)]

    def first(self, kind: type[P]) -> P | None:
        """The first payload of a class."""
        return next((each for each in self.payloads if isinstance(each, kind)), None)

    def identity(self, role: IdRole) -> Idr | None:
        """The IDR with this role."""
        return next((each for each in self.all(Idr) if each.role == role), None)

    def rand(self, role: RandRole) -> bytes | None:
        """The random value of the RANDR with this role."""
        return next((each.rand for each in self.all(Randr) if each.role == role), None)

    @property
    def timestamp(self) -> Timestamp | None:
        """T."""
        return self.first(Timestamp)

    @property
    def ticket(self) -> Ticket | None:
        """TICKET."""
        return self.first(Ticket)

    @property
    def verification(self) -> Verification | None:
        """V, if it is the last payload, where it has to be (RFC 3830 section 5.1)."""
        last = self.payloads[-1] if self.payloads else None
        return last if isinstance(last, Verification) else None


def decode_mikey(data: bytes) -> MikeyMessage:
    """Read one message; DecodeError when a payload is cut short or it is not version 1."""
    if len(data) > MAX_OCTETS:
        raise DecodeError("MIKEY message", MAX_OCTETS, f"longer than {MAX_OCTETS} octets")
    data = bytes(data)
    reader = Reader(data, "MIKEY header")
    header, first = pull_header(reader)
    if isinstance(header.cs_map, OpaqueMap):
        return MikeyMessage(header, octets=data)
    chain = pull_chain(reader, first)
    return MikeyMessage(header, chain.payloads, data[chain.end :], data, chain.starts)


def encode_mikey(message: MikeyMessage) -> bytes:
    """The octets of a message, from its fields; ValueError when one does not fit."""
    cs_map = message.header.cs_map
    if isinstance(cs_map, OpaqueMap):
        if message.payloads or message.trailing:
            raise ValueError("a header with an unknown map holds the payloads in it")
        return message.header.encode(cs_map.next_payload)
    if any(each.payload_type == PayloadType.LAST_PAYLOAD for each in message.payloads):
        raise ValueError("no payload has the type 0")
    return message.header.encode(first_type(message.payloads)) + push_chain(message.payloads) + message.trailing


def make_message(header: Header, payloads: Sequence[Payload]) -> MikeyMessage:
    """A message to send, with its octets."""
    return decode_mikey(encode_mikey(MikeyMessage(header, tuple(payloads))))


TICKET_MESSAGES = frozenset(
    {
        *(DataType.REQUEST_INIT_PSK, DataType.REQUEST_INIT_PK, DataType.REQUEST_RESP),
        *(DataType.TRANSFER_INIT, DataType.TRANSFER_RESP),
        *(DataType.RESOLVE_INIT_PSK, DataType.RESOLVE_INIT_PK, DataType.RESOLVE_RESP),
    }
)
"The messages of RFC 6043, errors apart."
