"""SDP-PATH: offer and answer name the MSRP URI of their sender (RFC 4975 sections 6 and 8.2)."""

from __future__ import annotations

import re

from analyzer.checks.rule import Rule
from analyzer.checks.sdp_setup import NO_SDP
from analyzer.evidence import Announced, Evidence
from analyzer.findings import OK, Finding, Result, Severity, Status
from analyzer.identities import path_text
from dissectors.errors import DecodeError
from dissectors.msrp import parse_msrp_uri

_match_plain = re.compile(r"msrps?://[A-Za-z0-9.-]+:([1-9][0-9]{0,4})/[A-Za-z0-9\-._~+=/]*;tcp").fullmatch
"What nearly all URIs look like: they need no reading."


def judge(evidence: Evidence) -> Result:
    """`a=path` in each, with URIs that can be read, the last one with a session-id."""
    offer, answer = evidence.offer, evidence.answer
    if offer is None and answer is None:
        return NO_SDP
    findings: list[Finding] = []
    for what, announced in (("offer", offer), ("answer", answer)):
        if announced is None or not announced.end.port:
            continue
        wrong = _wrong(announced)
        if wrong:
            findings.append(
                RULE.finding(
                    f"The {what} names no MSRP URI that can be used: {wrong}.",
                    announced.frames,
                    expected="a=path:msrp://host:port/session-id;tcp",
                    actual=path_text(announced.end.path),
                )
            )
    return Result(Status.FAILED, findings=tuple(findings)) if findings else OK


def _wrong(announced: Announced) -> str:
    path = announced.end.path
    if not path:
        return "no a=path"
    if not announced.end.session_id:
        return "its last URI has no session-id"
    for uri in path:
        plain = _match_plain(uri)
        if plain is not None and int(plain[1]) <= 65535:
            continue
        try:
            read = parse_msrp_uri(uri)
        except DecodeError as error:
            return f"a URI in a=path cannot be read ({error.why})"
        if not read.port:
            return "a URI in a=path has no port"
    return ""


RULE = Rule(
    code="SDP-PATH",
    title="Offer and answer have a=path with the MSRP URI of their sender.",
    clause="RFC 4975 sections 6 and 8.2",
    severity=Severity.WARNING,
    judge=judge,
    interfaces=("sip",),
    each_offer=True,
    same_frames=("OFFER-5", "SEND-3", "OFFER-1", "ANS-1"),
    why="The URI tells where to send and which session is meant; without it no message can be addressed.",
    causes=("The SDP is built from a template for voice.", "A gateway on the way dropped or shortened the attribute."),
    confirm="Read a=path in the message section; compare the hops.",
    fix="Write a=path with scheme, host, port, session-id and transport.",
    example="wrong:  a=path:msrp://198.51.100.7:7394;tcp\nright:  a=path:msrp://198.51.100.7:7394/jshA7we;tcp",
)
