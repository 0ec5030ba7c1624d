"""CONN-6: without `a=setup` the offerer opens the TCP connection (TR 29.828 clause 4.1.4, RFC 6135 section 4.1)."""

from __future__ import annotations

from analyzer.checks.conn_1 import judge_opener
from analyzer.checks.rule import Rule
from analyzer.evidence import Evidence
from analyzer.findings import Result, Severity, not_applicable


def judge(evidence: Evidence) -> Result:
    """As CONN-1, for sessions in which offer or answer has no `a=setup`."""
    parties = evidence.parties
    if parties.offerer is not None and parties.answerer is not None:
        unset = ("", "holdconn")
        if parties.offerer.end.setup not in unset and parties.answerer.end.setup not in unset:
            return not_applicable("a=setup in offer and answer")
    return judge_opener(RULE, evidence)


RULE = Rule(
    code="CONN-6",
    title="Without a=setup in offer and answer, the offerer opens the TCP connection (fallback to RFC 4975).",
    clause="TR 29.828 clause 4.1.4",
    severity=Severity.ERROR,
    judge=judge,
    interfaces=("sip", "tcp"),
    of_set_up=True,
    each_offer=True,
    yields_to=("TCP-6", "TCP-4", "TCP-5", "SDP-SETUP", "DIN-1d", "DOUT-5"),
    why="A side that knows only RFC 4975 has no a=setup and expects the offerer to connect: as answerer it waits, as "
    "offerer it connects, whatever the other side has in mind.",
    causes=(
        "The answerer takes itself for active although the offer has no a=setup.",
        "A node on the way removed a=setup: compare the hops.",
    ),
    confirm="Look for a=setup in offer and answer, and at the direction of the first SYN.",
    fix="Send a=setup in every offer and answer (RFC 6135 section 4.2); where the other side sends none, let the "
    "offerer connect.",
    example="offer without a=setup, answer without a=setup\n"
    "wrong:  answerer > offerer SYN\nright:  offerer > answerer SYN",
)
