"""SDP-DIRECTION: the answer's direction fits the offer's (RFC 3264 section 6.1; of files RFC 5547 section 8)."""

from __future__ import annotations

from analyzer.checks.rule import Rule
from analyzer.checks.sdp_setup import NO_SDP, REJECTED
from analyzer.evidence import Announced, Evidence
from analyzer.findings import OK, Result, Severity, not_observable

ANSWERS = {
    "sendonly": ("recvonly", "inactive"),
    "recvonly": ("sendonly", "inactive"),
    "inactive": ("inactive",),
}
"The answers to an offer that is not sendrecv; that one may be answered by any."
_DIRECTIONS = ("sendonly", "recvonly", "inactive", "sendrecv")


def judge(evidence: Evidence) -> Result:
    """The attribute of the stream, else that of the session; without one it is sendrecv."""
    offer, answer = evidence.offer, evidence.answer
    if offer is None:
        return NO_SDP
    if answer is None:
        return not_observable("no answer in the capture")
    if not answer.end.port:
        return REJECTED
    offered, answered = _direction(offer), _direction(answer)
    allowed = ANSWERS.get(offered)
    if allowed is None or answered in allowed:
        return OK
    return RULE.broken(
        f"The stream was offered {offered}, and answered {answered}.",
        (*offer.frames, *answer.frames),
        expected=" or ".join(f"a={each}" for each in allowed),
        actual=f"a={answered}" if answer.attributes(answered) else f"{answered}, since nothing else is said",
    )


def _direction(announced: Announced) -> str:
    own = next((each for each in _DIRECTIONS if announced.attributes(each)), "")
    if own:
        return own
    session = announced.described.octets.partition(b"\nm=")[0]
    lines = {line.strip() for line in session.split(b"\n")}
    return next((each for each in _DIRECTIONS if b"a=" + each.encode() in lines), "sendrecv")


RULE = Rule(
    code="SDP-DIRECTION",
    title="What is offered in one direction is answered in the other.",
    clause="RFC 3264 section 6.1",
    severity=Severity.WARNING,
    judge=judge,
    interfaces=("sip",),
    each_offer=True,
    why="The answerer may send where the offerer will not listen: what it sends is lost, or the transfer is refused.",
    causes=(
        "The answerer writes sendrecv, or nothing, whatever was offered.",
        "A gateway on the way takes the direction attribute out of the answer.",
    ),
    confirm="Compare a=sendonly, a=recvonly and a=inactive in the m= sections of offer and answer.",
    fix="Answer sendonly with recvonly (or inactive), recvonly with sendonly, inactive with inactive.",
    example="offer:  m=message 7394 TCP/MSRP * / a=sendonly\nwrong:  a=sendrecv\nright:  a=recvonly",
)
