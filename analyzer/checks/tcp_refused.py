"""TCP-REFUSED: the TCP connection of the media is not refused (RFC 9293 section 3.10.7.1)."""

from __future__ import annotations

from analyzer.checks.rule import Rule
from analyzer.checks.tcp_connections import KINDS, failed_tries
from analyzer.evidence import Evidence
from analyzer.findings import Result, Severity


def judge(evidence: Evidence) -> Result:
    """No RST in answer to a SYN."""
    return failed_tries(evidence, RULE, "refused", "was refused")


RULE = Rule(
    code="TCP-REFUSED",
    title="The TCP connection of the media is accepted.",
    clause="RFC 9293 section 3.10.7.1",
    severity=Severity.ERROR,
    judge=judge,
    kinds=KINDS,
    interfaces=("tcp",),
    why="Without the connection there are no messages; the call stays up and silent.",
    causes=(
        "Nobody listens on the announced port: the UE opens it only after the answer, or announced the wrong one.",
        "The connection goes to an address that a NAT or gateway did not open.",
        "The UE meant to be the active side, and does not listen at all.",
    ),
    confirm="Compare address and port of the SYN with c= and m= (or the path) of the SDP; see who sent the RST.",
    fix="Listen on the announced port before it is announced; send to where the SDP says.",
    example="203.0.113.5:28563 > 198.51.100.7:7394 SYN\n198.51.100.7:7394 > 203.0.113.5:28563 RST, ACK",
)
