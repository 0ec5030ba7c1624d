"""An MSRP session's end (RFC 4975, RFC 7701): two of them talk, over a connection that cuts octets anywhere."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from dissectors.msrp import MsrpStream, decode_msrp
from replay.ue.content import Headed, Octets
from replay.ue.msrp_session import Heard, MsrpNews, MsrpSession, ReportHeard, Settled, octets_of

ANN, BOB = "msrp://198.51.100.7:7394/ann1;tcp", "msrp://203.0.113.5:28563/bob1;tcp"


def session(own: str, peer: str, seed: int, **options: int) -> MsrpSession:
    dice = random.Random(seed)
    return MsrpSession(own, peer, draw=lambda: dice.randbytes(8).hex(), **options)


@dataclass
class Line:
    """A connection between two sessions."""

    ann: MsrpSession
    bob: MsrpSession
    piece: int = 1 << 16
    most_waiting: int = 0

    def run(self, now: float = 0.0) -> tuple[list[MsrpNews], list[MsrpNews]]:
        """Carry octets to and fro until nobody has more; what each was told."""
        told: tuple[list[MsrpNews], list[MsrpNews]] = ([], [])
        while self.ann.out or self.bob.out:
            for source, target, news in ((self.ann, self.bob, told[1]), (self.bob, self.ann, told[0])):
                data = octets_of(source.out)
                self.most_waiting = max(self.most_waiting, len(data))
                for at in range(0, len(data), self.piece):
                    news += target.receive(data[at : at + self.piece], now)
        return told


def pair(**options: int) -> Line:
    return Line(session(ANN, BOB, 1, **options), session(BOB, ANN, 2, **options))


def requests(data: bytes) -> list:
    return [framed.message for framed in MsrpStream().receive_data(data) if framed.message]


def test_the_active_side_binds_with_a_send_without_content() -> None:
    """RFC 4975 section 5.4."""
    line = pair()
    line.ann.bind(0.0)
    data = octets_of(line.ann.out)
    message = decode_msrp(data)
    assert (message.method, message.body, message.to_path, message.from_path) == ("SEND", None, BOB, ANN)
    assert not line.ann.bound
    line.bob.receive(data, 0.0)
    assert line.bob.bound
    assert line.run() == ([Settled(message.message_id, 200)], [])
    assert line.ann.bound
    assert line.ann.settled


@pytest.mark.parametrize("piece", [1, 7, 1 << 16])
def test_a_message_of_one_chunk(piece: int) -> None:
    line = pair()
    line.piece = piece
    number = line.ann.send("text/plain", Octets(b"hello"), 0.0)
    to_ann, to_bob = line.run()
    assert to_ann == [Settled(number, 200)]
    (heard,) = to_bob
    assert isinstance(heard, Heard)
    assert (heard.message.body, heard.message.content_type, heard.from_path) == (b"hello", "text/plain", ANN)


@pytest.mark.parametrize("size", [2048, 2049, 100_000])
def test_a_long_message_goes_in_chunks_that_say_what_follows(size: int) -> None:
    """RFC 4975 section 7.1.1: `*` where more follow, the last one ends; sections 5.1 and 7.3.1: in order."""
    line = pair()
    content = random.Random(size).randbytes(size)
    number = line.ann.send("application/octet-stream", Octets(content), 0.0)
    sent = []
    told: list[MsrpNews] = []
    while line.ann.out:
        data = octets_of(line.ann.out)
        sent += [each for each in requests(data) if each.is_request]
        told += line.bob.receive(data, 0.0)
        line.ann.receive(octets_of(line.bob.out), 0.0)
    ranges = [str(each.byte_range) for each in sent]
    full, rest = divmod(size, 2048)
    expected = [f"{1 + 2048 * at}-*/{size}" for at in range(full - (rest == 0))]
    assert ranges == [*expected, f"{1 + 2048 * len(expected)}-{size}/{size}"]
    assert [each.flag for each in sent] == ["+"] * len(expected) + ["$"]
    assert {each.message_id for each in sent} == {number}
    (heard,) = told
    assert heard.message.body == content  # type: ignore[union-attr]


def test_content_of_any_size_takes_little_memory() -> None:
    """64 MB in a window of eight chunks; neither side keeps it."""

    class Endless:
        size = 64 << 20
        largest = 0

        def read(self, at: int, size: int) -> bytes:
            return b"x" * min(size, self.size - at)

    line = pair(kept=4096, chunk_size=1 << 16)
    line.ann.send("application/octet-stream", Endless(), 0.0)
    _, to_bob = line.run()
    (heard,) = to_bob
    assert isinstance(heard, Heard)
    assert (heard.message.size, heard.message.complete, heard.message.body) == (64 << 20, True, None)
    assert line.most_waiting < 10 << 16


def test_an_empty_message() -> None:
    line = pair()
    line.ann.send("text/plain", Octets(b""), 0.0)
    _, to_bob = line.run()
    assert [each.message.body for each in to_bob] == [b""]  # type: ignore[union-attr]


def test_a_success_report_is_asked_for_and_comes() -> None:
    """RFC 4975 section 7.1.2: for the whole message; nobody answers it."""
    line = pair()
    number = line.ann.send("text/plain", Octets(b"x" * 5000), 0.0, success_report=True)
    to_ann, _ = line.run()
    assert ReportHeard(number, 200) in to_ann
    assert Settled(number, 200) in to_ann
    assert line.ann.settled
    assert line.bob.settled


@pytest.mark.parametrize(("wish", "answered"), [("yes", True), ("partial", False), ("no", False)])
def test_failure_report(wish: str, answered: bool) -> None:
    """RFC 4975 section 7.3: `no` and `partial` have no 200."""
    bob = session(BOB, ANN, 2)
    text = f"MSRP abcd1234 SEND\r\nTo-Path: {BOB}\r\nFrom-Path: {ANN}\r\nMessage-ID: m1\r\nFailure-Report: {wish}\r\n"
    text += "Content-Type: text/plain\r\n\r\nhi\r\n-------abcd1234$\r\n"
    (heard,) = bob.receive(text.encode(), 0.0)
    assert isinstance(heard, Heard)
    assert bool(bob.out) is answered


def test_another_session_and_methods_that_nobody_knows() -> None:
    """481, 501; a REPORT gets no answer, whatever it is about."""
    bob = session(BOB, ANN, 2)
    for method, to, status in (("SEND", BOB.replace("bob1", "eve1"), 481), ("FROB", BOB, 501), ("REPORT", ANN, None)):
        text = f"MSRP abcd1234 {method}\r\nTo-Path: {to}\r\nFrom-Path: {ANN}\r\n-------abcd1234$\r\n"
        bob.receive(text.encode(), 0.0)
        statuses = [each.status for each in requests(octets_of(bob.out))]
        assert statuses == ([] if status is None else [status])


def test_a_session_is_known_by_its_session_id_whatever_the_address() -> None:
    """As TS 23.333 clause 6.2.10.3.1 has it for the MRFP: borders rewrite addresses."""
    bob = session(BOB, ANN, 2)
    other = BOB.replace("203.0.113.5:28563", "192.0.2.99:1")
    bob.receive(f"MSRP abcd1234 SEND\r\nTo-Path: {other}\r\nFrom-Path: {ANN}\r\n-------abcd1234$\r\n".encode(), 0.0)
    assert [each.status for each in requests(octets_of(bob.out))] == [200]


def test_a_refused_chunk_ends_the_message() -> None:
    """RFC 4975 section 7.2: after 413 no more of it; the next message goes on."""
    ann = session(ANN, BOB, 1, window=2)
    first = ann.send("text/plain", Octets(b"x" * 100_000), 0.0)
    second = ann.send("text/plain", Octets(b"y"), 0.0)
    sent = requests(octets_of(ann.out))
    assert len(sent) == 2
    news: list[MsrpNews] = []
    for each in sent:
        text = f"MSRP {each.transaction_id} 413 Enough\r\nTo-Path: {ANN}\r\nFrom-Path: {BOB}\r\n"
        news += ann.receive(f"{text}-------{each.transaction_id}$\r\n".encode(), 0.0)
    assert news == [Settled(first, 413)]
    (last,) = requests(octets_of(ann.out))
    assert (last.message_id, last.body) == (second, b"y")


def test_no_response_in_thirty_seconds_is_a_408() -> None:
    ann = session(ANN, BOB, 1)
    number = ann.send("text/plain", Octets(b"hello"), 5.0)
    assert ann.due() == 35.0
    assert ann.expire(34.9) == []
    assert ann.expire(35.0) == [Settled(number, 408)]
    assert ann.settled
    assert ann.due() is None


def test_a_nickname() -> None:
    """RFC 7701 section 7.1: no Success-Report, no Failure-Report, no Message-ID."""
    ann = session(ANN, BOB, 1)
    number = ann.set_nickname("Ann the great", 0.0)
    (request,) = requests(octets_of(ann.out))
    assert [name for name, _ in request.headers] == ["To-Path", "From-Path", "Use-Nickname"]
    assert request.header("Use-Nickname") == '"Ann the great"'
    text = f"MSRP {request.transaction_id} 425 Reserved\r\nTo-Path: {ANN}\r\nFrom-Path: {BOB}\r\n"
    assert ann.receive(f"{text}-------{request.transaction_id}$\r\n".encode(), 0.0) == [Settled(number, 425)]


def test_a_congested_connection_pauses_sending() -> None:
    ann = session(ANN, BOB, 1)
    ann.paused = True
    ann.send("text/plain", Octets(b"hello"), 0.0)
    assert not ann.out
    ann.paused = False
    ann.pump(0.0)
    assert len(ann.out) == 1


def test_an_unknown_peer_is_learnt_from_what_it_says() -> None:
    bob = session(BOB, "", 2)
    bob.receive(f"MSRP abcd1234 SEND\r\nTo-Path: {BOB}\r\nFrom-Path: {ANN}\r\n-------abcd1234$\r\n".encode(), 0.0)
    bob.send("text/plain", Octets(b"hello"), 0.0)
    assert requests(octets_of(bob.out))[-1].to_path == ANN


def test_any_octets_do_no_harm() -> None:
    dice = random.Random(4975)
    line = pair()
    line.ann.send("text/plain", Octets(b"x" * 9000), 0.0, success_report=True)
    good = octets_of(line.ann.out)
    for _ in range(300):
        octets = bytearray(good)
        for _ in range(dice.randrange(1, 30)):
            octets[dice.randrange(len(octets))] = dice.randrange(256)
        fresh = session(BOB, ANN, 3)
        fresh.receive(bytes(octets), 0.0)
        fresh.receive(dice.randbytes(100), 0.0)


def test_a_head_before_content() -> None:
    content = Headed(b"head:", Octets(b"body"))
    assert content.size == 9
    assert [content.read(at, 3) for at in (0, 3, 4, 6, 8, 9)] == [b"hea", b"d:b", b":bo", b"ody", b"y", b""]
