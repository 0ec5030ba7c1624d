"""What TCP reassembly reports: stream pieces, gaps, and the life of a connection (RFC 9293)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analyzer.transport.tcp_connection import TcpConnection
    from analyzer.transport.tcp_stream import TcpStream


class TcpState(IntEnum):
    """How far a connection has come, as seen from between the two ends."""

    SYN_SENT = 1
    "A SYN was seen and no answer yet."
    SYN_RECEIVED = 2
    "A SYN-ACK (or, in a simultaneous open, both SYNs) was seen."
    ESTABLISHED = 3
    "The handshake is complete, or data was seen."
    CLOSING = 4
    "One side has sent its FIN."
    CLOSED = 5
    "Both FINs were seen."
    RESET = 6
    "An RST ended it."
    REFUSED = 7
    "An RST answered the SYN."
    TIMED_OUT = 8
    "The SYN was never answered."


class TcpStep(IntEnum):
    """A step in the life of a connection."""

    SYN = 1
    SYN_ACK = 2
    ESTABLISHED = 3
    "The initiator's first segment that is no SYN, or the first data."
    FIN = 4
    "One side ended its stream; all pieces of that direction came before."
    CLOSED = 5
    "Both sides have sent FIN."
    RST = 6
    REFUSED = 7
    "RST in answer to the SYN."
    TIMEOUT = 8
    "The SYN was never answered; frame and time are the last SYN's."
    END = 9
    "Nothing more will come of this connection: it leaves the table. Frame and time are its last packet's."


@dataclass(slots=True, eq=False)
class Piece:
    """Contiguous octets of one direction, in stream order."""

    stream: TcpStream
    offset: int
    "Stream offset of the first octet; 0 is the first octet after the SYN, or the first one seen when mid-stream."
    data: bytes
    frame: int
    time: int
    "Capture time of `frame`, ns."


@dataclass(slots=True, eq=False)
class Gap:
    """Octets of one direction that the capture does not hold."""

    stream: TcpStream
    offset: int
    size: int
    "Lost octets; the stream goes on at offset + size."
    frame: int
    "The first frame seen after the hole, or the frame that was cut."
    time: int


@dataclass(slots=True, eq=False)
class Lifecycle:
    """A step of the connection itself."""

    connection: TcpConnection
    step: TcpStep
    frame: int
    time: int
    direction: int
    "Who took the step: 0 the initiator, 1 the responder."
    late: bool = False
    "It was recorded after what it begins: its place is before all other steps."


TcpEvent = Piece | Gap | Lifecycle
