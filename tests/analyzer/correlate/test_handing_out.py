"""When sessions are handed out: early and late runs tell the same (decision 4)."""

from __future__ import annotations

from analyzer.correlate.correlator import Correlator
from analyzer.correlate.session import Session
from analyzer.model import Coverage, Message
from tests.analyzer.conversations.made import MRFP, START, UE, Dialog, Gateway, S, media, msrp_sdp, tcp

OFFER, ANSWER = msrp_sdp(UE, 7394, "ue1"), msrp_sdp(MRFP, 28563, "mrf1")


def early(things: list[object], every: int = 10 * S, until: int = 0) -> tuple[list[tuple[int, Session]], Correlator]:
    """Sessions with the second at which they were handed out, -1 for the end of the capture."""
    correlator = Correlator(Coverage())
    found: list[tuple[int, Session]] = []
    now = START
    for thing in sorted(things, key=lambda each: each.time if isinstance(each, Message) else each.last):  # type: ignore[attr-defined]
        time: int = thing.time if isinstance(thing, Message) else thing.last  # type: ignore[attr-defined]
        while now + every < time:
            now += every
            found += [((now - START) // S, session) for session in correlator.finish(now)]
        if isinstance(thing, Message):
            correlator.add_message(thing)
        else:
            thing.claimed.clear()  # type: ignore[attr-defined]
            correlator.add_connection(thing)  # type: ignore[arg-type]
    while now < until:
        now += every
        found += [((now - START) // S, session) for session in correlator.finish(now)]
    return found + [(-1, session) for session in correlator.finish()], correlator


def told(found: list[tuple[int, Session]]) -> list[tuple[str, int, int, int]]:
    """Session, messages, terminations, connections; in the order of ids."""
    return sorted(
        (
            session.id,
            len(session.call.messages) if session.call else 0,
            len(session.terminations),
            len(session.connections),
        )
        for _, session in found
    )


def both_ways(things: list[object]) -> list[tuple[str, int, int, int]]:
    """The sessions, the same whether asked every second, every ten, or at the end only."""
    expected = told(early(things, 1 << 60)[0])
    for every in (S, 7 * S, 10 * S):
        assert told(early(things, every)[0]) == expected
    return expected


def invite(d: Dialog, talk: int = 20 * S) -> list[object]:
    d.request("INVITE", 1, OFFER)
    d.response(200, sdp=ANSWER)
    d.request("ACK", 1)
    d.wait(talk)
    d.request("BYE", 2)
    d.response(200, "BYE", 2)
    return list(d.messages)


def test_a_call_is_handed_out_after_its_quiet_time() -> None:
    things = invite(Dialog())
    found, correlator = early(things, until=START + 100 * S)
    assert [at for at, _ in found] == [70]
    assert correlator._calls == {}
    assert not correlator._quiet
    assert not correlator._retired
    assert correlator.legs._keys == {}


def test_registration_is_one_session_through_all_refreshes() -> None:
    d = Dialog()
    for cseq in range(1, 6):
        d.from_tag = f"f{cseq}"
        d.request("REGISTER", cseq, to_tag="")
        d.response(200, "REGISTER", cseq)
        d.wait(300 * S)
    assert [messages for _, messages, _, _ in both_ways(list(d.messages))] == [10]


def test_challenged_invite_that_the_user_tries_again_after_a_minute() -> None:
    d = Dialog()
    d.request("INVITE", 1, OFFER)
    d.response(407)
    d.wait(70 * S)
    d.request("INVITE", 2, OFFER, to_tag="")
    d.response(486, cseq=2)
    assert [messages for _, messages, _, _ in both_ways(list(d.messages))] == [4]


def test_call_id_that_comes_again_long_after_the_end() -> None:
    """Some testers use one Call-ID for all calls: each is a session with an id of its own."""
    d = Dialog()
    things = invite(d)
    d.wait(300 * S)
    d.messages = []
    d.request("INVITE", 11, OFFER, to_tag="")
    d.response(200, "INVITE", 11, ANSWER)
    found = both_ways(things + list(d.messages))
    assert [messages for _, messages, _, _ in found] == [5, 2]
    assert found[1][0] == found[0][0] + "-2"


def test_second_fork_ended_while_the_first_talks_for_minutes() -> None:
    d = Dialog()
    d.request("INVITE", 1, OFFER)
    d.response(200, sdp=ANSWER, to_tag="one")
    d.response(200, sdp=ANSWER, to_tag="two")
    d.request("BYE", 2, to_tag="two")
    d.response(200, "BYE", 2, to_tag="two")
    d.wait(600 * S)
    d.request("BYE", 3, to_tag="one")
    d.response(200, "BYE", 3, to_tag="one")
    assert [messages for _, messages, _, _ in both_ways(list(d.messages))] == [7]


def test_one_way_capture_of_a_long_call() -> None:
    """Only what the caller sends was captured."""
    d = Dialog()
    d.request("INVITE", 1, OFFER)
    d.request("ACK", 1, to_tag="t")
    d.wait(600 * S)
    d.request("BYE", 2, to_tag="t")
    assert [messages for _, messages, _, _ in both_ways(list(d.messages))] == [3]


def test_invite_that_nobody_answers_does_not_stay() -> None:
    """64*T1 is 32 s (RFC 3261 section 17.1.1.2, timer B)."""
    d = Dialog()
    d.request("INVITE", 1, OFFER)
    found, _ = early(list(d.messages), until=START + 100 * S)
    assert [(at, session.state) for at, session in found] == [(50, "no final response")]


def test_what_ended_in_mid_call_waits_for_its_call() -> None:
    """The first connection and termination end; the re-INVITE brings others; the call goes on for ten minutes."""
    d, g = Dialog(), Gateway()
    d.request("INVITE", 1, OFFER)
    d.response(200, sdp=ANSWER)
    things: list[object] = [
        g.down(f"T=1{{C=${{A=ip/1/${{{media(b'', OFFER)}}}}}}}"),
        g.up(f"P=1{{C=17{{A=ip/1/33{{{media(ANSWER)}}}}}}}"),
        tcp(f"{UE}:7394", f"{MRFP}:28563", ("ue1", "mrf1")),
    ]
    g.wait(20 * S)
    things += [g.down("T=2{C=17{S=ip/1/33}}"), g.up("P=2{C=17{S=ip/1/33}}")]
    d.wait(600 * S)
    d.request("BYE", 2)
    d.response(200, "BYE", 2)
    assert [counts for _, *counts in both_ways(things + list(d.messages))] == [[4, 1, 1]]


def test_what_no_call_waits_for_is_handed_out() -> None:
    g = Gateway()
    things: list[object] = [
        g.down(f"T=1{{C=${{A=ip/1/${{{media(b'', OFFER)}}}}}}}"),
        g.up("P=1{C=17{A=ip/1/33}}"),
        g.down("T=2{C=17{S=ip/1/33}}"),
        g.up("P=2{C=17{S=ip/1/33}}"),
        tcp(f"{UE}:1", f"{MRFP}:2", ("a", "b")),
    ]
    found, correlator = early(things, until=START + 200 * S)
    assert [(at, session.kind) for at, session in found] == [(90, "message"), (140, "message")]
    assert not correlator._lives
    assert not correlator._connections
    assert not correlator._context_mates
    assert not correlator.termination_index._keys
    assert not correlator.connection_index._keys
