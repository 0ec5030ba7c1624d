"""What a UE has to know, and how it behaves."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from replay.admission import Admission
from replay.events import Endpoint
from replay.keying import Party
from replay.sip import Directory
from replay.sip.transactions import T1
from replay.ue.faults import FAULTS
from replay.ue.script import Step


class Behaviour(Enum):
    """What a participant may do to a conference; nothing of it breaks a requirement row."""

    BUSY = "refuses calls with 486"
    DECLINES = "refuses calls with 603"
    RINGS_FOREVER = "never answers a call"
    REFUSES_TCP = "does not listen where it says that it does"
    IGNORES_TCP = "leaves who connects to it without an answer"
    WRONG_KEY = "secures TLS with another key"
    NEVER_ACKNOWLEDGES = "sends no ACK to a 2xx"
    SAYS_NOTHING = "opens its connection and sends no MSRP"
    SPOILS_TICKET = "dials in with a ticket whose MAC does not fit"
    FOREIGN_TICKET = "dials in with a ticket for another conference"
    EXPIRED_TICKET = "dials in with a ticket of its own that has expired"
    REPLAYS = "dials in with the TRANSFER_INIT of somebody else"
    LEAVES_MSRP = "leaves it to another program to open its connection"


@dataclass(frozen=True, slots=True, kw_only=True)
class UeConfig:
    """Addresses, keys, habits and script of one UE."""

    name: str = "ue"
    uri: str
    "Its public identity: `sip:alice@ims.example.net`."
    display_name: str = ""
    sip: Endpoint
    "Where it takes SIP, over UDP and TCP."
    msrp: Endpoint
    "Where it takes MSRP connections."
    directory: Directory = field(default_factory=Directory)
    admission: Admission = field(default_factory=Admission)
    "Who may call it, and which addresses a call may name."
    username: str = ""
    "For digest authentication, where it is asked for (RFC 3261 section 22)."
    password: str = field(default="", repr=False)
    kms: Endpoint | None = None
    kms_timeout: float = 5.0
    "s for a question to the KMS."
    party: Party = field(default_factory=Party)
    mode: int = 1
    "MIKEY-TICKET mode of dialling in."
    nat: str = ""
    "Where connections that it opens come from in the row NAT-1."
    sip_tcp: bool = False
    "Take TCP for all SIP."
    setup: str = "active"
    "What it answers to an offer of a=setup:actpass."
    goes_by_nickname: bool = False
    "Messages name us by our nickname, once we have one, so that others learn whose it is (RFC 3862 section 3.3)."
    cema: bool = True
    chatroom: tuple[str, ...] | None = None
    "What it says of chat rooms (RFC 7701 section 8); without `private-messages` it takes none. None: says nothing."
    answer_after: float = 0.0
    "s that it rings."
    answer_wait: float = 60.0
    "s that it waits for a final response to its INVITE, then it cancels."
    session_wait: float = 45.0
    """s that a call may go without an MSRP session that works: long enough for an MRFC to find that its MRFP is lost,
    and to end the call with a reason."""
    wrapped_types: tuple[str, ...] = ("text/plain", "text/html", "image/png")
    chunk_size: int = 2048
    "Octets of content in one MSRP request."
    kept: int = 1 << 20
    "Octets of received messages that are kept, each; longer ones are counted."
    script: tuple[Step, ...] = ()
    t1: float = T1
    clock: float = 0.0
    "Seconds since 1970 when `now` is 0."
    overheard: str = field(default="", repr=False)
    "For `REPLAYS`: the key management data of somebody else's offer."
    behaviours: frozenset[Behaviour] = frozenset()
    faults: frozenset[str] = frozenset()
    "Rows of `FAULTS` to break."

    def __post_init__(self) -> None:
        if unknown := self.faults - FAULTS.keys():
            raise ValueError(f"a UE cannot break {', '.join(sorted(unknown))}")
