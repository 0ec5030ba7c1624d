"""Strangers, and one participant, at the MSRP ports of `mrfscope lab mrfp`; its conference goes on meanwhile."""

from __future__ import annotations

import os
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing

import pytest
from attacks import Endpoint, allow_files, close, hold, noise, pour, say, settles, still_open, throw
from lab_process import Watched, watched

from benchmarks.load.controller import Controller
from benchmarks.load.participants import Crowd, Seat
from replay.edge.psk_tls import psk_context
from tests.analyzer.cli.processes import needs_command

pytestmark = needs_command

NET = f"127.{192 + (os.getpid() >> 8) % 32}.{os.getpid() & 0xFF}"
MRFC, MRFP = (f"{NET}.10", 2944), (f"{NET}.20", 2944)
KEY, WRONG = bytes.fromhex("bf04b1b296f94d6a83f3693e76622403"), bytes(16)
PEAK = 100
"MB that the MRFP takes at most, whatever comes; 40 without strangers."
GIGABYTE = 1 << 30


@pytest.fixture(scope="module")
def controller() -> Iterator[Controller]:
    made = Controller(MRFC)
    yield made
    made.close()


@pytest.fixture(scope="module")
def mrfp(controller: Controller, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    places = ["--mrfp-h248", f"{NET}.20:2944", "--mrfc-h248", f"{NET}.10:2944", "--mrfp-media", f"{NET}.30"]
    with watched(tmp_path_factory.mktemp("hostile"), "", "mrfp", *places) as process:
        controller.register()
        yield process


def add(controller: Controller, context: str, name: str, key: bytes = b"") -> tuple[str, Seat]:
    own = f"{'msrps' if key else 'msrp'}://127.0.0.1:9/{name};tcp"
    context, peer, place = controller.add(context, own, key)
    return context, Seat(place, own, peer, 0)


@pytest.fixture(scope="module")
def rooms(controller: Controller, mrfp: Watched) -> Iterator[list[Crowd]]:
    """A conference in plain and one with TLS, of three each."""
    crowds = []
    for key in (b"", KEY):
        seats, context = [], "$"
        for number in range(3):
            context, seat = add(controller, context, f"member{number}", key)
            seats.append(seat)
        crowd = Crowd(seats, size=60, key=key, answers=True)
        crowd.settle(3)
        crowds.append(crowd)
    yield crowds
    for crowd in crowds:
        crowd.close()


@pytest.fixture(autouse=True)
def _conferences_go_on(rooms: list[Crowd], mrfp: Watched) -> Iterator[None]:
    """After each attack everybody hears all that is said, once and in order."""
    yield
    for crowd in rooms:
        heard = crowd.pace(0.3, 50)
        assert (heard.lost, heard.disordered) == (0, 0)
        assert heard.sent > 0
    assert mrfp.peak() < PEAK


@pytest.fixture(scope="module")
def plain(controller: Controller, rooms: list[Crowd]) -> Seat:
    """A session of a conference, to which nobody has connected yet."""
    return add(controller, "$", "vacant")[1]


@pytest.fixture(scope="module")
def secured(controller: Controller, rooms: list[Crowd]) -> Seat:
    """The same with TLS."""
    return add(controller, "$", "vacant", KEY)[1]


def send(seat: Seat, body: str = "", *, to: str = "", headers: str = "", end: bool = True) -> bytes:
    """The octets of a SEND."""
    paths = f"To-Path: {to or seat.peer_path}\r\nFrom-Path: {seat.own_path}\r\n"
    head = f"MSRP t1 SEND\r\n{paths}Message-ID: m1\r\n{headers}"
    text = f"{head}Content-Type: message/cpim\r\n\r\n{body}\r\n" if body else head
    return (text + ("-------t1$\r\n" if end else "")).encode()


CPIM = "From: <sip:x@example.net>\r\nTo: <sip:room@example.net>\r\n\r\nContent-Type: text/plain\r\n\r\n"
RECORDS = [
    b"\x16\x03\x01\xff\xff" + b"\x01" * 1000,
    b"\x16\x03\x03\x00\x04\x01\xff\xff\xff",
    b"\x17\x03\x03\x40\x00" + bytes(0x4000),
    b"\x15\x03\x03\x00\x02\x02\x28",
    b"\x80\x2e\x01\x03\x01" + bytes(60),
    bytes(70_000),
]
"What looks like TLS, and is none."


@pytest.mark.parametrize("which", ["plain", "secured"])
def test_octets_by_chance(which: str, request: pytest.FixtureRequest) -> None:
    place = request.getfixturevalue(which).place
    throw(MRFP, [*noise(1, 200, 9000), b"!/2 [127.0.0.9]:1\nT=1{C=$" + b"{A=$" * 10_000])
    for octets in noise(2, 30, 4000) + RECORDS:
        assert b"MSRP" not in say(place, octets)


def test_an_order_of_a_stranger_is_refused() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind((f"{NET}.99", 0))
        stranger.settimeout(60)
        stranger.sendto(b"!/2 [192.0.2.99]:2944\nT=1{C=*{W-S=*}}", MRFP)
        assert b"ER=504" in stranger.recv(9000)


@pytest.mark.parametrize(("which", "kept"), [("plain", 8), ("secured", 4)])
@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.soak)])
def test_many_that_name_no_session(
    which: str, kept: int, count: int, request: pytest.FixtureRequest, mrfp: Watched
) -> None:
    """The oldest are closed, so the participant who comes last gets in."""
    if not allow_files(count + 500):
        pytest.skip(f"the system does not allow {count + 500} open files")
    seat = request.getfixturevalue(which)
    lines = hold(seat.place, count, b"MSRP t" if which == "plain" else b"\x16\x03\x01")
    try:
        assert settles(lambda: still_open(lines), kept), still_open(lines)
        assert mrfp.noted("msrp connection closed") > 0
        key = KEY if which == "secured" else b""
        with closing(connect(seat.place, key)) as line:
            line.sendall(send(seat))
            assert line.recv(9000).startswith(b"MSRP t1 200 OK\r\n")
    finally:
        close(lines)


def connect(place: Endpoint, key: bytes) -> socket.socket:
    line = socket.create_connection(place, 10)
    return psk_context(is_client=True, psk=key, identity="x").wrap_socket(line) if key else line


@pytest.mark.parametrize("octets", [1 << 25, pytest.param(GIGABYTE, marks=pytest.mark.soak)])
def test_a_gigabyte_for_no_session(octets: int, plain: Seat) -> None:
    """It is refused at once, with 481; nothing of it is kept, and the connection is closed after half a minute."""
    head = send(plain, "x", to="msrp://127.0.0.1:9/nobody;tcp", end=False)
    poured, heard = pour(plain.place, head, b"x" * 65536, octets)
    assert heard.startswith(b"MSRP t1 481 ")
    assert poured >= 1 << 25


def test_headers_without_end(plain: Seat) -> None:
    poured, heard = pour(plain.place, b"MSRP t1 SEND\r\nTo-Path: msrp://", b"x" * 65536, GIGABYTE)
    assert poured < 1 << 26
    assert heard == b""


@pytest.mark.parametrize("octets", [1 << 25, pytest.param(GIGABYTE - (1 << 20), marks=pytest.mark.soak)])
@pytest.mark.parametrize("key", [b"", KEY], ids=["plain", "TLS"])
def test_a_long_message_passes_without_being_kept(octets: int, key: bytes, controller: Controller) -> None:
    """In one chunk, to somebody who reads: every octet arrives, and memory stays what it was."""
    context, sender = add(controller, "$", "sender", key)
    _, reader = add(controller, context, "reader", key)
    with closing(connect(sender.place, key)) as said, closing(connect(reader.place, key)) as read:
        for seat, line in ((sender, said), (reader, read)):
            line.sendall(send(seat))
            assert line.recv(9000).startswith(b"MSRP t1 200 ")
        headers = f"Byte-Range: 1-*/{octets + len(CPIM)}\r\nFailure-Report: no\r\n"
        said.sendall(send(sender, CPIM, headers=headers, end=False)[:-2])
        passed, heard = 0, b""
        for _ in range(octets >> 16):
            said.sendall(b"x" * 65536)
            passed, heard = _passed(read, passed, heard, passed + (1 << 15))
        said.sendall(b"\r\n-------t1$\r\n")
        passed, heard = _passed(read, passed, heard, octets)
    assert passed == octets


_CHUNK = re.compile(rb"MSRP (\S+) SEND\r\n.*?\r\n\r\n(.*?)\r\n-------\1([$+])\r\n", re.DOTALL)


def _passed(line: socket.socket, passed: int, heard: bytes, wanted: int) -> tuple[int, bytes]:
    """Read until so many octets of content came."""
    while passed < wanted:
        data = line.recv(1 << 18)
        assert data, "closed too early"
        heard += data
        end = 0
        for chunk in _CHUNK.finditer(heard):
            passed += chunk[2].count(b"x", 0 if not chunk[2].startswith(b"From") else len(CPIM))
            end = chunk.end()
        heard = heard[end:]
    return passed, heard


def test_more_than_a_gigabyte_is_refused(controller: Controller) -> None:
    """RFC 4975 section 10.5: 413 for what is announced to be too long."""
    _, seat = add(controller, "$", "sender")
    with closing(connect(seat.place, b"")) as line:
        line.sendall(send(seat))
        assert line.recv(9000).startswith(b"MSRP t1 200 ")
        line.sendall(send(seat, CPIM, headers=f"Byte-Range: 1-*/{GIGABYTE + 1}\r\n"))
        assert line.recv(9000).startswith(b"MSRP t1 413 ")


# ---------------------------------------------------------------------- nobody gets in without the key


@pytest.fixture
def conference(controller: Controller, rooms: list[Crowd]) -> Iterator[tuple[Seat, socket.socket]]:
    """A conference that asks for end-to-end security: a free seat, and the connection of who is in."""
    context, ann = add(controller, "$", "ann", KEY)
    _, seat = add(controller, context, "bob", KEY)
    with closing(connect(ann.place, KEY)) as line:
        line.sendall(send(ann))
        assert line.recv(9000).startswith(b"MSRP t1 200 ")
        yield seat, line
        # Whoever has the key gets in after all, and is the first to be heard.
        with closing(connect(seat.place, KEY)) as bob:
            bob.sendall(send(seat) + send(seat, CPIM + "it is me"))
            heard = b""
            while b"it is me" not in heard:
                heard += line.recv(9000)
            assert heard.count(b" SEND\r\n") == 1


def test_no_key(conference: tuple[Seat, socket.socket]) -> None:
    """TLS with certificates only has no cipher suite in common."""
    seat, _ = conference
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(seat.place, 10) as line, pytest.raises(ssl.SSLError) as refused:
        context.wrap_socket(line)
    assert refused.value.reason == "SSLV3_ALERT_HANDSHAKE_FAILURE"


def test_a_wrong_key(conference: tuple[Seat, socket.socket]) -> None:
    seat, _ = conference
    with pytest.raises(ssl.SSLError) as refused:
        connect(seat.place, WRONG)
    assert refused.value.reason == "SSLV3_ALERT_BAD_RECORD_MAC"


def test_plain_tcp_with_the_right_session_id(conference: tuple[Seat, socket.socket]) -> None:
    seat, _ = conference
    heard = say(seat.place, send(seat) + send(seat, CPIM + "let me in"))
    assert heard[:1] in (b"", b"\x15"), "an alert, and no MSRP"


def test_the_session_id_at_the_port_of_another_session_in_plain(
    conference: tuple[Seat, socket.socket], plain: Seat
) -> None:
    seat, _ = conference
    heard = say(plain.place, send(seat) + send(seat, CPIM + "let me in"))
    assert [line for line in heard.split(b"\r\n") if line.startswith(b"MSRP ")] == [b"MSRP t1 481 No such session"] * 2


@pytest.mark.parametrize("session", ["of the conference", "of nobody"])
def test_the_key_of_another_session(
    session: str, conference: tuple[Seat, socket.socket], controller: Controller
) -> None:
    """A participant of another secured conference, with a key of its own, names a session that is not its own."""
    seat, _ = conference
    key = os.urandom(16)
    _, other = add(controller, "$", "eve", key)
    to = seat.peer_path if session == "of the conference" else seat.peer_path.replace(";tcp", "x;tcp")
    with closing(connect(other.place, key)) as line:
        line.sendall(send(seat, CPIM + "let me in", to=to))
        assert line.recv(9000).startswith(b"MSRP t1 481 No such session\r\n")
    with pytest.raises(ssl.SSLError) as refused:
        connect(seat.place, key)
    assert refused.value.reason == "SSLV3_ALERT_BAD_RECORD_MAC"
