"""ANS-1: the path of an answer goes to the MRFP (TS 23.333 clause 6.2.10.3.1)."""

from __future__ import annotations

from analyzer.checks.rule import Rule
from analyzer.evidence import Evidence, Side
from analyzer.findings import Result, Severity, Status, not_applicable, not_observable
from analyzer.identities import path_text
from analyzer.model import Confidence

SOON = 2_000_000_000
"A session that is over so soon after its answer, in ns, may have ended before there was anything to tell the MRFP."


def judge(evidence: Evidence) -> Result:
    """Remote of the Modify that follows the answer."""
    if evidence.side is not Side.OFFERS:
        return not_applicable("the MRFC receives no answer in this session")
    answer = evidence.answer
    if answer is None:
        return not_observable("no answer in the capture")
    configure = evidence.configure
    remote = configure.remote if configure is not None else None
    if configure is None or remote is None:
        return _never_configured(evidence)
    if remote.path == answer.end.path:
        time = configure.request.time if configure.request is not None else 0
        return Result(Status.OK, frames=configure.frames, begin=time, end=configure.asked)
    if lacking := evidence.altered(answer) or evidence.unseen_change(configure):
        return not_observable(lacking)
    return RULE.broken(
        "The MRFC did not give the answer's MSRP path to the MRFP: what the MRFP sends will carry a wrong To-Path.",
        (*answer.frames, *configure.frames),
        expected=f"Remote a=path:{path_text(answer.end.path)}",
        actual=f"Remote a=path:{path_text(remote.path)}" if remote.path else "Remote without a=path",
        confidence=Confidence.LIKELY if evidence.keeps(configure) else Confidence.CERTAIN,
    )


def _never_configured(evidence: Evidence) -> Result:
    answer, life = evidence.answer, evidence.mrfp
    if evidence.orders_incomplete or life is None or answer is None:
        return not_observable(evidence.orders_incomplete or "no H.248 about this session in the capture")
    if evidence.unseen_configure:
        return not_observable(evidence.unseen_configure)
    if evidence.configured_later:
        return not_observable("a later offer came before the MRFP was given the UE's path")
    if evidence.released is not None and evidence.released < answer.time + SOON:
        return not_observable("the session was over before the MRFC had to give the MRFP the answer's path")
    if life.ended is None or life.ended < answer.time:
        return not_observable("H.248 of its termination is not in the capture after the answer")
    return RULE.broken(
        "The MRFC never gave the answer's MSRP path to the MRFP: no Modify with a Remote descriptor.",
        (*answer.frames, *(evidence.orders[0].frames if evidence.orders else ())),
        expected=f"Modify with Remote a=path:{path_text(answer.end.path)}",
        actual="no command with a Remote descriptor before the Subtract",
        status=Status.MISSING,
        confidence=Confidence.LIKELY,
    )


RULE = Rule(
    code="ANS-1",
    title="The MRFC passes the a=path of an answer to the MRFP, as MSRP URI Path in the Remote descriptor.",
    clause="TS 23.333 clause 6.2.10.3.1",
    severity=Severity.ERROR,
    judge=judge,
    interfaces=("sip", "h248"),
    each_offer=True,
    why="The MRFP puts this path into the To-Path of all it sends; a UE answers 481 to a session-id not its own.",
    causes=(
        "The MRFC configures the path of its own offer, or of an earlier answer (forking).",
        "A path of several URIs (MSRP relay) is cut to its first or last entry.",
    ),
    confirm="Compare a=path of the 200 (or 18x) with a=path in Remote of the Modify, octet by octet.",
    fix="Copy the value of a=path from the answer to the Remote descriptor without change.",
    example="answer: a=path:msrp://198.51.100.9:8145/kjhd37s2s20w2a;tcp\n"
    "wrong:  R{... a=path:msrp://198.51.100.9:8145/;tcp}",
)
