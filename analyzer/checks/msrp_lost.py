"""MSRP-LOST: all chunks of a message come (RFC 4975 sections 5.1 and 7.3.1)."""

from __future__ import annotations

from analyzer.checks.msrp_observed import frames_of, number, times, told
from analyzer.checks.rule import Rule
from analyzer.conversations.msrp_facts import Observation
from analyzer.evidence import Evidence, MsrpView
from analyzer.findings import Finding, Result, Severity


def judge(evidence: Evidence) -> Result:
    """The last chunk came, and nothing before it is missing."""
    return told(evidence, ("chunk-lost",), _tell)


def _tell(view: MsrpView, group: list[Observation]) -> Finding:
    first = group[0]
    return RULE.finding(
        f"{view.names[first.direction]} ended a message without having sent all of it: "
        f"{number(first, 'missing')} octets are missing{times(group)}.",
        frames_of(group),
        expected="every octet from 1 to the end of the chunk flagged $",
        actual=f"{number(first, 'missing')} octets in no chunk",
    )


RULE = Rule(
    code="MSRP-LOST",
    title="All chunks of a message are sent.",
    clause="RFC 4975 section 5.1",
    severity=Severity.ERROR,
    judge=judge,
    interfaces=("msrp",),
    why="The receiver never has the whole message and shows nothing, or a broken file.",
    causes=(
        "A chunk was dropped in the sender's queue when its connection was slow.",
        "The Byte-Range of a chunk is wrong, so that a hole seems to be there (then MSRP-RANGE tells more).",
        "The gateway re-chunks and loses the rest of an interrupted chunk.",
    ),
    confirm="List the SENDs of this Message-ID with their Byte-Range: the ranges must join without a hole.",
    fix="Send every octet range before the chunk flagged $; end with # what cannot be finished.",
    example="wrong:  1-2048/5001 +, 4097-5001/5001 $\nright:  1-2048/5001 +, 2049-4096/5001 +, 4097-5001/5001 $",
    same_frames=("MSRP-RANGE",),
)
