"""The MRFC invites a UE with end-to-end security: TS 23.333 clause 6.2.19.2.2, rows DOUT-1a to DOUT-13.

The MRFC reserves, offers, and configures the MRFP once the answer verified; the UE opens TCP and starts TLS, with the
key it derived itself (the clause has it receive the information element, which only the MRFP does).
"""

from __future__ import annotations

from analyzer.checks.rule import Rule
from analyzer.evidence import Evidence, Side
from analyzer.findings import Severity
from analyzer.flows.flow import Flow, Step
from analyzer.flows.joining import connection_by_ue
from analyzer.flows.macs import identities_of_sip, ticket_resolved
from analyzer.flows.mikey_in_sdp import answered_with_resp, is_e2e, one_tls_session, own_ticket, secured_offer_with_init
from analyzer.flows.pre_shared_key import configured, configured_after_verifying, reserved_only
from analyzer.flows.tls_start import tls_started_by

CLAUSE = "TS 23.333 clause 6.2.19.2.2"


def applies(evidence: Evidence) -> bool:
    """MSRP over TLS with a key from MIKEY, offered by an MRFC."""
    return evidence.side is Side.OFFERS and evidence.is_secured and is_e2e(evidence)


DOUT_1A: Rule = Rule(
    code="DOUT-1a",
    title="The MRFC generates TRANSFER_INIT; a ticket of its own is of mode 3.",
    clause=f"{CLAUSE} step 1",
    severity=Severity.ERROR,
    judge=lambda evidence: own_ticket(DOUT_1A, evidence),
    interfaces=("sip",),
    yields_to=("DOUT-5",),
    why="In mode 3 the UE resolves the ticket with the KMS, which then vouches for the MRFC.",
    causes=("The MRFC clears flag E and expects the UE to know its ticket key (mode 4).",),
    confirm="Read the flags of the ticket policy: D (made by the KMS), E (resolve with the KMS).",
    fix="Set flag E in tickets that the MRFC makes.",
    example="wrong:  ticket flags D=1 E=0 in a ticket that the MRFC made\nright:  ticket flags D=0 E=1",
)
DOUT_1B: Rule = Rule(
    code="DOUT-1b",
    title="Initiator and responder in TRANSFER_INIT are the identities derived from From and To.",
    clause=f"{CLAUSE} step 1",
    severity=Severity.ERROR,
    judge=lambda evidence: identities_of_sip(DOUT_1B, evidence),
    interfaces=("sip",),
    yields_to=("DOUT-5",),
    why="The KMS decides by them who may resolve the ticket, and the UE checks who calls.",
    causes=(
        "The conference URI and its factory URI are mixed up.",
        "Identities are written with parameters or another scheme.",
    ),
    confirm="Compare IDRi with From and IDRr with To of the INVITE.",
    fix="Derive IDRi from From and IDRr from To.",
    example="wrong:  To: <sip:bob@ims.example.net>, IDRr sip:bob@198.51.100.7\n"
    "right:  To: <sip:bob@ims.example.net>, IDRr sip:bob@ims.example.net",
)
DOUT_1C: Rule = Rule(
    code="DOUT-1c",
    title="TRANSFER_INIT describes one Crypto Session, of protocol type TLS.",
    clause=f"{CLAUSE} step 1",
    severity=Severity.ERROR,
    judge=lambda evidence: one_tls_session(DOUT_1C, evidence),
    interfaces=("sip",),
    yields_to=("DOUT-5",),
    why="One MSRP stream has one TLS session and one key (TS 33.328 Annex H.3).",
    causes=("The MRFC counts RTP and RTCP, as for SRTP.",),
    confirm="Read octet 9 of TRANSFER_INIT (#CS).",
    fix="Describe one Crypto Session.",
    example="wrong:  #CS = 2",
)
DOUT_2: Rule = Rule(
    code="DOUT-2",
    title="Reserve: the MRFC lets the MRFP allocate its end, before it knows the UE's.",
    clause=f"{CLAUSE} steps 2-4",
    severity=Severity.ERROR,
    judge=lambda evidence: reserved_only(DOUT_2, evidence),
    interfaces=("h248",),
    yields_to=("SEND-1",),
    why="The offer must say where the MRFP will be reached.",
    causes=("A Remote descriptor of an earlier call is sent along.",),
    confirm="Read the Add that comes before the INVITE: Local with $, no Remote.",
    fix="Send the Add with Local only; configure Remote with the answer.",
    example="wrong:  no Add before the INVITE\n"
    "right:  A=ip/1/mb/${M{ST=1{L{c=IN IP4 $, m=message $ TCP/TLS/MSRP *, a=path:$}}}}",
)
DOUT_5: Rule = Rule(
    code="DOUT-5",
    title="The MRFC offers TCP/TLS/MSRP, a=setup:actpass, and TRANSFER_INIT in a=key-mgmt.",
    clause=f"{CLAUSE} step 5",
    severity=Severity.ERROR,
    judge=lambda evidence: secured_offer_with_init(DOUT_5, evidence),
    interfaces=("sip",),
    why="Without TRANSFER_INIT the UE has no key for TLS-PSK and can only reject the offer.",
    causes=(
        "The MRFC offers certificates (a=fingerprint) instead of MIKEY-TICKET.",
        "The attribute was cut or re-wrapped on the way: compare the hops.",
    ),
    confirm="Decode the base64 behind a=key-mgmt:mikey: its second octet is the data type, 14.",
    fix="Put TRANSFER_INIT into a=key-mgmt:mikey of the message section.",
    example="right:  a=key-mgmt:mikey AQ4F...",
)
DOUT_7: Rule = Rule(
    code="DOUT-7",
    title="The UE resolves the ticket at the KMS.",
    clause=f"{CLAUSE} step 7",
    severity=Severity.ERROR,
    judge=lambda evidence: ticket_resolved(DOUT_7, evidence),
    interfaces=("sip", "http"),
    yields_to=("DOUT-5",),
    why="Flag E asks for it: only the KMS gives the keys, and decides who may have them.",
    causes=("The KMS does not know the UE.", "The ticket has expired."),
    confirm="Look for RESOLVE_INIT and RESOLVE_RESP over HTTP between the UE and the KMS.",
    fix="Reject the INVITE when the KMS refuses.",
    example="wrong:  the KMS answers RESOLVE_INIT with an error, the UE answers the INVITE with 200 OK\n"
    "right:  RESOLVE_INIT, RESOLVE_RESP, then 200 OK",
)
DOUT_8: Rule = Rule(
    code="DOUT-8",
    title="The 200 (or an 18x) carries TRANSFER_RESP.",
    clause=f"{CLAUSE} step 8",
    severity=Severity.ERROR,
    judge=lambda evidence: answered_with_resp(DOUT_8, evidence),
    interfaces=("sip",),
    yields_to=("DOUT-5",),
    why="It holds what the MRFC needs to derive the key (RANDRr, RANDRkms, IDRr).",
    causes=("The UE answers before the KMS did.",),
    confirm="Decode the base64 behind a=key-mgmt:mikey of the answer: data type 15.",
    fix="Put TRANSFER_RESP into a=key-mgmt:mikey of the answer.",
    example="right:  a=key-mgmt:mikey AQ8F...",
)
DOUT_9A: Rule = Rule(
    code="DOUT-9a",
    title="The MRFC verifies TRANSFER_RESP and the responder before it completes the set-up.",
    clause=f"{CLAUSE} steps 9-11",
    severity=Severity.ERROR,
    judge=lambda evidence: configured_after_verifying(DOUT_9A, evidence),
    interfaces=("sip", "h248"),
    yields_to=("DOUT-8",),
    why="Else anybody who can answer the INVITE is taken for the invited UE.",
    causes=(
        "The MAC was computed over another TRANSFER_INIT (a re-written offer).",
        "A B2BUA answered in the name of another.",
    ),
    confirm="Check the MAC of V over TRANSFER_RESP and TRANSFER_INIT; compare IDRr with the ticket policy.",
    fix="End the session when TRANSFER_RESP does not verify.",
    example="wrong:  TRANSFER_RESP that does not verify, then MF=ip/1/mb/34{M{O{tlsbsc/psk=...}}}\n"
    "right:  TRANSFER_RESP that does not verify, then BYE",
)
DOUT_9B: Rule = Rule(
    code="DOUT-9b",
    title="Configure: the UE's address and port, the Pre-Shared Key, and both failure events.",
    clause=f"{CLAUSE} steps 9-11",
    severity=Severity.ERROR,
    judge=lambda evidence: configured(DOUT_9B, evidence),
    interfaces=("h248",),
    yields_to=("ANS-1",),
    why="With another key, or none, the TLS handshake fails.",
    causes=(
        "The TGK is given instead of the TEK.",
        "The TEK was derived without RANDRr, or before forking.",
        "The property is another one here: name it in --profile.",
    ),
    confirm="Compare the property with the TEK that --keys derives (the tool does; it never prints keys).",
    fix="Give the TEK of CS ID 1 as the Pre-Shared Key.",
    example="wrong:  MF=ip/1/mb/34{M{ST=1{R{...}}}}\n"
    "right:  MF=ip/1/mb/34{M{ST=1{O{tlsbsc/psk=...},R{...}}},E=9002{tcpbcc/BNCChange{...},tlsbsc/BNCChange{...}}}",
)
DOUT_12: Rule = Rule(
    code="DOUT-12",
    title="The UE opens the TCP connection to the MRFP.",
    clause=f"{CLAUSE} step 12",
    severity=Severity.ERROR,
    judge=lambda evidence: connection_by_ue(DOUT_12, evidence),
    interfaces=("tcp",),
    of_set_up=True,
    yields_to=("TCP-REFUSED", "TCP-TIMEOUT", "DOUT-5"),
    why="Who opens is agreed by a=setup.",
    causes=("The UE follows plain RFC 4975 (the offerer connects).",),
    confirm="Look at the direction of the first SYN between the announced ends.",
    fix="Let the side that is active (RFC 4145) send the SYN.",
    example="wrong:  203.0.113.5:28564 > 198.51.100.8:7394 SYN\nright:  198.51.100.8:49152 > 203.0.113.5:28564 SYN",
)
DOUT_13: Rule = Rule(
    code="DOUT-13",
    title="The UE starts TLS with the Pre-Shared Key.",
    clause=f"{CLAUSE} step 13",
    severity=Severity.ERROR,
    judge=lambda evidence: tls_started_by(DOUT_13, evidence, "UE"),
    interfaces=("tcp",),
    of_set_up=True,
    yields_to=("DOUT-12",),
    why="Both sides waiting for a ClientHello, or both sending one, is the classic failure of this set-up.",
    causes=("The TLS role is taken from another attribute than a=setup.",),
    confirm="Look who sends the ClientHello, and which suites it offers.",
    fix="Let the UE send the ClientHello, with PSK suites.",
    example="wrong:  203.0.113.5:28564 > 198.51.100.8:49152 ClientHello\n"
    "right:  198.51.100.8:49152 > 203.0.113.5:28564 ClientHello, TLS_PSK_WITH_AES_128_GCM_SHA256",
)

FLOW = Flow(
    id="e2e-dial-out",
    title="The MRFC invites a UE into a messaging conference with end-to-end security",
    clause=CLAUSE,
    roles=("UE", "MRFC", "MRFP", "KMS"),
    applies=applies,
    steps=(
        Step(DOUT_1A, "1", "MRFC", "MRFC", "makes TRANSFER_INIT and its ticket"),
        Step(DOUT_1B, "1", "MRFC", "MRFC", "identities of From and To"),
        Step(DOUT_1C, "1", "MRFC", "MRFC", "one Crypto Session, protocol type TLS"),
        Step(DOUT_2, "2-4", "MRFC", "MRFP", "Reserve: Add with Local $; reply"),
        Step(DOUT_5, "5", "MRFC", "UE", "INVITE, SDP offer: TCP/TLS/MSRP, actpass, TRANSFER_INIT", ("DOUT-2",)),
        Step(DOUT_7, "7", "UE", "KMS", "resolves the ticket at the KMS", ("DOUT-5",), optional=True),
        Step(DOUT_8, "8", "UE", "MRFC", "200 OK (or 18x), SDP answer: TRANSFER_RESP", ("DOUT-5", "DOUT-7")),
        Step(DOUT_9A, "9-11", "MRFC", "MRFC", "verifies TRANSFER_RESP"),
        Step(DOUT_9B, "9-11", "MRFC", "MRFP", "Configure: Remote, Pre-Shared Key, Events", ("DOUT-8",)),
        Step(DOUT_12, "12", "UE", "MRFP", "TCP SYN, SYN ACK, ACK", ("DOUT-5",)),
        Step(DOUT_13, "13", "UE", "MRFP", "TLS-PSK handshake: ClientHello"),
    ),
)
