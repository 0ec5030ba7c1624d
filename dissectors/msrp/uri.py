"""MSRP URIs and paths (RFC 4975 sections 6 and 9; relays: RFC 4976).

A path is one or more URIs separated by a space. In To-Path the leftmost is the next hop; in From-Path it is the
previous hop; in both, and in `a=path` of SDP, the rightmost is the endpoint, whose session-id names the session.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache

from dissectors.errors import DecodeError

# MSRP-URI = scheme "://" authority ["/" session-id] ";" transport *( ";" URI-parameter )
_AUTHORITY = r"(?:([^\s@/]*)@)?(\[[0-9A-Fa-f:.%]+\]|[^\s\[\]:/;@?#]+)(?::([0-9]{1,5}))?"
_URI = re.compile(rf"([A-Za-z][A-Za-z0-9+.-]*)://{_AUTHORITY}(?:/([A-Za-z0-9\-._~+=/]*))?((?:;[^\s;]*)*)")
_SESSION_ID = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?:[^\s@/]*@)?[^\s/;]*/([^\s;]*)")


@dataclass(slots=True)
class MsrpUri:
    """One MSRP URI (RFC 4975 section 6)."""

    scheme: str
    "`msrp` or `msrps`, as written."
    userinfo: str
    host: str
    "Name or address; an IPv6 address without its brackets."
    port: int | None
    session_id: str
    "Empty when there is none, as in the To-Path of AUTH (RFC 4976)."
    transport: str
    "`tcp`, `ws`; as written."
    params: tuple[tuple[str, str | None], ...] = ()
    "Further parameters in order; None for one without `=`."

    def __str__(self) -> str:
        user = f"{self.userinfo}@" if self.userinfo else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port is None else f":{self.port}"
        session = f"/{self.session_id}" if self.session_id else ""
        params = "".join(f";{name}" if value is None else f";{name}={value}" for name, value in self.params)
        return f"{self.scheme}://{user}{host}{port}{session};{self.transport}{params}"


def parse_msrp_uri(text: str) -> MsrpUri:
    """Read one URI; DecodeError when it is none or names no transport."""
    match = _URI.fullmatch(text)
    if match is None or match[1].lower() not in ("msrp", "msrps"):
        raise DecodeError("MSRP URI", 0, "not `msrp[s]://host[:port][/session-id];transport`")
    scheme, userinfo, host, port, session_id, rest = match.groups()
    transport, *params = rest[1:].split(";")
    if not transport or "=" in transport:
        raise DecodeError("MSRP URI", match.start(6), "no transport after the first semicolon")
    number = None if port is None else int(port)
    if number is not None and number > 65535:
        raise DecodeError("MSRP URI", match.start(4), "port above 65535")
    pairs = []
    for param in params:
        name, equals, value = param.partition("=")
        pairs.append((name, value if equals else None))
    return MsrpUri(scheme, userinfo or "", host.strip("[]"), number, session_id or "", transport, tuple(pairs))


def split_path(text: str) -> list[str]:
    """The URIs of a To-Path, From-Path, Use-Path or `a=path`, in the order they stand."""
    return text.split()


def uris_equal(one: str | MsrpUri, other: str | MsrpUri) -> bool:
    """Whether two URIs name the same (RFC 4975 section 6.1); DecodeError when one is no MSRP URI.

    Scheme, host and transport in any case, addresses by value, the session-id letter by letter; userinfo does not
    count. A port that is given differs from one that is not. Other parameters are not mentioned there and do not count.
    """
    a = parse_msrp_uri(one) if isinstance(one, str) else one
    b = parse_msrp_uri(other) if isinstance(other, str) else other
    return (
        a.session_id == b.session_id
        and a.port == b.port
        and a.scheme.lower() == b.scheme.lower()
        and a.transport.lower() == b.transport.lower()
        and _comparable_host(a.host) == _comparable_host(b.host)
    )


def _comparable_host(host: str) -> str:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host.lower()


def session_id_of(path: str) -> str:
    """The session-id of the endpoint of a path: that of its rightmost URI; empty when there is none.

    Right for To-Path, From-Path and `a=path` alike, with and without relays (RFC 4976 section 5). Paths come back over
    and over, so the answers are remembered.
    """
    return _session_id_cached(path) if len(path) <= 512 else _session_id(path)


def _session_id(path: str) -> str:
    uris = path.split()
    match = _SESSION_ID.match(uris[-1]) if uris else None
    return "" if match is None else match[1]


_session_id_cached = lru_cache(maxsize=8192)(_session_id)
