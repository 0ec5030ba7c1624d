"""Chunks to messages (RFC 4975 sections 5.1 and 7.3.1)."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.msrp import ByteRange, MessageAssembler, MsrpMessage, build_request
from dissectors.msrp.intervals import add_interval, missing_intervals


def chunk(
    start: int | None, body: bytes | None, flag: str = "+", total: int | None = None, mid: str = "m1"
) -> MsrpMessage:
    return build_request(
        "SEND",
        "msrp://b:1/b;tcp",
        "msrp://a:2/a;tcp",
        transaction_id="tttt",
        message_id=mid,
        byte_range=None if start is None else ByteRange(start, None, total),
        content_type="" if body is None else "text/plain",
        body=body,
        flag=flag,
    )


def test_two_chunks() -> None:
    """RFC 4975 section 5.1: abcd and EFGH."""
    join = MessageAssembler()
    assert join.receive_chunk(chunk(1, b"abcd", total=8)) == []
    (message,) = join.receive_chunk(chunk(5, b"EFGH", "$", 8))
    assert (message.message_id, message.content_type, message.body) == ("m1", "text/plain", b"abcdEFGH")
    assert (message.size, message.total, message.declared_total, message.chunks) == (8, 8, 8, 2)
    assert (message.complete, message.aborted, message.holes, message.overlaps) == (True, False, [], [])
    assert join.receive_eof() == []


@pytest.mark.parametrize(
    ("start", "body", "wanted"),
    [(None, b"hi", b"hi"), (1, b"hi", b"hi"), (None, None, None), (1, b"", b"")],
)
def test_a_message_of_one_chunk(start: int | None, body: bytes | None, wanted: bytes | None) -> None:
    """RFC 4975 section 5.1: flagged $ and starting at 1 is the whole message."""
    (message,) = MessageAssembler().receive_chunk(chunk(start, body, "$"))
    assert (message.complete, message.body, message.size, message.chunks) == (True, wanted, len(body or b""), 1)
    assert message.body_kept


def test_any_order() -> None:
    join = MessageAssembler()
    assert join.receive_chunk(chunk(5, b"EF", "$")) == []
    assert join.receive_chunk(chunk(3, b"cd")) == []
    (message,) = join.receive_chunk(chunk(1, b"ab"))
    assert (message.body, message.complete, message.total) == (b"abcdEF", True, 6)


def test_newest_octets_count_where_chunks_overlap() -> None:
    """RFC 4975 section 7.3.1: the last chunk received takes precedence."""
    join = MessageAssembler()
    join.receive_chunk(chunk(1, b"abcd"))
    join.receive_chunk(chunk(3, b"CDe"))
    (message,) = join.receive_chunk(chunk(6, b"f", "$"))
    assert (message.body, message.overlaps, message.size) == (b"abCDef", [(3, 4)], 6)


def test_the_chunk_received_says_how_long_it_is() -> None:
    """RFC 4975 section 7.3.1: an interrupted chunk is shorter than its range, and the total may be wrong."""
    join = MessageAssembler()
    join.receive_chunk(chunk(1, b"abc", total=99))
    (message,) = join.receive_chunk(chunk(4, b"d", "$", 98))
    assert (message.total, message.declared_total, message.complete) == (4, 98, True)


def test_aborted() -> None:
    """RFC 4975 section 5.1: # ends a message that stays unfinished."""
    join = MessageAssembler()
    join.receive_chunk(chunk(1, b"abc", total=9))
    (message,) = join.receive_chunk(chunk(4, b"d", "#", 9))
    assert (message.complete, message.aborted, message.body, message.holes) == (False, True, b"abcd", [(5, 9)])


def test_holes_at_the_end() -> None:
    join = MessageAssembler()
    join.receive_chunk(chunk(1, b"ab"))
    join.receive_chunk(chunk(5, b"ef"))
    assert join.receive_chunk(chunk(9, b"i", "$")) == []
    (message,) = join.receive_eof()
    assert (message.holes, message.complete, message.size, message.total) == ([(3, 4), (7, 8)], False, 5, 9)
    assert (message.body, message.body_kept) == (None, True)


def test_messages_are_told_apart_by_paths_and_id_or_by_the_callers_key() -> None:
    join = MessageAssembler()
    assert join.receive_chunk(chunk(1, b"a", mid="x")) == []
    assert join.receive_chunk(chunk(2, b"b", "$", mid="y")) == []
    assert join.receive_chunk(chunk(2, b"c", "$"), key="k") == []
    (message,) = join.receive_chunk(chunk(1, b"d"), key="k")
    assert (message.key, message.body) == ("k", b"dc")
    (message,) = join.receive_chunk(chunk(2, b"e", "$", mid="x"))
    assert message.body == b"ae"
    assert [message.message_id for message in join.receive_eof()] == ["y"]


def test_the_oldest_of_too_many_is_handed_out() -> None:
    join = MessageAssembler(max_open=2)
    out = [join.receive_chunk(chunk(1, b"a", mid=f"m{number}")) for number in range(4)]
    assert [[message.message_id for message in messages] for messages in out] == [[], [], ["m0"], ["m1"]]


def test_a_body_beyond_the_limit_is_counted() -> None:
    join = MessageAssembler(max_kept=5)
    join.receive_chunk(chunk(1, b"abc"))
    (message,) = join.receive_chunk(chunk(4, b"def", "$"))
    assert (message.size, message.body, message.body_kept, message.complete) == (6, None, False, True)
    (message,) = join.receive_chunk(chunk(1, b"abcdef", "$"))
    assert (message.size, message.body, message.body_kept) == (6, None, False)
    join.receive_chunk(chunk(1, b"abc"))
    (message,) = join.receive_chunk(chunk(4, b"de", "$"))
    assert (message.body, message.body_kept) == (b"abcde", True)


def test_a_chunk_whose_body_was_only_counted() -> None:
    counted = chunk(4, b"def", "$")
    counted.body, counted.body_kept = None, False
    join = MessageAssembler()
    join.receive_chunk(chunk(1, b"abc"))
    (message,) = join.receive_chunk(counted)
    assert (message.size, message.body, message.body_kept, message.complete) == (6, None, False, True)


def test_hostile_chunks_stay_small() -> None:
    """Every other octet of many messages: limits on stretches, on octets and on messages hold."""
    join = MessageAssembler(max_open=50, max_intervals=100, max_kept_total=100_000)
    made = [[chunk(2 * number + 1, b"x", mid=f"m{which}") for number in range(120)] for which in range(20)]
    tracemalloc.start()
    try:
        out = [message for chunks in made for one in chunks for message in join.receive_chunk(one)]
        for which in range(1000):
            out += join.receive_chunk(chunk(1, b"x" * 1000, mid=f"n{which}"))
            out = out[:100]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(out[0].holes) == 100
    assert peak < 2_000_000


@settings(max_examples=150, deadline=None)
@given(st.data(), st.binary(min_size=1, max_size=40))
def test_any_cut_in_any_order_joins(draw: st.DataObject, body: bytes) -> None:
    """The same facts as from a map with one entry per octet."""
    spans = draw.draw(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=6))
    cuts = sorted({0, len(body), *(draw.draw(st.lists(st.integers(0, len(body)), max_size=5)))})
    spans = [(a, b) for a, b in spans if a < b <= len(body)] + list(pairwise(cuts))
    order = draw.draw(st.permutations(spans))
    join = MessageAssembler()
    times = [0] * len(body)
    out = []
    for number, (a, b) in enumerate(order):
        flag = "$" if number == len(order) - 1 and b == len(body) else "+"
        out += join.receive_chunk(chunk(a + 1, body[a:b], flag))
        for at in range(a, b):
            times[at] += 1
    (message,) = out + join.receive_eof()
    assert (message.size, message.body, message.chunks) == (len(body), body, len(order))
    assert message.complete == (flag == "$")
    assert message.overlaps == runs([count > 1 for count in times])


def runs(wanted: list[bool]) -> list[tuple[int, int]]:
    out: list[tuple[int, int]] = []
    for at, flag in enumerate(wanted, 1):
        if flag and out and out[-1][1] == at - 1:
            out[-1] = (out[-1][0], at)
        elif flag:
            out.append((at, at))
    return out


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 30), st.integers(-1, 8)), max_size=12))
def test_intervals_are_sets(items: list[tuple[int, int]]) -> None:
    intervals: list[tuple[int, int]] = []
    have: set[int] = set()
    for start, size in items:
        new = set(range(start, start + size))
        again = add_interval(intervals, start, start + size - 1)
        assert {at for a, b in again for at in range(a, b + 1)} == have & new
        have |= new
        assert intervals == runs([at in have for at in range(1, 40)])
    holes = missing_intervals(intervals, 3, 20)
    assert holes == [(a, b) for a, b in runs([at >= 3 and at <= 20 and at not in have for at in range(1, 40)])]
