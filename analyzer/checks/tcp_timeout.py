"""TCP-TIMEOUT: the TCP connection of the media is answered (RFC 9293 section 3.8.3, RFC 6298)."""

from __future__ import annotations

from analyzer.checks.rule import Rule
from analyzer.checks.tcp_connections import KINDS, failed_tries
from analyzer.evidence import Evidence
from analyzer.findings import Result, Severity


def judge(evidence: Evidence) -> Result:
    """No SYN without answer."""
    return failed_tries(evidence, RULE, "timeout", "was never answered")


RULE = Rule(
    code="TCP-TIMEOUT",
    title="The TCP connection of the media is answered.",
    clause="RFC 9293 section 3.8.3",
    severity=Severity.ERROR,
    judge=judge,
    kinds=KINDS,
    interfaces=("tcp",),
    why="Without the connection there are no messages; the call stays up and silent until somebody gives up.",
    causes=(
        "A firewall or NAT drops the SYN: the side behind it should be the active one.",
        "The announced address is a private one that is not reachable from here.",
        "The host is gone.",
    ),
    confirm="Capture beside the host that should answer: does the SYN arrive? Compare its address with the SDP.",
    fix="Let the side behind the NAT open the connection (a=setup), or announce a reachable address.",
    example="203.0.113.5:28563 > 198.51.100.7:7394 SYN at 0, 1, 3, 7 s, and no answer",
)
