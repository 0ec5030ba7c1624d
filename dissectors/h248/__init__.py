"""H.248 (Megaco): text and binary encoding, one model (ITU-T H.248.1 versions 1 to 3, RFC 3525)."""

from __future__ import annotations

from dissectors.h248.as_far import decode_h248_as_far
from dissectors.h248.decode import decode_h248, encode_h248
from dissectors.h248.model import (
    ALL_CONTEXTS,
    CHOOSE_CONTEXT,
    NULL_CONTEXT,
    Command,
    CommandName,
    ContextAction,
    ErrorDescriptor,
    H248Message,
    Segment,
    TransactionAck,
    TransactionPending,
    TransactionReply,
    TransactionRequest,
    context_name,
)
from dissectors.h248.package_table import PackageTable
from dissectors.h248.text import decode_h248_text
from dissectors.h248.text_encode import encode_h248_text
from dissectors.h248.text_stream import TextStream
from dissectors.h248.tpkt import TpktStream

__all__ = [
    "ALL_CONTEXTS",
    "CHOOSE_CONTEXT",
    "NULL_CONTEXT",
    "Command",
    "CommandName",
    "ContextAction",
    "ErrorDescriptor",
    "H248Message",
    "PackageTable",
    "Segment",
    "TextStream",
    "TpktStream",
    "TransactionAck",
    "TransactionPending",
    "TransactionReply",
    "TransactionRequest",
    "context_name",
    "decode_h248",
    "decode_h248_as_far",
    "decode_h248_text",
    "encode_h248",
    "encode_h248_text",
]
