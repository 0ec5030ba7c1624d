"""MSRP-ABORTED: a sender gave a message up (RFC 4975 section 7.1.1): no fault by itself."""

from __future__ import annotations

from analyzer.checks.msrp_observed import frames_of, number, times, told
from analyzer.checks.rule import Rule
from analyzer.conversations.msrp_facts import Observation
from analyzer.evidence import Evidence, MsrpView
from analyzer.findings import Finding, Result, Severity


def judge(evidence: Evidence) -> Result:
    """No chunk is flagged `#`."""
    return told(evidence, ("aborted",), _tell)


def _tell(view: MsrpView, group: list[Observation]) -> Finding:
    first = group[0]
    return RULE.finding(
        f"{view.names[first.direction]} gave a message up after {number(first, 'octets')} octets{times(group)}.",
        frames_of(group),
        expected="a message sent to its end",
        actual="a chunk flagged #",
    )


RULE = Rule(
    code="MSRP-ABORTED",
    title="Messages are not given up by their sender.",
    clause="RFC 4975 section 7.1.1",
    severity=Severity.INFO,
    judge=judge,
    interfaces=("msrp",),
    why="The receiver throws away what it has of the message.",
    causes=(
        "The user cancelled a file transfer.",
        "The receiver asked for it by 413, or refused the message with another error.",
    ),
    confirm="Look for a 413 or another error response to an earlier chunk of this Message-ID.",
    fix="Nothing, where the user cancelled; else see why the receiver refused it.",
    example="-------a786hjs2#",
    same_frames=("MSRP-4XX", "MSRP-5XX"),
)
