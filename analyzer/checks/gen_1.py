"""GEN-1: messages travel over MSRP and their content is MIME typed (TS 23.333 clause 6.2.10.3.1, RFC 4975 7.1)."""

from __future__ import annotations

from analyzer.checks.msrp_observed import NO_MSRP, frames_of, number, times, told
from analyzer.checks.rule import Rule
from analyzer.conversations.msrp_facts import Observation
from analyzer.evidence import Evidence, MsrpView
from analyzer.findings import Finding, Result, Severity, Status, not_applicable


def judge(evidence: Evidence) -> Result:
    """Every SEND with a body has a Content-Type."""
    if not evidence.has_msrp:
        return NO_MSRP
    found = told(evidence, ("no-content-type",), _tell)
    if found.is_broken:
        return found
    ways = [way for part in evidence.session.connections for each in part.msrp() for way in each.ways]
    typed = [way.content_types[0][1] for way in ways if way.content_types]
    if not typed:
        return not_applicable("no message with content was sent")
    return Result(Status.OK, frames=(min(typed),))


def _tell(view: MsrpView, group: list[Observation]) -> Finding:
    first = group[0]
    return RULE.finding(
        f"{view.names[first.direction]} sent a message of {number(first, 'octets')} octets without Content-Type"
        f"{times(group)}: nobody can tell what it is.",
        frames_of(group),
        expected="Content-Type as the last header of a SEND with a body",
        actual="a body without Content-Type",
    )


RULE = Rule(
    code="GEN-1",
    title="Messages travel over MSRP, and their content is MIME typed.",
    clause="TS 23.333 clause 6.2.10.3.1, RFC 4975 section 7.1",
    severity=Severity.ERROR,
    judge=judge,
    interfaces=("msrp",),
    why="The MRFP and the other participants cannot show, filter or pass on content of unknown type.",
    causes=("The sender writes the body by hand and forgets the header.", "A blank line too early ends the headers."),
    confirm="Look at the headers of the SEND in the frames named: the line before the blank line is Content-Type.",
    fix="Write Content-Type as the last header field of every SEND that has a body (RFC 4975 section 7.1).",
    example="wrong:  MSRP a7 SEND ... Message-ID: 1 (blank line) Hello\n"
    "right:  MSRP a7 SEND ... Message-ID: 1 / Content-Type: message/cpim (blank line) From: ...",
)
