"""Where media is said to be: one end of one media stream, as an SDP of SIP or of H.248 announces it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address

from dissectors.msrp.uri import session_id_of
from dissectors.sdp import MediaDescription, SessionDescription


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


def media_end(media: MediaDescription) -> MediaEnd:
    """The end that one media description announces (RFC 8866 section 5.7 and 5.14)."""
    connection = media.connection
    address = connection.address if connection is not None else ""
    path = tuple(uri for uri in media.path if "$" not in uri)
    return MediaEnd(
        address="" if "$" in address else plain_address(address.partition("/")[0]),
        port=media.port or 0,
        media=media.media,
        protocol=media.proto,
        path=path,
        session_id=session_id_of(path[-1]) if path else "",
        setup=media.setup or "",
        cema=media.msrp_cema,
    )


def media_ends(sdp: SessionDescription) -> list[MediaEnd]:
    """All ends of a session description, in the order of its `m=` lines."""
    return [media_end(media) for media in sdp.media]
