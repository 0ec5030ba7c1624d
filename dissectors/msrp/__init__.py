"""MSRP (RFC 4975, 4976, 7701) and CPIM (RFC 3862): messages, streams, URIs, chunks."""

from dissectors.msrp.assembler import JoinedMessage, MessageAssembler
from dissectors.msrp.build import build_request, build_response, pick_transaction_id, replace_headers
from dissectors.msrp.codec import decode_msrp, encode_msrp
from dissectors.msrp.cpim import CpimHeader, CpimMessage, build_cpim, decode_cpim, encode_cpim
from dissectors.msrp.message import ByteRange, MsrpMessage, ReportStatus
from dissectors.msrp.stream import MsrpStream
from dissectors.msrp.uri import MsrpUri, parse_msrp_uri, session_id_of, split_path, uris_equal

__all__ = [
    "ByteRange",
    "CpimHeader",
    "CpimMessage",
    "JoinedMessage",
    "MessageAssembler",
    "MsrpMessage",
    "MsrpStream",
    "MsrpUri",
    "ReportStatus",
    "build_cpim",
    "build_request",
    "build_response",
    "decode_cpim",
    "decode_msrp",
    "encode_cpim",
    "encode_msrp",
    "parse_msrp_uri",
    "pick_transaction_id",
    "replace_headers",
    "session_id_of",
    "split_path",
    "uris_equal",
]
