"""MIKEY-TICKET in offer and answer: TRANSFER_INIT, its ticket and crypto session, TRANSFER_RESP.

Each function holds one row against a session; the row is the rule it is given (TS 23.333 clauses 6.2.19.2.1 and
6.2.19.2.2, RFC 6043, RFC 4567).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzer.checks.rule import Rule
from analyzer.evidence import Announced, Evidence
from analyzer.evidence.mikey import (
    TRANSFER_INIT,
    TRANSFER_RESP,
    KeyManagement,
    key_management,
    psk_orders,
    ticket_request,
    transfer_init,
)
from analyzer.findings import Result, Status, not_applicable, not_observable
from analyzer.flows.transfer_init import at, of_transfer_init

if TYPE_CHECKING:
    from dissectors.mikey import MikeyMessage

CERTAINLY_OTHER = {0: "SRTP", 1: "TESLA"}
"Protocol types of GENERIC-ID that are registered for something else; none is registered for TLS (RFC 6043, IANA)."


def carries(rule: Rule, announced: Announced | None, wanted: int, what: str) -> Result:
    """`a=key-mgmt:mikey` with the message that belongs there; `what` is `offer` or `answer`."""
    if announced is None:
        return not_observable(f"no {what} in the capture")
    name = {TRANSFER_INIT: "TRANSFER_INIT", TRANSFER_RESP: "TRANSFER_RESP"}[wanted]
    found = key_management(announced)
    if any(each.data_type == wanted for each in found):
        return at(announced)
    if not found:
        if announced.media is None:
            return not_observable(f"the {what}'s SDP cannot be read")
        return rule.broken(
            f"The {what} has no a=key-mgmt:mikey: there is no {name} in it.",
            announced.frames,
            expected=f"a=key-mgmt:mikey with {name} (data type {wanted})",
            actual="no a=key-mgmt",
        )
    first = found[0]
    told = first.why or f"{name_of_type(first)} (data type {first.data_type})"
    return rule.broken(
        f"The {what}'s a=key-mgmt does not hold {name}.",
        announced.frames,
        expected=f"{name} (data type {wanted})",
        actual=told,
    )


def name_of_type(found: KeyManagement) -> str:
    """The message's name as the registry spells it."""
    if found.message is None:
        return "nothing that can be read"
    from dissectors.mikey import name_of

    return name_of(found.message.header.data_type)


@of_transfer_init
def one_crypto_session(rule: Rule, evidence: Evidence, carrier: KeyManagement, message: MikeyMessage) -> Result:
    """#CS is 1."""
    count = message.header.cs_count
    if count == 1:
        return at(carrier.announced)
    return rule.broken(
        f"TRANSFER_INIT describes {count} Crypto Sessions; there is to be one.",
        carrier.frames,
        expected="#CS = 1",
        actual=f"#CS = {count}",
    )


@of_transfer_init
def protocol_is_tls(rule: Rule, evidence: Evidence, carrier: KeyManagement, message: MikeyMessage) -> Result:
    """The GENERIC-ID protocol type stands for TLS, as far as anybody can tell."""
    sessions = message.header.crypto_sessions
    if not sessions:
        return not_applicable("the crypto sessions have no GENERIC-ID map")
    for session in sessions:
        other = CERTAINLY_OTHER.get(int(session.prot_type))
        if other is not None:
            return rule.broken(
                f"The Crypto Session of TRANSFER_INIT is for {other}, not for TLS.",
                carrier.frames,
                expected=f"protocol type of TLS ({_types(evidence)})",
                actual=f"protocol type {int(session.prot_type)} ({other})",
            )
    return at(carrier.announced)


def one_tls_session(rule: Rule, evidence: Evidence) -> Result:
    """Both of it: the dial-out has one row for the number of Crypto Sessions and their protocol."""
    first = one_crypto_session(rule, evidence)
    return first if first.status is not Status.OK else protocol_is_tls(rule, evidence)


def _types(evidence: Evidence) -> str:
    return ", ".join(str(each) for each in sorted(evidence.profile.mikey_tls_prot_types)) + " by the profile"


def secured_offer(rule: Rule, announced: Announced | None) -> Result:
    """`TCP/TLS/MSRP` and `a=setup:actpass`."""
    if announced is None:
        return not_observable("the offer was not captured")
    end = announced.end
    if end.protocol.upper() != "TCP/TLS/MSRP":
        return rule.broken(
            f"The offer has {end.protocol} where the flow has TCP/TLS/MSRP.",
            announced.frames,
            expected="TCP/TLS/MSRP",
            actual=end.protocol,
        )
    if end.setup != "actpass":
        told = f"a=setup:{end.setup}" if end.setup else "no a=setup"
        return rule.broken(
            f"The offer has {told} where the flow has a=setup:actpass.",
            announced.frames,
            expected="a=setup:actpass",
            actual=told,
        )
    return at(announced)


@of_transfer_init
def ticket_of(rule: Rule, evidence: Evidence, carrier: KeyManagement, message: MikeyMessage) -> Result:
    """A ticket is there, and its flag D fits what is seen of the KMS."""
    ticket = message.ticket
    if ticket is None:
        return rule.broken("TRANSFER_INIT has no ticket.", carrier.frames, expected="a TICKET payload", actual="none")
    request = ticket_request(evidence)
    if request is None or request.response is None:
        return at(carrier.announced)
    seen = (*request.request.frames, *request.response.frames)
    if not ticket.flags.d:
        return rule.broken(
            "The KMS gave this ticket, but its flag D says that the initiator made it.",
            (*request.response.frames, *carrier.frames),
            expected="flag D set in the ticket policy",
            actual="flag D clear",
        )
    return Result(Status.OK, frames=(*seen, *carrier.frames), begin=request.response.time, end=carrier.announced.sent)


@of_transfer_init
def own_ticket(rule: Rule, evidence: Evidence, carrier: KeyManagement, message: MikeyMessage) -> Result:
    """A ticket that the MRFC made is of mode 3: D clear, E set."""
    ticket = message.ticket
    if ticket is None:
        return rule.broken("TRANSFER_INIT has no ticket.", carrier.frames, expected="a ticket", actual="none")
    if ticket.flags.d or ticket.flags.e:
        return at(carrier.announced)
    return rule.broken(
        "The MRFC made the ticket itself, but not in mode 3: the UE need not resolve it with the KMS.",
        carrier.frames,
        expected="flag E set (mode 3), or D set where the KMS made the ticket",
        actual=f"D and E clear (mode {ticket.flags.mode})",
    )


def answered_with_resp(rule: Rule, evidence: Evidence) -> Result:
    """TRANSFER_RESP in the answer, where the ticket policy (flag F) has one sent."""
    init = transfer_init(evidence)
    ticket = init.message.ticket if init is not None and init.message is not None else None
    if init is not None and init.data_type == TRANSFER_INIT and ticket is not None and not ticket.flags.f:
        return not_applicable("the ticket policy has no TRANSFER_RESP sent (flag F clear)")
    if evidence.facts is not None and evidence.facts.status >= 300:
        return not_applicable(f"the INVITE was refused with {evidence.facts.status}")
    return carries(rule, evidence.answer, TRANSFER_RESP, "answer")


def secured_offer_with_init(rule: Rule, evidence: Evidence) -> Result:
    """`TCP/TLS/MSRP`, `a=setup:actpass` and TRANSFER_INIT."""
    first = secured_offer(rule, evidence.offer)
    return first if first.status is not Status.OK else carries(rule, evidence.offer, TRANSFER_INIT, "offer")


def is_e2e(evidence: Evidence) -> bool:
    """The key is to come from MIKEY: a=key-mgmt in offer or answer, or a Pre-Shared Key and no certificate.

    Without any sign of them it is TLS as RFC 4975 section 14 has it, with or without fingerprints of certificates.
    """
    told = [each.media for each in (evidence.offer, evidence.answer) if each is not None and each.media is not None]
    if any(media.key_mgmt for media in told):
        return True
    if any(media.fingerprints for media in told):
        return False
    return _uses_psk(evidence) or bool(psk_orders(evidence))


def _uses_psk(evidence: Evidence) -> bool:
    """TLS took a Pre-Shared Key, or offered one and was not answered."""
    found = [part.connection.tls for part in evidence.connection_parts]
    return any(tls is not None and (tls.offers_psk if tls.is_psk is None else tls.is_psk) for tls in found)
