"""SDP-ACCEPT-TYPES: offer and answer say which content they take (RFC 4975 section 8.6)."""

from __future__ import annotations

import re

from analyzer.checks.rule import Rule
from analyzer.checks.sdp_setup import NO_SDP
from analyzer.evidence import Announced, Evidence
from analyzer.findings import OK, Finding, Result, Severity, Status

_find = re.compile(rb"\na=accept-types:[ \t]*[!-~]").search


def judge(evidence: Evidence) -> Result:
    """`a=accept-types` in each, unless the stream is rejected."""
    offer, answer = evidence.offer, evidence.answer
    if offer is None and answer is None:
        return NO_SDP
    findings: list[Finding] = []
    for what, announced in (("offer", offer), ("answer", answer)):
        if announced is None or not announced.end.port:
            continue
        if not _says(announced):
            findings.append(
                RULE.finding(
                    f"The {what} does not say which content it takes: no a=accept-types.",
                    announced.frames,
                    expected="a=accept-types with a list of media types, or *",
                    actual="no a=accept-types",
                )
            )
    return Result(Status.FAILED, findings=tuple(findings)) if findings else OK


def _says(announced: Announced) -> bool:
    octets = announced.described.octets
    if octets.count(b"\nm=") == 1 and _find(octets, octets.find(b"\nm=")):  # mostly; no need to find its section
        return True
    return bool("".join(announced.attributes("accept-types")).strip())


RULE = Rule(
    code="SDP-ACCEPT-TYPES",
    title="Offer and answer have a=accept-types.",
    clause="RFC 4975 section 8.6",
    severity=Severity.WARNING,
    judge=judge,
    interfaces=("sip",),
    why="The attribute is mandatory; without it the other side may refuse the stream, or send what nobody can show.",
    causes=("The SDP is built from a template for voice.", "A gateway on the way dropped unknown attributes."),
    confirm="Read the attributes of the message section; compare the hops.",
    fix="Write a=accept-types, for a chat room a=accept-types:message/cpim (RFC 7701 section 8).",
    example="right:  a=accept-types:message/cpim\n        a=accept-wrapped-types:text/plain",
)
