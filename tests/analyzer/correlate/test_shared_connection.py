"""One connection, several sessions (RFC 4975 section 5.4): each is judged by its own messages and signalling."""

from __future__ import annotations

import pytest

from analyzer.checks import CHECKS
from analyzer.conversations.connection import Connection
from analyzer.correlate.correlator import Correlator
from analyzer.correlate.session import Session
from analyzer.findings import Status
from analyzer.flows import FLOWS
from analyzer.judge import REUSED, Judge
from analyzer.model import Coverage
from tests.analyzer.conversations.made import MRFP, MS, START, UE, Dialog, Gateway, S, media, msrp_sdp, tcp

FOCUS = (("Contact", "<sip:room@192.0.2.10>;isfocus"),)
SET_UP = {
    "TCP-5",
    "CONN-1",
    "CONN-2",
    "CONN-6",
    "TCPC-1",
    "NAT-1",
    "TLS-1",
    "TLS-3",
    "TLS-4",
    "MRFP-TLS-1",
    "MRFP-TLS-2",
}
PORT = 28563


def dial_in(number: int, at: int) -> list[object]:
    """INVITE, Add, reply, 200, ACK; 20 s later BYE, 200, Subtract, reply: each with session-ids of its own."""
    d = Dialog(f"c{number}", at=START + at, frame=100 * number)
    g = Gateway(at=START + at + MS // 2, frame=100 * number + 50)
    theirs, ours = (msrp_sdp(UE, 7394, f"u{number}", "actpass"), msrp_sdp(MRFP, PORT, f"m{number}", "active"))
    name = f"ip/1/{number}"
    signal = ",SG{tcpbcc/EstBNC}"
    d.request("INVITE", 1, theirs)
    things: list[object] = [
        g.down(f"T={2 * number}{{C=${{A=ip/1/${{{media(b'', theirs)}{signal}}}}}}}"),
        g.up(f"P={2 * number}{{C={number}{{A={name}{{{media(ours)}}}}}}}"),
    ]
    d.wait(5 * MS)
    d.response(200, sdp=ours, headers=FOCUS)
    d.request("ACK", 1)
    d.wait(20 * S)
    g.wait(20 * S)
    d.request("BYE", 2)
    d.response(200, "BYE", 2)
    g.wait(50 * MS)
    things += [
        g.down(f"T={2 * number + 1}{{C={number}{{S={name}}}}}"),
        g.up(f"P={2 * number + 1}{{C={number}{{S={name}}}}}"),
    ]
    return [*things, *d.messages]


def connection(*session_ids: tuple[str, str], at: int) -> Connection:
    made = tcp(f"{MRFP}:{PORT}", f"{UE}:7394", *session_ids, at=START + at, last=START + 30 * S)
    made.established = made.started + 2 * MS
    # Nobody says anything before all have their session-ids.
    made._rows = [(row[0] if row[3] == "tcp" else START + 10 * S, *row[1:]) for row in made.rows]
    made.rows.insert(1, (made.started + MS, (2500,), 1, "tcp", "SYN ACK", -1))
    made.rows.insert(2, (made.started + 2 * MS, (2501,), 0, "tcp", "ACK, established", -1))
    return made


def judged(*things: object) -> list[Session]:
    correlator = Correlator(Coverage())
    judge = Judge(FLOWS, CHECKS)
    for thing in sorted(things, key=lambda each: getattr(each, "time", 0)):
        if isinstance(thing, Connection):
            correlator.connection_opened(thing.client)
            correlator.add_connection(thing)
        else:
            correlator.add_message(thing)  # type: ignore[arg-type]
    correlator.scope.hear_until(START + 3600 * S)
    sessions = sorted(correlator.finish(), key=lambda each: each.first)
    for session in sessions:
        judge.judge(session, correlator.nodes, correlator.scope)
    return sessions


def test_the_second_session_has_no_set_up_of_its_own() -> None:
    """The connection is older than its Add: TCP-4, GEN-2 and the rows about who opens do not accuse it."""
    shared = connection(("m1", "u1"), ("m2", "u2"), at=8 * MS)
    first, second = judged(*dial_in(1, 0), *dial_in(2, 3 * S), shared)
    assert [each.flow for each in (first, second)] == ["tcp-dial-in"] * 2
    assert [part.session_indexes for each in (first, second) for part in each.connections] == [{0}, {1}]
    assert {code for code, result in second.results.items() if result == REUSED} == SET_UP
    assert second.results["TCP-4"].status is Status.OK
    assert second.results["GEN-2"].status is Status.NOT_APPLICABLE
    assert REUSED not in first.results.values()
    assert first.results["TCP-5"].status is first.results["CONN-1"].status is Status.OK
    codes = {"TCP-4", "TCP-5", "GEN-2", "CONN-1", "CONN-2"}
    assert not codes & {finding.code for each in (first, second) for finding in each.findings}


def test_a_connection_of_nobody_else_that_is_older_is_a_fault() -> None:
    """The neighbour: only this session's messages are on it, so the MRFP opened it before it was told to."""
    _, session = judged(*dial_in(1, 0), *dial_in(2, 3 * S), connection(("m2", "u2"), at=8 * MS))
    assert "GEN-2" in {finding.code for finding in session.findings}
    assert session.results["TCP-5"].status is Status.OK


@pytest.mark.parametrize("one_clock", [True, False])
def test_on_two_clocks_the_first_keeps_its_connection(one_clock: bool) -> None:
    """50 ms before its own INVITE is no other session's connection where the clocks may differ."""
    from analyzer.evidence import Evidence
    from analyzer.profile import DEFAULT_PROFILE

    shared = connection(("m1", "u1"), ("m2", "u2"), at=-50 * MS)
    correlator = Correlator(Coverage())
    correlator.scope.one_clock = one_clock
    for thing in sorted([*dial_in(1, 0), *dial_in(2, 3 * S)], key=lambda each: each.time):  # type: ignore[attr-defined]
        correlator.add_message(thing)  # type: ignore[arg-type]
    correlator.connection_opened(shared.client)
    correlator.add_connection(shared)
    found = sorted(correlator.finish(), key=lambda each: each.first)
    reused = [Evidence(each, correlator.nodes, correlator.scope, DEFAULT_PROFILE).is_reused for each in found]
    assert reused == [one_clock, True]
