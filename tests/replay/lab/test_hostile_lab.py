"""Strangers at every place of `mrfscope lab up`: others are served meanwhile, memory is bounded, the end is in order.

UDP, TCP and HTTP; those of MSRP are in `test_hostile_msrp`.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from attacks import (
    allow_files,
    close,
    damaged,
    flood,
    hold,
    noise,
    pour,
    say,
    settles,
    still_open,
    throw,
)
from lab_process import Watched, call, watched
from oracles import shared_capture

from replay.http_place import AT_ONCE
from tests.analyzer.cli.processes import needs_command

pytestmark = needs_command

NET = f"127.{160 + (os.getpid() >> 8) % 32}.{os.getpid() & 0xFF}"
SIP, MRFC_H248, MRFP_H248 = (f"{NET}.10", 5060), (f"{NET}.10", 2944), (f"{NET}.20", 2944)
KMS, METRICS = (f"{NET}.40", 8080), (f"{NET}.60", 9100)
STREAMS = {"sip": SIP, "h248": MRFC_H248, "kms": KMS, "metrics": METRICS}
PEAK = 100
"MB that all functions together take at most, whatever comes; 40 without strangers."
WELL = "ue: heard 0 messages, 1 of 1 requests of its own went well; left\n"
GIGABYTE = 1 << 30
SHARED = Path(__file__).parents[4] / "shared" / "captures"


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    places = {"mrfc_sip": SIP, "mrfc_h248": MRFC_H248, "mrfp_h248": MRFP_H248, "kms": KMS}
    lines = [f'{key} = "{place[0]}:{place[1]}"' for key, place in places.items()]
    lines.append(f'ue_sip = "{NET}.50:5060"')
    path = tmp_path_factory.mktemp("hostile") / "lab.toml"
    path.write_text("\n".join([*lines, f'mrfp_media = "{NET}.30"', ""]))
    return path


@pytest.fixture(scope="module")
def lab(config: Path) -> Iterator[Watched]:
    metrics = f"{METRICS[0]}:{METRICS[1]}"
    with watched(config.parent, "The lab is up", "up", "--config", config, "--metrics", metrics) as process:
        yield process


@pytest.fixture(autouse=True)
def _others_are_served(lab: Watched, config: Path) -> Iterator[None]:
    """After each attack a call goes through, everything is answered, and memory is what it may be."""
    yield
    assert call(config) == WELL
    assert say(METRICS, b"GET /metrics HTTP/1.1\r\n\r\n", source=f"{NET}.70").startswith(b"HTTP/1.1 200 OK\r\n")
    assert say(KMS, b"GET / HTTP/1.1\r\n\r\n", source=f"{NET}.70").startswith(b"HTTP/1.1 405 Method Not Allowed\r\n")
    assert options(source=f"{NET}.70").startswith(b"SIP/2.0 200 OK\r\n")
    assert lab.peak() < PEAK


def options(source: str) -> bytes:
    """OPTIONS over TCP."""
    return say(
        SIP,
        b"OPTIONS sip:chat-17@conf.example.net SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKo%d\r\n"
        b"From: <sip:a@b>;tag=1\r\nTo: <sip:chat-17@conf.example.net>\r\nCall-ID: o%d\r\nCSeq: 1 OPTIONS\r\n"
        b"Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n" % (os.urandom(2)[0], os.getpid()),
        source=source,
    )


def test_octets_by_chance(lab: Watched) -> None:
    for place in (SIP, MRFC_H248, MRFP_H248):
        throw(place, noise(1, 300, 9000))
        throw(place, [b"", b"\0", b"\r\n", b"\xff" * 65507, b"{" * 60_000, b"(" * 60_000])
    for place in STREAMS.values():
        for octets in noise(2, 30, 4000):
            say(place, octets)


TORTURE = [
    b"INVITE sip:chat-17@conf.example.net SIP/2.0\r\nContent-Length: -999\r\n\r\n",
    b"INVITE sip:chat-17@conf.example.net SIP/2.0\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"INVITE sip:chat-17@conf.example.net SIP/2.0\r\nCSeq: 36893488147419103232 INVITE\r\nMax-Forwards: 300\r\n\r\n",
    b"INVITE sip:chat-17@conf.example.net SIP/7.0\r\nVia: SIP/7.0/UDP x;;,;,,\r\n\r\n",
    b'INVITE <sip:chat-17@conf.example.net> SIP/2.0\r\nTo: "no end <sip:a@b>\r\nVia: ;\r\n\r\n',
    b"INVITE sip:chat-17@conf.example.net SIP/2.0\r\n" + b"Via: SIP/2.0/UDP x;branch=z9hG4bK1\r\n" * 1500 + b"\r\n",
    b"OPTIONS sip:chat-17@conf.example.net SIP/2.0\r\nVia: SIP/2.0/UDP 0.0.0.0:99999999;rport;branch=z9hG4bK2\r\n"
    b"From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n",
    b"OPTIONS sip:chat-17@conf.example.net SIP/2.0\r\nVia: SIP/2.0/UDP 0.0.0.0:99999999;branch=z9hG4bK4\r\n"
    b"From: <sip:a@b>;tag=2\r\nTo: <sip:a@b>\r\nCall-ID: 2\r\nCSeq: 1 OPTIONS\r\n\r\n",
    b"SIP/2.0 4294967301 better not break the receiver\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK3\r\n\r\n",
    b"\0" * 4000,
]
"In the manner of RFC 4475 section 3.1.2."
H248 = [
    b"!/2 [127.0.0.1]:2944\nT=1{" + b"C=1{" * 15_000,
    b"!/2 [127.0.0.1]:2944\n" + b"T=1{C=${A=$}}" * 4000,
    b"!/99999999999 [127.0.0.1]:2944\nT=4294967295{C=*{W-S=*}}",
    b"!/2 [127.0.0.1]:2944\nT=1{C=-{SC=ROOT{SV{MT=RS,RE=901,AD=" + b"1" * 60_000 + b"}}}}",
    b"!/2 [127.0.0.1]:2944\nK{0-4294967295,1,2,3-1}",
    b"\x30\x84\xff\xff\xff\xff\xa1\x80",
    b"\x30\x80" * 30_000,
    b"\x30\x0a\xa1\x88" + b"\xff" * 8 + bytes(50),
]


def test_torture(lab: Watched) -> None:
    """Messages that are wrong in every way, and those of RFC 4475 section 3.1.1 and RFC 3525 where they are there."""
    sip = TORTURE + [path.read_bytes() for path in sorted((SHARED / "sip-torture-valid").glob("*.dat"))]
    h248 = H248 + [path.read_bytes() for path in sorted((SHARED / "h248-messages").glob("msg*"))]
    throw(SIP, sip)
    for message in sip:
        say(SIP, message)
    for place in (MRFC_H248, MRFP_H248):
        throw(place, h248)
        throw(place, [each for seed, data in enumerate(h248) for each in damaged(data, seed, 3)])
    throw(SIP, [each for seed, data in enumerate(sip) for each in damaged(data, seed, 20)])


def test_one_datagram_that_hung_the_decoder(lab: Watched) -> None:
    """52 octets of BER with a type that holds itself, from a stranger and in the name of the other side."""
    data = shared_capture(SHARED / "attacks" / "h248-ber-hang-udp.pcap").read_bytes()[-52:]
    for place, source in ((MRFC_H248, MRFP_H248), (MRFP_H248, MRFC_H248)):
        throw(place, [data])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind((source[0], 0))
            other.sendto(data, place)


NAMING = {
    "Contact": (b"INVITE", b"", 403),
    "Refer-To": (b"REFER", b"Refer-To: <sip:you@192.0.2.99>\r\n", 403),
    "c=": (b"INVITE", b"Content-Type: application/sdp\r\n", 488),
}


@pytest.mark.parametrize("name", NAMING)
def test_who_names_others(name: str, lab: Watched) -> None:
    """Loopback speaks for loopback alone."""
    method, headers, status = NAMING[name]
    contact = b"192.0.2.99" if name == "Contact" else NET.encode() + b".70"
    sdp = (
        b"v=0\r\no=- 1 1 IN IP4 192.0.2.99\r\ns=-\r\nc=IN IP4 192.0.2.99\r\nt=0 0\r\nm=message 22 TCP/MSRP *\r\n"
        b"a=setup:actpass\r\na=accept-types:message/cpim\r\na=path:msrp://192.0.2.99:22/x;tcp\r\na=msrp-cema\r\n"
    )
    body = sdp if name == "c=" else b""
    request = (
        b"%b sip:chat-17@conf.example.net SIP/2.0\r\nVia: SIP/2.0/UDP %b;rport;branch=z9hG4bKn%d\r\n"
        b"From: <sip:a@b>;tag=1\r\nTo: <sip:chat-17@conf.example.net>\r\nCall-ID: n%d\r\nCSeq: 1 %b\r\n"
        b"Max-Forwards: 70\r\nContact: <sip:a@%b>\r\n%bContent-Length: %d\r\n\r\n%b"
    ) % (method, contact, status + len(body), os.getpid() + len(body), method, contact, headers, len(body), body)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller:
        caller.bind((f"{NET}.70", 0))
        caller.settimeout(60)
        caller.sendto(request, SIP)
        answer = caller.recv(65_536)
        while answer.startswith(b"SIP/2.0 100"):
            answer = caller.recv(65_536)
    assert answer.startswith(b"SIP/2.0 %d " % status)


@pytest.mark.parametrize(("place", "kept"), [("sip", 128), ("h248", 0), ("kms", 64), ("metrics", 64)])
@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.soak)])
def test_many_that_say_nothing_whole(place: str, kept: int, count: int, lab: Watched, config: Path) -> None:
    """The oldest of those who said nothing whole are closed, so that a call, and others, get through meanwhile."""
    if not allow_files(count + 500):
        pytest.skip(f"the system does not allow {count + 500} open files")
    half = b"OPTIONS sip:a@b SIP/2.0\r\nVi" if place == "sip" else b"POST / HTTP/1.1\r\nHo"
    lines = hold(STREAMS[place], count // 2) + hold(STREAMS[place], count // 2, half)
    try:
        assert settles(lambda: still_open(lines), kept), still_open(lines)
        assert call(config) == WELL
        if place == "sip":
            assert options(source="127.0.0.1").startswith(b"SIP/2.0 200 OK\r\n")
        assert lab.noted("connection refused" if place == "h248" else "connection closed  why=many came after it") > 0
    finally:
        close(lines)


@pytest.mark.soak
def test_half_a_message_is_waited_for_half_a_minute(lab: Watched) -> None:
    """Also where an octet comes now and then, and after a message that was whole."""
    whole = b"GET / HTTP/1.1\r\n\r\n"
    lines = hold(KMS, 3, b"POST / HT") + hold(METRICS, 3, whole + b"GE") + hold(SIP, 3, b"OPTIONS sip:a@b SI")
    try:
        for _ in range(6):
            assert still_open(lines) == 9
            assert not settles(lambda: still_open(lines), 0, 2.0)
            for line in lines:
                line.sendall(b"x")
        assert settles(lambda: still_open(lines), 0, 60.0), still_open(lines)
        assert lab.noted("connection closed  why=says nothing whole") == 9
    finally:
        close(lines)


def test_many_that_speak(lab: Watched, config: Path) -> None:
    """Connections of one address are limited; those of others are not kept out."""
    allow_files(1500)
    lines = hold(METRICS, 300, b"GET / HTTP/1.1\r\n\r\n")
    try:
        assert settles(lambda: still_open(lines), 256), still_open(lines)
        assert say(METRICS, b"GET / HTTP/1.1\r\n\r\n", source=f"{NET}.71").startswith(b"HTTP/1.1 200 OK\r\n")
        assert lab.noted("metrics  http connection ") > 0
    finally:
        close(lines)


@pytest.mark.parametrize("count", [1000, pytest.param(15_000, marks=pytest.mark.soak)])
@pytest.mark.parametrize("method", ["OPTIONS", "SUBSCRIBE", "INVITE"])
def test_a_flood_of_good_requests(method: str, count: int) -> None:
    """Each is a transaction for half a minute, perhaps a subscription; the oldest make room for others."""
    more = "Event: conference\r\n" if method == "SUBSCRIBE" else ""
    requests = (
        f"{method} sip:chat-17@conf.example.net SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bK{method}{number}\r\nFrom: <sip:a@b>;tag={number}\r\n"
        f"To: <sip:chat-17@conf.example.net>\r\nCall-ID: {method}{number}\r\nCSeq: 1 {method}\r\n"
        f"Contact: <sip:a@127.0.0.1:9>\r\nMax-Forwards: 70\r\n{more}X: {'x' * 2000}\r\nContent-Length: 0\r\n\r\n"
        for number in range(count)
    )
    assert flood(SIP, (each.encode() for each in requests)) > count // 2


ENDLESS = {
    "sip body": (SIP, b"INVITE sip:a@b SIP/2.0\r\nContent-Length: %d\r\n\r\n" % GIGABYTE, b""),
    "sip header": (SIP, b"INVITE sip:a@b SIP/2.0\r\nVia: ", b""),
    "h248 frame": (MRFC_H248, b"\x03\x00\xff\xff", b""),
    "http body": (KMS, b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % GIGABYTE, b"HTTP/1.1 413 Content Too Large"),
    "http header": (KMS, b"POST / HTTP/1.1\r\nHost: ", b"HTTP/1.1 400 Bad Request"),
    "metrics": (METRICS, b"GET / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % GIGABYTE, b"HTTP/1.1 413 Content Too Large"),
}


@pytest.mark.parametrize("what", ENDLESS)
def test_a_gigabyte_is_refused_at_its_begin(what: str) -> None:
    place, head, answer = ENDLESS[what]
    poured, heard = pour(place, head, b"x" * 65536, GIGABYTE)
    assert poured < 1 << 26, "what the sockets hold, and no more, was taken before it was closed"
    assert heard.startswith(answer)


@pytest.mark.parametrize("octets", [1 << 25, pytest.param(GIGABYTE, marks=pytest.mark.soak)])
def test_chunks_without_end(octets: int) -> None:
    """Each chunk is well; the body is counted, not kept, and after half a minute the connection is closed."""
    head = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    poured, _ = pour(KMS, head, b"10000\r\n" + b"x" * 65536 + b"\r\n", octets)
    assert poured >= 1 << 25


def insist(request: bytes, patience: float) -> tuple[int, type[Exception] | None]:
    """Ask without end and hear nothing: how many octets were taken, and why no more."""
    with socket.create_connection(METRICS) as line:
        line.settimeout(patience)
        poured = 0
        try:
            while poured < 1 << 26:
                poured += line.send(request)
        except (TimeoutError, ConnectionError) as error:
            return poured, type(error)
    return poured, None


def test_requests_without_end_and_no_ear_for_the_answers(lab: Watched) -> None:
    """Who does not read is not listened to any more: one read gives 256 KiB, fewer of these than are answered."""
    padding = b"x" * ((1 << 18) // AT_ONCE)
    poured, why = insist(b"GET /metrics HTTP/1.1\r\nX: %b\r\n\r\n" % padding * 10, 5.0)
    assert poured < 1 << 26
    assert why is TimeoutError


def test_short_requests_without_end(lab: Watched) -> None:
    """RFC 9112 section 9.3.2: so many in one piece, then the connection is closed; not 50 MB of answers."""
    poured, why = insist(b"GET /metrics HTTP/1.1\r\n\r\n" * 1000, 60.0)
    assert poured < 1 << 26
    assert why is not None
    assert issubclass(why, ConnectionError)
