"""Local and Remote descriptors of MSRP streams: what is asked, and what the gateway chooses (H.248.1 clause 7.1.8).

Session and media lines that the gateway has no part in come back as they were sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from dissectors.errors import DecodeError
from dissectors.msrp import MsrpUri, parse_msrp_uri
from dissectors.sdp import Connection, MediaDescription, SessionDescription, decode_sdp_list, encode_sdp
from replay.events import Endpoint
from replay.mrfp.refusal import Refusal

SECURE = {"tcp/msrp": False, "$": False, "tcp/tls/msrp": True}
"Transports of MSRP, and whether they have TLS (row OFFER-2)."
MAX_PATH = 2048
"Characters of `a=path` in Remote."


@dataclass(slots=True)
class LocalRequest:
    """The alternative of Local that the gateway takes."""

    description: SessionDescription
    media: MediaDescription
    is_secure: bool
    setup: str

    def fill(self, address: str, port: int, uri: str, with_path: bool) -> bytes:
        """Put in what was left to choose; Refusal 449 for values that are not ours to give."""
        media = self.media
        connection = media.connection
        if connection is not None and connection.address not in ("$", address):
            raise Refusal(449, f"c={connection}")
        if media.port_text != "$" and media.port != port:
            raise Refusal(449, f"m=message {media.port_text}")
        path = media.attribute("path")
        if path is not None and "$" not in path and path.strip() != uri:
            raise Refusal(449, f"a=path:{path}")
        line = str(Connection("IN", "IP6" if ":" in address else "IP4", address))
        (self.description if media.own_connection is None and connection is not None else media).set_line("c", line)
        if media.proto == "$":
            media.set_line("m", f"{media.media} {port} TCP/MSRP {' '.join(media.formats or ['*'])}")
        media.set_port(port)
        if with_path:
            media.set_attribute("path", uri)
        else:
            media.remove_attribute("path")
        return encode_sdp(self.description)


@dataclass(slots=True)
class RemoteEnd:
    """What Remote says of the other side."""

    end: Endpoint | None
    "None where the port is 0 or 9: it does not listen (RFC 6135 section 4.2.2)."
    path: str
    is_secure: bool
    setup: str
    takes_private: bool


def read_local(octets: bytes) -> LocalRequest:
    """The first alternative that is MSRP. Refusal 474 or 515."""
    for description in _descriptions(octets):
        for media in description.media:
            is_secure = SECURE.get(media.proto.lower())
            if media.media.lower() == "message" and is_secure is not None:
                description.media[:] = [media]
                return LocalRequest(description, media, is_secure, media.setup or "")
    raise Refusal(515, "only MSRP over TCP or TLS is supported")


def read_remote(octets: bytes) -> RemoteEnd:
    """The first MSRP medium; without a c= line the address is that of the first path entry.

    Refusal 449 for an address or a path that is none, 474, 515.
    """
    for description in _descriptions(octets):
        for media in description.media:
            is_secure = SECURE.get(media.proto.lower())
            if media.media.lower() == "message" and is_secure is not None:
                return _remote(media, is_secure)
    raise Refusal(515, "only MSRP over TCP or TLS is supported")


def _descriptions(octets: bytes) -> list[SessionDescription]:
    try:
        return decode_sdp_list(octets)
    except DecodeError as error:
        raise Refusal(474, f"invalid SDP syntax: {error.why}") from None


def _remote(media: MediaDescription, is_secure: bool) -> RemoteEnd:
    path = (media.attribute("path") or "").strip()
    if len(path) > MAX_PATH:
        raise Refusal(449, "a=path is too long")
    uris = [_uri(text, path) for text in path.split(" ")] if path else []
    port = media.port
    if port is None or port > 65535:
        raise Refusal(449, f"m=message {media.port_text}")
    connection = media.connection
    host = connection.address if connection is not None else uris[0].host if uris else ""
    try:
        address = str(ip_address(host))
    except ValueError:
        raise Refusal(449, f"c={connection}" if connection is not None else "no c= line") from None
    chatroom = media.chatroom
    return RemoteEnd(
        (address, port) if port not in (0, 9) else None,
        path,
        is_secure,
        media.setup or "",
        chatroom is None or "private-messages" in chatroom,
    )


def _uri(text: str, path: str) -> MsrpUri:
    try:
        return parse_msrp_uri(text)
    except DecodeError:
        raise Refusal(449, f"a=path:{path}") from None
