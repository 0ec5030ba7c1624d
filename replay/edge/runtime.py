"""Runs a core with real sockets: its wishes become UDP, TCP and TLS, what comes becomes events (asyncio).

Addresses in messages are those of the plan (198.51.100.7, say); sockets are bound to loopback addresses that stand for
them, unless the plan says that they are real. Nothing is sent beyond loopback without `beyond_loopback`.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import resource
import socket
import ssl
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_address

from replay.edge.psk_tls import PskTls, reason_of
from replay.edge.recorder import Recorder
from replay.edge.sctp import SctpEnd, open_socket
from replay.events import (
    Accepted,
    Close,
    Congested,
    Connect,
    Connected,
    ConnectFailed,
    Core,
    Datagram,
    Ended,
    Endpoint,
    Event,
    Expired,
    Hold,
    Listen,
    Note,
    Pause,
    Received,
    Relieved,
    Resume,
    Secure,
    Secured,
    SecureFailed,
    Send,
    SendDatagram,
    SetTimer,
    StopTimer,
    Unlisten,
    Wish,
)

CONNECT_TIMEOUT = 10.0
"s after which a connection that nobody answers has failed."
HANDSHAKE_TIMEOUT = 10.0
BACKLOG = 1024
"Connections that may wait to be accepted."
ACCEPTED = 64
"Connections that are accepted at once, before what was said on others is looked at."
TOGETHER = 64 << 10
"Octets to one connection that are written at once; fewer wait until all is seen that came meanwhile."
LINGER = 10.0
"s to send what is left when a connection is closed; then it is reset."
SPARE_FILES = 128
"Open files that are left for other things than connections that come."
SYN_AGAIN = (1.0, 3.0, 7.0)
"s after the first SYN at which Linux repeats it, as a recording shows them (RFC 6298 section 5.7)."
HELD_OCTETS = 64 << 10
"Octets that wait on a connection for its key: a ClientHello is a few hundred."

log = logging.getLogger("mrfscope.lab")


@dataclass(slots=True)
class AddressPlan:
    """Which socket address stands for which address in messages; what is not named stands for itself."""

    sockets: Mapping[str, str] = field(default_factory=dict)
    beyond_loopback: bool = False

    def socket(self, end: Endpoint) -> Endpoint:
        """Where to bind or connect for this end. Raises PermissionError beyond loopback.

        ValueError for what is no address and port: it may come from a peer, and the system would look up a name, or
        close the socket for a port that cannot be.
        """
        address = self.sockets.get(end[0], end[0])
        if not 0 <= end[1] < 65536:
            raise ValueError(f"{end[1]} is no port")
        if not ip_address(address).is_loopback and not self.beyond_loopback:
            raise PermissionError(f"{address} is no loopback address, and sending beyond loopback was not allowed")
        return address, end[1]

    def named(self, end: Endpoint) -> Endpoint:
        """The end that this socket address stands for."""
        for name, address in self.sockets.items():
            if address == end[0]:
                return name, end[1]
        return end[0], end[1]


class Runtime:
    """One core at work; `start`, then let it run, then `stop`."""

    def __init__(
        self,
        core: Core,
        *,
        udp: Sequence[Endpoint] = (),
        sctp: Sequence[Endpoint] = (),
        plan: AddressPlan | None = None,
        recorder: Recorder | None = None,
        ours: Callable[[Endpoint], bool] = lambda end: True,
        noted: Callable[[str, Note], None] | None = None,
        connect_timeout: float = CONNECT_TIMEOUT,
    ) -> None:
        """`udp`: where it receives datagrams; `sctp`: where messages of SCTP are its datagrams. `ours`: whether an end
        is another function of this lab, whose own runtime writes down what it sends. `noted` is told its notes.
        `connect_timeout` is in seconds."""
        self.core = core
        self._udp = udp
        self._sctp = sctp
        self._messages: dict[Endpoint, SctpEnd] = {}
        self.plan = plan or AddressPlan()
        self._recorder = recorder
        self._ours = ours
        self._noted = noted
        self._connect_timeout = connect_timeout
        self._datagrams: dict[Endpoint, asyncio.DatagramTransport] = {}
        self._listening: dict[Endpoint, socket.socket] = {}
        self._unserved: set[socket.socket] = set()
        "Those whose server is not made yet, or never will be."
        self._deaf: set[Endpoint] = set()
        self._servers: dict[Endpoint, asyncio.Server] = {}
        self._streams: dict[int, _Stream] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._unwritten: list[_Stream] = []
        "Those with octets that are written once all that came is seen."
        self._accepted = 0
        self._was_full = False
        self.stopped = False

    # ------------------------------------------------------------------ life

    async def start(self) -> None:
        """Open its places and let it begin. Raises OSError when a place is taken."""
        loop = asyncio.get_running_loop()
        for local in self._udp:
            transport, _ = await loop.create_datagram_endpoint(
                lambda local=local: _Datagrams(self, local),  # type: ignore[misc]
                local_addr=self.plan.socket(local),
            )
            self._datagrams[local] = transport
        for local in self._sctp:
            end = SctpEnd(open_socket(self.plan.socket(local)), partial(self._message, local))
            self._messages[local] = end
            loop.add_reader(end.fileno(), end.receive)
        await self._carry_out(self.core.start(loop.time()))

    async def stop(self) -> None:
        """Let it end its sessions, then close everything."""
        if self.stopped:
            return
        self.stopped = True
        await self._carry_out(self.core.stop(asyncio.get_running_loop().time()))
        await asyncio.sleep(0)
        for timer in self._timers.values():
            timer.cancel()
        for local in list(self._listening):
            self._unlisten(local)
        for stream in list(self._streams.values()):
            stream.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for place in self._unserved:
            place.close()
        for transport in self._datagrams.values():
            transport.close()
        for end in self._messages.values():
            asyncio.get_running_loop().remove_reader(end.fileno())
            end.close()

    def tell(self, event: Event) -> None:
        """Give the core an event and do what it wishes."""
        self.do(self.core.receive(event, time.monotonic()))

    def do(self, wishes: Sequence[Wish]) -> None:
        """Carry out wishes that need no waiting here; the others become tasks, in order of their own."""
        for wish in wishes:
            if isinstance(wish, Send):
                stream = self._streams.get(wish.connection)
                if stream is not None:
                    stream.send(wish.data)
            elif isinstance(wish, SendDatagram):
                self._send_datagram(wish)
            elif isinstance(wish, SetTimer):
                self._set_timer(wish)
            elif isinstance(wish, StopTimer):
                timer = self._timers.pop(wish.timer, None)
                if timer is not None:
                    timer.cancel()
            elif isinstance(wish, Close):
                stream = self._streams.get(wish.connection)
                if stream is not None:
                    stream.close(abort=wish.abort, silent=wish.silent)
            elif isinstance(wish, Secure):
                stream = self._streams.get(wish.connection)
                if stream is not None:
                    stream.secure(wish)
            elif isinstance(wish, Connect):
                self._task(self._connect(wish))
            elif isinstance(wish, Listen):
                self._listen_later(wish)
            elif isinstance(wish, Unlisten):
                self._unlisten(wish.local)
            elif isinstance(wish, Hold):
                stream = self._streams.get(wish.connection)
                if stream is not None:
                    stream.hold()
            elif isinstance(wish, Pause | Resume):
                stream = self._streams.get(wish.connection)
                if stream is not None:
                    stream.read(isinstance(wish, Resume))
            elif isinstance(wish, Note) and self._noted is not None:
                self._noted(self.core.name, wish)

    async def _carry_out(self, wishes: Sequence[Wish]) -> None:
        """The same, waiting until its places are open. Raises OSError when one is taken."""
        for wish in [wish for wish in wishes if isinstance(wish, Listen)]:
            if wish.local not in self._listening:
                self._listening[wish.local] = self._place(wish)
                await self._serve(wish.local)
        self.do([wish for wish in wishes if not isinstance(wish, Listen)])

    def _task(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # ------------------------------------------------------------------ wishes

    def _message(self, local: Endpoint, source: Endpoint, data: bytes) -> None:
        """A message came over SCTP."""
        peer = self.plan.named(source)
        recorder = self.records_datagrams_of(peer)
        if recorder is not None:
            recorder.sctp_message(peer, local, data)
        self.tell(Datagram(local, peer, data))

    def _send_datagram(self, wish: SendDatagram) -> None:
        end = self._messages.get(wish.local)
        if end is not None:
            if self._recorder is not None:
                self._recorder.sctp_message(wish.local, wish.peer, wish.data)
            end.send(self.plan.socket(wish.peer), wish.data)
            return
        transport = self._datagrams.get(wish.local)
        if transport is None or transport.is_closing():
            return
        try:
            place = self.plan.socket(wish.peer)
        except (ValueError, PermissionError) as error:
            log.warning("%s: a datagram was not sent: %s", self.core.name, error)
            return
        if self._recorder is not None:
            self._recorder.datagram(wish.local, wish.peer, wish.data)
        transport.sendto(wish.data, place)

    def _set_timer(self, wish: SetTimer) -> None:
        known = self._timers.pop(wish.timer, None)
        if known is not None:
            known.cancel()
        loop = asyncio.get_running_loop()
        self._timers[wish.timer] = loop.call_at(wish.at, self._expire, wish.timer)

    def _expire(self, timer: str) -> None:
        self._timers.pop(timer, None)
        self.tell(Expired(timer))

    def _place(self, wish: Listen) -> socket.socket:
        """A socket that listens: at once, since the place may be announced in the next message."""
        address, port = self.plan.socket(wish.local)
        made = _socket(address)
        try:
            made.bind((address, port))
            made.listen(0 if wish.deaf else BACKLOG)
        except OSError as error:
            made.close()
            raise OSError(error.errno, f"cannot listen at {address}:{port}: {error.strerror}") from error
        self._unserved.add(made)
        if wish.deaf:
            # A connection of our own fills the backlog; Linux then drops every further SYN.
            filler = _socket(address)
            self._unserved.add(filler)
            filler.connect_ex((address, port))
            self._deaf.add(wish.local)
        return made

    def _listen_later(self, wish: Listen) -> None:
        if wish.local in self._listening:
            return
        try:
            self._listening[wish.local] = self._place(wish)
        except OSError as error:
            log.warning("%s %s", self.core.name, error.strerror)
            return
        self._task(self._serve(wish.local))

    async def _serve(self, local: Endpoint) -> None:
        """Take the connections that come to a place."""
        if local in self._deaf:
            return
        place = self._listening[local]
        server = await asyncio.get_running_loop().create_server(
            lambda: _Stream(self, self._next_number(), local, None), sock=place, backlog=ACCEPTED
        )
        place.listen(BACKLOG)  # asyncio has one number for both
        self._unserved.discard(place)
        if self._listening.get(local) is place:
            self._servers[local] = server
        else:
            server.close()

    def _unlisten(self, local: Endpoint) -> None:
        self._listening.pop(local, None)
        server = self._servers.pop(local, None)
        if server is not None:
            server.close()

    def _next_number(self) -> int:
        self._accepted -= 1
        return self._accepted

    async def _connect(self, wish: Connect) -> None:
        loop = asyncio.get_running_loop()
        why = ""
        connecting: socket.socket | None = None
        local, again = wish.local, []
        try:
            peer = self.plan.socket(wish.peer)
            connecting = _socket(peer[0])
            connecting.bind(self.plan.socket(wish.local))
            local = self.plan.named(connecting.getsockname()[:2])
            if self._recorder is not None:
                self._recorder.trying(local, wish.peer)
                again = [loop.call_later(after, self._recorder.trying, local, wish.peer) for after in SYN_AGAIN]
            async with asyncio.timeout(self._connect_timeout):
                await loop.sock_connect(connecting, peer)
                await loop.create_connection(
                    lambda: _Stream(self, wish.connection, wish.local, wish.peer), sock=connecting
                )
        except TimeoutError:
            why = "timeout"
        except ConnectionRefusedError:
            why = "refused"
        except ValueError:
            why = "unreachable"
        except OSError as error:
            why = "in use" if error.errno in (errno.EADDRINUSE, errno.EADDRNOTAVAIL) else "unreachable"
        finally:
            for each in again:
                each.cancel()
        if why:
            if connecting is not None:
                connecting.close()
            if self._recorder is not None:
                (self._recorder.refused if why == "refused" else self._recorder.given_up)(local, wish.peer)
            self.tell(ConnectFailed(wish.connection, why))

    # ------------------------------------------------------------------ for the streams

    def has_room(self, number: int) -> bool:
        """Whether one more connection may be kept, whose file has this number: the lowest that was free.

        So it tells about how many files the process has open; the rest is left for places to listen and for connections
        of our own.
        """
        if number < resource.getrlimit(resource.RLIMIT_NOFILE)[0] - SPARE_FILES:
            self._was_full = False
            return True
        if not self._was_full:
            self._was_full = True
            log.warning("%s: too many open files; further connections are closed at once", self.core.name)
        return False

    def write_later(self, stream: _Stream) -> bool:
        """Have a stream write once all is seen that came with the same look at the sockets.

        In a busy room most participants then get several messages in one write. False where a recording is made: there
        each is a segment of its own.
        """
        if self._recorder is not None:
            return False
        if not self._unwritten:
            asyncio.get_running_loop().call_soon(self._write_all)
        self._unwritten.append(stream)
        return True

    def _write_all(self) -> None:
        unwritten, self._unwritten = self._unwritten, []
        for stream in unwritten:
            stream.write_out()

    def record(self, source: Endpoint, target: Endpoint, data: bytes) -> None:
        """Octets of a connection as they are on the wire."""
        if self._recorder is not None:
            self._recorder.octets(source, target, data)

    def record_connected(self, client: Endpoint, server: Endpoint) -> None:
        if self._recorder is not None:
            self._recorder.connected(client, server)

    def record_ended(self, source: Endpoint, target: Endpoint, *, reset: bool) -> None:
        if self._recorder is not None:
            self._recorder.ended(source, target, reset=reset)

    def is_ours(self, end: Endpoint) -> bool:
        """Does another runtime of this lab write down what this end sends?"""
        return self._ours(end)

    def records_datagrams_of(self, end: Endpoint) -> Recorder | None:
        """Who writes down what came from this end: we, where nobody else does."""
        return None if self._ours(end) else self._recorder

    def add(self, stream: _Stream) -> None:
        self._streams[stream.number] = stream

    def remove(self, stream: _Stream) -> None:
        self._streams.pop(stream.number, None)


def _socket(address: str) -> socket.socket:
    """A TCP socket whose local port may have been used a minute ago.

    asyncio sends at once (TCP_NODELAY) on those alone that name their protocol; otherwise a request would wait 40 ms
    for the acknowledgement of the one before it.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setblocking(False)
    return made


class _Datagrams(asyncio.DatagramProtocol):
    """One UDP socket."""

    def __init__(self, runtime: Runtime, local: Endpoint) -> None:
        self._runtime = runtime
        self._local = local

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        peer = self._runtime.plan.named((addr[0], addr[1]))
        recorder = self._runtime.records_datagrams_of(peer)
        if recorder is not None:
            recorder.datagram(peer, self._local, data)
        self._runtime.tell(Datagram(self._local, peer, data))

    def error_received(self, exc: Exception) -> None:
        log.debug("%s: %s", self._runtime.core.name, exc)


class _Stream(asyncio.Protocol):
    """One TCP connection, with TLS on it once the core wishes."""

    def __init__(self, runtime: Runtime, number: int, local: Endpoint, peer: Endpoint | None) -> None:
        self._runtime = runtime
        self.number = number
        self._local = local
        self._peer = peer or ("", 0)
        self._is_client = peer is not None
        self._transport: asyncio.Transport | None = None
        self._tls: PskTls | None = None
        self._identity = ""
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
            runtime.tell(Secured(self.number, self._identity))
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
        self._identity = wish.psk_identity
        self._tls = PskTls(is_client=wish.is_client, psk=wish.psk, identity=wish.psk_identity)
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
