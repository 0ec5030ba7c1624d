"""MRFP-3: To-Path of what the MRFP sends is the MSRP URI Path that it was given (TS 23.333 clause 6.2.10.3.1)."""

from __future__ import annotations

from analyzer.checks.msrp_observed import NO_MSRP
from analyzer.checks.rule import Rule
from analyzer.conversations.msrp_facts import LISTED
from analyzer.evidence import Evidence, MsrpView, Side
from analyzer.evidence.in_force import remote_at, unseen_remote
from analyzer.findings import Finding, Result, Severity, Status, not_applicable, not_observable
from analyzer.identities import path_text


def judge(evidence: Evidence) -> Result:
    """Requests: byte equality with `a=path` of Remote, all entries, in order. Responses: RFC 4975 section 7.2."""
    if evidence.side is Side.UNKNOWN:
        return not_applicable("no MRFC shows in this session")
    if not evidence.msrp:
        return NO_MSRP
    paths = {" ".join(each.remote.path) for each in evidence.orders if each.remote is not None and each.remote.path}
    if not paths:
        return not_observable(evidence.orders_incomplete or "no Remote descriptor with a=path was captured")
    findings: list[Finding] = []
    right: tuple[int, ...] = ()
    unseen = ""
    for view in evidence.msrp:
        if view.mrfp is None:
            continue
        for text, frame in view.sent(view.mrfp).request_paths:
            if text in paths:
                right = right or (frame,)
                continue
            order = remote_at(evidence, frame)
            path = order.remote.path if order is not None and order.remote is not None else ()
            unknown = unseen_remote(evidence, text, view.sent(1 - view.mrfp).from_paths)
            if order is None or unknown:
                unseen = unknown or "the MRFP sent before any command that was captured gave it a path"
                continue
            findings.append(
                RULE.finding(
                    "The MRFP sent to another path than the one that it was given for this participant.",
                    (*order.frames, frame),
                    expected=f"To-Path: {path_text(path)}",
                    actual=f"To-Path: {path_text(text.split())}",
                )
            )
        findings.extend(_responses(view, view.mrfp))
    if findings:
        return Result(Status.FAILED, findings=tuple(findings))
    if right:
        return Result(Status.OK, frames=right)
    return not_observable(unseen or "no request of the MRFP in the capture")


def _responses(view: MsrpView, mrfp: int) -> list[Finding]:
    """A response goes to the first URI of the request's From-Path for SEND, else to all of them."""
    senders = view.sent(1 - mrfp).from_paths
    if not senders or len(senders) >= LISTED:
        return []
    allowed = {text for text, _ in senders} | {text.split()[0] for text, _ in senders if text}
    return [
        RULE.finding(
            "The MRFP's response does not go back to where the request came from.",
            (senders[0][1], frame),
            expected=f"To-Path: {path_text(senders[0][0].split()[:1])} (the first URI of the request's From-Path)",
            actual=f"To-Path: {path_text(text.split())}",
        )
        for text, frame in view.sent(mrfp).response_paths
        if text not in allowed
    ]


RULE = Rule(
    code="MRFP-3",
    title="To-Path of MSRP sent by the MRFP holds the URIs it received as MSRP URI Path.",
    clause="TS 23.333 clause 6.2.10.3.1, RFC 4975 section 7.2",
    severity=Severity.ERROR,
    judge=judge,
    interfaces=("h248", "msrp"),
    why="The UE compares the URI with its own, and relays on the way route by it: anything else is answered 481.",
    causes=(
        "The MRFP builds To-Path from the address of the TCP connection.",
        "Of a path with a relay only the last URI is used.",
        "Host names are resolved, or letters changed, before the path is stored.",
    ),
    confirm="Compare To-Path of a SEND from the MRFP, octet for octet, with a=path in Remote of the Add or Modify.",
    fix="Store a=path as received and copy all of its URIs, in order, into To-Path.",
    example="given:  R{... a=path:msrp://relay.example:2855/r1;tcp msrp://198.51.100.7:7394/jsh;tcp}\n"
    "wrong:  To-Path: msrp://198.51.100.7:7394/jsh;tcp",
)
