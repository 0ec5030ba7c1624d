"""MSRP conversations on one connection, message by message, for tests of what is observed in them."""

from __future__ import annotations

from analyzer.conversations.connection import Connection
from analyzer.conversations.msrp_exchange import MsrpExchange
from analyzer.conversations.msrp_facts import Observation
from analyzer.conversations.msrp_watch import Ending
from analyzer.transport.flow import Flow
from dissectors.msrp import decode_msrp

SECOND = 1_000_000_000
A, B, WRONG = "msrp://a.example:1/aaaa;tcp", "msrp://b.example:2/bbbb;tcp", "msrp://b.example:2/wrong;tcp"
TEXT = "Content-Type: text/plain\r\n"
LONG = 40 * SECOND


class Talk:
    """A conversation: every message takes a frame and a second; `a` says and `b` answers, or the other way round."""

    def __init__(self) -> None:
        flow = Flow(0xC0000201_C0000202, 4 << 40 | 6 << 32 | 40000 << 16 | 2855)
        self.connection = Connection(flow, Flow(*flow.reverse_key()), 0, 0)
        self.exchange = MsrpExchange(self.connection)
        self.frame = 0
        self.now = 0
        self.seen: list[Observation] = []

    def say(
        self,
        what: str,
        fields: str = "",
        body: str | None = None,
        by: int = 0,
        tid: str = "",
        flag: str = "$",
        to: str = "",
    ) -> Talk:
        self.frame += 1
        self.now += SECOND
        tid = tid or f"tid{self.frame}"
        here, there = (A, B) if by == 0 else (B, A)
        head = f"MSRP {tid} {what}\r\nTo-Path: {to or there}\r\nFrom-Path: {here}\r\n{fields}"
        content = "" if body is None else f"\r\n{body}\r\n"
        data = f"{head}{content}-------{tid}{flag}\r\n".encode()
        self.exchange.add(decode_msrp(data), by, self.now, (self.frame,))
        return self

    def send(self, fields: str = "", body: str | None = "Hello", message_id: str = "m123", **more: str) -> Talk:
        return self.say("SEND", f"Message-ID: {message_id}\r\n{fields}{TEXT if body is not None else ''}", body, **more)  # type: ignore[arg-type]

    def ok(self, tid: str = "", by: int = 1, status: str = "200 OK") -> Talk:
        return self.say(status, by=by, tid=tid or f"tid{self.frame}")

    def report(self, message_id: str = "m123", status: str = "000 200 OK", octets: int = 5, by: int = 1) -> Talk:
        return self.say(
            "REPORT", f"Message-ID: {message_id}\r\nByte-Range: 1-{octets}/{octets}\r\nStatus: {status}\r\n", by=by
        )

    def wait(self, time: int = LONG) -> Talk:
        self.now += time
        return self

    def lose(self, direction: int) -> Talk:
        self.exchange.lose(direction)
        return self

    def over(self, **more: object) -> Talk:
        ending = {"last": self.now, "heard": (self.now, self.now), **more}
        self.exchange.finish(Ending(**ending))  # type: ignore[arg-type]
        self.seen = [each for session in self.connection.sessions for each in session.observations]
        return self

    @property
    def kinds(self) -> list[str]:
        return [each.kind for each in self.seen]

    def only(self, kind: str) -> Observation:
        assert self.kinds == [kind]
        return self.seen[0]
