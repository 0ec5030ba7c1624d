"""What the figures leave open is no fault (TS 23.333 clauses 6.2.20.1, 6.2.10.3.1): other orders, other carriers."""

from __future__ import annotations

from pathlib import Path

import pytest
from inline_twins import added, changed, dropped, replaced, twin
from judged import judge_packets

from analyzer.correlate.session import Session
from analyzer.findings import BROKEN, Status
from analyzer.model import Verdict

IN, OUT = "tcp-dial-in", "tcp-dial-out"

ANSWER = """
v=0
o=mrfc 3977263401 3977263401 IN IP4 <<mrfc.sip.ip>>
s=chat-17
c=IN IP4 <<mrfp.msrp.ip>>
t=0 0
m=message <<mrfp.msrp.port>> TCP/MSRP *
a=setup:active
a=accept-types:message/cpim
a=path:<<mrfp_path>>
a=msrp-cema
"""
PROGRESS = added(
    "progress",
    0.018,
    "mrfc -> ue_a",
    "sip",
    "SIP/2.0 183 Session Progress\nVia: SIP/2.0/UDP <<ue_a.sip>>;branch=<<invite_branch>>\n<<dialog>>CSeq: 1 INVITE\n"
    "Contact: <<<conference>>>;isfocus\nRequire: 100rel\nRSeq: 813520\nContent-Type: application/sdp\n"
    "Content-Length: <<size>>\n",
    content=ANSWER.strip(),
)
PRACK = added(
    "prack",
    0.030,
    "ue_a -> mrfc",
    "sip",
    "PRACK <<conference>> SIP/2.0\nVia: SIP/2.0/UDP <<ue_a.sip>>;branch=z9hG4bKprack\nMax-Forwards: 70\n<<dialog>>"
    "CSeq: 2 PRACK\nRAck: 813520 1 INVITE\nContent-Length: <<size>>\n",
) + added(
    "prack-ok",
    0.032,
    "mrfc -> ue_a",
    "sip",
    "SIP/2.0 200 OK\nVia: SIP/2.0/UDP <<ue_a.sip>>;branch=z9hG4bKprack\n<<dialog>>CSeq: 2 PRACK\n"
    "Content-Length: <<size>>\n",
)
# A 200 without SDP after an answer in a reliable 18x (RFC 3262 section 5), and what comes after it.
LATER = (
    changed("answer", at=0.040, content="")
    + changed("ack", at=0.044)
    + replaced("answer", "Content-Type: application/sdp\n", "")
    + replaced("bye", "CSeq: 2 BYE", "CSeq: 3 BYE")
    + replaced("bye-ok", "CSeq: 2 BYE", "CSeq: 3 BYE")
)
CONFIGURE = """!/2 [192.0.2.10]:2944
T=<<transaction>>{C=<<context>>{MF=<<termination>>{M{ST=1{R{
v=0
c=IN IP4 <<ue_a.msrp.ip>>
m=message <<ue_a.msrp.port>> TCP/MSRP *
a=setup:passive
a=path:<<ue_path>>
}}}}}}
"""
REMOTE = """,R{
v=0
c=IN IP4 198.51.100.7
m=message 7394 TCP/MSRP *
a=setup:passive
a=path:msrp://198.51.100.7:7394/jshA7weztas2s93i9ek2;tcp
}"""
RESERVE_THEN_CONFIGURE = (
    replaced("add", REMOTE, "")
    + added("modify", 0.010, "mrfc -> mrfp", "h248", CONFIGURE, transaction="4799")
    + added(
        "modify-reply",
        0.0115,
        "mrfp -> mrfc",
        "h248",
        "!/2 [192.0.2.20]:2944\nP=4799{C=<<context>>{MF=<<termination>>}}",
    )
)
RELAY = "msrp://192.0.2.99:2855/relay1;tcp msrp://198.51.100.7:7394/jshA7weztas2s93i9ek2;tcp"
OWN = "msrp://198.51.100.7:7394/jshA7weztas2s93i9ek2;tcp"


def session_of(base: str, changes: str, folder: Path) -> Session:
    return judge_packets(twin(base, changes).all(), folder).only


def status_of(session: Session) -> dict[str, Status]:
    return {code: result.status for code, result in session.results.items()}


@pytest.mark.parametrize(
    ("base", "changes"),
    [
        (IN, changed("connect", at=0.022)),
        (IN, changed("connect", at=0.034)),
        (IN, PROGRESS),
        (IN, PROGRESS + PRACK + LATER),
        (IN, RESERVE_THEN_CONFIGURE),
        (IN, replaced("add", "tcpbcc/EstBNC{ST=1}", "TCPBCC/estbnc{ST=1}")),
        (IN, replaced("invite", "TCP/MSRP", "tcp/msrp")),
        (IN, replaced("invite", "a=setup:actpass", "a=setup:ActPass")),
        (IN, replaced("answer", "m=message 28563", "m=message 9")),
        (OUT, changed("connect", at=2.002)),
        (OUT, replaced("answer", "m=message 8145", "m=message 9")),
    ],
    ids=[
        "TCP after the answer",
        "TCP after the ACK",
        "answer in an 18x and in the 200",
        "answer in a reliable 18x alone",
        "Reserve, then Configure",
        "package names in other letters",
        "transport in other letters",
        "setup in other letters",
        "an active end announces port 9 (RFC 4145 section 4.1)",
        "dial-out: TCP before Configure",
        "dial-out: an active end announces port 9",
    ],
)
def test_alternative_is_ok(base: str, changes: str, tmp_path: Path) -> None:
    session = session_of(base, changes, tmp_path)
    assert session.findings == []
    assert {code for code, result in session.results.items() if result.status in BROKEN} == set()
    assert session.verdict is Verdict.OK
    steps = {step.id: step.status for step in session.steps}
    if base == IN:
        assert {steps[f"TCP-{number}"] for number in range(1, 8)} == {Status.OK}
    else:
        assert {steps[code] for code in ("SEND-1", "SEND-2", "SEND-3", "SEND-4", "ANS-1", "GEN-2")} == {Status.OK}


def test_a_lost_reliable_18x_is_no_missing_answer(tmp_path: Path) -> None:
    """Only PRACK shows that there was one (RFC 3262 section 3)."""
    session = session_of(IN, PRACK + LATER, tmp_path)
    assert status_of(session)["TCP-7"] is Status.NOT_OBSERVABLE
    assert session.findings == []


def test_never_configured_is_told_only_where_the_mrfp_does_not_show_otherwise(tmp_path: Path) -> None:
    """TCP-2: without a Remote the MRFP could not connect; where it does, the capture lacks the command that had it."""
    session = session_of(IN, replaced("add", REMOTE, ""), tmp_path)
    assert status_of(session)["TCP-2"] is Status.NOT_OBSERVABLE
    assert session.findings == []
    silent = dropped("bind*", "nickname*", "chat-*", "agenda-*", "connect", "close")
    (finding,) = session_of(IN, replaced("add", REMOTE, "") + silent, tmp_path).findings
    assert (finding.code, finding.frames, finding.actual) == ("TCP-2", (3, 4), "Add without Remote")


def test_never_configured_in_dial_out(tmp_path: Path) -> None:
    """ANS-1: the answer's path is never given to the MRFP."""
    silent = dropped("modify", "modify-reply", "bind*", "nickname*", "chat-*", "connect", "close")
    session = session_of(OUT, silent, tmp_path)
    (finding,) = session.findings
    assert (finding.code, finding.frames, session.results["ANS-1"].status) == ("ANS-1", (1, 6), Status.MISSING)


def test_offer_3_takes_the_relay_before_the_ue(tmp_path: Path) -> None:
    """OFFER-3, NOTE 1: with a relay in the path c= and m= name the UE, and the relay is to be configured."""
    paths = replaced("invite", OWN, RELAY) + replaced("add", OWN, RELAY)
    wrong = session_of(f"{IN}--no-cema", paths, tmp_path)
    result = wrong.results["OFFER-3"]
    assert result.status is Status.FAILED
    assert result.findings[0].expected == "Remote 192.0.2.99 port 2855, from the first entry of the offer's a=path"
    assert wrong.results["OFFER-1"].status is Status.OK
    place = replaced("add", "IP4 198.51.100.7\nm=message 7394", "IP4 192.0.2.99\nm=message 2855")
    right = session_of(f"{IN}--no-cema", paths + place, tmp_path)
    assert right.results["OFFER-3"].status is Status.OK


@pytest.mark.parametrize("entry", [OWN, RELAY.split()[0]], ids=["last entry alone", "first entry alone"])
def test_offer_1_wants_all_entries_of_a_path(entry: str, tmp_path: Path) -> None:
    session = session_of(f"{IN}--no-cema", replaced("invite", OWN, RELAY) + replaced("add", OWN, entry), tmp_path)
    assert session.results["OFFER-1"].status is Status.FAILED


def test_tcp_f_waits_until_a_timeout_can_be_told(tmp_path: Path) -> None:
    """Four SYNs within 7 s; the MRFP may go on trying for two minutes, and the session is over after 40 s."""
    chat = dropped("bind*", "nickname*", "chat-*", "agenda-*", "close") + changed("connect", do="unanswered")
    session = session_of(IN, chat, tmp_path)
    assert status_of(session)["TCP-F"] is Status.NOT_OBSERVABLE
    late = "".join(changed(step, at=at) for step, at in (("bye", 200.0), ("bye-ok", 200.003)))
    late += changed("subtract", at=200.005) + changed("subtract-reply", at=200.008)
    session = session_of(IN, chat + late, tmp_path)
    assert status_of(session)["TCP-F"] is Status.FAILED
    reply = "!/2 [192.0.2.10]:2944\nP=88{C=<<context>>{N=<<termination>>}}"
    notify = added(
        "notify",
        65.0,
        "mrfp -> mrfc",
        "h248",
        "!/2 [192.0.2.20]:2944\n"
        "T=88{C=<<context>>{N=<<termination>>{OE=9001{20260115T10010500:tcpbcc/BNCChange{ST=1,Type=failed}}}}}",
    ) + added("notify-reply", 65.002, "mrfc -> mrfp", "h248", reply)
    session = session_of(IN, chat + late + notify, tmp_path)
    assert status_of(session)["TCP-F"] is Status.OK
