"""GEN-3: message statistics (TS 23.333 clause 6.2.10.3.1, H.248.69)."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.checks.rule import Rule
from analyzer.conversations.h248_transactions import CommandPair
from analyzer.evidence import Evidence
from analyzer.findings import Result, Severity, Status, not_applicable, not_observable
from dissectors.h248 import Command


def judge(evidence: Evidence) -> Result:
    """Statistics of the message package in the reply, where they were asked for."""
    life = evidence.mrfp
    if life is None:
        if evidence.is_border:
            return not_applicable("a border gateway serves this leg, no MRFP")
        return not_observable("no H.248 about this session in the capture")
    asked = [pair for pair in life.pairs if pair.request is not None and pair.request.audit and _asks(pair.request)]
    if not asked:
        return not_applicable("no statistics were asked for")
    answered = [pair for pair in asked if pair.reply is not None and pair.error is None]
    if not answered:
        return not_observable("no reply to the question for statistics in the capture")
    packages = evidence.profile.statistics_packages
    for pair in answered:
        message = pair.transaction.reply_message
        if message is None:
            continue
        for name in _statistics(pair):
            if name.partition("/")[0].lower() in packages:
                return Result(Status.OK, frames=message.frames)
    frames = [
        frame
        for pair in answered
        for message in (pair.transaction.request_message, pair.transaction.reply_message)
        if message is not None
        for frame in message.frames
    ]
    return RULE.broken(
        "The MRFP was asked for statistics and gave none about messages.",
        frames,
        expected=f"statistics of {', '.join(sorted(packages))} in the reply",
        actual=", ".join(name for pair in answered for name in _statistics(pair)) or "none",
    )


def _asks(command: Command) -> bool:
    # Without an Audit descriptor a Subtract returns the statistics (H.248.1 clause 7.2.4): a courtesy, not a question.
    return any(each.upper().partition("{")[0] in ("SA", "STATISTICS") for each in command.audit or ())


def _statistics(pair: CommandPair) -> Iterator[str]:
    reply = pair.reply
    if reply is None:
        return
    yield from (each.name for each in reply.statistics or ())
    for stream in reply.media.streams.values() if reply.media is not None else ():
        yield from (each.name for each in stream.statistics or ())


RULE = Rule(
    code="GEN-3",
    title="The MRFP may give message statistics to the MRFC.",
    clause="TS 23.333 clause 6.2.10.3.1",
    severity=Severity.INFO,
    judge=judge,
    interfaces=("h248",),
    why="Charging and monitoring of a conference often rest on them.",
    causes=("The MRFP does not support H.248.69 message statistics.", "The statistics were not switched on."),
    confirm="Read the Statistics descriptor of the reply to Subtract or AuditValue.",
    fix="Enable the message statistics package at the MRFP, or do not ask for it.",
    example="S=ip/1/mb/33{AT{SA}} answered by S=ip/1/mb/33{SA{msrpstat/mr=3,...}}",
)
