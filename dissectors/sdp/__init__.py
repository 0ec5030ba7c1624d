"""SDP: session descriptions and the attributes of messaging media (RFC 8866 and extensions)."""

from __future__ import annotations

from dissectors.sdp.description import SessionDescription, decode_sdp, decode_sdp_list, encode_sdp
from dissectors.sdp.media import MediaDescription
from dissectors.sdp.section import Connection, Origin, Section

__all__ = [
    "Connection",
    "MediaDescription",
    "Origin",
    "Section",
    "SessionDescription",
    "decode_sdp",
    "decode_sdp_list",
    "encode_sdp",
]
