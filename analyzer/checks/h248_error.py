"""H248-ERROR: the gateway does what it is told (H.248.1 clause 7.1.20, error codes of H.248.8)."""

from __future__ import annotations

from analyzer.checks.gen_4 import REFUSALS
from analyzer.checks.h248_codes import meaning
from analyzer.checks.rule import Rule
from analyzer.conversations.h248_termination import Termination
from analyzer.conversations.h248_terminations import CHANGES
from analyzer.conversations.h248_transactions import CommandPair
from analyzer.evidence import Evidence
from analyzer.findings import OK, Finding, Result, Severity, Status, not_observable
from analyzer.identities import masked_text
from dissectors.h248 import CommandName, ErrorDescriptor

KINDS = frozenset({"message", "call", "h248"})
NO_H248 = not_observable("no H.248 about this session in the capture")


def judge(evidence: Evidence) -> Result:
    """No error descriptor in a reply to a command that changes a termination."""
    lives = evidence.session.terminations
    if not lives:
        return NO_H248
    if not any(life.errors for life in lives):
        return OK
    findings: dict[tuple[str, int], Finding] = {}
    for life in lives:
        for pair in life.pairs if life.errors else ():
            name, error = pair.command.name, pair.error
            if error is None or name not in CHANGES:
                continue
            if name == CommandName.MODIFY and error.code in REFUSALS:
                continue  # GEN-4: a message filter
            key = name.value, error.code
            if key not in findings:
                findings[key] = _tell(life, pair, error, _made_good(evidence, life, pair))
    return Result(Status.FAILED, findings=tuple(findings.values())) if findings else OK


def _made_good(evidence: Evidence, life: Termination, pair: CommandPair) -> bool:
    """Another try was done afterwards."""
    name, first = pair.command.name, pair.transaction.first
    lives = evidence.session.terminations if name == CommandName.ADD else [life]
    return any(
        other.command.name == name and other.reply is not None and other.executed and other.transaction.first > first
        for each in lives
        for other in each.pairs
    )


def _tell(life: Termination, pair: CommandPair, error: ErrorDescriptor, made_good: bool) -> Finding:
    name = pair.command.name
    said = masked_text(error.text)
    severity, then = None, ""
    if made_good:
        severity, then = Severity.WARNING, "; a later try was done"
    elif name == CommandName.SUBTRACT:
        severity = Severity.WARNING
    messages = (pair.transaction.request_message, pair.transaction.reply_message)
    return RULE.finding(
        f"The gateway refused {name.value} of {life.termination_id} with error {error.code}: "
        f"{meaning(error.code)}{then}.",
        [frame for message in messages if message is not None for frame in message.frames],
        expected=f"{name.value} done",
        actual=f"error {error.code}" + (f': "{said}"' if said else ""),
        severity=severity,
    )


RULE = Rule(
    code="H248-ERROR",
    title="The gateway (MRFP) does what its controller (MRFC) asks for.",
    clause="H.248.1 clause 7.1.20",
    severity=Severity.ERROR,
    judge=judge,
    kinds=KINDS,
    interfaces=("h248",),
    why="The participant has no media resources, or not those that were agreed.",
    causes=(
        "440 to 458: the gateway does not know a package, property, event or signal: profiles differ.",
        "449: a value that it does not take; the error text often quotes it.",
        "510, 526: out of resources or bandwidth.",
        "411, 430: controller and gateway disagree on what exists, often after a restart.",
    ),
    confirm="Read the error descriptor (ER) in the reply, and the command with the same transaction id.",
    fix="Align the H.248 profiles of both, or free resources; see the meaning of the code.",
    example='P=4711{C=${A=ip/1/mb/${ER=510{"insufficient resources"}}}}',
)
