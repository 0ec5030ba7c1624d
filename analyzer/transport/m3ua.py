"""M3UA Payload Data (RFC 4666 sections 3.1 and 3.3.1): H.248 between SS7 point codes rides in it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from struct import Struct

from dissectors.errors import DecodeError

PROTOCOL_DATA = 0x0210
"Tag of the parameter that holds the user's message."
TRANSFER, DATA = 1, 1
"Message class and type of Payload Data."

# version, reserved, class, type, length
_header = Struct(">BBBBI")
_parameter = Struct(">HH")
# originating and destination point code, service and network indicator, message priority, signalling link selection
_protocol_data = Struct(">IIBBBB")


class ServiceIndicator(IntEnum):
    """ITU-T Q.704 clause 14.2.1."""

    SCCP = 3
    TUP = 4
    ISUP = 5
    BICC = 13
    GATEWAY_CONTROL_PROTOCOL = 14
    "H.248."


@dataclass(slots=True)
class ProtocolData:
    """The Protocol Data parameter (RFC 4666 section 3.3.1)."""

    opc: int
    dpc: int
    service_indicator: int
    network_indicator: int
    message_priority: int
    link_selection: int
    payload: bytes


def decode_protocol_data(data: bytes) -> ProtocolData | None:
    """Read an M3UA message; None when it is none of Payload Data. Raises `DecodeError`."""
    if len(data) < 8:
        raise DecodeError("M3UA header", 0, "shorter than 8 octets")
    version, _, kind, number, length = _header.unpack_from(data)
    if version != 1:
        raise DecodeError("M3UA header", 0, f"version {version}")
    if (kind, number) != (TRANSFER, DATA):
        return None
    if length < 8 or length > len(data) + (-len(data) & 3):
        raise DecodeError("M3UA header", 4, "length does not fit the message")
    pos, end = 8, min(length, len(data))
    while pos + 4 <= end:
        tag, size = _parameter.unpack_from(data, pos)
        if size < 4 or pos + size > end:
            raise DecodeError("M3UA parameter", pos, "length does not fit the message")
        if tag == PROTOCOL_DATA:
            if size < 16:
                raise DecodeError("M3UA Protocol Data", pos, "shorter than its label")
            opc, dpc, si, ni, mp, sls = _protocol_data.unpack_from(data, pos + 4)
            return ProtocolData(opc, dpc, si, ni, mp, sls, data[pos + 16 : pos + size])
        pos += size + (-size & 3)
    raise DecodeError("M3UA message", end, "no Protocol Data")
