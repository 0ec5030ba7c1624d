"""MSRP-FRAMING: every message ends with the end-line of its own transaction (RFC 4975 sections 7.1 and 9)."""

from __future__ import annotations

from analyzer.checks.msrp_observed import frames_of, times, told, word
from analyzer.checks.rule import Rule
from analyzer.conversations.msrp_facts import Observation
from analyzer.evidence import Evidence, MsrpView
from analyzer.findings import Finding, Result, Severity


def judge(evidence: Evidence) -> Result:
    """Where the next message shows that one was over, its end-line stood before it."""
    return told(evidence, ("framing",), _tell, alike=lambda seen: word(seen, "why"))


def _tell(view: MsrpView, group: list[Observation]) -> Finding:
    first = group[0]
    return RULE.finding(
        f"{view.names[first.direction]} sent a {word(first, 'what')} that nobody can tell the end of: "
        f"{word(first, 'why')}{times(group)}.",
        frames_of(group),
        expected="seven hyphens, the transaction id of its start line, and one of $ + #",
        actual=word(first, "why"),
    )


RULE = Rule(
    code="MSRP-FRAMING",
    title="Every message ends with the end-line of its transaction.",
    clause="RFC 4975 section 7.1",
    severity=Severity.ERROR,
    judge=judge,
    interfaces=("msrp",),
    why="The receiver takes all that follows for more of this message: nothing that comes later arrives.",
    causes=(
        "Chunks of two messages are interleaved on one connection without their own end-lines.",
        "The transaction id is changed by a node on the way in the start line, and not in the end-line.",
        "The end-line is lost where a sender is interrupted and goes on with the next message.",
    ),
    confirm="Compare the transaction id in the start line with that in the end-line of the frames named.",
    fix="Let the sender close each chunk with its own transaction id before it begins another.",
    example="wrong:  MSRP a786hjs2 SEND ... -------b897kdj3$\nright:  MSRP a786hjs2 SEND ... -------a786hjs2$",
)
