"""One wrong end-line costs one message: RFC 4975 section 7.1, and what a receiver can do about it."""

from __future__ import annotations

import pytest

from dissectors.framing import Framed
from dissectors.msrp import MsrpMessage, MsrpStream

PATHS = "To-Path: msrp://a:1/x;tcp\r\nFrom-Path: msrp://b:2/y;tcp\r\n"
WRONG, MISSING = "its end-line is not that of its start line", "it has no end-line"
Read = tuple[str, bytes | None, str, str]


def send(tid: str, body: str | None, byte_range: str = "", end: str | None = None) -> bytes:
    head = f"MSRP {tid} SEND\r\n{PATHS}Message-ID: m{tid}\r\n"
    head += f"Byte-Range: {byte_range}\r\n" if byte_range else ""
    content = "" if body is None else f"Content-Type: text/plain\r\n\r\n{body}\r\n"
    return (head + content + (f"-------{tid}$\r\n" if end is None else end)).encode()


def ok(tid: str, end: str | None = None) -> bytes:
    return (f"MSRP {tid} 200 OK\r\n{PATHS}" + (f"-------{tid}$\r\n" if end is None else end)).encode()


NEXT = send("cccc", "next", "1-4/4")
QUOTED = ok("qqqq").decode() + ok("rrrr").decode()
CASES: dict[str, tuple[bytes, Read]] = {
    "another transaction id": (send("bbbb", "hello", "1-5/5", "-------zzzz$\r\n"), ("bbbb", b"hello", "$", WRONG)),
    "another one, and no range": (send("bbbb", "hello", "", "-------zzzz+\r\n"), ("bbbb", b"hello", "+", WRONG)),
    "and a range that is open": (send("bbbb", "hello", "1-*/*", "-------zzzz#\r\n"), ("bbbb", b"hello", "#", WRONG)),
    "no flag": (send("bbbb", "hello", "1-5/5", "-------bbbb\r\n"), ("bbbb", b"hello", "", WRONG)),
    "a flag that is none": (ok("bbbb", "-------bbbb?\r\n"), ("bbbb", None, "", WRONG)),
    "no end-line": (send("bbbb", "hello", "1-5/5", ""), ("bbbb", b"hello", "", MISSING)),
    "no body": (send("bbbb", None, "", "-------zzzz$\r\n"), ("bbbb", None, "$", WRONG)),
    "no body, no end-line": (ok("bbbb", ""), ("bbbb", None, "", MISSING)),
}


def read(octets: bytes, size: int) -> list[Framed[MsrpMessage]]:
    stream = MsrpStream()
    found = [each for at in range(0, len(octets), size) for each in stream.receive_data(octets[at : at + size])]
    return found + stream.receive_eof()


def told(found: list[Framed[MsrpMessage]]) -> list[Read]:
    return [
        (each.message.transaction_id, each.message.body, each.message.flag, each.error.why if each.error else "")
        for each in found
        if each.message is not None
    ]


@pytest.mark.parametrize("size", [1, 7, 100_000])
@pytest.mark.parametrize("name", CASES)
def test_a_wrong_end_costs_one_message(name: str, size: int) -> None:
    octets, broken = CASES[name]
    found = read(send("aaaa", "first", "1-5/5") + octets + NEXT + ok("dddd"), size)
    assert told(found) == [
        ("aaaa", b"first", "$", ""), broken, ("cccc", b"next", "$", ""), ("dddd", None, "$", "")
    ]  # fmt: skip
    assert [each.start for each in found[1:]] == [each.end for each in found[:-1]]


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_a_body_that_quotes_msrp_is_no_wrong_end(size: int) -> None:
    """Its Byte-Range says that it goes on, or its start line has no end-line before it."""
    whole = f"1-{len(QUOTED)}/{len(QUOTED)}"
    octets = send("bbbb", QUOTED, whole) + send("eeee", f"see:\r\n{ok('qqqq').decode()}", "1-*/*") + NEXT
    assert [each[0] for each in told(read(octets, size))] == ["bbbb", "eeee", "cccc"]
    assert [each.error for each in read(octets, size)] == [None, None, None]


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_a_message_of_the_same_transaction_behind_a_wrong_end(size: int) -> None:
    """Its end-line is not that of the message before."""
    octets = send("bbbb", "hello", "", "-------\0bbbb+\r\n") + send("bbbb", "next", "1-4/4")
    assert told(read(octets, size)) == [("bbbb", b"hello", "+", WRONG), ("bbbb", b"next", "$", "")]


def test_a_long_body_that_is_only_counted_ends_there_too() -> None:
    stream = MsrpStream(max_body=1000)
    octets = send("bbbb", "x" * 5000, "1-5000/5000", "-------zzzz$\r\n") + NEXT
    found = [each for at in range(0, len(octets), 100) for each in stream.receive_data(octets[at : at + 100])]
    assert [(each.message and each.message.transaction_id, each.error is None) for each in found] == [
        ("bbbb", False),
        ("cccc", True),
    ]
    assert found[0].message is not None
    assert (found[0].message.body_size, found[0].message.body_kept) == (5000, False)
