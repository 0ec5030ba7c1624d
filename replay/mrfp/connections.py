"""TCP connections of MSRP, TLS on them, and the sessions they belong to.

A connection that the MRFP opens belongs to its leg from the start. One that it accepts belongs to the leg whose
session-id the first request names (row MRFP-2), whatever port it came to; a secured one only to the leg of its port,
whose key it proved to have. Who starts TLS is told apart from who opens TCP (TR, clause 4.3.3.1).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from dissectors.msrp import parse_msrp_uri, session_id_of
from replay.events import (
    Accepted,
    Close,
    Congested,
    Connect,
    Connected,
    ConnectFailed,
    Ended,
    Endpoint,
    Event,
    Hold,
    Listen,
    Received,
    Relieved,
    Secure,
    Secured,
    SecureFailed,
    Unlisten,
)
from replay.mrfp.answers import is_wanted, response
from replay.mrfp.inbound import Inbound
from replay.mrfp.leg import Leg
from replay.mrfp.node import Node
from replay.mrfp.pieces import Piece, PieceReader

MAX_HANDSHAKES = 4
"Connections of one secured leg that may be within a TLS handshake at a time; one more closes the oldest."
MAX_STRANGERS = 8
"Connections to one port that named no session so far; one more closes the oldest: who means well speaks at once."
WAITING_PLAIN, WAITING_SECURED = frozenset({"TCP-5", "CONN-6", "TCPC-1"}), frozenset({"DIN-7"})
"Faults by which a connection is awaited although we are to open it."


class Watcher(Protocol):
    """Who is told what became of a leg's connection."""

    def saw(self, leg: Leg, layer: str, outcome: str, why: str) -> None:
        """`layer` is `tcp` or `tls`; `outcome` is `established`, `failed` or `released`."""
        ...


@dataclass(slots=True, eq=False)
class Line:
    """One TCP connection."""

    number: int
    place: Leg | None
    "The leg whose port it came to, or that opened it."
    reader: PieceReader
    is_ours: bool
    "We open it."
    is_up: bool = False
    tls: str = ""
    "Empty, `held` (its key or the order to start is missing), `handshake` or `up`."
    is_open: bool = False
    "MSRP may be sent: TCP is up, and TLS where the leg is secured."
    leg: Leg | None = None
    "The leg whose session is bound to it."
    is_refusing: bool = False
    "The rest of the request at hand is not looked at."
    is_greeted: bool = False
    end_reason: str = ""


@dataclass(slots=True)
class Ends:
    """What `Connections` keeps of a leg."""

    inbound: Inbound
    is_listening: bool = False
    tls_role: str = ""
    "`client`, `server`, or `wait` until the controller says who starts TLS."
    lines: list[Line] = field(default_factory=list)
    "Connections that came to its port, or that it opened."


class Connections:
    """All MSRP connections of the MRFP."""

    def __init__(self, node: Node, watcher: Watcher) -> None:
        self._node = node
        self._watcher = watcher
        self._lines: dict[int, Line] = {}
        self._legs: dict[Leg, Ends] = {}
        self._sessions: dict[str, Leg] = {}
        self._places: dict[Endpoint, Leg] = {}
        self._accepted = 0

    # ------------------------------------------------------------------ what the controller orders

    def open(self, leg: Leg) -> None:
        """A session begins to exist."""
        self._legs[leg] = Ends(Inbound(leg))
        self._sessions[leg.session_id] = leg

    def close(self, leg: Leg) -> None:
        """The session ends, and its connections with it."""
        self._unlisten(leg, self._legs[leg])
        self.release(leg)
        del self._legs[leg]
        del self._sessions[leg.session_id]
        self._node.agenda.drop(("chunks", leg))

    def expect(self, leg: Leg) -> None:
        """The session is to have a connection soon, whoever opens it: a UE that died must not stay for ever."""
        name, wait = ("alone", leg), self._node.config.unconnected
        if wait and leg.remote is not None and leg.line is None and name not in self._node.agenda:
            self._node.agenda.put(name, self._node.now + wait)

    def listen(self, leg: Leg) -> None:
        """Let the participant open the connection."""
        ends = self._legs[leg]
        if not ends.is_listening:
            ends.is_listening = True
            self._places[leg.local] = leg
            self._node.wishes.append(Listen(leg.local))

    def connect(self, leg: Leg) -> None:
        """Open the connection to the remote end, unless there is one, or one is being opened."""
        ends = self._legs[leg]
        if leg.line is not None or leg.remote is None or any(line.is_ours for line in ends.lines):
            return
        if self._node.faults & (WAITING_SECURED if leg.is_secure else WAITING_PLAIN):
            self.listen(leg)
            return
        self._unlisten(leg, ends)
        line = Line(self._node.next_connection(), leg, PieceReader(self._node.config.limits.head), True)
        self._lines[line.number] = line
        ends.lines.append(line)
        self._node.wishes.append(Connect(line.number, leg.local, self._remote(leg) or leg.remote))

    def _remote(self, leg: Leg) -> Endpoint | None:
        """Host and port of the path, for the row CONN-2."""
        if "CONN-2" not in self._node.faults or not leg.path:
            return None
        uri = parse_msrp_uri(leg.path.split(" ")[0])
        return None if uri.port is None else (uri.host, uri.port)

    def set_tls_role(self, leg: Leg, role: str) -> None:
        """Who starts TLS: `client` (we), `server` (the other side) or `wait`; takes effect where TCP is up already."""
        ends = self._legs[leg]
        if role == "client" and "DIN-8" in self._node.faults:
            role = "server"
        if role == "server" and "DOUT-13" in self._node.faults:
            role = "client"
        ends.tls_role = role
        self.try_tls(leg)

    def try_tls(self, leg: Leg) -> None:
        """Start TLS on connections that wait for its key, or for the order."""
        for line in list(self._legs[leg].lines):
            if line.tls == "held":
                self._secure(line, leg)

    def release(self, leg: Leg) -> None:
        """Close the connection; the session stays."""
        lines = [line for line in self._legs[leg].lines if line.leg in (None, leg)]
        if leg.line is not None and leg.line not in lines:
            lines.append(leg.line)
        for line in lines:
            self._let_go(line)
        self._node.agenda.drop(("alone", leg))

    def greet(self, leg: Leg) -> None:
        """Send the first request of a connection that we opened, once its path is known."""
        line = leg.line
        if leg.is_ready and line is not None and line.is_ours and not line.is_greeted:
            line.is_greeted = True
            leg.greet()

    def _unlisten(self, leg: Leg, ends: Ends) -> None:
        if ends.is_listening:
            ends.is_listening = False
            del self._places[leg.local]
            self._node.wishes.append(Unlisten(leg.local))

    # ------------------------------------------------------------------ what happens

    def receive(self, event: Event) -> bool:
        """Take an event; False when it is about no connection of ours."""
        if isinstance(event, Received):  # first, since it is what nearly all events are
            line = self._lines.get(event.connection)
            if line is not None:
                self._receive_octets(line, event.data)
            return line is not None
        if isinstance(event, Accepted):
            return self._accept(event)
        if not isinstance(event, Connected | ConnectFailed | Secured | SecureFailed | Ended | Congested | Relieved):
            return False
        line = self._lines.get(event.connection)
        if line is None:
            return False
        if isinstance(event, Connected):
            self._come_up(line)
        elif isinstance(event, ConnectFailed):
            self._fail(line, "tcp", event.why)
        elif isinstance(event, Secured):
            line.tls = "up"
            self._open_line(line)
        elif isinstance(event, SecureFailed):
            self._fail(line, "tls", event.why)
        elif isinstance(event, Ended):
            self._end(line, "reset" if event.reset else "closed")
        elif line.leg is not None:
            if isinstance(event, Congested):
                line.leg.congested()
            else:
                line.leg.relieved()
        return True

    def expire(self, kind: str, what: object) -> None:
        """A deadline is over."""
        if kind == "bind" and isinstance(what, Line):
            if what.leg is None and what.number in self._lines:
                self._node.note("msrp connection without a session closed", connection=what.number)
                self._let_go(what)
        elif isinstance(what, Leg):
            if kind == "stalled":
                what.drop("reads nothing")
            elif kind == "awaited":
                what.check_awaited()
            elif kind == "idle":
                what.drop("idle")
            elif kind == "alone" and what in self._legs and what.line is None:
                self._node.note("msrp session without a connection", termination=what.name)
                self._watcher.saw(what, "tcp", "failed", "timeout")
            elif kind == "chunks" and what in self._legs:
                self._legs[what].inbound.expire()

    def _accept(self, event: Accepted) -> bool:
        leg = self._places.get(event.local)
        if leg is None:
            return False
        ends = self._legs[leg]
        is_full = self._accepted >= self._node.config.limits.connections
        if is_full or (leg.is_secure and leg.line is not None):
            self._node.note("msrp connection refused", why="too many" if is_full else "the session has one")
            self._node.wishes.append(Close(event.connection, abort=True))
            return True
        strangers = [line for line in ends.lines if line.leg is None and not line.is_ours]
        if len(strangers) >= (MAX_HANDSHAKES if leg.is_secure else MAX_STRANGERS):
            self._node.note("msrp connection closed", termination=leg.name, why="many came after it")
            self._forget(strangers[0])
            self._node.wishes.append(Close(strangers[0].number, abort=True))
        self._accepted += 1
        line = Line(event.connection, leg, PieceReader(self._node.config.limits.head), False)
        self._lines[line.number] = line
        ends.lines.append(line)
        self._node.agenda.put(("bind", line), self._node.now + self._node.config.limits.bind)
        self._come_up(line)
        return True

    def _come_up(self, line: Line) -> None:
        """TCP is up."""
        line.is_up = True
        leg = line.place
        if leg is None:
            return
        self._watcher.saw(leg, "tcp", "established", "")
        if leg.is_secure:
            self._secure(line, leg)
        else:
            self._open_line(line)

    def _secure(self, line: Line, leg: Leg) -> None:
        """Start TLS, or wait for what is missing (clause 4.3.3.2 of the TR: the controller may say so later)."""
        role = self._legs[leg].tls_role or ("client" if line.is_ours or "DOUT-13" in self._node.faults else "server")
        if not leg.psk or role == "wait":
            if line.tls != "held":
                line.tls = "held"
                self._node.wishes.append(Hold(line.number))
            return
        line.tls = "handshake"
        self._node.wishes.append(Secure(line.number, role == "client", leg.psk, leg.psk_identity))

    def _open_line(self, line: Line) -> None:
        """Everything is up that MSRP needs."""
        line.is_open = True
        leg = line.place
        if leg is None:
            return
        if leg.is_secure:
            if leg.line is not None and leg.line is not line:
                self._let_go(line)  # another one was quicker
                return
            self._watcher.saw(leg, "tls", "established", "")
        if line.is_ours:
            leg.bind(line)
            self.greet(leg)

    def _receive_octets(self, line: Line, data: bytes) -> None:
        reader = line.reader
        if line.end_reason:
            return  # it is being closed
        for piece in reader.receive_data(data):
            leg = line.leg
            if leg is None:
                leg = self._bind(line, piece)
            if leg is not None:
                self._legs[leg].inbound.receive(piece)
            if line.end_reason or line.number not in self._lines:
                return
        if reader.answered:
            if line.leg is not None:
                line.leg.have_answered(reader.answered)
            reader.answered.clear()
        if reader.error:
            self._node.note("msrp unreadable", connection=line.number, why=reader.error)
            line.end_reason = "unreadable"
            self._end(line, "unreadable")
            self._node.wishes.append(Close(line.number))

    def _bind(self, line: Line, piece: Piece) -> Leg | None:
        """The first request on an accepted connection names its session (RFC 4975 section 5.4)."""
        message = piece.message
        if piece.opens:
            line.is_refusing = not message.is_request
        if line.is_refusing:
            return None
        leg = self._sessions.get(session_id_of(message.to_path)) if " " not in message.to_path else None
        if leg is not None and (leg.is_secure or (line.place is not None and line.place.is_secure)):
            leg = leg if leg is line.place else None
        if leg is None or leg.line is not None:
            code = 481 if leg is None else 506
            line.is_refusing = True
            if is_wanted(message, code):
                self._node.send(line.number, response(message, code))
            return None
        self._node.agenda.drop(("bind", line))
        leg.bind(line)
        return leg

    def _fail(self, line: Line, layer: str, why: str) -> None:
        """TCP or TLS could not be set up."""
        leg = line.place
        self._forget(line)
        if leg is not None and leg.line is None:
            self._node.agenda.drop(("alone", leg))
            self._node.note("msrp connection failed", termination=leg.name, layer=layer, why=why)
            self._watcher.saw(leg, layer, "failed", why)

    def _end(self, line: Line, why: str) -> None:
        """The connection is gone."""
        leg = line.leg
        place = line.place
        was_handshake = line.tls in ("handshake", "held") and not line.is_open
        self._forget(line)
        if leg is not None:
            self._watcher.saw(leg, "tcp", "released", line.end_reason or why)
        elif place is not None and was_handshake and place.line is None:
            self._watcher.saw(place, "tls", "failed", f"the connection was {why}")

    def _let_go(self, line: Line) -> None:
        """Close a connection of our own accord."""
        if line.number in self._lines:
            self._forget(line)
            self._node.wishes.append(Close(line.number, silent="TLS-5" in self._node.faults))

    def _forget(self, line: Line) -> None:
        if self._lines.pop(line.number, None) is None:
            return
        line.is_open = False
        if not line.is_ours:
            self._accepted -= 1
            self._node.agenda.drop(("bind", line))
        if line.place is not None and line.place in self._legs:
            self._legs[line.place].lines.remove(line)
        leg, line.leg = line.leg, None
        if leg is not None:
            if leg in self._legs:
                self._legs[leg].inbound.end()
            leg.unbind()
            if leg in self._legs:
                self.expect(leg)
