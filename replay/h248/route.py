"""The way of an H.248 message to a peer: in a UDP datagram, or in a TPKT frame on a TCP connection."""

from __future__ import annotations

from dataclasses import dataclass

from dissectors.h248.tpkt import HEADER
from replay.events import Endpoint, Send, SendDatagram, Wish

MAX_DATAGRAM = 65507
"Octets of a UDP datagram over IPv4 (RFC 768, RFC 791)."
MAX_FRAME = 65535
"Octets of a TPKT frame, its header of four included (RFC 1006 section 6)."


@dataclass(frozen=True, slots=True)
class UdpRoute:
    """Datagrams between two ends; what is lost is repeated."""

    local: Endpoint
    peer: Endpoint

    @property
    def peer_address(self) -> str:
        return self.peer[0]

    def carry(self, octets: bytes) -> Wish:
        """The wish to send one message. ValueError when it is too long for this way (error 533)."""
        if len(octets) > MAX_DATAGRAM:
            raise ValueError("the message is too long for a datagram")
        return SendDatagram(self.local, self.peer, octets)


@dataclass(frozen=True, slots=True)
class TcpRoute:
    """Frames on a connection that is up; nothing is repeated while it is (H.248.1 Annex D.2)."""

    connection: int
    peer_address: str = ""

    def carry(self, octets: bytes) -> Wish:
        """The wish to send one message. ValueError when it is too long for this way (error 533)."""
        if len(octets) + 4 > MAX_FRAME:
            raise ValueError("the message is too long for a TPKT frame")
        return Send(self.connection, HEADER + (len(octets) + 4).to_bytes(2, "big") + octets)


Route = UdpRoute | TcpRoute
