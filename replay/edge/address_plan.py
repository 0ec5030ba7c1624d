"""Which sockets stand for the addresses in messages: those of the plan, on loopback."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address

from replay.events import Endpoint


@dataclass(slots=True)
class AddressPlan:
    """Which socket address stands for which address in messages; what is not named stands for itself."""

    sockets: Mapping[str, str] = field(default_factory=dict)
    beyond_loopback: bool = False

    def socket(self, end: Endpoint) -> Endpoint:
        """Where to bind or connect for this end. Raises PermissionError beyond loopback.

        ValueError for what is no address and port: it may come from a peer, and the system would look up a name, or
        close the socket for a port that cannot be.
        """
        address = self.sockets.get(end[0], end[0])
        if not 0 <= end[1] < 65536:
            raise ValueError(f"{end[1]} is no port")
        if not ip_address(address).is_loopback and not self.beyond_loopback:
            raise PermissionError(f"{address} is no loopback address, and sending beyond loopback was not allowed")
        return address, end[1]

    def named(self, end: Endpoint) -> Endpoint:
        """The end that this socket address stands for."""
        for name, address in self.sockets.items():
            if address == end[0]:
                return name, end[1]
        return end[0], end[1]
