"""MSRP-5XX: no request fails at the responder (RFC 4975 section 10)."""

from __future__ import annotations

from analyzer.checks.msrp_error_codes import judge_errors
from analyzer.checks.rule import Rule
from analyzer.evidence import Evidence
from analyzer.findings import Result, Severity


def judge(evidence: Evidence) -> Result:
    """No response of the 5xx class."""
    return judge_errors(evidence, RULE, 5)


RULE = Rule(
    code="MSRP-5XX",
    title="No MSRP request is answered with a 5xx response.",
    clause="RFC 4975 section 10",
    severity=Severity.ERROR,
    judge=judge,
    interfaces=("msrp",),
    same_frames=("MRFP-2", "MSRP-SESSION-ID"),
    why="What was sent did not arrive.",
    causes=(
        "501: the responder does not know the method, such as NICKNAME at an end point that is no chat room.",
        "506: the session is already bound to another TCP connection, often one that the responder still takes as up.",
    ),
    confirm="Read the status of the response; for 506 look for an earlier connection with the same session-ids.",
    fix="501: send only methods that the peer announced (a=chatroom). 506: close the old connection first.",
    example="MSRP a786hjs2 506 Session in use",
)
