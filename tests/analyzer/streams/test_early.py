"""Who speaks is told by octets, not by segments: RFC 9293 section 3.8 promises no boundaries."""

from __future__ import annotations

import pytest

from analyzer.streams.early import KEPT, LISTENED, EarlyOctets
from analyzer.streams.kms_listener import may_be_kms
from analyzer.transport.flow import Flow
from analyzer.transport.tcp import Piece, TcpConnection

FIRST = {
    "sip": b"INVITE sip:b@example.net SIP/2.0\r\n",
    "msrp": b"MSRP a786hjs2 SEND\r\n",
    "tls": b"\x16\x03\x01\x00\x05",
    "h248": b"\x03\x00\x00\x20!/3",
    "http": b"POST /keys HTTP/1.1\r\n",
}
STREAM = TcpConnection(Flow((4 << 64) | 1, (4 << 40) | 1)).streams[0]


def pieces(octets: bytes, size: int, offset: int = 0) -> list[Piece]:
    return [Piece(STREAM, offset + at, octets[at : at + size], at + 1, at) for at in range(0, len(octets), size)]


@pytest.mark.parametrize("size", [1, 2, 7])
@pytest.mark.parametrize("name", FIRST)
def test_every_protocol_is_told_however_its_first_octets_are_cut(name: str, size: int) -> None:
    early = EarlyOctets()
    told = [speaker.name for each in pieces(FIRST[name], size) if (speaker := early.receive(each)) is not None]
    assert told[:1] == [name]
    assert b"".join(each.data for each in early.take()) == FIRST[name]
    assert early.take() == []


def test_in_mid_stream_it_begins_where_the_start_line_is_in_reach() -> None:
    """A capture that begins in the body of a chunk: what is handed on holds the start line whole."""
    early = EarlyOctets()
    octets = b"x" * 5000 + b"\r\n-------d93kswow$\r\n" + FIRST["msrp"]
    told = next(each.offset for each in pieces(octets, 1) if early.receive(each) is not None)
    assert told == octets.index(b" SEND") + len(" SEND")
    kept = b"".join(each.data for each in early.take())
    assert kept == octets[told + 1 - KEPT : told + 1]


def test_a_piece_that_begins_a_message_is_taken_without_what_stood_before() -> None:
    early = EarlyOctets()
    assert early.receive(Piece(STREAM, 0, b"a=rtpmap\r\n\r\n", 1, 1)) is None
    assert early.receive(Piece(STREAM, 12, FIRST["sip"], 2, 2)) is not None
    assert [each.frame for each in early.take()] == [2]


def test_octets_beyond_a_hole_begin_anew() -> None:
    early = EarlyOctets()
    assert early.receive(Piece(STREAM, 0, b"MSRP a786", 1, 1)) is None
    assert early.receive(Piece(STREAM, 900, b"hjs2 SEND\r\n", 2, 2)) is None
    assert [each.frame for each in early.take()] == [2]


def test_what_never_shows_is_given_up_after_so_many_octets() -> None:
    early = EarlyOctets()
    for number in range(LISTENED // 100):
        assert not early.is_exhausted
        assert early.receive(Piece(STREAM, number * 100, b"\x90" * 100, number, number)) is None
    assert early.is_exhausted
    assert sum(len(each.data) for each in early.take()) < KEPT + 100


@pytest.mark.parametrize(
    ("data", "may"),
    [(b"P", True), (b"POST /", True), (b"HTTP", True), (b"HTTP/1.1 200", True), (b"GET /", False), (b"PO T", False)],
)
def test_the_first_octets_of_a_kms(data: bytes, may: bool) -> None:
    assert may_be_kms(data) is may
