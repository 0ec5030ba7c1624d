"""MSRP-OVERLAP: no octet of a message comes twice (RFC 4975 section 7.3.1)."""

from __future__ import annotations

from analyzer.checks.msrp_observed import frames_of, number, times, told
from analyzer.checks.rule import Rule
from analyzer.conversations.msrp_facts import Observation
from analyzer.evidence import Evidence, MsrpView
from analyzer.findings import Finding, Result, Severity


def judge(evidence: Evidence) -> Result:
    """The ranges of the chunks are disjoint."""
    return told(evidence, ("chunk-overlap",), _tell)


def _tell(view: MsrpView, group: list[Observation]) -> Finding:
    first = group[0]
    return RULE.finding(
        f"{view.names[first.direction]} sent {number(first, 'twice')} octets of a message twice{times(group)}.",
        frames_of(group),
        expected="chunks whose ranges do not overlap",
        actual=f"{number(first, 'twice')} octets in more than one chunk",
    )


RULE = Rule(
    code="MSRP-OVERLAP",
    title="The chunks of a message do not overlap.",
    clause="RFC 4975 section 7.3.1",
    severity=Severity.WARNING,
    judge=judge,
    interfaces=("msrp",),
    why="A receiver takes the newest octets; one that appends chunks as they come shows a broken message.",
    causes=(
        "Byte-Range of a later chunk is computed from characters, or from announced instead of sent octets.",
        "An interrupted chunk is sent again from its beginning.",
        "Two messages have the same Message-ID.",
    ),
    confirm="List the SENDs of this Message-ID with their Byte-Range and the octets of their bodies.",
    fix="Begin each chunk at the octet after the last one sent; use a new Message-ID for each message.",
    example="wrong:  1-2048/4000 +, 2000-4000/4000 $\nright:  1-2048/4000 +, 2049-4000/4000 $",
    same_frames=("MSRP-RANGE",),
)
