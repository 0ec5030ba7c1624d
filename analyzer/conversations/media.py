"""Where media is said to be: one end of one media stream, as an SDP of SIP or of H.248 announces it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address

from dissectors.errors import DecodeError
from dissectors.msrp import parse_msrp_uri, session_id_of

Place = tuple[str, int]
"""Address and port."""


@dataclass(slots=True)
class MediaEnd:
    """One announced end of a media stream; what is `$` or absent in the SDP is empty here."""

    address: str
    "IP address as text, IPv6 in its shortest form; a host name where the SDP has one."
    port: int
    "0 when absent, refused or `$`."
    media: str
    "`message`, `audio`, ..."
    protocol: str
    "The proto field of the `m=` line: `TCP/MSRP`, `RTP/AVP`, ..."
    path: tuple[str, ...] = ()
    "The URIs of `a=path` (RFC 4975 section 8)."
    session_id: str = ""
    "The MSRP session-id of the endpoint: the one of the last URI of `path`."
    setup: str = ""
    cema: bool = False

    @property
    def is_msrp(self) -> bool:
        return self.protocol.upper().endswith("MSRP")


@lru_cache(maxsize=65536)
def plain_address(text: str) -> str:
    """An address as packets spell it, so that text can be compared; a host name stays as it is, in lower case."""
    if ":" not in text:
        return text.lower()
    try:
        return str(IPv6Address(text.partition("/")[0].strip("[]")))
    except ValueError:
        return text.lower()


@lru_cache(maxsize=4096)
def place_of(uri: str) -> Place | None:
    """Host and port of an MSRP URI, spelled as packets spell them; None when it cannot be read or has no port."""
    try:
        read = parse_msrp_uri(uri)
    except DecodeError:
        return None
    return (plain_address(read.host), read.port) if read.port else None


REMEMBERED_OCTETS = 2048
"Longer descriptions are read anew each time, lest what is remembered grow large."


def first_end(octets: bytes) -> MediaEnd | None:
    """The first end of a description, remembered: H.248 is read when it comes and when it is judged. Not to change."""
    return _first_end_cached(octets) if len(octets) <= REMEMBERED_OCTETS else _first_end(octets)


def _first_end(octets: bytes) -> MediaEnd | None:
    return next(iter(announced_ends(octets)), None)


_first_end_cached = lru_cache(maxsize=4096)(_first_end)


def announced_ends(octets: bytes) -> list[MediaEnd]:
    """The ends that a session description announces, in the order of its `m=` lines.

    Reads the five kinds of line it needs and nothing else, since this runs for every SDP of a capture: a third of what
    decoding the whole description costs. A test holds it against `dissectors.sdp`.
    """
    ends: list[MediaEnd] = []
    session_address: str | None = None
    session_setup = ""
    end: MediaEnd | None = None
    connected = False  # this media has a c= line of its own; of several lines the first counts
    for line in octets.decode("utf-8", "surrogateescape").split("\n"):
        kind = line[:2]
        if kind == "a=":
            if line.startswith("a=path:"):
                if end is not None and not end.path:
                    end.path = tuple(uri for uri in line[7:].split() if "$" not in uri)
                    end.session_id = session_id_of(end.path[-1]) if end.path else ""
            elif line.startswith("a=setup:"):
                setup = line[8:].strip().lower()
                if end is None:
                    session_setup = session_setup or setup
                elif not end.setup:
                    end.setup = setup
            elif end is not None and line.startswith("a=msrp-cema") and not line[11:].strip():
                end.cema = True
        elif kind == "c=":
            words = line[2:].split()
            address = ""
            if len(words) == 3 and "$" not in words[2]:
                address = plain_address(words[2].partition("/")[0])
            if end is None:
                session_address = address if session_address is None else session_address
            elif not connected:
                end.address = address
                connected = True
        elif kind == "m=":
            words = line[2:].split()
            end = None
            if len(words) >= 3:
                port = words[1].partition("/")[0]
                number = int(port) if port.isascii() and port.isdecimal() and len(port) <= 5 else 0
                end = MediaEnd(session_address or "", number, words[0], words[2])
                ends.append(end)
            connected = False
    for each in ends:
        each.setup = each.setup or session_setup
    return ends
