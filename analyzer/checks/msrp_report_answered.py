"""MSRP-REPORT-ANSWERED: a REPORT has no response (RFC 4975 section 7.1.2)."""

from __future__ import annotations

from analyzer.checks.msrp_observed import frames_of, times, told, word
from analyzer.checks.rule import Rule
from analyzer.conversations.msrp_facts import Observation
from analyzer.evidence import Evidence, MsrpView
from analyzer.findings import Finding, Result, Severity


def judge(evidence: Evidence) -> Result:
    """No response has the transaction id of a REPORT."""
    return told(evidence, ("report-answered",), _tell)


def _tell(view: MsrpView, group: list[Observation]) -> Finding:
    first = group[0]
    return RULE.finding(
        f"{view.names[first.direction]} answered a REPORT with {word(first, 'status')}{times(group)}.",
        frames_of(group),
        expected="no response to a REPORT",
        actual=f"a response {word(first, 'status')}",
    )


RULE = Rule(
    code="MSRP-REPORT-ANSWERED",
    title="A REPORT is not answered.",
    clause="RFC 4975 section 7.1.2",
    severity=Severity.WARNING,
    judge=judge,
    interfaces=("msrp",),
    why="Who sent the report has no transaction for the response; strict stacks close the connection.",
    causes=("The receiver answers every request with 200 without looking at the method.",),
    confirm="Compare the transaction id of the response with that of the REPORT before it.",
    fix="Take a REPORT without answering it.",
    example="MSRP r60c1vv8p2 REPORT ...\nwrong:  MSRP r60c1vv8p2 200 OK",
)
