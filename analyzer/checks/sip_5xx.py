"""SIP-5XX: no server fails on the request that opens the session (RFC 3261 section 21.5)."""

from __future__ import annotations

from analyzer.checks.rule import Rule
from analyzer.checks.sip_failure import KINDS, judge_refusal
from analyzer.checks.sip_statuses import meanings
from analyzer.evidence import Evidence
from analyzer.findings import Result, Severity


def judge(evidence: Evidence) -> Result:
    """No final response of the 5xx class."""
    return judge_refusal(evidence, RULE, 5)


RULE = Rule(
    code="SIP-5XX",
    title="The request that opens the session is not answered with a 5xx response.",
    clause="RFC 3261 section 21.5",
    severity=Severity.ERROR,
    judge=judge,
    kinds=KINDS,
    interfaces=("sip",),
    yields_to=("H248-ERROR", "H248-NO-REPLY", "MRFP-1", "TCP-REFUSED", "TCP-TIMEOUT"),
    why="The session never came about, through no fault of the caller.",
    causes=(
        "The MRFC got no resources from its MRFP: look for an H.248 error beside it.",
        *meanings(5),
    ),
    confirm="Find the first node that sent the response, and what it did just before: H.248, DNS, another SIP hop.",
    fix="Mend the node that failed; Retry-After tells when to try again.",
    example="SIP/2.0 503 Service Unavailable / Reason: Q.850;cause=34",
)
