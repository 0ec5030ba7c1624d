"""A UE joins over TCP: TS 23.333 clause 6.2.20.1, rows TCP-1 to TCP-7 and TCP-F of the requirements.

The MRFP opens the connection, since the MRFC answers `a=setup:active`. Whether it does so before or after the answer
is left open: only what needs another step's result must come after it.
"""

from __future__ import annotations

from analyzer.checks.rule import Rule
from analyzer.evidence import Evidence, Side
from analyzer.findings import Severity
from analyzer.flows.failure import tcp_failure_notified
from analyzer.flows.flow import Flow, Step
from analyzer.flows.joining import (
    answer_of_mrfc,
    connection_by_mrfp,
    failure_event,
    offer_from_ue,
    reserve_and_configure,
    response_with_answer,
    start_of_tcp,
)

CLAUSE = "TS 23.333 clause 6.2.20.1"


def applies(evidence: Evidence) -> bool:
    """MSRP over plain TCP, offered to an MRFC."""
    return evidence.side is Side.ANSWERS and not evidence.is_secured


_WHERE = ("sip", "h248")

TCP_1: Rule = Rule(
    code="TCP-1",
    title="The UE offers TCP/MSRP with a=setup:actpass and its own TCP port.",
    clause=f"{CLAUSE} step 1",
    severity=Severity.ERROR,
    judge=lambda evidence: offer_from_ue(TCP_1, evidence),
    interfaces=("sip",),
    why="Only actpass leaves the choice to the MRFC, which answers active so that the MRFP can open the connection.",
    causes=("The UE offers active because it believes itself behind a NAT.", "The UE does not implement RFC 6135."),
    confirm="Read a=setup and the m= line of the INVITE's SDP.",
    fix="Offer a=setup:actpass with a port on which the UE listens (RFC 4145 section 4, RFC 6135 section 4.2).",
    example="wrong:  m=message 9 TCP/MSRP * / a=setup:active\nright:  m=message 7394 TCP/MSRP * / a=setup:actpass",
)
TCP_2: Rule = Rule(
    code="TCP-2",
    title="Reserve And Configure: the MRFC gives the MRFP the UE's address and port, and lets it choose its own.",
    clause=f"{CLAUSE} steps 2-4",
    severity=Severity.ERROR,
    judge=lambda evidence: reserve_and_configure(TCP_2, evidence),
    interfaces=("h248",),
    why="Without the UE's address the MRFP cannot open the connection.",
    causes=("The MRFC uses Reserve and forgets Configure.", "The Remote descriptor was built from an empty offer."),
    confirm="Read Local and Remote of the Add, and Local of its reply.",
    fix="Send Local with $ for address and port and Remote with c= and m= of the offer, in the Add.",
    example="wrong:  A=ip/1/mb/${M{ST=1{L{...}}}}\nright:  A=ip/1/mb/${M{ST=1{L{...},R{c=IN IP4 198.51.100.7 ...}}}}",
)
TCP_3: Rule = Rule(
    code="TCP-3",
    title="The MRFC asks the MRFP to report a TCP connection that cannot be set up.",
    clause=f"{CLAUSE} steps 2-4",
    severity=Severity.ERROR,
    judge=lambda evidence: failure_event(TCP_3, evidence),
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
TCP_4: Rule = Rule(
    code="TCP-4",
    title="The MRFC tells the MRFP to open the TCP connection, in line with the a=setup of its answer.",
    clause=f"{CLAUSE} steps 2-4",
    severity=Severity.ERROR,
    judge=lambda evidence: start_of_tcp(TCP_4, evidence),
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
TCP_5: Rule = Rule(
    code="TCP-5",
    title="The MRFP opens the TCP connection to the UE.",
    clause=f"{CLAUSE} step 5",
    severity=Severity.ERROR,
    judge=lambda evidence: connection_by_mrfp(TCP_5, evidence),
    interfaces=("tcp",),
    of_set_up=True,
    yields_to=("TCP-REFUSED", "TCP-TIMEOUT", "TCP-1", "TCP-6", "TCP-4"),
    why="Who opens is agreed by a=setup; when the other side opens, a firewall or NAT on the way may drop it.",
    causes=("The UE ignores the answer's a=setup and follows plain RFC 4975 (the offerer connects).",),
    confirm="Look at the direction of the first SYN between the two announced ends.",
    fix="Let the side that is active (RFC 4145) send the SYN.",
    example="wrong:  198.51.100.7:49152 > 203.0.113.5:28563 SYN\nright:  203.0.113.5:28563 > 198.51.100.7:7394 SYN",
)
TCP_6: Rule = Rule(
    code="TCP-6",
    title="The MRFC answers a=setup:active with the address and port received from the MRFP.",
    clause=f"{CLAUSE} step 6",
    severity=Severity.ERROR,
    judge=lambda evidence: answer_of_mrfc(TCP_6, evidence),
    interfaces=_WHERE,
    why="The UE accepts the connection from the address in the answer; another one it may refuse.",
    causes=("The MRFC fills in its own address.", "The answer was built before the reply to the Add was there."),
    confirm="Compare c= and m= of the answer with Local in the reply to the Add.",
    fix="Copy address and port from the MRFP's Local descriptor, and answer a=setup:active.",
    example="reply:  c=IN IP4 203.0.113.5 m=message 28563\nwrong:  answer c=IN IP4 192.0.2.10",
)
TCP_7: Rule = Rule(
    code="TCP-7",
    title="The 200 (or an 18x) to the INVITE carries the SDP answer.",
    clause=f"{CLAUSE} step 7",
    severity=Severity.ERROR,
    judge=lambda evidence: response_with_answer(TCP_7, evidence),
    interfaces=("sip",),
    why="An INVITE with an offer that is accepted without an answer has no media (RFC 3264 section 4).",
    causes=("The MRFC accepted before the MRFP had replied.", "The body was dropped on the way: compare the hops."),
    confirm="Look for application/sdp in the 200 and in the 18x responses.",
    fix="Put the answer into the first reliable response that accepts the INVITE.",
    example="wrong:  SIP/2.0 200 OK ... Content-Length: 0",
)
TCP_F: Rule = Rule(
    code="TCP-F",
    title="The MRFP notifies the MRFC when the TCP connection is refused or times out.",
    clause=f"{CLAUSE} steps 2-4",
    severity=Severity.ERROR,
    judge=lambda evidence: tcp_failure_notified(TCP_F, evidence),
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
        Step(TCP_5, "5", "MRFP", "UE", "TCP SYN, SYN ACK, ACK", ("TCP-4",), too_early=("GEN-2",)),
        Step(TCP_6, "6", "MRFC", "UE", "SDP answer: a=setup:active, address and port of the MRFP", ("TCP-2",)),
        Step(TCP_7, "7", "MRFC", "UE", "200 OK (or 18x) with the answer"),
        Step(TCP_F, "2-4", "MRFP", "MRFC", "Notify: TCP set-up failed", optional=True),
    ),
    notes=(
        "Steps 5 and 6 are independent: the connection may be up before the answer is sent, or after.",
        "Instead of signals the MRFC may use a=setup in the H.248 SDP alone (H.248.89 clause 10).",
    ),
)
