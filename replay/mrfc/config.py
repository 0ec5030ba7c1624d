"""What an MRFC has to know."""

from __future__ import annotations

from dataclasses import dataclass, field

from replay.admission import Admission
from replay.events import Endpoint
from replay.h248 import Timers
from replay.keying import Party
from replay.mrfc.faults import FAULTS
from replay.sip import Directory
from replay.sip.transactions import T1


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemNames:
    """What H.248 package items are called here; `analyzer.profile` reads these and others."""

    start_tcp: str = "tcpbcc/EstBNC"
    start_tls: str = "tlsbsc/EstBNC"
    tcp_event: str = "tcpbcc/BNCChange"
    tls_event: str = "tlsbsc/BNCChange"
    failed: str = "failed"
    psk: str = "tlsbsc/psk"
    psk_identity: str = "tlsbsc/pskid"
    "Empty: not sent. Like those of the room and the participant it is a choice of ours: no text at hand fixes it."
    room: str = "msi/room"
    participant: str = "msi/participant"
    filter: str = "mf/script"
    heartbeat: str = "hangterm/thb"


@dataclass(frozen=True, slots=True, kw_only=True)
class MrfcConfig:
    """Addresses, rooms, keys and habits of one MRFC."""

    name: str = "mrfc"
    sip: Endpoint
    "Where it takes SIP, over UDP and TCP."
    h248: Endpoint
    "Where the MRFP finds it, over UDP and TCP."
    mrfp: Endpoint | None = None
    "An MRFP that is taken to be in service without a ServiceChange; None waits for one."
    mrfp_allowed: tuple[str, ...] = ()
    "Addresses from which an MRFP may register; empty allows that of `mrfp`, or the first to come."
    domain: str = "conf.example.net"
    "Host of the conference URIs."
    rooms: frozenset[str] | None = None
    "User parts of the conference URIs that there are; None makes a conference of any."
    max_participants: int = 200
    "In one conference; one more is answered with 486."
    max_legs: int = 5000
    "In all; one more is answered with 503."
    directory: Directory = field(default_factory=Directory)
    "Where users are reached."
    admission: Admission = field(default_factory=Admission)
    "Who is served, and which addresses requests may name."
    kms: Endpoint | None = None
    kms_timeout: float = 5.0
    "s for a question to the KMS."
    party: Party = field(default_factory=Party)
    secured_only: tuple[str, ...] = ()
    "User parts of conferences that take nobody without end-to-end security."
    dial_out_mode: int = 3
    "MIKEY-TICKET mode of dialling out (TS 23.333 clause 6.2.19.2.2)."
    wrapped_types: tuple[str, ...] = ("text/plain", "text/html", "image/png")
    filter_script: str = "keep;"
    "Message filter for the MRFP; empty for none."
    heartbeat: int = 3600
    "s between heartbeats of a termination."
    audit_interval: float = 10.0
    "s between audits, by which a lost MRFP is found; 0 for none."
    dictated_address: str = "203.0.113.5"
    "The MRFP's own, for the rows OFFER-4 and SEND-1."
    ring_timeout: float = 60.0
    "s that a user may let it ring."
    termination: str = ""
    "What an Add asks for; empty: `ip/1/mb/$` in text, `$` in binary, which has no names."
    encoding: str = "text"
    "Of H.248: `text` or `binary`."
    names: ItemNames = field(default_factory=ItemNames)
    t1: float = T1
    h248_timers: Timers = field(default_factory=Timers)
    clock: float = 0.0
    "Seconds since 1970 when `now` is 0."
    faults: frozenset[str] = frozenset()
    "Rows of `FAULTS` to break."

    def __post_init__(self) -> None:
        if unknown := self.faults - FAULTS.keys():
            raise ValueError(f"the MRFC cannot break {', '.join(sorted(unknown))}")
