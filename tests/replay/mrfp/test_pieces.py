"""The reader of MSRP connections: the same content however the octets come, bounded memory, no exception."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.mrfp.pieces import PIECE, Piece, PieceReader

HEAD = "To-Path: msrp://a.example:1/s;tcp\r\nFrom-Path: msrp://b.example:2/t;tcp\r\n"


def send(tid: str, body: str | None, flag: str = "$", byte_range: str = "", head: str = HEAD) -> bytes:
    text = f"MSRP {tid} SEND\r\n{head}Message-ID: m{tid}\r\n"
    if byte_range:
        text += f"Byte-Range: {byte_range}\r\n"
    if body is not None:
        text += f"Content-Type: text/plain\r\n\r\n{body}\r\n"
    return f"{text}-------{tid}{flag}\r\n".encode()


STREAM = b"".join(
    (
        send("tid1", "hello"),
        b"\r\n",
        send("tid2", None),
        send("tid3", "x" * 3000, "+", "1-3000/6000"),
        send("tid4", "-------tid4x\r\n-------tid5$\r\n", "$", "3001-*/*"),
        b"MSRP tid5 200 OK\r\n" + HEAD.encode() + b"-------tid5$\r\n",
        send("tid6", ""),
        send("tid7", "odd", head=HEAD.replace("To-Path:", "to-path:")),
        b"MSRP tid8 SEND\r\n" + HEAD.encode() + b"\r\n-------tid8$\r\n",
        send("tid9", "y" * 40_000, "#"),
    )
)


def joined(pieces: list[Piece]) -> list[tuple[str, int, bytes | None, str]]:
    """Whole chunks: transaction id, start, body, flag."""
    chunks: list[tuple[str, int, bytes | None, str]] = []
    begun: list[Piece] = []
    for piece in pieces:
        assert piece.opens == (not begun)
        begun.append(piece)
        if not piece.closes:
            assert piece.flag == "+"
            continue
        body = None if piece.body is None and len(begun) == 1 else b"".join(each.body or b"" for each in begun)
        for one, next_one in pairwise(begun):
            assert next_one.start == one.start + len(one.body or b"")
        chunks.append((piece.message.transaction_id, begun[0].start, body, piece.flag))
        begun = []
    return chunks


EXPECTED = [
    ("tid1", 1, b"hello", "$"),
    ("tid2", 1, None, "$"),
    ("tid3", 1, b"x" * 3000, "+"),
    ("tid4", 3001, b"-------tid4x\r\n-------tid5$\r\n", "$"),
    ("tid5", 1, None, "$"),
    ("tid6", 1, b"", "$"),
    ("tid7", 1, b"odd", "$"),
    ("tid8", 1, None, "$"),
    ("tid9", 1, b"y" * 40_000, "#"),
]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100, 1460, 65536, len(STREAM)])
def test_in_pieces_of_any_size(size: int) -> None:
    reader = PieceReader(4096)
    pieces = [p for at in range(0, len(STREAM), size) for p in reader.receive_data(STREAM[at : at + size])]
    assert reader.error == ""
    assert joined(pieces) == EXPECTED


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_cut_anywhere(cuts: list[int]) -> None:
    reader = PieceReader(4096)
    places = sorted({0, len(STREAM), *cuts})
    pieces = [p for a, b in pairwise(places) for p in reader.receive_data(STREAM[a:b])]
    assert joined(pieces) == EXPECTED


def test_a_long_body_is_handed_out_as_it_comes() -> None:
    reader = PieceReader(4096)
    data = send("tid1", "z" * 100_000)
    sizes = []
    for at in range(0, len(data), 1460):
        for piece in reader.receive_data(data[at : at + 1460]):
            sizes.append(len(piece.body or b""))
        assert len(reader._buffer) < PIECE + 1460 + 100
    assert sum(sizes) == 100_000
    assert len(sizes) == 6


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "no MSRP start line"),
        (b"\x16\x03\x01\x02\x00", "no MSRP start line"),
        (b"MSRP x\r\n\r\n", "no MSRP start line"),
        (b"MSRP tid1 SEND\r\nTo-Path\r\n\r\n", "no header name and colon"),
        (b"MSRP tid1 SEND\r\n" + b"a: " + b"b" * 5000, "no end of the headers within 4096 octets"),
        (b"MSRP " + b"t" * 5000, "no end of the headers within 4096 octets"),
        (send("tid1", "x", head=HEAD + "X: " + "y" * 5000 + "\r\n"), "headers of more than 4096 octets"),
    ],
)
@pytest.mark.parametrize("size", [1, 100_000])
def test_what_is_no_msrp_ends_the_reading(data: bytes, why: str, size: int) -> None:
    reader = PieceReader(4096)
    for at in range(0, len(data), size):
        assert reader.receive_data(data[at : at + size]) == []
    reasons = {why, "no end of the headers within 4096 octets"} if size == 1 else {why}
    assert reader.error in reasons
    assert reader.receive_data(send("tid1", "hello")) == []
    assert len(reader._buffer) == 0


def test_mutated_octets_never_raise_and_memory_stays_small() -> None:
    chance = random.Random(5)
    for _ in range(1500):
        data = bytearray(STREAM[:7000])
        for _ in range(chance.randrange(1, 20)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        reader = PieceReader(4096)
        at = 0
        while at < len(data):
            size = chance.randrange(1, 2000)
            reader.receive_data(bytes(data[at : at + size]))
            at += size
            assert len(reader._buffer) < PIECE + 4096
