"""MRFP-2: the MRFP compares the session-id alone (TS 23.333 clause 6.2.10.3.1).

Border gateways on the way change addresses, and with CEMA or session matching the To-Path keeps those of another
node; so the MRFP must take a request whose session-id is the one that it gave, and no other: 481 is right
where the session-id is not the one that it gave, whoever invented it (RFC 4975 section 7.3).
"""

from __future__ import annotations

from analyzer.checks.msrp_observed import NO_MSRP, word
from analyzer.checks.rule import Rule
from analyzer.evidence import Evidence, MsrpView, Order, Side
from analyzer.evidence.in_force import UNSEEN, order_giving, unseen_local
from analyzer.findings import Finding, Result, Severity, Status, not_applicable, not_observable
from analyzer.identities import masked_text

NO_SESSION = 481
MISMATCHES = frozenset({400, 403, 404, 481, 501, 506})
"Refusals that a wrong comparison of addresses may take the form of."


def judge(evidence: Evidence) -> Result:
    """What the MRFP did with requests, by their session-id."""
    if evidence.side is Side.UNKNOWN:
        return not_applicable("no MRFC shows in this session")
    if not evidence.msrp:
        return NO_MSRP
    given = evidence.our_session_ids
    if not given:
        return not_observable("neither H.248 nor SDP that names the MRFP's session-id was captured")
    findings: list[Finding] = []
    right: tuple[int, ...] = ()
    unseen = ""
    for view in evidence.msrp:
        mrfp = view.mrfp
        if mrfp is None:
            continue
        asked, answered = view.sent(1 - mrfp).request_paths, view.sent(mrfp).response_paths
        if view.session_id(mrfp) in given:
            refused = _refused(evidence, view, mrfp)
            if isinstance(refused, Finding):
                findings.append(refused)
            elif refused:
                unseen = refused
            elif asked and answered:
                right = right or (asked[0][1], answered[0][1])
        elif asked:
            accepted = _accepted(evidence, view, mrfp)
            unknown = unseen_local(evidence) if accepted is not None else ""
            if unknown:
                unseen = unknown
            elif accepted is not None:
                findings.append(accepted)
    if findings:
        return Result(Status.FAILED, findings=tuple(findings))
    if right:
        return Result(Status.OK, frames=right)
    return not_observable(unseen or "no request of the UE with its response in the capture")


def _refused(evidence: Evidence, view: MsrpView, mrfp: int) -> Finding | str:
    """The right session-id, refused while it was in force; else why that is not to be seen, or empty."""
    unseen = ""
    for seen in view.session.observations:
        if seen.kind != "error-response" or seen.direction != mrfp or seen.detail.get("status") not in MISMATCHES:
            continue
        if evidence.released is not None and seen.time >= evidence.released:
            continue
        order = order_giving(evidence, view.session_id(mrfp), seen.time)
        elsewhere = order is not None and _other_address(order, view, mrfp)
        if not elsewhere and seen.detail.get("status") != NO_SESSION:
            continue
        if order is None:
            unseen = UNSEEN
            continue
        where = ", although only the address in its To-Path differs" if elsewhere else ""
        return RULE.finding(
            f"The MRFP refused a request with {word(seen, 'status')} whose session-id is the one that it gave{where}.",
            seen.frames,
            expected="200 for a To-Path with this session-id, whatever its address and port",
            actual=f"{word(seen, 'status')} {masked_text(word(seen, 'comment'))}".strip(),
        )
    return unseen


def _other_address(order: Order, view: MsrpView, mrfp: int) -> bool:
    """Does the UE address the MRFP by another host or port than the MRFP gave?"""
    local = order.replied_local or order.local
    paths = view.sent(1 - mrfp).request_paths
    return local is not None and any(text.split()[-1] != local.path[-1] for text, _ in paths if text)


def _accepted(evidence: Evidence, view: MsrpView, mrfp: int) -> Finding | None:
    """Another session-id, and taken."""
    if view.sent(mrfp).request_paths:
        return None  # the MRFP calls itself so: a session-id that it was given later
    frames: tuple[int, ...] = ()
    for seen in view.session.observations:
        if seen.kind == "error-response" and seen.direction == mrfp:
            return None
        if seen.kind == "wrong-session-200" and seen.direction == 1 - mrfp:
            frames = seen.frames
    if not frames:
        answers = view.sent(mrfp).response_paths
        if not answers:
            return None
        frames = (view.sent(1 - mrfp).request_paths[0][1], answers[0][1])
    return RULE.finding(
        "The MRFP answered 200 to a request whose session-id it never gave.",
        frames,
        expected="481 for a session-id other than " + ", ".join(sorted(evidence.our_session_ids)),
        actual=f"200 for session-id {view.session_id(mrfp)}",
    )


RULE = Rule(
    code="MRFP-2",
    title="The MRFP compares the session-id of MSRP requests, and not the address.",
    clause="TS 23.333 clause 6.2.10.3.1",
    severity=Severity.ERROR,
    judge=judge,
    interfaces=("msrp",),
    why="Behind a border gateway the address in To-Path is not the MRFP's; a whole comparison refuses every message.",
    causes=(
        "The MRFP compares the whole URI, as RFC 4975 section 6.1 has it for end points.",
        "The MRFP's session was deleted while the UE still uses it, or never stored (MRFP-1).",
        "The MRFP matches by TCP connection only and takes any session-id.",
    ),
    confirm="Compare the session-id in To-Path (behind the last slash) with a=path in the MRFP's reply to the Add.",
    fix="Match incoming requests by session-id alone; answer 481 where no session has it.",
    example="given:  a=path:msrp://203.0.113.5:28563/s1f00d;tcp\n"
    "wrong:  To-Path: msrp://192.0.2.99:7777/s1f00d;tcp answered 481\n"
    "wrong:  To-Path: msrp://203.0.113.5:28563/other;tcp answered 200",
)
