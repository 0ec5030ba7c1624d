"""SIP as user agents of the lab speak it: transactions, dialogs, messages (RFC 3261)."""

from __future__ import annotations

from replay.sip.agent import SipAgent
from replay.sip.dialog import Dialog
from replay.sip.directory import Directory, bare_uri
from replay.sip.doorkeeper import Doorkeeper
from replay.sip.layer import ClientKey, Hop, RequestIn, ResponseIn, ServerKey, SipEvent, SipLayer, TransactionFailed

__all__ = [
    "ClientKey",
    "Dialog",
    "Directory",
    "Doorkeeper",
    "Hop",
    "RequestIn",
    "ResponseIn",
    "ServerKey",
    "SipAgent",
    "SipEvent",
    "SipLayer",
    "TransactionFailed",
    "bare_uri",
]
