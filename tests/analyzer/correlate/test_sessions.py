"""From messages and connections to sessions: what belongs together, how sure that is, and what is left over."""

from __future__ import annotations

import random

import pytest

from analyzer.checks import CHECKS
from analyzer.conversations.connection import Connection
from analyzer.correlate.correlator import Correlator
from analyzer.correlate.session import Session
from analyzer.judge import Judge
from analyzer.model import Coverage, Message, Verdict
from tests.analyzer.conversations.made import (
    MGC,
    MRFC,
    MRFP,
    PROXY,
    START,
    UE,
    UE_B,
    Dialog,
    Gateway,
    S,
    flow,
    media,
    msrp_sdp,
    tcp,
)

CHOOSE = b"v=0\r\nc=IN IP4 $\r\nm=message $ TCP/MSRP *\r\n"
JUDGE = Judge((), CHECKS, select=("SIP-", "H248-", "TCP-REFUSED", "TCP-TIMEOUT"))
"What makes a session a failed one."
OFFER, ANSWER = msrp_sdp(UE, 7394, "ue1"), msrp_sdp(MRFP, 28563, "mrf1")


def sessions_of(*things: Message | Connection) -> list[Session]:
    """All sessions in the order of their begin, once everything was taken in."""
    return run(*things)[0]


def run(*things: Message | Connection) -> tuple[list[Session], Correlator]:
    correlator = Correlator(Coverage())
    for thing in things:
        if isinstance(thing, Message):
            correlator.add_message(thing)
        else:
            thing.claimed.clear()
            correlator.connection_opened(thing.client)
            correlator.add_connection(thing)
    correlator.scope.hear_until(START + 3600 * S)
    found = sorted(correlator.finish(), key=lambda each: (each.first, each.id))
    for session in found:
        JUDGE.judge(session, correlator.nodes, correlator.scope)
    return found, correlator


def call(
    call_id: str = "c1", offer: bytes = OFFER, answer: bytes = ANSWER, *, ue: str = UE, at: int = START, frame: int = 1
) -> list[Message]:
    """INVITE, 200, ACK, and after 20 s BYE, 200."""
    d = Dialog(call_id, ue, at=at, frame=frame)
    d.request("INVITE", 1, offer)
    d.response(200, sdp=answer)
    d.request("ACK", 1)
    d.wait(20 * S)
    d.request("BYE", 2)
    d.response(200, "BYE", 2)
    return d.messages


def leg(
    local: bytes = ANSWER,
    remote: bytes = OFFER,
    *,
    number: int = 1,
    name: str = "ip/1/33",
    gateway: Gateway | None = None,
) -> list[Message]:
    """Add with Remote, the gateway chooses Local; Subtract 20 s later."""
    g = gateway or Gateway()
    at = g.time
    messages = [
        g.down(f"T={number}{{C=${{A=ip/1/${{{media(CHOOSE, remote)}}}}}}}"),
        g.up(f"P={number}{{C={16 + number}{{A={name}{{{media(local)}}}}}}}"),
    ]
    g.wait(20 * S)
    subtract = f"{{C={16 + number}{{S={name}}}}}"
    messages += [g.down(f"T={number + 100}{subtract}"), g.up(f"P={number + 100}{subtract}")]
    g.time = at + 10_000_000
    return messages


def links(session: Session) -> list[tuple[str, str, str]]:
    return [(link.to, link.reason, link.confidence.value) for link in session.links]


def test_call_termination_and_connection_are_one_session() -> None:
    (session,) = sessions_of(*call(), *leg(), tcp(f"{UE}:7394", f"{MRFP}:28563", ("ue1", "mrf1")))
    assert (session.kind, session.state, session.verdict) == ("message", "ended", Verdict.OK)
    assert links(session) == [
        (
            "h248 context 17 ip/1/33 at 192.0.2.20:2944",
            "SDP equals local MSRP session-id, remote MSRP session-id",
            "certain",
        ),
        ("tcp 198.51.100.7:7394 > 192.0.2.20:28563", "both MSRP session-ids of the SDP", "certain"),
    ]
    assert [frame for entry in session.entries() for frame in entry.frames] == [
        1, 1001, 2001, 2, 1002, 2002, 3, 2003, 1003, 4, 1004, 5,
    ]  # fmt: skip
    assert [each.address for each in session.participants] == [UE, MRFP]


def _time(thing: Message | Connection) -> int:
    return thing.time if isinstance(thing, Message) else thing.last


def test_order_within_milliseconds_gives_the_same_session() -> None:
    things: list[Message | Connection] = [
        *call(), *leg(), tcp(f"{UE}:7394", f"{MRFP}:28563", ("ue1", "mrf1")),
    ]  # fmt: skip
    (expected,) = sessions_of(*things)
    for seed in range(10):
        rng = random.Random(seed)
        late = {id(thing): _time(thing) + rng.randrange(5_000_000) for thing in things}
        (session,) = sessions_of(*sorted(things, key=lambda thing: late[id(thing)]))
        assert (session.id, session.state, session.verdict) == (expected.id, expected.state, expected.verdict)
        assert links(session) == links(expected)
        assert session.entries() == expected.entries()


@pytest.mark.parametrize(
    ("client", "ids", "reason", "sure"),
    [
        (f"{UE}:40001", ("ue1", "mrf1"), "both", "certain"),
        (f"{UE}:40001", ("ue1", "other"), "one", "certain"),
        ("203.0.113.77:40001", ("ue1", "mrf1"), "both", "certain"),
    ],
)
def test_connection_by_session_ids(client: str, ids: tuple[str, str], reason: str, sure: str) -> None:
    """The client's port need not be the announced one (RFC 4145 port 9, NAT), the session-ids do it."""
    (session,) = sessions_of(*call(), tcp(client, f"{MRFP}:28563", ids))
    expected = "both MSRP session-ids of the SDP" if reason.startswith("both") else "MSRP session-id of the SDP"
    assert links(session) == [(f"tcp {client} > {MRFP}:28563", expected, sure)]


def test_relay_on_both_sides() -> None:
    (session,) = sessions_of(*call(), tcp("203.0.113.77:40001", "203.0.113.78:50000", ("ue1", "mrf1")))
    assert links(session) == [
        (
            "tcp 203.0.113.77:40001 > 203.0.113.78:50000",
            "both MSRP session-ids of the SDP; addresses differ from the SDP (NAT or relay)",
            "certain",
        )
    ]


def test_other_session_ids_never_match() -> None:
    """The same addresses and ports, minutes-old reuse or a stray: the session-ids contradict."""
    one, other = sessions_of(*call(), tcp(f"{UE}:7394", f"{MRFP}:28563", ("x", "y"), at=START + S))
    assert (one.kind, one.links, one.connections) == ("message", [], [])
    assert (other.call, len(other.connections), other.links) == (None, 1, [])


def test_port_used_again_by_a_later_call() -> None:
    later = START + 600 * S
    things = [
        *call(), *call("c2", at=later, frame=101), tcp(f"{UE}:7394", f"{MRFP}:28563", protocol="tls"),
        tcp(f"{UE}:7394", f"{MRFP}:28563", protocol="tls", at=later, frame=2101),
    ]  # fmt: skip
    one, two = sessions_of(*things)
    assert [part.connection.started for part in one.connections] == [START]
    assert [part.connection.started for part in two.connections] == [later]


def test_tls_by_both_ends() -> None:
    (session,) = sessions_of(*call(), tcp(f"{UE}:7394", f"{MRFP}:28563", protocol="tls"))
    assert links(session) == [("tcp 198.51.100.7:7394 > 192.0.2.20:28563", "addresses and ports of the SDP", "certain")]


def test_tls_of_the_active_side_with_port_9() -> None:
    (session,) = sessions_of(
        *call(offer=msrp_sdp(UE, 9, "ue1", "active")), tcp(f"{UE}:40001", f"{MRFP}:28563", protocol="tls")
    )
    assert links(session) == [
        ("tcp 198.51.100.7:40001 > 192.0.2.20:28563", "addresses and one port of the SDP", "likely")
    ]


def test_tls_through_nat_is_possible_where_it_is_alone() -> None:
    alone = tcp("203.0.113.77:40001", f"{MRFP}:28563", protocol="tls")
    (session,) = sessions_of(*call(), alone)
    assert links(session) == [
        ("tcp 203.0.113.77:40001 > 192.0.2.20:28563", "goes to an announced address and port", "possible")
    ]
    two = [tcp(f"203.0.113.{number}:40001", f"{MRFP}:28563", protocol="tls") for number in (77, 78)]
    found = sessions_of(*call(), *two)
    assert [len(each.connections) for each in found if each.call] == [0]
    assert len(found) == 3


def test_refused_and_timed_out_connections_belong_to_their_session() -> None:
    refused = tcp(f"{UE}:7394", f"{MRFP}:28563", outcome="refused", protocol="")
    (session,) = sessions_of(*call(), refused)
    assert (session.state, session.verdict) == ("ended, TCP refused", Verdict.FAILED)
    (session,) = sessions_of(*call(), tcp(f"{UE}:7394", f"{MRFP}:28563", outcome="timeout", protocol=""))
    assert (session.state, session.verdict) == ("ended, TCP timed out", Verdict.FAILED)
    again = tcp(f"{UE}:40002", f"{MRFP}:28563", ("ue1", "mrf1"), at=START + S, frame=2101)
    (session,) = sessions_of(*call(), refused, again)
    assert (session.state, session.verdict, len(session.connections)) == ("ended, TCP refused", Verdict.WARNINGS, 2)


def test_connection_before_the_answer() -> None:
    (session,) = sessions_of(*call(at=START + 2 * S), tcp(f"{UE}:7394", f"{MRFP}:28563", ("ue1", "mrf1"), at=START))
    assert session.first == START
    assert len(session.connections) == 1


def test_a_port_that_thousands_share() -> None:
    """One MRFP port for all (RFC 4975 section 5.4 allows it): each call finds its own connection."""
    things: list[Message | Connection] = []
    for number in range(400):
        ue = f"10.1.{number // 200}.{number % 200 + 1}"
        at = START + number * 1_000_000
        things += call(
            f"c{number}", msrp_sdp(ue, 9, f"u{number}"), msrp_sdp(MRFP, 2855, f"m{number}"), ue=ue, at=at,
            frame=10 * number + 1,
        )  # fmt: skip
        kind = ("msrp", "tls", "")[number % 3]
        ids = [(f"u{number}", f"m{number}")] if kind == "msrp" else []
        outcome = "closed" if kind else "refused"
        things.append(tcp(f"{ue}:40000", f"{MRFP}:2855", *ids, at=at, protocol=kind, outcome=outcome))
    found = sessions_of(*things)
    assert len(found) == 400
    for session in found:
        assert session.call is not None
        assert [part.connection.client.src_ip for part in session.connections] == [session.call.messages[0].flow.src_ip]


def test_several_msrp_sessions_on_one_connection() -> None:
    """Two chats of one UE share a connection (RFC 4975 section 5.4); each has its own rows and the handshake."""
    shared = tcp(f"{UE}:7394", f"{MRFP}:28563", ("ue1", "mrf1"), ("ue2", "mrf2"), ("ue3", "mrf3"))
    one, two, rest = sorted(
        sessions_of(
            *call(),
            *call("c2", msrp_sdp(UE, 7394, "ue2"), msrp_sdp(MRFP, 28563, "mrf2"), frame=101),
            shared,
        ),
        key=lambda each: each.call.call_id if each.call else "z",
    )
    assert [sorted(part.session_indexes) for part in one.connections] == [[0]]
    assert [sorted(part.session_indexes) for part in two.connections] == [[1]]
    assert [sorted(part.session_indexes) for part in rest.connections] == [[2]]
    assert [entry.frames for entry in one.entries() if entry.protocol in ("tcp", "msrp")] == [(2001,), (2002,), (2005,)]
    assert [entry.frames for entry in two.entries() if entry.protocol in ("tcp", "msrp")] == [(2001,), (2003,), (2005,)]
    assert rest.call is None


def test_rejected_reinvite_leaves_what_was_agreed() -> None:
    d = Dialog()
    d.request("INVITE", 1, OFFER)
    d.response(200, sdp=ANSWER)
    d.request("INVITE", 2, msrp_sdp(UE, 9999, "new"))
    d.response(488, cseq=2)
    (session,) = sessions_of(*d.messages)
    assert [end.port for end in session.offered + session.answered] == [7394, 28563]


def test_late_offer_names_the_right_participants() -> None:
    d = Dialog()
    d.request("INVITE", 1)
    d.response(200, sdp=ANSWER)
    d.request("ACK", 1, OFFER)
    (session,) = sessions_of(*d.messages)
    assert [each.address for each in session.participants] == [UE, MRFP]


def test_h248_alone_and_msrp_alone() -> None:
    h248, msrp = sessions_of(*leg(), tcp(f"{UE_B}:7394", f"{MRFP}:30000", ("a", "b"), at=START + S))
    assert (h248.kind, h248.state, h248.verdict, h248.call) == ("message", "subtracted", Verdict.OK, None)
    assert (msrp.kind, msrp.state, msrp.verdict, msrp.terminations) == ("message", "ended", Verdict.OK, [])


def test_h248_and_msrp_without_sip() -> None:
    (session,) = sessions_of(*leg(), tcp(f"{UE}:7394", f"{MRFP}:28563", ("ue1", "mrf1")))
    assert session.call is None
    assert (len(session.terminations), len(session.connections)) == (1, 1)


def test_two_gateways_with_equal_context_and_termination() -> None:
    second = "192.0.2.21"
    remote, local = msrp_sdp(UE_B, 7394, "ub"), msrp_sdp(second, 28563, "mb")
    other = Gateway(mg=f"{second}:2944", at=START + S, frame=1101)
    one, two = sessions_of(
        *call(),
        *call("c2", remote, local, ue=UE_B, at=START + S, frame=101),
        *leg(),
        *leg(local, remote, gateway=other),
    )
    assert [life.gateway for life in one.terminations] == ["192.0.2.20:2944"]
    assert [life.gateway for life in two.terminations] == ["192.0.2.21:2944"]


def test_failed_add_fails_its_call() -> None:
    g = Gateway()
    d = Dialog()
    d.request("INVITE", 1, OFFER)
    d.response(500)
    add = [g.down(f"T=1{{C=${{A=ip/1/${{{media(CHOOSE, OFFER)}}}}}}}"), g.up('P=1{C=${A=ip/1/${ER=510{"no"}}}}')]
    (session,) = sessions_of(*d.messages, *add)
    assert (session.state, session.verdict) == ("rejected 500, H.248 error 510", Verdict.FAILED)


def test_gateway_that_does_not_answer() -> None:
    g = Gateway()
    d = Dialog()
    d.request("INVITE", 1, OFFER)
    d.response(503)
    text = f"T=1{{C=${{A=ip/1/${{{media(CHOOSE, OFFER)}}}}}}}"
    (session,) = sessions_of(*d.messages, g.down(text), g.down(text))
    assert (session.state, session.verdict) == ("rejected 503, H.248 request not answered", Verdict.FAILED)


def test_what_is_left_over_is_listed_and_counted() -> None:
    g = Gateway()
    messages = [
        g.up('T=1{C=-{SC=ROOT{SV{MT=RS,RE="901"}}}}'), g.down("P=1{C=-{SC=ROOT}}"), g.down("T=2{C=-{AV=ROOT{AT{}}}}"),
    ]  # fmt: skip
    found, correlator = run(*messages, *call())
    assert len(found) == 1
    assert correlator.coverage.unlinked == {"h248": 3}
    assert correlator.coverage.unlinked_list == [
        "frame 1001: h248 T=1 C=- ServiceChange ROOT",
        "frame 1002: h248 P=1 C=- ServiceChange ROOT",
        "frame 1003: h248 T=2 C=- AuditValue ROOT",
    ]


def test_begun_before_the_capture() -> None:
    (session,) = sessions_of(*call()[3:])
    assert (session.state, session.verdict) == ("begun before the capture, ended", Verdict.INCOMPLETE)
    assert [each.identity for each in session.participants] == ["sip:caller@example.net", "sip:callee@example.net"]


def test_two_hops_are_one_session() -> None:
    d = Dialog()
    first = d.request("INVITE", 1, OFFER, way=flow(UE, PROXY))
    d.again(first, flow(PROXY, MRFC))
    answer = d.response(200, sdp=ANSWER, way=flow(MRFC, PROXY))
    d.again(answer, flow(PROXY, UE))
    (session,) = sessions_of(*d.messages)
    assert [(entry.frames, entry.summary) for entry in session.entries()] == [
        ((1,), "INVITE, SDP offer"),
        ((2,), "INVITE, SDP, same message on another path"),
        ((3,), "200 Reason (INVITE), SDP answer"),
        ((4,), "200 Reason (INVITE), SDP, same message on another path"),
    ]
    assert MGC not in session.nodes
