"""An MSRP session as its end speaks it (RFC 4975, RFC 7701), over one connection that is up, sans-IO.

Messages are cut into chunks and sent in order, so many at a time as `window` allows; what is answered makes room for
more, so content of any size takes little memory. Octets to send stand in `out`; what happened comes from `receive`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from dissectors.msrp import (
    ByteRange,
    JoinedMessage,
    MessageAssembler,
    MsrpMessage,
    MsrpStream,
    build_request,
    build_response,
    pick_transaction_id,
    session_id_of,
)
from replay.ue.content import Content

RESPONSE_TIMEOUT = 30.0
"s to wait for a response (RFC 4975 section 7.1.1)."


ROOM_LEFT = 1 << 18
"Octets that may stand in `out` before sending pauses."


@dataclass(frozen=True, slots=True)
class Heard:
    """A message came, whole or aborted."""

    message: JoinedMessage
    from_path: str


@dataclass(frozen=True, slots=True)
class Settled:
    """Everything of a message, or a request without content, was answered."""

    message_id: str
    status: int
    "200, or the first other status; 408 when no response came."


@dataclass(frozen=True, slots=True)
class ReportHeard:
    """A REPORT came."""

    message_id: str
    status: int


MsrpNews = Heard | Settled | ReportHeard


@dataclass(slots=True)
class _Outgoing:
    """A message that is being sent."""

    message_id: str
    content_type: str
    content: Content
    success_report: bool
    sent: int = 0
    waiting: int = 0
    status: int = 200
    done: bool = False
    "All chunks are sent, or no more are to be."


@dataclass(slots=True)
class _Transaction:
    message_id: str
    message: _Outgoing | None
    due: float


class MsrpSession:
    """One end of a session."""

    def __init__(
        self,
        own_path: str,
        peer_path: str,
        *,
        draw: Callable[[], str],
        chunk_size: int = 2048,
        window: int = 8,
        kept: int = 1 << 20,
    ) -> None:
        """`draw` draws identifiers; an empty `peer_path` is learnt from the first request that comes."""
        self.own_path = own_path
        self.peer_path = peer_path
        self.out: deque[bytes] = deque()
        self.bound = False
        "A request was answered with 200, either way: both ends know the connection."
        self.paused = False
        "The connection is congested."
        self._draw = draw
        self._chunk_size = chunk_size
        self._window = window
        self._stream = MsrpStream(max_body=max(kept, chunk_size))
        self._assembler = MessageAssembler(max_kept=kept)
        self._queue: deque[_Outgoing] = deque()
        self._open: dict[str, _Transaction] = {}

    @property
    def settled(self) -> bool:
        """Is everything answered that was sent?"""
        return not self._open and not self._queue

    def due(self) -> float | None:
        """When the first request that waits will have waited too long."""
        return next((each.due for each in self._open.values()), None)

    # ------------------------------------------------------------------ out

    def bind(self, now: float) -> None:
        """A SEND without content: the active side's first words (RFC 4975 section 5.4)."""
        message_id = self._draw()
        self._request("SEND", now, message_id, None)

    def send(self, content_type: str, content: Content, now: float, *, success_report: bool = False) -> str:
        """Queue a message; returns its Message-ID."""
        outgoing = _Outgoing(self._draw(), content_type, content, success_report)
        self._queue.append(outgoing)
        self.pump(now)
        return outgoing.message_id

    def set_nickname(self, nickname: str, now: float) -> str:
        """Ask for a nickname (RFC 7701 section 7.1); returns the name under which its answer comes."""
        quoted = nickname.replace("\\", "\\\\").replace('"', '\\"')
        return self._request("NICKNAME", now, "", None, [("Use-Nickname", f'"{quoted}"')])

    def pump(self, now: float) -> None:
        """Send what there is room for."""
        while self._queue and len(self._open) < self._window and not self.paused:
            if self.out and sum(map(len, self.out)) > ROOM_LEFT:
                return
            outgoing = self._queue[0]
            if outgoing.done:
                self._queue.popleft()
                continue
            self._send_chunk(outgoing, now)

    def _send_chunk(self, outgoing: _Outgoing, now: float) -> None:
        total = outgoing.content.size
        body = outgoing.content.read(outgoing.sent, self._chunk_size)
        start = outgoing.sent + 1
        outgoing.sent += len(body)
        last = outgoing.sent >= total or not body
        outgoing.done = last
        end: int | None = outgoing.sent if last else None
        transaction_id = pick_transaction_id(body, self._draw)
        request = build_request(
            "SEND",
            self.peer_path,
            self.own_path,
            transaction_id=transaction_id,
            message_id=outgoing.message_id,
            byte_range=ByteRange(start, end, total),
            success_report="yes" if outgoing.success_report else "",
            content_type=outgoing.content_type,
            body=body,
            flag="$" if last else "+",
        )
        outgoing.waiting += 1
        self._send(request, _Transaction(outgoing.message_id, outgoing, now + RESPONSE_TIMEOUT))

    def _request(
        self,
        method: str,
        now: float,
        message_id: str,
        message: _Outgoing | None,
        headers: list[tuple[str, str]] | None = None,
    ) -> str:
        request = build_request(
            method,
            self.peer_path,
            self.own_path,
            transaction_id=self._draw(),
            message_id=message_id,
            headers=headers or (),
        )
        self._send(request, _Transaction(message_id or request.transaction_id, message, now + RESPONSE_TIMEOUT))
        return message_id or request.transaction_id

    def _send(self, request: MsrpMessage, transaction: _Transaction) -> None:
        self._open[request.transaction_id] = transaction
        self._write(request)

    def _write(self, message: MsrpMessage) -> None:
        body = b"" if message.body is None else message.body + b"\r\n"
        self.out.append(message.head + body + f"-------{message.transaction_id}{message.flag}\r\n".encode())

    # ------------------------------------------------------------------ in

    def receive(self, data: bytes, now: float) -> list[MsrpNews]:
        """Take octets of the connection."""
        news: list[MsrpNews] = []
        for framed in self._stream.receive_data(data):
            message = framed.message
            if message is None:
                continue
            if message.is_request:
                news += self._requested(message)
            else:
                news += self._responded(message)
        self.pump(now)
        return news

    def expire(self, now: float) -> list[MsrpNews]:
        """See which requests waited too long: that is as if 408 came (section 7.1.1)."""
        news: list[MsrpNews] = []
        for transaction_id, transaction in list(self._open.items()):
            if transaction.due > now:
                break
            del self._open[transaction_id]
            news += self._settle(transaction, 408)
        self.pump(now)
        return news

    def _responded(self, response: MsrpMessage) -> list[MsrpNews]:
        transaction = self._open.pop(response.transaction_id, None)
        if transaction is None:
            return []
        self.bound = self.bound or response.status == 200
        return self._settle(transaction, response.status)

    def _settle(self, transaction: _Transaction, status: int) -> list[MsrpNews]:
        message = transaction.message
        if message is None:
            return [Settled(transaction.message_id, status)]
        message.waiting -= 1
        if status != 200 and message.status == 200:
            message.status = status
            message.done = True  # 413 and all others: no more of it (section 7.2)
        if message.done and not message.waiting:
            if message in self._queue:
                self._queue.remove(message)
            return [Settled(message.message_id, message.status)]
        return []

    def _requested(self, request: MsrpMessage) -> list[MsrpNews]:
        if session_id_of(request.to_path) != session_id_of(self.own_path):
            self._respond(request, 481, "No such session")
            return []
        self.peer_path = self.peer_path or request.from_path
        if request.method == "REPORT":
            status = request.report_status
            return [ReportHeard(request.message_id, status.code)] if status is not None else []
        if request.method != "SEND":
            self._respond(request, 501, "Unknown method")
            return []
        self.bound = True
        if request.failure_report.lower() not in ("no", "partial"):
            self._respond(request, 200, "OK")
        if request.body is None and not request.content_type:
            return []
        news: list[MsrpNews] = []
        for joined in self._assembler.receive_chunk(request):
            news.append(Heard(joined, request.from_path))
            if joined.complete and request.success_report.lower() == "yes":
                self._report(request, joined)
        return news

    def _respond(self, request: MsrpMessage, status: int, comment: str) -> None:
        if request.method != "REPORT" and request.failure_report.lower() != "no":
            self._write(build_response(request, status, comment))

    def _report(self, request: MsrpMessage, joined: JoinedMessage) -> None:
        """A success report for a whole message (section 7.1.2); nobody answers it."""
        self._write(
            build_request(
                "REPORT",
                request.from_path,
                self.own_path,
                transaction_id=self._draw(),
                message_id=joined.message_id,
                byte_range=ByteRange(1, joined.size, joined.size),
                headers=[("Status", "000 200 OK")],
            )
        )


def octets_of(out: deque[bytes]) -> bytes:
    """Take all that stands there."""
    data = b"".join(out)
    out.clear()
    return data


@dataclass(slots=True)
class Tally:
    """What a participant said and heard."""

    heard: int = 0
    octets_heard: int = 0
    last: list[str] = field(default_factory=list, repr=False)
    "The text of the last messages that were kept; never logged."
    settled: dict[str, int] = field(default_factory=dict)
    "Status by Message-ID."
    reports: dict[str, int] = field(default_factory=dict)
