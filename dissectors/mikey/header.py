"""The common header HDR with its map of crypto sessions (RFC 3830 section 6.1; RFC 4563; RFC 6043 section 6.1).

The map has no length of its own: #CS and the map type tell it. Of an unregistered map type the length is therefore
unknown, and everything behind the header is kept as it came (`OpaqueMap`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from dissectors.mikey.numbers import CsIdMapType, DataType, PrfFunc, ProtType, known
from dissectors.mikey.octets import Reader, push_int, push_vector

VERSION = 1


@dataclass(frozen=True, slots=True)
class SrtpCs:
    """One crypto session of an SRTP-ID map; its CS ID is its place in the map, counted from 1."""

    policy_no: int
    ssrc: int
    roc: int

    def encode(self) -> bytes:
        return push_int(self.policy_no, 1, "policy no") + push_int(self.ssrc, 4, "SSRC") + push_int(self.roc, 4, "ROC")


@dataclass(frozen=True, slots=True)
class SrtpIdMap:
    """Map type 0."""

    sessions: tuple[SrtpCs, ...] = ()

    map_type = CsIdMapType.SRTP_ID

    def encode(self) -> bytes:
        return b"".join(cs.encode() for cs in self.sessions)


@dataclass(frozen=True, slots=True)
class EmptyMap:
    """Map type 1 (RFC 4563): no map information, though #CS may be any number."""

    count: int = 0

    map_type = CsIdMapType.EMPTY_MAP

    def encode(self) -> bytes:
        return b""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenericCs:
    """One crypto session of a GENERIC-ID map (RFC 6043 section 6.1.1)."""

    cs_id: int
    prot_type: int
    "A `ProtType`, or another number: for TLS none is registered."
    session_flag: bool = False
    "S: for SRTP, whether ROC and SEQ are in the session data too."
    policies: tuple[int, ...] = ()
    "Policy numbers; none is allowed in an initial message, exactly one in a response."
    session_data: bytes = b""
    spi: bytes = b""
    "Selects the key; may be empty in an initial message."

    def encode(self) -> bytes:
        if len(self.policies) > 127:
            raise ValueError("a crypto session has more than 127 policies")
        return (
            push_int(self.cs_id, 1, "CS ID")
            + push_int(self.prot_type, 1, "Prot type")
            + bytes([self.session_flag << 7 | len(self.policies)])
            + b"".join(push_int(number, 1, "policy no") for number in self.policies)
            + push_vector(self.session_data, 2, "session data")
            + push_vector(self.spi, 1, "an SPI")
        )

    @classmethod
    def pull(cls, reader: Reader) -> GenericCs:
        cs_id, prot_type, flags = reader.pull(3)
        return cls(
            cs_id=cs_id,
            prot_type=known(ProtType, prot_type),
            session_flag=bool(flags & 0x80),
            policies=tuple(reader.pull(flags & 0x7F)),
            session_data=reader.pull_vector(2),
            spi=reader.pull_vector(1),
        )


@dataclass(frozen=True, slots=True)
class GenericIdMap:
    """Map type 2."""

    sessions: tuple[GenericCs, ...] = ()

    map_type = CsIdMapType.GENERIC_ID

    def encode(self) -> bytes:
        return b"".join(cs.encode() for cs in self.sessions)


@dataclass(frozen=True, slots=True)
class OpaqueMap:
    """A map of an unregistered type, and with it all the payloads: where they start cannot be known."""

    map_type: int
    count: int
    next_payload: int
    data: bytes

    def encode(self) -> bytes:
        return self.data


CsIdMap: TypeAlias = SrtpIdMap | EmptyMap | GenericIdMap | OpaqueMap


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """HDR. Its next payload is not here: the payloads of the message tell it."""

    data_type: int
    response_expected: bool = False
    "V. RFC 6043 contradicts itself about it (sections 4.2 and 6.1): never judge it."
    prf: int = PrfFunc.MIKEY_1
    csb_id: int = 0
    cs_map: CsIdMap = field(default_factory=EmptyMap)

    @property
    def cs_count(self) -> int:
        """#CS."""
        cs_map = self.cs_map
        return cs_map.count if isinstance(cs_map, EmptyMap | OpaqueMap) else len(cs_map.sessions)

    @property
    def crypto_sessions(self) -> tuple[GenericCs, ...]:
        """The crypto sessions with their CS IDs, in the shape of a GENERIC-ID map whatever the map type."""
        cs_map = self.cs_map
        if isinstance(cs_map, GenericIdMap):
            return cs_map.sessions
        if not isinstance(cs_map, SrtpIdMap):
            return ()
        return tuple(
            GenericCs(
                cs_id=number,
                prot_type=ProtType.SRTP,
                policies=(cs.policy_no,),
                session_data=cs.ssrc.to_bytes(4, "big"),
            )
            for number, cs in enumerate(cs_map.sessions, 1)
        )

    def encode(self, next_payload: int) -> bytes:
        """The octets of the header in front of a payload of type `next_payload`."""
        if not 0 <= self.prf < 128:
            raise ValueError(f"PRF func does not fit seven bits: {self.prf}")
        return (
            bytes([VERSION])
            + push_int(self.data_type, 1, "data type")
            + push_int(next_payload, 1, "next payload")
            + bytes([self.response_expected << 7 | self.prf])
            + push_int(self.csb_id, 4, "CSB ID")
            + push_int(self.cs_count, 1, "#CS")
            + push_int(self.cs_map.map_type, 1, "CS ID map type")
            + self.cs_map.encode()
        )


def pull_header(reader: Reader) -> tuple[Header, int]:
    """The header and the type of the payload behind it; DecodeError for another version than 1."""
    version = reader.pull_int(1)
    if version != VERSION:
        raise reader.fail(f"version {version}, not {VERSION}", reader.at - 1)
    data_type, next_payload, flags = reader.pull(3)
    csb_id = reader.pull_int(4)
    count, map_type = reader.pull(2)
    cs_map: CsIdMap
    if map_type == CsIdMapType.SRTP_ID:
        cs_map = SrtpIdMap(
            tuple(SrtpCs(reader.pull_int(1), reader.pull_int(4), reader.pull_int(4)) for _ in range(count))
        )
    elif map_type == CsIdMapType.EMPTY_MAP:
        cs_map = EmptyMap(count)
    elif map_type == CsIdMapType.GENERIC_ID:
        cs_map = GenericIdMap(tuple(GenericCs.pull(reader) for _ in range(count)))
    else:
        cs_map = OpaqueMap(map_type, count, next_payload, reader.pull_rest())
    header = Header(
        data_type=known(DataType, data_type),
        response_expected=bool(flags & 0x80),
        prf=known(PrfFunc, flags & 0x7F),
        csb_id=csb_id,
        cs_map=cs_map,
    )
    return header, next_payload
