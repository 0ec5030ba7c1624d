"""MSRP-SIZE: no message is larger than the receiver's `a=max-size` (RFC 4975 section 8.6)."""

from __future__ import annotations

from analyzer.checks.msrp_observed import NO_MSRP
from analyzer.checks.rule import Rule
from analyzer.evidence import Evidence
from analyzer.findings import OK, Finding, Result, Severity, Status, not_applicable

NO_LIMIT = not_applicable("no receiver announced a=max-size")


def judge(evidence: Evidence) -> Result:
    """The largest whole message of each side against the other's limit."""
    if not evidence.msrp:
        return NO_MSRP
    findings: list[Finding] = []
    limited = False
    for view in evidence.msrp:
        for direction in (0, 1):
            largest = view.sent(direction).largest
            if largest is None:
                continue
            receiver = evidence.announced_as(view.session_id(1 - direction))
            limits = [
                int(value)
                for each in receiver
                for value in map(str.strip, each.attributes("max-size"))
                if value.isascii() and value.isdecimal() and len(value) < 19
            ]
            if not limits:
                continue
            limited = True
            octets, frame = largest
            if octets > max(limits):
                findings.append(
                    RULE.finding(
                        f"{view.names[direction]} sent a message of {octets} octets, more than "
                        f"{view.names[1 - direction]} accepts.",
                        (*receiver[0].frames, frame),
                        expected=f"at most {max(limits)} octets (a=max-size)",
                        actual=f"{octets} octets",
                    )
                )
    if findings:
        return Result(Status.FAILED, findings=tuple(findings))
    return OK if limited else NO_LIMIT


RULE = Rule(
    code="MSRP-SIZE",
    title="No message is larger than the receiver's a=max-size.",
    clause="RFC 4975 section 8.6",
    severity=Severity.WARNING,
    judge=judge,
    interfaces=("sip", "msrp"),
    why="The receiver may stop the message with 413, or drop it when its memory for it is full.",
    causes=(
        "The sender checks the size of the text, before CPIM headers and base64 are added.",
        "The MRFP passes a message on to participants with a smaller limit.",
    ),
    confirm="Compare the octets of the whole message (all chunks) with a=max-size in the receiver's SDP.",
    fix="Refuse what is too large at the sender, or send it by another service.",
    example="a=max-size:4096\nwrong:  SEND ... Byte-Range: 1-2048/20480",
)
