"""A UE joins with end-to-end security: TS 23.333 clause 6.2.19.2.1, rows DIN-1a to DIN-10b and DIN-F.

The key of TLS comes from MIKEY-TICKET in the SDP; the MRFP opens TCP and starts TLS. TLS may finish before or after the
200: where the key needs TRANSFER_RESP (forking, RANDRr) the UE cannot finish earlier.
"""

from __future__ import annotations

from analyzer.checks.rule import Rule
from analyzer.evidence import Evidence, Side
from analyzer.evidence.mikey import TRANSFER_INIT
from analyzer.findings import Severity
from analyzer.flows.failure import failure_notified
from analyzer.flows.flow import Flow, Step
from analyzer.flows.joining import connection_by_mrfp, reserve_and_configure, response_with_answer
from analyzer.flows.macs import response_verified, ticket_resolved, transfer_init_accepted
from analyzer.flows.mikey_in_sdp import (
    answered_with_resp,
    carries,
    is_e2e,
    one_crypto_session,
    protocol_is_tls,
    secured_offer,
    ticket_of,
)
from analyzer.flows.pre_shared_key import both_failure_events, psk_given, start_of_both
from analyzer.flows.tls_start import tls_started_by

CLAUSE = "TS 23.333 clause 6.2.19.2.1"


def applies(evidence: Evidence) -> bool:
    """MSRP over TLS with a key from MIKEY, offered to an MRFC."""
    return evidence.side is Side.ANSWERS and evidence.is_secured and is_e2e(evidence)


DIN_1A: Rule = Rule(
    code="DIN-1a",
    title="The UE's offer carries TRANSFER_INIT in a=key-mgmt:mikey.",
    clause=f"{CLAUSE} step 1",
    severity=Severity.ERROR,
    judge=lambda evidence: carries(DIN_1A, evidence.offer, TRANSFER_INIT, "offer"),
    interfaces=("sip",),
    why="Without TRANSFER_INIT the MRFC has no key for TLS-PSK and can only reject the offer.",
    causes=(
        "The UE offers certificates (a=fingerprint) instead of MIKEY-TICKET.",
        "The attribute was cut or re-wrapped on the way: compare the hops.",
    ),
    confirm="Decode the base64 behind a=key-mgmt:mikey: its second octet is the data type, 14.",
    fix="Put TRANSFER_INIT into a=key-mgmt:mikey of the message section.",
    example="right:  a=key-mgmt:mikey AQ4F...",
)
DIN_1B: Rule = Rule(
    code="DIN-1b",
    title="TRANSFER_INIT describes exactly one Crypto Session.",
    clause=f"{CLAUSE} step 1",
    severity=Severity.ERROR,
    judge=lambda evidence: one_crypto_session(DIN_1B, evidence),
    interfaces=("sip",),
    yields_to=("DIN-1a",),
    why="One MSRP stream has one TLS session and one key (TS 33.328 Annex H.3).",
    causes=("The UE counts RTP and RTCP, as for SRTP.",),
    confirm="Read octet 9 of TRANSFER_INIT (#CS).",
    fix="Describe one Crypto Session.",
    example="wrong:  #CS = 2",
)
DIN_1C: Rule = Rule(
    code="DIN-1c",
    title="The protocol type of the Crypto Session is TLS.",
    clause=f"{CLAUSE} step 1",
    severity=Severity.ERROR,
    judge=lambda evidence: protocol_is_tls(DIN_1C, evidence),
    interfaces=("sip",),
    yields_to=("DIN-1a",),
    why="A key for SRTP or TESLA is derived and used otherwise.",
    causes=("The MIKEY code was written for SRTP and never sets the type.",),
    confirm="Read the protocol type in the GENERIC-ID map: 0 is SRTP, 1 TESLA; no value for TLS is registered.",
    fix="Set the protocol type that both sides use for TLS.",
    example="wrong:  CS ID 1, Prot type 0 (SRTP)",
)
DIN_1D: Rule = Rule(
    code="DIN-1d",
    title="The UE offers TCP/TLS/MSRP with a=setup:actpass.",
    clause=f"{CLAUSE} step 1",
    severity=Severity.ERROR,
    judge=lambda evidence: secured_offer(DIN_1D, evidence.offer),
    interfaces=("sip",),
    why="Only actpass leaves the choice to the MRFC, which answers active so that the MRFP can open the connection.",
    causes=("The UE does not implement RFC 6135.",),
    confirm="Read a=setup and the m= line of the INVITE's SDP.",
    fix="Offer TCP/TLS/MSRP with a=setup:actpass.",
    example="wrong:  a=setup:active",
)
DIN_1E: Rule = Rule(
    code="DIN-1e",
    title="The ticket comes from the KMS or is self-made, as the policy allows, and says so.",
    clause=f"{CLAUSE} step 1",
    severity=Severity.ERROR,
    judge=lambda evidence: ticket_of(DIN_1E, evidence),
    interfaces=("sip",),
    yields_to=("DIN-1a",),
    why="Who made the ticket decides who can resolve it.",
    causes=("The ticket was copied and its flags were not.",),
    confirm="Compare flag D of the ticket policy with the Ticket Request to the KMS, if there was one.",
    fix="Keep the ticket as the KMS gave it.",
    example="wrong:  ticket of REQUEST_RESP with flag D clear",
)
DIN_3A: Rule = Rule(
    code="DIN-3a",
    title="The MRFC decodes TRANSFER_INIT and resolves the ticket, or rejects the INVITE.",
    clause=f"{CLAUSE} step 3",
    severity=Severity.ERROR,
    judge=lambda evidence: transfer_init_accepted(DIN_3A, evidence),
    interfaces=("sip",),
    yields_to=("DIN-1a",),
    why="Who accepts what does not verify may talk to an impostor.",
    causes=("The MRFC does not check the MAC.", "An identity that the MAC covers is spelled otherwise."),
    confirm="Check the MAC of V with MPKi of the ticket.",
    fix="Reject with 488 when TRANSFER_INIT does not verify.",
    example="wrong:  TRANSFER_INIT whose MAC does not verify, answered with 200 OK\n"
    "right:  TRANSFER_INIT whose MAC does not verify, answered with 488 Not Acceptable Here",
)
DIN_3B: Rule = Rule(
    code="DIN-3b",
    title="The MRFC resolves the ticket at the KMS.",
    clause=f"{CLAUSE} step 3",
    severity=Severity.ERROR,
    judge=lambda evidence: ticket_resolved(DIN_3B, evidence),
    interfaces=("sip", "http"),
    yields_to=("DIN-1a",),
    why="Flag E asks for it: only the KMS gives the keys, and decides who may have them.",
    causes=("The KMS does not know the MRFC.", "The ticket has expired."),
    confirm="Look for RESOLVE_INIT and RESOLVE_RESP over HTTP between the MRFC and the KMS.",
    fix="Reject the INVITE when the KMS refuses.",
    example="wrong:  the KMS answers RESOLVE_INIT with an error, the MRFC answers the INVITE with 200 OK\n"
    "right:  RESOLVE_INIT, RESOLVE_RESP, then 200 OK",
)
DIN_4A: Rule = Rule(
    code="DIN-4a",
    title="Reserve And Configure for TCP/TLS/MSRP with the UE's address and port.",
    clause=f"{CLAUSE} steps 4-6",
    severity=Severity.ERROR,
    judge=lambda evidence: reserve_and_configure(DIN_4A, evidence),
    interfaces=("h248",),
    why="Without the UE's address the MRFP cannot open the connection.",
    causes=("The MRFC uses Reserve and forgets Configure.",),
    confirm="Read Local and Remote of the Add, and Local of its reply.",
    fix="Send Local with $ and Remote with c= and m= of the offer, in the Add.",
    example="wrong:  R{... m=message 7394 TCP/MSRP *}\n"
    "right:  L{c=IN IP4 $, m=message $ TCP/TLS/MSRP *},R{c=IN IP4 198.51.100.7, m=message 7394 TCP/TLS/MSRP *}",
)
DIN_4B: Rule = Rule(
    code="DIN-4b",
    title="The MRFC gives the MRFP the Pre-Shared Key: the TEK of the Crypto Session.",
    clause=f"{CLAUSE} steps 4-6",
    severity=Severity.ERROR,
    judge=lambda evidence: psk_given(DIN_4B, evidence),
    interfaces=("h248",),
    yields_to=("DIN-4a",),
    why="With another key, or none, the TLS handshake fails.",
    causes=(
        "The TGK is given instead of the TEK.",
        "The TEK was derived without RANDRr, or before forking.",
        "The property is another one here: name it in --profile.",
    ),
    confirm="Compare the property with the TEK that --keys derives (the tool does; it never prints keys).",
    fix="Give the TEK of CS ID 1 as the Pre-Shared Key.",
    example="wrong:  O{MO=SR}\nright:  O{MO=SR,tlsbsc/psk=...}",
)
DIN_4C: Rule = Rule(
    code="DIN-4c",
    title="The MRFC asks the MRFP to report failed TCP and failed TLS set-up.",
    clause=f"{CLAUSE} steps 4-6",
    severity=Severity.ERROR,
    judge=lambda evidence: both_failure_events(DIN_4C, evidence),
    interfaces=("h248",),
    yields_to=("DIN-4a",),
    why="Without the events nobody learns that the participant has no connection.",
    causes=("The TLS event is missing from the template of the Add.",),
    confirm="Read the Events descriptor of the Add (packages tcpbcc and tlsbsc).",
    fix="Ask for both events.",
    example="wrong:  E=9001{tcpbcc/BNCChange{Type=failed}}",
)
DIN_4D: Rule = Rule(
    code="DIN-4d",
    title="The MRFC asks the MRFP to start TCP, and TLS once TCP is up.",
    clause=f"{CLAUSE} steps 4-6",
    severity=Severity.ERROR,
    judge=lambda evidence: start_of_both(DIN_4D, evidence),
    interfaces=("sip", "h248"),
    yields_to=("DIN-4a",),
    why="Having answered active, nobody but the MRFP opens the connection and starts TLS.",
    causes=("Only the TCP signal is in the Signals descriptor.",),
    confirm="Read Signals of the Add, and a=setup of the answer.",
    fix="Send the signals that establish TCP and TLS.",
    example="right:  SG{tcpbcc/EstBNC{ST=1},tlsbsc/EstBNC{ST=1}}",
)
DIN_7: Rule = Rule(
    code="DIN-7",
    title="The MRFP opens the TCP connection to the UE.",
    clause=f"{CLAUSE} step 7",
    severity=Severity.ERROR,
    judge=lambda evidence: connection_by_mrfp(DIN_7, evidence),
    interfaces=("tcp",),
    of_set_up=True,
    yields_to=("TCP-REFUSED", "TCP-TIMEOUT", "DIN-1d", "DIN-10a", "DIN-4d"),
    why="Who opens is agreed by a=setup.",
    causes=("The UE follows plain RFC 4975 (the offerer connects).",),
    confirm="Look at the direction of the first SYN between the announced ends.",
    fix="Let the side that is active (RFC 4145) send the SYN.",
    example="wrong:  198.51.100.7:49152 > 203.0.113.5:28563 SYN\nright:  203.0.113.5:28563 > 198.51.100.7:7394 SYN",
)
DIN_8: Rule = Rule(
    code="DIN-8",
    title="The MRFP starts TLS with that Pre-Shared Key once TCP is up.",
    clause=f"{CLAUSE} step 8",
    severity=Severity.ERROR,
    judge=lambda evidence: tls_started_by(DIN_8, evidence, "MRFP"),
    interfaces=("tcp",),
    of_set_up=True,
    yields_to=("DIN-7", "DIN-4d"),
    why="Both sides waiting for a ClientHello, or both sending one, is the classic failure of this set-up.",
    causes=("The TLS role is taken from another attribute than a=setup.",),
    confirm="Look who sends the ClientHello, and which suites it offers.",
    fix="Let the MRFP send the ClientHello, with PSK suites.",
    example="wrong:  198.51.100.7:7394 > 203.0.113.5:28563 ClientHello\n"
    "right:  203.0.113.5:28563 > 198.51.100.7:7394 ClientHello, TLS_PSK_WITH_AES_128_GCM_SHA256",
)
DIN_9: Rule = Rule(
    code="DIN-9",
    title="The answer carries TRANSFER_RESP in a=key-mgmt.",
    clause=f"{CLAUSE} step 9",
    severity=Severity.ERROR,
    judge=lambda evidence: answered_with_resp(DIN_9, evidence),
    interfaces=("sip",),
    yields_to=("DIN-1a", "DIN-10a"),
    why="It holds what the UE needs to derive the key (RANDRr, RANDRkms, IDRr).",
    causes=("The MRFC answers before the KMS did.",),
    confirm="Decode the base64 behind a=key-mgmt:mikey of the answer: data type 15.",
    fix="Put TRANSFER_RESP into a=key-mgmt:mikey of the answer.",
    example="right:  a=key-mgmt:mikey AQ8F...",
)
DIN_10A: Rule = Rule(
    code="DIN-10a",
    title="The 200 (or an 18x) to the INVITE carries the SDP answer.",
    clause=f"{CLAUSE} step 10",
    severity=Severity.ERROR,
    judge=lambda evidence: response_with_answer(DIN_10A, evidence),
    interfaces=("sip",),
    why="An INVITE with an offer that is accepted without an answer has no media (RFC 3264 section 4).",
    causes=("The MRFC accepted before the MRFP had replied.",),
    confirm="Look for application/sdp in the 200 and in the 18x responses.",
    fix="Put the answer into the first reliable response that accepts the INVITE.",
    example="wrong:  SIP/2.0 200 OK ... Content-Length: 0",
)
DIN_10B: Rule = Rule(
    code="DIN-10b",
    title="The UE verifies TRANSFER_RESP and that its responder is one that the ticket allows.",
    clause=f"{CLAUSE} step 10",
    severity=Severity.ERROR,
    judge=lambda evidence: response_verified(DIN_10B, evidence),
    interfaces=("sip",),
    yields_to=("DIN-9",),
    why="Else anybody who can answer the INVITE is taken for the conference.",
    causes=(
        "The MAC was computed over another TRANSFER_INIT (a re-written offer).",
        "A B2BUA answered in the name of another.",
    ),
    confirm="Check the MAC of V over TRANSFER_RESP and TRANSFER_INIT; compare IDRr with the ticket policy.",
    fix="End the session when TRANSFER_RESP does not verify.",
    example="wrong:  TRANSFER_RESP with a responder that the ticket does not allow, answered with ACK and MSRP\n"
    "right:  the same, answered with ACK and BYE",
)
DIN_F: Rule = Rule(
    code="DIN-F",
    title="The MRFP notifies the MRFC when TCP or TLS cannot be set up.",
    clause=f"{CLAUSE} steps 4-6",
    severity=Severity.ERROR,
    judge=lambda evidence: failure_notified(DIN_F, evidence),
    interfaces=("h248", "tcp"),
    why="The MRFC can release the participant and tell why only when it hears of the failure.",
    causes=("The MRFP does not support the events.",),
    confirm="After the RST, the last SYN or the alert look for a Notify.",
    fix="Send Notify with the RequestID of the Events descriptor.",
    example="right:  N=ip/1/mb/33{OE=9001{tlsbsc/BNCChange{ST=1,Type=failed}}}",
)

FLOW = Flow(
    id="e2e-dial-in",
    title="A UE joins a messaging conference with end-to-end security",
    clause=CLAUSE,
    roles=("UE", "MRFC", "MRFP", "KMS"),
    applies=applies,
    steps=(
        Step(DIN_1A, "1", "UE", "MRFC", "INVITE, SDP offer: a=key-mgmt:mikey TRANSFER_INIT"),
        Step(DIN_1B, "1", "UE", "MRFC", "one Crypto Session"),
        Step(DIN_1C, "1", "UE", "MRFC", "protocol type TLS"),
        Step(DIN_1D, "1", "UE", "MRFC", "TCP/TLS/MSRP, a=setup:actpass"),
        Step(DIN_1E, "1", "UE", "MRFC", "a ticket, by policy"),
        Step(DIN_3A, "3", "MRFC", "MRFC", "checks TRANSFER_INIT"),
        Step(DIN_3B, "3", "MRFC", "KMS", "resolves the ticket at the KMS", ("DIN-1a",), optional=True),
        Step(DIN_4A, "4-6", "MRFC", "MRFP", "Reserve And Configure: Add with Local $ and Remote; reply", ("DIN-1a",)),
        Step(DIN_4B, "4-6", "MRFC", "MRFP", "Pre-Shared Key", ("DIN-3b",)),
        Step(DIN_4C, "4-6", "MRFC", "MRFP", "Events: TCP and TLS set-up failure"),
        Step(DIN_4D, "4-6", "MRFC", "MRFP", "Signals: open TCP, then TLS", ("DIN-1a",)),
        Step(DIN_7, "7", "MRFP", "UE", "TCP SYN, SYN ACK, ACK", ("DIN-4d",)),
        Step(DIN_8, "8", "MRFP", "UE", "TLS-PSK handshake: ClientHello"),
        Step(DIN_9, "9", "MRFC", "UE", "SDP answer: a=key-mgmt:mikey TRANSFER_RESP", ("DIN-4a",)),
        Step(DIN_10A, "10", "MRFC", "UE", "200 OK (or 18x) with the answer"),
        Step(DIN_10B, "10", "UE", "UE", "verifies TRANSFER_RESP"),
        Step(DIN_F, "4-6", "MRFP", "MRFC", "Notify: TCP or TLS set-up failed", optional=True),
    ),
    notes=("TLS may finish before or after the answer: the order of these steps does not bind.",),
)
