"""Client and server transactions over UDP and TCP as state machines (RFC 3261 section 17, RFC 6026).

Each is told what came and when, and answers with octets to send and when to wake it. Over TCP nothing is repeated, and
the timers that only absorb repetitions are zero.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from dissectors.sip import SipMessage, build_request

T1 = 0.5
"s: estimate of the round trip (section 17.1.1.1)."
T2 = 4.0
"s: the longest time between repetitions of a non-INVITE request and of a response to INVITE."
T4 = 5.0
"s: how long a message may stay in the network."
GIVE_UP = 64
"Times T1: timers B, F, H, J, L, M."


class State(Enum):
    """Of either side; not every state is of every transaction (figures 5 to 8)."""

    CALLING = "calling"
    TRYING = "trying"
    PROCEEDING = "proceeding"
    ACCEPTED = "accepted"
    COMPLETED = "completed"
    CONFIRMED = "confirmed"
    TERMINATED = "terminated"


@dataclass(slots=True)
class Transaction:
    """What both sides have in common."""

    branch: str
    method: str
    reliable: bool
    "TCP or TLS: nothing is repeated."
    t1: float = T1
    state: State = State.CALLING
    send: list[bytes] = field(default_factory=list)
    "Octets to send, in order; the caller empties it."
    on_credit: bool = False
    "The other side did not show that it is there: what goes to it is bounded (`replay.sip.ledger`)."
    wake: dict[str, float] = field(default_factory=dict)
    "Timers by their letter and when they run out; the caller looks for the earliest."

    def due(self) -> float | None:
        """When it wants to be told the time next."""
        return min(self.wake.values(), default=None)

    def expired(self, now: float) -> list[str]:
        """The timers that ran out by now, taken out of `wake`."""
        found = sorted((at, name) for name, at in self.wake.items() if at <= now)
        for _, name in found:
            del self.wake[name]
        return [name for _, name in found]

    def end(self) -> None:
        self.state = State.TERMINATED
        self.wake.clear()


@dataclass(slots=True)
class ClientTransaction(Transaction):
    """A request of ours and the responses to it."""

    request: SipMessage | None = None
    interval: float = 0.0
    failed: bool = False
    "No final response came in time."
    ack: bytes = b""
    "What acknowledges a final response of 300 or more, once it was sent."

    @property
    def is_invite(self) -> bool:
        return self.method == "INVITE"

    def start(self, now: float) -> None:
        """Send the request for the first time."""
        if self.request is None:
            return
        self.state = State.CALLING if self.is_invite else State.TRYING
        self.send.append(self.request.data)
        self.interval = self.t1
        if not self.reliable:
            self.wake["A" if self.is_invite else "E"] = now + self.interval
        self.wake["B" if self.is_invite else "F"] = now + GIVE_UP * self.t1

    def receive(self, response: SipMessage, now: float) -> bool:
        """Take a response; True when it is news to the user of the transaction."""
        status = response.status
        if self.state in (State.COMPLETED, State.TERMINATED):
            if self.is_invite and status >= 300 and self.state is State.COMPLETED and self.ack:
                self.send.append(self.ack)  # it was sent again: so is the ACK
            return False
        if status < 200:
            self.state = State.PROCEEDING
            if self.is_invite:
                self.wake.pop("A", None)
                self.wake.pop("B", None)  # an INVITE that is being worked on may ring for minutes
            return True
        if self.is_invite and status < 300:
            news = self.state is not State.ACCEPTED
            if news:
                self.state = State.ACCEPTED
                self.wake = {"M": now + GIVE_UP * self.t1}
            return True  # every 2xx, also a repeated one, is acknowledged by the user (RFC 6026 section 7.2)
        if self.state is State.ACCEPTED:
            return False
        self.state = State.COMPLETED
        self.wake.clear()
        if self.is_invite:
            self.ack = make_ack(self.request, response).data if self.request is not None else b""
            self.send.append(self.ack)
            self.wake["D"] = now + (0 if self.reliable else GIVE_UP * self.t1)
        else:
            self.wake["K"] = now + (0 if self.reliable else T4)
        return True

    def tick(self, now: float) -> None:
        """Do what is due."""
        for name in self.expired(now):
            if name in ("A", "E") and self.request is not None:
                self.send.append(self.request.data)
                doubled = self.interval * 2
                slow = self.state is State.PROCEEDING and not self.is_invite
                self.interval = T2 if slow else doubled if self.is_invite else min(doubled, T2)
                self.wake[name] = now + self.interval
            elif name in ("B", "F"):
                self.failed = True
                self.end()
            else:
                self.end()


@dataclass(slots=True)
class ServerTransaction(Transaction):
    """A request of the other side and our responses."""

    request: SipMessage | None = None
    last: bytes = b""
    "The response sent last, which answers a repeated request."
    status: int = 0
    to_tag: str = ""
    "Of that response: who acknowledges a 2xx knows it."
    interval: float = 0.0
    failed: bool = False
    "No ACK came for a final response."

    @property
    def is_invite(self) -> bool:
        return self.method == "INVITE"

    def start(self) -> None:
        self.state = State.PROCEEDING if self.is_invite else State.TRYING

    def repeated(self) -> None:
        """The request came again."""
        if self.last and self.state in (State.PROCEEDING, State.COMPLETED):
            self.send.append(self.last)

    def respond(self, response: SipMessage, now: float) -> None:
        """Send a response."""
        status = response.status
        if self.state is State.TERMINATED or (self.status >= 200 and not 200 <= status < 300):
            return
        self.last = response.data
        self.status = status
        self.send.append(response.data)
        if status < 200:
            self.state = State.PROCEEDING
        elif self.is_invite and status < 300:
            # The user repeats a 2xx until the ACK comes (RFC 3261 section 13.3.1.4): done here for all users.
            self.state = State.ACCEPTED
            self._repeat_until_ack(now)
        elif self.is_invite:
            self.state = State.COMPLETED
            if self.reliable:
                self.wake["H"] = now + GIVE_UP * self.t1
            else:
                self._repeat_until_ack(now)
        else:
            self.state = State.COMPLETED
            self.wake["J"] = now + (0 if self.reliable else GIVE_UP * self.t1)

    def _repeat_until_ack(self, now: float) -> None:
        self.interval = self.t1
        self.wake["G"] = now + self.interval
        self.wake["H"] = now + GIVE_UP * self.t1

    def acknowledged(self, now: float) -> bool:
        """The ACK came; True for the first one."""
        if self.state not in (State.ACCEPTED, State.COMPLETED):
            return False
        self.state = State.CONFIRMED
        self.wake = {"I": now + (0 if self.reliable else T4)}
        return True

    def tick(self, now: float) -> None:
        """Do what is due."""
        for name in self.expired(now):
            if name == "G":
                self.send.append(self.last)
                self.interval = min(self.interval * 2, T2)
                self.wake["G"] = now + self.interval
            elif name == "H":
                self.failed = True
                self.end()
            else:
                self.end()


def make_ack(invite: SipMessage, response: SipMessage) -> SipMessage:
    """The ACK to a final response of 300 or more: part of the INVITE's transaction (RFC 3261 section 17.1.1.3)."""
    headers = [("Via", invite.header_list("Via")[0])]
    headers += [("Route", value) for value in invite.header_all("Route")]
    headers += [
        ("Max-Forwards", "70"),
        ("From", invite.header("From") or ""),
        ("To", response.header("To") or ""),
        ("Call-ID", invite.call_id),
        ("CSeq", f"{invite.cseq} ACK"),
    ]
    return build_request("ACK", invite.request_uri, headers)
