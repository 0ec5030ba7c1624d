"""Requests, replies and all between (H.248.1 clause 8.2 and Annex D.1; RFC 3525 sections 8.2 and D.1)."""

from __future__ import annotations

import random

import pytest

from analyzer.conversations.h248_transactions import CommandPair, Transaction, TransactionTable, pair_commands
from analyzer.model import Message
from tests.analyzer.conversations.made import MGC, Gateway, S

ADD = "T=1{C=${A=ip/1/$}}"
ADDED = "P=1{C=17{A=ip/1/33}}"


def feed(*messages: Message) -> list[Transaction]:
    """What became complete, in order."""
    table = TransactionTable()
    return [done for message in messages for done in table.add(message)]


def frames(transaction: Transaction) -> list[int]:
    return [message.frames[0] for message in transaction.messages]


Told = tuple[str, list[str] | None, list[str] | None, int, int, bool]


def told(transaction: Transaction) -> list[Told]:
    """Command, terminations asked and replied, context, error code, executed."""
    return [
        (
            pair.command.name.value,
            pair.request.termination_ids if pair.request else None,
            pair.reply.termination_ids if pair.reply else None,
            pair.context_id,
            pair.error.code if pair.error else 0,
            pair.executed,
        )
        for pair in pair_commands(transaction)
    ]


def pairs_of(request: str, *replies: str) -> list[Told]:
    gateway = Gateway()
    messages = [gateway.down(request)] if request else []
    messages += [gateway.up(reply) for reply in replies]
    table = TransactionTable()
    done = [each for message in messages for each in table.add(message)] or table.expire(1 << 62)
    assert len(done) == 1
    return told(done[0])


def test_request_and_reply() -> None:
    g = Gateway()
    (done,) = feed(g.down(ADD), g.up(ADDED))
    assert told(done) == [("Add", ["ip/1/$"], ["ip/1/33"], 17, 0, True)]
    assert frames(done) == [1001, 1002]


def test_reply_before_its_request() -> None:
    """Packets change places within a millisecond."""
    g = Gateway()
    request, reply = g.down(ADD), g.up(ADDED)
    (done,) = feed(reply, request)
    assert told(done) == [("Add", ["ip/1/$"], ["ip/1/33"], 17, 0, True)]
    assert done.first == request.time


def test_retransmissions_pending_and_acknowledgement() -> None:
    """RFC 3525 D.1.1 to D.1.5: request again, Pending, reply with ImmAckRequired, reply again, acknowledgement."""
    g = Gateway()
    messages = [
        g.down(ADD), g.down(ADD), g.up("PN=1{}"), g.up("P=1{IA,C=17{A=ip/1/33}}"), g.up("P=1{IA,C=17{A=ip/1/33}}"),
        g.down("K{1}"),
    ]  # fmt: skip
    (done,) = feed(*messages)
    assert frames(done) == [1001, 1002, 1003, 1004, 1005, 1006]
    assert (done.request_copies, done.pendings, done.reply_copies) == (1, 1, 1)
    assert done.request_message is messages[0]
    assert done.reply_message is messages[3]
    assert done.reply is not None
    assert done.reply.immediate_ack_required


def test_acknowledged_in_a_range_beside_a_request() -> None:
    g = Gateway()
    first = [g.down(ADD), g.up(ADDED)]
    both = g.down("K{1-3} T=4{C=17{MF=ip/1/33}}")
    one, two = feed(*first, both, g.up("P=4{C=17{MF=ip/1/33}}"))
    assert frames(one) == [1001, 1002, 1003]
    assert frames(two) == [1003, 1004]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0), (2, 1, 0), (0, 2, 1), (1, 0, 2)])
def test_segmented_reply(order: tuple[int, int, int]) -> None:
    """Segments come in any order; each is acknowledged (H.248.1 version 3 clause 8.2.2)."""
    g = Gateway()
    request = g.down("T=1{C=17{A=ip/1/$,A=ip/1/$,AV=ip/1/5{AT{}}}}")
    segments = [
        g.up("P=1/1{C=17{A=ip/1/3}}"),
        g.up("P=1/2{C=17{A=ip/1/4}}"),
        g.up("P=1/3/&{C=17{AV=ip/1/5}}"),
    ]
    acks = [g.down("SM=1/1"), g.down("SM=1/2"), g.down("SM=1/3/&")]
    (done,) = feed(request, *(segments[index] for index in order), *acks)
    assert told(done) == [
        ("Add", ["ip/1/$"], ["ip/1/3"], 17, 0, True),
        ("Add", ["ip/1/$"], ["ip/1/4"], 17, 0, True),
        ("AuditValue", ["ip/1/5"], ["ip/1/5"], 17, 0, True),
    ]
    assert len(done.messages) == 7


def test_segment_that_never_came() -> None:
    g = Gateway()
    table = TransactionTable()
    for message in (g.down("T=1{C=17{A=ip/1/$,A=ip/1/$}}"), g.up("P=1/2/&{C=17{A=ip/1/4}}")):
        assert table.add(message) == []
    (late,) = table.expire(g.time + 1)
    assert not late.is_paired


def test_several_transactions_in_one_message() -> None:
    g = Gateway()
    request = g.down("T=1{C=${A=ip/1/$}} T=2{C=5{S=ip/1/9}}")
    reply = g.up("P=2{C=5{S=ip/1/9}} P=1{C=17{A=ip/1/33}}")
    two, one = feed(request, reply)
    assert told(one) == [("Add", ["ip/1/$"], ["ip/1/33"], 17, 0, True)]
    assert told(two) == [("Subtract", ["ip/1/9"], ["ip/1/9"], 5, 0, True)]
    assert frames(one) == frames(two) == [1001, 1002]


# What the reply says about each command of the request.
COMMANDS: dict[str, tuple[str, str, list[Told]]] = {
    "several commands and actions": (
        "T=1{C=${A=ip/1/$,A=ip/2/$},C=9{MF=ip/1/7}}",
        "P=1{C=17{A=ip/1/3,A=ip/2/4},C=9{MF=ip/1/7}}",
        [
            ("Add", ["ip/1/$"], ["ip/1/3"], 17, 0, True),
            ("Add", ["ip/2/$"], ["ip/2/4"], 17, 0, True),
            ("Modify", ["ip/1/7"], ["ip/1/7"], 9, 0, True),
        ],
    ),
    "a failed command stops the rest (8.2.1)": (
        "T=1{C=17{MF=ip/1/3,MF=ip/1/4,S=ip/1/5}}",
        'P=1{C=17{MF=ip/1/3,MF=ip/1/4{ER=442{"x"}}}}',
        [
            ("Modify", ["ip/1/3"], ["ip/1/3"], 17, 0, True),
            ("Modify", ["ip/1/4"], ["ip/1/4"], 17, 442, False),
            ("Subtract", ["ip/1/5"], None, 17, 0, False),
        ],
    ),
    "an optional command may fail (O-)": (
        "T=1{C=17{O-MF=ip/1/3,S=ip/1/5}}",
        'P=1{C=17{MF=ip/1/3{ER=442{"x"}},S=ip/1/5}}',
        [
            ("Modify", ["ip/1/3"], ["ip/1/3"], 17, 442, False),
            ("Subtract", ["ip/1/5"], ["ip/1/5"], 17, 0, True),
        ],
    ),
    "error of the action": (
        "T=1{C=17{MF=ip/1/3,S=ip/1/5}}",
        'P=1{C=17{ER=411{"no context"}}}',
        [("Modify", ["ip/1/3"], None, 17, 411, False), ("Subtract", ["ip/1/5"], None, 17, 0, False)],
    ),
    "error of the action behind replies": (
        "T=1{C=17{MF=ip/1/3,S=ip/1/5}}",
        'P=1{C=17{MF=ip/1/3,ER=422{"x"}}}',
        [("Modify", ["ip/1/3"], ["ip/1/3"], 17, 0, True), ("Subtract", ["ip/1/5"], None, 17, 422, False)],
    ),
    "error of the transaction": (
        "T=1{C=17{MF=ip/1/3}}",
        'P=1{ER=403{"x"}}',
        [("Modify", ["ip/1/3"], None, 17, 403, False)],
    ),
    "a wildcard has many replies": (
        "T=1{C=17{S=*}}",
        "P=1{C=17{S=ip/1/3,S=ip/1/4}}",
        [("Subtract", ["*"], ["ip/1/3"], 17, 0, True), ("Subtract", ["*"], ["ip/1/4"], 17, 0, True)],
    ),
    "a wildcard before another command of its kind": (
        "T=1{C=17{MF=ip/1/*,MF=ip/2/9}}",
        "P=1{C=17{MF=ip/1/3,MF=ip/1/4,MF=ip/2/9}}",
        [
            ("Modify", ["ip/1/*"], ["ip/1/3"], 17, 0, True),
            ("Modify", ["ip/1/*"], ["ip/1/4"], 17, 0, True),
            ("Modify", ["ip/2/9"], ["ip/2/9"], 17, 0, True),
        ],
    ),
    "a wildcard fails: the next command is not done": (
        "T=1{C=17{MF=*,S=ip/1/4}}",
        'P=1{C=17{MF=ip/1/3,MF=ip/1/4{ER=442{"x"}}}}',
        [
            ("Modify", ["*"], ["ip/1/3"], 17, 0, True),
            ("Modify", ["*"], ["ip/1/4"], 17, 442, False),
            ("Subtract", ["ip/1/4"], None, 17, 0, False),
        ],
    ),
    "one reply for a wildcard (W-)": (
        "T=1{C=17{W-S=*}}",
        "P=1{C=17{S=*}}",
        [("Subtract", ["*"], ["*"], 17, 0, True)],
    ),
    "a list of terminations": (
        "T=1{C=17{MF=[ip/1/3,ip/1/4]}}",
        "P=1{C=17{MF=ip/1/3,MF=ip/1/4}}",
        [
            ("Modify", ["ip/1/3", "ip/1/4"], ["ip/1/3"], 17, 0, True),
            ("Modify", ["ip/1/3", "ip/1/4"], ["ip/1/4"], 17, 0, True),
        ],
    ),
    "all contexts": (
        "T=1{C=*{AV=*{AT{}}}}",
        "P=1{C=17{AV=ip/1/3},C=18{AV=ip/1/4}}",
        [("AuditValue", ["*"], ["ip/1/3"], 17, 0, True), ("AuditValue", ["*"], ["ip/1/4"], 18, 0, True)],
    ),
    "no reply": ("T=1{C=17{S=ip/1/3}}", "", [("Subtract", ["ip/1/3"], None, 17, 0, True)]),
    "no request": ("", "P=1{C=17{S=ip/1/3}}", [("Subtract", None, ["ip/1/3"], 17, 0, True)]),
}  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_beside_their_replies(name: str) -> None:
    request, reply, expected = COMMANDS[name]
    assert pairs_of(request, *([reply] if reply else [])) == expected


def test_id_used_again_minutes_later() -> None:
    g = Gateway()
    messages = [g.down(ADD), g.up(ADDED)]
    g.wait(180 * S)
    messages += [g.down("T=1{C=17{S=ip/1/33}}"), g.up("P=1{C=17{S=ip/1/33}}")]
    one, two = feed(*messages)
    assert [frames(one), frames(two)] == [[1001, 1002], [1003, 1004]]


def test_same_id_of_both_sides_and_of_two_gateways() -> None:
    """Ids are counted by each sender (clause 8.1.1)."""
    g, other = Gateway(), Gateway(mg="192.0.2.21:2944", frame=3001)
    notify = "T=1{C=17{N=ip/1/33{OE=2{tcp/x}}}}"
    messages = [
        g.down(ADD), other.down(ADD), g.up(notify), g.up(ADDED), other.up("P=1{C=17{A=ip/1/33}}"),
        g.down("P=1{C=17{N=ip/1/33}}"),
    ]  # fmt: skip
    done = feed(*messages)
    assert [frames(each) for each in done] == [[1001, 1003], [3001, 3002], [1002, 1004]]


def test_one_identifier_on_two_ports_is_one_gateway() -> None:
    """The gateway writes its identifier in all messages (clause 8.3) and answers from another port."""
    g, other = Gateway(), Gateway(mg="192.0.2.20:2945", frame=3001)
    messages = [g.down(ADD), g.up(ADDED), g.down("T=2{C=17{S=ip/1/33}}")]
    other.mg = "192.0.2.20:2944"
    reply = other.up("P=2{C=17{S=ip/1/33}}")
    reply.flow = Gateway(mg="192.0.2.20:2945").up("P=2{C=17}").flow
    table = TransactionTable()
    done = [each for message in (*messages, reply) for each in table.add(message)]
    assert [each.transaction_id for each in done] == [1, 2]
    assert table.home("192.0.2.20:2945") == "192.0.2.20:2944"
    assert table.home(MGC) == MGC


def test_an_acknowledgement_of_nothing_joins_nothing() -> None:
    table = TransactionTable()
    assert table.add(Gateway().down("K{7}")) == []
    assert table.joined == []


def test_any_order_pairs_the_same() -> None:
    g = Gateway()
    messages: list[Message] = []
    for number in range(1, 20):
        messages.append(g.down(f"T={number}{{C=17{{MF=ip/1/{number}}}}}"))
        messages.append(g.up(f"P={number}{{C=17{{MF=ip/1/{number}}}}}"))
    expected = sorted(each.transaction_id for each in feed(*messages))
    assert expected == list(range(1, 20))
    for seed in range(5):
        random.Random(seed).shuffle(messages)
        done = feed(*messages)
        assert sorted(each.transaction_id for each in done) == expected
        found: list[CommandPair] = [pair for each in done for pair in pair_commands(each)]
        assert all(pair.request and pair.reply for pair in found)
