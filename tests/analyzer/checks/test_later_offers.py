"""Later offers (RFC 3264 section 8): every exchange that changes something is held against OFFER, SEND, ANS and CONN.

The captures are twins of the sample `tcp-dial-in`, with a re-INVITE between the chat and the BYE.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from capture_variants import write_pcap
from inline_twins import Built, added, dropped, twin
from judged import interface_of, judge_files, judge_packets

from analyzer.correlate.session import Session
from analyzer.findings import Status
from analyzer.model import Confidence, Verdict

UE_PATH = "msrp://198.51.100.7:7400/jshMOVED2s93i9ek2;tcp"
MRFP_PATH = "msrp://203.0.113.5:28563/s1f00dQ9x4mB7tLz;tcp"
OLD_UE_PATH = "msrp://198.51.100.7:7394/jshA7weztas2s93i9ek2;tcp"
NODES = '[nodes.ue_moved]\nrole = "UE"\nmsrp = "198.51.100.7:7400"\nsip = "198.51.100.7:5060"\n'
DIALOG = """From: "Alice" <<<alice>>>;tag=<<from_tag>>
To: <<<conference>>>;tag=<<to_tag>>
Call-ID: <<call_id>>
"""
BACK = """From: <<<conference>>>;tag=<<to_tag>>
To: "Alice" <<<alice>>>;tag=<<from_tag>>
Call-ID: <<call_id>>
"""


def sdp(address: str, port: int, path: str, setup: str, *more: str) -> str:
    lines = ["v=0", f"o=- 2 3 IN IP4 {address}", "s=-", f"c=IN IP4 {address}", "t=0 0"]
    lines += [f"m=message {port} TCP/MSRP *", f"a=setup:{setup}", "a=accept-types:message/cpim"]
    return "\n".join([*lines, *([f"a=path:{path}"] if path else []), *more])


def ue(path: str = UE_PATH, port: int = 7400, setup: str = "actpass", cema: bool = True, *more: str) -> str:
    return sdp("198.51.100.7", port, path, setup, *(["a=msrp-cema"] if cema else []), *more)


def mrfp(path: str = MRFP_PATH, port: int = 28563, setup: str = "active", cema: bool = True) -> str:
    return sdp("203.0.113.5", port, path, setup, *(["a=msrp-cema"] if cema else []))


def modify(local: str = "", remote: str = "", at: float = 32.005, number: int = 4713) -> str:
    """A Modify of the media, and its reply."""
    parts = [f"{name}{{\n{text}\n}}" for name, text in (("L", local), ("R", remote)) if text]
    request = (
        f"!/2 [192.0.2.10]:2944\nT={number}{{C=<<context>>{{MF=<<termination>>{{M{{ST=1{{{','.join(parts)}}}}}}}}}}}\n"
    )
    reply = f"!/2 [192.0.2.20]:2944\nP={number}{{C=<<context>>{{MF=<<termination>>}}}}\n"
    return added(f"modify-{number}", at, "mrfc -> mrfp", "h248", request) + added(
        f"modify-{number}-reply", at + 0.003, "mrfp -> mrfc", "h248", reply
    )


def h248_sdp(address: str, port: str, path: str, setup: str = "passive") -> str:
    return f"v=0\nc=IN IP4 {address}\nm=message {port} TCP/MSRP *\na=setup:{setup}\na=path:{path}"


REMOTE = h248_sdp("198.51.100.7", "7400", UE_PATH)
CONFIGURE = modify(remote=REMOTE)


@dataclass(frozen=True)
class Sent:
    """A re-INVITE of the UE, its final response and the ACK."""

    offer: str
    answer: str
    status: str = "200 OK"
    cseq: int = 2
    at: float = 32.0
    method: str = "INVITE"

    def steps(self) -> str:
        via = f"Via: SIP/2.0/UDP <<ue_a.sip>>;branch=z9hG4bKre{self.cseq}\n"
        head = f"{DIALOG}CSeq: {self.cseq} {self.method}\n"
        kind = "Content-Type: application/sdp\nContent-Length: <<size>>\n"
        name = f"offer-{self.cseq}"
        found = added(
            name,
            self.at,
            "ue_a -> mrfc",
            "sip",
            f"{self.method} <<conference>> SIP/2.0\n{via}{head}{kind}",
            content=self.offer,
        )
        text = f"SIP/2.0 {self.status}\n{via}{head}Contact: <<<conference>>>;isfocus\n"
        if self.answer:
            found += added(
                f"answer-{self.cseq}", self.at + 0.02, "mrfc -> ue_a", "sip", text + kind, content=self.answer
            )
        else:
            found += added(f"answer-{self.cseq}", self.at + 0.02, "mrfc -> ue_a", "sip", f"{text}Content-Length: 0\n")
        if self.method == "INVITE":
            ack = f"ACK <<conference>> SIP/2.0\n{via}{DIALOG}CSeq: {self.cseq} ACK\nContent-Length: 0\n"
            found += added(f"ack-{self.cseq}", self.at + 0.03, "ue_a -> mrfc", "sip", ack)
        return found


def from_mrfc(offer: str, answer: str, at: float = 32.0, cseq: int = 71) -> str:
    """A re-INVITE of the MRFC."""
    via = f"Via: SIP/2.0/UDP <<mrfc.sip>>;branch=z9hG4bKmr{cseq}\n"
    head = f"{BACK}CSeq: {cseq} INVITE\n"
    kind = "Content-Type: application/sdp\nContent-Length: <<size>>\n"
    contact = "Contact: <<<conference>>>;isfocus\n"
    return (
        added(
            f"offer-{cseq}",
            at,
            "mrfc -> ue_a",
            "sip",
            f"INVITE sip:alice@<<ue_a.sip>> SIP/2.0\n{via}{head}{contact}{kind}",
            content=offer,
        )
        + added(
            f"answer-{cseq}", at + 0.02, "ue_a -> mrfc", "sip", f"SIP/2.0 200 OK\n{via}{head}{kind}", content=answer
        )
        + added(
            f"ack-{cseq}",
            at + 0.03,
            "mrfc -> ue_a",
            "sip",
            f"ACK sip:alice@<<ue_a.sip>> SIP/2.0\n{via}{BACK}CSeq: {cseq} ACK\nContent-Length: 0\n",
        )
    )


MOVED = Sent(ue(), mrfp()).steps()
RECONNECT = added("reconnect", 32.04, "mrfp -> ue_moved", "tcp").rstrip() + "\ndo = 'connect'\n"
SEND_MOVED = added(
    "moved",
    32.2,
    "mrfp -> ue_moved",
    text=f"MSRP moved0001 SEND\nTo-Path: {UE_PATH}\nFrom-Path: {MRFP_PATH}\nMessage-ID: moved1\n",
) + added(
    "moved-ok", 32.21, "ue_moved -> mrfp", text=f"MSRP moved0001 200 OK\nTo-Path: {MRFP_PATH}\nFrom-Path: {UE_PATH}\n"
)


def built(*changes: str) -> Built:
    return twin("tcp-dial-in", NODES + "".join(changes))


def judged(tmp_path: Path, *changes: str) -> Session:
    return judge_packets(built(*changes).all(), tmp_path).only


def told(session: Session) -> list[tuple[str, str]]:
    return [(each.code, each.message.partition(" (frame")[0]) for each in session.findings]


# ---------------------------------------------------------------- an offer of the UE


def test_an_offer_that_moves_the_ue(tmp_path: Path) -> None:
    """New port and path, given to the MRFP, which connects anew: every row holds for both exchanges."""
    session = judged(tmp_path, MOVED, CONFIGURE, RECONNECT, SEND_MOVED)
    assert (session.flow, session.verdict, told(session)) == ("tcp-dial-in", Verdict.OK, [])
    assert len(session.connections) == 2
    for code in ("OFFER-1", "OFFER-2", "OFFER-3b", "OFFER-5", "OFFER-6", "CONN-1", "CONN-2", "CONN-3", "SDP-PATH"):
        assert session.results[code].status is Status.OK, code


NO_PATH = Sent(ue(), mrfp(path="")).steps()
NO_CEMA = Sent(ue(), mrfp(cema=False)).steps()
OTHER_ANSWER = Sent(ue(), mrfp(path="msrp://203.0.113.5:28563/other;tcp")).steps()
WRONG_REMOTE = modify(remote=h248_sdp("198.51.100.7", "7400", "msrp://198.51.100.7:7400/;tcp"))
WRONG_PORT = modify(remote=h248_sdp("198.51.100.7", "7394", UE_PATH))
WRONG_TRANSPORT = modify(remote=REMOTE.replace("TCP/MSRP", "TCP/TLS/MSRP"))
DICTATED = modify(local=h248_sdp("203.0.113.5", "28600", MRFP_PATH, "active"), remote=REMOTE)
BY_UE = added("reconnect", 32.04, "ue_moved -> mrfp", "tcp").rstrip() + "\ndo = 'connect'\n"


@pytest.mark.parametrize(
    ("changes", "code", "frames"),
    [
        ((MOVED,), "OFFER-1", ("add", "offer-2")),
        ((MOVED, WRONG_REMOTE), "OFFER-1", ("offer-2", "modify-4713")),
        ((MOVED, WRONG_TRANSPORT), "OFFER-2", ("offer-2", "modify-4713")),
        ((MOVED, WRONG_PORT), "OFFER-3b", ("offer-2", "modify-4713")),
        ((MOVED, DICTATED), "OFFER-4", ("modify-4713",)),
        ((NO_PATH, CONFIGURE), "OFFER-5", ("add-reply", "answer-2")),
        ((OTHER_ANSWER, CONFIGURE), "OFFER-5", ("add-reply", "answer-2")),
        ((NO_CEMA, CONFIGURE), "OFFER-6", ("offer-2", "answer-2")),
        ((MOVED, CONFIGURE, BY_UE), "CONN-1", ("offer-2", "answer-2", "reconnect")),
    ],
)
def test_what_is_wrong_with_the_second_exchange_alone(
    changes: tuple[str, ...], code: str, frames: tuple[str, ...], tmp_path: Path
) -> None:
    """The first one is in order, so a look at it alone would find nothing."""
    session = judged(tmp_path, *changes)
    assert told(session) == [(code, "second offer")]
    (finding,) = session.findings
    assert finding.message.startswith(f"second offer (frame {built(*changes).frames('offer-2')[0]}): ")
    assert finding.frames == built(*changes).frames(*frames)
    assert session.results[code].is_broken


def test_what_is_wrong_with_the_first_exchange_names_the_first(tmp_path: Path) -> None:
    first = '[[change]]\nstep = "answer"\nreplace = "a=msrp-cema\\n"\nwith = ""\n'
    assert told(judged(tmp_path, first, MOVED, CONFIGURE)) == [("OFFER-6", "first offer")]
    assert told(judged(tmp_path, first, NO_CEMA, CONFIGURE)) == [
        ("OFFER-6", "first offer"),
        ("OFFER-6", "second offer"),
    ]


def test_each_later_exchange_is_told_apart(tmp_path: Path) -> None:
    """The third is held against what the second left, the MRFP's end and the UE's."""
    path = "msrp://198.51.100.7:7401/third;tcp"
    third = Sent(ue(path, 7401), mrfp(), cseq=3, at=34.0).steps()
    remote = modify(remote=h248_sdp("198.51.100.7", "7401", path), at=34.005, number=4714)
    assert told(judged(tmp_path, MOVED, CONFIGURE, third, remote)) == []
    assert told(judged(tmp_path, MOVED, CONFIGURE, third)) == [("OFFER-1", "third offer")]
    assert told(judged(tmp_path, MOVED, third, remote)) == [("OFFER-1", "second offer")]


@pytest.mark.parametrize("wrong", [False, True])
def test_update_offers_too(wrong: bool, tmp_path: Path) -> None:
    """RFC 3311."""
    update = Sent(ue(), mrfp(path="" if wrong else MRFP_PATH), method="UPDATE").steps()
    assert told(judged(tmp_path, update, CONFIGURE)) == ([("OFFER-5", "second offer")] if wrong else [])


# ---------------------------------------------------------------- what is no new evidence


@pytest.mark.parametrize("wrong", [False, True])
def test_an_offer_that_only_repeats(wrong: bool, tmp_path: Path) -> None:
    """A session refresh (RFC 4028): what was wrong once is told once."""
    again = Sent(ue(OLD_UE_PATH, 7394), mrfp(cema=not wrong)).steps()
    first = '[[change]]\nstep = "answer"\nreplace = "a=msrp-cema\\n"\nwith = ""\n' if wrong else ""
    session = judged(tmp_path, first, again)
    assert [each.code for each in session.findings] == (["OFFER-6"] if wrong else [])
    assert not any("offer (frame" in each.message for each in session.findings)


def test_a_refresh_answered_otherwise_is_told(tmp_path: Path) -> None:
    again = Sent(ue(OLD_UE_PATH, 7394), mrfp(cema=False)).steps()
    assert told(judged(tmp_path, again)) == [("OFFER-6", "second offer")]


@pytest.mark.parametrize(
    "held",
    [
        ue(OLD_UE_PATH, 7394, "actpass", True, "a=inactive"),
        ue(OLD_UE_PATH, 7394).replace("c=IN IP4 198.51.100.7", "c=IN IP4 0.0.0.0"),
    ],
)
def test_hold_changes_nothing(held: str, tmp_path: Path) -> None:
    """RFC 3264 section 8.4."""
    assert told(judged(tmp_path, Sent(held, mrfp()).steps())) == []


@pytest.mark.parametrize("status", ["488 Not Acceptable Here", "491 Request Pending", "500 Server Internal Error"])
def test_an_offer_that_was_refused_judges_nothing(status: str, tmp_path: Path) -> None:
    """RFC 3261 section 14.1: the session goes on as it was; a later offer is held against that."""
    refused = Sent(ue(), "", status).steps()
    session = judged(tmp_path, refused)
    assert not any(each.code.startswith(("OFFER", "SDP", "CONN")) for each in session.findings)
    again = Sent(ue(), mrfp(), cseq=3, at=34.0).steps()
    remote = modify(remote=REMOTE, at=34.005)
    assert not any(each.code.startswith("OFFER") for each in judged(tmp_path, refused, again, remote).findings)
    wrong = judged(tmp_path, refused, again)
    assert [each for each in told(wrong) if each[0] == "OFFER-1"] == [("OFFER-1", "second offer")]


def test_a_stream_that_is_given_up_is_not_judged(tmp_path: Path) -> None:
    """Port 0 in a later offer (RFC 3264 section 8.2)."""
    gone = sdp("198.51.100.7", 0, UE_PATH, "actpass")
    assert told(judged(tmp_path, Sent(gone, sdp("203.0.113.5", 0, "", "active")).steps())) == []


# ---------------------------------------------------------------- what the capture may lack


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ((MOVED, RECONNECT), "the MRFP connects anew"),
        (
            (MOVED, CONFIGURE[CONFIGURE.index("[[step]]", 1) :]),
            "an H.248 request about its termination was not captured",
        ),
        ((MOVED, dropped("subtract*")), "H.248 of its termination is not in the capture until its end"),
        ((MOVED, dropped("ack")), "packets of this session are not in the capture: ACK not captured"),
        ((Sent(ue(), mrfp(), at=39.9).steps(),), "the session ended soon after the answer"),
    ],
)
def test_a_command_that_may_have_escaped_is_not_called_missing(
    changes: tuple[str, ...], reason: str, tmp_path: Path
) -> None:
    session = judged(tmp_path, *changes)
    assert not any(each.code.startswith(("OFFER", "ANS")) for each in session.findings)
    result = session.results["OFFER-1"]
    assert result.status is Status.NOT_OBSERVABLE
    assert result.reason.startswith("second offer (frame ")
    assert reason in result.reason


# ---------------------------------------------------------------- an offer of the MRFC

MRFP_MOVED = "msrp://203.0.113.5:28600/s1NEW;tcp"
RESERVED = added(
    "reserve",
    31.99,
    "mrfc -> mrfp",
    "h248",
    "!/2 [192.0.2.10]:2944\nT=4720{C=<<context>>{MF=<<termination>>{M{ST=1{L{\nv=0\nc=IN IP4 $\n"
    "m=message $ TCP/MSRP *\na=setup:passive\na=path:$\n}}}}}}\n",
) + added(
    "reserve-reply",
    31.995,
    "mrfp -> mrfc",
    "h248",
    "!/2 [192.0.2.20]:2944\nP=4720{C=<<context>>{MF=<<termination>>{M{ST=1{L{\nv=0\nc=IN IP4 203.0.113.5\n"
    f"m=message 28600 TCP/MSRP *\na=setup:passive\na=path:{MRFP_MOVED}\n}}}}}}}}}}}}\n",
)
OFFERED = mrfp(MRFP_MOVED, 28600, "actpass")
ANSWERED = ue(OLD_UE_PATH, 7394, "active")
ANSWER_MOVED = ue(UE_PATH, 7400, "active")
GIVEN_LATER = modify(remote=REMOTE, at=32.06)


def test_an_offer_of_the_mrfc_is_held_against_send_and_ans(tmp_path: Path) -> None:
    """In a session that the UE began."""
    session = judged(tmp_path, RESERVED, from_mrfc(OFFERED, ANSWERED))
    assert told(session) == []
    for code in ("SEND-1", "SEND-2", "SEND-3", "SEND-4", "ANS-1", "OFFER-1", "OFFER-5"):
        assert session.results[code].status is Status.OK, code
    assert told(judged(tmp_path, RESERVED, from_mrfc(OFFERED, ANSWER_MOVED), GIVEN_LATER)) == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ((from_mrfc(OFFERED, ANSWERED),), "SEND-3"),
        ((RESERVED, from_mrfc(mrfp("msrp://203.0.113.5:28600/none;tcp", 28600, "actpass"), ANSWERED)), "SEND-3"),
        ((RESERVED, from_mrfc(mrfp(MRFP_MOVED, 28600, "actpass", cema=False), ANSWERED)), "SEND-4"),
        ((RESERVED, from_mrfc(OFFERED, ANSWER_MOVED)), "ANS-1"),
        ((RESERVED, from_mrfc(OFFERED, ANSWER_MOVED), modify(remote=REMOTE.replace("jsh", "JSH"), at=32.06)), "ANS-1"),
        ((RESERVED.replace("m=message $ ", "m=message 28600 "), from_mrfc(OFFERED, ANSWERED)), "SEND-1"),
    ],
)
def test_what_is_wrong_with_an_offer_of_the_mrfc(changes: tuple[str, ...], code: str, tmp_path: Path) -> None:
    assert told(judged(tmp_path, *changes)) == [(code, "second offer")]


# ---------------------------------------------------------------- media after an exchange, with every rule

MRFP_MOVES = '[nodes.mrfp_moved]\nrole = "MRFP"\nmsrp = "203.0.113.5:28600"\nh248 = "192.0.2.20:2944"\n'
RECONNECT_MRFP = added("reconnect", 32.03, "ue_a -> mrfp_moved", "tcp").rstrip() + "\ndo = 'connect'\n"
CHAT_MOVED = (
    added(
        "m1",
        32.2,
        "mrfp_moved -> ue_a",
        text=f"MSRP moved0001 SEND\nTo-Path: {OLD_UE_PATH}\nFrom-Path: {MRFP_MOVED}\nMessage-ID: moved1\n",
    )
    + added(
        "m1-ok",
        32.21,
        "ue_a -> mrfp_moved",
        text=f"MSRP moved0001 200 OK\nTo-Path: {MRFP_MOVED}\nFrom-Path: {OLD_UE_PATH}\n",
    )
    + added(
        "m2",
        32.3,
        "ue_a -> mrfp_moved",
        text=f"MSRP moved0002 SEND\nTo-Path: {MRFP_MOVED}\nFrom-Path: {OLD_UE_PATH}\nMessage-ID: moved2\n",
    )
    + added(
        "m2-ok",
        32.31,
        "mrfp_moved -> ue_a",
        text=f"MSRP moved0002 200 OK\nTo-Path: {OLD_UE_PATH}\nFrom-Path: {MRFP_MOVED}\n",
    )
)


def test_media_after_the_mrfp_moved(tmp_path: Path) -> None:
    """New port and session-id of the MRFP, a new connection that the UE opens as it answered: nothing is wrong."""
    session = judged(tmp_path, MRFP_MOVES, RESERVED, from_mrfc(OFFERED, ANSWERED), RECONNECT_MRFP, CHAT_MOVED)
    assert len(session.connections) == 2
    assert told(session) == []
    for code in ("MRFP-2", "MRFP-3", "CONN-1", "CONN-2", "CONN-3", "SEND-3", "ANS-1"):
        assert session.results[code].status is Status.OK, code


def test_media_of_an_exchange_by_the_path_of_another(tmp_path: Path) -> None:
    """The UE goes on sending to the path that the MRFP gave up, on the connection of the new one: MRFP-2 or CONN-3."""
    stale = CHAT_MOVED.replace(
        "MSRP moved0002 SEND\nTo-Path: msrp://203.0.113.5:28600",
        "MSRP moved0002 SEND\nTo-Path: msrp://203.0.113.9:28600",
    )
    session = judged(tmp_path, MRFP_MOVES, RESERVED, from_mrfc(OFFERED, ANSWERED), RECONNECT_MRFP, stale)
    assert not any(each.code.startswith("OFFER") for each in session.findings)


def test_only_so_many_offers_are_judged(tmp_path: Path) -> None:
    """Each changes the path: 16 exchanges are judged, and the others named as not judged."""
    many = ""
    for number in range(20):
        path, at = f"msrp://198.51.100.7:{7500 + number}/many;tcp", 32 + number / 10
        many += Sent(ue(path, 7500 + number), mrfp(), cseq=2 + number, at=at).steps()
        many += modify(remote=h248_sdp("198.51.100.7", str(7500 + number), path), at=at + 0.005, number=4730 + number)
    session = judged(tmp_path, many)
    assert (session.state, session.verdict, told(session)) == (
        "ended, 5 later offers not judged",
        Verdict.INCOMPLETE,
        [],
    )


# ---------------------------------------------------------------- how sure


@pytest.mark.parametrize(
    ("changes", "sure"),
    [
        ((MOVED,), Confidence.LIKELY),
        ((MOVED, WRONG_REMOTE), Confidence.CERTAIN),
        ((NO_PATH, CONFIGURE), Confidence.CERTAIN),
        ((OTHER_ANSWER, CONFIGURE), Confidence.LIKELY),
        ((RESERVED, from_mrfc(OFFERED, ANSWER_MOVED)), Confidence.LIKELY),
    ],
)
def test_that_a_command_is_missing_is_likely_at_most(
    changes: tuple[str, ...], sure: Confidence, tmp_path: Path
) -> None:
    """Both halves of a transaction may have escaped the capture; what a message itself says is certain."""
    (finding,) = judged(tmp_path, *changes).findings
    assert finding.confidence is sure


def test_a_session_id_of_an_offer_that_escaped(tmp_path: Path) -> None:
    """MSRP-SESSION-ID: the UE's first offer, or its second, and the command that passed it on are lost."""
    steps = MOVED, CONFIGURE, RECONNECT, SEND_MOVED
    whole = built(*steps)
    for lost in (("invite", "modify-4713"), ("add-reply", "offer-2")):
        kept = [packet for packet, step in zip(whole.packets, whole.steps, strict=True) if step not in lost]
        session = judge_packets(kept, tmp_path).sessions[0]
        assert [each.code for each in session.findings] == []
        assert session.results["MSRP-SESSION-ID"].status is Status.NOT_OBSERVABLE


# ---------------------------------------------------------------- sessions that the MRFC began, INVITEs without SDP

OUT_UE = "msrp://198.51.100.9:8145/kjhd37s2s20w2a;tcp"
OUT_UE_MOVED = "msrp://198.51.100.9:8200/moved;tcp"
OUT_MRFP = "msrp://203.0.113.5:28571/t2c81hVw5n0pYq6K;tcp"
OUT_FROM_MRFC = "From: <<<conference>>>;tag=<<from_tag>>\nTo: <<<bob>>>;tag=<<to_tag>>\nCall-ID: <<call_id>>\n"
OUT_FROM_UE = "From: <<<bob>>>;tag=<<to_tag>>\nTo: <<<conference>>>;tag=<<from_tag>>\nCall-ID: <<call_id>>\n"
FOCUS = "Contact: <<<conference>>>;isfocus\n"
SDP_HEAD = "Content-Type: application/sdp\nContent-Length: <<size>>\n"


def again_out(way: tuple[str, str], dialog: str, offer: str, answer: str) -> str:
    """A re-INVITE in the sample `tcp-dial-out`."""
    one, other = way
    via = f"Via: SIP/2.0/UDP <<{one}.sip>>;branch=z9hG4bKout5\n"
    head = f"{via}{dialog}CSeq: 5 INVITE\n{FOCUS if one == 'mrfc' else ''}"
    back = f"{via}{dialog}CSeq: 5 INVITE\n{FOCUS if other == 'mrfc' else ''}"
    ack = f"ACK sip:x@<<{other}.sip>> SIP/2.0\n{via}{dialog}CSeq: 5 ACK\nContent-Length: 0\n"
    return (
        added(
            "offer-2",
            15.0,
            f"{one} -> {other}",
            "sip",
            f"INVITE sip:x@<<{other}.sip>> SIP/2.0\n{head}{SDP_HEAD}",
            content=offer,
        )
        + added("answer-2", 15.02, f"{other} -> {one}", "sip", f"SIP/2.0 200 OK\n{back}{SDP_HEAD}", content=answer)
        + added("ack-2", 15.03, f"{one} -> {other}", "sip", ack)
    )


def dial_out(tmp_path: Path, *changes: str) -> Session:
    return judge_packets(twin("tcp-dial-out", "".join(changes)).all(), tmp_path).only


UE_MOVES = again_out(
    ("ue_b", "mrfc"),
    OUT_FROM_UE,
    sdp("198.51.100.9", 8200, OUT_UE_MOVED, "actpass", "a=msrp-cema"),
    sdp("203.0.113.5", 28571, OUT_MRFP, "passive", "a=msrp-cema"),
)
UE_GIVEN = modify(remote=h248_sdp("198.51.100.9", "8200", OUT_UE_MOVED, "active"), at=15.005)
MRFC_PLAIN = again_out(
    ("mrfc", "ue_b"),
    OUT_FROM_MRFC,
    sdp("203.0.113.5", 28571, OUT_MRFP, "actpass"),
    sdp("198.51.100.9", 8145, OUT_UE, "active"),
)


def test_an_offer_of_the_ue_in_a_session_of_the_mrfc(tmp_path: Path) -> None:
    session = dial_out(tmp_path, UE_MOVES, UE_GIVEN)
    assert (session.flow, told(session)) == ("tcp-dial-out", [])
    assert session.results["OFFER-1"].status is session.results["OFFER-5"].status is Status.OK
    assert told(dial_out(tmp_path, UE_MOVES)) == [("OFFER-1", "second offer")]


def test_the_way_back_from_cema(tmp_path: Path) -> None:
    """RFC 6714 section 4.2: an offer without CEMA is right where the UE did not answer with it, and else SEND-4."""
    no_cema = '[[change]]\nstep = "answer"\nreplace = "a=msrp-cema\\n"\nwith = ""\n'
    session = dial_out(tmp_path, no_cema, MRFC_PLAIN)
    assert told(session) == []
    # The Modify of the first answer stays in force.
    assert session.results["ANS-1"].status is session.results["ANS-2"].status is Status.OK
    assert told(dial_out(tmp_path, MRFC_PLAIN)) == [("SEND-4", "second offer")]


def offerless(offer: str, answer: str) -> str:
    """A re-INVITE without SDP: the 200 offers, the ACK answers (RFC 3261 section 14.1)."""
    via = "Via: SIP/2.0/UDP <<ue_a.sip>>;branch=z9hG4bKre2\n"
    return (
        added(
            "asked",
            32.0,
            "ue_a -> mrfc",
            "sip",
            f"INVITE <<conference>> SIP/2.0\n{via}{DIALOG}CSeq: 2 INVITE\nContent-Length: 0\n",
        )
        + added(
            "offer-2",
            32.02,
            "mrfc -> ue_a",
            "sip",
            f"SIP/2.0 200 OK\n{via}{DIALOG}CSeq: 2 INVITE\n{FOCUS}{SDP_HEAD}",
            content=offer,
        )
        + added(
            "answer-2",
            32.03,
            "ue_a -> mrfc",
            "sip",
            f"ACK <<conference>> SIP/2.0\n{via}{DIALOG}CSeq: 2 ACK\n{SDP_HEAD}",
            content=answer,
        )
    )


def test_an_offer_in_a_response(tmp_path: Path) -> None:
    assert told(judged(tmp_path, RESERVED, offerless(OFFERED, ANSWERED))) == []
    assert told(judged(tmp_path, offerless(OFFERED, ANSWERED))) == [("SEND-3", "second offer")]
    assert told(judged(tmp_path, RESERVED, offerless(OFFERED, ANSWER_MOVED))) == [("ANS-1", "second offer")]


# ---------------------------------------------------------------- clocks that differ


def on_two_clocks(tmp_path: Path, whole: Built, offset: float) -> Session:
    """H.248 in a capture of its own, whose clock is `offset` seconds ahead."""
    packets = whole.all()
    sip = [each for each in packets if interface_of(each[1]) != "h248"]
    h248 = [(time + int(offset * 1e9), data) for time, data in packets if interface_of(data) == "h248"]
    return judge_files([write_pcap(tmp_path / "sip.pcap", sip), write_pcap(tmp_path / "h248.pcap", h248)]).only


@pytest.mark.parametrize("offset", [0.5, -0.5, 3.0, -3.0])
def test_clocks_that_differ_accuse_nobody(offset: float, tmp_path: Path) -> None:
    for steps in (
        (MOVED, CONFIGURE, RECONNECT, SEND_MOVED),
        (RESERVED, from_mrfc(OFFERED, ANSWER_MOVED), GIVEN_LATER),
    ):
        assert told(on_two_clocks(tmp_path, built(*steps), offset)) == []


def test_what_needs_no_clock_is_told_all_the_same(tmp_path: Path) -> None:
    session = on_two_clocks(tmp_path, built(NO_CEMA, CONFIGURE), 0.5)
    assert told(session) == [("OFFER-6", "second offer")]
    wrong = on_two_clocks(tmp_path, built(MOVED), 0.5)
    assert told(wrong) == []
    assert "clocks" in wrong.results["OFFER-1"].reason


# ---------------------------------------------------------------- the set-up, beside a later exchange


def test_a_signal_of_a_later_exchange_is_none_of_the_set_up(tmp_path: Path) -> None:
    """The UE was to connect first; later the MRFC tells the MRFP to open: TCP-4 is about the Add."""
    passive = (
        '[[change]]\nstep = "answer"\nreplace = "a=setup:active"\nwith = "a=setup:passive"\n'
        '[[change]]\nstep = "add"\nreplace = "a=setup:active"\nwith = "a=setup:passive"\n'
        '[[change]]\nstep = "add"\nreplace = ",\\nSG{tcpbcc/EstBNC{ST=1}}"\nwith = ""\n'
        '[[change]]\nstep = "add-reply"\nreplace = "a=setup:active"\nwith = "a=setup:passive"\n'
        '[[change]]\nstep = "connect"\nset = { tcp = "ue_a -> mrfp" }\n'
    )
    opened = CONFIGURE.replace("ST=1{R{", "ST=1{R{", 1).replace("}}}}}}\n'''", "}}},SG{tcpbcc/EstBNC{ST=1}}}}}\n'''", 1)
    assert opened != CONFIGURE
    session = judged(tmp_path, passive, MOVED, opened)
    assert session.results["TCP-4"].status is Status.NOT_APPLICABLE
    assert not session.results["TCPC-1"].is_broken


def test_an_offer_of_another_dialog_changes_nothing(tmp_path: Path) -> None:
    """The same Call-ID with another To tag: another fork, or another leg of a back-to-back user agent."""
    other = MOVED.replace("tag=<<to_tag>>", "tag=another")
    assert other != MOVED
    assert not any("offer (frame" in each.message for each in judged(tmp_path, other).findings)


def test_requests_by_the_path_of_the_other_exchange_are_right(tmp_path: Path) -> None:
    """The session-id stays and the port changes: To-Path was right before, and is right after (CONN-3)."""
    path = "msrp://198.51.100.7:7400/jshA7weztas2s93i9ek2;tcp"
    steps = [each.replace(UE_PATH, path) for each in (MOVED, CONFIGURE, RECONNECT, SEND_MOVED)]
    session = judged(tmp_path, *steps)
    assert told(session) == []
    assert session.results["CONN-3"].status is Status.OK
