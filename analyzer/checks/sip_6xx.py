"""SIP-6XX: the request that opens the session is not refused everywhere (RFC 3261 section 21.6)."""

from __future__ import annotations

from analyzer.checks.rule import Rule
from analyzer.checks.sip_failure import KINDS, judge_refusal
from analyzer.checks.sip_statuses import meanings
from analyzer.evidence import Evidence
from analyzer.findings import Result, Severity


def judge(evidence: Evidence) -> Result:
    """No final response of the 6xx class."""
    return judge_refusal(evidence, RULE, 6)


RULE = Rule(
    code="SIP-6XX",
    title="The request that opens the session is not refused with a 6xx response.",
    clause="RFC 3261 section 21.6",
    severity=Severity.ERROR,
    judge=judge,
    kinds=KINDS,
    interfaces=("sip",),
    yields_to=("H248-ERROR", "H248-NO-REPLY", "MRFP-1", "TCP-REFUSED", "TCP-TIMEOUT"),
    why="The session never came about, and no other branch of a fork is tried.",
    causes=(*meanings(6), "A server answers 6xx where 4xx would let others be tried."),
    confirm="Find the first node that sent the response; read Reason and Warning.",
    fix="Where no user declined, let the server answer 480 or 488 instead.",
    example="SIP/2.0 603 Decline",
)
