"""A look at BER before it is decoded (ITU-T X.690 clause 8.1).

Lengths must fit, nesting and the number of elements stay within bounds.

The decoder behind recurses and copies at every level, so hostile octets are turned away here, in linear time and
without recursion.
"""

from __future__ import annotations

from dissectors.errors import DecodeError

MAX_NESTING = 48
"""Constructed elements inside each other; a legal message has less than thirty."""
MAX_ELEMENTS = 20_000
MAX_OCTETS = 1 << 20


def check_ber(data: bytes) -> int:
    """Check the first element of `data` and return where it ends. Raises DecodeError."""
    size = len(data)
    if size > MAX_OCTETS:
        raise DecodeError("H.248 BER", 0, f"more than {MAX_OCTETS} octets")
    ends: list[int] = []  # where the open elements end, -1 for one of indefinite length
    at = count = 0
    while True:
        if at >= size:
            raise DecodeError("H.248 BER", at, "it ends in the middle")
        count += 1
        if count > MAX_ELEMENTS:
            raise DecodeError("H.248 BER", at, f"more than {MAX_ELEMENTS} elements")
        start, at, constructed, length = _header(data, at)
        if start + 2 == at and not data[start] and not length:
            if not ends or ends[-1] != -1:
                raise DecodeError("H.248 BER", start, "an end of contents that ends nothing")
            ends.pop()
        else:
            limit = next((end for end in reversed(ends) if end >= 0), size)
            if length > limit - at:
                raise DecodeError("H.248 BER", start, "longer than what holds it")
            if not constructed:
                if length < 0:
                    raise DecodeError("H.248 BER", start, "a primitive element of indefinite length")
                at += length
            elif length:
                ends.append(at + length if length > 0 else -1)
                if len(ends) > MAX_NESTING:
                    raise DecodeError("H.248 BER", start, f"more than {MAX_NESTING} elements inside each other")
                continue
        while ends and ends[-1] == at:
            ends.pop()
        if not ends:
            return at


def _header(data: bytes, at: int) -> tuple[int, int, bool, int]:
    """Start, content start, whether constructed, and length (-1: indefinite) of the element at `at`."""
    start = at
    try:
        first = data[at]
        at += 1
        if first & 0x1F == 0x1F:
            while data[at] & 0x80:
                at += 1
                if at - start > 4:
                    raise DecodeError("H.248 BER", start, "a tag number that is too great")
            at += 1
        length = data[at]
        at += 1
        if length == 0x80:
            length = -1
        elif length & 0x80:
            count = length & 0x7F
            if count > 4:
                raise DecodeError("H.248 BER", start, "a length that is too great")
            if at + count > len(data):
                raise DecodeError("H.248 BER", start, "it ends in the middle")
            length = int.from_bytes(data[at : at + count], "big")
            at += count
    except IndexError:
        raise DecodeError("H.248 BER", start, "it ends in the middle") from None
    return start, at, bool(first & 0x20), length
