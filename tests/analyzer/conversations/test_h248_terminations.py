"""The lives of terminations (H.248.1 clauses 6.1, 6.2 and 7.2), command by command."""

from __future__ import annotations

from analyzer.conversations.h248_termination import MAX_STREAMS
from analyzer.conversations.h248_terminations import MAX_BEGUN, Termination, TerminationTable
from analyzer.model import Message
from dissectors.h248 import decode_h248, encode_h248
from tests.analyzer.conversations.made import MG, MGC, MRFP, MS, START, UE, Gateway, S, media, msrp_sdp

CHOOSE = b"v=0\r\nc=IN IP4 $\r\nm=message $ TCP/MSRP *\r\n"
LOCAL, REMOTE = msrp_sdp(MRFP, 28563, "mrf1"), msrp_sdp(UE, 7394, "ue1")
MODIFY = "T=9{C=17{MF=ip/1/33}}", "P=9{C=17{MF=ip/1/33}}"


class Room(TerminationTable):
    """A table that keeps all lives it began, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.lives: list[Termination] = []

    def feed(self, *messages: Message) -> Room:
        for message in messages:
            self.add(message)
            self.lives += self.fresh
            self.fresh.clear()
        return self

    def end(self) -> Room:
        self.expire(1 << 62)
        self.lives += self.fresh
        return self

    def told(self) -> list[tuple[str, bool, bool, list[int]]]:
        """Name, Add seen, ended, error codes."""
        return [
            (life.name, life.added, life.ended is not None, [code for code, _ in life.errors]) for life in self.lives
        ]


def add(g: Gateway, number: int, name: str = "ip/1/33", context: int = 17, into: str = "$") -> list[Message]:
    kind = name.rpartition("/")[0]
    return [g.down(f"T={number}{{C={into}{{A={kind}/$}}}}"), g.up(f"P={number}{{C={context}{{A={name}}}}}")]


def both(g: Gateway, number: int, request: str, reply: str | None = None) -> list[Message]:
    """A request of the controller and the reply, the same action unless told otherwise."""
    return [g.down(f"T={number}{{{request}}}"), g.up(f"P={number}{{{reply or request}}}")]


def frames(room: Room) -> list[int]:
    return [message.frames[0] for message in room.outside]


def test_from_add_to_subtract() -> None:
    g = Gateway()
    room = Room().feed(
        g.down(f"T=1{{C=${{A=ip/1/${{{media(CHOOSE, REMOTE)}}}}}}}"),
        g.up(f"P=1{{C=17{{A=ip/1/33{{{media(LOCAL)}}}}}}}"),
        *both(g, 2, "C=17{MF=ip/1/33}"),
        *both(g, 3, "C=17{S=ip/1/33}"),
    )
    assert room.told() == [("context 17 ip/1/33", True, True, [])]
    (life,) = room.lives
    assert (life.gateway, life.controller) == (MG, MGC)
    assert (life.started, life.last, life.ended) == (START, START + 5 * MS, START + 5 * MS)
    assert (life.local[1].address, life.local[1].port, life.local[1].session_id) == (MRFP, 28563, "mrf1")
    assert (life.remote[1].address, life.remote[1].port, life.remote[1].session_id) == (UE, 7394, "ue1")
    assert [message.frames[0] for message in life.all_messages()] == [1001, 1002, 1003, 1004, 1005, 1006]
    assert room.outside == []


def test_begun_before_the_capture() -> None:
    g = Gateway()
    room = Room().feed(*both(g, 1, "C=17{MF=ip/1/33}"))
    assert room.told() == [("context 17 ip/1/33", False, False, [])]


def test_reply_without_request() -> None:
    g = Gateway()
    room = Room().feed(g.up("P=1{C=17{A=ip/1/33}}")).end()
    assert room.told() == [("context 17 ip/1/33", True, False, [])]
    assert (room.lives[0].gateway, room.lives[0].controller) == (MG, MGC)


def test_two_terminations_in_one_context() -> None:
    g = Gateway()
    room = Room().feed(*both(g, 1, "C=${A=ip/1/$,A=ip/2/$}", "C=17{A=ip/1/3,A=ip/2/4}"))
    one, two = room.lives
    assert (one.name, two.name) == ("context 17 ip/1/3", "context 17 ip/2/4")
    assert one.context_life == two.context_life


def test_two_contexts_chosen_in_one_transaction() -> None:
    g = Gateway()
    room = Room().feed(*both(g, 1, "C=${A=ip/1/$},C=${A=ip/1/$}", "C=17{A=ip/1/3},C=18{A=ip/1/4}"))
    assert [life.name for life in room.lives] == ["context 17 ip/1/3", "context 18 ip/1/4"]


def test_subtract_all() -> None:
    g = Gateway()
    for reply in ("C=17{S=ip/1/3,S=ip/2/4}", "C=17{S=*}"):
        room = Room().feed(*both(g, 1, "C=${A=ip/1/$,A=ip/2/$}", "C=17{A=ip/1/3,A=ip/2/4}"))
        room.feed(*both(g, 2, "C=17{S=*}", reply))
        assert room.told() == [("context 17 ip/1/3", True, True, []), ("context 17 ip/2/4", True, True, [])]


def test_subtract_without_reply_ends_after_the_wait() -> None:
    g = Gateway()
    room = Room().feed(*add(g, 1), g.down("T=2{C=17{S=ip/1/33}}"), g.down("T=2{C=17{S=ip/1/33}}"))
    assert room.told() == [("context 17 ip/1/33", True, False, [])]
    room.end()
    assert room.told() == [("context 17 ip/1/33", True, True, [])]
    assert (room.lives[0].unanswered, room.lives[0].asked_again) == (1, True)


def test_subtract_that_failed_ends_nothing() -> None:
    g = Gateway()
    room = Room().feed(*add(g, 1), *both(g, 2, "C=17{S=ip/1/33}", 'C=17{S=ip/1/33{ER=430{"x"}}}'))
    assert room.told() == [("context 17 ip/1/33", True, False, [430])]


def test_command_behind_a_failed_one_is_not_done() -> None:
    g = Gateway()
    room = Room().feed(*add(g, 1), *both(g, 2, "C=17{MF=ip/1/9,S=ip/1/33}", 'C=17{MF=ip/1/9{ER=430{"x"}}}'))
    assert room.told() == [("context 17 ip/1/33", True, False, []), ("context 17 ip/1/9", False, False, [430])]


def test_error_of_the_action_and_of_the_transaction() -> None:
    g = Gateway()
    room = Room().feed(
        *add(g, 1),
        *both(g, 2, "C=17{MF=ip/1/33}", 'C=17{ER=411{"x"}}'),
        *both(g, 3, "C=17{MF=ip/1/33}", 'ER=403{"x"}'),
    )
    assert room.told() == [("context 17 ip/1/33", True, False, [411, 403])]


def test_failed_modify_changes_no_description() -> None:
    g = Gateway()
    room = Room().feed(
        *both(g, 1, f"C=${{A=ip/1/${{{media(b'', REMOTE)}}}}}", "C=17{A=ip/1/33}"),
        g.down(f"T=2{{C=17{{MF=ip/1/33{{{media(b'', msrp_sdp(UE, 9999, 'other'))}}}}}}}"),
        g.up('P=2{C=17{MF=ip/1/33{ER=510{"x"}}}}'),
    )
    assert room.lives[0].remote[1].session_id == "ue1"


def test_add_that_failed_is_kept_with_its_remote() -> None:
    """Nothing was made, but the Remote tells whose leg it was."""
    g = Gateway()
    room = Room().feed(
        g.down(f"T=1{{C=${{A=ip/1/${{{media(CHOOSE, REMOTE)}}}}}}}"), g.up('P=1{C=${A=ip/1/${ER=510{"no"}}}}')
    )
    assert room.told() == [("context $ ip/1/$", False, True, [510])]
    assert [(side, end.session_id) for side, end in room.lives[0].ends() if end.port] == [("remote", "ue1")]
    assert room.outside == []


def test_add_that_nobody_answered() -> None:
    g = Gateway()
    room = Room().feed(g.down("T=1{C=${A=ip/1/$}}"), g.down("T=1{C=${A=ip/1/$}}")).end()
    assert room.told() == [("context $ ip/1/$", False, True, [])]
    assert (room.lives[0].unanswered, room.lives[0].asked_again) == (1, True)


def test_same_name_again_is_another_life() -> None:
    g = Gateway()
    room = Room().feed(*add(g, 1), *both(g, 2, "C=17{S=ip/1/33}"), *add(g, 3))
    assert room.told() == [("context 17 ip/1/33", True, True, []), ("context 17 ip/1/33", True, False, [])]
    assert room.lives[0].context_life != room.lives[1].context_life


def test_same_name_again_though_the_subtract_was_lost() -> None:
    g = Gateway()
    room = Room().feed(*add(g, 1), *add(g, 2, name="ip/2/44", into="17"), *add(g, 3, into="17"))
    assert [life.termination_id for life in room.lives] == ["ip/1/33", "ip/2/44", "ip/1/33"]
    assert len({life.context_life for life in room.lives}) == 1


def test_context_chosen_again_though_the_subtract_was_lost() -> None:
    """A gateway that chooses a context chooses a free one (clause 6.1.2): the old terminations are gone."""
    g = Gateway()
    room = Room().feed(*add(g, 1), *add(g, 2, name="ip/1/34"))
    assert room.lives[0].context_life != room.lives[1].context_life
    room.feed(*both(g, 3, "C=17{S=*}"))
    assert [life.ended is not None for life in room.lives] == [False, True]


def test_names_compare_without_case() -> None:
    g = Gateway()
    room = Room().feed(*add(g, 1), *both(g, 2, "C=17{MF=IP/1/33}"), *both(g, 3, "C=17{S=Ip/1/33}"))
    assert room.told() == [("context 17 ip/1/33", True, True, [])]


def test_move_to_another_context() -> None:
    """A Move names only where the termination goes (clause 7.2.3); it keeps its descriptors."""
    g = Gateway()
    room = Room().feed(
        *both(g, 1, f"C=${{A=ip/1/${{{media(b'', REMOTE)}}}}}", "C=17{A=ip/1/33}"),
        *add(g, 2, name="ip/2/44", context=18),
        *both(g, 3, "C=18{MV=ip/1/33}"),
        *both(g, 4, "C=18{S=*}", "C=18{S=ip/2/44,S=ip/1/33}"),
    )
    assert room.told() == [
        ("context 17 ip/1/33", True, True, []),
        ("context 18 ip/2/44", True, True, []),
        ("context 18 ip/1/33", True, True, []),
    ]
    assert room.lives[2].remote[1].session_id == "ue1"
    assert room.lives[2].context_life == room.lives[1].context_life


def test_lists_of_terminations() -> None:
    g = Gateway()
    room = Room().feed(
        *both(g, 1, "C=${A=ip/1/$,A=ip/2/$}", "C=17{A=ip/1/3,A=ip/2/4}"),
        *both(g, 2, "C=17{MF=[ip/1/3,ip/2/4]}", "C=17{MF=ip/1/3,MF=ip/2/4}"),
        *both(g, 3, "C=17{S=[ip/1/3,ip/2/4]}"),
    )
    assert [(life.name, len(life.pairs), life.ended is not None) for life in room.lives] == [
        ("context 17 ip/1/3", 3, True),
        ("context 17 ip/2/4", 3, True),
    ]


def test_two_gateways_with_equal_ids() -> None:
    g, other = Gateway(), Gateway(mg="192.0.2.21:2944", frame=3001)
    room = Room().feed(*add(g, 1), *add(other, 1), *both(g, 2, "C=17{S=ip/1/33}"))
    assert [(life.gateway, life.ended is not None) for life in room.lives] == [(MG, True), ("192.0.2.21:2944", False)]


def test_notify_comes_from_the_gateway() -> None:
    g = Gateway()
    room = Room().feed(
        g.up("T=1{C=17{N=ip/1/33{OE=2{tcp/x}}}}"), g.down("P=1{C=17{N=ip/1/33}}"), *both(g, 2, "C=17{MF=ip/1/33}")
    )
    assert room.told() == [("context 17 ip/1/33", False, False, [])]
    assert room.lives[0].gateway == MG


def test_notify_that_crossed_the_subtract() -> None:
    g = Gateway()
    room = Room().feed(
        *add(g, 1),
        *both(g, 2, "C=17{S=ip/1/33}"),
        g.up("T=3{C=17{N=ip/1/33{OE=2{tcp/x}}}}"),
        g.down('P=3{C=17{N=ip/1/33{ER=430{"gone"}}}}'),
    )
    assert room.told() == [("context 17 ip/1/33", True, True, [])]
    g.wait(60 * S)
    room.feed(*both(g, 4, "C=17{MF=ip/1/33}"))
    assert len(room.lives) == 2


def test_service_change_of_one_termination_from_either_side() -> None:
    g = Gateway()
    change = 'C=17{SC=ip/1/33{SV{MT=FO,RE="905"}}}'
    room = Room().feed(*add(g, 1), g.up(f"T=2{{{change}}}"), g.down("P=2{C=17{SC=ip/1/33}}"))
    room.feed(g.down(f"T=3{{{change}}}"), g.up("P=3{C=17{SC=ip/1/33}}"))
    assert [(life.gateway, len(life.pairs)) for life in room.lives] == [(MG, 3)]


def test_what_is_outside_is_named_once() -> None:
    """ROOT, audits of the null context, acknowledgements of nothing: each message once, whatever it carries."""
    g = Gateway()
    restart = 'C=-{SC=ROOT{SV{MT=RS,RE="901"}}}'
    messages = [
        g.up(f"T=1{{{restart}}}"), g.down("P=1{C=-{SC=ROOT}}"),
        g.down("T=1{C=-{AV=ROOT{AT{}}}} T=2{C=-{AV=tdm/1{AT{}}}}"), g.up("P=1{C=-{AV=ROOT}} P=2{C=-{AV=tdm/1}}"),
        g.down("K{77}"), g.up('ER=400{"syntax"}'),
    ]  # fmt: skip
    room = Room().feed(*messages)
    assert frames(room) == [1001, 1002, 1003, 1004, 1005, 1006]
    room.feed(g.down("K{1}"))
    assert frames(room)[6:] == [1007]
    assert room.lives == []


def test_message_that_is_half_outside_belongs_to_its_leg() -> None:
    g = Gateway()
    room = Room().feed(
        g.down("T=1{C=-{AV=ROOT{AT{}}}} T=2{C=${A=ip/1/$}}"), g.up("P=1{C=-{AV=ROOT}}"), g.up("P=2{C=17{A=ip/1/33}}")
    )
    assert frames(room) == [1002]
    assert [message.frames[0] for message in room.lives[0].all_messages()] == [1001, 1003]


def test_every_message_is_in_a_leg_or_outside() -> None:
    """Late acknowledgements and copies too: the account adds up."""
    g = Gateway()
    messages = [
        *add(g, 1), g.down("K{1}"), g.up("P=1{C=17{A=ip/1/33}}"), *both(g, 2, "C=-{AV=*{AT{}}}", "C=-{AV=tdm/1}"),
        g.down("K{2}"), g.up("PN=3{}"), g.down("T=4{C=17{S=ip/1/33}}"),
    ]  # fmt: skip
    room = Room().feed(*messages).end()
    inside = {message.frames[0] for life in room.lives for message in life.all_messages()}
    assert inside | set(frames(room)) == {message.frames[0] for message in messages}
    assert inside & set(frames(room)) == set()
    assert frames(room) == [1005, 1006, 1007, 1008]


def test_text_and_binary_together() -> None:
    """Both encodings have one model, so a gateway that answers in binary keeps its terminations (clause 8.3)."""
    g, name = Gateway(), "00000001/00100001"
    messages = [*add(g, 1, name), *both(g, 2, f"C=17{{S={name}}}")]
    for message in messages[1::2]:
        message.decoded.encoding = "binary"
        octets = encode_h248(message.decoded)
        assert octets[:1] == b"\x30"
        message.decoded = decode_h248(octets)
    assert Room().feed(*messages).told() == [(f"context 17 {name}", True, True, [])]


def test_nothing_is_held_when_all_is_over() -> None:
    g = Gateway()
    room = Room()
    for number in range(1, 200, 2):
        room.feed(*add(g, number), *both(g, number + 1, "C=17{S=ip/1/33}"))
    room.end()
    assert len(room.lives) == 100
    assert not room._live
    assert not room._contexts
    assert not room._context_life
    assert not room._home
    assert not room._shared
    assert not room._gone


def crowd(g: Gateway, count: int) -> list[Message]:
    adds = ",".join(f"A=ip/1/{number}" for number in range(count))
    return both(g, 1, f"C=17{{{adds}}}")


def test_as_many_lives_as_a_message_may_begin() -> None:
    room = Room().feed(*crowd(Gateway(), MAX_BEGUN)).end()
    assert len(room.lives) == MAX_BEGUN
    assert room.crowded == 0


def test_more_lives_are_counted_and_not_followed() -> None:
    """What is known already is followed all the same: a Subtract of all ends all, and the next message has its room."""
    g = Gateway()
    room = Room().feed(*crowd(g, MAX_BEGUN + 3))
    assert len(room.lives) == MAX_BEGUN
    assert room.crowded == 3
    room.feed(*both(g, 2, "C=18{A=ip/1/1000}")).feed(*both(g, 3, "C=17{S=*}")).end()
    assert [life.ended is not None for life in room.lives] == [True] * MAX_BEGUN + [False]
    assert room.crowded == 3


def test_transactions_of_one_message_share_its_room() -> None:
    """Without replies too, where each Add stands in a transaction of its own."""
    g = Gateway()
    many = "\n".join(f"T={number}{{C={number}{{A=ip/1/1}}}}" for number in range(1, MAX_BEGUN + 6))
    room = Room().feed(g.down(many)).end()
    assert len(room.lives) == MAX_BEGUN
    assert room.crowded == 5


def streams(g: Gateway, number: int, first: int, count: int) -> list[Message]:
    texts = ",".join(f"ST={each}{{L{{\n{LOCAL.decode()}}}}}" for each in range(first, first + count))
    return both(g, number, f"C=17{{MF=ip/1/33{{M{{{texts}}}}}}}", "C=17{MF=ip/1/33}")


def test_streams_of_a_termination_are_bounded() -> None:
    """What is followed already may change; further streams are counted, each time that they are described."""
    g = Gateway()
    room = Room().feed(*streams(g, 1, 1, MAX_STREAMS))
    (life,) = room.lives
    assert len(life.local) == MAX_STREAMS
    assert room.streams_left_out == 0
    room.feed(*streams(g, 2, MAX_STREAMS, 3)).end()
    assert len(life.local) == MAX_STREAMS
    assert life.left_out == room.streams_left_out == 2
