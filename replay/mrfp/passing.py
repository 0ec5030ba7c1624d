"""A message on its way from one participant to others, chunk by chunk (RFC 7701 section 6, RFC 4975 section 5.1).

Content is passed on as it came; paths are those of the leg, transaction id and Message-ID new. Those two are the same
for all recipients, since each has a session of its own, in which nobody else uses them. So everything but the paths is
written once for a chunk, not once for a recipient.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dissectors.msrp import MsrpMessage
from dissectors.msrp.intervals import Interval, add_interval
from replay.mrfp.node import Node
from replay.mrfp.pieces import Piece

if TYPE_CHECKING:
    from replay.mrfp.leg import Leg

_OURS = frozenset(
    {"to-path", "from-path", "message-id", "byte-range", "success-report", "failure-report", "content-type"}
)
MAX_STRETCHES = 64
"Separate stretches of a message whose chunks come out of order; then it is given up."
INTERRUPTIBLE = 2048
"Octets; a longer chunk must be one that can be interrupted: its end is not announced (RFC 4975 section 7.1.1)."


@dataclass(slots=True)
class Passing:
    """One message of one sender."""

    sender: Leg
    message_id: str
    "The sender's."
    recipients: list[Leg] = field(default_factory=list)
    "Who got the first chunk."
    sent_id: bytes = b""
    "The Message-ID there."
    is_routed: bool = False
    "The recipients are known."
    is_private: bool = False
    wants_success: bool = False
    wants_failure: bool = True
    expires: float = 0.0
    total: int | None = None
    "Octets of the whole message, once the chunk flagged `$` came."
    held: list[Piece] = field(default_factory=list)
    "First pieces that wait until the CPIM headers are whole."
    next_octet: int = 1
    "What comes next as long as all comes in order."
    stretches: list[Interval] = field(default_factory=list)
    "What came, where it came out of order."

    def note_octets(self, piece: Piece) -> bool:
        """Take note of what came; False when it is in too many parts."""
        size = len(piece.body or b"")
        if piece.start == self.next_octet and not self.stretches:
            self.next_octet += size
        else:
            if not self.stretches and self.next_octet > 1:
                self.stretches.append((1, self.next_octet - 1))
            add_interval(self.stretches, piece.start, piece.start + size - 1)
        if piece.flag == "$":
            self.total = piece.start + size - 1
        return len(self.stretches) <= MAX_STRETCHES

    @property
    def is_complete(self) -> bool:
        """Whether all octets up to the last came."""
        if self.total is None:
            return False
        if not self.stretches:
            return self.next_octet > self.total
        return self.stretches[0] == (1, self.total)

    def forward(self, node: Node, piece: Piece) -> None:
        """Send a piece to all recipients as a chunk of its own. The loop is what a conference spends its time with."""
        recipients = self.recipients
        if not recipients:
            return
        body = piece.body
        tid = node.draw_id()
        while body is not None and b"-------" in body and b"-------" + tid in body:
            tid = node.draw_id()
        begin = b"MSRP " + tid
        rest = b"".join((self.sent_id, _tail(node, piece), tid, b"%b\r\n" % piece.flag.encode()))
        awaits = piece.message.failure_report in ("", "yes")
        awaited = (node.now + node.config.limits.response, self)
        size, is_last = len(body or b""), piece.flag == "$"
        sender = self.sender
        gone = False
        for leg in recipients:
            if not leg.is_ready:
                gone = True
                continue
            if body is not None:
                counters = leg.counters
                counters.octets_sent += size
                counters.chunks_sent += 1
                counters.messages_sent += is_last
            leg.transmit(b"".join((begin, leg.send_head, rest)), sender)
            if awaits:
                leg.await_response(tid, awaited)
        if gone:
            self.recipients = [each for each in recipients if each.is_ready]

    def abort(self, node: Node, only: Leg | None = None) -> None:
        """Tell recipients, or one of them, that the rest will not come (RFC 4975 section 7.1: flag `#`)."""
        for leg in self.recipients:
            if leg.is_ready and only in (None, leg) and self.next_octet > 1:
                tid = node.draw_id()
                leg.transmit(b"".join((b"MSRP ", tid, leg.send_head, self.sent_id, b"\r\n-------", tid, b"#\r\n")))
        self.recipients = [each for each in self.recipients if only not in (None, each)]


def _tail(node: Node, piece: Piece) -> bytes:
    """What stands between Message-ID and the transaction id of the end-line."""
    message, body = piece.message, piece.body
    parts = []
    if piece.opens and piece.closes:
        if message.byte_range is not None:
            parts.append(f"Byte-Range: {message.byte_range}\r\n")
    else:
        size = len(body or b"")
        end = "*" if size > INTERRUPTIBLE else piece.start + size - 1
        total = message.byte_range.total if message.byte_range is not None else None
        parts.append(f"Byte-Range: {piece.start}-{end}/{'*' if total is None else total}\r\n")
    if message.failure_report:
        parts.append(f"Failure-Report: {message.failure_report}\r\n")
    parts += _further_headers(message)
    if message.content_type and "GEN-1" not in node.faults:
        parts.append(f"Content-Type: {message.content_type}\r\n")
    head = "".join(parts).encode("utf-8", "surrogateescape")
    if body is None:
        return b"\r\n%b-------" % head
    return b"".join((b"\r\n", head, b"\r\n", body, b"\r\n-------"))


def _further_headers(message: MsrpMessage) -> list[str]:
    """Header lines that the relay has no part in, such as other MIME headers."""
    usual = 3 + bool(message.message_id) + (message.byte_range is not None) + bool(message.content_type)
    usual += bool(message.success_report) + bool(message.failure_report)
    lines = message.head.count(b"\r\n") - message.head.endswith(b"\r\n\r\n")
    if lines == usual:
        return []
    return [f"{name}: {value}\r\n" for name, value in message.headers if name.lower() not in _OURS]
