"""HTTP/1.1 messages out of a stream (RFC 9112), held against the standard library's own reader and against nonsense."""

from __future__ import annotations

import http.client
import io
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dissectors.errors import DecodeError
from dissectors.framing import Framed
from dissectors.http import HttpMessage, HttpStream, decode_head

POST = (
    b"POST /keymanagement?requesttype=ticketrequest HTTP/1.1\r\nHost: kms.example.net\r\n"
    b"Content-Type: Application/MIKEY; v=1\r\nContent-Length: 5\r\n\r\n\x01\x0b\r\n\r"
)
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n"
    b"3;name=value\r\nabc\r\n0A\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n"
)
EMPTY = b"HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
UNTIL_END = b"HTTP/1.0 200 OK\nServer: old\n\nall the rest\r\n\r\nGET / HTTP/1.1\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n"

CASES = [
    ("post", POST, [("POST", 0, b"\x01\x0b\r\n\r")]),
    ("two in one piece, empty lines between", POST + b"\r\n" + GET, [("POST", 0, b"\x01\x0b\r\n\r"), ("GET", 0, b"")]),
    ("chunked, extension and trailer", CHUNKED, [("", 200, b"abc0123456789")]),
    ("no body by status", CONTINUE + EMPTY + CHUNKED, [("", 100, b""), ("", 204, b""), ("", 200, b"abc0123456789")]),
    ("until the end, line ends of LF", UNTIL_END, [("", 200, b"all the rest\r\n\r\nGET / HTTP/1.1\r\n\r\n")]),
]


def told(found: list[Framed[HttpMessage]]) -> list[tuple[str, int, bytes]]:
    return [(each.message.method, each.message.status, each.message.body) for each in found if each.message is not None]


@pytest.mark.parametrize("step", [1, 2, 7, 1000])
@pytest.mark.parametrize(("name", "data", "wanted"), CASES, ids=[case[0] for case in CASES])
def test_messages_in_pieces_of_any_size(
    name: str, data: bytes, wanted: list[tuple[str, int, bytes]], step: int
) -> None:
    stream = HttpStream()
    found = [each for at in range(0, len(data), step) for each in stream.receive_data(data[at : at + step])]
    found += stream.receive_eof()
    assert told(found) == wanted
    assert [each.error for each in found] == [None] * len(wanted)
    assert found[0].start == 0
    assert found[-1].end == len(data)


def test_fields_and_positions() -> None:
    stream = HttpStream()
    post, get = stream.receive_data(POST + b"\r\n" + GET)
    assert (post.start, post.end, get.start, get.end) == (0, len(POST), len(POST) + 2, len(POST) + 2 + len(GET))
    assert post.message is not None
    assert post.message.media_type == "application/mikey"
    assert post.message.target == "/keymanagement?requesttype=ticketrequest"
    assert post.message.content_length == post.message.body_size == 5
    assert get.message is not None
    assert get.message.header("HOST") == "a b"  # obs-fold, RFC 9112 section 5.2


# The standard library knows "chunked" alone, not behind another coding.
@pytest.mark.parametrize(
    "data", [CHUNKED.replace(b"gzip, ", b""), UNTIL_END, b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nA: b\r\n\r\nxyz"]
)
def test_responses_as_the_standard_library_reads_them(data: bytes) -> None:
    class Sock:
        def makefile(self, mode: str) -> io.BytesIO:
            return io.BytesIO(data)

    theirs = http.client.HTTPResponse(Sock())  # type: ignore[arg-type]
    theirs.begin()
    stream = HttpStream()
    (found,) = stream.receive_data(data) or stream.receive_eof()
    assert found.message is not None
    assert found.message.body == theirs.read()
    assert (found.message.status, found.message.reason) == (theirs.status, theirs.reason)
    assert [(name.lower(), value) for name, value in theirs.getheaders()] == list(found.message.fields)


def test_a_large_body_is_counted_and_not_kept() -> None:
    stream = HttpStream(max_body=100)
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
    assert stream.receive_data(head) == []
    assert stream.unfinished is not None
    assert stream.unfinished.content_length == 1_000_000
    for _ in range(999):
        assert stream.receive_data(bytes(1000)) == []
    (found,) = stream.receive_data(bytes(1000) + POST)[:1]
    assert found.message is not None
    assert (found.message.body, found.message.body_size) == (b"", 1_000_000)


@pytest.mark.parametrize(
    ("data", "what", "why"),
    [
        (b"HELLO WORLD\r\n\r\n", "HTTP start line", "neither a request line nor a status line"),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", "HTTP message", "not a header field"),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 257 + b"\r\n", "HTTP message", "more than 256 header fields"),
        (b"POST / HTTP/1.1\r\nContent-Length: 5, 6\r\n\r\n", "HTTP Content-Length", "not one number of octets"),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "HTTP Content-Length", "not one number of octets"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "HTTP chunk", "not a chunk size"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab", "HTTP chunk", "no line end behind a chunk"),
        (b"G" * (1 << 16), "HTTP message", "no empty line within 65536 octets"),
    ],
)
def test_what_is_no_message_is_passed_over_up_to_the_next(data: bytes, what: str, why: str) -> None:
    stream = HttpStream()
    found = stream.receive_data(data + b"\r\nx\r\n" + POST) + stream.receive_eof()
    assert [(each.error.what, each.error.why) for each in found if each.error] == [(what, why)]
    assert told(found)[-1] == ("POST", 0, b"\x01\x0b\r\n\r")
    assert found[0].end == found[-1].start == len(data) + 5


def test_loss_gives_up_the_message_and_goes_on_behind_it() -> None:
    stream = HttpStream()
    assert stream.receive_data(POST[:-2]) == []
    (lost,) = stream.receive_gap(2)
    assert lost.error is not None
    assert (lost.start, lost.end, lost.error.why) == (0, len(POST) - 2, "octets of the message are lost")
    (found,) = stream.receive_data(GET)
    assert (found.start, told([found])) == (len(POST), [("GET", 0, b"")])


def test_end_within_a_message_and_within_nonsense() -> None:
    stream = HttpStream()
    stream.receive_data(POST[:-1])
    (cut,) = stream.receive_eof()
    assert cut.error is not None
    assert (cut.start, cut.end, cut.error.why) == (0, len(POST) - 1, "the stream ends within the message")
    assert HttpStream().receive_eof() == []


def test_another_protocol_after_101_is_passed_over() -> None:
    stream = HttpStream()
    found = stream.receive_data(b"HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x05hello") + stream.receive_eof()
    assert [each.error.why for each in found if each.error] == ["the connection was switched to another protocol"]


@given(st.lists(st.binary(max_size=60), max_size=12), st.integers(0, 5))
def test_any_octets_give_messages_or_errors(pieces: list[bytes], seed: int) -> None:
    dice = random.Random(seed)
    stream = HttpStream(max_body=50)
    data = [each if dice.random() < 0.6 else dice.choice([POST, CHUNKED, UNTIL_END, GET]) for each in pieces]
    found = [each for piece in data for each in stream.receive_data(piece)] + stream.receive_eof()
    at = 0
    for each in found:
        assert at <= each.start < each.end
        assert (each.message is None) != (each.error is None)
        at = each.end
    assert at <= sum(map(len, data))


@given(st.data())
def test_mutated_messages_are_the_same_in_any_pieces(data: st.DataObject) -> None:
    octets = bytearray(POST + CHUNKED + EMPTY + GET)
    for _ in range(data.draw(st.integers(1, 4))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    whole, single = HttpStream(), HttpStream()
    one = whole.receive_data(bytes(octets)) + whole.receive_eof()
    other = [each for octet in octets for each in single.receive_data(bytes((octet,)))] + single.receive_eof()
    assert [(each.start, each.end, each.message, str(each.error)) for each in one] == [
        (each.start, each.end, each.message, str(each.error)) for each in other
    ]


def test_decode_head_refuses_what_is_none() -> None:
    with pytest.raises(DecodeError, match="neither a request line"):
        decode_head(b"SIP/2.0 200 OK\r\n\r\n")
