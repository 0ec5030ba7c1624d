"""SIP-REASON: a call does not end because of an error (RFC 3326, TS 24.229 clause 7.2A.18)."""

from __future__ import annotations

from analyzer.checks.rule import Rule
from analyzer.checks.sip_failure import NO_SIP, reason_text, severity_of
from analyzer.checks.sip_statuses import advice_on
from analyzer.evidence import Evidence
from analyzer.findings import OK, Result, Severity, not_applicable
from analyzer.identities import masked_text
from dissectors.sip import Reason, SipMessage

FIRST_Q850_ERROR = 32
"Below are the classes of normal events (Q.850 clause 2.2.7: 0 to 31)."
NOT_ENDED = not_applicable("no BYE in the capture")


def judge(evidence: Evidence) -> Result:
    """No Reason of a BYE names a failure."""
    facts = evidence.facts
    if facts is None:
        return NO_SIP
    if not facts.ended:
        return NOT_ENDED
    seen = False
    for message in facts.messages:
        sip: SipMessage = message.decoded
        if sip.method != "BYE" or not sip.is_request:
            continue
        seen = True
        if b"eason" not in sip.data[: sip.head_size]:
            continue
        for reason in sip.reasons():
            if is_failure(reason):
                told = masked_text(reason_text(reason.protocol, reason.cause, reason.text))
                return RULE.broken(
                    f"The call was ended because of an error: {told}.",
                    message.frames,
                    expected="a BYE without Reason, or with one of normal clearing",
                    actual=f"Reason: {told} from {message.flow.src_ip}",
                    hint=_hint(reason),
                    severity=severity_of(evidence, facts.method, _status(reason)),
                )
    return OK if seen else NOT_ENDED


def is_failure(reason: Reason) -> bool:
    """Does a Reason tell of an error, by its own code?"""
    cause, protocol = reason.cause, reason.protocol.upper()
    if cause is None:
        return False
    if protocol == "SIP":
        return cause >= 400 and cause != 487
    if protocol == "Q.850":
        return cause >= FIRST_Q850_ERROR
    if protocol == "RELEASE_CAUSE":
        return cause >= 2  # 1: the user ended the call (TS 24.229 table 7.2A.18.1)
    return protocol == "FAILURE_CAUSE"


def _status(reason: Reason) -> int:
    """The status that a Reason of SIP repeats; 0 for others."""
    return reason.cause or 0 if reason.protocol.upper() == "SIP" else 0


def _hint(reason: Reason) -> str:
    """A Reason of SIP has a status; others leave it with what the rule says."""
    return f"{advice_on(_status(reason))} {RULE.fix}" if _status(reason) else ""


RULE = Rule(
    code="SIP-REASON",
    title="The call is not ended because of an error.",
    clause="RFC 3326 section 2, TS 24.229 clause 7.2A.18",
    severity=Severity.ERROR,
    judge=judge,
    kinds=frozenset({"message", "call"}),
    interfaces=("sip",),
    yields_to=("TCP-RESET", "TCP-REFUSED", "TCP-TIMEOUT", "TLS-FAILED", "H248-ERROR", "H248-NO-REPLY"),
    why="The user was thrown out of the session in its middle.",
    causes=(
        "The bearer was lost: RELEASE_CAUSE 3, FAILURE_CAUSE 1, SIP;cause=503.",
        "No media came for too long: RELEASE_CAUSE 2.",
        "A session timer ran out (RFC 4028): SIP;cause=408.",
    ),
    confirm="Read Reason in the BYE, and look at the media connection and H.248 just before it.",
    fix="Find the node that sent the BYE first, and what it had lost.",
    example='BYE sip:alice@198.51.100.7 / Reason: RELEASE_CAUSE ;cause=3 ;text="Media bearer loss"',
)
