"""MSRP summed up per session (RFC 4975 section 7): rows, figures and facts. Both ways of reading: `test_msrp_runs`."""

from __future__ import annotations

import pytest

from analyzer.conversations.connection import Connection
from analyzer.conversations.msrp_exchange import MsrpExchange, inner_type
from analyzer.conversations.msrp_facts import LISTED, WayFacts
from analyzer.conversations.msrp_watch import Ending
from analyzer.transport.flow import Flow
from dissectors.msrp import decode_msrp

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


def test_rows_and_figures() -> None:
    connection, follows = exchange()
    for time, data in enumerate((MESSAGES[3], message("200 OK", to=A, source=B), MESSAGES[9], MESSAGES[11])):
        follows.add(decode_msrp(data), time % 2 if time < 2 else 0, time, (time + 1,))
    follows.finish(Ending(4))
    assert connection.rows == [
        (0, (1,), 0, "msrp", "SEND m2 text/plain 5 octets", 0),
        (1, (2,), 1, "msrp", "200 OK (SEND)", 0),
        (2, (3,), 0, "msrp", "REPORT m2 408", 0),
        (3, (4,), 0, "msrp", "NICKNAME", 0),
    ]
    (session,) = connection.sessions
    assert session.to_wire()[:9] == ("aa", "bb", 3, 1, 1, 1, 1, 1, 5)


def test_chunks_count_as_one_message() -> None:
    connection, follows = exchange()
    for time, data in enumerate(MESSAGES[5:7]):
        follows.add(decode_msrp(data), 0, time, (time + 1,))
    follows.finish(Ending(4))
    assert [row[4] for row in connection.rows] == [
        "SEND m3 text/plain octets 1-3/6 +",
        "SEND m3 text/plain octets 4-6/6 $",
    ]
    (session,) = connection.sessions
    assert (session.chunks, session.messages, session.octets) == (2, 1, 6)


def test_facts_of_each_side() -> None:
    connection, follows = exchange()
    inner = "From: <sip:a@x>\r\nTo: <sip:b@x>\r\n\r\nContent-Type: text/plain\r\n\r\nHi"
    cpim = message("SEND", "Message-ID: m4\r\n", inner).replace(b"Type: text/plain", b"Type: message/cpim", 1)
    said = [(MESSAGES[2], 0), (cpim, 0), (MESSAGES[4], 0), (message("200 OK", to=A, source=B), 1), (MESSAGES[3], 0)]
    for frame, (data, direction) in enumerate(said, 1):
        follows.add(decode_msrp(data), direction, frame * 100, (frame,))
    follows.finish(Ending(600))
    client, server = connection.sessions[0].ways
    assert client.request_paths == ((B, 1), (f"{RELAY} {B}", 3))
    assert client.response_paths == ()
    assert client.from_paths == ((A, 1),)
    assert client.content_types == (("message/cpim", 2), ("text/plain", 3))
    assert client.wrapped_types == (("text/plain", 2),)
    assert client.sends == 4
    assert client.first_send == (100, 1)
    assert client.largest == (len(inner), 2)
    assert server == WayFacts(response_paths=((A, 4),))


def test_facts_are_bounded() -> None:
    connection, follows = exchange()
    for number in range(LISTED + 3):
        data = message("SEND", f"Message-ID: m{number}\r\n", "x").replace(b"text/plain", f"text/x{number}".encode())
        follows.add(decode_msrp(data), 0, number, (number + 1,))
    follows.finish(Ending(600))
    client = connection.sessions[0].ways[0]
    assert len(client.content_types) == LISTED
    assert client.unlisted == 3


def test_roles_are_exchanged_with_all_that_was_noted() -> None:
    connection, follows = exchange()
    follows.add(decode_msrp(message("SEND", "Message-ID: 1\r\n", "x")), 0, 5, (1,))
    follows.finish(Ending(600))
    connection.turn()
    (session,) = connection.sessions
    assert (session.client_session_id, session.server_session_id) == ("bb", "aa")
    assert session.ways[1].sends == 1
    assert [each.direction for each in session.observations] == [1]
    assert connection.rows[0][2] == 1
    assert connection.client.sport == 2855


@pytest.mark.parametrize(
    ("body", "found"),
    [
        pytest.param(b"From: a\r\n\r\nContent-Type: text/plain\r\n\r\nx", b"text/plain", id="usual"),
        pytest.param(b"From: a\r\n\r\nContent-ID: 1\r\ncontent-type:text/html\r\n\r\nx", b"text/html", id="not first"),
        pytest.param(b"From: a\r\n\r\nContent-Type: text/plain", b"text/plain", id="no end"),
        pytest.param(b"From: a\r\nContent-Type: text/plain\r\n", b"", id="no empty line"),
        pytest.param(b"From: a\r\n\r\n\r\nContent-Type: text/plain\r\n", b"", id="content without headers"),
        pytest.param(b"From: a\r\n\r\nContent-Type: " + b"x" * 300, b"x" * 256, id="cut"),
    ],
)
def test_inner_type(body: bytes, found: bytes) -> None:
    assert inner_type(b"octets" + body, 6, 6 + len(body)) == found
    assert inner_type(b"octets" + body + b"\r\nContent-Type: a/b", 6, 6 + len(body)) == found
