"""MSRP-MESSAGE-ID: requests that need a Message-ID have a well-formed one (RFC 4975 sections 7.1 and 9)."""

from __future__ import annotations

from analyzer.checks.msrp_observed import frames_of, times, told, word
from analyzer.checks.rule import Rule
from analyzer.conversations.msrp_facts import Observation
from analyzer.evidence import Evidence, MsrpView
from analyzer.findings import Finding, Result, Severity


def judge(evidence: Evidence) -> Result:
    """Each is an ident of 4 to 32 characters."""
    return told(evidence, ("bad-message-id",), _tell, lambda seen: (word(seen, "method"), not word(seen, "message_id")))


def _tell(view: MsrpView, group: list[Observation]) -> Finding:
    first = group[0]
    given = word(first, "message_id")
    what = "a Message-ID that is none by the grammar" if given else "no Message-ID"
    return RULE.finding(
        f"{view.names[first.direction]} sent a {word(first, 'method')} with {what}{times(group)}.",
        frames_of(group),
        expected="Message-ID of 4 to 32 letters, digits, . - + % =, beginning with a letter or digit",
        actual=f"Message-ID: {given}" if given else "no Message-ID",
    )


RULE = Rule(
    code="MSRP-MESSAGE-ID",
    title="Every SEND and REPORT has a Message-ID that follows the grammar.",
    clause="RFC 4975 sections 7.1.1 and 9",
    severity=Severity.WARNING,
    judge=judge,
    interfaces=("msrp",),
    why="Chunks are joined and reports are matched by it; a strict receiver answers 400.",
    causes=("A UUID in braces, or with a host part behind @.", "Identifiers longer than 32 characters."),
    confirm="Read Message-ID in the frames named.",
    fix="Use 4 to 32 characters of the grammar, such as 16 hexadecimal digits.",
    example="wrong:  Message-ID: <1@host>\nright:  Message-ID: 87652491a1",
)
