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
import time
from collections.abc import Callable, Coroutine, Sequence
from functools import partial

from replay.edge.address_plan import AddressPlan
from replay.edge.datagrams import Datagrams
from replay.edge.recorder import Recorder
from replay.edge.sctp import SctpEnd, open_socket
from replay.edge.stream import Stream
from replay.events import (
    Close,
    Connect,
    ConnectFailed,
    Core,
    Datagram,
    Endpoint,
    Event,
    Expired,
    Hold,
    Listen,
    Note,
    Pause,
    Resume,
    Secure,
    Send,
    SendDatagram,
    SetTimer,
    StopTimer,
    Unlisten,
    Wish,
)

CONNECT_TIMEOUT = 10.0
"s after which a connection that nobody answers has failed."
BACKLOG = 1024
"Connections that may wait to be accepted."
ACCEPTED = 64
"Connections that are accepted at once, before what was said on others is looked at."
SPARE_FILES = 128
"Open files that are left for other things than connections that come."
SYN_AGAIN = (1.0, 3.0, 7.0)
"s after the first SYN at which Linux repeats it, as a recording shows them (RFC 6298 section 5.7)."

log = logging.getLogger("mrfscope.lab")


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
        self._streams: dict[int, Stream] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._unwritten: list[Stream] = []
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
                lambda local=local: Datagrams(self, local),  # type: ignore[misc]
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
            lambda: Stream(self, self._next_number(), local, None), sock=place, backlog=ACCEPTED
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
                    lambda: Stream(self, wish.connection, wish.local, wish.peer), sock=connecting
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

    def write_later(self, stream: Stream) -> bool:
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

    def add(self, stream: Stream) -> None:
        self._streams[stream.number] = stream

    def remove(self, stream: Stream) -> None:
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
