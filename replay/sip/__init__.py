"""SIP as user agents of the lab speak it: transactions, dialogs, messages (RFC 3261)."""

from __future__ import annotations

from replay.sip.dialog import Dialog
from replay.sip.layer import RequestIn, ResponseIn, SipEvent, SipLayer, TransactionFailed

__all__ = ["Dialog", "RequestIn", "ResponseIn", "SipEvent", "SipLayer", "TransactionFailed"]
