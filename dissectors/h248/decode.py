"""Text or binary: told by the first octet, since BER begins with the tag of a SEQUENCE (H.248.1 Annex A and B)."""

from __future__ import annotations

from dissectors.h248.model import H248Message
from dissectors.h248.text import decode_h248_text
from dissectors.h248.text_encode import encode_h248_text


def decode_h248(data: bytes) -> H248Message:
    """Decode one message in either encoding; raises DecodeError."""
    if data[:1] == b"\x30":
        from dissectors.h248.binary import decode_h248_binary  # pycrate takes half a second to load

        return decode_h248_binary(data)
    return decode_h248_text(data)


def encode_h248(message: H248Message) -> bytes:
    """Encode one message in the encoding it names, text in its compact form; raises ValueError."""
    if message.encoding == "binary":
        from dissectors.h248.binary import encode_h248_binary

        return encode_h248_binary(message)
    return encode_h248_text(message)
