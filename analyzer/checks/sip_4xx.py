"""SIP-4XX: the request that opens the session is not refused with 4xx (RFC 3261 section 21.4)."""

from __future__ import annotations

from analyzer.checks.rule import Rule
from analyzer.checks.sip_failure import KINDS, judge_refusal
from analyzer.checks.sip_statuses import meanings
from analyzer.evidence import Evidence
from analyzer.findings import Result, Severity


def judge(evidence: Evidence) -> Result:
    """Challenges that are met, and 487 after a CANCEL, are no refusal."""
    return judge_refusal(evidence, RULE, 4)


RULE = Rule(
    code="SIP-4XX",
    title="The request that opens the session is not refused with a 4xx response.",
    clause="RFC 3261 section 21.4",
    severity=Severity.ERROR,
    judge=judge,
    kinds=KINDS,
    interfaces=("sip",),
    yields_to=("H248-ERROR", "H248-NO-REPLY", "MRFP-1", "TCP-REFUSED", "TCP-TIMEOUT"),
    why="The session never came about.",
    causes=meanings(4),
    confirm="Follow the call hop by hop: the first node that sent the response decided it. Read Reason and Warning.",
    fix="Correct what the status names at the node that refused, or the request that it refused.",
    example='SIP/2.0 488 Not Acceptable Here / Warning: 304 mrfc "Media type not available"',
)
