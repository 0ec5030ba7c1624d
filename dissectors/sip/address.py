"""SIP addresses: URI, name-addr and Via (RFC 3261 sections 19.1, 20.10, 20.42 and 25.1; tel URI of RFC 3966)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from dissectors.errors import DecodeError
from dissectors.sip.parameters import parse_parameters, unquote

# name-addr = [ display-name ] LAQUOT addr-spec RAQUOT
_NAME_ADDR = re.compile(r'\s*(?!\s)(?:"([^"\\]*(?:\\.[^"\\]*)*)"\s*|([^<"]*))<([^>]*)>(.*)', re.DOTALL)
# sent-protocol LWS sent-by *( SEMI via-params ); blanks are allowed around each slash (SLASH) and the colon.
_VIA = re.compile(
    r"\s*([^\s/;,]+)\s*/\s*([^\s/;,]+)\s*/\s*([^\s/;,]+)\s+"
    r"(\[[^\]\s]*\]|[^\s:;,\[\]]+)\s*(?::\s*([0-9]{1,5})\s*)?((?:;.*)?)",
    re.DOTALL,
)
_HOST_PORT = re.compile(r"(\[[^\]]*\]|[^:\[\]]+)(?::([0-9]{1,5}))?")
_ESCAPED = re.compile(r"(?:%[0-9A-Fa-f]{2})+")


@dataclass(slots=True)
class SipUri:
    """A URI of a SIP header field or start line (RFC 3261 section 19.1.1); escapes are kept as they stand."""

    scheme: str
    "In lower case: `sip`, `sips`, `tel`, ..."
    user: str
    "User part without password; the number of a tel URI; for other schemes all that follows the colon."
    host: str
    "Host name or address, an IPv6 address with its brackets; empty for schemes other than sip and sips."
    port: int | None = None
    params: dict[str, str | None] = field(default_factory=dict)
    "URI parameters by lower-case name; None for a flag such as `lr`."
    headers: dict[str, str] = field(default_factory=dict)
    "Headers after the question mark, names as written."
    password: str | None = None


@dataclass(slots=True)
class NameAddr:
    """An address as From, To, Contact, Route and the like carry it (RFC 3261 section 20.10)."""

    display_name: str
    "Unquoted; empty when absent."
    uri: str
    "The URI as text; `parse_uri` takes it apart."
    params: dict[str, str | None]
    "Header field parameters by lower-case name, not those inside the URI."


@dataclass(slots=True)
class Via:
    """One Via element (RFC 3261 section 20.42)."""

    protocol: str
    version: str
    transport: str
    host: str
    port: int | None
    params: dict[str, str | None]

    @property
    def branch(self) -> str:
        """The branch parameter, empty when absent."""
        return self.params.get("branch") or ""


def unescape(text: str) -> str:
    """Resolve `%hh` escapes (RFC 3261 section 19.1.2); the octets are read as UTF-8, others as surrogates."""
    return _ESCAPED.sub(
        lambda match: bytes.fromhex(match.group().replace("%", "")).decode("utf-8", "surrogateescape"), text
    )


def parse_uri(text: str) -> SipUri:
    """Take a URI apart. Raises DecodeError where there is no scheme, or a sip(s) URI has no readable host."""
    scheme, colon, rest = text.strip().partition(":")
    scheme = scheme.lower()
    if not colon or not scheme:
        raise DecodeError("SIP URI", 0, "no scheme")
    if scheme == "tel":
        number, _, params = rest.partition(";")
        return SipUri(scheme, number, "", None, _uri_parameters(params))
    if scheme not in ("sip", "sips"):
        return SipUri(scheme, rest, "")
    # A user part may hold ; ? / and more, but never an unescaped @ (section 25.1), so the first one ends it.
    userinfo, at, hostpart = rest.partition("@")
    if not at:
        userinfo, hostpart = "", rest
    user, colon, password = userinfo.partition(":")
    hostpart, _, header_text = hostpart.partition("?")
    hostport, _, params = hostpart.partition(";")
    match = _HOST_PORT.fullmatch(hostport.strip())
    if match is None:
        raise DecodeError("SIP URI", len(text) - len(rest), "no readable host and port")
    headers: dict[str, str] = {}
    for header in header_text.split("&") if header_text else ():
        name, _, value = header.partition("=")
        headers.setdefault(name, value)
    port = int(match[2]) if match[2] else None
    return SipUri(scheme, user, match[1], port, _uri_parameters(params), headers, password if colon else None)


def _uri_parameters(text: str) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for parameter in text.split(";") if text else ():
        name, equal, value = parameter.partition("=")
        if name:
            found.setdefault(name.strip().lower(), value.strip() if equal else None)
    return found


def parse_name_addr(value: str) -> NameAddr:
    """Read one address with its parameters. Raises DecodeError for an unclosed quote or bracket."""
    match = _NAME_ADDR.match(value)
    if match is not None:
        quoted, plain, uri, rest = match.groups()
        display_name = unquote(quoted) if quoted is not None else plain.strip()
        return NameAddr(display_name, uri.strip(), parse_parameters(rest))
    # Without brackets, parameters belong to the header field, not to the URI (section 20.10).
    uri, semicolon, rest = value.partition(";")
    if '"' in uri or "<" in uri:
        raise DecodeError("SIP address", 0, "a quote or angle bracket is not closed")
    return NameAddr("", uri.strip(), parse_parameters(semicolon + rest))


def address_uri(value: str) -> str:
    """The URI of one address, as `parse_name_addr` gives it, without reading the parameters. Raises DecodeError."""
    match = _NAME_ADDR.match(value)
    return match[3].strip() if match is not None else parse_name_addr(value).uri


def parse_via(value: str) -> Via:
    """Read one Via element. Raises DecodeError where it has not protocol, transport and sent-by."""
    match = _VIA.match(value)
    if match is None:
        raise DecodeError("SIP Via", 0, "no sent-protocol and sent-by")
    protocol, version, transport, host, port, rest = match.groups()
    return Via(protocol, version, transport, host, int(port) if port else None, parse_parameters(rest))
