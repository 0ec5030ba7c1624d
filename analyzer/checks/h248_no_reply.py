"""H248-NO-REPLY: requests are replied to (H.248.1 Annex D.1, RFC 3525 section D.1.4)."""

from __future__ import annotations

from analyzer.checks.h248_error import KINDS, NO_H248
from analyzer.checks.rule import Rule
from analyzer.conversations.h248_terminations import CHANGES
from analyzer.conversations.h248_transactions import Transaction
from analyzer.evidence import Evidence
from analyzer.findings import OK, Result, Severity, Status, not_observable
from analyzer.model import Confidence

WAIT_NS = 30_000_000_000
"LONG-TIMER (RFC 3525 section D.1.4): the requester repeats until then."
MANY = 3
"Repeats that tell by themselves that nothing came back."


def judge(evidence: Evidence) -> Result:
    """Only a request that was even repeated shows that no reply came: else it may have escaped the capture."""
    lives = evidence.session.terminations
    if not lives:
        return NO_H248
    if not any(life.unanswered for life in lives):
        return OK
    short = ""
    for life in lives:
        for pair in life.pairs if life.asked_again else ():
            transaction = pair.transaction
            request = transaction.request_message
            if transaction.reply is not None or request is None or not transaction.request_copies:
                continue
            if pair.command.name not in CHANGES:
                continue
            if evidence.scope.last < transaction.first + WAIT_NS:
                short = "a request was repeated, and the capture ends before its reply had to come"
                continue
            if transaction.request_copies < MANY and not evidence.scope.heard_back("h248", request, 0):
                short = "nothing of the gateway is in the capture"
                continue
            return RULE.broken(
                f"The gateway never replied to {pair.command.name.value}, "
                f"which was sent {transaction.request_copies + 1} times.",
                _frames(transaction),
                expected="a reply within 30 s",
                actual=f"no reply from {request.flow.dst}",
                status=Status.MISSING,
                confidence=Confidence.CERTAIN if transaction.request_copies >= MANY else Confidence.LIKELY,
            )
    return not_observable(short or "the reply to a request about its termination was not captured")


def _frames(transaction: Transaction) -> list[int]:
    return [frame for message in transaction.messages for frame in message.frames]


RULE = Rule(
    code="H248-NO-REPLY",
    title="Requests about a termination are replied to.",
    clause="RFC 3525 section D.1.4",
    severity=Severity.ERROR,
    judge=judge,
    kinds=KINDS,
    interfaces=("h248",),
    why="The MRFC waits up to 30 s and then refuses the participant.",
    causes=(
        "The MRFP is down, restarting, or overloaded.",
        "A firewall drops fragments: an Add with SDP is larger than one packet.",
        "The MRFC sends to the address of a gateway that was moved.",
    ),
    confirm="Look for any other traffic of the gateway after the first request; compare packet sizes.",
    fix="Mend the path or the gateway; use TCP or SCTP for H.248 where messages are large.",
    example="T=4711{...Add...} at 0, 1, 3, 7 s, and no P=4711",
)
