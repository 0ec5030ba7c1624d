"""H.248 transactions of one node with all its peers, both ways (H.248.1 clauses 8.1 to 8.3, Annex D), sans-IO.

Upwards it speaks of requests and replies (`outcome`), downwards of datagrams and frames. `requester` has the requests
of ours, `responder` those of peers. MRFP and MRFC use it alike:

    number, wishes = transactions.request(route, actions, now, topic)
    outcomes, wishes = transactions.receive(event, now)     for every event: it takes what is its own
    wishes = transactions.reply(asked, actions, now)        for each `Asked` among the outcomes
"""

from __future__ import annotations

from typing import Any

from dissectors.errors import DecodeError
from dissectors.h248 import (
    ContextAction,
    ErrorDescriptor,
    H248Message,
    TpktStream,
    TransactionAck,
    TransactionPending,
    TransactionReply,
    TransactionRequest,
    decode_h248,
    encode_h248,
)
from dissectors.h248.model import Transaction
from replay.agenda import Agenda, Named
from replay.events import Datagram, Ended, Endpoint, Event, Expired, Note, Received, Wish
from replay.h248.kept_replies import KeptReplies
from replay.h248.outcome import Asked, GaveUp, Outcome
from replay.h248.requester import Requester
from replay.h248.responder import VERSIONS, Responder
from replay.h248.route import Route, TcpRoute, UdpRoute
from replay.h248.salvage import answer_unreadable
from replay.h248.timers import Timers

LAST_ID = 0xFFFFFFFE
MAX_REQUESTS = 64
"Requests of one message that are executed; further ones get error 413."
MAX_ACKNOWLEDGED = 4096
"Ids that one message may acknowledge; a reply that is kept longer than it must does no harm."


class Transactions:
    """The transaction layer of one node."""

    def __init__(
        self,
        name: str,
        mid: str,
        *,
        version: int = 2,
        encoding: str = "text",
        timers: Timers | None = None,
        first_id: int = 1,
        max_open: int = 4096,
    ) -> None:
        """`name` makes the timer's name. Draw `first_id` by chance: peers remember the ids of our last life."""
        self.mid = mid
        self.version = version
        "Of the requests that we send: the negotiated one, once there is one. A reply has that of its request."
        self.encoding = encoding
        "`text` or `binary`, of requests; a reply has that of its request."
        self._next_id = first_id
        timers = timers or Timers()
        self._agenda: Agenda[Named] = Agenda(f"{name} h248")
        self._requester = Requester(timers, self._agenda, max_open)
        self._responder = Responder(self._encode, timers, self._agenda, KeptReplies(timers.keep_reply))
        self._streams: dict[int, tuple[TpktStream, TcpRoute]] = {}
        self._ends: set[Endpoint] = set()

    def serve(self, local: Endpoint) -> None:
        """Take the datagrams that arrive at this end."""
        self._ends.add(local)

    def attach(self, connection: int, peer_address: str) -> TcpRoute:
        """Take the octets of this connection; returns the way over it."""
        route = TcpRoute(connection, peer_address)
        self._streams[connection] = (TpktStream(), route)
        return route

    def stream(self, connection: int) -> TpktStream:
        """The frames of a connection that was attached."""
        return self._streams[connection][0]

    def detach(self, connection: int) -> list[GaveUp]:
        """Let go of a connection: what was asked over it is not answered any more."""
        self._streams.pop(connection, None)
        return self._requester.lose(connection)

    @property
    def open_requests(self) -> int:
        """How many requests of ours wait for a reply."""
        return len(self._requester)

    def request(
        self, route: Route, actions: list[ContextAction], now: float, topic: Any = None
    ) -> tuple[int, list[Wish]]:
        """Send a request; `topic` comes back with its reply. Returns the transaction id.

        ValueError when it cannot be encoded, is too long for the way, or too many requests are open.
        """
        number = self._next_id
        octets = self._encode(TransactionRequest(number, actions), self.encoding)
        wish = self._requester.send(number, route, octets, topic, now)
        self._next_id = number + 1 if number < LAST_ID else 1
        return number, [wish, *self._agenda.wishes()]

    def abandon(self, number: int) -> None:
        """Do not wait for the reply to this request any more."""
        self._requester.close(number)

    def reply(
        self, asked: Asked, actions: list[ContextAction], now: float, error: ErrorDescriptor | None = None
    ) -> list[Wish]:
        """Answer a request; with `error` the whole transaction is refused."""
        return [*self._responder.reply(asked, actions, now, error), *self._agenda.wishes()]

    def refuse(self, asked: Asked, code: int, text: str) -> list[Wish]:
        """Refuse a request of somebody who may not ask; its repetition is looked at anew."""
        return [self._responder.refuse(asked, code, text), *self._agenda.wishes()]

    def receive(self, event: Event, now: float) -> tuple[list[Outcome], list[Wish]]:
        """Take an event; one that is not about H.248 gives nothing."""
        outcomes: list[Outcome] = []
        wishes: list[Wish] = []
        if isinstance(event, Datagram):
            if event.local in self._ends:
                self._receive_datagram(UdpRoute(event.local, event.peer), event.data, now, outcomes, wishes)
        elif isinstance(event, Received):
            if event.connection in self._streams:
                stream, route = self._streams[event.connection]
                for framed in stream.receive_data(event.data):
                    if framed.message is not None:
                        self._receive_message(route, framed.message, now, outcomes, wishes)
                    elif framed.error is not None:
                        wishes.append(_unreadable(framed.error, framed.end - framed.start))
        elif isinstance(event, Ended):
            outcomes += self.detach(event.connection)
        elif isinstance(event, Expired) and event.timer == self._agenda.timer:
            self._expire(now, outcomes, wishes)
        else:
            return outcomes, wishes
        return outcomes, wishes + self._agenda.wishes()

    def _encode(self, part: Transaction, encoding: str, version: int | None = None) -> bytes:
        """The message with this transaction; a version that we do not speak is answered in ours."""
        version = version if version in VERSIONS else self.version
        return encode_h248(H248Message(version or self.version, self.mid, [part], encoding=encoding))

    def _receive_datagram(
        self, route: UdpRoute, data: bytes, now: float, outcomes: list[Outcome], wishes: list[Wish]
    ) -> None:
        try:
            message = decode_h248(data)
        except DecodeError as error:
            wishes.append(_unreadable(error, len(data)))
            answer = answer_unreadable(data, error.why, self.mid, self.version)
            if answer is not None:
                wishes.append(route.carry(encode_h248(answer)))
            return
        self._receive_message(route, message, now, outcomes, wishes)

    def _receive_message(
        self, route: Route, message: H248Message, now: float, outcomes: list[Outcome], wishes: list[Wish]
    ) -> None:
        if message.error is not None:
            wishes.append(Note("h248 error message", {"code": message.error.code}))
        requests = acknowledged = 0
        for part in message.transactions:
            if isinstance(part, TransactionRequest):
                asked = Asked(route, message.mid, message.version, message.encoding, part)
                requests += 1
                if requests > MAX_REQUESTS:
                    wishes.append(self._responder.refuse(asked, 413, "too many transactions in message"))
                    continue
                to_execute, said = self._responder.receive(asked, now)
                wishes += said
                outcomes += [to_execute] if to_execute is not None else []
            elif isinstance(part, TransactionReply):
                if part.immediate_ack_required:
                    # Also where the reply was had before: then the acknowledgement was lost.
                    ack = TransactionAck([(part.transaction_id, part.transaction_id)])
                    wishes.append(route.carry(self._encode(ack, message.encoding, message.version)))
                answered = self._requester.receive_reply(route, message.mid, message.version, part)
                outcomes += [answered] if answered is not None else []
            elif isinstance(part, TransactionPending):
                gave_up = self._requester.receive_pending(route, part.transaction_id, now)
                outcomes += [gave_up] if gave_up is not None else []
            elif isinstance(part, TransactionAck):
                for first, last in part.ranges:
                    acknowledged += max(0, last - first) + 1
                    if acknowledged > MAX_ACKNOWLEDGED:
                        break
                    self._responder.acknowledge(route.peer_address, message.mid, first, last)

    def _expire(self, now: float, outcomes: list[Outcome], wishes: list[Wish]) -> None:
        for name in self._agenda.take_due(now):
            kind, which = name
            if kind == "request":
                done = self._requester.expire(which, now)
                if isinstance(done, GaveUp):
                    outcomes.append(done)
                else:
                    wishes.append(done)
            elif kind == "running":
                wishes.append(self._responder.expire_running(which))
            else:
                again = self._responder.expire_unacknowledged(which, now)
                wishes += [again] if again is not None else []


def _unreadable(error: DecodeError, size: int) -> Note:
    return Note("h248 unreadable", {"why": error.why, "offset": error.offset, "octets": size})
