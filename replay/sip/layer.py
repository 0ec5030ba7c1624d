"""The transaction layer of one user agent: messages in, news for the user agent out, wishes for the edge beside them.

UDP and TCP alike (RFC 3261 sections 17 and 18). What cannot be decoded is counted and answered with 400 where it says
enough to be answered; hostile input costs no more than its length.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from dissectors.errors import DecodeError
from dissectors.sip import SipMessage, SipStream, decode_sip, parse_via
from replay.events import Endpoint, Send, SendDatagram, SetTimer, StopTimer, Wish
from replay.sip.dialog import response_to
from replay.sip.transactions import T1, ClientTransaction, ServerTransaction, State, Transaction

MAX_TRANSACTIONS = 20_000
"Open transactions at most; above that, requests are answered with 503 and forgotten."

Hop = tuple[str, Endpoint | int]
"""`("udp", endpoint)` or `("tcp", connection)`: where a message came from, or goes to."""
ServerKey = tuple[str, str, str]
"""Branch, sent-by and method of a request (section 17.2.3)."""
ClientKey = tuple[str, str]
"""Branch and method."""


@dataclass(frozen=True, slots=True)
class RequestIn:
    """A request that is not a repetition; an ACK for a 2xx comes the same way, with an empty key."""

    key: ServerKey | None
    message: SipMessage
    hop: Hop


@dataclass(frozen=True, slots=True)
class ResponseIn:
    """A response to a request of ours; repeated 2xx to INVITE come too, since each wants an ACK."""

    key: ClientKey
    message: SipMessage
    hop: Hop


@dataclass(frozen=True, slots=True)
class TransactionFailed:
    """No response (or, for a final response of ours, no ACK) came in time."""

    key: ClientKey | ServerKey
    message: SipMessage | None


SipEvent = RequestIn | ResponseIn | TransactionFailed


class SipLayer:
    """Transactions of one user agent at one place."""

    def __init__(self, local: Endpoint, *, t1: float = T1, timer: str = "sip", branch: Callable[[], str]) -> None:
        """`timer` names its timer among those of the core; `branch` draws what follows `z9hG4bK`."""
        self.local = local
        self.wishes: list[Wish] = []
        "What the edge is to do; the caller empties it."
        self.faults: Counter[str] = Counter()
        "Messages that were of no use, by reason."
        self._t1 = t1
        self._timer = timer
        self._draw = branch
        self._clients: dict[ClientKey, tuple[ClientTransaction, Hop]] = {}
        self._servers: dict[ServerKey, tuple[ServerTransaction, Hop]] = {}
        self._streams: dict[int, SipStream] = {}
        self._timer_at: float | None = None

    # ------------------------------------------------------------------ in

    def receive_datagram(self, peer: Endpoint, data: bytes, now: float) -> list[SipEvent]:
        """Take one UDP datagram."""
        if not data.strip(b"\r\n\0 "):
            return []  # keep-alive (RFC 5626)
        try:
            message = decode_sip(data)
        except DecodeError:
            self.faults["undecodable"] += 1
            return []
        return self._settled(self._receive(message, ("udp", peer), now))

    def receive_data(self, connection: int, data: bytes, now: float) -> list[SipEvent]:
        """Take octets of a TCP connection."""
        stream = self._streams.setdefault(connection, SipStream())
        events: list[SipEvent] = []
        for framed in stream.receive_data(data):
            if framed.message is None:
                self.faults["undecodable"] += 1
            else:
                events += self._receive(framed.message, ("tcp", connection), now)
        return self._settled(events)

    def connection_ended(self, connection: int) -> None:
        """Forget a TCP connection."""
        self._streams.pop(connection, None)

    def tick(self, now: float) -> list[SipEvent]:
        """Its timer ran out."""
        self._timer_at = None
        events: list[SipEvent] = []
        for key, (client, hop) in list(self._clients.items()):
            due = client.due()
            if due is not None and due <= now:
                client.tick(now)
                self._flush(client, hop)
                if client.failed:
                    events.append(TransactionFailed(key, client.request))
        for server_key, (server, hop) in list(self._servers.items()):
            due = server.due()
            if due is not None and due <= now:
                server.tick(now)
                self._flush(server, hop)
                if server.failed:
                    events.append(TransactionFailed(server_key, server.request))
        return self._settled(events)

    def _receive(self, message: SipMessage, hop: Hop, now: float) -> list[SipEvent]:
        if not message.is_request:
            return self._response(message, hop, now)
        key = self._server_key(message)
        if message.method == "ACK":
            return self._ack(message, key, hop, now)
        known = self._servers.get(key)
        if known is not None:
            known[0].repeated()
            self._flush(*known)
            return []
        if len(self._servers) >= MAX_TRANSACTIONS:
            self.faults["too many transactions"] += 1
            self._send(hop, response_to(message, 503, "Service Unavailable").data)
            return []
        transaction = ServerTransaction(message.branch, message.method, hop[0] == "tcp", self._t1, request=message)
        transaction.start()
        self._servers[key] = transaction, self._reply_hop(message, hop)
        return [RequestIn(key, message, hop)]

    def _ack(self, message: SipMessage, key: ServerKey, hop: Hop, now: float) -> list[SipEvent]:
        """An ACK ends the INVITE's transaction; of a 2xx it has a branch of its own and is news to the user."""
        known = self._servers.get((key[0], key[1], "INVITE")) or self._accepted(message)
        if known is None:
            return [RequestIn(None, message, hop)]
        server = known[0]
        was_accepted = server.state is State.ACCEPTED
        first = server.acknowledged(now)
        return [RequestIn(None, message, hop)] if first and was_accepted else []

    def _accepted(self, ack: SipMessage) -> tuple[ServerTransaction, Hop] | None:
        for server, hop in self._servers.values():
            request = server.request
            if (
                server.state is State.ACCEPTED
                and request is not None
                and (request.call_id, request.cseq, request.from_tag) == (ack.call_id, ack.cseq, ack.from_tag)
            ):
                return server, hop
        return None

    def _response(self, message: SipMessage, hop: Hop, now: float) -> list[SipEvent]:
        key = (message.branch, message.method)
        known = self._clients.get(key)
        if known is None:
            self.faults["response to no request"] += 1
            return []
        client, to = known
        news = client.receive(message, now)
        self._flush(client, to)
        return [ResponseIn(key, message, hop)] if news else []

    @staticmethod
    def _server_key(message: SipMessage) -> ServerKey:
        vias = message.header_list("Via")
        sent_by = ""
        if vias:
            try:
                via = parse_via(vias[0])
                sent_by = f"{via.host}:{via.port or 5060}".lower()
            except DecodeError:
                sent_by = vias[0]
        return message.branch or message.call_id, sent_by, message.method

    def _reply_hop(self, message: SipMessage, hop: Hop) -> Hop:
        """Responses go back to the source (rport, RFC 3581), which for UDP is where the request came from."""
        if hop[0] == "tcp":
            return hop
        source = hop[1]
        assert isinstance(source, tuple)
        vias = message.header_list("Via")
        try:
            via = parse_via(vias[0]) if vias else None
        except DecodeError:
            via = None
        if via is not None and "rport" not in via.params and via.port:
            return "udp", (source[0], via.port)
        return hop

    # ------------------------------------------------------------------ out

    def via(self, transport: str = "udp") -> str:
        """A Via of ours with a new branch."""
        host = f"[{self.local[0]}]" if ":" in self.local[0] else self.local[0]
        return f"SIP/2.0/{transport.upper()} {host}:{self.local[1]};branch=z9hG4bK{self._draw()};rport"

    def request(self, message: SipMessage, hop: Hop, now: float) -> ClientKey:
        """Send a request; an ACK for a 2xx has no transaction and goes through `send`."""
        key = (message.branch, message.method)
        client = ClientTransaction(message.branch, message.method, hop[0] == "tcp", self._t1, request=message)
        client.start(now)
        self._clients[key] = client, hop
        self._flush(client, hop)
        self._settled([])
        return key

    def respond(self, key: ServerKey, message: SipMessage, now: float) -> None:
        """Send a response to a request that came in."""
        known = self._servers.get(key)
        if known is not None:
            known[0].respond(message, now)
            self._flush(*known)
            self._settled([])

    def send(self, message: SipMessage, hop: Hop) -> None:
        """Send something that is no transaction: the ACK for a 2xx."""
        self._send(hop, message.data)

    def _flush(self, transaction: Transaction, hop: Hop) -> None:
        for data in transaction.send:
            self._send(hop, data)
        transaction.send.clear()

    def _send(self, hop: Hop, data: bytes) -> None:
        target = hop[1]
        if isinstance(target, int):
            self.wishes.append(Send(target, data))
        else:
            self.wishes.append(SendDatagram(self.local, target, data))

    def _settled(self, events: list[SipEvent]) -> list[SipEvent]:
        """Drop what is over, and wish for the timer that is due next."""
        for client_key in [key for key, (each, _) in self._clients.items() if each.state is State.TERMINATED]:
            del self._clients[client_key]
        for server_key in [key for key, (each, _) in self._servers.items() if each.state is State.TERMINATED]:
            del self._servers[server_key]
        dues = [due for each, _ in self._clients.values() if (due := each.due()) is not None]
        dues += [due for each, _ in self._servers.values() if (due := each.due()) is not None]
        earliest = min(dues, default=None)
        if earliest != self._timer_at:
            self._timer_at = earliest
            self.wishes.append(SetTimer(self._timer, earliest) if earliest is not None else StopTimer(self._timer))
        return events
