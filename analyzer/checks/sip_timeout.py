"""SIP-TIMEOUT: a request gets its final response (RFC 3261 sections 16.6, 17.1.1.2 and 17.1.2.2)."""

from __future__ import annotations

from analyzer.checks.rule import Rule
from analyzer.checks.sip_failure import KINDS, NO_SIP, severity_of
from analyzer.conversations.sip_call import CallFacts
from analyzer.evidence import Evidence
from analyzer.findings import OK, Result, Severity, Status, not_observable
from analyzer.model import Confidence, Message

TIMER_B_NS = 32_000_000_000
"64*T1: the sender of a request without any response gives up (timers B and F)."
TIMER_C_NS = 180_000_000_000
"A proxy gives an INVITE up that has only had provisional responses for 3 minutes (section 16.6, item 11)."


def judge(evidence: Evidence) -> Result:
    """That none came may be said only where the other node was heard afterwards."""
    facts = evidence.facts
    if facts is None:
        return NO_SIP
    if facts.status:
        return OK
    opening = facts.opening
    if opening is None:
        return not_observable("the request that opened the call was not captured")
    if facts.method == "INVITE" and any(each.decoded.method in ("ACK", "BYE", "CANCEL") for each in facts.messages):
        return not_observable("the final response was not captured")
    last = _last_try(facts, opening)
    rung = [each for each in facts.messages if each.decoded.method == facts.method and each.decoded.status > 100]
    wait = TIMER_C_NS if rung else TIMER_B_NS
    since = rung[-1] if rung else last
    if not rung and last.flow.transport == "udp" and last is opening:
        # Over UDP it is sent again after 0.5 s, and again (sections 17.1.1.2 and 17.1.2.2).
        return not_observable("the request was not sent again: its response was not captured")
    if not evidence.scope.heard_back("sip", last, since.time + wait):
        return not_observable("no final response, and the other node was not heard long enough after the request")
    if rung:
        message = f"The {facts.method} was answered provisionally, but never finally."
    else:
        message = f"The {facts.method} was never answered."
    return RULE.broken(
        message,
        (*last.frames, *(rung[-1].frames if rung else ())),
        expected=f"a final response within {wait // 10**9} s",
        actual=f"none, while {last.flow.dst_ip} sent other SIP",
        status=Status.MISSING,
        severity=Severity.WARNING if rung else severity_of(evidence, facts.method),
        confidence=Confidence.LIKELY,
    )


def _last_try(facts: CallFacts, opening: Message) -> Message:
    """The latest request that wants the answer, sent again or not."""
    found = opening
    for message in facts.messages:
        if message.decoded.is_request and message.decoded.method == facts.method and not message.decoded.to_tag:
            found = message
    return found


RULE = Rule(
    code="SIP-TIMEOUT",
    title="The request that opens the session gets a final response.",
    clause="RFC 3261 section 17.1",
    severity=Severity.ERROR,
    judge=judge,
    kinds=KINDS,
    interfaces=("sip",),
    why="The caller waits 32 seconds and takes the other side as unreachable (408).",
    causes=(
        "The node drops the request silently: too large for UDP, a firewall, an overload control.",
        "The response goes to another address than the capture point sees (Via, rport).",
    ),
    confirm="Capture beside the node that should answer: did the request arrive, did a response leave?",
    fix="Mend the path, or let the node answer with an error.",
    example="INVITE at 0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5 s, and no response",
)
