"""A TCP connection of a function, with TLS on it once the core wishes: what happens to it becomes events."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING

from replay.edge.psk_tls import PskTls, reason_of
from replay.edge.psk_ways import PskError
from replay.events import (
    Accepted,
    Congested,
    Connected,
    Ended,
    Endpoint,
    Received,
    Relieved,
    Secure,
    Secured,
    SecureFailed,
)

if TYPE_CHECKING:
    from replay.edge.runtime import Runtime

HANDSHAKE_TIMEOUT = 10.0
TOGETHER = 64 << 10
"Octets to one connection that are written at once; fewer wait until all is seen that came meanwhile."
LINGER = 10.0
"s to send what is left when a connection is closed; then it is reset."
HELD_OCTETS = 64 << 10
"Octets that wait on a connection for its key: a ClientHello is a few hundred."


class Stream(asyncio.Protocol):
    """One TCP connection, with TLS on it once the core wishes."""

    def __init__(self, runtime: Runtime, number: int, local: Endpoint, peer: Endpoint | None) -> None:
        self._runtime = runtime
        self.number = number
        self._local = local
        self._peer = peer or ("", 0)
        self._is_client = peer is not None
        self._transport: asyncio.Transport | None = None
        self._tls: PskTls | None = None
        self._held: bytearray | None = None
        "Octets that came before the core could wish for TLS."
        self._handshake_timer: asyncio.TimerHandle | None = None
        self._unwritten: list[bytes] = []
        self._unwritten_octets = 0
        self._linger_timer: asyncio.TimerHandle | None = None
        self._is_over = False
        self._is_refused = False
        "The core was never told of it."

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        runtime = self._runtime
        if not self._is_client and not runtime.has_room(transport.get_extra_info("socket").fileno()):
            self._is_over = self._is_refused = True
            transport.abort()
            return
        self._transport = transport
        asyncio.get_running_loop().call_soon(self._pause_again)
        local = runtime.plan.named(transport.get_extra_info("sockname")[:2])
        self._local = (self._local[0], local[1])
        runtime.add(self)
        if self._is_client:
            runtime.record_connected(self._local, self._peer)
            runtime.tell(Connected(self.number, self._local, self._peer))
            return
        self._peer = runtime.plan.named(transport.get_extra_info("peername")[:2])
        runtime.record_connected(self._peer, self._local)
        runtime.tell(Accepted(self.number, self._local, self._peer))

    def _pause_again(self) -> None:
        """Python 3.11.2 begins to read after `connection_made`, also where that has paused it."""
        transport = self._transport
        if transport is not None and not transport.is_closing() and not transport.is_reading():
            transport.resume_reading()
            transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        runtime = self._runtime
        if not runtime.is_ours(self._peer):
            runtime.record(self._peer, self._local, data)
        if self._held is not None:
            self._held += data
            if len(self._held) > HELD_OCTETS:
                self._secure_failed("too much came before TLS could be started")
        elif self._tls is None:
            runtime.tell(Received(self.number, data))
        else:
            self._decrypt(self._tls, data)

    def _decrypt(self, tls: PskTls, data: bytes) -> None:
        runtime = self._runtime
        was_up = tls.is_up
        try:
            plain = tls.receive(data)
        except ssl.SSLError as error:
            self._flush()
            self._secure_failed(reason_of(error))
            return
        self._flush()
        if tls.is_up and not was_up:
            self._stop_handshake_timer()
            runtime.tell(Secured(self.number, tls.psk_identity))
        if plain:
            runtime.tell(Received(self.number, plain))

    def eof_received(self) -> bool | None:
        if not self._runtime.is_ours(self._peer):
            self._runtime.record_ended(self._peer, self._local, reset=False)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_handshake_timer()
        if self._linger_timer is not None:
            self._linger_timer.cancel()
        if self._is_refused:
            return
        self._runtime.remove(self)
        if not self._is_over:
            self._is_over = True
            self._runtime.record_ended(self._local, self._peer, reset=False)
        if self._tls is not None and not self._tls.is_up:
            self._runtime.tell(SecureFailed(self.number, "the connection ended within the handshake"))
        else:
            self._runtime.tell(Ended(self.number, isinstance(exc, ConnectionResetError)))

    # ------------------------------------------------------------------ wishes

    def send(self, data: bytes) -> None:
        """Send octets, in TLS where it is up; soon, together with others."""
        unwritten = self._unwritten
        is_first = not unwritten
        unwritten.append(data)
        self._unwritten_octets += len(data)
        if self._unwritten_octets >= TOGETHER or (is_first and not self._runtime.write_later(self)):
            self.write_out()

    def write_out(self) -> None:
        """Write what waits to be written together."""
        unwritten = self._unwritten
        if not unwritten:
            return
        data = unwritten[0] if len(unwritten) == 1 else b"".join(unwritten)
        unwritten.clear()
        self._unwritten_octets = 0
        if self._transport is None or self._transport.is_closing():
            return
        if self._tls is None:
            self._write(data)
        elif self._tls.is_up:
            self._tls.send(data)
            self._flush()

    def secure(self, wish: Secure) -> None:
        """Start TLS."""
        self.write_out()
        try:
            self._tls = PskTls(is_client=wish.is_client, psk=wish.psk, identity=wish.psk_identity)
        except PskError as error:
            self._secure_failed(str(error))
            return
        loop = asyncio.get_running_loop()
        self._handshake_timer = loop.call_later(HANDSHAKE_TIMEOUT, self._secure_failed, "timeout")
        try:
            self._tls.start()
        except ssl.SSLError as error:
            self._flush()
            self._secure_failed(reason_of(error))
            return
        self._flush()
        held, self._held = self._held, None
        if held:
            self._decrypt(self._tls, bytes(held))

    def hold(self) -> None:
        """Keep what comes until TLS is started."""
        if self._tls is None and self._held is None:
            self._held = bytearray()

    def read(self, on: bool) -> None:
        """Read on, or not for now."""
        if self._transport is None or self._transport.is_closing():
            return
        if on:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def pause_writing(self) -> None:
        self._runtime.tell(Congested(self.number))

    def resume_writing(self) -> None:
        self._runtime.tell(Relieved(self.number))

    def close(self, *, abort: bool = False, silent: bool = False) -> None:
        """Close once all is sent, with close_notify unless `silent`, or reset."""
        if self._transport is None or (self._is_over and not abort):
            return
        if self._is_over:
            self._transport.abort()  # what was to be sent before the close is not read
            return
        if not abort:
            self.write_out()
        if not (abort or silent) and self._tls is not None and self._tls.is_up:
            self._tls.close()
            self._flush()
        self._is_over = True
        self._runtime.record_ended(self._local, self._peer, reset=abort)
        if abort:
            self._transport.abort()
        else:
            self._transport.close()
            self._linger_timer = asyncio.get_running_loop().call_later(LINGER, self._transport.abort)

    def _secure_failed(self, why: str) -> None:
        self._stop_handshake_timer()
        self._tls = None
        self.close()
        self._runtime.remove(self)
        self._runtime.tell(SecureFailed(self.number, why))

    def _stop_handshake_timer(self) -> None:
        if self._handshake_timer is not None:
            self._handshake_timer.cancel()
            self._handshake_timer = None

    def _flush(self) -> None:
        data = self._tls.outgoing if self._tls is not None else b""
        if data:
            self._write(data)

    def _write(self, data: bytes) -> None:
        assert self._transport is not None
        self._runtime.record(self._local, self._peer, data)
        self._transport.write(data)
