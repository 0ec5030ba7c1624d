"""MRFP-1: asked to allocate, the MRFP gives the path in `a=path` (TS 23.333 clause 6.2.10.3.1)."""

from __future__ import annotations

from analyzer.checks.rule import Rule
from analyzer.evidence import Evidence, Side
from analyzer.findings import Result, Severity, Status, not_applicable, not_observable
from analyzer.identities import path_text


def judge(evidence: Evidence) -> Result:
    """Local of the reply to the Add."""
    if evidence.side is Side.UNKNOWN:
        return not_applicable("no MRFC shows in this session")
    order = evidence.reserve
    if order is None or order.reply is None:
        return not_observable(evidence.orders_incomplete or "no reply to the Add of its termination in the capture")
    if not order.executed:
        return not_applicable("the MRFP refused the Add")
    local = order.replied_local
    if local is not None and local.end is not None and local.end.path:
        return Result(Status.OK, frames=order.reply_frames, begin=order.reply.time, end=order.reply.time)
    if order.request is not None and order.local is None:
        return not_applicable("the MRFP was not asked to allocate")
    return RULE.broken(
        "The MRFP, asked to allocate, gave no MSRP path in its reply.",
        (*(order.frames if order.request is not None else ()), *order.reply_frames),
        expected="a=path with address, port and session-id in Local of the reply",
        actual="no Local descriptor" if local is None else f"Local with {path_text(local.path)}",
    )


RULE = Rule(
    code="MRFP-1",
    title="Asked to allocate address, port and session-id, the MRFP gives them in a=path, and stores them.",
    clause="TS 23.333 clause 6.2.10.3.1",
    severity=Severity.ERROR,
    judge=judge,
    interfaces=("h248",),
    yields_to=("OFFER-4", "SEND-1"),
    why="Without the path the MRFC cannot tell the UE where its messages should go.",
    causes=("The MRFP was asked for TCP, not for TCP/MSRP.", "The MRFP does not know a=path:$ and ignores it."),
    confirm="Read Local in the reply to the Add.",
    fix="Return Local with c=, m= and a=path filled in.",
    example="right:  L{c=IN IP4 203.0.113.5 m=message 28563 TCP/MSRP * a=path:msrp://203.0.113.5:28563/s1f00d;tcp}",
)
