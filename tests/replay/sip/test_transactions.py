"""The four transactions of RFC 3261, figures 5 to 8, with RFC 6026, over UDP and TCP; and what their users are told."""

from __future__ import annotations

import pytest
from sip_script import PEER, Script, invite, our

from replay.sip import RequestIn, ResponseIn, TransactionFailed

# ---------------------------------------------------------------- figure 5: INVITE client


def test_an_invite_is_repeated_over_udp_until_timer_b() -> None:
    """Timer A: T1, doubled each time, without bound; timer B: 64*T1 = 32 s."""
    script = Script()
    key = script.request(our("INVITE", script.layer))
    script.wait(100)
    assert script.times_of("INVITE") == [0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    (failed,) = script.events
    assert isinstance(failed, TransactionFailed)
    assert failed.key == key
    assert script.layer.open_transactions == 0


def test_an_invite_is_sent_once_over_tcp_and_times_out_all_the_same() -> None:
    script = Script("tcp")
    script.request(our("INVITE", script.layer, "tcp"))
    script.wait(31.9)
    assert script.events == []
    script.wait(0.2)
    assert script.times_of("INVITE") == [0.0]
    assert isinstance(script.events[0], TransactionFailed)


def test_a_provisional_response_stops_the_repetitions_and_timer_b() -> None:
    script = Script()
    script.request(our("INVITE", script.layer))
    script.wait(0.6)
    assert [each.message.status for each in script.hear_response(180, "Ringing")] == [180]  # type: ignore[union-attr]
    script.wait(120)
    assert script.times_of("INVITE") == [0.0, 0.5]
    assert len(script.events) == 1
    assert script.layer.open_transactions == 1


@pytest.mark.parametrize(("transport", "linger"), [("udp", 32.0), ("tcp", 0.0)])
def test_a_refusal_is_acknowledged_each_time_it_comes(transport: str, linger: float) -> None:
    """The ACK is the transaction's, with the INVITE's branch (17.1.1.3); timer D: 32 s over UDP, 0 over TCP."""
    script = Script(transport)
    script.request(our("INVITE", script.layer, transport))
    assert len(script.hear_response(486, "Busy Here")) == 1
    ack, invited = script.messages[-1], script.messages[0]
    assert (ack.method, ack.branch, ack.cseq, ack.to_tag) == ("ACK", invited.branch, 1, "p1")
    if linger:
        assert script.hear_response(486, "Busy Here", invited) == []
        assert script.times_of("ACK") == [0.0, 0.0]
        script.wait(linger - 0.1)
        assert script.layer.open_transactions == 1
    script.wait(0.2)
    assert script.layer.open_transactions == 0


def test_every_2xx_is_news_because_each_wants_an_ack() -> None:
    """RFC 6026 section 7.2: the transaction lives on in Accepted for timer M; the ACK is the user's."""
    script = Script()
    script.request(our("INVITE", script.layer))
    first, invited = script.hear_response(200, "OK"), script.messages[0]
    second = script.hear_response(200, "OK", invited)
    assert [type(each) for each in first + second] == [ResponseIn, ResponseIn]
    assert script.times_of("ACK") == []
    script.wait(31.9)
    assert script.layer.open_transactions == 1
    script.wait(0.2)
    assert script.layer.open_transactions == 0


def test_a_late_refusal_after_a_2xx_is_not_heard() -> None:
    script = Script()
    script.request(our("INVITE", script.layer))
    script.hear_response(200, "OK")
    assert script.hear_response(486, "Busy Here", script.messages[0]) == []


# ---------------------------------------------------------------- figure 6: non-INVITE client


def test_another_request_is_repeated_up_to_t2_until_timer_f() -> None:
    """Timer E: T1, doubled up to T2 = 4 s; timer F: 64*T1."""
    script = Script()
    script.request(our("BYE", script.layer))
    script.wait(40)
    assert script.times_of("BYE") == [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert isinstance(script.events[0], TransactionFailed)


def test_after_a_provisional_response_it_is_repeated_every_t2() -> None:
    script = Script()
    script.request(our("BYE", script.layer))
    script.wait(0.2)
    script.hear_response(100, "Trying")
    script.wait(12)
    assert script.times_of("BYE") == [0.0, 0.5, 4.5, 8.5]


@pytest.mark.parametrize(("transport", "linger"), [("udp", 5.0), ("tcp", 0.0)])
def test_repeated_final_responses_are_absorbed_for_timer_k(transport: str, linger: float) -> None:
    script = Script(transport)
    script.request(our("BYE", script.layer, transport))
    assert len(script.hear_response(200, "OK")) == 1
    if linger:
        assert script.hear_response(200, "OK", script.messages[0]) == []
        script.wait(linger - 0.1)
        assert script.layer.open_transactions == 1
    script.wait(0.2)
    assert script.layer.open_transactions == 0
    assert script.times_of("BYE") == [0.0]


# ---------------------------------------------------------------- figure 7: INVITE server


def test_a_repeated_invite_gets_the_last_provisional_response_and_is_no_news() -> None:
    script = Script()
    (event,) = script.hear(invite())
    assert isinstance(event, RequestIn)
    assert script.hear(invite()) == []
    assert script.sent == []
    script.respond(event.key, 180, "Ringing")
    assert script.hear(invite()) == []
    assert [what for _, what in script.sent] == ["180", "180"]


def test_a_refusal_is_repeated_until_the_ack_and_then_lingers_for_timer_i() -> None:
    """Timer G: T1 doubled up to T2; the ACK has the INVITE's branch and is no news."""
    script = Script()
    (event,) = script.hear(invite())
    script.respond(event.key, 486, "Busy Here")  # type: ignore[union-attr]
    script.wait(8)
    assert script.times_of("486") == [0.0, 0.5, 1.5, 3.5, 7.5]
    assert script.hear(invite("ACK")) == []
    script.wait(4.9)
    assert script.times_of("486") == [0.0, 0.5, 1.5, 3.5, 7.5]
    assert script.layer.open_transactions == 1
    assert script.hear(invite()) == []
    script.wait(0.2)
    assert script.layer.open_transactions == 0


def test_over_tcp_a_refusal_is_sent_once_and_waits_for_its_ack_until_timer_h() -> None:
    script = Script("tcp")
    (event,) = script.hear(invite())
    script.respond(event.key, 486, "Busy Here")  # type: ignore[union-attr]
    script.wait(31.9)
    assert script.times_of("486") == [0.0]
    assert len(script.events) == 1
    script.wait(0.2)
    assert isinstance(script.events[1], TransactionFailed)
    assert script.events[1].key == event.key  # type: ignore[union-attr]


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_2xx_is_repeated_until_its_ack_over_tcp_too(transport: str) -> None:
    """Section 13.3.1.4: T1 doubled up to T2, whatever the transport; its ACK has a branch of its own and is news."""
    script = Script(transport)
    (event,) = script.hear(invite())
    script.respond(event.key, 200, "OK")  # type: ignore[union-attr]
    script.wait(4)
    assert script.times_of("200") == [0.0, 0.5, 1.5, 3.5]
    ack = invite("ACK", branch="z9hG4bK2", to_tag=";tag=m1")
    (acknowledged,) = script.hear(ack)
    assert isinstance(acknowledged, RequestIn)
    assert (acknowledged.key, acknowledged.message.method) == (None, "ACK")
    assert script.hear(ack) == []
    script.wait(40)
    assert script.times_of("200") == [0.0, 0.5, 1.5, 3.5]
    assert script.layer.open_transactions == 0


def test_a_2xx_without_ack_fails_after_64_t1() -> None:
    script = Script()
    (event,) = script.hear(invite())
    script.respond(event.key, 200, "OK")  # type: ignore[union-attr]
    script.wait(31.9)
    assert len(script.events) == 1
    script.wait(0.2)
    assert isinstance(script.events[1], TransactionFailed)


def test_an_ack_without_our_tag_acknowledges_no_2xx() -> None:
    """Who forges the source of an INVITE does not hear our tag: the 200 fails in its time, and the call ends."""
    script = Script()
    (event,) = script.hear(invite())
    script.respond(event.key, 200, "OK")  # type: ignore[union-attr]
    for tag in ("", ";tag=guessed"):
        assert script.hear(invite("ACK", branch="z9hG4bKack", to_tag=tag)) == []
    script.wait(32)
    assert isinstance(script.events[-1], TransactionFailed)
    assert script.layer.faults["ACK of another dialog"] == 2


def test_an_ack_to_nothing_is_no_news() -> None:
    assert Script().hear(invite("ACK")) == []


# ---------------------------------------------------------------- figure 8: non-INVITE server


@pytest.mark.parametrize(("transport", "linger"), [("udp", 32.0), ("tcp", 0.0)])
def test_a_repeated_request_gets_its_final_response_again(transport: str, linger: float) -> None:
    script = Script(transport)
    (event,) = script.hear(invite("BYE"))
    assert script.hear(invite("BYE")) == []
    assert script.sent == []
    script.respond(event.key, 200, "OK")  # type: ignore[union-attr]
    if linger:
        script.wait(linger - 0.1)
        assert script.hear(invite("BYE")) == []
        assert [what for _, what in script.sent] == ["200", "200"]
    script.wait(0.2)
    assert script.layer.open_transactions == 0


def test_only_the_first_final_response_counts() -> None:
    script = Script()
    (event,) = script.hear(invite("BYE"))
    script.respond(event.key, 200, "OK")  # type: ignore[union-attr]
    script.respond(event.key, 500, "Server Internal Error")  # type: ignore[union-attr]
    assert [what for _, what in script.sent] == ["200"]


# ---------------------------------------------------------------- matching (section 17.2.3) and where responses go


def test_requests_are_told_apart_by_branch_sent_by_and_method() -> None:
    script = Script()
    other = invite().data.replace(b"198.51.100.7:5062;branch", b"198.51.100.8:5062;branch")
    keys = [script.hear(each)[0].key for each in (invite(), invite("CANCEL"), invite(branch="z9hG4bK9"))]  # type: ignore[union-attr]
    keys.append(script.layer.receive_datagram(PEER, other, 0)[0].key)  # type: ignore[union-attr]
    assert len(set(keys)) == 4
    assert keys[0][:2] == keys[1][:2]  # CANCEL finds its INVITE


def test_without_magic_cookie_call_and_cseq_tell_requests_apart() -> None:
    """RFC 2543 clients send no branch, or the same for ever."""
    script = Script()
    assert len(script.hear(invite(branch="old", cseq=1))) == 1
    assert script.hear(invite(branch="old", cseq=1)) == []
    assert len(script.hear(invite(branch="old", cseq=2))) == 1


def test_rport_and_received_are_filled_in_and_the_response_goes_to_the_source() -> None:
    """RFC 3581 section 4, RFC 3261 section 18.2."""
    script = Script()
    source = ("203.0.113.77", 40000)
    (event,) = script.layer.receive_datagram(source, invite().data, 0)
    script.layer.respond(event.key, 100, "Trying", 0)
    (wish,) = [each for each in script.layer.take_wishes() if hasattr(each, "peer")]
    assert wish.peer == source
    assert b"Via: SIP/2.0/UDP 198.51.100.7:5062;branch=z9hG4bK1;rport=40000;received=203.0.113.77\r\n" in wish.data


def test_without_rport_the_response_goes_to_the_port_of_the_via() -> None:
    script = Script()
    (event,) = script.layer.receive_datagram(("203.0.113.77", 40000), invite().data.replace(b";rport", b""), 0)
    script.layer.respond(event.key, 100, "Trying", 0)
    (wish,) = [each for each in script.layer.take_wishes() if hasattr(each, "peer")]
    assert wish.peer == ("203.0.113.77", 5062)
    assert b"branch=z9hG4bK1;received=203.0.113.77\r\n" in wish.data


def test_rubbish_and_stray_responses_are_counted_and_harm_nothing() -> None:
    script = Script()
    for data in (b"\r\n\r\n", b"\0" * 40, b"INVITE\r\n\r\n", bytes(range(256)), b"SIP/2.0 200 OK\r\n\r\n"):
        assert script.layer.receive_datagram(PEER, data, 0) == []
    script.hear(invite())
    key = script.request(our("BYE", script.layer))
    script.layer.abandon(key)
    assert script.hear_response(200, "OK") == []
    assert script.layer.faults["response to no request"] == 1
    assert script.layer.faults["undecodable"] == 3


def test_ten_thousand_open_transactions_do_not_make_the_next_one_slow() -> None:
    """The bound holds: the one above gets 503 and is forgotten, unless one was answered, which then is forgotten."""
    script = Script()
    for number in range(10_000):
        script.layer.receive_datagram(PEER, invite("OPTIONS", branch=f"z9hG4bK{number}x").data, 0)
    assert script.layer.open_transactions == 10_000
    script.layer.receive_datagram(PEER, invite("OPTIONS", branch="z9hG4bKlast").data, 0)
    (wish,) = [each for each in script.layer.take_wishes() if hasattr(each, "peer")]
    assert wish.data.startswith(b"SIP/2.0 503 ")
    assert script.layer.open_transactions == 10_000
    key = next(each for each in script.layer._servers if each[0] == "z9hG4bK5x")
    script.layer.respond(key, 200, "OK", 0)
    events = script.layer.receive_datagram(PEER, invite("OPTIONS", branch="z9hG4bKlast").data, 0)
    assert [type(each).__name__ for each in events] == ["RequestIn"]
    assert key not in script.layer._servers
    assert script.layer.open_transactions == 10_000
