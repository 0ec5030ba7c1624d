"""SDP-CONTRADICTION: what one description says of its MSRP stream agrees with itself (RFC 4975 sections 6 and 8)."""

from __future__ import annotations

from analyzer.checks.rule import Rule
from analyzer.checks.sdp_setup import NO_SDP
from analyzer.evidence import Announced, Evidence
from analyzer.findings import OK, Finding, Result, Severity, Status

DISCARD = 9
"The port of an end that only connects (RFC 4145 section 4.1)."
SINGLE = {name: b"\na=%b" % name.encode() for name in ("setup", "path", "accept-types", "max-size")}
"Attributes that can have one value, and how their lines begin."


def judge(evidence: Evidence) -> Result:
    """Transport against the scheme of the path, role against port, single attributes once."""
    offer, answer = evidence.offer, evidence.answer
    if offer is None and answer is None:
        return NO_SDP
    findings: list[Finding] = []
    for what, announced in (("offer", offer), ("answer", answer)):
        if announced is None or not announced.end.port:
            continue
        for says, but in _contradictions(announced):
            findings.append(
                RULE.finding(
                    f"The {what} contradicts itself: {says}, but {but}.",
                    announced.frames,
                    expected="attributes that agree",
                    actual=f"{says}, {but}",
                )
            )
    return Result(Status.FAILED, findings=tuple(findings)) if findings else OK


def _contradictions(announced: Announced) -> list[tuple[str, str]]:
    end = announced.end
    found: list[tuple[str, str]] = []
    if end.path:
        secured, scheme = "TLS" in end.protocol.upper(), end.path[-1].partition(":")[0].lower()
        if secured != (scheme == "msrps") and scheme in ("msrp", "msrps"):
            found.append((f"the m= line has {end.protocol}", f"a=path has {scheme}: URIs"))
    if end.setup in ("passive", "actpass") and end.port == DISCARD:
        found.append((f"a=setup:{end.setup} waits for a connection", "port 9 takes none"))
    if "TLS" not in end.protocol.upper() and announced.attributes("key-mgmt"):
        found.append(("a=key-mgmt gives a key for TLS", f"the m= line has {end.protocol}"))
    for name, begin in SINGLE.items():
        if announced.described.octets.count(begin) < 2:
            continue
        values = {value.strip() for value in announced.attributes(name)}
        if len(values) > 1:
            found.append((f"a={name} is there once", f"and again with another value, {len(values)} in all"))
    return found


RULE = Rule(
    code="SDP-CONTRADICTION",
    title="What a description says of its MSRP stream agrees with itself.",
    clause="RFC 4975 sections 6 and 8, RFC 4145 section 4.1",
    severity=Severity.WARNING,
    judge=judge,
    interfaces=("sip",),
    each_offer=True,
    same_frames=("TCP-1", "DIN-1d", "DOUT-5"),
    why="Two implementations read it in two ways: each is right, and they do not meet.",
    causes=(
        "A gateway changed the m= line and left a=path as it was, or the other way round.",
        "An active template with port 9 was used for an end that is to listen.",
    ),
    confirm="Read the message section as a whole: m=, a=setup, a=path.",
    fix="Use msrps: with TCP/TLS/MSRP and msrp: with TCP/MSRP; a real port where the end listens.",
    example="wrong:  m=message 7394 TCP/TLS/MSRP * / a=path:msrp://198.51.100.7:7394/jsh;tcp",
)
