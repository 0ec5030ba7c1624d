"""MSRP summed up per session (RFC 4975 section 7): the same rows and figures by messages and by glances."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.conversations.connection import Connection
from analyzer.conversations.msrp_exchange import MsrpExchange
from analyzer.transport.flow import Flow
from dissectors.msrp import decode_msrp, glance_msrp

FLOW = Flow(0xC0000201_C0000202, 4 << 40 | 6 << 32 | 40000 << 16 | 2855)
A, B, RELAY = "msrp://a.example:1/aa;tcp", "msrp://b.example:2/bb;tcp", "msrp://r.example:3/rr;tcp"


def message(
    what: str, headers: str = "", body: str | None = None, to: str = B, source: str = A, flag: str = "$"
) -> bytes:
    content = "" if body is None else f"Content-Type: text/plain\r\n\r\n{body}\r\n"
    return (
        f"MSRP tid1 {what}\r\nTo-Path: {to}\r\nFrom-Path: {source}\r\n{headers}{content}-------tid1{flag}\r\n".encode()
    )


def exchange() -> tuple[Connection, MsrpExchange]:
    connection = Connection(FLOW, Flow(*FLOW.reverse_key()), 0, 0)
    return connection, MsrpExchange(connection)


MESSAGES = [
    message("200 OK"),
    message("481 No such session"),
    message("SEND", "Message-ID: m1\r\n"),
    message("SEND", "Message-ID: m2\r\nByte-Range: 1-5/5\r\n", "Hello"),
    message("SEND", "Message-ID: m2\r\nByte-Range: 1-5/5\r\n", "Hello", f"{RELAY} {B}"),
    message("SEND", "Message-ID: m3\r\nByte-Range: 1-3/6\r\n", "abc", flag="+"),
    message("SEND", "Message-ID: m3\r\nByte-Range: 4-6/6\r\n", "def"),
    message("SEND", "Message-ID: m3\r\nByte-Range: 1-6/6\r\n", "abcdef"),
    message("REPORT", "Message-ID: m2\r\nByte-Range: 1-5/5\r\nStatus: 000 200 OK\r\n"),
    message("REPORT", "Message-ID: m2\r\nByte-Range: 1-5/5\r\nStatus: 000 408\r\n"),
    message("REPORT", "Message-ID: m2\r\n"),
    message("NICKNAME", 'Use-Nickname: "x"\r\n'),
    message("AUTH"),
]
MESSAGES += [
    each.replace(A.encode(), b"?").replace(B.encode(), A.encode()).replace(b"?", B.encode()) for each in MESSAGES
]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(MESSAGES), st.integers(0, 1)), max_size=12))
def test_both_ways_give_the_same(said: list[tuple[bytes, int]]) -> None:
    whole, by_message = exchange()
    quick, by_glance = exchange()
    for time, (data, direction) in enumerate(said):
        by_message.add(decode_msrp(data), direction, time, (time,))
        glance = glance_msrp(data)
        if glance is None:
            by_glance.add(decode_msrp(data), direction, time, (time,))
        else:
            by_glance.add_glance(glance, direction, time, (time,))
    assert quick.rows == whole.rows
    assert quick.sessions == whole.sessions


def test_rows_and_figures() -> None:
    connection, follows = exchange()
    for time, data in enumerate((MESSAGES[3], message("200 OK", to=A, source=B), MESSAGES[9], MESSAGES[11])):
        glance = glance_msrp(data)
        assert glance is not None
        follows.add_glance(glance, time % 2 if time < 2 else 0, time, (time + 1,))
    assert connection.rows == [
        (0, (1,), 0, "msrp", "SEND m2 text/plain 5 octets", 0),
        (1, (2,), 1, "msrp", "200 OK", 0),
        (2, (3,), 0, "msrp", "REPORT m2 408", 0),
        (3, (4,), 0, "msrp", "NICKNAME", 0),
    ]
    (session,) = connection.sessions
    assert session.to_wire()[:9] == ("aa", "bb", 3, 1, 1, 1, 1, 1, 5)
