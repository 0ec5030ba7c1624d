"""H.248 over SCTP (H.248.4, RFC 6458): messages between two ends, as datagrams are, on one-to-many sockets.

A message has its bounds in SCTP, so that no TPKT is around it, and the kernel makes an association with whom a first
message is for. What is said twice is known by its transaction id, as over UDP. A kernel without SCTP says so at once.

Python knows the protocol's number and no more: the names of RFC 6458 are written out here, as Linux numbers them.
"""

from __future__ import annotations

import errno
import logging
import socket
import struct
from collections.abc import Callable, Iterator
from ipaddress import ip_address

from replay.events import Endpoint

PROTOCOL = 132
H248_PPID = 7
"Payload protocol identifier of H.248 (IANA, H.248.4)."
SNDINFO = 2
"SCTP_SNDINFO: ancillary data that tells stream, flags, payload protocol, context and association (section 5.3.4)."
NOTIFICATION = 0x8000
"MSG_NOTIFICATION: this is about the association, no message."
LONGEST = 65_536
"Octets of one message; what is longer is dropped."
PIECE = 1_400
"Octets of a DATA chunk as recorded."
_BEGINS, _ENDS = 0x02, 0x01

log = logging.getLogger("mrfscope.lab")


def send_information(ppid: int = H248_PPID) -> tuple[int, int, bytes]:
    """What goes with a message: struct sctp_sndinfo, in the host's order but for the payload protocol."""
    return PROTOCOL, SNDINFO, struct.pack("=HHIIi", 0, 0, socket.htonl(ppid), 0, 0)


def open_socket(local: Endpoint) -> socket.socket:
    """A one-to-many socket that takes associations. Raises OSError; one without SCTP in the kernel says so."""
    family = socket.AF_INET6 if ":" in local[0] else socket.AF_INET
    try:
        made = socket.socket(family, socket.SOCK_SEQPACKET, PROTOCOL)
    except OSError as error:
        if error.errno in (errno.EPROTONOSUPPORT, errno.ESOCKTNOSUPPORT, errno.EAFNOSUPPORT):
            raise OSError(error.errno, "this kernel has no SCTP") from error
        raise
    try:
        made.bind(local)
        made.listen(128)
    except OSError as error:
        made.close()
        raise OSError(error.errno, f"cannot listen at {local[0]}:{local[1]}: {error.strerror}") from error
    return made


class SctpEnd:
    """One socket; `receive` is called whenever it can be read."""

    def __init__(self, opened: socket.socket, arrived: Callable[[Endpoint, bytes], None]) -> None:
        self._socket = opened
        self._arrived = arrived
        self._begun: dict[Endpoint, bytes] = {}
        "Messages of which the end is still to come."
        opened.setblocking(False)

    def fileno(self) -> int:
        """For whoever watches it."""
        return self._socket.fileno()

    def send(self, peer: Endpoint, data: bytes) -> None:
        """Send one message; where the kernel takes it not, it is lost, and repeated by H.248."""
        try:
            self._socket.sendmsg([data], [send_information()], 0, peer)
        except OSError as error:
            log.debug("SCTP to %s:%s: %s", peer[0], peer[1], error)

    def receive(self) -> None:
        """Take all that is there."""
        while True:
            try:
                data, _, flags, source = self._socket.recvmsg(LONGEST, 256)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                log.debug("SCTP: %s", error)
                return
            if flags & NOTIFICATION or not data:
                continue
            peer = (source[0], source[1])
            whole = self._begun.pop(peer, b"") + data
            if not flags & socket.MSG_EOR:
                self._begun[peer] = whole[: LONGEST + 1]
            elif len(whole) <= LONGEST:
                self._arrived(peer, whole)

    def close(self) -> None:
        """End all its associations."""
        self._socket.close()


# ---------------------------------------------------------------------- as recorded


def packets(source: Endpoint, target: Endpoint, tsn: int, sequence: int, data: bytes) -> Iterator[bytes]:
    """The SCTP packets of one message on stream 0 (RFC 9260 section 3.3.1), a DATA chunk each."""
    parts = [data[at : at + PIECE] for at in range(0, len(data), PIECE)] or [b""]
    for number, part in enumerate(parts):
        flags = (_BEGINS if number == 0 else 0) | (_ENDS if number == len(parts) - 1 else 0)
        chunk = struct.pack(
            ">BBHIHHI", 0, flags, 16 + len(part), (tsn + number) & 0xFFFFFFFF, 0, sequence & 0xFFFF, H248_PPID
        )
        chunk += part + bytes(-len(part) % 4)
        # The verification tag is the receiver's; ours is made of its address, so that it stays the same.
        tag = int.from_bytes(ip_address(target[0]).packed[-4:], "big") or 1
        head = struct.pack(">HHI", source[1], target[1], tag)
        checksum = crc32c(head + bytes(4) + chunk)
        yield head + struct.pack("<I", checksum) + chunk


def _table() -> tuple[int, ...]:
    made = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        made.append(value)
    return tuple(made)


_CRC = _table()


def crc32c(data: bytes) -> int:
    """The checksum of SCTP (RFC 9260 appendix A)."""
    value = 0xFFFFFFFF
    for octet in data:
        value = value >> 8 ^ _CRC[(value ^ octet) & 0xFF]
    return value ^ 0xFFFFFFFF
