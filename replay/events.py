"""What passes between a network function and the world: events in, wishes out, both plain values.

A function of the lab (UE, MRFC, MRFP, KMS) is a core without sockets and clocks. It is told what happened and when, and
answers with what it wishes to be done; `replay.edge` does it with real sockets, tests do it by hand. Connections have
numbers that their owner chooses for those it opens, and the edge for those it accepts (negative).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

Endpoint = tuple[str, int]
"""IP address and port."""


# ---------------------------------------------------------------------- events


@dataclass(frozen=True, slots=True)
class Datagram:
    """A UDP datagram arrived."""

    local: Endpoint
    peer: Endpoint
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Accepted:
    """Somebody opened a TCP connection to a place where we listen."""

    connection: int
    local: Endpoint
    peer: Endpoint


@dataclass(frozen=True, slots=True)
class Connected:
    """A connection that we wished for is up."""

    connection: int
    local: Endpoint
    peer: Endpoint


@dataclass(frozen=True, slots=True)
class ConnectFailed:
    """A connection that we wished for cannot be set up."""

    connection: int
    why: str
    "`refused`, `timeout`, `unreachable`."


@dataclass(frozen=True, slots=True)
class Received:
    """Octets of a connection, decrypted where it is secured."""

    connection: int
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Secured:
    """TLS is up on a connection."""

    connection: int
    psk_identity: str


@dataclass(frozen=True, slots=True)
class SecureFailed:
    """TLS could not be set up; the connection is closed."""

    connection: int
    why: str
    "The alert or fault, in words."


@dataclass(frozen=True, slots=True)
class Ended:
    """A connection is gone, whoever ended it."""

    connection: int
    reset: bool = False


@dataclass(frozen=True, slots=True)
class Congested:
    """The other side reads too slowly: what we send now waits in memory."""

    connection: int


@dataclass(frozen=True, slots=True)
class Relieved:
    """What waited is sent."""

    connection: int


@dataclass(frozen=True, slots=True)
class Expired:
    """A timer that we set ran out."""

    timer: str


Event = (
    Datagram
    | Accepted
    | Connected
    | ConnectFailed
    | Received
    | Secured
    | SecureFailed
    | Ended
    | Congested
    | Relieved
    | Expired
)


# ---------------------------------------------------------------------- wishes


@dataclass(frozen=True, slots=True)
class SendDatagram:
    local: Endpoint
    peer: Endpoint
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Listen:
    """Accept TCP connections at this place; a port of 0 is not allowed: whoever announces a port knows it."""

    local: Endpoint
    deaf: bool = False
    "Leave whoever knocks without an answer, as a host behind a firewall does."


@dataclass(frozen=True, slots=True)
class Unlisten:
    local: Endpoint


@dataclass(frozen=True, slots=True)
class Connect:
    """Open a TCP connection from this local end (port 0: any)."""

    connection: int
    local: Endpoint
    peer: Endpoint


@dataclass(frozen=True, slots=True)
class Hold:
    """Keep what comes on a connection until TLS is wished for: its key is not known yet."""

    connection: int


@dataclass(frozen=True, slots=True)
class Secure:
    """Start TLS on a connection, as its client or server (independent of who opened TCP)."""

    connection: int
    is_client: bool
    psk: bytes = field(repr=False)
    psk_identity: str = ""


@dataclass(slots=True, unsafe_hash=True)
class Send:
    """Send octets. Made for every message and recipient; not frozen, since making it would take three times as long."""

    connection: int
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Close:
    """Close a connection once all is sent; `abort` resets it at once, `silent` leaves close_notify out."""

    connection: int
    abort: bool = False
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Pause:
    """Read nothing more from a connection for now, so that TCP slows down who sends there."""

    connection: int


@dataclass(frozen=True, slots=True)
class Resume:
    """Read from a paused connection again."""

    connection: int


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Tell us at this time (s, of the clock that `now` is of); a timer of that name is replaced."""

    timer: str
    at: float


@dataclass(frozen=True, slots=True)
class StopTimer:
    timer: str


@dataclass(frozen=True, slots=True)
class Note:
    """Something worth a line in the log; never a key, a body or a subscriber's identity."""

    what: str
    details: dict[str, str | int | float] = field(default_factory=dict)


Wish = (
    SendDatagram
    | Listen
    | Unlisten
    | Connect
    | Hold
    | Secure
    | Send
    | Close
    | Pause
    | Resume
    | SetTimer
    | StopTimer
    | Note
)


class Core(Protocol):
    """A network function without sockets and clocks; times are seconds of one clock that never goes back."""

    name: str

    def start(self, now: float) -> Sequence[Wish]:
        """What to do at first: listen, register."""
        ...

    def receive(self, event: Event, now: float) -> Sequence[Wish]:
        """What to do about an event."""
        ...

    def stop(self, now: float) -> Sequence[Wish]:
        """What to do before going away: end sessions, close connections."""
        ...
