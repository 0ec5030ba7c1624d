"""MSRP-TYPE: content is of a type that the receiver accepts (RFC 4975 section 8.6)."""

from __future__ import annotations

from functools import lru_cache

from analyzer.checks.msrp_observed import NO_MSRP
from analyzer.checks.rule import Rule
from analyzer.evidence import Announced, Evidence, MsrpView
from analyzer.findings import OK, Finding, Result, Severity, Status, not_observable

CONTAINERS = frozenset({"message/cpim", "multipart/mixed", "multipart/alternative"})
"Every end point takes these, listed or not (RFC 4975 section 8.6)."

NOT_KNOWN = not_observable("no SDP with a=accept-types of a receiver was captured")


def judge(evidence: Evidence) -> Result:
    """Content-Type against a=accept-types, and what CPIM wraps against a=accept-wrapped-types."""
    if not evidence.msrp:
        return NO_MSRP
    findings: list[Finding] = []
    known = False
    for view in evidence.msrp:
        for direction in (0, 1):
            sent = view.sent(direction)
            if not sent.content_types:
                continue
            receiver = evidence.announced_as(view.session_id(1 - direction))
            accepted = _listed(receiver, "accept-types")
            if accepted:
                known = True
                wrapped = _listed(receiver, "accept-wrapped-types")
                findings += _refused(view, direction, receiver[0], accepted, wrapped)
    if findings:
        return Result(Status.FAILED, findings=tuple(findings))
    return OK if known else NOT_KNOWN


def _listed(receiver: list[Announced], name: str) -> frozenset[str]:
    """The types of all its descriptions: a later one may add what an earlier one lacks."""
    return _types(tuple(value for each in receiver for value in each.attributes(name)))


@lru_cache(maxsize=128)
def _types(values: tuple[str, ...]) -> frozenset[str]:
    """Clients of one make say the same in every session."""
    return frozenset(plain_type(word) for value in values for word in value.split())


def plain_type(text: str) -> str:
    """`text/plain` of `Text/Plain; charset=utf-8`."""
    return text.partition(";")[0].strip().lower()


def _refused(
    view: MsrpView, direction: int, receiver: Announced, accepted: frozenset[str], wrapped: frozenset[str]
) -> list[Finding]:
    found: list[Finding] = []
    who, other = view.names[direction], view.names[1 - direction]
    sent = view.sent(direction)
    for name, types, allowed, inside in (
        ("accept-types", sent.content_types, accepted | CONTAINERS, ""),
        (
            "accept-wrapped-types",
            sent.wrapped_types,
            (wrapped | accepted | CONTAINERS) if wrapped else frozenset("*"),
            " in CPIM",
        ),
    ):
        for text, frame in types:
            kind = plain_type(text)
            if kind in allowed or "*" in allowed or f"{kind.partition('/')[0]}/*" in allowed:
                continue
            listed = wrapped if inside else accepted
            found.append(
                RULE.finding(
                    f"{who} sent {kind}{inside}, which {other} does not accept.",
                    (*receiver.frames, frame),
                    expected=f"a type of a={name}:{' '.join(sorted(listed))}",
                    actual=f"Content-Type: {kind}{inside}",
                    # What is wrapped is often known to the client all the same.
                    severity=Severity.WARNING if inside else None,
                )
            )
    return found


RULE = Rule(
    code="MSRP-TYPE",
    title="Content is of a type that the receiver's SDP accepts.",
    clause="RFC 4975 section 8.6",
    severity=Severity.ERROR,
    judge=judge,
    interfaces=("sip", "msrp"),
    why="The receiver answers 415 or drops the message; its user never sees it.",
    causes=(
        "The sender does not read a=accept-types, and sends what it would accept itself.",
        "The MRFP passes on what one participant sent to others that accept less.",
        "A chat room wants message/cpim (RFC 7701), and the client sends text/plain.",
    ),
    confirm="Compare Content-Type in the SEND (and inside message/cpim) with the receiver's SDP.",
    fix="Send only listed types; where none of them can carry the content, do not offer to send it.",
    example="a=accept-types:message/cpim\nwrong:  SEND ... Content-Type: text/plain",
)
