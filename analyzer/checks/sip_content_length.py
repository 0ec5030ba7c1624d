"""SIP-CONTENT-LENGTH: Content-Length counts the octets of the body (RFC 3261 sections 18.3 and 20.14)."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.checks.rule import Rule
from analyzer.checks.sip_failure import KINDS, NO_SIP
from analyzer.evidence import Evidence
from analyzer.findings import OK, Result, Severity
from analyzer.model import Message
from dissectors.sip import SipMessage


def judge(evidence: Evidence) -> Result:
    """What the capture itself cut off is nobody's fault."""
    facts = evidence.facts
    if facts is None:
        return NO_SIP
    wrong = list(_wrong(facts.messages))
    if not wrong:
        return OK
    first: SipMessage = wrong[0].decoded
    body = len(first.data) - first.head_size
    announced = body + first.lacking - first.beyond
    kind = first.method if first.is_request else f"{first.status} ({first.method})"
    others = len(wrong) - 1
    more = f"; of {'one other message' if others == 1 else f'{others} other messages'} likewise" if others else ""
    return RULE.broken(
        f"Content-Length of the {kind} is {announced}, and its body has {body} octets{more}.",
        [frame for message in wrong for frame in message.frames],
        expected=f"Content-Length: {body}",
        actual=f"Content-Length: {announced} from {wrong[0].flow.src_ip}",
        severity=None if evidence.session.kind == "message" else Severity.WARNING,
    )


def _wrong(messages: list[Message]) -> Iterator[Message]:
    for message in messages:
        sip: SipMessage = message.decoded
        if (sip.lacking or sip.beyond) and not sip.not_captured:
            yield message


RULE = Rule(
    code="SIP-CONTENT-LENGTH",
    title="Content-Length counts the octets of the body.",
    clause="RFC 3261 section 18.3",
    severity=Severity.ERROR,
    judge=judge,
    kinds=KINDS,
    interfaces=("sip",),
    why="A receiver answers 400 to a body that is shorter, and cuts one that is longer: the SDP loses its last lines.",
    causes=(
        "A node on the way changed the SDP and left Content-Length as it was.",
        "It was counted in characters, or before the line ends were changed to CRLF.",
        "The datagram was cut on the way: the body is shorter than announced by hundreds of octets.",
    ),
    confirm="Compare the body of the frames named with Content-Length, and with the same message one hop before.",
    fix="Let the node that writes or changes the body count its octets last.",
    example="wrong:  Content-Length: 225 before a body of 223 octets\nright:  Content-Length: 223",
)
