"""Faults of SIP, H.248, TCP and SDP: a sample that has none, and twins that differ from it by one fault.

Each fault is one finding, with the frames that show it, at its severity; where the capture does not show whether it is
one, nothing is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from fault_case import Case
from inline_twins import MEDIA_STEPS, added, again, changed, dropped, replaced, twin
from judged import judge_packets

from analyzer.findings import Severity, Status
from analyzer.model import Confidence, Verdict

ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO
IN, OUT = "tcp-dial-in", "tcp-dial-out"

NO_CALL = dropped("add", "add-reply", "connect", "answer", "ack", *MEDIA_STEPS, "bye*", "subtract*", "close")


def final(status: str, *headers: str, at: float = 0.5) -> str:
    """A final response in place of the answer."""
    lines = [
        f"SIP/2.0 {status}",
        "Via: SIP/2.0/UDP <<ue_a.sip>>;branch=<<invite_branch>>;rport=<<ue_a.sip.port>>",
        "<<dialog>>CSeq: 1 INVITE",
        *headers,
        "Content-Length: <<size>>\n",
    ]
    return added("final", at, "mrfc -> ue_a", "sip", "\n".join(lines))


def ping(at: float, status: str = "200 OK", name: str = "ping") -> str:
    """OPTIONS of another Call-ID from the MRFC, and its response: both nodes are there."""
    head = "From: <sip:mrfc@conf.example.net>;tag=p\nTo: <sip:ue@ims.example.net>{tag}\nCall-ID: ping@192.0.2.10\n"
    via = "Via: SIP/2.0/UDP <<mrfc.sip>>;branch=z9hG4bKping\n"
    tail = "CSeq: 1 OPTIONS\nContent-Length: <<size>>\n"
    return added(
        name, at, "mrfc -> ue_a", "sip", f"OPTIONS sip:<<ue_a.sip>> SIP/2.0\n{via}{head.format(tag='')}{tail}"
    ) + added(
        f"{name}-ok", at + 0.1, "ue_a -> mrfc", "sip", f"SIP/2.0 {status}\n{via}{head.format(tag=';tag=q')}{tail}"
    )  # fmt: skip


RINGS = NO_CALL + dropped("trying") + again("invite", 0.4) + final("180 Ringing")


def with_direction(step: str, direction: str) -> str:
    """a=sendonly and the like in the m= section, RFC 3264 section 5.1."""
    setup = "a=setup:actpass" if step == "invite" else "a=setup:active"
    return replaced(step, setup, f"{setup}\na={direction}") if direction else ""


BYE_OF_MRFC = """
BYE sip:alice@<<ue_a.sip>> SIP/2.0
Via: SIP/2.0/UDP <<mrfc.sip>>;branch=z9hG4bKmrfcbye
From: <<<conference>>>;tag=<<to_tag>>
To: "Alice" <<<alice>>>;tag=<<from_tag>>
Call-ID: <<call_id>>
CSeq: 1 BYE
{reason}Content-Length: <<size>>
"""
BYE_OK_OF_UE = """
SIP/2.0 200 OK
Via: SIP/2.0/UDP <<mrfc.sip>>;branch=z9hG4bKmrfcbye
From: <<<conference>>>;tag=<<to_tag>>
To: "Alice" <<<alice>>>;tag=<<from_tag>>
Call-ID: <<call_id>>
CSeq: 1 BYE
Content-Length: <<size>>
"""


def bye_of_mrfc(at: float, reason: str = "") -> str:
    """The MRFC ends the call in place of the UE."""
    text = BYE_OF_MRFC.lstrip("\n").replace("{reason}", f"Reason: {reason}\n" if reason else "")
    return (
        dropped("bye", "bye-ok")
        + added("bye-mrfc", at, "mrfc -> ue_a", "sip", text)
        + added("bye-mrfc-ok", at + 0.05, "ue_a -> mrfc", "sip", BYE_OK_OF_UE.lstrip("\n"))
    )


REFUSED_ADD = """!/2 [192.0.2.20]:2944
P=4711{C=${A=ip/1/mb/${ER=510{"no room for sip:alice@ims.example.net"}}}}
"""


def add_again(*times: float) -> str:
    """The Add once more at each of these times, and no reply."""
    add = """!/2 [192.0.2.10]:2944
T=4711{C=${A=ip/1/mb/${M{ST=1{O{MO=SR},L{
v=0
c=IN IP4 $
m=message $ TCP/MSRP *
a=setup:active
a=path:$
},R{
v=0
c=IN IP4 <<ue_a.msrp.ip>>
m=message <<ue_a.msrp.port>> TCP/MSRP *
a=setup:passive
a=path:<<ue_path>>
}}},E=9001{tcpbcc/BNCChange{ST=1,Type=failed}},SG{tcpbcc/EstBNC{ST=1}}}}}
"""
    return "".join(added(f"add-{at}", at, "mrfc -> mrfp", "h248", add) for at in times)


UNTIL_ADD = dropped("add-reply", "connect", "answer", "ack", *MEDIA_STEPS, "bye*", "subtract*", "close")
CUT_AT_15S = dropped("agenda-*", "chat-4*", "close")


CASES = [
    Case(
        "488 with a Warning that names a subscriber", "SIP-4XX",
        NO_CALL + final("488 Not Acceptable Here", 'Warning: 304 mrfc "no media for sip:alice@ims.example.net"'),
        ERROR, ("final",), says='Warning: 304 mrfc "no media for sip:...@ims.example.net"',
    ),
    Case("408", "SIP-4XX", NO_CALL + final("408 Request Timeout"), ERROR, ("final",), says="408 Request Timeout"),
    Case(
        "503 with a Reason", "SIP-5XX", NO_CALL + final("503 Service Unavailable", "Reason: Q.850;cause=34"),
        ERROR, ("final",), says="refused with 503 Service Unavailable: Q.850 cause 34",
    ),
    Case("606", "SIP-6XX", NO_CALL + final("606 Not Acceptable"), ERROR, ("final",)),
    *(Case(status, "SIP-4XX", NO_CALL + final(f"{status} Away"), WARNING, ("final",)) for status in ("480", "486")),
    *(Case(status, "SIP-6XX", NO_CALL + final(f"{status} No"), WARNING, ("final",)) for status in ("600", "603")),
    *(
        Case(status, f"SIP-{status[0]}XX", NO_CALL + final(f"{status} No"), ERROR, ("final",))
        for status in ("403", "404", "415", "500")
    ),
    Case(
        "rings for more than three minutes (timer C)", "SIP-TIMEOUT", RINGS + ping(300), WARNING, ("invite-2", "final"),
        confidence=Confidence.LIKELY, says="answered provisionally, but never finally",
    ),
    Case(
        "challenged, and nothing more while the node is there", "SIP-4XX",
        NO_CALL + final("407 Proxy Authentication Required") + ping(40), WARNING, ("final",),
        says="challenged with 407",
    ),
    Case(
        "BYE with a release cause", "SIP-REASON",
        bye_of_mrfc(40, 'RELEASE_CAUSE ;cause=3 ;text="Media bearer loss"'), ERROR, ("bye-mrfc",),
        says="RELEASE_CAUSE cause 3, Media bearer loss",
    ),
    Case("BYE with a SIP cause", "SIP-REASON", bye_of_mrfc(40, "SIP;cause=503"), ERROR, ("bye-mrfc",)),
    Case(
        "no response while the MRFC sends other SIP", "SIP-TIMEOUT",
        NO_CALL + dropped("trying") + again("invite", 0.5, 1.5, 3.5, 7.5, 15.5, 31.5) + ping(70),
        ERROR, ("invite-7",), confidence=Confidence.LIKELY, says="never answered",
    ),
    Case(
        "Add refused", "H248-ERROR",
        UNTIL_ADD
        + added("refused", 0.009, "mrfp -> mrfc", "h248", REFUSED_ADD) + final("500 Server Internal Error"),
        ERROR, ("add", "refused"), says='error 510: "no room for sip:...@ims.example.net"', follows=("SIP-5XX",),
    ),
    Case(
        "Add answered without a path", "MRFP-1",
        dropped("connect", "answer", "ack", *MEDIA_STEPS, "bye*", "subtract*", "close")
        + replaced("add-reply", "a=path:msrp://203.0.113.5:28563/s1f00dQ9x4mB7tLz;tcp\n", "")
        + final("500 Server Internal Error"),
        ERROR, ("add", "add-reply"), says="gave no MSRP path", follows=("SIP-5XX",),
    ),
    Case(
        "Subtract refused", "H248-ERROR",
        replaced("subtract-reply", "SA{\nmsrpstat/mr=3,msrpstat/or=5257,msrpstat/ms=2,msrpstat/os=356}", 'ER=430{}'),
        WARNING, ("subtract", "subtract-reply"), says="error 430: unknown termination",
    ),
    Case(
        "Add repeated and never answered", "H248-NO-REPLY",
        UNTIL_ADD
        + add_again(1, 3, 7) + final("503 Service Unavailable", at=31) + ping(40),
        ERROR, ("add", "add-1", "add-3", "add-7"), says="sent 4 times", follows=("SIP-5XX",),
    ),
    Case(
        "refused", "TCP-REFUSED", dropped(*MEDIA_STEPS, "close") + changed("connect", do="refused"), ERROR,
        ("connect/*",),
        says="The UE at 198.51.100.7:7394 refused the TCP connection of the MRFP at 203.0.113.5:28563. "
        "RST from 198.51.100.7:7394 in answer to the SYN from 203.0.113.5:28563",
        follows=("TCP-5",), beside=("TCP-F",),
    ),
    Case(
        "refused, and a second try that is not", "TCP-REFUSED",
        changed("connect", do="refused") + dropped(*MEDIA_STEPS, "close")
        + added("again", 0.1, "mrfp -> ue_a", "tcp", do="connect")
        + added("end", 40.012, "mrfp -> ue_a", "tcp", do="close"),
        WARNING, ("connect/*",), says="another connection was set up",
    ),
    Case(
        "never answered", "TCP-TIMEOUT", dropped(*MEDIA_STEPS, "close") + changed("connect", do="unanswered"), ERROR,
        ("connect", "connect/4"),
        says="The TCP connection of the MRFP to the UE at 198.51.100.7:7394 was never answered.", follows=("TCP-5",),
    ),
    Case(
        "reset in mid-session", "TCP-RESET", CUT_AT_15S + added("rst", 15, "ue_a -> mrfp", "tcp", do="abort"), ERROR,
        ("rst",), says="The UE reset the TCP connection while the session was up",
    ),
    Case(
        "reset, and at once the other side ends the call", "TCP-RESET",
        CUT_AT_15S + added("rst", 15, "ue_a -> mrfp", "tcp", do="abort") + bye_of_mrfc(15.5, "SIP;cause=503"), ERROR,
        ("rst",), follows=("SIP-REASON",),
    ),
    Case(
        "reset by who then ends the call", "TCP-RESET",
        dropped("close") + added("rst", 39.5, "ue_a -> mrfp", "tcp", do="abort"), INFO, ("rst",),
        confidence=Confidence.LIKELY,
    ),
    Case(
        "reset after the BYE", "TCP-RESET", changed("close", do="abort"), INFO, ("close",),
        says="The MRFP reset the TCP connection instead of closing it",
    ),
    Case(
        "active answered by active", "SDP-SETUP", replaced("invite", "a=setup:actpass", "a=setup:active"), ERROR,
        ("answer",), says="both sides will connect", base=OUT,
    ),
    *(
        Case(
            f"{offered} answered {answered or 'sendrecv without a word'}", "SDP-DIRECTION",
            with_direction("invite", offered) + with_direction("answer", answered), WARNING, ("invite", "answer"),
            says=f"offered {offered}, and answered {answered or 'sendrecv'}",
        )
        for offered, answered in (
            ("sendonly", "sendrecv"), ("sendonly", ""), ("sendonly", "sendonly"), ("recvonly", "recvonly"),
            ("inactive", "recvonly"),
        )
    ),
    Case(
        "actpass answered by actpass", "SDP-SETUP", replaced("answer", "a=setup:active", "a=setup:actpass"), ERROR,
        ("answer",), says="it is no answer", base=OUT,
    ),
    Case(
        "offer of passive by the MRFC", "SDP-SETUP", replaced("invite", "a=setup:actpass", "a=setup:passive"), WARNING,
        ("invite",), base=OUT,
    ),
    Case(
        "stream rejected", "SDP-REJECTED",
        dropped("connect", *MEDIA_STEPS, "close")
        + replaced("answer", "m=message <<mrfp.msrp.port>>".replace("<<mrfp.msrp.port>>", "28563"), "m=message 0"),
        ERROR, ("answer",), says="port 0",
    ),
    Case(
        "offer without accept-types", "SDP-ACCEPT-TYPES", replaced("invite", "a=accept-types:message/cpim\n", ""),
        WARNING, ("invite",), says="The offer",
    ),
    Case(
        "answer without accept-types", "SDP-ACCEPT-TYPES", replaced("answer", "a=accept-types:message/cpim\n", ""),
        WARNING, ("answer",), says="The answer",
    ),
    Case(
        "msrps in TCP/MSRP", "SDP-CONTRADICTION",
        '[values]\nue_path = "msrps://<<ue_a.msrp>>/jshA7weztas2s93i9ek2;tcp"\n', WARNING, ("invite",),
        says="a=path has msrps: URIs",
    ),
    Case(
        "two different values of a=setup", "SDP-CONTRADICTION",
        replaced("answer", "a=setup:active\n", "a=setup:active\na=setup:passive\n"), WARNING, ("answer",),
        says="a=setup is there once",
    ),
    Case(
        "path without session-id", "SDP-PATH",
        '[values]\nue_path = "msrp://<<ue_b.msrp>>;tcp"\n', WARNING, ("answer",), says="no session-id", base=OUT,
    ),
]  # fmt: skip


CODES = {case.code for case in CASES}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.code} {case.name}")
def test_fault_is_one_finding(case: Case, tmp_path: Path) -> None:
    case.check(tmp_path)


@pytest.mark.parametrize("base", [IN, OUT])
def test_a_good_sample_has_no_fault(base: str, tmp_path: Path) -> None:
    session = judge_packets(twin(base, "").all(), tmp_path).only
    assert session.findings == []
    assert {code: session.results[code].status for code in CODES} == dict.fromkeys(CODES, Status.OK)


@dataclass(frozen=True)
class Unsure:
    """A capture that does not show whether something is a fault, or a thing that looks like one and is none."""

    name: str
    code: str
    changes: str
    status: Status
    base: str = IN


NOT_OBSERVABLE, NOT_APPLICABLE = Status.NOT_OBSERVABLE, Status.NOT_APPLICABLE
UNSURE = [
    Unsure("no response, and nothing more in the capture", "SIP-TIMEOUT", NO_CALL, NOT_OBSERVABLE),
    Unsure("no response, and not sent again", "SIP-TIMEOUT", NO_CALL + dropped("trying") + ping(70), NOT_OBSERVABLE),
    Unsure("challenged at the end of the capture", "SIP-4XX", NO_CALL + final("407 No"), NOT_OBSERVABLE),
    Unsure("487", "SIP-4XX", NO_CALL + final("487 Request Terminated"), NOT_APPLICABLE),
    Unsure("rings for a minute: timer B has no say any more", "SIP-TIMEOUT", RINGS + ping(70), NOT_OBSERVABLE),
    Unsure("302", "SIP-4XX", NO_CALL + final("302 Moved Temporarily"), NOT_APPLICABLE),
    Unsure("BYE of normal clearing", "SIP-REASON", bye_of_mrfc(40, "Q.850;cause=16"), Status.OK),
    Unsure("BYE by the user", "SIP-REASON", bye_of_mrfc(40, "RELEASE_CAUSE;cause=1"), Status.OK),
    Unsure("no BYE", "SIP-REASON", dropped("bye*"), NOT_APPLICABLE),
    Unsure("reply not captured", "H248-NO-REPLY", dropped("add-reply"), NOT_OBSERVABLE),
    Unsure(
        "repeated at the end of the capture", "H248-NO-REPLY",
        UNTIL_ADD + add_again(1, 3, 7),
        NOT_OBSERVABLE,
    ),
    Unsure("no TCP in the capture", "TCP-REFUSED", dropped("connect", *MEDIA_STEPS, "close"), NOT_OBSERVABLE),
    Unsure("no answer in the capture", "SDP-SETUP", dropped("answer"), NOT_OBSERVABLE),
    Unsure("no answer in the capture", "SDP-DIRECTION", dropped("answer"), NOT_OBSERVABLE),
    *(
        Unsure(
            f"{offered} answered {answered}", "SDP-DIRECTION",
            with_direction("invite", offered) + with_direction("answer", answered), Status.OK,
        )
        for offered, answered in (
            ("sendonly", "recvonly"), ("sendonly", "inactive"), ("recvonly", "sendonly"), ("inactive", "inactive"),
            ("sendrecv", "sendonly"), ("", "inactive"),
        )
    ),
    Unsure("no answer in the capture", "SDP-REJECTED", dropped("answer"), NOT_OBSERVABLE),
]  # fmt: skip


@pytest.mark.parametrize("case", UNSURE, ids=lambda case: f"{case.code} {case.name}")
def test_what_is_no_fault_is_none(case: Unsure, tmp_path: Path) -> None:
    session = judge_packets(twin(case.base, case.changes).all(), tmp_path).sessions[0]
    assert session.results[case.code].status is case.status
    assert case.code not in {finding.code for finding in session.findings}


def test_a_syn_at_the_end_of_the_capture_has_not_timed_out(tmp_path: Path) -> None:
    built = twin(IN, "")
    cut = built.all()[: built.frames("connect")[0]]
    session = judge_packets(cut, tmp_path).only
    assert session.results["TCP-TIMEOUT"].status is NOT_OBSERVABLE
    assert session.results["TCP-5"].status is NOT_OBSERVABLE
    assert session.verdict is Verdict.INCOMPLETE


def test_a_reset_at_the_end_of_the_capture_may_be_the_end_of_the_call(tmp_path: Path) -> None:
    built = twin(IN, CUT_AT_15S + added("rst", 15, "ue_a -> mrfp", "tcp", do="abort"))
    cut = built.all()[: built.frames("rst")[0]]
    session = judge_packets(cut, tmp_path).only
    assert session.results["TCP-RESET"].status is NOT_OBSERVABLE


def test_a_refused_ping_is_no_failure(tmp_path: Path) -> None:
    """OPTIONS asks whether somebody is there: any response says yes."""
    built = twin(IN, ping(41, "404 Not Found"))
    ping_session = judge_packets(built.all(), tmp_path).sessions[1]
    assert [(each.code, each.severity, each.frames) for each in ping_session.findings] == [
        ("SIP-4XX", INFO, built.frames("ping-ok"))
    ]
    assert ping_session.verdict is Verdict.OK
