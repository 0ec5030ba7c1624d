"""The request that opens a call is refused (RFC 3261 section 21): rules SIP-4XX, SIP-5XX and SIP-6XX."""

from __future__ import annotations

from analyzer.checks.rule import Rule
from analyzer.checks.sip_statuses import advice_on
from analyzer.conversations.sip_call import CHALLENGES, CallFacts
from analyzer.evidence import Evidence
from analyzer.findings import OK, Result, Severity, not_applicable, not_observable
from analyzer.identities import masked_text
from analyzer.model import Message
from dissectors.sip import SipMessage

KINDS = frozenset({"message", "call", "registration", "sip"})
NO_SIP = not_observable("no SIP of this session in the capture")
SERVED = not_applicable("its request was not refused with a status of this class")
GIVEN_UP_NS = 32_000_000_000
"64*T1 (RFC 3261 section 17.1.1.2): who was challenged and is still there without another try has given up."
CANCELLED = 487
ORDINARY = frozenset({480, CANCELLED, 486, 600, 603})
"What the called user did or was: away, busy, declining. Every node did its work (RFC 3261 sections 21.4.18 and 21.6)."


def judge_refusal(evidence: Evidence, rule: Rule, hundreds: int) -> Result:
    """The final response to the last try, where it is of this class."""
    facts = evidence.facts
    if facts is None:
        return NO_SIP
    status = facts.status
    if not status:
        return not_observable("no final response to its request in the capture")
    if status // 100 != hundreds or facts.established:
        return OK if status // 100 == 2 else SERVED
    if status == CANCELLED and _was_cancelled(facts):
        return not_applicable("the caller cancelled")
    refusal = _refusal(facts)
    if refusal is None:
        return not_observable("no final response to its request in the capture")
    sip: SipMessage = refusal.decoded
    if _still_rings(facts, sip):
        return not_observable("one fork refused, and another rings on at the end of the capture")
    if status in CHALLENGES:
        return _challenged(evidence, rule, refusal)
    phrase, told = masked_text(sip.reason_phrase), masked_text("; ".join((*_reasons(sip), *_warnings(sip))))
    reason = masked_text("; ".join(_reasons(sip)))
    return rule.broken(
        f"The {facts.method} was refused with {status} {phrase}{f': {reason}' if reason else ''}.",
        refusal.frames,
        expected="a 2xx response",
        actual=f"{status} {phrase} from {refusal.flow.src_ip}{f' ({told})' if told else ''}",
        hint=advice_on(status),
        severity=severity_of(evidence, facts.method, status),
    )


def severity_of(evidence: Evidence, method: str, status: int = 0) -> Severity | None:
    """How bad it is that a request of this session fails; None: as bad as the rule says.

    A message session that cannot come about is an error. Calls of other media, registrations, subscriptions and single
    requests are only seen beside it.
    """
    if method == "OPTIONS":
        return Severity.INFO  # a ping: whatever comes back shows that the other side is there
    if evidence.session.kind != "message" or status in ORDINARY:
        return Severity.WARNING
    return None


def _was_cancelled(facts: CallFacts) -> bool:
    """A CANCEL was seen; or only its effect, since nothing else brings a 487 about for an INVITE."""
    return facts.method == "INVITE" or any(message.decoded.method == "CANCEL" for message in facts.messages)


def _refusal(facts: CallFacts) -> Message | None:
    """The first copy of the final response to the last try: that of the hop nearest to who refused."""
    found: Message | None = None
    for message in facts.messages:
        sip: SipMessage = message.decoded
        if sip.status != facts.status or sip.method != facts.method:
            continue
        if found is None or sip.cseq > found.decoded.cseq:
            found = message
    return found


def _still_rings(facts: CallFacts, refusal: SipMessage) -> bool:
    """Another branch of the same request was answered provisionally and not finally (RFC 3261 section 16.7)."""
    rings: set[str] = set()
    final: set[str] = set()
    for message in facts.messages:
        sip: SipMessage = message.decoded
        if sip.status > 100 and sip.method == refusal.method and sip.cseq == refusal.cseq:
            (rings if sip.status < 200 else final).add(sip.branch)
    return bool(rings - final)


def _reasons(sip: SipMessage) -> list[str]:
    """What the Reason header adds (RFC 3326 section 2, RFC 6432)."""
    return [reason_text(each.protocol, each.cause, each.text) for each in sip.reasons()]


def _warnings(sip: SipMessage) -> list[str]:
    """What the Warning header adds (RFC 3261 section 20.43)."""
    return [f"Warning: {value.strip()}" for value in sip.header_all("Warning")]


def reason_text(protocol: str, cause: int | None, text: str) -> str:
    """A Reason value in short: `Q.850 cause 34, no circuit available`."""
    number = f" cause {cause}" if cause is not None else ""
    return f"{protocol}{number}{f', {text}' if text else ''}"


def _challenged(evidence: Evidence, rule: Rule, refusal: Message) -> Result:
    """A challenge is no fault; but who is challenged and never tries again is not let in."""
    sip: SipMessage = refusal.decoded
    if not evidence.scope.heard_after("sip", refusal, refusal.time + GIVEN_UP_NS):
        return not_observable("challenged; whether it was tried again is not in the capture")
    return rule.broken(
        f"The {sip.method} was challenged with {sip.status}, and not tried again in this call.",
        refusal.frames,
        expected=f"another {sip.method} with (other) credentials",
        actual=f"{sip.status} {masked_text(sip.reason_phrase)}, and none within 32 s",
        hint=advice_on(sip.status),
        severity=Severity.WARNING,
    )
