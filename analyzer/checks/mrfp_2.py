"""MRFP-2: the MRFP compares the session-id alone (TS 23.333 clause 6.2.10.3.1).

Border gateways on the way change addresses, and with CEMA or session matching the To-Path keeps those of another
node; so the MRFP must take a request whose session-id is the one that it gave, and no other.
"""

from __future__ import annotations

from analyzer.checks.msrp_observed import NO_MSRP, word
from analyzer.checks.rule import Rule
from analyzer.evidence import Evidence, MsrpView, Side
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
    for view in evidence.msrp:
        mrfp = view.mrfp
        if mrfp is None:
            continue
        asked, answered = view.sent(1 - mrfp).request_paths, view.sent(mrfp).response_paths
        if view.session_id(mrfp) in given:
            refused = _refused(evidence, view, mrfp)
            if refused is not None:
                findings.append(refused)
            elif asked and answered:
                right = right or (asked[0][1], answered[0][1])
        elif asked:
            accepted = _accepted(evidence, view, mrfp)
            if accepted is not None:
                findings.append(accepted)
    if findings:
        return Result(Status.FAILED, findings=tuple(findings))
    if right:
        return Result(Status.OK, frames=right)
    return not_observable("no request of the UE with its response in the capture")


def _refused(evidence: Evidence, view: MsrpView, mrfp: int) -> Finding | None:
    """The right session-id, refused while the session was there."""
    elsewhere = _other_address(evidence, view, mrfp)
    codes = MISMATCHES if elsewhere else {NO_SESSION}
    for seen in view.session.observations:
        if seen.kind != "error-response" or seen.direction != mrfp or seen.detail.get("status") not in codes:
            continue
        if evidence.released is not None and seen.time >= evidence.released:
            continue
        where = ", although only the address in its To-Path differs" if elsewhere else ""
        return RULE.finding(
            f"The MRFP refused a request with {word(seen, 'status')} whose session-id is the one that it gave{where}.",
            seen.frames,
            expected="200 for a To-Path with this session-id, whatever its address and port",
            actual=f"{word(seen, 'status')} {masked_text(word(seen, 'comment'))}".strip(),
        )
    return None


def _other_address(evidence: Evidence, view: MsrpView, mrfp: int) -> bool:
    """Does the UE address the MRFP by another host or port than the MRFP gave?"""
    order = evidence.allocated
    end = order.replied_local.end if order is not None and order.replied_local is not None else None
    if end is None and evidence.ours is not None:
        end = evidence.ours.end
    paths = view.sent(1 - mrfp).request_paths
    return end is not None and bool(end.path) and any(text.split()[-1] != end.path[-1] for text, _ in paths if text)


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
