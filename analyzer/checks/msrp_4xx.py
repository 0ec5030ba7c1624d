"""MSRP-4XX: no request is refused (RFC 4975 section 10)."""

from __future__ import annotations

from analyzer.checks.msrp_error_codes import judge_errors
from analyzer.checks.rule import Rule
from analyzer.evidence import Evidence
from analyzer.findings import Result, Severity


def judge(evidence: Evidence) -> Result:
    """No response of the 4xx class, other than a challenge."""
    return judge_errors(evidence, RULE, 4)


RULE = Rule(
    code="MSRP-4XX",
    title="No MSRP request is refused with a 4xx response.",
    clause="RFC 4975 section 10",
    severity=Severity.ERROR,
    judge=judge,
    interfaces=("msrp",),
    same_frames=(
        "MRFP-2",
        "MRFP-3",
        "MSRP-SESSION-ID",
        "CONN-3",
        "MSRP-TYPE",
        "MSRP-SIZE",
        "GEN-1",
        "MSRP-RANGE",
        "MSRP-MESSAGE-ID",
    ),
    why="What was sent did not arrive, and after 481 or 408 the whole session is lost.",
    causes=(
        "400: the request breaks the grammar, or its Byte-Range is wrong.",
        "403 and 404: the CPIM From or To is not one that the conference knows (RFC 7701 section 6.1).",
        "408: the next hop of a relay did not answer. 413: a message too large, or no longer wanted.",
        "415: the receiver did not accept this media type. 481: a wrong or ended session.",
    ),
    confirm="Read the status and comment of the response, and the request with the same transaction id.",
    fix="See the meaning of the code; for 481 compare To-Path with the receiver's a=path.",
    example="MSRP a786hjs2 481 Session-does-not-exist",
)
