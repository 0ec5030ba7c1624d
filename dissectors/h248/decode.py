"""Text or binary: told by the first octet, since BER begins with the tag of a SEQUENCE (H.248.1 Annex A and B)."""

from __future__ import annotations

from dissectors.h248.model import H248Message
from dissectors.h248.text import decode_h248_text


def decode_h248(data: bytes) -> H248Message:
    """Decode one message in either encoding; raises DecodeError."""
    if data[:1] == b"\x30":
        from dissectors.h248.binary import decode_h248_binary  # pycrate takes half a second to load

        return decode_h248_binary(data)
    return decode_h248_text(data)
