"""MSRP status codes other than 200, and how bad each is (RFC 4975 section 10, RFC 4976, RFC 7701)."""

from __future__ import annotations

from analyzer.checks.msrp_observed import frames_of, number, times, told, word
from analyzer.checks.rule import Rule
from analyzer.conversations.msrp_facts import Observation
from analyzer.evidence import Evidence, MsrpView
from analyzer.findings import Finding, Result, Severity
from analyzer.identities import masked_text

CODES = {
    400: "the request could not be understood",
    401: "credentials are needed (RFC 4976)",
    403: "the action is not allowed",
    404: "the recipient in the CPIM header cannot be resolved (RFC 7701)",
    408: "the next hop downstream did not answer",
    413: "the receiver does not want more of this message",
    415: "the media type is not understood",
    423: "a parameter is out of bounds",
    424: "the nickname is malformed (RFC 7701)",
    425: "the nickname is reserved or in use (RFC 7701)",
    428: "the recipient takes no private messages (RFC 7701)",
    481: "there is no such session",
    501: "the method is not known",
    506: "the session is bound to another connection",
}
"Meanings in short."

OF_USERS = frozenset({413, 423, 424, 425, 428})
"Refusals that a user's own wish or choice of words brings about: no fault of the set-up."

OF_RELAYS = frozenset({401, 423})
"How a relay asks for credentials and for another interval: the client tries again (RFC 4976 sections 5.1 and 6)."


def meaning(code: int) -> str:
    """What a status code says; the class where it is not registered."""
    return CODES.get(code) or ("the request was refused" if code < 500 else "the responder failed")


def judge_errors(evidence: Evidence, rule: Rule, hundreds: int) -> Result:
    """Error responses of one class: 4 or 5."""

    def tell(view: MsrpView, group: list[Observation]) -> Finding | None:
        first = group[0]
        code, method = number(first, "status"), word(first, "method") or "request"
        if code // 100 != hundreds or (method == "AUTH" and code in OF_RELAYS):
            return None
        severity = None
        if code in OF_USERS or method in ("NICKNAME", "AUTH"):
            severity = Severity.WARNING
        elif evidence.released is not None and first.time >= evidence.released:
            severity = Severity.WARNING  # the session is over: what crosses its end on the way is refused
        return rule.finding(
            f"{view.names[first.direction]} refused a {method} with {code}{times(group)}: {meaning(code)}.",
            frames_of(group),
            expected="200 OK",
            actual=f"{code} {masked_text(word(first, 'comment'))}".rstrip(),
            severity=severity,
        )

    return told(
        evidence, ("error-response",), tell, lambda seen: (seen.detail.get("status"), seen.detail.get("method"))
    )
