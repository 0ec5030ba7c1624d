"""H.248 transactions: at most once, repetition, Pending, acknowledgement, framing (H.248.1 clause 8, Annex D)."""

from __future__ import annotations

import random

import pytest

from dissectors.h248 import (
    Command,
    CommandName,
    ContextAction,
    ErrorDescriptor,
    H248Message,
    TransactionAck,
    TransactionPending,
    TransactionReply,
    TransactionRequest,
    decode_h248,
    encode_h248,
)
from replay.events import Datagram, Ended, Expired, Note, Received, Send, SendDatagram, SetTimer, Wish
from replay.h248 import Answered, Asked, GaveUp, Timers, Transactions, UdpRoute

HERE = ("192.0.2.20", 2944)
THERE = ("192.0.2.10", 2944)
ROUTE = UdpRoute(HERE, THERE)
PEER = "[192.0.2.10]:2944"
TIMER = Expired("mg h248")
ACTIONS = [ContextAction(0, [Command(CommandName.AUDIT_VALUE, ["ROOT"], audit=[])])]


def layer(**options: object) -> Transactions:
    made = Transactions("mg", "[192.0.2.20]:2944", **options)  # type: ignore[arg-type]
    made.serve(HERE)
    return made


def datagram(*parts: object, version: int = 2, mid: str = PEER) -> Datagram:
    return Datagram(HERE, THERE, encode_h248(H248Message(version, mid, list(parts))))  # type: ignore[arg-type]


def parts(wishes: list[Wish]) -> list[object]:
    """The transactions of every message sent."""
    found: list[object] = []
    for wish in wishes:
        if isinstance(wish, SendDatagram):
            assert (wish.local, wish.peer) == (HERE, THERE)
            found += decode_h248(wish.data).transactions
    return found


def sent(wishes: list[Wish]) -> list[bytes]:
    return [wish.data for wish in wishes if isinstance(wish, SendDatagram)]


# ---------------------------------------------------------------------- requests of peers


def test_a_request_is_executed_once_and_its_repetition_gets_the_stored_reply() -> None:  # Annex D.1.1
    node = layer()
    (asked,), _ = node.receive(datagram(TransactionRequest(7, ACTIONS)), 0.0)
    assert isinstance(asked, Asked)
    assert (asked.mid, asked.version, asked.request.transaction_id) == (PEER, 2, 7)
    reply = sent(node.reply(asked, ACTIONS, 0.1))
    outcomes, wishes = node.receive(datagram(TransactionRequest(7, ACTIONS)), 29.0)
    assert outcomes == []
    assert sent(wishes) == reply
    # After LONG-TIMER it is another request.
    outcomes, _ = node.receive(datagram(TransactionRequest(7, ACTIONS)), 30.2)
    assert len(outcomes) == 1


def test_the_same_id_of_another_peer_is_another_request() -> None:  # clause 8.1
    node = layer()
    assert len(node.receive(datagram(TransactionRequest(7, ACTIONS)), 0.0)[0]) == 1
    assert len(node.receive(datagram(TransactionRequest(7, ACTIONS), mid="other"), 0.0)[0]) == 1


def test_a_repetition_while_it_runs_gets_pending_and_the_reply_asks_for_an_acknowledgement() -> None:  # Annex D.1.4
    node = layer(timers=Timers(first_repeat=0.5, give_up=2.0))
    (asked,), _ = node.receive(datagram(TransactionRequest(7, ACTIONS)), 0.0)
    assert isinstance(asked, Asked)
    outcomes, wishes = node.receive(datagram(TransactionRequest(7, ACTIONS)), 0.5)
    assert outcomes == []
    assert parts(wishes) == [TransactionPending(7)]
    wishes = node.reply(asked, ACTIONS, 1.0)
    (reply,) = parts(wishes)
    assert isinstance(reply, TransactionReply)
    assert reply.immediate_ack_required
    assert SetTimer("mg h248", 1.5) in wishes
    assert parts(node.receive(TIMER, 1.5)[1]) == [reply]
    assert node.receive(datagram(TransactionAck([(7, 7)])), 1.6) == ([], [])
    assert parts(node.receive(TIMER, 2.5)[1]) == []
    # Acknowledged, so it is not kept any more (clause 8.2.3).
    assert len(node.receive(datagram(TransactionRequest(7, ACTIONS)), 3.0)[0]) == 1


def test_a_reply_that_is_never_acknowledged_is_repeated_until_t_max() -> None:
    node = layer(timers=Timers(first_repeat=0.5, give_up=2.0))
    (asked,), _ = node.receive(datagram(TransactionRequest(7, ACTIONS)), 0.0)
    assert isinstance(asked, Asked)
    node.receive(datagram(TransactionRequest(7, ACTIONS)), 0.5)
    node.reply(asked, ACTIONS, 1.0)
    times = [at / 4 for at in range(5, 40) if parts(node.receive(TIMER, at / 4)[1])]
    assert times == [1.5, 2.5]


def test_a_slow_request_is_answered_with_pending_by_itself() -> None:
    node = layer(timers=Timers(provisional=2.0))
    _, wishes = node.receive(datagram(TransactionRequest(7, ACTIONS)), 0.0)
    assert SetTimer("mg h248", 2.0) in wishes
    _, wishes = node.receive(TIMER, 2.0)
    assert parts(wishes) == [TransactionPending(7)]


def test_a_reply_without_a_pending_asks_for_no_acknowledgement() -> None:
    node = layer()
    (asked,), _ = node.receive(datagram(TransactionRequest(7, ACTIONS)), 0.0)
    assert isinstance(asked, Asked)
    (reply,) = parts(node.reply(asked, [], 0.0, ErrorDescriptor(502, "not ready")))
    assert reply == TransactionReply(7, error=ErrorDescriptor(502, "not ready"))


def test_a_request_without_an_id_and_one_of_an_unknown_version_are_refused() -> None:
    node = layer()
    outcomes, wishes = node.receive(datagram(TransactionRequest(0, ACTIONS)), 0.0)
    assert outcomes == []
    assert parts(wishes) == [TransactionReply(0, error=ErrorDescriptor(403, "no transaction id"))]
    outcomes, wishes = node.receive(datagram(TransactionRequest(9, ACTIONS), version=4), 0.0)
    assert outcomes == []
    assert parts(wishes) == [TransactionReply(9, error=ErrorDescriptor(406, "version not supported"))]


def test_who_may_not_ask_is_refused_and_not_remembered() -> None:
    node = layer()
    (asked,), _ = node.receive(datagram(TransactionRequest(7, ACTIONS)), 0.0)
    assert isinstance(asked, Asked)
    wishes = node.refuse(asked, 504, "command received from unauthorized entity")
    assert parts(wishes) == [
        TransactionReply(7, error=ErrorDescriptor(504, "command received from unauthorized entity"))
    ]
    assert len(node.receive(datagram(TransactionRequest(7, ACTIONS)), 0.1)[0]) == 1


def test_no_message_makes_more_than_64_requests() -> None:
    node = layer()
    outcomes, wishes = node.receive(datagram(*(TransactionRequest(n, ACTIONS) for n in range(1, 67))), 0.0)
    assert len(outcomes) == 64
    errors = [part.error.code for part in parts(wishes) if isinstance(part, TransactionReply) and part.error]
    assert errors == [413, 413]


def test_an_acknowledgement_of_everything_costs_nothing() -> None:
    node = layer()
    assert node.receive(datagram(TransactionAck([(0, 0xFFFFFFFF)] * 1000)), 0.0) == ([], [])


def test_a_reply_that_cannot_be_encoded_becomes_error_500() -> None:
    node = layer()
    (asked,), _ = node.receive(datagram(TransactionRequest(7, ACTIONS)), 0.0)
    assert isinstance(asked, Asked)
    wishes = node.reply(asked, [ContextAction(1, error=ErrorDescriptor(400, 'a " quote'))], 0.0)
    (reply,) = parts(wishes)
    assert isinstance(reply, TransactionReply)
    assert reply.error == ErrorDescriptor(500, "the reply cannot be encoded")
    assert any(isinstance(wish, Note) for wish in wishes)


def test_a_reply_too_long_for_a_datagram_becomes_error_533() -> None:
    node = layer()
    (asked,), _ = node.receive(datagram(TransactionRequest(7, ACTIONS)), 0.0)
    assert isinstance(asked, Asked)
    long = [ContextAction(1, [Command(CommandName.AUDIT_VALUE, ["t"], packages=["x" * 60] * 1200)])]
    (reply,) = parts(node.reply(asked, long, 0.0))
    assert isinstance(reply, TransactionReply)
    assert reply.error is not None
    assert reply.error.code == 533


def test_a_request_in_binary_is_answered_in_binary() -> None:
    node = layer()
    data = encode_h248(H248Message(2, PEER, [TransactionRequest(7, ACTIONS)], encoding="binary"))
    (asked,), _ = node.receive(Datagram(HERE, THERE, data), 0.0)
    assert isinstance(asked, Asked)
    done = [ContextAction(0, [Command(CommandName.AUDIT_VALUE, ["ROOT"])])]
    (octets,) = sent(node.reply(asked, done, 0.0))
    assert octets[0] == 0x30
    assert decode_h248(octets).transactions == [TransactionReply(7, done)]


# ---------------------------------------------------------------------- requests of ours


def test_a_request_is_repeated_with_growing_waits_until_t_max() -> None:  # Annex D.1.5
    node = layer()
    number, wishes = node.request(ROUTE, ACTIONS, 0.0, "audit")
    assert number == 1
    assert parts(wishes) == [TransactionRequest(1, ACTIONS)]
    first = sent(wishes)
    times, now = [], 0.0
    while True:
        (timer,) = [wish for wish in wishes if isinstance(wish, SetTimer)]
        now = timer.at
        outcomes, wishes = node.receive(TIMER, now)
        if outcomes:
            break
        assert sent(wishes) == first
        times.append(now)
    assert times == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5]
    assert (now, outcomes) == (25.0, [GaveUp(1, "audit", "no reply")])
    assert node.open_requests == 0


def test_the_reply_comes_back_with_its_topic_and_ends_the_repetition() -> None:
    node = layer(first_id=41)
    node.request(ROUTE, ACTIONS, 0.0, "audit")
    reply = TransactionReply(41, ACTIONS)
    outcomes, _ = node.receive(datagram(reply), 0.2)
    assert outcomes == [Answered(41, reply, "audit", PEER, 2)]
    assert node.receive(datagram(reply), 0.3)[0] == []
    assert node.receive(TIMER, 0.5) == ([], [])


def test_pending_makes_it_wait_longer_but_not_for_ever() -> None:
    node = layer(timers=Timers(after_pending=8.0, pending_limit=2))
    node.request(ROUTE, ACTIONS, 0.0, "audit")
    assert node.receive(datagram(TransactionPending(1)), 0.4)[0] == []
    assert sent(node.receive(TIMER, 0.5)[1]) == []
    assert len(sent(node.receive(TIMER, 8.4)[1])) == 1
    assert node.receive(datagram(TransactionPending(1)), 8.5)[0] == []
    assert node.receive(datagram(TransactionPending(1)), 9.0)[0] == [GaveUp(1, "audit", "too many pendings")]


def test_an_acknowledgement_is_sent_at_once_where_asked_for_even_again() -> None:
    node = layer()
    node.request(ROUTE, ACTIONS, 0.0, "audit")
    reply = TransactionReply(1, ACTIONS, immediate_ack_required=True)
    assert parts(node.receive(datagram(reply), 0.2)[1]) == [TransactionAck([(1, 1)])]
    assert parts(node.receive(datagram(reply), 0.7)[1]) == [TransactionAck([(1, 1)])]


def test_a_reply_from_another_host_is_none() -> None:
    node = layer()
    node.request(ROUTE, ACTIONS, 0.0, "audit")
    forged = Datagram(HERE, ("192.0.2.99", 2944), datagram(TransactionReply(1)).data)
    assert node.receive(forged, 0.1)[0] == []
    assert node.open_requests == 1


def test_ids_start_again_behind_the_last() -> None:
    node = layer(first_id=0xFFFFFFFE)
    assert node.request(ROUTE, ACTIONS, 0.0)[0] == 0xFFFFFFFE
    assert node.request(ROUTE, ACTIONS, 0.0)[0] == 1


def test_open_requests_are_bounded() -> None:
    node = layer(max_open=1)
    node.request(ROUTE, ACTIONS, 0.0)
    with pytest.raises(ValueError, match="too many"):
        node.request(ROUTE, ACTIONS, 0.0)
    node.abandon(1)
    assert node.request(ROUTE, ACTIONS, 0.0)[0] == 2


# ---------------------------------------------------------------------- TCP


def framed(part: object) -> bytes:
    octets = encode_h248(H248Message(2, PEER, [part]))  # type: ignore[list-item]
    return b"\x03\x00" + (len(octets) + 4).to_bytes(2, "big") + octets


def test_frames_on_a_connection_octet_by_octet() -> None:  # RFC 1006 section 6
    node = layer()
    node.attach(5, "192.0.2.10")
    outcomes = []
    for octet in framed(TransactionRequest(7, ACTIONS)):
        outcomes += node.receive(Received(5, bytes((octet,))), 0.0)[0]
    (asked,) = outcomes
    assert isinstance(asked, Asked)
    (wish, *_) = node.reply(asked, ACTIONS, 0.0)
    assert isinstance(wish, Send)
    assert (wish.connection, wish.data[:2], int.from_bytes(wish.data[2:4], "big")) == (5, b"\x03\x00", len(wish.data))
    assert decode_h248(wish.data[4:]).transactions == [TransactionReply(7, ACTIONS)]


def test_over_tcp_a_request_is_sent_once_and_given_up_at_t_max() -> None:
    node = layer()
    route = node.attach(5, "192.0.2.10")
    _, wishes = node.request(route, ACTIONS, 0.0, "audit")
    assert [type(wish) for wish in wishes] == [Send, SetTimer]
    assert SetTimer("mg h248", 25.0) in wishes
    assert node.receive(TIMER, 25.0) == ([GaveUp(1, "audit", "no reply")], [])


def test_a_lost_connection_ends_what_was_asked_over_it() -> None:
    node = layer()
    route = node.attach(5, "192.0.2.10")
    node.request(route, ACTIONS, 0.0, "over tcp")
    node.request(ROUTE, ACTIONS, 0.0, "over udp")
    assert node.receive(Ended(5), 1.0)[0] == [GaveUp(1, "over tcp", "connection lost")]
    assert node.open_requests == 1
    assert node.receive(Received(5, framed(TransactionRequest(7, ACTIONS))), 1.0) == ([], [])


def test_octets_that_are_no_frame_are_noted_and_the_next_frame_is_read() -> None:
    node = layer()
    node.attach(5, "192.0.2.10")
    outcomes, wishes = node.receive(Received(5, b"noise" + framed(TransactionRequest(7, ACTIONS))), 0.0)
    assert len(outcomes) == 1
    assert [wish.what for wish in wishes if isinstance(wish, Note)] == ["h248 unreadable"]


# ---------------------------------------------------------------------- hostile input


def test_a_text_request_that_cannot_be_read_is_refused_with_its_id() -> None:
    node = layer()
    outcomes, wishes = node.receive(Datagram(HERE, THERE, b"!/2 [192.0.2.10]:2944 T=99{C=${A=$}}}}"), 0.0)
    assert outcomes == []
    (reply,) = parts(wishes)
    assert isinstance(reply, TransactionReply)
    assert reply.transaction_id == 99
    assert reply.error is not None
    assert reply.error.code == 400


@pytest.mark.parametrize("data", [b"", b"hello", b"\x30\x80", b"!/2 x P=1{ER=400{}", b"!/2 x ER=400{"])
def test_nothing_is_said_to_what_is_no_request(data: bytes) -> None:  # an error that answers an error never ends
    outcomes, wishes = layer().receive(Datagram(HERE, THERE, data), 0.0)
    assert outcomes == []
    assert sent(wishes) == []


def test_mutated_messages_give_outcomes_or_notes_and_never_raise() -> None:
    chance = random.Random(7)
    seed = datagram(TransactionRequest(7, ACTIONS), TransactionAck([(1, 2)]), TransactionReply(3, ACTIONS)).data
    node = layer()
    node.attach(5, "192.0.2.10")
    for number in range(3000):
        data = bytearray(seed)
        for _ in range(chance.randrange(1, 6)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        outcomes, wishes = node.receive(Datagram(HERE, THERE, bytes(data)), number / 100)
        for each in outcomes:
            if isinstance(each, Asked):
                wishes += node.reply(each, [], number / 100)
        node.receive(Received(5, bytes(data)), number / 100)
        assert all(isinstance(wish, SendDatagram | SetTimer | Note | Send) for wish in wishes)
