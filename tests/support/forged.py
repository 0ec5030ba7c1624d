"""A network namespace in which datagrams come from whomever they name, and what a lab sends is counted.

Needs root and Linux; all addresses are on one interface, so a datagram of any of them needs no more than a raw socket.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from oracles import need

from replay.edge.namespace import UnavailableError, private_network

Endpoint = tuple[str, int]
ETH_P_IP = 0x0800
"What comes in: on loopback that is each packet once (packet(7))."
PATIENCE = 60.0


@contextmanager
def hosts(*addresses: str) -> Iterator[None]:
    """A namespace with these addresses, for this thread and what it starts; a skip where it cannot be had."""
    need("ip")
    try:
        with private_network(addresses):
            yield
    except UnavailableError as error:
        pytest.skip(f"no network namespace here: {error}")


def forge(source: Endpoint, target: Endpoint, data: bytes) -> int:
    """Send a datagram in somebody else's name; the octets of its payload."""
    udp = struct.pack(">HHHH", source[1], target[1], 8 + len(data), 0) + data
    head = struct.pack(
        ">BBHHHBBH4s4s",
        0x45,
        0,
        20 + len(udp),
        0,
        0,
        64,
        socket.IPPROTO_UDP,
        0,
        socket.inet_aton(source[0]),
        socket.inet_aton(target[0]),
    )
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        raw.sendto(head + udp, (target[0], 0))
    return len(data)


class Counted:
    """What hosts send to whom: payload of UDP, and packets of TCP with their IP header."""

    def __init__(self, *senders: str) -> None:
        self._senders = frozenset(senders)
        self.octets: Counter[str] = Counter()
        "By the address that it goes to."
        self.packets: Counter[str] = Counter()
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 23)
        self._socket.bind(("lo", ETH_P_IP))
        self._thread = threading.Thread(target=self._count, daemon=True)
        self._is_over = False

    def __enter__(self) -> Counted:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._is_over = True
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", ("127.0.0.1", 9))
        self._thread.join(PATIENCE)
        self._socket.close()

    def to(self, address: str) -> int:
        """Octets that went there until now."""
        return self.octets[address]

    def _count(self) -> None:
        while not self._is_over:
            packet = self._socket.recv(65_536)
            source, target = (socket.inet_ntoa(packet[at : at + 4]) for at in (12, 16))
            if source in self._senders:
                size = len(packet) - 28 if packet[9] == socket.IPPROTO_UDP else len(packet)
                self.octets[target] += size
                self.packets[target] += 1


def wait(seconds: float) -> None:
    """Let a time pass in which something might be sent; more of it would change nothing."""
    time.sleep(seconds)
