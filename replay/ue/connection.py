"""The MSRP connection of a call: TCP, whoever opens it, then TLS where it is secured, then the session on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from replay.events import Close, Connect, Endpoint, Hold, Secure, Send, Wish
from replay.ue.msrp_session import MsrpSession, octets_of


class Link(Enum):
    """How far a connection is."""

    NONE = "none"
    OPENING = "opening"
    HELD = "held"
    "TCP is up; the key is not known yet."
    SECURING = "securing"
    UP = "up"
    GONE = "gone"


@dataclass(slots=True)
class MsrpConnection:
    """One connection; its owner feeds it and takes `wishes`."""

    secured: bool
    binds: bool
    "Do we say the first words (RFC 4975 section 5.4)?"
    tls_client: bool
    "Do we start TLS, whoever opened TCP?"
    session: Callable[[], MsrpSession]
    silent: bool = False
    "End TLS without close_notify."
    waits: bool = False
    "TLS is started later, by `secure_now`."
    link: Link = Link.NONE
    number: int = 0
    psk: bytes = field(default=b"", repr=False)
    psk_identity: str = ""
    why_gone: str = ""
    "`closed`, `reset`, or what TCP or TLS failed of."
    msrp: MsrpSession | None = None
    wishes: list[Wish] = field(default_factory=list)

    def open(self, number: int, local: Endpoint, peer: Endpoint) -> None:
        """Open it ourselves."""
        if self.link is Link.NONE:
            self.number, self.link = number, Link.OPENING
            self.wishes.append(Connect(number, local, peer))

    def accepted(self, number: int, now: float) -> None:
        """The other side opened it."""
        self.number = number
        self.tcp_up(now)

    def tcp_up(self, now: float) -> None:
        """TCP is there, opened by either side."""
        if not self.secured:
            self._up(now)
            return
        self.link = Link.HELD
        if self.psk and not self.waits:
            self._secure()
        elif not self.psk:
            self.wishes.append(Hold(self.number))

    def take_key(self, psk: bytes, identity: str) -> None:
        """The key is known."""
        self.psk, self.psk_identity = psk, identity
        if self.link is Link.HELD and not self.waits:
            self._secure()

    def secure_now(self) -> None:
        """It has waited long enough."""
        self.waits = False
        if self.link is Link.HELD and self.psk:
            self._secure()

    def _secure(self) -> None:
        self.link = Link.SECURING
        self.wishes.append(Secure(self.number, self.tls_client, self.psk, self.psk_identity))

    def tls_up(self, now: float) -> None:
        """TLS is there."""
        self._up(now)

    def _up(self, now: float) -> None:
        self.link = Link.UP
        self.msrp = self.session()
        if self.binds:
            self.msrp.bind(now)
        self.flush()

    def flush(self) -> None:
        """Send what the session has to send."""
        if self.msrp is not None and self.msrp.out and self.link is Link.UP:
            self.wishes.append(Send(self.number, octets_of(self.msrp.out)))

    def gone(self, why: str) -> None:
        """It ended, or never came to be."""
        self.link = Link.GONE
        self.why_gone = why

    def close(self) -> None:
        """End it."""
        if self.link not in (Link.NONE, Link.GONE):
            self.wishes.append(Close(self.number, silent=self.silent))
        self.link = Link.GONE
