"""What the rules about TCP connections have in common: which tries count, and how they are told."""

from __future__ import annotations

from analyzer.checks.rule import Rule
from analyzer.conversations.connection import Connection
from analyzer.evidence import Evidence
from analyzer.findings import OK, Finding, Result, Severity, Status, not_observable

KINDS = frozenset({"message", "call", "h248", "tcp"})
NO_TCP = not_observable("no TCP connection of this session in the capture")
TOO_SHORT = not_observable("no answer to the SYN in the capture, which ends too soon or lacks it")
SYN_ACK_NS = 3_000_000_000
"How long after the last SYN the capture must go on before its answer counts as missing (RFC 6298: 1 s, then 2 s)."


def failed_tries(evidence: Evidence, rule: Rule, outcome: str, how: str) -> Result:
    """Connections of the session that were not set up (`refused`, `timeout`), by the place they were to go to."""
    parts = evidence.session.connections
    if not parts:
        return NO_TCP
    failed = [part.connection for part in evidence.connection_parts if part.connection.outcome == outcome]
    failed = [each for each in failed if each.established is None]
    if not failed:
        return OK
    shown = [each for each in failed if is_shown(evidence, each)]
    if not shown:
        return TOO_SHORT
    worked = any(part.session_indexes or part.connection.established is not None for part in parts)
    by_place: dict[str, list[Connection]] = {}
    for each in shown:
        by_place.setdefault(each.client.dst, []).append(each)
    findings = tuple(_tell(evidence, rule, place, tries, worked, how) for place, tries in by_place.items())
    return Result(Status.FAILED, findings=findings)


def is_shown(evidence: Evidence, connection: Connection) -> bool:
    """Does the capture go on long enough to say that a SYN was not answered?

    A SYN that gets no answer is sent again (RFC 6298 section 5); where it was not, the capture lacks the answer.
    """
    if connection.outcome != "timeout":
        return True
    if len({row[1] for row in connection.rows}) < 2:
        return False
    last = max((row[0] for row in connection.rows), default=connection.last)
    return evidence.scope.last >= last + SYN_ACK_NS


def _tell(evidence: Evidence, rule: Rule, place: str, tries: list[Connection], worked: bool, how: str) -> Finding:
    client = tries[0].client
    opener = evidence.opener(tries[0])
    who, other = {"MRFP": ("the MRFP", "the UE"), "UE": ("the UE", "the MRFP")}.get(opener, (client.src_ip, place))
    count = f" ({len(tries)} tries)" if len(tries) > 1 else ""
    then = "; another connection was set up" if worked else ""
    if tries[0].outcome == "refused":
        caller = client.src if len(tries) == 1 else client.src_ip
        told = f"{_at(other, place)} refused the TCP connection of {_at(who, caller, client.src_ip)}{count}{then}."
        actual = f"RST from {place} in answer to the SYN from {client.src}"
        hint = (
            f"Let {other} listen at {place} before that is announced; where its SDP says another address or port, let "
            f"{who} connect there."
        )
    else:
        told = f"The TCP connection of {who} to {_at(other, place)} {how}{count}{then}."
        actual, hint = "SYN without answer", ""
    return rule.finding(
        told,
        [frame for each in tries for row in each.rows for frame in row[1]],
        expected="SYN, SYN ACK, ACK",
        actual=actual,
        hint=hint,
        severity=Severity.WARNING if worked else None,
    )


def _at(who: str, place: str, *same: str) -> str:
    """`the UE at 198.51.100.7:7394`, or the place alone where no role is known."""
    return place if who in (place, *same) else f"{who} at {place}"
