"""The steps that all joining flows share: offer, Reserve And Configure, the TCP connection, the answer.

Each function holds one row of a flow against a session; the row is the rule it is given (TS 23.333 clauses 6.2.20.1,
6.2.19.2.1, 6.2.19.2.2).
"""

from __future__ import annotations

from analyzer.checks.rule import Rule
from analyzer.checks.tcp_connections import TOO_SHORT, is_shown
from analyzer.evidence import Announced, Evidence
from analyzer.findings import Result, Status, not_applicable, not_observable
from analyzer.flows.instructions import names_of_tcp_events, start_wanted
from analyzer.model import Confidence

DISCARD = 9
"The port of an end that will only connect (RFC 4145 section 4.1)."


def offer_from_ue(rule: Rule, evidence: Evidence) -> Result:
    """The UE offers `a=setup:actpass` and a port of its own."""
    offer = evidence.offer
    if offer is None:
        return not_observable("the offer was not captured")
    if offer.end.setup != "actpass":
        told = f"a=setup:{offer.end.setup}" if offer.end.setup else "no a=setup"
        return rule.broken(
            f"The UE's offer has {told} where the flow has a=setup:actpass.",
            offer.frames,
            expected="a=setup:actpass",
            actual=told,
        )
    if offer.end.port in (0, DISCARD):
        return rule.broken(
            f"The UE's offer names port {offer.end.port}: nothing can be connected to it.",
            offer.frames,
            expected="the UE's own TCP port in the m= line",
            actual=f"port {offer.end.port}",
        )
    return Result(Status.OK, frames=offer.frames, begin=offer.time, end=offer.sent)


def reserve_and_configure(rule: Rule, evidence: Evidence) -> Result:
    """A termination with the UE's address and port, and the MRFP's own in the reply."""
    order = evidence.reserve
    if order is None or order.request is None:
        return not_observable(evidence.orders_incomplete or "the Add of its termination was not captured")
    if order.reply is not None and not order.executed:
        return not_applicable("the MRFP refused the Add")
    configure = evidence.configure
    remote = configure.remote if configure is not None else None
    if configure is None or remote is None:
        if lacking := evidence.orders_incomplete or evidence.unseen_configure:
            return not_observable(lacking)
        return rule.broken(
            "The MRFC never gave the MRFP the UE's address and port: no command has a Remote descriptor.",
            (*order.frames, *order.reply_frames),
            expected="a Remote descriptor with c= and m= of the UE",
            actual="Add without Remote",
        )
    lacks = [name for name, value in (("address", remote.address), ("port", remote.port)) if value in ("", "$")]
    if lacks:
        return rule.broken(
            f"The Remote descriptor that the MRFC gave the MRFP has no {' and no '.join(lacks)}.",
            configure.frames,
            expected="address and port received from the UE",
            actual=f"c= {remote.address or 'absent'}, port {remote.port or 'absent'}",
        )
    if order.reply is None:
        return not_observable("the reply to the Add was not captured")
    return Result(Status.OK, frames=(*order.frames, *order.reply_frames), begin=order.request.time, end=order.answered)


def failure_event(rule: Rule, evidence: Evidence) -> Result:
    """An event in some command that reports a failed TCP set-up."""
    order = evidence.reserve
    if order is None or order.request is None:
        return not_observable(evidence.orders_incomplete or "the Add of its termination was not captured")
    for each in evidence.orders:
        if each.request is not None and names_of_tcp_events(each, evidence.profile):
            return Result(Status.OK, frames=each.frames, begin=each.request.time, end=each.asked)
    if evidence.orders_incomplete:
        return not_observable(evidence.orders_incomplete)
    others = sorted({event.name for each in evidence.orders for event in each.events()})
    return rule.broken(
        "The MRFC did not ask the MRFP to report a TCP connection that cannot be set up.",
        order.frames,
        expected=f"an event such as {', '.join(sorted(evidence.profile.tcp_events))} in the Events descriptor",
        actual=f"Events: {', '.join(others)}" if others else "no Events descriptor",
        # An event of a package nobody published may mean the same.
        confidence=Confidence.LIKELY if others else Confidence.CERTAIN,
    )


def start_of_tcp(rule: Rule, evidence: Evidence) -> Result:
    """A signal, or `a=setup` in the H.248 SDP alone, in line with the `a=setup` of the answer."""
    order = evidence.reserve
    if order is None or order.request is None:
        return not_observable(evidence.orders_incomplete or "the Add of its termination was not captured")
    answer = evidence.answer
    # What is told for a later offer contradicts no answer before it.
    passive = answer is not None and answer.end.setup == "passive"
    commands = evidence.set_up_orders if passive else evidence.orders
    wanted = [each for each in commands if each.request is not None and start_wanted(each, evidence.profile)]
    request = wanted[0].request if wanted else None
    altered = evidence.altered(answer) if answer is not None else ""
    if request is not None:
        if answer is not None and passive:
            if altered:
                return not_observable(altered)
            return rule.broken(
                "The MRFC told the MRFP to open the TCP connection, but answered a=setup:passive: both ends will try.",
                (*wanted[0].frames, *answer.frames),
                expected="instructions in line with the answer's a=setup:passive",
                actual="the MRFP is told to open the connection",
            )
        return Result(Status.OK, frames=wanted[0].frames, begin=request.time, end=wanted[0].asked)
    if answer is None:
        return not_observable("the answer, and so its a=setup, is not in the capture")
    if answer.end.setup != "active":
        return not_applicable("the answer is not a=setup:active, so the MRFP has nothing to start")
    if evidence.orders_incomplete or altered:
        return not_observable(evidence.orders_incomplete or altered)
    return rule.broken(
        "The MRFC answered a=setup:active, but did not tell the MRFP to open the TCP connection.",
        (*order.frames, *answer.frames),
        expected=f"signal {', '.join(sorted(evidence.profile.start_tcp))}, or a=setup:active in Local",
        actual="neither",
    )


def connection_by_mrfp(rule: Rule, evidence: Evidence) -> Result:
    """SYN from the MRFP, SYN ACK, ACK."""
    return _connection_by(rule, evidence, "MRFP")


def connection_by_ue(rule: Rule, evidence: Evidence) -> Result:
    """SYN from the UE, SYN ACK, ACK."""
    return _connection_by(rule, evidence, "UE")


def _connection_by(rule: Rule, evidence: Evidence, who: str) -> Result:
    connection = evidence.connection
    if connection is None:
        return not_observable("no TCP connection between the announced ends in the capture")
    syn = evidence.first_step(connection, "SYN")
    opener = evidence.opener(connection)
    if syn is None or not opener:
        return not_observable("the begin of the TCP connection was not captured")
    time, frames = syn
    if connection.outcome in ("refused", "timeout") and connection.established is None:
        if not is_shown(evidence, connection):
            return TOO_SHORT
        return rule.broken(
            "The TCP connection was not set up.", frames, expected="SYN, SYN ACK, ACK", actual=connection.outcome
        )
    if opener != who:
        return rule.broken(
            f"The {opener} opened the TCP connection; in this flow the {who} does.",
            frames,
            expected=f"SYN from the {who}",
            actual=f"SYN from {connection.client.src} to {connection.client.dst}",
        )
    made = evidence.first_step(connection, "ACK, established")
    answered = evidence.first_step(connection, "SYN ACK")
    for step in (answered, made):
        frames = (*frames, *(step[1] if step is not None else ()))
    return Result(Status.OK, frames=frames, begin=time, end=made[0] if made is not None else 0)


def answer_of_mrfc(rule: Rule, evidence: Evidence) -> Result:
    """`a=setup:active`, and the address and port that the MRFP gave."""
    answer = evidence.answer
    if answer is None:
        return not_observable("no answer in the capture")
    if not answer.end.port:
        return not_applicable("the answer rejects the MSRP stream")
    altered = evidence.altered(answer)
    if answer.end.setup != "active" and not _offerer_opens(evidence, answer):
        if altered:
            return not_observable(altered)
        told = f"a=setup:{answer.end.setup}" if answer.end.setup else "no a=setup"
        return rule.broken(
            f"The MRFC's answer has {told} where the flow has a=setup:active.",
            answer.frames,
            expected="a=setup:active",
            actual=told,
        )
    order = evidence.replied
    if order is None:
        return not_observable(evidence.orders_incomplete or "the MRFP's reply to the Add was not captured")
    given = order.replied_local.end if order.replied_local is not None else None
    if given is not None and given.address and answer.end.address:
        same_port = answer.end.port in (given.port, DISCARD)
        if answer.end.address != given.address or not same_port:
            if altered:
                return not_observable(altered)
            return rule.broken(
                "The answer's address and port are not those that the MRFP gave.",
                (*order.reply_frames, *answer.frames),
                expected=f"{given.address} port {given.port}",
                actual=f"{answer.end.address} port {answer.end.port}",
            )
    return Result(Status.OK, frames=answer.frames, begin=answer.time, end=answer.sent)


def _offerer_opens(evidence: Evidence, answer: Announced) -> bool:
    """An offer without `a=setup` leaves nothing but passive to the answer (RFC 6135 section 4.1): TCP-1 tells it."""
    offer = evidence.offer
    return offer is not None and not offer.end.setup and answer.end.setup in ("", "passive")


def response_with_answer(rule: Rule, evidence: Evidence) -> Result:
    """The answer stands in a 200 or an 18x."""
    answer = evidence.answer
    if answer is not None:
        return Result(Status.OK, frames=answer.frames, begin=answer.time, end=answer.sent)
    facts = evidence.facts
    if facts is None or evidence.exchange is None or evidence.offer is None:
        return not_observable("the offer was not captured")
    if facts.status >= 300:
        return not_applicable(f"the INVITE was refused with {facts.status}")
    sip = evidence.offer.message.decoded
    accepted = [
        each
        for each in facts.messages
        if each.decoded.method == "INVITE"
        and 200 <= each.decoded.status < 300
        and each.decoded.cseq == sip.cseq
        and each.decoded.from_tag == sip.from_tag
    ]
    if not accepted:
        return not_observable("no final response to the INVITE in the capture")
    if any(each.decoded.method == "PRACK" for each in facts.messages):
        return not_observable("a reliable 18x, which may have had the answer, was not captured (RFC 3262)")
    return rule.broken(
        "The MRFC accepted the INVITE without an SDP answer.",
        accepted[0].frames,
        expected="an SDP answer in the 200, or in an 18x before it",
        actual="200 without SDP",
    )
