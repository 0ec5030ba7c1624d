"""TLS-PSK between two cores of a virtual network: flights of `samples.tls_psk`, each once it can be sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from replay.events import Secure
from samples.tls_psk import CLIENT, SERVER, TlsParameters, TlsSession

Carry = Callable[[int, bytes, float], float]
"Sends octets from a side of the connection (0: who opened TCP) at a time; returns when they arrive."
Later = Callable[[float, Callable[[], None]], None]
WORK = 0.0009
"s that a side takes to answer a flight."


@dataclass(slots=True)
class Handshake:
    """TLS of one connection. A side joins by its wish; the handshake goes on as far as both have."""

    carry: Carry
    later: Later
    parameters: Mapping[str, Any]
    "Random values and suite."
    done: Callable[[int, str, float], None]
    "Told which side of the connection is secured (empty text), or failed and why."
    wishes: dict[int, Secure] = field(default_factory=dict)
    "By side of the connection."
    session: TlsSession | None = None
    client: int = 0
    "The side of the connection that is the TLS client."
    is_up: set[int] = field(default_factory=set)
    failed: bool = False

    def wish(self, side: int, wish: Secure, now: float) -> None:
        """A side starts TLS."""
        if side in self.wishes:
            return
        self.wishes[side] = wish
        if wish.is_client and self.session is None:
            self.client = side
            self.session = TlsSession(
                TlsParameters(psk=wish.psk, psk_identity=wish.psk_identity.encode(), **self.parameters)
            )
            arrived = self.carry(side, self.session.client_hello(), now)
            self.later(arrived, lambda: self._answer(arrived))
        elif not wish.is_client and self.session is not None and len(self.wishes) == 2:
            self._answer(now)

    def _answer(self, now: float) -> None:
        """The server's flight, once there are ClientHello and the server's wish."""
        server = self.wishes.get(1 - self.client)
        session = self.session
        if server is None or session is None or server.is_client or session.parameters.server_psk:
            return
        session.parameters.server_psk = server.psk
        arrived = self.carry(1 - self.client, session.server_flight(), now + WORK)
        self.later(arrived, lambda: self._finish(arrived))

    def _finish(self, now: float) -> None:
        assert self.session is not None
        arrived = self.carry(self.client, self.session.client_flight(), now + WORK)
        self.later(arrived, lambda: self._judge(arrived))

    def _judge(self, now: float) -> None:
        """The server reads Finished, or cannot (RFC 5246 section 7.4.9; RFC 4279 section 2)."""
        session = self.session
        assert session is not None
        server, client = 1 - self.client, self.client
        if session.agrees:
            arrived = self.carry(server, session.server_finish(), now + WORK)
            self.is_up = {0, 1}
            self.done(server, "", now + WORK)
            self.later(arrived, lambda: self.done(client, "", arrived))
            return
        self.failed = True
        arrived = self.carry(server, session.alert(SERVER, "bad_record_mac"), now + WORK)
        self.done(server, "decryption failed or bad record mac", now + WORK)
        self.later(arrived, lambda: self.done(client, "alert bad record mac", arrived))

    def protect(self, side: int, octets: bytes) -> bytes:
        """Application data of a side of the connection."""
        assert self.session is not None
        return self.session.data(self._tls_side(side), octets)

    def close_notify(self, side: int) -> bytes:
        """The end of TLS, as a side announces it."""
        assert self.session is not None
        return self.session.alert(self._tls_side(side), "close_notify", fatal=False)

    def _tls_side(self, side: int) -> int:
        return CLIENT if side == self.client else SERVER
