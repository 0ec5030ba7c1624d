"""Does an HTTP connection carry MIKEY? Told by its first messages, so that other HTTP costs next to nothing.

A KMS is asked by POST with a small body. A connection that begins otherwise, or whose first messages hold no MIKEY, is
given up, and its packets are dropped by selection from then on.
"""

from __future__ import annotations

from analyzer.conversations.kms_exchange import carries_mikey
from dissectors.errors import DecodeError
from dissectors.http import HttpMessage, HttpStream

PROBES = 4
"Messages that are looked at: the first may be sent without content, to be asked for credentials."
MAX_BODY = 1 << 16
"Octets of a body in which MIKEY may be."
_STARTS = (b"POST ", b"HTTP/1")


def may_be_kms(data: bytes) -> bool:
    """Can these be the first octets, one at least, of a side of a connection with a KMS?"""
    return any(data[: len(start)] == start[: len(data)] for start in _STARTS)


class KmsListener:
    """What one connection has shown so far."""

    __slots__ = ("is_kms", "probes")

    def __init__(self) -> None:
        self.is_kms = False
        self.probes = 0

    def wants(self, message: HttpMessage) -> bool:
        """Is this a message of a connection with a KMS?"""
        if not self.is_kms:
            self.probes += 1
            if message.is_request and message.method != "POST":
                self.probes = PROBES
            self.is_kms = carries_mikey(message)
        return self.is_kms

    def gives_up(self, decoder: HttpStream) -> bool:
        """Is this certainly none?"""
        if self.is_kms:
            return False
        if self.probes >= PROBES:
            return True
        head = decoder.unfinished
        if head is None:
            return False
        try:
            length = head.content_length
        except DecodeError:
            return True
        return (length or 0) > MAX_BODY or (head.is_request and head.method != "POST")
