"""One participant's leg, and the states that it goes through."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from dissectors.sdp import Origin, SessionDescription
from dissectors.sip import SipMessage
from replay.keying import Initiator, Responder
from replay.mrfc.conference import Conference
from replay.negotiation import MsrpMedia
from replay.sip import ClientKey, Dialog, Hop, ServerKey


class State(Enum):
    """Of a leg; dialling in goes by ANSWERED, dialling out by INVITING and CONFIGURING."""

    KEYING = "keying"
    "The KMS is asked; passed through at once where it is not."
    RESERVING = "reserving"
    "The MRFP is asked for a termination."
    ANSWERED = "answered"
    "We sent 200 and wait for the ACK."
    INVITING = "inviting"
    "We sent INVITE and wait for a final response."
    CONFIGURING = "configuring"
    "The answer is given to the MRFP."
    JOINED = "joined"
    LEAVING = "leaving"
    "We sent BYE or CANCEL and wait for the response."
    ENDED = "ended"


TRANSITIONS: dict[State, frozenset[State]] = {
    State.KEYING: frozenset({State.RESERVING, State.ENDED}),
    State.RESERVING: frozenset({State.ANSWERED, State.INVITING, State.ENDED}),
    State.ANSWERED: frozenset({State.JOINED, State.LEAVING, State.ENDED}),
    State.INVITING: frozenset({State.CONFIGURING, State.LEAVING, State.ENDED}),
    State.CONFIGURING: frozenset({State.JOINED, State.LEAVING, State.ENDED}),
    State.JOINED: frozenset({State.LEAVING, State.ENDED}),
    State.LEAVING: frozenset({State.ENDED}),
    State.ENDED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a leg ends or does not begin: a SIP status for the response, or for the Reason of a BYE (RFC 3326)."""

    status: int
    phrase: str
    text: str = ""
    "What happened, without identities; for Reason and Warning."
    warning: int = 0
    "Warn-code (RFC 3261 section 20.43); 0 for none."
    retry_after: int = 0
    "s"

    @property
    def reason(self) -> str:
        """The value of Reason."""
        return f'SIP;cause={self.status};text="{self.text or self.phrase}"'


@dataclass(slots=True, eq=False)
class Leg:
    """One participant, from INVITE to BYE."""

    number: int
    conference: Conference
    uri: str
    "Of the participant."
    dialled_out: bool
    secured: bool
    state: State = State.KEYING
    display_name: str = ""
    tag: str = ""
    "Ours."
    origin: Origin | None = None
    "Of our session descriptions."

    # SIP
    invite_key: ServerKey | ClientKey | None = None
    invite: SipMessage | None = None
    dialog: Dialog | None = None
    hop: Hop | None = None
    is_proven: bool = False
    "The other side showed that it gets what we send."
    ringing: bool = False
    "A provisional response came to our INVITE: it can be cancelled."
    answer: bytes = b""
    "Our session description as sent last."

    # what was agreed
    offer: SessionDescription | None = None
    offer_number: int = 0
    remote: MsrpMedia | None = None
    local: MsrpMedia | None = None
    keying: Initiator | Responder | None = field(default=None, repr=False)
    transfer_init: bytes = field(default=b"", repr=False)
    "As it came, unless it was seen before."
    transfer_resp: str = field(default="", repr=False)
    psk: bytes = field(default=b"", repr=False)

    # the termination at the MRFP
    context_id: int = 0
    termination: str = ""
    asked: bool = False
    "An Add is on its way."
    statistics: dict[str, int] = field(default_factory=dict)
    "Of the Subtract reply."

    ending: Cause | None = None
    "It is to end with this as soon as that may be said."

    def go(self, state: State) -> None:
        """Change the state; AssertionError where that would be our mistake."""
        assert state in TRANSITIONS[self.state], f"{self.state} -> {state}"
        self.state = state

    @property
    def joined(self) -> bool:
        """Is the participant in the conference?"""
        return self.state in (State.ANSWERED, State.CONFIGURING, State.JOINED)

    @property
    def over(self) -> bool:
        """Is nothing left to be done but to wait?"""
        return self.state in (State.LEAVING, State.ENDED)
