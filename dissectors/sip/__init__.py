"""SIP: messages, their stream framing, addresses and the header fields that link sessions (RFC 3261 and extensions)."""

from __future__ import annotations

from dissectors.sip.address import NameAddr, SipUri, Via, address_uri, parse_name_addr, parse_uri, parse_via, unescape
from dissectors.sip.body import BodyPart
from dissectors.sip.decode import decode_sip, decode_sip_as_far
from dissectors.sip.encode import build_request, build_response, encode_sip
from dissectors.sip.fields import Reason
from dissectors.sip.message import SipMessage
from dissectors.sip.parameters import parse_parameters, split_list
from dissectors.sip.stream import SipStream

__all__ = [
    "BodyPart",
    "NameAddr",
    "Reason",
    "SipMessage",
    "SipStream",
    "SipUri",
    "Via",
    "address_uri",
    "build_request",
    "build_response",
    "decode_sip",
    "decode_sip_as_far",
    "encode_sip",
    "parse_name_addr",
    "parse_parameters",
    "parse_uri",
    "parse_via",
    "split_list",
    "unescape",
]
