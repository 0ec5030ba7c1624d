"""Which protocol speaks: told by content, never by port alone (ports are configured freely in IMS cores).

One line in `STREAM_SPEAKERS` adds a protocol that runs over TCP: how its first octets look, and its decoder.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dissectors.errors import DecodeError
from dissectors.framing import StreamDecoder
from dissectors.h248 import TextStream, TpktStream, decode_h248
from dissectors.http import HttpStream
from dissectors.msrp import MsrpStream
from dissectors.sip import SipStream

SIP_START = re.compile(rb"[\r\n]*(?:SIP/2\.0 [0-9]|[!%'*+\-.0-9A-Z_`a-z~]+ [!-~]+ SIP/2\.0\r?\n)")
"""Start line of a SIP message (RFC 3261 section 7.1 and 7.2)."""
_H248_TEXT = rb"(?:[ \t\r\n]|;[^\r\n]*[\r\n])*(?:MEGACO/[0-9]|!/[0-9]|AU(?:TH[A-Z]*)?\s*=\s*0x)"
H248_START = re.compile(_H248_TEXT, re.IGNORECASE)
"""Start of an H.248 text message (H.248.1 Annex B: LWSP, authentication header, MEGACO token)."""
MSRP_START = re.compile(rb"MSRP [A-Za-z0-9.\-+%=]{1,32} (?:[A-Z]+|[0-9]{3})[ \r]")
"""Start line of an MSRP message (RFC 4975 section 9)."""
MSRP_INSIDE = re.compile(rb"(?:^|\n)MSRP [A-Za-z0-9.\-+%=]{1,32} (?:[A-Z]+|[0-9]{3})[ \r]")
HTTP_START = re.compile(
    rb"(?:HTTP/1\.[01] [0-9]|(?:GET|POST|PUT|HEAD|DELETE|OPTIONS|CONNECT|PATCH) [!-~]+ HTTP/1\.[01]\r?\n)"
)
TLS_START = re.compile(rb"[\x14-\x17]\x03[\x00-\x04]", re.DOTALL)
"""A TLS record header (RFC 8446 section 5.1)."""
TPKT_TEXT = re.compile(rb"\x03\x00.." + _H248_TEXT, re.DOTALL | re.IGNORECASE)
"""A TPKT header (RFC 1006 section 6) with an H.248 text message behind it. H.245 and Q.931 use the same frames."""
TPKT_BER = re.compile(rb"\x03\x00..\x30(?:[\x00-\x80]|[\x81-\x84])", re.DOTALL)
"""The same with a SEQUENCE, which may be a MegacoMessage."""


@dataclass(frozen=True, slots=True)
class StreamSpeaker:
    """A protocol over TCP."""

    name: str
    starts: Callable[[bytes], object]
    "True of the first octets that one side sends."
    decoder: Callable[[], StreamDecoder[Any]] | None
    "None: told apart and counted, its octets are not read."
    inside: re.Pattern[bytes] | None = None
    "Finds a message start further on, for captures that begin in mid-stream."
    remark: str = ""
    "What the coverage account says of a stream like this, where no document allows it."


def _is_h248_in_tpkt(data: bytes) -> bool:
    """Text says so by its first word, BER only by being a MegacoMessage, as soon as the frame is whole."""
    if TPKT_TEXT.match(data):
        return True
    if not TPKT_BER.match(data):
        return False
    size = int.from_bytes(data[2:4], "big")
    if len(data) < size:
        return _is_ber_megaco(data[4:])
    try:
        decode_h248(data[4:size])
    except DecodeError:
        return False
    return True


STREAM_SPEAKERS = (
    StreamSpeaker("msrp", MSRP_START.match, MsrpStream, MSRP_INSIDE),
    StreamSpeaker("sip", SIP_START.match, SipStream),
    StreamSpeaker("h248", _is_h248_in_tpkt, TpktStream),
    StreamSpeaker("h248", H248_START.match, TextStream, remark="h248 text over tcp without tpkt (H.248.1 section D.2)"),
    StreamSpeaker("tls", TLS_START.match, None),
    StreamSpeaker("http", HTTP_START.match, HttpStream),
)


def stream_speaker(data: bytes) -> StreamSpeaker | None:
    """Who speaks in the first octets of a stream, or None when it cannot be told."""
    for speaker in STREAM_SPEAKERS:
        if speaker.starts(data):
            return speaker
    for speaker in STREAM_SPEAKERS:
        if speaker.inside is not None and speaker.inside.search(data):
            return speaker
    return None


def datagram_protocol(data: bytes) -> str:
    """The protocol of a datagram: `sip`, `h248`, or empty."""
    if SIP_START.match(data):
        return "sip"
    if H248_START.match(data):
        return "h248"
    # BER of MegacoMessage (H.248.1 Annex A): SEQUENCE, then the tags [0] or [1] of its two fields.
    if data[:1] == b"\x30" and len(data) > 8 and _is_ber_megaco(data):
        return "h248"
    return ""


def _is_ber_megaco(data: bytes) -> bool:
    length = data[1]
    at = 2 if length <= 0x80 else 2 + (length & 0x7F)
    return data[at : at + 1] in (b"\xa0", b"\xa1")
