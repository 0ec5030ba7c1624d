"""The connections of a SIP user agent: which transport a request takes, TCP opened where needed (RFC 3261 section 18).

A request goes over UDP unless its dialog, its target's URI or its length asks for TCP (section 18.1.1). When TCP was
only chosen for the length and is refused, UDP is tried after all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from dissectors.sip import SipMessage
from replay.events import (
    Accepted,
    Close,
    Congested,
    Connect,
    Connected,
    ConnectFailed,
    Datagram,
    Ended,
    Endpoint,
    Event,
    Expired,
    Listen,
    Received,
    Relieved,
    Wish,
)
from replay.sip.layer import ClientKey, Hop, SipEvent, SipLayer, TransactionFailed
from replay.visitors import Hospitality, Visitors

LONGEST_DATAGRAM = 1300
"Octets of a request that still goes over UDP (RFC 3261 section 18.1.1)."


MAX_GONE = 10_000
"Connections that ended of which the other end is remembered."
SYNS = 4 * 60
"Octets of the SYNs to somebody who does not answer, until the edge gives up (RFC 6298 section 5.7)."


Build = Callable[[str], SipMessage]
"Makes a request for a Via value."


@dataclass(slots=True)
class _Waiting:
    """A request that waits for its connection."""

    build: Build
    branch: str
    message: SipMessage
    may_fall_back: bool
    on_credit: bool


@dataclass(slots=True)
class _Opening:
    peer: Endpoint
    requests: list[_Waiting] = field(default_factory=list)


class SipAgent:
    """Transactions over UDP and TCP of one user agent at one place."""

    def __init__(self, layer: SipLayer, next_connection: Callable[[], int], *, udp: bool = True) -> None:
        """Without `udp`, all requests take TCP."""
        self.layer = layer
        self.local = layer.local
        self._next_connection = next_connection
        self._udp = udp
        self._wishes: list[Wish] = []
        self._up: dict[int, Endpoint] = {}
        "Connections with the peer's end."
        self._gone: dict[int, Endpoint] = {}
        "Of connections that ended, the oldest first: dialogs that came over them may still want to be ended."
        self._opening: dict[int, _Opening] = {}
        self._visitors = Visitors(f"{layer.timer} visitors", "sip", Hospitality())

    def start(self) -> list[Wish]:
        """Listen for TCP; the edge takes datagrams at the same place."""
        return [Listen(self.local)]

    def take_wishes(self) -> list[Wish]:
        """What the edge is to do, since it was asked last."""
        wishes = self._wishes + self.layer.take_wishes() + self._visitors.take_wishes()
        self._wishes = []
        return wishes

    def owns(self, event: Event) -> bool:
        """Is this event about SIP?"""
        if isinstance(event, Datagram | Accepted):
            return event.local == self.local
        if isinstance(event, Expired):
            return event.timer in (self.layer.timer, self._visitors.timer)
        return event.connection in self._up or event.connection in self._opening

    def receive(self, event: Event, now: float) -> list[SipEvent]:
        """Take an event that it owns."""
        if isinstance(event, Datagram):
            return self.layer.receive_datagram(event.peer, event.data, now)
        if isinstance(event, Expired):
            if event.timer == self.layer.timer:
                return self.layer.tick(now)
            self._visitors.tick(now)
        elif isinstance(event, Received):
            return self._receive_octets(event, now)
        elif isinstance(event, Accepted):
            if self._visitors.accept(event, now):
                self._up[event.connection] = event.peer
        elif isinstance(event, Connected):
            self._connected(event, now)
        elif isinstance(event, ConnectFailed):
            return self._connect_failed(event, now)
        elif isinstance(event, Ended):
            self._forget(event.connection)
            self._visitors.left(event.connection)
            self.layer.connection_ended(event.connection)
        elif isinstance(event, Congested | Relieved):
            self._visitors.receive(event, now)
        return []

    def _receive_octets(self, event: Received, now: float) -> list[SipEvent]:
        layer, connection = self.layer, event.connection
        events = layer.receive_data(connection, event.data, now)
        self._visitors.heard(connection, now, whole=layer.took_whole, inside=layer.is_inside(connection))
        if layer.is_lost(connection):
            self._visitors.refuse(connection, "unreadable")
        return events

    def request(
        self,
        build: Build,
        target: Endpoint,
        now: float,
        *,
        transport: str = "",
        hop: Hop | None = None,
        on_credit: bool = False,
    ) -> ClientKey:
        """Send a request to a place, or the way that its dialog takes; failure comes as `TransactionFailed`.

        `on_credit`: see `SipLayer.request`; where not even a connection may be tried, it fails in its time.
        """
        branch = self.layer.draw_branch()
        if hop is not None and hop[0] == "tcp" and hop[1] in self._up:
            return self.layer.request(build(self.layer.via("tcp", branch)), hop, now)
        if self._udp and transport != "tcp":
            message = build(self.layer.via("udp", branch))
            if len(message.data) <= LONGEST_DATAGRAM:
                return self.layer.request(message, ("udp", target), now, on_credit=on_credit)
        message = build(self.layer.via("tcp", branch))
        open_already = next((number for number, peer in self._up.items() if peer == target), None)
        if open_already is not None:
            return self.layer.request(message, ("tcp", open_already), now)
        number = next((number for number, each in self._opening.items() if each.peer == target), None)
        if number is None and on_credit and not self.layer.ledger.spend(target[0], SYNS, now):
            return self.layer.request(message, ("udp", target), now, on_credit=True)
        if number is None:
            number = self._next_connection()
            self._opening[number] = _Opening(target)
            self._wishes.append(Connect(number, (self.local[0], 0), target))
        waiting = _Waiting(build, branch, message, self._udp and transport != "tcp", on_credit)
        self._opening[number].requests.append(waiting)
        return message.branch, message.method

    def send(self, build: Build, target: Endpoint, *, hop: Hop | None = None) -> SipMessage:
        """Send what is no transaction, the ACK for a 2xx, over the way that its dialog takes."""
        if hop is not None and hop[0] == "tcp" and hop[1] in self._up:
            message = build(self.layer.via("tcp"))
            self.layer.send(message, hop)
        else:
            message = build(self.layer.via("udp"))
            self.layer.send(message, ("udp", target))
        return message

    def address_of(self, hop: Hop) -> str:
        """Where messages of this hop come from, or came from; empty for a connection that is gone for long."""
        place = hop[1] if isinstance(hop[1], tuple) else self._up.get(hop[1]) or self._gone.get(hop[1])
        return place[0] if place is not None else ""

    def _forget(self, connection: int) -> None:
        peer = self._up.pop(connection, None)
        if peer is not None:
            self._gone[connection] = peer
        if len(self._gone) > MAX_GONE:
            del self._gone[next(iter(self._gone))]

    def close(self) -> list[Wish]:
        """Close all connections."""
        return [Close(number) for number in self._up]

    def _connected(self, event: Connected, now: float) -> None:
        opening = self._opening.pop(event.connection)
        self._up[event.connection] = event.peer
        for each in opening.requests:
            self.layer.request(each.message, ("tcp", event.connection), now)

    def _connect_failed(self, event: ConnectFailed, now: float) -> list[SipEvent]:
        opening = self._opening.pop(event.connection)
        failed: list[SipEvent] = []
        for each in opening.requests:
            if each.may_fall_back:
                message = each.build(self.layer.via("udp", each.branch))
                self.layer.request(message, ("udp", opening.peer), now, on_credit=each.on_credit)
            else:
                failed.append(TransactionFailed((each.message.branch, each.message.method), each.message))
        return failed
