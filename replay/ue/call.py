"""A call of a UE: the facts of it, whoever called."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from dissectors.sip import SipMessage
from replay.keying import Initiator, Responder
from replay.negotiation import MsrpMedia
from replay.sip import ClientKey, Dialog, Hop, ServerKey
from replay.ue.connection import MsrpConnection


class CallState(Enum):
    """Of a call."""

    KEYING = "keying"
    CALLING = "calling"
    RINGING = "ringing"
    ANSWERED = "answered"
    "We sent 200 and wait for the ACK."
    TALKING = "talking"
    LEAVING = "leaving"
    OVER = "over"


@dataclass(slots=True, eq=False)
class Call:
    """From the first INVITE to the last response."""

    conference: str
    secured: bool
    we_called: bool
    state: CallState
    own_path: str
    tag: str
    call_id: str = ""
    invite: SipMessage | None = None
    invite_key: ClientKey | ServerKey | None = None
    bye_key: ClientKey | None = None
    dialog: Dialog | None = None
    hop: Hop | None = None
    keying: Initiator | Responder | None = field(default=None, repr=False)
    transfer_init: bytes = field(default=b"", repr=False)
    "That we were offered, unless it was seen before."
    remote: MsrpMedia | None = None
    connection: MsrpConnection | None = None
    answer: bytes = b""
    "Our session description."
    was_in: bool = False
    "Its MSRP session worked once."
    ended_by: str = ""
    "Why it ended, as the other side's Reason or status says; `left` when we left."
