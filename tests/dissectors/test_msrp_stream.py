"""MsrpStream: the same messages however the octets are cut, and bounded memory whatever comes."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.framing import Framed
from dissectors.msrp.codec import decode_msrp, encode_msrp
from dissectors.msrp.message import MsrpMessage
from dissectors.msrp.stream import MAX_START_LINE, MsrpStream

PATHS = b"To-Path: msrp://b.example:8888/9di4;tcp\r\nFrom-Path: msrp://a.example:7777/iau3;tcp\r\n"
SEND = (
    b"MSRP d93kswow SEND\r\n" + PATHS + b"Message-ID: 12339sdqwer\r\nByte-Range: 1-16/16\r\n"
    b"Content-Type: text/plain\r\n\r\nHi, I'm Alice!\r\n\r\n-------d93kswow$\r\n"
)
OK = b"MSRP d93kswow 200 OK\r\n" + PATHS + b"-------d93kswow$\r\n"
REPORT = b"MSRP dkei38sd REPORT\r\n" + PATHS + b"Message-ID: 12339sdqwer\r\nStatus: 000 200 OK\r\n-------dkei38sd$\r\n"
LOOK_ALIKE = (
    b"MSRP aaaa SEND\r\n" + PATHS + b"Content-Type: text/plain\r\n\r\n"
    b"-------aaab$\r\n-------aaaa*\r\n-------aaaa$x\r\n-------aaaa+\n\r\n-------aaaa\r\n-------aaaa#\r\n"
)
EMPTY = b"MSRP bbbb SEND\r\n" + PATHS + b"Content-Type: text/plain\r\n\r\n\r\n-------bbbb+\r\n"
BARE = b"MSRP bbbc SEND\r\n" + PATHS + b"Content-Type: text/plain\r\n\r\n-------bbbc+\r\n"
ODD = (
    b"MSRP cccc SEND\r\n" + PATHS + b"content-type:text/plain\r\nMessage-ID:  \tx1 \r\nX-New: \xc3\xa9\xff\r\n\r\n"
    b"odd\r\n-------cccc$\r\n"
)
BROKEN = b"MSRP dddd SEND\r\n" + PATHS + b"no header\r\n\r\nbody\r\n-------dddd$\r\n"
ALL = [SEND, OK, REPORT, LOOK_ALIKE, EMPTY, BARE, ODD, BROKEN]
Items = list[Framed[MsrpMessage]]


def facts(items: Items) -> list[tuple[object, ...]]:
    return [(i.start, i.end, i.message, i.error and (i.error.what, i.error.offset, i.error.why)) for i in items]


def feed(pieces: list[bytes], **limits: int) -> Items:
    stream = MsrpStream(**limits)
    out: Items = []
    for piece in pieces:
        out += stream.receive_data(piece)
    return out + stream.receive_eof()


def octets(data: bytes) -> list[bytes]:
    return [data[i : i + 1] for i in range(len(data))]


def test_many_messages_in_one_segment() -> None:
    """RFC 4975 section 5.4: nothing but the end-line separates messages."""
    data = b"".join(ALL)
    got = feed([data])
    assert [data[i.start : i.end] for i in got] == ALL
    assert [i.message and i.message.flag for i in got] == ["$", "$", "$", "#", "+", "+", "$", None]
    assert got[3].message is not None
    assert got[3].message.body == (b"-------aaab$\r\n-------aaaa*\r\n-------aaaa$x\r\n-------aaaa+\n\r\n-------aaaa")
    assert got[4].message is not None
    assert (got[4].message.body, got[4].message.body_size) == (b"", 0)
    error = got[7].error
    assert error is not None
    assert (error.what, BROKEN[error.offset :][:9]) == ("MSRP header", b"no header")


def test_one_message_is_what_decode_msrp_says() -> None:
    for data in ALL[:-1]:
        assert feed([data])[0].message == decode_msrp(data)


def test_octet_by_octet_equals_whole() -> None:
    data = b"".join(ALL) + b"garbage\r\n" + SEND + b"\r\n\r\n" + OK + SEND[:50]
    assert facts(feed(octets(data))) == facts(feed([data]))


@pytest.mark.parametrize("data", [SEND + OK, EMPTY + BARE, LOOK_ALIKE + ODD, b"\r\n" + BROKEN + REPORT])
def test_cut_anywhere_equals_whole(data: bytes) -> None:
    whole = facts(feed([data]))
    for cut in range(len(data) + 1):
        assert facts(feed([data[:cut], data[cut:]])) == whole


PIECES = [
    *ALL,
    b"\r\n",
    b"MSRP ",
    b"MSRP x SEND\r\n",
    b"\r\nMSRP yyyy 200 OK\r\nTo-",
    b"-------",
    b"\0\xff",
    SEND[:70],
    OK[30:],
]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from(PIECES) | st.binary(max_size=20), max_size=8).map(b"".join),
    st.lists(st.integers(0, 2000), max_size=6),
    st.sampled_from([0, 3, 14, 1 << 20]),
    st.sampled_from([60, 150, 1 << 14]),
)
def test_any_octets_in_any_pieces(data: bytes, cuts: list[int], max_body: int, max_head: int) -> None:
    whole = feed([data], max_body=max_body, max_head=max_head)
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[a:b] for a, b in pairwise(edges)]
    assert facts(feed(pieces, max_body=max_body, max_head=max_head)) == facts(whole)
    assert facts(feed(octets(data), max_body=max_body, max_head=max_head)) == facts(whole)
    position = 0
    for item in whole:  # every octet is accounted for: a message, an error, or an empty line between them
        assert set(data[position : item.start]) <= {13, 10}
        assert position <= item.start < item.end
        position = item.end
    assert set(data[position:]) <= {13, 10}


def test_a_damaged_end_line_before_the_same_transaction_id_is_found_however_it_comes() -> None:
    """RFC 4975 section 9: the end-line of the second is none of the first, in one piece as octet by octet."""
    first = EMPTY.replace(b"-------bbbb", b"-------\0bbbb")
    (one, two) = feed([first + EMPTY])
    assert (one.start, one.end, two.start, two.end) == (0, len(first), len(first), len(first + EMPTY))
    assert one.error is not None
    assert one.error.why == "its end-line is not that of its start line"
    assert two.error is None
    assert facts(feed(octets(first + EMPTY))) == facts([one, two])


@settings(max_examples=150, deadline=None)
@given(st.data(), st.lists(st.sampled_from(ALL), min_size=1, max_size=4).map(b"".join))
def test_mutated_messages_give_a_result_or_an_error(draw: st.DataObject, data: bytes) -> None:
    mutated = bytearray(data)
    for _ in range(draw.draw(st.integers(1, 6))):
        at = draw.draw(st.integers(0, len(mutated) - 1))
        mutated[at : at + draw.draw(st.integers(0, 3))] = draw.draw(st.binary(max_size=3))
        mutated += b" "
    assert facts(feed(octets(bytes(mutated)))) == facts(feed([bytes(mutated)]))


def test_gap_gives_up_the_message_and_finds_the_next() -> None:
    stream = MsrpStream()
    first = stream.receive_data(OK + SEND[:100])
    lost = stream.receive_gap(50)
    rest = stream.receive_data(SEND[150:] + REPORT) + stream.receive_eof()
    assert [(i.start, i.end) for i in first] == [(0, len(OK))]
    assert [(i.start, i.end, i.message) for i in lost] == [(len(OK), len(OK) + 100, None)]
    tail = len(OK) + len(SEND)
    assert [(i.start, i.end, i.message is None) for i in rest] == [
        (len(OK) + 150, tail, True),
        (tail, tail + len(REPORT), False),
    ]


def test_gap_between_messages_costs_nothing() -> None:
    stream = MsrpStream()
    assert len(stream.receive_data(OK)) == 1
    assert stream.receive_gap(0) == []
    assert stream.receive_gap(1000) == []
    (item,) = stream.receive_data(OK)
    assert (item.start, item.message) == (len(OK) + 1000, decode_msrp(OK))
    assert stream.receive_eof() == []


def test_start_in_the_middle_of_a_message() -> None:
    """A start line quoted in text is not taken for one: To-Path does not follow it (RFC 4975 section 9)."""
    middle = b" of a body with\r\nMSRP aaaa SEND\r\nin it\r\n-------zzzz$\r\n"
    got = feed([middle + SEND])
    assert [(i.start, i.end) for i in got] == [(0, len(middle)), (len(middle), len(middle) + len(SEND))]
    assert got[1].message == decode_msrp(SEND)


def test_end_of_stream_never_invents_a_message() -> None:
    for cut in range(1, len(SEND)):
        (item,) = feed([SEND[:cut]])
        assert (item.start, item.end, item.message) == (0, cut, None)


def test_body_beyond_the_limit_is_counted() -> None:
    for pieces in ([SEND + OK], octets(SEND + OK)):
        got = feed(pieces, max_body=15)
        assert got[0].message is not None
        assert (got[0].message.body, got[0].message.body_size, got[0].message.body_kept) == (None, 16, False)
        assert got[0].end == len(SEND)
        assert got[1].message == decode_msrp(OK)
    (kept,) = feed([SEND], max_body=16)
    assert kept.message == decode_msrp(SEND)


def test_head_beyond_the_limit_is_skipped() -> None:
    long = b"MSRP eeee SEND\r\n" + PATHS + b"X: " + b"y" * 300 + b"\r\n-------eeee$\r\n"
    got = feed([long + OK], max_head=300)
    assert [(i.start, i.end) for i in got] == [(0, len(long)), (len(long), len(long + OK))]
    assert got[0].error is not None
    assert got[0].error.what == "MSRP head"


def test_start_line_limit_is_the_same_in_pieces() -> None:
    for size in range(MAX_START_LINE - 110, MAX_START_LINE + 4, 3):
        data = b"MSRP d93kswow 200 " + b"o" * (size - 18) + b"\r\n" + OK.split(b"\r\n", 1)[1]
        assert facts(feed(octets(data))) == facts(feed([data]))
        assert (feed([data])[0].message is not None) == (size + 2 <= MAX_START_LINE)


def test_huge_body_in_bounded_memory() -> None:
    """A message of 256 MB needs no more than a segment and a few hundred octets."""
    head, tail = SEND.split(b"Hi, I'm Alice!\r\n\r\n")
    piece = b"x" * 65533 + b"\r\n-"
    stream = MsrpStream(max_body=100_000)
    assert stream.receive_data(head) == []
    tracemalloc.start()
    try:
        for _ in range(4096):
            assert stream.receive_data(piece) == []
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    (item,) = stream.receive_data(b"\r\n" + tail)
    assert item.message is not None
    assert (item.message.body_size, item.message.body_kept) == (4096 * len(piece), False)
    assert peak < 1_000_000


@pytest.mark.parametrize("filler", [b"\nMSRP ", b"\r\nMSRP a SEND\r\nTo-", b"\r\n", b"MSRP", b"\r\n-------d93kswow"])
def test_hostile_stretches_stay_small(filler: bytes) -> None:
    stream = MsrpStream(max_body=1000)
    stream.receive_data(b"x")
    tracemalloc.start()
    try:
        for _ in range(200):
            stream.receive_data(filler * 500)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 300_000


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.lists(st.sampled_from(PIECES), max_size=4).map(b"".join), st.integers(0, 200)),
        min_size=1,
        max_size=4,
    ),
    st.integers(1, 40),
)
def test_gaps_in_any_pieces(parts: list[tuple[bytes, int]], size: int) -> None:
    """Between gaps, too, only the octets count; messages keep their place in the stream."""
    whole, pieces = MsrpStream(), MsrpStream()
    one: Items = []
    other: Items = []
    for data, lost in parts:
        one += whole.receive_data(data) + whole.receive_gap(lost)
        for at in range(0, len(data), size):
            other += pieces.receive_data(data[at : at + size])
        other += pieces.receive_gap(lost)
    assert facts(one) == facts(other)
    stream = b"".join(data + b"\0" * lost for data, lost in parts)
    for item in one:
        if item.message is not None and item.error is None:
            assert encode_msrp(item.message) == stream[item.start : item.end]
