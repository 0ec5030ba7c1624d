"""The one error that bytes from outside may cause."""

from __future__ import annotations


class DecodeError(ValueError):
    """Bytes that a decoder could not read.

    Every decoder of this package returns a result or raises this error, whatever it is fed.
    """

    def __init__(self, what: str, offset: int, why: str) -> None:
        super().__init__(what, offset, why)
        self.what = what
        """What was being decoded, as a reader would call it: ``SIP start line``, ``H.248 descriptor``."""
        self.offset = offset
        """Where in the given bytes the trouble starts, counted in octets from 0."""
        self.why = why
        """What is wrong there, in plain words and without quoting message bodies."""

    def __str__(self) -> str:
        return f"{self.what} at octet {self.offset}: {self.why}"
