"""MIKEY in SDP: the value of `a=key-mgmt` (RFC 4567 section 3.1; RFC 4648 base64)."""

from __future__ import annotations

import base64
import re

from dissectors.errors import DecodeError
from dissectors.mikey.message import MAX_OCTETS, MikeyMessage, decode_mikey

_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/]")


def decode_key_mgmt(value: str) -> MikeyMessage:
    """Read `mikey BASE64`, or the base64 alone.

    B2BUAs wrap lines and drop the padding: white space and missing `=` are tolerated, other characters are not.
    DecodeError for another key management protocol, for what is no base64, and for what is no MIKEY.
    """
    first, *rest = value.split(None, 1) or [""]
    text = value
    if first.lower() == "mikey":
        text = "".join(rest)
    elif rest and not first.startswith("AQ"):  # version 1 of MIKEY, which any message starts with
        raise DecodeError("key-mgmt value", 0, "a key management protocol other than mikey")
    return decode_mikey(decode_base64(text))


def decode_base64(text: str) -> bytes:
    """The octets of base64 text that may be wrapped or unpadded."""
    packed = "".join(text.split())
    bare = packed.rstrip("=")
    wrong = _NOT_BASE64.search(bare)
    if wrong is not None:
        raise DecodeError("key-mgmt value", wrong.start(), "a character that base64 does not have")
    if len(packed) - len(bare) > 2 or len(bare) % 4 == 1:
        raise DecodeError("key-mgmt value", len(bare), "not a whole number of octets in base64")
    if len(bare) > MAX_OCTETS * 4 // 3 + 4:
        raise DecodeError("key-mgmt value", len(bare), f"longer than {MAX_OCTETS} octets")
    return base64.b64decode(bare + "=" * (-len(bare) % 4))


def encode_key_mgmt(octets: bytes) -> str:
    """The value of `a=key-mgmt` for a message."""
    return "mikey " + base64.b64encode(octets).decode("ascii")
