"""TCP-RESET: the connection of the media lasts as long as the session (RFC 4975 section 5.4, RFC 9293 section 3.5.2).

After the BYE an RST in place of a FIN harms nobody. Before it, it killed the session, unless the same side says BYE
right after: then it only left in a hurry.
"""

from __future__ import annotations

from analyzer.checks.rule import Rule
from analyzer.checks.tcp_connections import KINDS, NO_TCP
from analyzer.conversations.connection import Connection, ConnectionPart, Row
from analyzer.evidence import Evidence
from analyzer.findings import OK, Finding, Result, Severity, Status, not_observable
from analyzer.model import Confidence

LEAVING_NS = 2_000_000_000
"Between the RST of who leaves and its BYE."


def judge(evidence: Evidence) -> Result:
    """No RST on a connection that was up, before the session was released."""
    parts = evidence.session.connections
    if not parts:
        return NO_TCP
    reset = [part for part in parts if part.connection.outcome == "reset"]
    if not reset:
        return OK
    findings: list[Finding] = []
    unclear = ""
    for part in reset:
        row = _rst(part.connection)
        if row is None:
            continue
        severity, confidence = _weight(evidence, part, row)
        if severity is None:
            unclear = "whether the session was over when its connection was reset is not in the capture"
            continue
        findings.append(_tell(evidence, part.connection, row, severity, confidence))
    if findings:
        return Result(Status.FAILED, findings=tuple(findings))
    return not_observable(unclear) if unclear else OK


def _rst(connection: Connection) -> Row | None:
    """The RST, where no FIN came before it."""
    for row in connection.rows:
        if row[3] == "tcp" and row[4] == "FIN":
            return None
        if row[3] == "tcp" and row[4] == "RST":
            return row
    return None


def _weight(evidence: Evidence, part: ConnectionPart, row: Row) -> tuple[Severity | None, Confidence]:
    """How bad: error in mid-session, info at its end; no severity where the capture does not show which."""
    time, released = row[0], evidence.released
    again = any(
        other.connection.established is not None and other.connection.started > time
        for other in evidence.session.connections
        if other is not part
    )
    if released is not None:
        if time >= released:
            return Severity.INFO, Confidence.CERTAIN
        if time >= released - LEAVING_NS and _same_side(evidence, part.connection, row) is not False:
            return Severity.INFO, Confidence.LIKELY
    elif evidence.facts is None and not evidence.session.terminations:
        return Severity.INFO, Confidence.CERTAIN  # MSRP alone: nothing says how long it was meant to last
    elif evidence.scope.last < time + LEAVING_NS:
        return None, Confidence.CERTAIN
    if again:
        return Severity.WARNING, Confidence.CERTAIN
    return Severity.ERROR, Confidence.CERTAIN if released is not None else Confidence.LIKELY


def _same_side(evidence: Evidence, connection: Connection, row: Row) -> bool | None:
    """Did the side that sent the RST send the BYE too? None where the capture does not show it."""
    facts = evidence.facts
    byes = [each for each in facts.messages if each.decoded.method == "BYE"] if facts is not None else []
    opener = evidence.opener(connection)
    if not byes or not opener or evidence.ours is None:
        return None
    reset_by_mrfp = (opener == "MRFP") == (row[2] == 0)
    return reset_by_mrfp == evidence.sent_by_mrfc(byes[0])


def _tell(evidence: Evidence, connection: Connection, row: Row, severity: Severity, confidence: Confidence) -> Finding:
    opener = evidence.opener(connection)
    sender = connection.server if row[2] else connection.client
    who = {"MRFP": ("the MRFP", "the UE"), "UE": ("the UE", "the MRFP")}.get(opener, (sender.src_ip,) * 2)[row[2]]
    when = "instead of closing it" if severity is Severity.INFO else "while the session was up"
    then = "; another connection was set up after it" if severity is Severity.WARNING else ""
    return RULE.finding(
        f"{who} reset the TCP connection {when}{then}.",
        row[1],
        expected="FIN after the BYE" if severity is Severity.INFO else "a connection that lasts until the BYE",
        actual=f"RST from {sender.src}",
        severity=severity,
        confidence=confidence,
    )


RULE = Rule(
    code="TCP-RESET",
    title="The TCP connection of the media lasts as long as the session.",
    clause="RFC 4975 section 5.4",
    severity=Severity.ERROR,
    judge=judge,
    kinds=KINDS,
    interfaces=("tcp",),
    why="With the connection all MSRP sessions on it have failed; what was under way is lost.",
    causes=(
        "The application crashed, or closed its socket with data unread.",
        "A firewall or NAT forgot the connection while nobody wrote, and answers the next message with RST.",
        "A strict stack did not understand a message and gave up.",
    ),
    confirm="Look at the last messages before the RST, and how long the connection was idle.",
    fix="Keep the connection in use (empty SENDs), and mend what the last message upset.",
    example="198.51.100.7:7394 > 203.0.113.5:28563 RST, ACK at 20 s, BYE at 40 s",
)
