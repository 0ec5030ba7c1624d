"""MSRP-SESSION-ID: requests go to the session-id that the receiver gave (RFC 4975 sections 5.4 and 7.3).

The counterpart of MRFP-2 and MRFP-3: there what the MRFP does, here what the other side, or a plain peer, does.
"""

from __future__ import annotations

from analyzer.checks.msrp_observed import NO_MSRP, word
from analyzer.checks.rule import Rule
from analyzer.correlate.missing import missing_sip
from analyzer.evidence import Evidence, MsrpView
from analyzer.findings import OK, Finding, Result, Severity, Status, not_observable
from analyzer.model import Confidence


def judge(evidence: Evidence) -> Result:
    """By what the receiver was announced as, else by what it calls itself."""
    if not evidence.msrp:
        return NO_MSRP
    findings = [each for view in evidence.msrp for way in (0, 1) if (each := _wrong(evidence, view, way)) is not None]
    if not findings:
        return OK
    # An offer that escaped the capture may have given what was not announced.
    lost = missing_sip(evidence.facts) if evidence.facts is not None else []
    certain = [each for each in findings if each.confidence is Confidence.CERTAIN]
    if lost and len(certain) < len(findings):
        findings = certain
    if not findings:
        return not_observable(f"SIP of this session is not in the capture: {lost[0]}")
    return Result(Status.FAILED, findings=tuple(findings))


def _wrong(evidence: Evidence, view: MsrpView, direction: int) -> Finding | None:
    """A session-id that this side sends to and the other never gave."""
    sent = view.sent(direction).request_paths
    if not sent:
        return None
    receiver = view.session_id(1 - direction)
    if not receiver and not view.sent(direction).sends:
        return None  # AUTH goes to a relay, whose URI has no session-id yet (RFC 4976 section 5.1)
    for seen in view.session.observations:
        if seen.kind == "wrong-session-id" and seen.direction == direction:
            frames = (*_told_by(evidence, view, direction), *seen.frames)
            return _tell(view, direction, frames, f"session-id {word(seen, 'expected')}", Confidence.CERTAIN)
    if view.mrfp is None or view.sent(1 - direction).request_paths:
        return None
    announced = evidence.their_session_ids if view.mrfp == direction else evidence.our_session_ids
    if not announced or receiver in announced or _is_known(view, 1 - direction):
        return None
    # A later offer that escaped the capture may have given it.
    lost = evidence.orders_incomplete or (evidence.facts is not None and missing_sip(evidence.facts))
    sure = Confidence.LIKELY if lost else Confidence.CERTAIN
    return _tell(view, direction, (sent[0][1],), f"session-id {' or '.join(sorted(announced))}", sure)


def _told_by(evidence: Evidence, view: MsrpView, direction: int) -> tuple[int, ...]:
    """The command that gave the MRFP this session-id: then it did as told, and OFFER-1 or ANS-1 tells the fault."""
    if view.mrfp != direction:
        return ()
    receiver = view.session_id(1 - direction)
    for order in evidence.orders:
        end = order.remote.end if order.remote is not None else None
        if end is not None and end.session_id == receiver:
            return order.frames
    return ()


def _is_known(view: MsrpView, direction: int) -> bool:
    """Does this side call itself so in another pair of session-ids on the connection?"""
    sessions = view.connection.sessions
    wanted = view.session_id(direction)
    return any(
        sessions[index].ways[direction].request_paths
        and wanted == (sessions[index].server_session_id if direction else sessions[index].client_session_id)
        for index in view.connection.sessions_with({wanted})
    )


def _tell(view: MsrpView, direction: int, frames: tuple[int, ...], expected: str, confidence: Confidence) -> Finding:
    return RULE.finding(
        f"{view.names[direction]} sent to a session-id that {view.names[1 - direction]} never gave.",
        frames,
        expected=expected,
        actual=f"session-id {view.session_id(1 - direction)}",
        confidence=confidence,
    )


RULE = Rule(
    code="MSRP-SESSION-ID",
    title="Requests carry the session-id that the receiver gave in its a=path.",
    clause="RFC 4975 section 7.3",
    severity=Severity.ERROR,
    judge=judge,
    interfaces=("msrp",),
    why="The receiver answers 481: nothing that is sent this way arrives.",
    causes=(
        "The sender uses the path of an earlier call.",
        "A gateway on the way exchanged a=path in one of the two directions only.",
        "Letters of the session-id were changed; it is case-sensitive (RFC 4975 section 6.1).",
    ),
    confirm="Compare To-Path of the request with a=path in the receiver's SDP.",
    fix="Take the path of the answer (or offer) that is in force, octet for octet.",
    example="a=path:msrp://203.0.113.5:28563/s1f00d;tcp\nwrong:  To-Path: msrp://203.0.113.5:28563/S1F00D;tcp",
    yields_to=("MRFP-3", "OFFER-5", "SEND-3"),
    same_frames=("MRFP-2", "OFFER-1", "ANS-1"),
)
