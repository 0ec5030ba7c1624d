"""One participant's MSRP session: what the controller said of it, and what is sent to the participant.

What comes from the participant is `inbound`'s; connections are `connections`'.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from replay.events import Close, Endpoint, Pause, Resume
from replay.mrfp.counters import Counters
from replay.mrfp.envelope import comparable
from replay.mrfp.node import Node
from replay.mrfp.passing import Passing
from replay.mrfp.sieve import Filter

if TYPE_CHECKING:
    from replay.mrfp.connections import Line
    from replay.mrfp.room import Room

MAX_AWAITED = 20_000
"Requests to one participant without a response; who answers none of so many is gone."

Awaited = tuple[float, Passing | None]
"""When the response to a request is overdue, and the message that the request is about."""


class Leg:
    """The MSRP session of one stream of one termination."""

    def __init__(
        self, node: Node, name: str, stream_id: int, local: Endpoint, session_id: str, is_secure: bool
    ) -> None:
        self.node = node
        self.name = name
        "The termination, for notes."
        self.stream_id = stream_id
        self.local = local
        self.session_id = session_id
        self.is_secure = is_secure
        host = f"[{local[0]}]" if ":" in local[0] else local[0]
        self.uri = f"{'msrps' if is_secure else 'msrp'}://{host}:{local[1]}/{session_id};tcp"
        "Ours, as `a=path` in Local tells it."
        self.remote: Endpoint | None = None
        self.path = ""
        "MSRP URI Path of the other side, byte for byte as received in Remote (row MRFP-3)."
        self.psk = b""
        self.psk_identity = ""
        self.may_get = True
        "The mode lets messages go to the participant."
        self.may_give = True
        "The mode lets messages come from the participant."
        self.takes_private = True
        self.uris: set[str] = set()
        "From of the participant's messages, in comparable spelling."
        self.are_uris_told = False
        "By the controller; otherwise they are learnt from a message."
        self.filter: Filter | None = None
        self.nickname = ""
        self.room: Room | None = None
        self.line: Line | None = None
        "The connection that the session is bound to."
        self.is_ready = False
        "Requests can be sent."
        self.send_head = b""
        self.paths = b""
        self.counters = Counters()
        self._awaited: dict[bytes, Awaited] = {}
        self._is_checked = False
        "Overdue responses are looked for at a time that is set."
        self._is_congested = False
        self._queue: deque[bytes] = deque()
        self.queued = 0
        "Octets that wait because the participant reads slowly."
        self._throttled: set[Leg] = set()
        self._slowed_by = 0

    # ------------------------------------------------------------------ what the controller says

    def set_path(self, path: str) -> None:
        """Remote's `a=path`: what To-Path of our requests is from now on."""
        self.path = path
        to_path = path
        if "MRFP-3" in self.node.faults and self.remote is not None:
            scheme = "msrps" if self.is_secure else "msrp"
            to_path = f"{scheme}://{self.remote[0]}:{self.remote[1]}/{path.rpartition('/')[2].partition(';')[0]};TCP"
        self.paths = f"To-Path: {to_path}\r\nFrom-Path: {self.uri}\r\n".encode("utf-8", "surrogateescape")
        self.send_head = b" SEND\r\n" + self.paths + b"Message-ID: "
        self.check_ready()

    def set_uris(self, uris: list[str]) -> None:
        """The participant's own URIs."""
        self.uris = {comparable(each) for each in uris if each}
        self.are_uris_told = bool(self.uris)

    # ------------------------------------------------------------------ the connection

    def check_ready(self) -> None:
        """Whether requests can be sent, after something changed."""
        line = self.line
        self.is_ready = line is not None and line.is_open and not line.end_reason and bool(self.path)

    def bind(self, line: Line) -> None:
        """The session is on this connection from now on."""
        self.line = line
        line.leg = self
        self.node.agenda.drop(("alone", self))
        if self.node.config.limits.idle:
            self.node.agenda.put(("idle", self), self.node.now + self.node.config.limits.idle)
        self.check_ready()

    def unbind(self) -> None:
        """The connection is gone, or let go of; everything that belonged to it is forgotten."""
        self.line = None
        self.is_ready = False
        self._awaited.clear()
        self._is_checked = False
        self._clear_queue()
        self._is_congested = False
        self._slowed_by = 0
        for kind in ("stalled", "awaited", "idle"):
            self.node.agenda.drop((kind, self))
        self._unthrottle()

    def greet(self) -> None:
        """The active side's first request, without content: it binds the connection (RFC 4975 section 5.4)."""
        tid = self.node.draw_id()
        self.transmit(b"".join((b"MSRP ", tid, self.send_head, self.node.draw_id(), b"\r\n-------", tid, b"$\r\n")))
        self.await_response(tid, (self.node.now + self.node.config.limits.response, None))

    def drop(self, why: str) -> None:
        """Close the participant's connection, for a reason that is noted; the controller is told of its end."""
        if self.line is not None and not self.line.end_reason:
            self.node.note("msrp participant dropped", termination=self.name, why=why, queued=self.queued)
            self.line.end_reason = why
            self.is_ready = False
            self._clear_queue()
            self._unthrottle()
            self.node.wishes.append(Close(self.line.number, abort=True))

    # ------------------------------------------------------------------ sending

    def transmit(self, data: bytes, sender: Leg | None = None) -> None:
        """Send octets; where the participant reads too slowly they wait, and who sends them is slowed down."""
        line = self.line
        if line is None:
            return
        if not self._is_congested:
            self.node.send(line.number, data)
            return
        limits = self.node.config.limits
        self._queue.append(data)
        self.queued += len(data)
        self.node.queued += len(data)
        if self.queued > limits.queue or self.node.queued > limits.queues:
            self.drop("reads too slowly")
        elif sender is not None and self.queued > limits.throttle and sender not in self._throttled:
            self._throttled.add(sender)
            sender.slow_down()

    def congested(self) -> None:
        """The participant reads too slowly."""
        if not self._is_congested:
            self._is_congested = True
            self.node.agenda.put(("stalled", self), self.node.now + self.node.config.limits.stalled)

    def relieved(self) -> None:
        """What waited in the edge is sent: send what waits here."""
        self._is_congested = False
        self.node.agenda.drop(("stalled", self))
        if self._queue and self.line is not None:
            self.node.send(self.line.number, b"".join(self._queue))
        self._clear_queue()
        self._unthrottle()

    def slow_down(self) -> None:
        """Read nothing from this participant: somebody it sends to reads too slowly."""
        self._slowed_by += 1
        if self._slowed_by == 1 and self.line is not None:
            self.node.wishes.append(Pause(self.line.number))

    def speed_up(self) -> None:
        """One of those it sends to has read."""
        if self._slowed_by > 0:
            self._slowed_by -= 1
            if self._slowed_by == 0 and self.line is not None:
                self.node.wishes.append(Resume(self.line.number))

    def _clear_queue(self) -> None:
        self.node.queued -= self.queued
        self.queued = 0
        self._queue.clear()

    def _unthrottle(self) -> None:
        throttled, self._throttled = self._throttled, set()
        for sender in throttled:
            sender.speed_up()

    # ------------------------------------------------------------------ responses

    def await_response(self, tid: bytes, awaited: Awaited) -> None:
        """A request was sent that is to be answered in time (RFC 4975 section 7.1.1: 30 s)."""
        if not self._is_checked:
            self._is_checked = True
            self.node.agenda.put(("awaited", self), awaited[0])
        elif len(self._awaited) >= MAX_AWAITED:
            self.drop("answers no request")
            return
        self._awaited[tid] = awaited

    def have_answered(self, tids: list[bytes]) -> None:
        """Requests were answered with 200."""
        awaited = self._awaited
        for tid in tids:
            awaited.pop(tid, None)

    def take_awaited(self, tid: str) -> tuple[bool, Passing | None]:
        """The response came: whether it was waited for, and the message that it is about."""
        entry = self._awaited.pop(tid.encode("utf-8", "surrogateescape"), None)
        return (False, None) if entry is None else (True, entry[1])

    def check_awaited(self) -> None:
        """Whether a response is overdue; then the session has failed."""
        self._is_checked = False
        oldest = next(iter(self._awaited.values()), None)
        if oldest is None:
            return
        if oldest[0] <= self.node.now:
            self.drop("no response to a request")
        else:
            self._is_checked = True
            self.node.agenda.put(("awaited", self), oldest[0])
