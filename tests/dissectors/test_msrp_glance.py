"""What `glance_msrp` says of a message is what the complete reader says, and it says nothing when in doubt."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.msrp import Glance, MsrpMessage, MsrpStream, glance_msrp

PATHS = "To-Path: msrp://b.example:8888/9di4;tcp\r\nFrom-Path: msrp://a.example:7777/iau3;tcp\r\n"
TEXT = "Content-Type: text/plain\r\n\r\n"


def octets(what: str, headers: str = "", rest: str = "-------d93kswow$\r\n", paths: str = PATHS) -> bytes:
    return f"MSRP d93kswow {what}\r\n{paths}{headers}{rest}".encode("latin-1")


def facts(message: MsrpMessage) -> Glance:
    """The same from a decoded message."""
    paths = f"To-Path: {message.to_path}\r\nFrom-Path: {message.from_path}\r\n"
    if not message.is_request:
        what = f"{message.status} {message.comment}".rstrip()
        return what, paths, message.message_id, "", message.content_type, message.body_size
    report = message.report_status
    code = "" if report is None else f"{report.code:03}"
    return message.method, paths, message.message_id, code, message.content_type, message.body_size


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        pytest.param(octets("200 OK"), ("200 OK", PATHS, "", "", "", 0), id="response (RFC 4975 section 7.2)"),
        pytest.param(octets("481"), ("481", PATHS, "", "", "", 0), id="response without comment"),
        pytest.param(
            octets("SEND", "Message-ID: 1a\r\nByte-Range: 1-5/5\r\n" + TEXT, "Hello\r\n-------d93kswow$\r\n"),
            ("SEND", PATHS, "1a", "", "text/plain", 5),
            id="SEND (RFC 4975 section 7.1)",
        ),
        pytest.param(
            octets("SEND", "Message-ID: 1a\r\n" + TEXT, "\r\n-------d93kswow$\r\n"),
            ("SEND", PATHS, "1a", "", "text/plain", 0),
            id="empty body",
        ),
        pytest.param(
            octets("SEND", "Message-ID: 1a\r\n" + TEXT, "\xfc-------d93kswow$\r\n\r\n-------d93kswow$\r\n"),
            ("SEND", PATHS, "1a", "", "text/plain", 19),
            id="a body that holds the end-line without CRLF before it",
        ),
        pytest.param(
            octets("SEND", "Message-ID: 1a\r\n"), ("SEND", PATHS, "1a", "", "", 0), id="no body (RFC 4975 section 5.4)"
        ),
        pytest.param(
            octets("REPORT", "Message-ID: 1a\r\nByte-Range: 1-39/39\r\nStatus: 000 413 Too much\r\n"),
            ("REPORT", PATHS, "1a", "413", "", 0),
            id="REPORT (RFC 4975 section 7.1.2)",
        ),
        pytest.param(
            octets("NICKNAME", 'Use-Nickname: "Alice the great"\r\n'),
            ("NICKNAME", PATHS, "", "", "", 0),
            id="NICKNAME (RFC 7701 section 7.1)",
        ),
    ],
)
def test_facts(data: bytes, wanted: Glance) -> None:
    assert glance_msrp(data) == wanted


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(octets("200 OK")[:-1], id="not all there"),
        pytest.param(octets("200 OK") * 2, id="two messages"),
        pytest.param(octets("200 OK") + b"$\r\n", id="octets behind"),
        pytest.param(octets("SEND", "Message-ID: 1\r\nByte-Range: 3-5/5\r\n" + TEXT, "abc\r\n-------d93kswow$\r\n")),
        pytest.param(octets("SEND", "Message-ID: 1\r\n" + TEXT, "abc\r\n-------d93kswow+\r\n"), id="a chunk"),
        pytest.param(octets("SEND", TEXT, "abc\r\n-------d93kswow$\r\n\r\n-------d93kswow$\r\n"), id="ends before"),
        pytest.param(octets("SEND", TEXT, "abc\r\n-------d93kswow*\r\n-------d93kswow$\r\n"), id="look-alike"),
        pytest.param(octets("SEND", TEXT), id="end-line at once"),
        pytest.param(octets("200 OK", "X: y\r\n"), id="another header"),
        pytest.param(octets("200 OK", paths="to-path: a\r\nFrom-Path: b\r\n"), id="another spelling"),
        pytest.param(octets("200 OK", rest="-------d93kswox$\r\n"), id="another transaction id"),
    ],
)
def test_in_doubt_nothing(data: bytes) -> None:
    assert glance_msrp(data) is None


LINES = [
    *("Message-ID: 1a", "Message-ID:  b", "message-id: c", "Success-Report: yes", "Failure-Report: no"),
    *("Byte-Range: 1-3/3", "Byte-Range: 1-*/*", "Byte-Range: 2-3/3", "Byte-Range: 1-x/3", "Status: 000 200 OK"),
    *(
        "Status: 000 481",
        "Status:  000 200 ",
        "Status: 000 200x",
        'Use-Nickname: "a"',
        "Content-Type: text/plain",
        "X: y",
    ),
]
WHATS = ["SEND", "REPORT", "NICKNAME", "AUTH", "200 OK", "200", "200 ", "481 a  b ", "007 x", "2000", "send", "200OK"]
ENDS = ["", "\r\n", "\r\nabc\r\n", "\r\n\r\n", "\r\n\xe9\r\n-------d93kswow?\r\n", "\r\nabc\r\n-------d93kswow$\r\n"]


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(WHATS),
    st.lists(st.sampled_from(LINES), max_size=5).map(lambda lines: sorted(lines, key=LINES.index))
    | st.permutations(LINES[::3]),
    st.sampled_from(ENDS),
    st.sampled_from("$$$+#"),
    st.sampled_from([PATHS, "To-Path: a\r\nFrom-Path: b  c\r\n", "To-Path: a\r\nFrom-Path: b c\r\n"]),
    st.none() | st.tuples(st.integers(0, 300), st.binary(max_size=3)),
)
def test_the_complete_reader_agrees(
    what: str, lines: list[str], end: str, flag: str, paths: str, change: tuple[int, bytes] | None
) -> None:
    data = octets(what, "".join(f"{line}\r\n" for line in lines), f"{end}-------d93kswow{flag}\r\n", paths)
    if change is not None:
        data = data[: change[0]] + change[1] + data[change[0] + 1 :]
    glance = glance_msrp(data)
    if glance is None:
        return
    (framed,) = MsrpStream().receive_data(data)
    assert (framed.start, framed.end) == (0, len(data))
    message = framed.message
    assert message is not None
    assert message.is_complete
    assert (message.body is None) == (not glance[4])
    what, *others = glance
    code = facts(message)[3] if message.is_request else glance[3]
    assert (what.rstrip(), *others) == (*facts(message)[:3], code, *facts(message)[4:])


def test_a_stream_glances_at_message_boundaries_only() -> None:
    stream = MsrpStream()
    message = octets("200 OK")
    assert stream.receive_glance(message) is not None
    stream.receive_data(message[:40])
    assert stream.receive_glance(message) is None
    (framed,) = stream.receive_data(message[40:])
    assert (framed.start, framed.end) == (len(message), 2 * len(message))
    stream.receive_gap(7)
    assert stream.receive_glance(message) is None
