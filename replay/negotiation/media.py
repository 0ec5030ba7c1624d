"""The MSRP stream of a session description as values, and why one cannot be used."""

from __future__ import annotations

from dataclasses import dataclass

from dissectors.errors import DecodeError
from dissectors.msrp import parse_msrp_uri
from dissectors.sdp import MediaDescription, SessionDescription, decode_sdp
from replay.events import Endpoint

PLAIN, SECURED = "TCP/MSRP", "TCP/TLS/MSRP"
CPIM = "message/cpim"


class Refusal(Exception):  # noqa: N818 - it is an answer, not a fault of ours
    """An offer or answer that cannot be taken; its text goes into a Warning header (RFC 3261 section 20.43)."""

    def __init__(self, warning: int, text: str) -> None:
        super().__init__(text)
        self.warning = warning
        "304 media type, 305 media format, 306 attribute not understood, 399 anything else."
        self.text = text


@dataclass(frozen=True, slots=True, kw_only=True)
class MsrpMedia:
    """What one end says about its MSRP stream."""

    address: str
    "Of the `c=` line."
    port: int
    "Of the `m=` line; 0 refuses the stream."
    proto: str
    "`TCP/MSRP` or `TCP/TLS/MSRP`."
    setup: str
    "`active`, `passive` or `actpass`; empty when not stated, and for holdconn, which MSRP has not (RFC 6135)."
    path: tuple[str, ...]
    "URIs of `a=path`, next hop first."
    cema: bool = False
    accept_types: tuple[str, ...] = (CPIM,)
    accept_wrapped_types: tuple[str, ...] = ()
    chatroom: tuple[str, ...] | None = None
    "Tokens of `a=chatroom` (RFC 7701 section 8); None without."
    key_mgmt: str = ""
    "Base64 of a MIKEY message (RFC 4567); empty without."

    @property
    def secured(self) -> bool:
        """Is it to run over TLS?"""
        return self.proto.upper() == SECURED

    @property
    def takes_cpim(self) -> bool:
        """Does it take message/cpim, which a chat room has nothing but (RFC 7701 section 6.1)?"""
        return any(each.lower() in ("*", "message/*", CPIM) for each in self.accept_types)

    @property
    def path_end(self) -> Endpoint | None:
        """Host and port of the first URI of the path; None when it is unreadable or has no port."""
        try:
            uri = parse_msrp_uri(self.path[0])
        except (DecodeError, IndexError):
            return None
        return None if uri.port is None else (uri.host, uri.port)


def find_msrp(description: SessionDescription) -> int | None:
    """The number of the first MSRP stream that is not refused."""
    for number, media in enumerate(description.media):
        if media.media == "message" and media.proto.upper() in (PLAIN, SECURED) and media.port:
            return number
    return None


def read_offer(sdp: bytes | None) -> tuple[SessionDescription, int, MsrpMedia]:
    """The description, the number of its MSRP stream, and what it says. Raises Refusal when there is none to use."""
    if sdp is None:
        raise Refusal(399, "no session description")
    try:
        description = decode_sdp(sdp)
    except DecodeError:
        raise Refusal(399, "unreadable session description") from None
    number = find_msrp(description)
    if number is None:
        if any(media.media == "message" for media in description.media):
            raise Refusal(302, "no MSRP over TCP offered")
        raise Refusal(304, "no message media offered")
    media = _read(description.media[number])
    if not media.path:
        raise Refusal(399, "no a=path in the message media")
    if media.path_end is None:
        raise Refusal(399, "unreadable a=path")
    return description, number, media


def read_answer(sdp: bytes | None, proto: str) -> MsrpMedia:
    """The MSRP stream of an answer to an offer of `proto`. Raises Refusal when it cannot be used."""
    _, _, media = read_offer(sdp)
    if media.proto.upper() != proto.upper():
        raise Refusal(302, "the answer has another transport than the offer")
    return media


def _read(media: MediaDescription) -> MsrpMedia:
    connection = media.connection
    setup = media.setup or ""
    chatroom = media.chatroom
    return MsrpMedia(
        address=connection.address if connection is not None else "",
        port=media.port or 0,
        proto=media.proto.upper(),
        setup=setup if setup in ("active", "passive", "actpass") else "",
        path=tuple(media.path),
        cema=media.msrp_cema,
        accept_types=tuple(media.accept_types),
        accept_wrapped_types=tuple(media.accept_wrapped_types),
        chatroom=None if chatroom is None else tuple(chatroom),
        key_mgmt=next((text for protocol, text in media.key_mgmt if protocol == "mikey"), ""),
    )
