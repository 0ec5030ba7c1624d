"""What MIKEY-TICKET is to prove: MACs, identities, and the ticket's resolution by the KMS (RFC 6043).

What a key would show and no key was supplied is not observable.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from analyzer.checks.rule import Rule
from analyzer.evidence import Evidence
from analyzer.evidence.mikey import TRANSFER_RESP, KeyManagement, ticket_resolve, transfer_resp
from analyzer.findings import Result, Status, not_applicable, not_observable
from analyzer.flows.transfer_init import at, of_transfer_init
from analyzer.model import Confidence
from dissectors.errors import DecodeError

if TYPE_CHECKING:
    from dissectors.mikey import Idr, MikeyMessage, Unlocked

RESOLVE_RESP = 18
"Data type of MIKEY-TICKET (RFC 6043 section 6.1); the codec is imported when a message was decoded."


@of_transfer_init
def transfer_init_accepted(rule: Rule, evidence: Evidence, carrier: KeyManagement, _message: MikeyMessage) -> Result:
    """Who accepts an INVITE could decode and resolve its TRANSFER_INIT; else it is rejected."""
    facts = evidence.facts
    if facts is None or facts.status >= 300:
        return at(carrier.announced)  # rejected: the check was made
    unlocked = evidence.session.unlocked
    fits = unlocked.checks.transfer_init if unlocked is not None else None
    if fits is None:
        return _unchecked(unlocked, "no key was supplied that opens the ticket")
    if fits:
        return at(carrier.announced)
    if evidence.answer is None:
        return not_observable("no answer in the capture")
    return rule.broken(
        "The INVITE was accepted although the MAC of its TRANSFER_INIT does not fit the ticket.",
        (*carrier.frames, *evidence.answer.frames),
        expected="a TRANSFER_INIT that verifies, or a rejected INVITE (488)",
        actual="MAC does not fit, INVITE accepted",
        # An identity that is written otherwise spoils the MAC as well.
        confidence=Confidence.LIKELY,
    )


@of_transfer_init
def ticket_resolved(rule: Rule, evidence: Evidence, _carrier: KeyManagement, message: MikeyMessage) -> Result:
    """RESOLVE_INIT and RESOLVE_RESP about this ticket, where the capture has the KMS."""
    ticket = message.ticket
    if ticket is None:
        return not_applicable("TRANSFER_INIT has no ticket")
    resolve = ticket_resolve(evidence, ticket)
    if resolve is None:
        if not ticket.flags.e:
            return not_applicable("the ticket need not be resolved with the KMS (flag E clear)")
        return not_observable("the exchange with the KMS is not in the capture")
    if resolve.response is None:
        return not_observable("the response of the KMS is not in the capture")
    frames = (*resolve.request.frames, *resolve.response.frames)
    status = resolve.response.decoded.status
    answered = resolve.answered
    if answered is not None and answered.data_type == RESOLVE_RESP:
        return Result(Status.OK, frames=frames, begin=resolve.request.time, end=resolve.response.time)
    if answered is None and status < 300:
        return not_observable("the response of the KMS cannot be read")
    if answered is None and status in (401, 407):
        return not_observable("the KMS asked for credentials, and what came of it is not in the capture")
    if evidence.answer is None:
        return Result(Status.OK, frames=frames, begin=resolve.request.time, end=resolve.response.time)  # and rejected
    return rule.broken(
        "The KMS refused to resolve the ticket, and the INVITE was accepted all the same.",
        (*frames, *evidence.answer.frames),
        expected="RESOLVE_RESP, or a rejected INVITE",
        actual=f"MIKEY Error ({_errors(answered)})" if answered is not None else f"HTTP status {status}",
    )


def _errors(message: MikeyMessage) -> str:
    from dissectors.mikey import Err, name_of

    return ", ".join(name_of(each.error_no) for each in message.all(Err)) or f"data type {message.data_type}"


@of_transfer_init
def response_verified(rule: Rule, evidence: Evidence, _carrier: KeyManagement, message: MikeyMessage) -> Result:
    """TRANSFER_RESP's MAC fits, and its responder is one that the ticket allows."""
    if evidence.answer is None:
        return not_observable("no answer in the capture")
    carrier = transfer_resp(evidence)
    if carrier is None or carrier.message is None or carrier.data_type != TRANSFER_RESP:
        return not_applicable("the answer has no TRANSFER_RESP that can be read")
    from dissectors.mikey import IdRole

    resp = carrier.message.identity(IdRole.RESPONDER)
    allowed = {each.data for each in _responders(message)}
    if resp is not None and allowed and resp.data not in allowed:
        return rule.broken(
            "The responder named in TRANSFER_RESP is none that the ticket allows.",
            carrier.frames,
            expected="IDRr of the ticket policy, or of TRANSFER_INIT",
            actual="another identity",
            confidence=Confidence.LIKELY,
        )
    unlocked = evidence.session.unlocked
    fits = unlocked.checks.transfer_resp if unlocked is not None else None
    if fits is None:
        return _unchecked(unlocked, "no key was supplied that checks the MAC of TRANSFER_RESP")
    if fits:
        return at(carrier.announced)
    return rule.broken(
        "The MAC of TRANSFER_RESP does not fit.",
        carrier.frames,
        expected="a TRANSFER_RESP that verifies",
        actual="MAC does not fit",
    )


def _unchecked(unlocked: Unlocked | None, otherwise: str) -> Result:
    """Why a MAC could not be checked: a ticket key that was supplied and is not the right one is told as such."""
    from dissectors.mikey import Reason

    wrong = unlocked is not None and Reason.WRONG_TICKET_KEY in unlocked.reasons()
    return not_observable("the ticket key supplied does not open the ticket" if wrong else otherwise)


def _responders(message: MikeyMessage) -> list[Idr]:
    from dissectors.mikey import IdRole, decode_policy

    found: list[Idr | None] = [message.identity(IdRole.RESPONDER)]
    if message.ticket is not None:
        with suppress(DecodeError):
            found += decode_policy(message.ticket).responders
    return [each for each in found if each is not None]


@of_transfer_init
def identities_of_sip(rule: Rule, evidence: Evidence, carrier: KeyManagement, message: MikeyMessage) -> Result:
    """IDRi and IDRr are those of From and To (and of the asserted identity)."""
    from dissectors.mikey import IdRole

    facts = evidence.facts
    if facts is None:
        return not_observable("SIP of the session is not in the capture")
    for role, uris, header in (
        (IdRole.INITIATOR, [facts.caller.uri], "From"),
        (IdRole.RESPONDER, [facts.callee.uri, facts.request_uri], "To"),
    ):
        identity = message.identity(role)
        if identity is None or not any(uris):
            continue
        told = _user(identity.data.decode("utf-8", "surrogateescape"))
        if told not in {_user(uri) for uri in uris if uri}:
            return rule.broken(
                f"The identity of the {role.name.lower()} in TRANSFER_INIT is not that of the {header} header.",
                carrier.frames,
                expected=f"the KMS user identity derived from {header}",
                actual="another identity",
                confidence=Confidence.LIKELY,
            )
    return at(carrier.announced)


def _user(uri: str) -> str:
    """A URI as identities are compared: without scheme, parameters and display, in lower case."""
    bare = uri.strip("<>").partition(";")[0].lower()
    for scheme in ("sips:", "sip:", "tel:"):
        bare = bare.removeprefix(scheme)
    return bare
