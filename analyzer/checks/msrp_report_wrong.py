"""MSRP-REPORT-WRONG: reports are about messages that were sent and asked for them (RFC 4975 section 7.1.2)."""

from __future__ import annotations

from analyzer.checks.msrp_observed import frames_of, number, times, told, word
from analyzer.checks.rule import Rule
from analyzer.conversations.msrp_facts import Observation
from analyzer.evidence import Evidence, MsrpView
from analyzer.findings import Finding, Result, Severity


def judge(evidence: Evidence) -> Result:
    """A known Message-ID, a range within the message, and a success report only where it was wanted."""
    return told(evidence, ("report-unknown", "report-range", "report-unasked"), _tell)


def _tell(view: MsrpView, group: list[Observation]) -> Finding:
    first = group[0]
    who, message_id = view.names[first.direction], word(first, "message_id")
    if first.kind == "report-unknown":
        message = f"{who} reported on a message that was never sent{times(group)}."
        expected, actual = "the Message-ID of a SEND of the other side", f"Message-ID: {message_id}"
    elif first.kind == "report-range":
        octets, end = number(first, "octets"), number(first, "end")
        message = f"{who} reported on octets beyond the end of the message{times(group)}."
        expected, actual = f"a Byte-Range within 1-{octets}", f"a Byte-Range that ends at {end}"
    else:
        message = f"{who} sent a success report that nobody had asked for{times(group)}."
        expected, actual = "no REPORT without Success-Report: yes", f"REPORT with status {word(first, 'status')}"
    return RULE.finding(message, frames_of(group), expected=expected, actual=actual)


RULE = Rule(
    code="MSRP-REPORT-WRONG",
    title="Reports are about messages that were sent, that asked for them, and their octets.",
    clause="RFC 4975 section 7.1.2",
    severity=Severity.WARNING,
    judge=judge,
    interfaces=("msrp",),
    why="The sender cannot relate the report to a message: what it shows its user is wrong.",
    causes=(
        "A conference server passes a report on with the Message-ID of another leg.",
        "The receiver counts characters, or the octets with headers.",
        "The receiver reports every message, whether asked or not.",
    ),
    confirm="Find the SEND with the REPORT's Message-ID; compare Success-Report and the octets of its body.",
    fix="Copy Message-ID from the SEND, count octets, and report success only on Success-Report: yes.",
    example="SEND of 210 octets\nwrong:  REPORT ... Byte-Range: 1-260/260",
    same_frames=("MSRP-RANGE",),
)
