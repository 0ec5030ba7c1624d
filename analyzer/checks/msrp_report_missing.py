"""MSRP-REPORT-MISSING: a success report that was asked for comes, and soon (RFC 4975 sections 7.1.2 and 7.3.1)."""

from __future__ import annotations

from analyzer.checks.msrp_observed import frames_of, seconds, times, told
from analyzer.checks.rule import Rule
from analyzer.conversations.msrp_facts import Observation
from analyzer.evidence import Evidence, MsrpView
from analyzer.findings import Finding, Result, Severity
from analyzer.model import Confidence


def judge(evidence: Evidence) -> Result:
    """A REPORT for each whole message with Success-Report: yes."""
    return told(evidence, ("no-success-report",), _tell, lambda seen: seen.detail.get("after") is not None)


def _tell(view: MsrpView, group: list[Observation]) -> Finding:
    first = group[0]
    other = view.names[1 - first.direction]
    if first.detail.get("after") is not None:
        return RULE.finding(
            f"{other} sent a success report that was asked for only after {seconds(first, 'after')}{times(group)}.",
            frames_of(group),
            expected="a REPORT as soon as the message has arrived",
            actual=f"a REPORT after {seconds(first, 'after')}",
            severity=Severity.INFO,
        )
    return RULE.finding(
        f"{other} never sent the success report that was asked for{times(group)}.",
        frames_of(group),
        expected="REPORT with Status: 000 200 about the whole message",
        actual=f"none in {seconds(first, 'waited')}",
        confidence=Confidence.LIKELY,  # nothing says when it must come
    )


RULE = Rule(
    code="MSRP-REPORT-MISSING",
    title="Success reports that were asked for are sent.",
    clause="RFC 4975 sections 7.1.2 and 7.3.1",
    severity=Severity.WARNING,
    judge=judge,
    interfaces=("msrp",),
    why="The sender cannot show that its message has arrived, and may send it again.",
    causes=(
        "The receiver takes the 200 for enough.",
        "A conference server drops Success-Report when it passes messages on.",
        "The recipient's client has not fetched the message yet.",
    ),
    confirm="Search for a REPORT with the Message-ID of the SEND, in the other direction.",
    fix="Send REPORT with Status: 000 200 and the Byte-Range once the whole message is there.",
    example="SEND ... Success-Report: yes\nright:  REPORT ... Byte-Range: 1-210/210 / Status: 000 200 OK",
    same_frames=("MSRP-4XX", "MSRP-5XX", "MSRP-NO-RESPONSE"),
)
