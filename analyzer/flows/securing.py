"""The steps that secured joining adds: MIKEY-TICKET in SDP, the Pre-Shared Key to the MRFP, TLS on top of TCP.

Each function holds one row against a session; the row is the rule it is given (TS 23.333 clauses 6.2.19.2.1 and
6.2.19.2.2, RFC 6043, RFC 4567). What a key would show and no key was supplied is not observable.
"""

from __future__ import annotations

import hmac
from contextlib import suppress
from typing import TYPE_CHECKING

from analyzer.checks.rule import Rule
from analyzer.conversations.tls_facts import TlsFacts
from analyzer.evidence import Announced, Evidence
from analyzer.evidence.mikey import (
    TRANSFER_INIT,
    TRANSFER_RESP,
    KeyManagement,
    key_management,
    psk_orders,
    ticket_request,
    ticket_resolve,
    transfer_init,
    transfer_resp,
)
from analyzer.findings import Result, Status, not_applicable, not_observable
from analyzer.flows.instructions import names_of_tcp_events, names_of_tls_events, start_tls_wanted, start_wanted
from analyzer.model import Confidence
from dissectors.errors import DecodeError

if TYPE_CHECKING:
    from dissectors.mikey import Idr, MikeyMessage

RESOLVE_RESP = 18
"Data type of MIKEY-TICKET (RFC 6043 section 6.1); the codec is imported when a message was decoded."

CERTAINLY_OTHER = {0: "SRTP", 1: "TESLA"}
"Protocol types of GENERIC-ID that are registered for something else; none is registered for TLS (RFC 6043, IANA)."
TOLERANCE_NS = 2_000_000
"Packets may be captured up to a millisecond out of order, so two of them may seem exchanged by twice that."


def at(announced: Announced) -> Result:
    """Satisfied by a description."""
    return Result(Status.OK, frames=announced.frames, begin=announced.time, end=announced.sent)


# ---------------------------------------------------------------------- MIKEY in SDP


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


def _init(evidence: Evidence) -> tuple[KeyManagement, MikeyMessage] | Result:
    """The TRANSFER_INIT that is judged, or why none is."""
    if evidence.offer is None:
        return not_observable("the offer was not captured")
    found = transfer_init(evidence)
    if found is None or found.message is None or found.data_type != TRANSFER_INIT:
        return not_applicable("the offer has no TRANSFER_INIT that can be read")
    return found, found.message


def one_crypto_session(rule: Rule, evidence: Evidence) -> Result:
    """#CS is 1."""
    found = _init(evidence)
    if isinstance(found, Result):
        return found
    carrier, message = found
    count = message.header.cs_count
    if count == 1:
        return at(carrier.announced)
    return rule.broken(
        f"TRANSFER_INIT describes {count} Crypto Sessions; there is to be one.",
        carrier.frames,
        expected="#CS = 1",
        actual=f"#CS = {count}",
    )


def protocol_is_tls(rule: Rule, evidence: Evidence) -> Result:
    """The GENERIC-ID protocol type stands for TLS, as far as anybody can tell."""
    found = _init(evidence)
    if isinstance(found, Result):
        return found
    carrier, message = found
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


def ticket_of(rule: Rule, evidence: Evidence) -> Result:
    """A ticket is there, and its flag D fits what is seen of the KMS."""
    found = _init(evidence)
    if isinstance(found, Result):
        return found
    carrier, message = found
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


def own_ticket(rule: Rule, evidence: Evidence) -> Result:
    """A ticket that the MRFC made is of mode 3: D clear, E set."""
    found = _init(evidence)
    if isinstance(found, Result):
        return found
    carrier, message = found
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
    found = _init(evidence)
    if not isinstance(found, Result) and found[1].ticket is not None and not found[1].ticket.flags.f:
        return not_applicable("the ticket policy has no TRANSFER_RESP sent (flag F clear)")
    if evidence.facts is not None and evidence.facts.status >= 300:
        return not_applicable(f"the INVITE was refused with {evidence.facts.status}")
    return carries(rule, evidence.answer, TRANSFER_RESP, "answer")


def secured_offer_with_init(rule: Rule, evidence: Evidence) -> Result:
    """`TCP/TLS/MSRP`, `a=setup:actpass` and TRANSFER_INIT."""
    first = secured_offer(rule, evidence.offer)
    return first if first.status is not Status.OK else carries(rule, evidence.offer, TRANSFER_INIT, "offer")


def is_e2e(evidence: Evidence) -> bool:
    """The key is to come from MIKEY: a=key-mgmt in offer or answer, or neither it nor a certificate's fingerprint."""
    told = [each.media for each in (evidence.offer, evidence.answer) if each is not None and each.media is not None]
    if any(media.key_mgmt for media in told):
        return True
    return not any(media.fingerprints for media in told)


# ---------------------------------------------------------------------- MACs and identities


def transfer_init_accepted(rule: Rule, evidence: Evidence) -> Result:
    """Who accepts an INVITE could decode and resolve its TRANSFER_INIT; else it is rejected."""
    found = _init(evidence)
    if isinstance(found, Result):
        return found
    carrier, _ = found
    facts = evidence.facts
    assert facts is not None
    if facts.status >= 300:
        return at(carrier.announced)  # rejected: the check was made
    unlocked = evidence.session.unlocked
    fits = unlocked.checks.transfer_init if unlocked is not None else None
    if fits is None:
        return not_observable("no key was supplied that opens the ticket")
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


def ticket_resolved(rule: Rule, evidence: Evidence) -> Result:
    """RESOLVE_INIT and RESOLVE_RESP about this ticket, where the capture has the KMS."""
    found = _init(evidence)
    if isinstance(found, Result):
        return found
    _, message = found
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


def response_verified(rule: Rule, evidence: Evidence) -> Result:
    """TRANSFER_RESP's MAC fits, and its responder is one that the ticket allows."""
    found = _init(evidence)
    if isinstance(found, Result):
        return found
    _, message = found
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
        return not_observable("no key was supplied that checks the MAC of TRANSFER_RESP")
    if fits:
        return at(carrier.announced)
    return rule.broken(
        "The MAC of TRANSFER_RESP does not fit.",
        carrier.frames,
        expected="a TRANSFER_RESP that verifies",
        actual="MAC does not fit",
    )


def _responders(message: MikeyMessage) -> list[Idr]:
    from dissectors.mikey import IdRole, decode_policy

    found: list[Idr | None] = [message.identity(IdRole.RESPONDER)]
    if message.ticket is not None:
        with suppress(DecodeError):
            found += decode_policy(message.ticket).responders
    return [each for each in found if each is not None]


def identities_of_sip(rule: Rule, evidence: Evidence) -> Result:
    """IDRi and IDRr are those of From and To (and of the asserted identity)."""
    found = _init(evidence)
    if isinstance(found, Result):
        return found
    carrier, message = found
    from dissectors.mikey import IdRole

    facts = evidence.facts
    assert facts is not None
    for role, uris, header in (
        (IdRole.INITIATOR, [facts.caller.uri], "From"),
        (IdRole.RESPONDER, [facts.callee.uri, facts.request_uri], "To"),
    ):
        identity = message.identity(role)
        if identity is None or not any(uris):
            continue
        told = _user(identity.data.decode("utf-8", "replace"))
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


# ---------------------------------------------------------------------- H.248


def psk_given(rule: Rule, evidence: Evidence) -> Result:
    """The Pre-Shared Key is there, and is the TEK of the crypto session where keys tell that."""
    if evidence.mrfp is None or not evidence.orders:
        return not_observable(evidence.orders_incomplete or "no H.248 about this session in the capture")
    given = psk_orders(evidence)
    if not given:
        if evidence.orders_incomplete:
            return not_observable(evidence.orders_incomplete)
        configure = evidence.configure
        if configure is None:
            return not_observable("no command gives the MRFP a Remote descriptor")
        if configure.reply is not None and not configure.executed:
            return not_applicable("the MRFP refused the command")
        if _up_with_psk(evidence):
            return not_observable("TLS-PSK was set up, so the MRFP has the key: from what the profile does not name")
        return rule.broken(
            "The MRFC did not give the MRFP the Pre-Shared Key for TLS.",
            configure.frames,
            expected=f"property {', '.join(sorted(evidence.profile.psk_properties))}",
            actual="no such property (another carrier: name it in --profile)",
            confidence=Confidence.LIKELY,
        )
    unlocked = evidence.session.unlocked
    teks = [tek.key for tek in unlocked.teks] if unlocked is not None and unlocked.authentic else []
    last = given[-1]
    if teks and not any(hmac.compare_digest(last.key, tek) for tek in teks):
        if _up_with_psk(evidence):
            return not_observable(f"TLS-PSK was set up, so what {last.item} holds is not the key as it is used")
        return rule.broken(
            "The Pre-Shared Key that the MRFC gave the MRFP is not the TEK of the crypto session.",
            last.order.frames,
            expected="the TEK derived from TRANSFER_INIT and TRANSFER_RESP",
            actual=f"another key ({len(last.key)} octets)",
        )
    request = last.order.request
    time = request.time if request is not None else 0
    return Result(Status.OK, frames=last.order.frames, begin=time, end=last.order.asked)


def _up_with_psk(evidence: Evidence) -> bool:
    """Both sides sent Finished, under a PSK: both had the key, however they came by it."""
    tls = tls_of(evidence)
    return tls is not None and tls.established is not None and tls.is_psk is True


def both_failure_events(rule: Rule, evidence: Evidence) -> Result:
    """Events for a failed TCP set-up and for a failed TLS set-up."""
    order = evidence.reserve
    if order is None or order.request is None:
        return not_observable(evidence.orders_incomplete or "the Add of its termination was not captured")
    tcp = [each for each in evidence.orders if names_of_tcp_events(each, evidence.profile)]
    tls = [each for each in evidence.orders if names_of_tls_events(each, evidence.profile)]
    if tcp and tls:
        last = tls[0] if tls[0].request is not None else tcp[0]
        begin = last.request.time if last.request is not None else 0
        frames = tuple(dict.fromkeys((*tcp[0].frames, *tls[0].frames)))
        return Result(Status.OK, frames=frames, begin=begin, end=last.asked)
    if evidence.orders_incomplete:
        return not_observable(evidence.orders_incomplete)
    lacking = " and ".join(word for word, found in (("TCP", tcp), ("TLS", tls)) if not found)
    configure = evidence.configure or order
    others = sorted({event.name for each in evidence.orders for event in each.events()})
    return rule.broken(
        f"The MRFC did not ask the MRFP to report a {lacking} set-up that fails.",
        configure.frames,
        expected="events for failed TCP and failed TLS set-up in the Events descriptor",
        actual=f"Events: {', '.join(others)}" if others else "no Events descriptor",
        confidence=Confidence.LIKELY if others else Confidence.CERTAIN,
    )


def start_of_both(rule: Rule, evidence: Evidence) -> Result:
    """The MRFP is told to start TCP, and TLS once TCP is up."""
    order = evidence.reserve
    if order is None or order.request is None:
        return not_observable(evidence.orders_incomplete or "the Add of its termination was not captured")
    tcp = [each for each in evidence.orders if each.request is not None and start_wanted(each, evidence.profile)]
    tls = [each for each in evidence.orders if each.request is not None and start_tls_wanted(each, evidence.profile)]
    if tcp and tls:
        request = tcp[0].request
        assert request is not None
        return Result(Status.OK, frames=tcp[0].frames, begin=request.time, end=tcp[0].asked)
    answer = evidence.answer
    if answer is None:
        return not_observable("the answer, and so its a=setup, is not in the capture")
    if answer.end.setup != "active":
        return not_applicable("the answer is not a=setup:active, so the MRFP has nothing to start")
    if evidence.orders_incomplete:
        return not_observable(evidence.orders_incomplete)
    if tcp and _started_by_mrfp(evidence):
        return not_observable("the MRFP started TLS, so it was told to: by what the profile does not name")
    lacking = " nor ".join(word for word, found in (("TCP", tcp), ("TLS", tls)) if not found)
    return rule.broken(
        f"The MRFC answered a=setup:active, but did not tell the MRFP to start {lacking}.",
        (*order.frames, *answer.frames),
        expected=f"signals {', '.join(sorted(evidence.profile.start_tcp | evidence.profile.start_tls))}",
        actual=f"no instruction for {lacking}",
    )


def _started_by_mrfp(evidence: Evidence) -> bool:
    connection, tls = evidence.connection, tls_of(evidence)
    if connection is None or tls is None or tls.client is None:
        return False
    opener = evidence.opener(connection)
    return bool(opener) and (opener == "MRFP") == (tls.client == 0)


def reserved_only(rule: Rule, evidence: Evidence) -> Result:
    """Reserve: an Add with Local alone, and the reply to it."""
    order = evidence.reserve
    if order is None or order.request is None:
        return not_observable(evidence.orders_incomplete or "the Add of its termination was not captured")
    if order.reply is not None and not order.executed:
        return not_applicable("the MRFP refused the Add")
    if order.remote is not None and not order.remote.is_empty:
        return rule.broken(
            "The MRFC gave the MRFP a Remote descriptor before the UE had answered.",
            order.frames,
            expected="Add with Local only",
            actual="Add with Remote",
        )
    if order.reply is None:
        return not_observable("the reply to the Add was not captured")
    frames = (*order.frames, *order.reply_frames)
    return Result(Status.OK, frames=frames, begin=order.request.time, end=order.answered)


def configured(rule: Rule, evidence: Evidence) -> Result:
    """Configure: Remote with address and port, the Pre-Shared Key, and both failure events by then."""
    configure = evidence.configure
    if configure is None or configure.request is None:
        return not_observable(evidence.orders_incomplete or "no command gives the MRFP a Remote descriptor")
    remote = configure.remote
    assert remote is not None
    lacks = [name for name, value in (("address", remote.address), ("port", remote.port)) if value in ("", "$")]
    if lacks:
        return rule.broken(
            f"The Remote descriptor that the MRFC gave the MRFP has no {' and no '.join(lacks)}.",
            configure.frames,
            expected="address and port received from the UE",
            actual=f"c= {remote.address or 'absent'}, port {remote.port or 'absent'}",
        )
    parts = (psk_given(rule, evidence), both_failure_events(rule, evidence))
    for part in (*(each for each in parts if each.is_broken), *parts):
        if part.status is not Status.OK:
            return part
    return Result(Status.OK, frames=configure.frames, begin=configure.request.time, end=configure.asked)


def configured_after_verifying(rule: Rule, evidence: Evidence) -> Result:
    """No Configure after a TRANSFER_RESP that does not verify."""
    verified = response_verified(rule, evidence)
    if not verified.is_broken:
        return verified
    configure = evidence.configure
    if configure is None:
        if evidence.orders_incomplete:
            return not_observable(evidence.orders_incomplete)
        # It was verified, and the set-up was not completed.
        return at(evidence.answer) if evidence.answer is not None else verified
    told = verified.findings[0]
    return rule.broken(
        f"{told.message} The MRFC configured the MRFP with it.",
        (*told.frames, *configure.frames),
        expected=f"{told.expected}, or no Configure",
        actual=f"{told.actual}, Configure sent",
        confidence=told.confidence,
    )


# ---------------------------------------------------------------------- TLS


def tls_of(evidence: Evidence) -> TlsFacts | None:
    """TLS on the media connection."""
    connection = evidence.connection
    return connection.tls if connection is not None else None


def tls_started_by(rule: Rule, evidence: Evidence, who: str) -> Result:
    """ClientHello from the MRFP or the UE (`who`), after TCP is up, with a PSK."""
    connection = evidence.connection
    if connection is None:
        return not_observable("no TCP connection between the announced ends in the capture")
    tls = connection.tls
    if tls is None or tls.hello is None:
        return not_observable("no ClientHello in the capture")
    opener = evidence.opener(connection)
    if not opener:
        return not_observable("the begin of the TCP connection was not captured")
    other = "UE" if opener == "MRFP" else "MRFP"
    client = opener if tls.hello.direction == 0 else other
    if client != who:
        return rule.broken(
            f"The {client} started TLS; in this flow the {who} does.",
            tls.hello.frames,
            expected=f"ClientHello from the {who}",
            actual=f"ClientHello from the {client}",
        )
    if connection.established is not None and tls.hello.time < connection.established - TOLERANCE_NS:
        made = evidence.first_step(connection, "ACK, established")
        return rule.broken(
            "TLS was started before the TCP connection was up.",
            (*tls.hello.frames, *(made[1] if made is not None else ())),
            expected="ClientHello after the third segment of the TCP handshake",
            actual="ClientHello before it",
        )
    if tls.is_psk is False:
        return rule.broken(
            "TLS was not set up with a pre-shared key: the key agreed by MIKEY-TICKET protects nothing.",
            tls.hello.frames,
            expected="a PSK cipher suite (RFC 4279), or pre_shared_key in TLS 1.3",
            actual=f"{tls.version} {tls.cipher_suite}",
        )
    end = tls.established.time if tls.established is not None else tls.hello.time
    return Result(Status.OK, frames=tls.hello.frames, begin=tls.hello.time, end=end)
