"""TPKT framing (RFC 1006 section 6; H.248.1 Annex D.2): the same messages however the octets come, and after losses."""

from __future__ import annotations

import time

import pytest

from dissectors.framing import Framed
from dissectors.h248 import H248Message, TpktStream

FIRST = b"!/1 mg1 T=1{C=-{AV=ROOT}}"
SECOND = bytes.fromhex("301da11b800103a10ca00a8004c000021481020b80a208a106a10480021268")
THIRD = b"MEGACO/2 <mgc.example.net>:2944\nReply = 9 { Context = 17 { Subtract = ip/1/mb/33 } }"
BROKEN = b"!/1 mg1 T=1{C=-{AV"


def frame(body: bytes) -> bytes:
    return b"\x03\x00" + (len(body) + 4).to_bytes(2, "big") + body


STREAM = frame(FIRST) + frame(SECOND) + frame(BROKEN) + frame(THIRD)


def told(found: list[Framed[H248Message]]) -> list[tuple[int, int, str]]:
    return [
        (each.start, each.end, each.message.summary() if each.message else str(each.error and each.error.why))
        for each in found
    ]


WHOLE = [
    (0, 29, "T=1 C=- AuditValue ROOT"),
    (29, 64, "PN=4712"),
    (64, 86, "it ends in the middle"),
    (86, 86 + 4 + len(THIRD), "P=9 C=17 Subtract ip/1/mb/33"),
]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 30, 1000])
def test_pieces_make_no_difference(size: int) -> None:
    stream = TpktStream()
    found = []
    for at in range(0, len(STREAM), size):
        found += stream.receive_data(STREAM[at : at + size])
    found += stream.receive_eof()
    assert told(found) == WHOLE


def test_error_offset_counts_from_the_frame() -> None:
    (found,) = TpktStream().receive_data(frame(b"\x00nonsense"))
    assert found.error is not None
    assert (found.error.what, found.error.offset) == ("H.248 header", 4)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_finds_the_next_frame_after_a_gap(size: int) -> None:
    stream = TpktStream()
    assert told(stream.receive_data(STREAM[:10])) == []
    assert told(stream.receive_gap(30)) == [(0, 10, "octets of the frame are lost")]
    found = []
    for at in range(40, len(STREAM), size):
        found += stream.receive_data(STREAM[at : at + size])
    assert told(found) == [(40, 64, "no frame header"), *WHOLE[2:]]


def test_gap_of_unknown_size() -> None:
    stream = TpktStream()
    assert told(stream.receive_gap(0)) == []
    assert told(stream.receive_data(frame(FIRST))) == [WHOLE[0]]


@pytest.mark.parametrize("size", [1, 1000])
def test_garbage_is_one_error_and_then_messages(size: int) -> None:
    garbage = b"GET / HTTP/1.1\r\n\r\n\x03\x00\x00\x03\x03\x01"
    data = garbage + frame(FIRST)
    stream = TpktStream()
    found = []
    for at in range(0, len(data), size):
        found += stream.receive_data(data[at : at + size])
    end = len(garbage)
    assert told(found) == [(0, end, "no frame header"), (end, end + 29, "T=1 C=- AuditValue ROOT")]


def test_end_inside_a_frame() -> None:
    stream = TpktStream()
    stream.receive_data(frame(FIRST)[:-1])
    assert told(stream.receive_eof()) == [(0, 28, "the stream ends inside a frame")]
    assert stream.receive_eof() == []


def test_hostile_streams_stay_linear() -> None:
    began = time.perf_counter()
    stream = TpktStream()
    for _ in range(20000):
        stream.receive_data(b"\x03")
    for _ in range(2000):
        stream.receive_data(b"\x03\x00" * 16)
    stream = TpktStream()
    stream.receive_data(b"\x03\x00\xff\xff!")
    for _ in range(65000):
        stream.receive_data(b"x")
    assert time.perf_counter() - began < 3
