"""A UE joins over TCP: TS 23.333 clause 6.2.20.1, rows TCP-1 to TCP-7 and TCP-F of the requirements.

The MRFP opens the connection, since the MRFC answers `a=setup:active`. Whether it does so before or after the answer
is left open: only what needs another step's result must come after it.
"""

from __future__ import annotations

from analyzer.checks.rule import Rule
from analyzer.evidence import Evidence, Order, Side
from analyzer.findings import OK, Result, Severity, Status, not_applicable, not_observable
from analyzer.flows.failure import tcp_failure_notified
from analyzer.flows.flow import Flow, Step
from analyzer.flows.instructions import names_of_tcp_events, start_wanted
from analyzer.model import Confidence

CLAUSE = "TS 23.333 clause 6.2.20.1"
DISCARD = 9
"The port of an end that will only connect (RFC 4145 section 4.1)."


def applies(evidence: Evidence) -> bool:
    """MSRP over plain TCP, offered to an MRFC."""
    return evidence.side is Side.ANSWERS and not evidence.is_secured


def offer_from_ue(evidence: Evidence) -> Result:
    """TCP-1: `a=setup:actpass` and a port of its own."""
    offer = evidence.offer
    if offer is None:
        return not_observable("the offer was not captured")
    if offer.end.setup != "actpass":
        told = f"a=setup:{offer.end.setup}" if offer.end.setup else "no a=setup"
        return TCP_1.broken(
            f"The UE's offer has {told} where the flow has a=setup:actpass.",
            offer.frames,
            expected="a=setup:actpass",
            actual=told,
        )
    if offer.end.port in (0, DISCARD):
        return TCP_1.broken(
            f"The UE's offer names port {offer.end.port}: nothing can be connected to it.",
            offer.frames,
            expected="the UE's own TCP port in the m= line",
            actual=f"port {offer.end.port}",
        )
    return Result(Status.OK, frames=offer.frames, begin=offer.time, end=offer.time)


def reserve_and_configure(evidence: Evidence) -> Result:
    """TCP-2: a termination with the UE's address and port, and the MRFP's own in the reply."""
    order = evidence.reserve
    if order is None or order.request is None:
        return not_observable(evidence.orders_incomplete or "the Add of its termination was not captured")
    if order.reply is not None and not order.executed:
        return not_applicable("the MRFP refused the Add")
    configure = evidence.configure
    if configure is None:
        if evidence.orders_incomplete:
            return not_observable(evidence.orders_incomplete)
        return TCP_2.broken(
            "The MRFC never gave the MRFP the UE's address and port: no command has a Remote descriptor.",
            (*order.frames, *order.reply_frames),
            expected="a Remote descriptor with c= and m= of the UE",
            actual="Add without Remote",
        )
    remote = configure.remote
    assert remote is not None
    lacks = [name for name, value in (("address", remote.address), ("port", remote.port)) if value in ("", "$")]
    if lacks:
        return TCP_2.broken(
            f"The Remote descriptor that the MRFC gave the MRFP has no {' and no '.join(lacks)}.",
            configure.frames,
            expected="address and port received from the UE",
            actual=f"c= {remote.address or 'absent'}, port {remote.port or 'absent'}",
        )
    if order.reply is None:
        return not_observable("the reply to the Add was not captured")
    return Result(
        Status.OK, frames=(*order.frames, *order.reply_frames), begin=order.request.time, end=_first_reply(order)
    )


def _first_reply(order: Order) -> int:
    """When the reply was there; 0 (unknown) where it was sent again, since the first may have escaped the capture."""
    transaction = order.pair.transaction
    if transaction.reply_copies or transaction.request_copies or order.reply is None:
        return 0
    return order.reply.time


def failure_event(evidence: Evidence) -> Result:
    """TCP-3: an event in some command that reports a failed TCP set-up."""
    order = evidence.reserve
    if order is None or order.request is None:
        return not_observable(evidence.orders_incomplete or "the Add of its termination was not captured")
    for each in evidence.orders:
        if each.request is not None and names_of_tcp_events(each, evidence.profile):
            return Result(Status.OK, frames=each.frames, begin=each.request.time, end=each.request.time)
    if evidence.orders_incomplete:
        return not_observable(evidence.orders_incomplete)
    others = sorted({event.name for each in evidence.orders for event in each.events()})
    return TCP_3.broken(
        "The MRFC did not ask the MRFP to report a TCP connection that cannot be set up.",
        order.frames,
        expected=f"an event such as {', '.join(sorted(evidence.profile.tcp_events))} in the Events descriptor",
        actual=f"Events: {', '.join(others)}" if others else "no Events descriptor",
        # An event of a package nobody published may mean the same.
        confidence=Confidence.LIKELY if others else Confidence.CERTAIN,
    )


def start_of_tcp(evidence: Evidence) -> Result:
    """TCP-4: a signal, or `a=setup` in the H.248 SDP alone, in line with the `a=setup` of the answer."""
    order = evidence.reserve
    if order is None or order.request is None:
        return not_observable(evidence.orders_incomplete or "the Add of its termination was not captured")
    answer = evidence.answer
    wanted = [each for each in evidence.orders if each.request is not None and start_wanted(each, evidence.profile)]
    if wanted:
        request = wanted[0].request
        assert request is not None
        if answer is not None and answer.end.setup == "passive":
            return TCP_4.broken(
                "The MRFC told the MRFP to open the TCP connection, but answered a=setup:passive: both ends will try.",
                (*wanted[0].frames, *answer.frames),
                expected="instructions in line with the answer's a=setup:passive",
                actual="the MRFP is told to open the connection",
            )
        return Result(Status.OK, frames=wanted[0].frames, begin=request.time, end=request.time)
    if answer is None:
        return not_observable("the answer, and so its a=setup, is not in the capture")
    if answer.end.setup != "active":
        return not_applicable("the answer is not a=setup:active, so the MRFP has nothing to start")
    if evidence.orders_incomplete:
        return not_observable(evidence.orders_incomplete)
    return TCP_4.broken(
        "The MRFC answered a=setup:active, but did not tell the MRFP to open the TCP connection.",
        (*order.frames, *answer.frames),
        expected=f"signal {', '.join(sorted(evidence.profile.start_tcp))}, or a=setup:active in Local",
        actual="neither",
    )


def connection_by_mrfp(evidence: Evidence) -> Result:
    """TCP-5: SYN from the MRFP, SYN ACK, ACK."""
    connection = evidence.connection
    if connection is None:
        return not_observable("no TCP connection between the announced ends in the capture")
    syn = evidence.first_step(connection, "SYN")
    opener = evidence.opener(connection)
    if syn is None or not opener:
        return not_observable("the begin of the TCP connection was not captured")
    time, frames = syn
    if connection.outcome in ("refused", "timeout") and connection.established is None:
        return TCP_5.broken(
            "The TCP connection was not set up.", frames, expected="SYN, SYN ACK, ACK", actual=connection.outcome
        )
    if opener != "MRFP":
        return TCP_5.broken(
            "The UE opened the TCP connection; in this flow the MRFP does.",
            frames,
            expected="SYN from the MRFP to the UE",
            actual=f"SYN from {connection.client.src} to {connection.client.dst}",
        )
    made = evidence.first_step(connection, "ACK, established")
    answered = evidence.first_step(connection, "SYN ACK")
    for step in (answered, made):
        frames = (*frames, *(step[1] if step is not None else ()))
    return Result(Status.OK, frames=frames, begin=time, end=made[0] if made is not None else 0)


def answer_of_mrfc(evidence: Evidence) -> Result:
    """TCP-6: `a=setup:active`, and the address and port that the MRFP gave."""
    answer = evidence.answer
    if answer is None:
        return not_observable("no answer in the capture")
    if answer.end.setup != "active":
        told = f"a=setup:{answer.end.setup}" if answer.end.setup else "no a=setup"
        return TCP_6.broken(
            f"The MRFC's answer has {told} where the flow has a=setup:active.",
            answer.frames,
            expected="a=setup:active",
            actual=told,
        )
    given = evidence.allocated_end
    if given is not None:
        same_port = answer.end.port in (given.port, DISCARD)
        if given.address and answer.end.address and (answer.end.address != given.address or not same_port):
            order = evidence.allocated
            assert order is not None
            return TCP_6.broken(
                "The answer's address and port are not those that the MRFP gave.",
                (*order.reply_frames, *answer.frames),
                expected=f"{given.address} port {given.port}",
                actual=f"{answer.end.address} port {answer.end.port}",
            )
    return Result(Status.OK, frames=answer.frames, begin=answer.time, end=answer.time)


def response_with_answer(evidence: Evidence) -> Result:
    """TCP-7: the answer stands in a 200 or an 18x."""
    answer = evidence.answer
    if answer is not None:
        return Result(Status.OK, frames=answer.frames, begin=answer.time, end=answer.time)
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
    return TCP_7.broken(
        "The MRFC accepted the INVITE without an SDP answer.",
        accepted[0].frames,
        expected="an SDP answer in the 200, or in an 18x before it",
        actual="200 without SDP",
    )


def failure_notified(evidence: Evidence) -> Result:
    """TCP-F: what was asked for in TCP-3 comes when the set-up fails."""
    return tcp_failure_notified(evidence, TCP_F)


_WHERE = ("sip", "h248")

TCP_1 = Rule(
    code="TCP-1",
    title="The UE offers TCP/MSRP with a=setup:actpass and its own TCP port.",
    clause=f"{CLAUSE} step 1",
    severity=Severity.ERROR,
    judge=offer_from_ue,
    interfaces=("sip",),
    why="Only actpass leaves the choice to the MRFC, which answers active so that the MRFP can open the connection.",
    causes=("The UE offers active because it believes itself behind a NAT.", "The UE does not implement RFC 6135."),
    confirm="Read a=setup and the m= line of the INVITE's SDP.",
    fix="Offer a=setup:actpass with a port on which the UE listens (RFC 4145 section 4, RFC 6135 section 4.2).",
    example="wrong:  m=message 9 TCP/MSRP * / a=setup:active\nright:  m=message 7394 TCP/MSRP * / a=setup:actpass",
)
TCP_2 = Rule(
    code="TCP-2",
    title="Reserve And Configure: the MRFC gives the MRFP the UE's address and port, and lets it choose its own.",
    clause=f"{CLAUSE} steps 2-4",
    severity=Severity.ERROR,
    judge=reserve_and_configure,
    interfaces=("h248",),
    why="Without the UE's address the MRFP cannot open the connection.",
    causes=("The MRFC uses Reserve and forgets Configure.", "The Remote descriptor was built from an empty offer."),
    confirm="Read Local and Remote of the Add, and Local of its reply.",
    fix="Send Local with $ for address and port and Remote with c= and m= of the offer, in the Add.",
    example="wrong:  A=ip/1/mb/${M{ST=1{L{...}}}}\nright:  A=ip/1/mb/${M{ST=1{L{...},R{c=IN IP4 198.51.100.7 ...}}}}",
)
TCP_3 = Rule(
    code="TCP-3",
    title="The MRFC asks the MRFP to report a TCP connection that cannot be set up.",
    clause=f"{CLAUSE} steps 2-4",
    severity=Severity.ERROR,
    judge=failure_event,
    interfaces=("h248",),
    why="Without the event nobody learns that the participant has no connection: the call stays up and silent.",
    causes=(
        "The event is left out of the template of the Add.",
        "The MRFC asks with an event of a package this tool does not know: name it in --profile.",
    ),
    confirm="Read the Events descriptor of the Add; H.248.89 defines the package tcpbcc.",
    fix="Add the event for failed TCP set-up, such as tcpbcc/BNCChange{Type=failed}, to the Events descriptor.",
    example="wrong:  E=9001{hangterm/thb{timerx=3600}}\nright:  E=9001{tcpbcc/BNCChange{ST=1,Type=failed},...}",
)
TCP_4 = Rule(
    code="TCP-4",
    title="The MRFC tells the MRFP to open the TCP connection, in line with the a=setup of its answer.",
    clause=f"{CLAUSE} steps 2-4",
    severity=Severity.ERROR,
    judge=start_of_tcp,
    interfaces=_WHERE,
    why="Having answered active, nobody but the MRFP opens the connection; the UE waits for its SYN.",
    causes=(
        "The Signals descriptor is missing, and the profile does not use package-less control by a=setup.",
        "The answer's a=setup is chosen after the Add was sent.",
    ),
    confirm="Read Signals and a=setup in Local of the Add, and a=setup of the answer.",
    fix="Send the signal that establishes TCP (tcpbcc/EstBNC), or a=setup:active in Local, when answering active.",
    example="wrong:  no SG, answer a=setup:active\nright:  SG{tcpbcc/EstBNC{ST=1}}, answer a=setup:active",
)
TCP_5 = Rule(
    code="TCP-5",
    title="The MRFP opens the TCP connection to the UE.",
    clause=f"{CLAUSE} step 5",
    severity=Severity.ERROR,
    judge=connection_by_mrfp,
    interfaces=("tcp",),
    yields_to=("TCP-REFUSED", "TCP-TIMEOUT", "TCP-1", "TCP-6", "TCP-4"),
    why="Who opens is agreed by a=setup; when the other side opens, a firewall or NAT on the way may drop it.",
    causes=("The UE ignores the answer's a=setup and follows plain RFC 4975 (the offerer connects).",),
    confirm="Look at the direction of the first SYN between the two announced ends.",
    fix="Let the side that is active (RFC 4145) send the SYN.",
    example="wrong:  198.51.100.7:49152 > 203.0.113.5:28563 SYN\nright:  203.0.113.5:28563 > 198.51.100.7:7394 SYN",
)
TCP_6 = Rule(
    code="TCP-6",
    title="The MRFC answers a=setup:active with the address and port received from the MRFP.",
    clause=f"{CLAUSE} step 6",
    severity=Severity.ERROR,
    judge=answer_of_mrfc,
    interfaces=_WHERE,
    why="The UE accepts the connection from the address in the answer; another one it may refuse.",
    causes=("The MRFC fills in its own address.", "The answer was built before the reply to the Add was there."),
    confirm="Compare c= and m= of the answer with Local in the reply to the Add.",
    fix="Copy address and port from the MRFP's Local descriptor, and answer a=setup:active.",
    example="reply:  c=IN IP4 203.0.113.5 m=message 28563\nwrong:  answer c=IN IP4 192.0.2.10",
)
TCP_7 = Rule(
    code="TCP-7",
    title="The 200 (or an 18x) to the INVITE carries the SDP answer.",
    clause=f"{CLAUSE} step 7",
    severity=Severity.ERROR,
    judge=response_with_answer,
    interfaces=("sip",),
    why="An INVITE with an offer that is accepted without an answer has no media (RFC 3264 section 4).",
    causes=("The MRFC accepted before the MRFP had replied.", "The body was dropped on the way: compare the hops."),
    confirm="Look for application/sdp in the 200 and in the 18x responses.",
    fix="Put the answer into the first reliable response that accepts the INVITE.",
    example="wrong:  SIP/2.0 200 OK ... Content-Length: 0",
)
TCP_F = Rule(
    code="TCP-F",
    title="The MRFP notifies the MRFC when the TCP connection is refused or times out.",
    clause=f"{CLAUSE} steps 2-4",
    severity=Severity.ERROR,
    judge=failure_notified,
    interfaces=("h248", "tcp"),
    why="The MRFC can release the participant and tell why only when it hears of the failure.",
    causes=("The MRFP does not support the event, or reports only failures of an established connection.",),
    confirm="After the RST, or the last SYN, look for a Notify with the event that the Add asked for.",
    fix="Send Notify with the RequestID of the Events descriptor as soon as the set-up has failed.",
    example="N=ip/1/mb/33{OE=9001{tcpbcc/BNCChange{ST=1,Type=failed}}}",
)

FLOW = Flow(
    id="tcp-dial-in",
    title="A UE joins a messaging conference over TCP",
    clause=CLAUSE,
    roles=("UE", "MRFC", "MRFP"),
    applies=applies,
    steps=(
        Step(TCP_1, "1", "UE", "MRFC", "INVITE, SDP offer: TCP/MSRP, a=setup:actpass"),
        Step(TCP_2, "2-4", "MRFC", "MRFP", "Reserve And Configure: Add with Local $ and Remote; reply", ("TCP-1",)),
        Step(TCP_3, "2-4", "MRFC", "MRFP", "Events: TCP set-up failure", ("TCP-1",)),
        Step(TCP_4, "2-4", "MRFC", "MRFP", "Signals: open the TCP connection", ("TCP-1",)),
        Step(TCP_5, "5", "MRFP", "UE", "TCP SYN, SYN ACK, ACK", ("TCP-4",)),
        Step(TCP_6, "6", "MRFC", "UE", "SDP answer: a=setup:active, address and port of the MRFP", ("TCP-2",)),
        Step(TCP_7, "7", "MRFC", "UE", "200 OK (or 18x) with the answer"),
        Step(TCP_F, "2-4", "MRFP", "MRFC", "Notify: TCP set-up failed", optional=True),
    ),
    notes=(
        "Steps 5 and 6 are independent: the connection may be up before the answer is sent, or after.",
        "Instead of signals the MRFC may use a=setup in the H.248 SDP alone (H.248.89 clause 10).",
    ),
)

__all__ = ["FLOW", "OK"]
