"""How the MRFC reserves and configures a secured termination (TS 23.333 clauses 6.2.19.2.1 and 6.2.19.2.2).

The Pre-Shared Key, the events of a failed set-up, and what starts TCP and TLS.
"""

from __future__ import annotations

import hmac

from analyzer.checks.rule import Rule
from analyzer.evidence import Evidence
from analyzer.evidence.mikey import psk_carriers, psk_orders
from analyzer.findings import Result, Status, not_applicable, not_observable
from analyzer.flows.instructions import names_of_tcp_events, names_of_tls_events, start_tls_wanted, start_wanted
from analyzer.flows.macs import response_verified
from analyzer.flows.tls_start import tls_of
from analyzer.flows.transfer_init import at
from analyzer.model import Confidence
from analyzer.profile import DEFAULT_PROFILE


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
        if psk_carriers(evidence):
            return not_observable("the value of the Pre-Shared Key's property is not hexadecimal")
        if _up_with_psk(evidence) and evidence.profile.psk_properties == DEFAULT_PROFILE.psk_properties:
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
    # What is given for a later offer is the key of another exchange.
    of_set_up = [each for each in given if each.order in evidence.set_up_orders]
    if not of_set_up:
        return not_observable("a later offer came before the MRFP was given a key")
    last = of_set_up[-1]
    if teks and not any(hmac.compare_digest(last.key, tek) for tek in teks):
        works = _up_with_psk(evidence)
        return rule.broken(
            "The Pre-Shared Key that the MRFC gave the MRFP is not the TEK of the crypto session.",
            last.order.frames,
            expected="the TEK derived from TRANSFER_INIT and TRANSFER_RESP",
            actual=f"another key ({len(last.key)} octets)" + (", and TLS-PSK was set up all the same" if works else ""),
            confidence=Confidence.LIKELY if works else Confidence.CERTAIN,
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
    request = tcp[0].request if tcp else None
    if request is not None and tls:
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
    remote = configure.remote if configure is not None else None
    if configure is None or configure.request is None or remote is None:
        return not_observable(evidence.orders_incomplete or "no command gives the MRFP a Remote descriptor")
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
