"""What an MRFP is told before it starts."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from analyzer.profile import DEFAULT_PROFILE, Profile
from replay.admission import Admission
from replay.events import Endpoint
from replay.h248 import Timers


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that keep one participant, or one controller, from using up the gateway."""

    contexts: int = 10_000
    terminations_per_context: int = 1_000
    connections: int = 20_000
    "Accepted TCP connections; further ones are closed at once."
    head: int = 16_384
    "Octets of the headers of an MSRP message."
    message: int = 1 << 30
    "Octets of a whole message; a longer one is answered with 413 (RFC 4975 section 10.5)."
    open_messages: int = 64
    "Messages that one participant may have under way at a time."
    queue: int = 4 << 20
    "Octets that wait for a participant who reads too slowly; beyond that it is dropped."
    queues: int = 256 << 20
    "Octets that wait for all participants together; beyond that the one who adds to them is dropped."
    throttle: int = 256 << 10
    "Octets that wait for a participant before those who send to it are paused."
    stalled: float = 30.0
    "s that a participant may read nothing of what waits for it."
    bind: float = 30.0
    "s within which a new connection must be bound to a session by its first request."
    idle: float = 0.0
    "s without a request after which a participant's connection is closed; 0: never."
    response: float = 30.0
    "s to wait for the response to a request (RFC 4975 section 7.1.1)."
    chunk: float = 540.0
    "s to wait for the next chunk of a message (RFC 7701 section 6.1)."


@dataclass(frozen=True, slots=True)
class MrfpConfig:
    """Addresses, names and limits of one MRFP."""

    h248: Endpoint
    "Where it speaks H.248; a TCP connection starts at any port of this address."
    controllers: tuple[Endpoint, ...]
    "MRFCs in order of preference."
    media_address: str
    "IP address for MSRP, announced in Local and used."
    media_ports: range = range(20_000, 30_000)
    "TCP ports for MSRP, one for each termination."
    admission: Admission = field(default_factory=Admission)
    "Which other hosts an MRFC may name as controllers: itself, and those that are listed here."
    name: str = "mrfp"
    mid: str = ""
    "Message identifier; empty: the H.248 address in brackets and its port."
    transport: str = "udp"
    "`udp`, `tcp` with TPKT frames, or `sctp`, which the core takes for datagrams."
    encoding: str = "text"
    "`text` or `binary`, of its own requests."
    version: int = 2
    "The highest protocol version that it offers."
    h248_profile: str = "Mp/1"
    "Profile in ServiceChange; empty: none."
    termination_prefix: str = "ip/1/mb"
    accept_types: tuple[str, ...] = ("message/cpim",)
    "Media types of messages; `*` takes all, and what is not CPIM goes to all participants (RFC 7701 section 6.2)."
    accept_wrapped_types: tuple[str, ...] = ("*",)
    timers: Timers = field(default_factory=Timers)
    retry: float = 5.0
    "s until it tries again to reach a controller that did not answer, or refused."
    inactivity: float = 0.0
    "s without a word of the controller after which it is asked whether it is there (H.248.14); 0: never."
    unconnected: float = 0.0
    """s that a session may be without its connection, whoever is to open it, before the controller is told that there
    is none; 0: for ever."""
    orphans: float = 0.0
    "s that contexts are kept once control is lost; 0: for ever."
    execution_time: float = 0.0
    "s that it takes to execute a transaction: to see how a controller takes a slow gateway."
    epoch: float | None = None
    "Seconds since 1970 UTC when the clock of `now` was 0; None: no time stamps."
    names: Profile = DEFAULT_PROFILE
    limits: Limits = field(default_factory=Limits)
    random: Callable[[int], bytes] = field(default=secrets.token_bytes, repr=False)
    "Octets by chance: session-ids and transaction ids must not be guessed (RFC 4975 section 14.1)."

    @property
    def identifier(self) -> str:
        """The message identifier of its H.248 messages."""
        return self.mid or f"[{self.h248[0]}]:{self.h248[1]}"
