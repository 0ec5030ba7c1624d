"""MSRP-RESPONSE-UNKNOWN: every response belongs to a request (RFC 4975 section 7.2)."""

from __future__ import annotations

from analyzer.checks.msrp_observed import frames_of, times, told, word
from analyzer.checks.rule import Rule
from analyzer.conversations.msrp_facts import Observation
from analyzer.evidence import Evidence, MsrpView
from analyzer.findings import Finding, Result, Severity


def judge(evidence: Evidence) -> Result:
    """A request of the other side has the transaction id of each response."""
    return told(evidence, ("unknown-response",), _tell)


def _tell(view: MsrpView, group: list[Observation]) -> Finding:
    first = group[0]
    return RULE.finding(
        f"{view.names[first.direction]} sent a response to no request of the other side{times(group)}.",
        frames_of(group),
        expected="the transaction id of a request that waits",
        actual=f"{word(first, 'status')} with transaction id {word(first, 'transaction_id')}",
    )


RULE = Rule(
    code="MSRP-RESPONSE-UNKNOWN",
    title="Each response has the transaction id of a request.",
    clause="RFC 4975 section 7.2",
    severity=Severity.WARNING,
    judge=judge,
    interfaces=("msrp",),
    why="The sender cannot tell what was answered; its request times out after 30 s.",
    causes=(
        "The responder makes a new transaction id, or uses the Message-ID.",
        "It answers a request twice.",
        "It answers on another connection than the request came on.",
    ),
    confirm="Search the TCP stream for the transaction id of the response.",
    fix="Copy the transaction id of the request into the response, and answer once.",
    example="MSRP a786hjs2 SEND answered by MSRP b000000 200 OK",
)
