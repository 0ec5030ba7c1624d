"""Session descriptions with an MSRP stream."""

from __future__ import annotations

from dissectors.sdp import Connection, MediaDescription, Origin, SessionDescription, encode_sdp
from replay.negotiation.media import MsrpMedia


def addrtype(address: str) -> str:
    """`IP4` or `IP6`."""
    return "IP6" if ":" in address else "IP4"


def write_media(media: MsrpMedia, *, connection: bool = False) -> MediaDescription:
    """The media description; with its own `c=` line only if asked for."""
    attributes = [("setup", media.setup)] if media.setup else []
    attributes.append(("accept-types", " ".join(media.accept_types)))
    if media.accept_wrapped_types:
        attributes.append(("accept-wrapped-types", " ".join(media.accept_wrapped_types)))
    attributes.append(("path", " ".join(media.path)))
    if media.cema:
        attributes.append(("msrp-cema", ""))
    if media.chatroom is not None:
        attributes.append(("chatroom", " ".join(media.chatroom)))
    if media.key_mgmt:
        attributes.append(("key-mgmt", f"mikey {media.key_mgmt}"))
    own = Connection("IN", addrtype(media.address), media.address) if connection else None
    return MediaDescription.build("message", media.port, media.proto, connection=own, attributes=attributes)


def write_offer(origin: Origin, name: str, media: MsrpMedia) -> bytes:
    """A description with this one stream."""
    return _write(origin, name, media, [write_media(media)])


def write_answer(origin: Origin, name: str, media: MsrpMedia, offer: SessionDescription, number: int) -> bytes:
    """The answer that takes stream `number` of an offer and refuses the others (RFC 3264 section 6)."""
    lines = []
    for place, offered in enumerate(offer.media):
        if place == number:
            lines.append(write_media(media))
        else:
            lines.append(MediaDescription.build(offered.media, 0, offered.proto, offered.formats))
    return _write(origin, name, media, lines)


def _write(origin: Origin, name: str, media: MsrpMedia, lines: list[MediaDescription]) -> bytes:
    connection = Connection("IN", addrtype(media.address), media.address)
    return encode_sdp(SessionDescription.build(origin=origin, session_name=name, connection=connection, media=lines))
