"""SCTP packets taken apart: common header and chunks (RFC 9260 section 3), I-DATA (RFC 8260 section 2.1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from struct import Struct

from analyzer.transport.flow import FlowKey

HEADER_SIZE = 12
"Source port, destination port, verification tag, checksum."


class ChunkType(IntEnum):
    """IANA registry of SCTP chunk types."""

    DATA = 0
    INIT = 1
    INIT_ACK = 2
    SACK = 3
    HEARTBEAT = 4
    HEARTBEAT_ACK = 5
    ABORT = 6
    SHUTDOWN = 7
    SHUTDOWN_ACK = 8
    ERROR = 9
    COOKIE_ECHO = 10
    COOKIE_ACK = 11
    ECNE = 12
    CWR = 13
    SHUTDOWN_COMPLETE = 14
    AUTH = 15
    I_DATA = 64
    ASCONF_ACK = 128
    RE_CONFIG = 130
    PAD = 132
    FORWARD_TSN = 192
    ASCONF = 193
    I_FORWARD_TSN = 194


_CHUNK_NAMES = {int(each): each.name for each in ChunkType}

# type, flags, length
_chunk = Struct(">BBH")
# TSN, stream identifier, stream sequence number, payload protocol identifier
_data = Struct(">IHHI")
# TSN, stream identifier, reserved, message identifier, payload protocol identifier (first fragment) or fragment number
_i_data = Struct(">IHHII")
_u32 = Struct(">I")

END, BEGIN, UNORDERED = 0x01, 0x02, 0x04
"Flags of DATA (RFC 9260 section 3.3.1)."


@dataclass(slots=True)
class Fragment:
    """One DATA or I-DATA chunk."""

    tsn: int
    stream: int
    sequence: int
    "Stream sequence number (16 bits), or the message identifier (32 bits) of I-DATA."
    ppid: int
    number: int
    "What counts fragments of a message: the TSN of DATA, the fragment sequence number of I-DATA."
    begin: bool
    end: bool
    ordered: bool
    interleaved: bool
    "I-DATA."
    payload: bytes
    frame: int
    time: int
    flow_key: FlowKey


@dataclass(slots=True)
class Acknowledgment:
    """The cumulative TSN that SACK or SHUTDOWN acknowledges."""

    tsn: int


def chunks_of(
    packet: bytes, frame: int, time: int, flow_key: FlowKey, counts: Counter[str], faults: Counter[str]
) -> Iterator[Fragment | Acknowledgment]:
    """Walk the chunks of an SCTP packet that starts with its common header.

    Every chunk adds to `counts` under its name; one that cannot be read adds to `faults` and, where its length cannot
    be trusted, ends the walk.
    """
    pos, size = HEADER_SIZE, len(packet)
    if size < HEADER_SIZE:
        faults["truncated common header"] += 1
        return
    while pos < size:
        if size - pos < 4:
            if packet[pos:].strip(b"\0"):
                faults["truncated chunk"] += 1
            return
        kind, flags, length = _chunk.unpack_from(packet, pos)
        counts[_CHUNK_NAMES.get(kind) or f"chunk type {kind}"] += 1
        if length < 4:
            faults["chunk length below 4"] += 1
            return
        end = pos + length
        if end > size:
            faults["truncated chunk"] += 1
            return
        if kind == 0:
            if length <= 16:  # RFC 9260 section 3.3.1: a DATA chunk without user data is an error
                faults["DATA without user data"] += 1
            else:
                tsn, stream, sequence, ppid = _data.unpack_from(packet, pos + 4)
                yield Fragment(
                    tsn,
                    stream,
                    sequence,
                    ppid,
                    tsn,
                    bool(flags & BEGIN),
                    bool(flags & END),
                    not flags & UNORDERED,
                    False,
                    packet[pos + 16 : end],
                    frame,
                    time,
                    flow_key,
                )
        elif kind == 64:
            if length <= 20:
                faults["DATA without user data"] += 1
            else:
                tsn, stream, _, sequence, ppid = _i_data.unpack_from(packet, pos + 4)
                begin = bool(flags & BEGIN)
                yield Fragment(
                    tsn,
                    stream,
                    sequence,
                    ppid if begin else 0,
                    0 if begin else ppid,
                    begin,
                    bool(flags & END),
                    not flags & UNORDERED,
                    True,
                    packet[pos + 20 : end],
                    frame,
                    time,
                    flow_key,
                )
        elif kind in (3, 7) and length >= 8:
            yield Acknowledgment(_u32.unpack_from(packet, pos + 4)[0])
        pos = end + (-length & 3)
