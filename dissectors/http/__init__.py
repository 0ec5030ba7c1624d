"""HTTP/1.1 (RFC 9112) as a KMS speaks it: whole messages out of a stream, small bodies kept, large ones counted."""

from dissectors.http.message import HttpMessage, decode_head
from dissectors.http.stream import HttpStream

__all__ = ["HttpMessage", "HttpStream", "decode_head"]
