"""Who is served, and which addresses a request may have us send to.

A request names addresses besides the one that it comes from: in SIP in Contact and Record-Route, in Refer-To, in its
session description; in H.248 ServiceChange names controllers, and places to speak to. Whoever sends there what a
stranger asks for is his tool against others. So an address that a request names must be the one that the request comes
from, or one that the operator listed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Admission:
    """Whom the operator lists, and who can authenticate.

    All loopback addresses are one host, the operator's own: they are listed for each other, and for nobody else. Where
    there are users, loopback has to authenticate as well.
    """

    allowed: tuple[Network, ...] = ()
    "Networks that are served without more, and that everybody who is served may name."
    known: frozenset[str] = frozenset()
    "Addresses of functions and users in the configuration; likewise."
    users: Mapping[str, str] = field(default_factory=dict, repr=False)
    "Passwords by user name, for digest authentication (RFC 7616)."
    realm: str = "lab"

    def is_listed(self, address: str) -> bool:
        """Is who sends from this address served as it is?"""
        if address in self.known:
            return True
        found = _parsed(address)
        return found is not None and (self._allows(found) or (found.is_loopback and not self.users))

    def fits(self, source: str, target: str) -> bool:
        """May a request from `source` have us send to `target`? False for what is no IP address."""
        if target in self.known:
            return True
        one, other = _parsed(source), _parsed(target)
        if other is None:
            return False
        return one == other or self._allows(other) or (one is not None and one.is_loopback and other.is_loopback)

    def _allows(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self.allowed)


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(address.strip("[]"))
    except ValueError:
        return None
