"""MSRP-UNFINISHED: a message that was begun is ended, by `$` or by `#` (RFC 4975 section 7.1.1)."""

from __future__ import annotations

from analyzer.checks.msrp_observed import frames_of, number, seconds, times, told
from analyzer.checks.rule import Rule
from analyzer.conversations.msrp_facts import Observation
from analyzer.evidence import Evidence, MsrpView
from analyzer.findings import Finding, Result, Severity
from analyzer.model import Confidence


def judge(evidence: Evidence) -> Result:
    """No message stops in its middle."""
    return told(evidence, ("unfinished",), _tell)


def _tell(view: MsrpView, group: list[Observation]) -> Finding:
    first = group[0]
    return RULE.finding(
        f"{view.names[first.direction]} began a message and sent neither its end nor that it gave up, within "
        f"{seconds(first, 'waited')}{times(group)}.",
        frames_of(group),
        expected="a chunk flagged $ (the end) or # (given up)",
        actual=f"{number(first, 'octets')} octets, and then nothing",
        confidence=Confidence.LIKELY,
    )


RULE = Rule(
    code="MSRP-UNFINISHED",
    title="A message that was begun is finished or given up.",
    clause="RFC 4975 section 7.1.1",
    severity=Severity.WARNING,
    judge=judge,
    interfaces=("msrp",),
    why="The receiver keeps what came and waits; a conference holds the memory of it until its chunk timer ends.",
    causes=(
        "The user left, or the sender crashed, in the middle of a file.",
        "The last chunk is flagged + instead of $.",
    ),
    confirm="Look at the flag behind the end-line of the last chunk of this Message-ID.",
    fix="Flag the last chunk with $; send a chunk flagged # when a message is given up.",
    example="wrong:  -------a786hjs2+ as the last end-line\nright:  -------a786hjs2$",
)
