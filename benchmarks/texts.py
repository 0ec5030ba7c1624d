"""The messages of one participant: SIP (RFC 3261, TS 24.229 headers), SDP, H.248 text, MSRP with CPIM.

The flow is that of TS 23.333 clause 6.2.20.1, as in samples/tcp-dial-in; headers have the size that a core network
gives them: an INVITE takes 1250 to 1400 octets.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from benchmarks.packets import End

MRFC: End = ("192.0.2.10", 5060)
CSCF: End = ("192.0.2.5", 5060)
NIL = "0" * 32
ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, PRACK, SUBSCRIBE, NOTIFY"
CPM = "urn%3Aurn-7%3A3gpp-service.ims.icsi.oma.cpm.session"


@dataclass(slots=True)
class Leg:
    """One participant's session: every name and number in its messages."""

    user: str
    conference: str
    ue: End
    mrfp: End
    "MSRP address and port at the MRFP."
    control: End
    "H.248 address of that MRFP."
    context: int
    termination: str
    call_id: str
    from_tag: str
    to_tag: str
    branch: str
    icid: str
    session_id_ue: str
    session_id_mrfc: str
    ue_path: str
    mrfp_path: str


def leg(
    rng: random.Random,
    user: str,
    conference: str,
    ue: End,
    mrfp: End,
    control: End,
    context: int,
    termination: str,
) -> Leg:
    """A leg with names that no other has."""
    bits = rng.getrandbits
    return Leg(
        user,
        conference,
        ue,
        mrfp,
        control,
        context,
        termination,
        f"{bits(96):024x}@{ue[0]}",
        f"{bits(40):010x}",
        f"{bits(40):010x}mrfc",
        f"{bits(64):016x}",
        f"{bits(72):018x}",
        f"{bits(128):032x}",
        f"{bits(128):032x}",
        f"msrp://{ue[0]}:{ue[1]}/{bits(80):020x};tcp",
        f"msrp://{mrfp[0]}:{mrfp[1]}/{bits(64):016x};tcp",
    )


def _via(leg: Leg, kind: str) -> str:
    branch = f"{leg.branch}{kind}"
    return (
        f"Via: SIP/2.0/UDP {CSCF[0]}:{CSCF[1]};branch=z9hG4bKc{branch}\r\n"
        f"Via: SIP/2.0/UDP 192.0.2.3:5060;branch=z9hG4bKp{branch}\r\n"
        f"Via: SIP/2.0/UDP {leg.ue[0]}:5060;branch=z9hG4bKu{branch}\r\n"
    )


def _dialog(leg: Leg, to_tag: str, cseq: str) -> str:
    return (
        f'From: "{leg.user}" <sip:{leg.user}@ims.example.net>;tag={leg.from_tag}\r\n'
        f"To: <{leg.conference}>{to_tag}\r\nCall-ID: {leg.call_id}\r\nCSeq: {cseq}\r\n"
    )


def _session(local: str, remote: str) -> str:
    return f"Session-ID: {local};remote={remote}\r\n"


def invite(leg: Leg) -> bytes:
    """The offer: UE with its own TCP port, `a=setup:actpass`, CEMA (flow step 1)."""
    address, port = leg.ue
    sdp = (
        f"v=0\r\no={leg.user} 2890844526 2890844526 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n"
        f"m=message {port} TCP/MSRP *\r\na=setup:actpass\r\na=accept-types:message/cpim\r\n"
        f"a=accept-wrapped-types:text/plain image/png\r\na=path:{leg.ue_path}\r\na=msrp-cema\r\n"
    )
    # Not all UEs send the same headers.
    make = int(leg.branch[0], 16)
    access = "P-Access-Network-Info: 3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=2620100451b60d01\r\n" if make & 3 else ""
    agent = f"Supported: timer, 100rel, gruu\r\nUser-Agent: ue-{make}/2.4\r\n" if make & 4 else "Supported: timer\r\n"
    head = (
        f"INVITE {leg.conference} SIP/2.0\r\n{_via(leg, 'i')}Max-Forwards: 67\r\n"
        f"Record-Route: <sip:{CSCF[0]}:{CSCF[1]};lr>\r\n{_dialog(leg, '', '1 INVITE')}"
        f'Contact: <sip:{leg.user}@{address}:5060>;+g.3gpp.icsi-ref="{CPM}"\r\n'
        f'P-Asserted-Identity: "{leg.user}" <sip:{leg.user}@ims.example.net>\r\n'
        f'P-Charging-Vector: icid-value="{leg.icid}";orig-ioi=ims.example.net\r\n'
        f"{access}{_session(leg.session_id_ue, NIL)}Allow: {ALLOW}\r\n{agent}"
        "Session-Expires: 1800;refresher=uac\r\nContent-Type: application/sdp\r\n"
    )
    return f"{head}Content-Length: {len(sdp)}\r\n\r\n{sdp}".encode()


def trying(leg: Leg) -> bytes:
    """100 for the INVITE (RFC 3261 section 8.2.6.1)."""
    return f"SIP/2.0 100 Trying\r\n{_via(leg, 'i')}{_dialog(leg, '', '1 INVITE')}Content-Length: 0\r\n\r\n".encode()


def answer(leg: Leg) -> bytes:
    """200 with the address, port and path that the MRFP gave (flow steps 6 and 7)."""
    address, port = leg.mrfp
    sdp = (
        f"v=0\r\no=mrfc 3977263401 3977263401 IN IP4 {MRFC[0]}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n"
        f"m=message {port} TCP/MSRP *\r\na=setup:active\r\na=accept-types:message/cpim\r\n"
        f"a=accept-wrapped-types:text/plain image/png\r\na=path:{leg.mrfp_path}\r\na=msrp-cema\r\n"
        "a=chatroom:nickname private-messages\r\n"
    )
    head = (
        f"SIP/2.0 200 OK\r\n{_via(leg, 'i')}Record-Route: <sip:{CSCF[0]}:{CSCF[1]};lr>\r\n"
        f"{_dialog(leg, ';tag=' + leg.to_tag, '1 INVITE')}Contact: <{leg.conference}>;isfocus\r\n"
        f"P-Asserted-Identity: <{leg.conference}>\r\n"
        f'P-Charging-Vector: icid-value="{leg.icid}";orig-ioi=ims.example.net;term-ioi=conf.example.net\r\n'
        f"{_session(leg.session_id_mrfc, leg.session_id_ue)}Allow: {ALLOW}\r\nSupported: timer, 100rel\r\n"
        "Require: timer\r\nSession-Expires: 1800;refresher=uac\r\nServer: mrfc/7.1\r\nContent-Type: application/sdp\r\n"
    )
    return f"{head}Content-Length: {len(sdp)}\r\n\r\n{sdp}".encode()


def request_in_dialog(leg: Leg, method: str, cseq: int) -> bytes:
    """ACK or BYE from the UE."""
    kind = method[0].lower()
    return (
        f"{method} {leg.conference} SIP/2.0\r\n{_via(leg, kind)}Max-Forwards: 67\r\n"
        f"{_dialog(leg, ';tag=' + leg.to_tag, f'{cseq} {method}')}"
        f'P-Charging-Vector: icid-value="{leg.icid}";orig-ioi=ims.example.net\r\n'
        f"{_session(leg.session_id_ue, leg.session_id_mrfc)}Content-Length: 0\r\n\r\n"
    ).encode()


def bye_ok(leg: Leg) -> bytes:
    """200 for the BYE."""
    return (
        f"SIP/2.0 200 OK\r\n{_via(leg, 'b')}{_dialog(leg, ';tag=' + leg.to_tag, '2 BYE')}"
        f"{_session(leg.session_id_mrfc, leg.session_id_ue)}Server: mrfc/7.1\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def h248_add(leg: Leg, transaction: int, first: bool) -> bytes:
    """Reserve And Configure (flow steps 2 to 4); the first participant's makes the context."""
    return (
        f"!/2 [{MRFC[0]}]:2944\r\nT={transaction}{{C={'$' if first else leg.context}{{A=ip/1/mb/${{M{{ST=1{{"
        'O{MO=SR,mf/script="keep;"},L{\r\n'
        "v=0\r\nc=IN IP4 $\r\nm=message $ TCP/MSRP *\r\na=setup:active\r\na=path:$\r\n},"
        f"R{{\r\nv=0\r\nc=IN IP4 {leg.ue[0]}\r\nm=message {leg.ue[1]} TCP/MSRP *\r\na=setup:passive\r\n"
        f"a=path:{leg.ue_path}\r\n}}}}}},\r\nE={transaction & 0xFFFF}{{tcpbcc/BNCChange{{ST=1,Type=failed}},"
        "hangterm/thb{timerx=3600}},\r\nSG{tcpbcc/EstBNC{ST=1}}}}}\r\n"
    ).encode()


def h248_add_reply(leg: Leg, transaction: int) -> bytes:
    """The MRFP's address, port and path for this participant."""
    return (
        f"!/2 [{leg.control[0]}]:2944\r\nP={transaction}{{C={leg.context}{{A={leg.termination}{{M{{ST=1{{L{{\r\n"
        f"v=0\r\nc=IN IP4 {leg.mrfp[0]}\r\nm=message {leg.mrfp[1]} TCP/MSRP *\r\na=setup:active\r\n"
        f"a=path:{leg.mrfp_path}\r\n}}}}}}}}}}}}\r\n"
    ).encode()


def h248_modify(leg: Leg, transaction: int) -> bytes:
    """A Modify: the participant is filtered otherwise from now on."""
    return (
        f"!/2 [{MRFC[0]}]:2944\r\nT={transaction}{{C={leg.context}{{MF={leg.termination}{{M{{ST=1{{"
        'O{mf/script="keep; stop;"}}}}}}\r\n'
    ).encode()


def h248_subtract(leg: Leg, transaction: int) -> bytes:
    """Release, with the statistics of the termination asked for."""
    return (
        f"!/2 [{MRFC[0]}]:2944\r\nT={transaction}{{C={leg.context}{{S={leg.termination}{{AT{{SA}}}}}}}}\r\n"
    ).encode()


def h248_reply(leg: Leg, transaction: int, command: str, statistics: str = "") -> bytes:
    """The reply to a Modify (MF) or Subtract (S)."""
    descriptor = f"{{SA{{\r\n{statistics}}}}}" if statistics else ""
    front = f"!/2 [{leg.control[0]}]:2944\r\nP={transaction}{{C={leg.context}"
    return f"{front}{{{command}={leg.termination}{descriptor}}}}}\r\n".encode()


def msrp_request(
    leg: Leg, to_ue: bool, method: str, transaction: str, lines: str, body: bytes | None, flag: str
) -> bytes:
    """An MSRP request (RFC 4975 section 7.1); `lines` are the header fields after the paths."""
    to_path, from_path = (leg.ue_path, leg.mrfp_path) if to_ue else (leg.mrfp_path, leg.ue_path)
    head = f"MSRP {transaction} {method}\r\nTo-Path: {to_path}\r\nFrom-Path: {from_path}\r\n{lines}".encode()
    if body is None:
        return head + f"-------{transaction}{flag}\r\n".encode()
    return head + b"\r\n" + body + f"\r\n-------{transaction}{flag}\r\n".encode()


def msrp_ok(leg: Leg, to_ue: bool, transaction: str) -> bytes:
    """200 for a request (RFC 4975 section 7.2)."""
    return msrp_request(leg, to_ue, "200 OK", transaction, "", None, "$")


def cpim(leg: Leg, seconds: int, text: str) -> bytes:
    """What a participant says to the room (RFC 3862, RFC 7701 section 6.1)."""
    content = text.encode()
    return (
        f'From: "{leg.user}" <sip:{leg.user}@ims.example.net>\r\nTo: <{leg.conference}>\r\n'
        f"DateTime: 2026-01-15T{10 + seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}Z\r\n\r\n"
        f"Content-Type: text/plain; charset=utf-8\r\nContent-Length: {len(content)}\r\n\r\n"
    ).encode() + content
