"""Answers to messages that cannot be read (H.248.1 clause 7.1.20, H.248.8 errors 400 and 406).

Something is said only to what looks like a request: an error that answers an error would never end.
"""

from __future__ import annotations

import re

from dissectors.h248 import ErrorDescriptor, H248Message, TransactionReply

_TEXT = re.compile(
    rb"\s*(?:MEGACO|!)/[0-9]{1,2}\s+[^\s{}]{1,300}\s+(?:Transaction|T)\s*=\s*([0-9]{1,10})\s*\{", re.IGNORECASE
)


def answer_unreadable(data: bytes, why: str, mid: str, version: int) -> H248Message | None:
    """The reply with error 400 to a text message whose first transaction has an id, or None."""
    match = _TEXT.match(data)
    if match is None or int(match[1]) > 0xFFFFFFFF:
        return None
    error = ErrorDescriptor(400, why.replace('"', "'")[:120])
    return H248Message(version, mid, [TransactionReply(int(match[1]), error=error)])
