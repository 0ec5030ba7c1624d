"""MSRP-FAILURE-REPORT: no REPORT tells of a failure (RFC 4975 section 7.1.2)."""

from __future__ import annotations

from analyzer.checks.msrp_error_codes import OF_USERS, meaning
from analyzer.checks.msrp_observed import frames_of, number, times, told, word
from analyzer.checks.rule import Rule
from analyzer.conversations.msrp_facts import Observation
from analyzer.evidence import Evidence, MsrpView
from analyzer.findings import Finding, Result, Severity
from analyzer.identities import masked_text


def judge(evidence: Evidence) -> Result:
    """Every report has the status 200."""
    return told(evidence, ("failure-report",), _tell, lambda seen: seen.detail.get("status"))


def _tell(view: MsrpView, group: list[Observation]) -> Finding:
    first = group[0]
    code = number(first, "status")
    who = view.names[first.direction]
    if not code:
        return RULE.finding(
            f"{who} sent a REPORT without Status{times(group)}.",
            frames_of(group),
            expected="Status: 000 and a status code",
            actual="no Status that can be read",
            severity=Severity.WARNING,
        )
    return RULE.finding(
        f"{who} reported that a message failed with {code}{times(group)}: {meaning(code)}.",
        frames_of(group),
        expected="delivery, or a report with 200",
        actual=f"Status: 000 {code} {masked_text(word(first, 'comment'))}".rstrip(),
        severity=Severity.WARNING if code in OF_USERS else None,
    )


RULE = Rule(
    code="MSRP-FAILURE-REPORT",
    title="No REPORT tells that a message could not be delivered.",
    clause="RFC 4975 section 7.1.2",
    severity=Severity.ERROR,
    judge=judge,
    interfaces=("msrp",),
    why="The message was taken by the next hop and lost behind it; the sender must take the session as failed.",
    causes=(
        "A relay or the MRFP got no response from the recipient within 30 s (408).",
        "The recipient has left (481), or does not take the media type (415).",
    ),
    confirm="Read Status and Message-ID of the REPORT, and find the SEND with that Message-ID.",
    fix="Look at the leg of the recipient: its connection, and the response there.",
    example="MSRP r1 REPORT ... Message-ID: 87652491a2 / Byte-Range: 1-210/210 / Status: 000 408 Timeout",
)
