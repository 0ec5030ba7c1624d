"""Where SIP requests go: from a URI to an address (RFC 3263, without DNS: the lab has a table)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address

from dissectors.errors import DecodeError
from dissectors.sip import parse_uri
from replay.events import Endpoint

DEFAULT_PORT = 5060


@dataclass(frozen=True, slots=True)
class Directory:
    """Addresses of users and hosts; an IP address in a URI stands for itself."""

    places: Mapping[str, Endpoint] = field(default_factory=dict)
    "By URI without parameters (`sip:bob@ims.example.net`) or by host (`ims.example.net`), in lower case."
    proxy: Endpoint | None = None
    "Where requests go whose URI nothing else tells the address of."

    def find(self, uri: str) -> tuple[Endpoint, str] | None:
        """The address of a URI and the transport that it asks for (empty: any); None when nobody knows."""
        try:
            parsed = parse_uri(uri)
        except DecodeError:
            return None
        transport = (parsed.params.get("transport") or "").lower()
        known = self.places.get(bare_uri(uri)) or self.places.get(parsed.host.lower())
        if known is not None:
            return known, transport
        try:
            address = str(ip_address(parsed.host.strip("[]")))
        except ValueError:
            return None if self.proxy is None else (self.proxy, transport)
        return (address, parsed.port or DEFAULT_PORT), transport


def bare_uri(uri: str) -> str:
    """A URI as a key: scheme, user and host in lower case, without port, parameters and headers."""
    try:
        parsed = parse_uri(uri)
    except DecodeError:
        return uri.strip().lower()
    if parsed.scheme not in ("sip", "sips"):
        return f"{parsed.scheme}:{parsed.user}".lower()
    user = f"{parsed.user}@" if parsed.user else ""
    return f"{parsed.scheme}:{user}{parsed.host}".lower()
