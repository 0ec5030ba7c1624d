"""The transaction layer of one user agent: messages in, news for the user agent out, wishes for the edge beside them.

UDP and TCP alike (RFC 3261 sections 17 and 18, RFC 3581). What cannot be decoded is counted and dropped; hostile input
costs no more than its length, however many transactions are open.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from dissectors.errors import DecodeError
from dissectors.sip import SipMessage, SipStream, Via, decode_sip, parse_via
from replay.agenda import Agenda, Named
from replay.events import Endpoint, Note, Send, SendDatagram, Wish
from replay.sip.dialog import Headers, response_to
from replay.sip.ledger import Ledger
from replay.sip.transactions import T1, ClientTransaction, ServerTransaction, State, Transaction

MAX_TRANSACTIONS = 10_000
"Open transactions at most; above that the oldest answered one is forgotten, or the request is, after a 503."
MAX_OCTETS = 32 << 20
"Octets of the requests that they keep; likewise."
MAX_MESSAGE = 1 << 16
"Octets of a message on a stream: as long as one in a datagram may be."

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


@dataclass(frozen=True, slots=True)
class Refused:
    """A response that refuses a request before anything is done for it."""

    status: int
    phrase: str
    headers: tuple[tuple[str, str], ...] = ()


Gate = Callable[[SipMessage, Hop, float], Refused | bool]
"""Looks at a request that is not a repetition: a refusal, or whether what it says shows that its sender is there."""


class SipLayer:
    """Transactions of one user agent at one place."""

    def __init__(self, local: Endpoint, *, t1: float = T1, timer: str = "sip", branch: Callable[[], str]) -> None:
        """`timer` names its timer among those of the core; `branch` draws what follows `z9hG4bK`."""
        self.local = local
        self.faults: Counter[str] = Counter()
        "Messages that were of no use, by reason."
        self._t1 = t1
        self._draw = branch
        self._agenda: Agenda[Named] = Agenda(timer)
        self._wishes: list[Wish] = []
        self._clients: dict[ClientKey, tuple[ClientTransaction, Hop]] = {}
        self._servers: dict[ServerKey, tuple[ServerTransaction, Hop, str]] = {}
        "With the hop that responses take, and the topmost Via that they have."
        self._accepted: dict[tuple[str, str, int], ServerKey] = {}
        "INVITEs by Call-ID, From tag and CSeq: an ACK to a 2xx has a branch of its own."
        self._streams: dict[int, SipStream] = {}
        self._answered: dict[ServerKey, None] = {}
        "Server transactions that are kept for repetitions alone, the oldest first."
        self._octets = 0
        "Of the requests of all server transactions."
        self._now = 0.0
        "When it was told something last."
        self.gate: Gate = lambda request, hop, now: False
        self.ledger = Ledger()
        "What may go over UDP to whom, of those who did not show that they are there."
        self.took_whole = False
        "A message became whole with the octets that were taken last."

    @property
    def timer(self) -> str:
        """The name of its timer."""
        return self._agenda.timer

    @property
    def open_transactions(self) -> int:
        """How many transactions are not over."""
        return len(self._clients) + len(self._servers)

    def take_wishes(self) -> list[Wish]:
        """What the edge is to do, since it was asked last."""
        wishes = self._wishes + self._agenda.wishes()
        self._wishes = []
        return wishes

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
        return self._receive(message, ("udp", peer), now)

    def receive_data(self, connection: int, data: bytes, now: float) -> list[SipEvent]:
        """Take octets of a TCP connection."""
        stream = self._streams.get(connection)
        if stream is None:
            stream = self._streams[connection] = SipStream(max_message=MAX_MESSAGE)
        events: list[SipEvent] = []
        self.took_whole = False
        for framed in stream.receive_data(data):
            if framed.message is None:
                self.faults["undecodable"] += 1
            else:
                self.took_whole = True
                events += self._receive(framed.message, ("tcp", connection), now)
        return events

    def is_inside(self, connection: int) -> bool:
        """Whether a message began on a connection that is not whole."""
        return connection in self._streams and self._streams[connection].is_inside

    def is_lost(self, connection: int) -> bool:
        """Whether what comes on a connection is no message, so that nothing behind it can be trusted."""
        return connection in self._streams and self._streams[connection].is_lost

    def connection_ended(self, connection: int) -> None:
        """Forget a TCP connection."""
        self._streams.pop(connection, None)

    def tick(self, now: float) -> list[SipEvent]:
        """Its timer ran out."""
        self._now = now
        events: list[SipEvent] = []
        for name in self._agenda.take_due(now):
            side, key = name
            known = self._clients.get(key) if side == "client" else self._servers.get(key)
            if known is not None:
                known[0].tick(now)
                if known[0].failed:
                    events.append(TransactionFailed(key, known[0].request))
                self._settle(side, key)
        return events

    def _receive(self, message: SipMessage, hop: Hop, now: float) -> list[SipEvent]:
        if not _can_be_answered(message):
            self.faults["unanswerable"] += 1
            return []
        self._now = now
        if isinstance(hop[1], tuple):
            self.ledger.heard(hop[1][0], len(message.data), now)
        if not message.is_request:
            return self._response(message, hop, now)
        via = _top_via(message)
        key = _server_key(message, via)
        if message.method == "ACK":
            return self._ack(message, key, hop, now)
        if key in self._servers:
            self._servers[key][0].repeated()
            self._settle("server", key)
            return []
        verdict = self._look_at(message, key, hop, now)
        if isinstance(verdict, Refused):
            self.faults["refused"] += 1
            self._note("sip refused", hop, status=verdict.status)
            self._send_on_credit(_reply_hop(via, hop), _refusal(message, verdict, _completed_via(message, via, hop)))
            return []
        if self._answered and self._is_full():
            self._drop("server", next(iter(self._answered)))
        if self._is_full():
            self.faults["too many transactions"] += 1
            self._send_on_credit(hop, response_to(message, 503, "Service Unavailable").data)
            return []
        transaction = ServerTransaction(message.branch, message.method, hop[0] == "tcp", self._t1, request=message)
        transaction.on_credit = not verdict and hop[0] == "udp"
        transaction.start()
        self._octets += len(message.data)
        self._servers[key] = transaction, _reply_hop(via, hop), _completed_via(message, via, hop)
        if message.method == "INVITE":
            self._accepted[message.call_id, message.from_tag, message.cseq] = key
        return [RequestIn(key, message, hop)]

    def _look_at(self, message: SipMessage, key: ServerKey, hop: Hop, now: float) -> Refused | bool:
        """What the gate says; a CANCEL of an INVITE that passed is that INVITE's."""
        if message.method == "CANCEL" and (key[0], key[1], "INVITE") in self._servers:
            return False
        return self.gate(message, hop, now)

    def _is_full(self) -> bool:
        return len(self._servers) >= MAX_TRANSACTIONS or self._octets >= MAX_OCTETS

    def _ack(self, message: SipMessage, key: ServerKey, hop: Hop, now: float) -> list[SipEvent]:
        """An ACK ends the INVITE's transaction; of a 2xx it has a branch of its own and is news to the user."""
        invite: ServerKey | None = (key[0], key[1], "INVITE")
        if invite not in self._servers:
            invite = self._accepted.get((message.call_id, message.from_tag, message.cseq))
        if invite is None or invite not in self._servers:
            return []
        server = self._servers[invite][0]
        was_accepted = server.state is State.ACCEPTED
        if was_accepted and message.to_tag != server.to_tag:
            self.faults["ACK of another dialog"] += 1
            return []
        first = server.acknowledged(now)
        self._settle("server", invite)
        return [RequestIn(None, message, hop)] if first and was_accepted else []

    def _response(self, message: SipMessage, hop: Hop, now: float) -> list[SipEvent]:
        key = (message.branch, message.cseq_method)
        known = self._clients.get(key)
        if known is None:
            self.faults["response to no request"] += 1
            return []
        known[0].on_credit = False  # it knows our branch, so it gets what we send
        news = known[0].receive(message, now)
        self._settle("client", key)
        return [ResponseIn(key, message, hop)] if news else []

    # ------------------------------------------------------------------ out

    def draw_branch(self) -> str:
        """A new branch (section 8.1.1.7)."""
        return f"z9hG4bK{self._draw()}"

    def via(self, transport: str = "udp", branch: str = "") -> str:
        """A Via of ours, with a new branch unless one is given."""
        host = f"[{self.local[0]}]" if ":" in self.local[0] else self.local[0]
        return f"SIP/2.0/{transport.upper()} {host}:{self.local[1]};branch={branch or self.draw_branch()};rport"

    def request(self, message: SipMessage, hop: Hop, now: float, *, on_credit: bool = False) -> ClientKey:
        """Send a request; an ACK for a 2xx has no transaction and goes through `send`.

        `on_credit`: nobody showed that the other side is there, and that it is sent this is not our own wish.
        """
        self._now = now
        key = (message.branch, message.method)
        client = ClientTransaction(message.branch, message.method, hop[0] == "tcp", self._t1, request=message)
        client.on_credit = on_credit
        client.start(now)
        self._clients[key] = client, hop
        self._settle("client", key)
        return key

    def respond(
        self,
        key: ServerKey,
        status: int,
        reason: str,
        now: float,
        *,
        tag: str = "",
        headers: Headers = (),
        body: bytes = b"",
    ) -> None:
        """Answer a request that came in; nothing happens when its transaction is over."""
        self._now = now
        known = self._servers.get(key)
        request = known[0].request if known is not None else None
        if known is None or request is None:
            return
        server, _, via = known
        message = response_to(request, status, reason, via=via, tag=tag, headers=headers, body=body)
        server.to_tag = message.to_tag
        server.respond(message, now)
        if server.status >= (300 if server.is_invite else 200):
            # The response is all that a repetition needs, and the ACK to a refusal has the branch of the INVITE.
            self._answered[key] = None
            self._forget_request(server)
        self._settle("server", key)

    def is_proven(self, key: ServerKey) -> bool:
        """Did who sent this request show that he is there?"""
        known = self._servers.get(key)
        return known is not None and not known[0].on_credit

    def abandon(self, key: ClientKey) -> None:
        """Wait no longer for a final response to a request of ours."""
        if key in self._clients:
            self._drop("client", key)

    def send(self, message: SipMessage, hop: Hop) -> None:
        """Send something that is no transaction: the ACK for a 2xx."""
        self._send(hop, message.data)

    def _send(self, hop: Hop, data: bytes) -> None:
        target = hop[1]
        if isinstance(target, int):
            self._wishes.append(Send(target, data))
        else:
            self._wishes.append(SendDatagram(self.local, target, data))

    def _send_on_credit(self, hop: Hop, data: bytes) -> None:
        """Send it, unless too much went to this address already; over TCP it showed that it is there."""
        target = hop[1]
        if isinstance(target, int) or self.ledger.spend(target[0], len(data), self._now):
            self._send(hop, data)
            return
        self.faults["held back"] += 1
        if self.ledger.held_back[target[0]] <= len(data):  # the first ones
            self._note("sip held back", hop, octets=len(data))

    def _note(self, what: str, hop: Hop, **details: int) -> None:
        address = {"address": hop[1][0]} if isinstance(hop[1], tuple) else {"connection": hop[1]}
        self._wishes.append(Note(what, {**details, **address}))

    def _settle(self, side: str, key: ClientKey | ServerKey) -> None:
        """Send what a transaction has to send, and see when it is due next; drop it when it is over."""
        transaction: Transaction
        if side == "client":
            transaction, hop = self._clients[key]  # type: ignore[index]
        else:
            transaction, hop, _ = self._servers[key]  # type: ignore[index]
        send = self._send_on_credit if transaction.on_credit else self._send
        for data in transaction.send:
            send(hop, data)
        transaction.send.clear()
        if transaction.state is State.TERMINATED:
            self._drop(side, key)
            return
        due = transaction.due()
        if due is None:
            self._agenda.drop((side, key))
        else:
            self._agenda.put((side, key), due)

    def _drop(self, side: str, key: ClientKey | ServerKey) -> None:
        self._agenda.drop((side, key))
        if side == "client":
            del self._clients[key]  # type: ignore[arg-type]
            return
        server, _, _ = self._servers.pop(key)  # type: ignore[arg-type]
        self._answered.pop(key, None)  # type: ignore[arg-type]
        self._forget_request(server)

    def _forget_request(self, server: ServerTransaction) -> None:
        request, server.request = server.request, None
        if request is not None:
            self._octets -= len(request.data)
            if server.is_invite:
                self._accepted.pop((request.call_id, request.from_tag, request.cseq), None)


def _can_be_answered(message: SipMessage) -> bool:
    """Can a response, or an ACK, repeat what it must of this message? Decoding takes more than may be sent."""
    try:
        response_to(message, 200, "OK", tag="x")
    except ValueError:
        return False
    return True


def _refusal(request: SipMessage, refused: Refused, via: str) -> bytes:
    """The same each time, since nothing is kept of the request (section 8.2.7)."""
    tag = hashlib.sha256(f"{request.call_id} {request.from_tag} {request.branch}".encode("utf-8", "replace"))
    return response_to(
        request, refused.status, refused.phrase, via=via, tag=tag.hexdigest()[:12], headers=refused.headers
    ).data


def _top_via(message: SipMessage) -> Via | None:
    try:
        return parse_via(message.header_list("Via")[0])
    except (DecodeError, IndexError):
        return None


def _server_key(message: SipMessage, via: Via | None) -> ServerKey:
    """Section 17.2.3; without the magic cookie a request is known by what RFC 2543 had."""
    sent_by = f"{via.host}:{via.port or 5060}".lower() if via is not None else ""
    branch = message.branch
    if not branch.lower().startswith("z9hg4bk"):
        branch = f"{message.call_id} {message.cseq} {message.from_tag}"
    return branch, sent_by, message.method


def _reply_hop(via: Via | None, hop: Hop) -> Hop:
    """Where responses go (section 18.2.2): over UDP back to the source address, to its port if rport asks for that."""
    source = hop[1]
    if not isinstance(source, tuple) or via is None or "rport" in via.params:
        return hop
    return "udp", (source[0], via.port if via.port and via.port < 65536 else 5060)


def _completed_via(message: SipMessage, via: Via | None, hop: Hop) -> str:
    """The topmost Via with what RFC 3261 section 18.2.1 and RFC 3581 section 4 have us add."""
    vias = message.header_list("Via")
    text = vias[0] if vias else ""
    source = hop[1]
    if via is None or not isinstance(source, tuple):
        return text
    wants_port = "rport" in via.params and not via.params["rport"]
    if wants_port:
        head, _, rest = text.partition(";rport")
        text = f"{head};rport={source[1]}{rest}"
    if wants_port or via.host.strip("[]") != source[0]:
        text += f";received={source[0]}"
    return text
