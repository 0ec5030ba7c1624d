"""decode_msrp and encode_msrp against the examples of the RFCs, and both readers against each other."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.errors import DecodeError
from dissectors.msrp import codec
from dissectors.msrp.codec import decode_msrp, encode_msrp
from dissectors.msrp.message import ByteRange, ReportStatus, parse_byte_range


def wire(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


ALICE = "msrp://alicepc.example.com:7777/iau39soe2843z;tcp"
BOB = "msrp://bob.example.com:8888/9di4eae923wzd;tcp"

# (where, octets, what must be read)
EXAMPLES: list[tuple[str, bytes, dict[str, object]]] = [
    (
        "RFC 4975 section 4: SEND; its Byte-Range counts two octets too many",
        wire(
            "MSRP a786hjs2 SEND\nTo-Path: msrp://biloxi.example.com:12763/kjhd37s2s20w2a;tcp\n"
            "From-Path: msrp://atlanta.example.com:7654/jshA7weztas;tcp\nMessage-ID: 87652491\nByte-Range: 1-25/25\n"
            "Content-Type: text/plain\n\nHey Bob, are you there?\n-------a786hjs2$\n"
        ),
        {
            "is_request": True,
            "transaction_id": "a786hjs2",
            "method": "SEND",
            "status": 0,
            "to_path": "msrp://biloxi.example.com:12763/kjhd37s2s20w2a;tcp",
            "from_path": "msrp://atlanta.example.com:7654/jshA7weztas;tcp",
            "message_id": "87652491",
            "byte_range": ByteRange(1, 25, 25),
            "content_type": "text/plain",
            "body": b"Hey Bob, are you there?",
            "body_size": 23,
            "flag": "$",
            "is_complete": True,
        },
    ),
    (
        "RFC 4975 section 4: response without further headers",
        wire(
            "MSRP a786hjs2 200 OK\nTo-Path: msrp://atlanta.example.com:7654/jshA7weztas;tcp\n"
            "From-Path: msrp://biloxi.example.com:12763/kjhd37s2s20w2a;tcp\n-------a786hjs2$\n"
        ),
        {
            "is_request": False,
            "method": "",
            "status": 200,
            "comment": "OK",
            "message_id": "",
            "byte_range": None,
            "body": None,
            "body_size": 0,
            "body_kept": True,
        },
    ),
    (
        "RFC 4975 section 5.1: first of two chunks",
        wire(
            f"MSRP dkei38sd SEND\nTo-Path: {BOB}\nFrom-Path: {ALICE}\nMessage-ID: 4564dpWd\nByte-Range: 1-*/8\n"
            "Content-Type: text/plain\n\nabcd\n-------dkei38sd+\n"
        ),
        {"byte_range": ByteRange(1, None, 8), "body": b"abcd", "flag": "+", "is_complete": False},
    ),
    (
        "RFC 4975 section 5.1: second of two chunks",
        wire(
            f"MSRP dkei38ia SEND\nTo-Path: {BOB}\nFrom-Path: {ALICE}\nMessage-ID: 4564dpWd\nByte-Range: 5-8/8\n"
            "Content-Type: text/plain\n\nEFGH\n-------dkei38ia$\n"
        ),
        {"byte_range": ByteRange(5, 8, 8), "body": b"EFGH", "flag": "$", "is_complete": False},
    ),
    (
        "RFC 4975 section 11, content shortened: line ends inside the content, reports asked for",
        wire(
            f"MSRP d93kswow SEND\nTo-Path: {BOB}\nFrom-Path: {ALICE}\nMessage-ID: 12339sdqwer\nByte-Range: 1-106/106\n"
            "Success-Report: yes\nFailure-Report: no\nContent-Type: text/html\n\n"
            '<html><body>\n<p>Here is that important link...\n<a href="http://www.example.com/foobar">foobar</a>\n</p>\n'
            "</body></html>\n-------d93kswow$\n"
        ),
        {"success_report": "yes", "failure_report": "no", "content_type": "text/html", "body_size": 121},
    ),
    (
        "RFC 4975 section 11: REPORT",
        wire(
            f"MSRP dkei38sd REPORT\nTo-Path: {ALICE}\nFrom-Path: {BOB}\nMessage-ID: 12339sdqwer\n"
            "Byte-Range: 1-106/106\nStatus: 000 200 OK\n-------dkei38sd$\n"
        ),
        {"method": "REPORT", "report_status": ReportStatus("000", 200, "OK"), "content_type": "", "body": None},
    ),
    (
        "RFC 4975 section 7.1: SEND without content, to bind the connection",
        wire(f"MSRP 5dg6 SEND\nTo-Path: {BOB}\nFrom-Path: {ALICE}\nMessage-ID: 12\n-------5dg6$\n"),
        {"method": "SEND", "body": None, "body_size": 0, "content_type": "", "is_complete": True},
    ),
    (
        "RFC 4975 section 7.1: empty content is not no content",
        wire(
            f"MSRP 5dg7 SEND\nTo-Path: {BOB}\nFrom-Path: {ALICE}\nMessage-ID: 13\nByte-Range: 1-0/0\n"
            "Content-Type: text/plain\n\n\n-------5dg7$\n"
        ),
        {"body": b"", "body_size": 0, "byte_range": ByteRange(1, 0, 0)},
    ),
    (
        "RFC 4975 section 7.3.1: a sender that aborts",
        wire(f"MSRP 5dg8 SEND\nTo-Path: {BOB}\nFrom-Path: {ALICE}\nContent-Type: a/b\n\nabc\n-------5dg8#\n"),
        {"flag": "#", "body": b"abc"},
    ),
    (
        "content that looks like an end-line, its own transaction id included (RFC 4975 section 9)",
        wire(
            f"MSRP 5dg9 SEND\nTo-Path: {BOB}\nFrom-Path: {ALICE}\nContent-Type: text/plain\n\n"
            "-------5dg8$\n-------5dg9!\n------5dg9$\n-------5dg9$x\n-------5dg9\n-------5dg9$\n"
        ),
        {"body": b"-------5dg8$\r\n-------5dg9!\r\n------5dg9$\r\n-------5dg9$x\r\n-------5dg9", "flag": "$"},
    ),
    (
        "RFC 4976: AUTH to a relay, a To-Path without session-id",
        wire(
            "MSRP 49fh AUTH\nTo-Path: msrps://alice@intra.example.com;tcp\n"
            "From-Path: msrps://alice.example.com:9892/98cjs;tcp\n-------49fh$\n"
        ),
        {"method": "AUTH", "to_path": "msrps://alice@intra.example.com;tcp"},
    ),
    (
        "RFC 4976: challenge",
        wire(
            "MSRP 49fh 401 Unauthorized\nTo-Path: msrps://alice.example.com:9892/98cjs;tcp\n"
            "From-Path: msrps://alice@intra.example.com;tcp\n"
            'WWW-Authenticate: Digest realm="intra.example.com", qop="auth", '
            'nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"\n'
            "-------49fh$\n"
        ),
        {"status": 401, "comment": "Unauthorized"},
    ),
    (
        "RFC 4976: a SEND through two relays keeps its path as text",
        wire(
            f"MSRP 6aef SEND\nTo-Path: msrps://r1.example:9000/aa;tcp msrps://r2.example:9001/bb;tcp {BOB}\n"
            f"From-Path: {ALICE}\nMessage-ID: 87652\nContent-Type: text/plain\n\nHi Bob\n-------6aef$\n"
        ),
        {"to_path": f"msrps://r1.example:9000/aa;tcp msrps://r2.example:9001/bb;tcp {BOB}"},
    ),
    (
        "RFC 7701: NICKNAME",
        wire(
            "MSRP d93kswow NICKNAME\nTo-Path: msrp://chat.example.com:12763/kjhd37s2s20w2a;tcp\n"
            'From-Path: msrp://client.atlanta.example.com:7654/jshA7weztas;tcp\nUse-Nickname: "Alice the great"\n'
            "-------d93kswow$\n"
        ),
        {"method": "NICKNAME"},
    ),
    (
        "RFC 7701: a nickname that is taken",
        wire(f"MSRP d93kswow 425 Nickname reserved\nTo-Path: {ALICE}\nFrom-Path: {BOB}\n-------d93kswow$\n"),
        {"status": 425, "comment": "Nickname reserved"},
    ),
    (
        "any other method, a response without comment, and headers in another order and spelling are taken",
        wire(
            f"MSRP x PING\nfrom-path:{ALICE}\nX:1\nTO-PATH: \t{BOB} \nContent-Type: a/b\n"
            "Message-ID: 7\n\nhi\n-------x$\n"
        ),
        {"method": "PING", "to_path": BOB, "from_path": ALICE, "message_id": "7", "content_type": "a/b", "body": b"hi"},
    ),
    (
        "a response without a comment",
        wire(f"MSRP a-b.c+d%e=f 200\nTo-Path: {ALICE}\nFrom-Path: {BOB}\n-------a-b.c+d%e=f$\n"),
        {"transaction_id": "a-b.c+d%e=f", "status": 200, "comment": ""},
    ),
    (
        "of a header that stands there twice the first counts; an unreadable Byte-Range is no range",
        wire(
            f"MSRP abcd SEND\nTo-Path: {BOB}\nFrom-Path: {ALICE}\nMessage-ID: 1\nMessage-ID: 2\n"
            "Byte-Range: 1-\n-------abcd$\n"
        ),
        {"message_id": "1", "byte_range": None},
    ),
    (
        "the CRLF of empty content left out",
        wire(f"MSRP abcd SEND\nTo-Path: {BOB}\nFrom-Path: {ALICE}\nContent-Type: a/b\n\n-------abcd$\n"),
        {"body": b"", "body_size": 0},
    ),
    (
        "an empty line without content",
        wire(f"MSRP abcd SEND\nTo-Path: {BOB}\nFrom-Path: {ALICE}\nMessage-ID: 1\n\n-------abcd$\n"),
        {"body": None, "body_size": 0},
    ),
    (
        "content without a Content-Type",
        wire(f"MSRP abcd SEND\nTo-Path: {BOB}\nFrom-Path: {ALICE}\n\nabc\n-------abcd$\n"),
        {"body": b"abc", "content_type": ""},
    ),
    (
        "octets that are no UTF-8 survive",
        b"MSRP abcd SEND\r\nTo-Path: a\r\nFrom-Path: b\r\nX: \xff\xc3\xa9\r\n-------abcd$\r\n",
        {"headers": [("To-Path", "a"), ("From-Path", "b"), ("X", "\udcff\u00e9")]},
    ),
]


@pytest.mark.parametrize(("data", "wanted"), [case[1:] for case in EXAMPLES], ids=[case[0] for case in EXAMPLES])
def test_decode(data: bytes, wanted: dict[str, object]) -> None:
    message = decode_msrp(data)
    assert {name: getattr(message, name) for name in wanted} == wanted
    assert encode_msrp(message) == data


@pytest.mark.parametrize("data", [case[1] for case in EXAMPLES], ids=[case[0] for case in EXAMPLES])
def test_both_readers_agree(data: bytes) -> None:
    slow, end = codec._decode_any(data)
    quick = codec.match_usual(data, data.decode("latin-1"), 0, len(data))
    assert quick in (None, (slow, end))


def test_the_usual_spelling_is_read_quickly() -> None:
    usual = [case for case in EXAMPLES if case[0].startswith("RFC")]
    assert all(codec.match_usual(case[1], case[1].decode("latin-1"), 0, 1000) for case in usual)


HEADERS = [
    b"Message-ID: a",
    b"message-id: b",
    b"Message-ID:c",
    b"Byte-Range: 1-2/3",
    b"Byte-Range: 1-*/*",
    b"Byte-Range: x-2/3",
]
HEADERS += [
    b"Success-Report: yes",
    b"Failure-Report: partial",
    b"Failure-Report: ",
    b"Status: 000 200",
    b"X-A: b  c ",
    b"Y:",
]
HEADERS += [
    b"Content-Type: text/plain",
    b"Content-Type:  a/b",
    b'Use-Nickname: "\xc3\xa9"',
    b"To-Path: q",
    b"-------abcd: 1",
]
HEADERS += [b"X: a\nb", b"no colon", b"-------abce$", b"Message-ID: d e", b"\xff: 1", b": 1", b"Content-Type: "]


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([b"SEND", b"200 OK", b"200", b"200 ", b"999 a  b ", b"X", b"send", b"20 OK", b"SEND "]),
    st.lists(st.sampled_from(HEADERS), max_size=5),
    st.sampled_from([b"", b"\r\n", b"\r\n\r\n", b"\r\nbody\r\n", b"\r\n-------abcd$\r\n", b"\r\n\r\n-------abcd-\r\n"]),
    st.sampled_from([b"-------abcd$\r\n", b"-------abcd+\r\n", b"-------abcd$", b"-------abcd?\r\n"]),
)
def test_both_readers_agree_on_any_head(what: bytes, headers: list[bytes], body: bytes, end: bytes) -> None:
    lines = [
        b"MSRP abcd " + what,
        b"To-Path: msrp://a:1/b;tcp msrp://c:2/d;tcp",
        b"From-Path: msrp://e:3/f;tcp",
        *headers,
    ]
    data = b"\r\n".join(lines) + b"\r\n" + body + end
    quick = codec.match_usual(data, data.decode("latin-1"), 0, len(data))
    try:
        slow = codec._decode_any(data)
    except DecodeError:
        assert quick is None
        return
    assert quick in (None, slow)
    if quick:
        assert quick[0].headers == slow[0].headers
    assert encode_msrp(slow[0]) == data[: slow[1]]


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=200)
    | st.tuples(st.sampled_from(EXAMPLES), st.integers(0, 300), st.binary(max_size=4)).map(
        lambda t: t[0][1][: t[1]] + t[2] + t[0][1][t[1] + 1 :]
    )
)
def test_any_octets_give_a_message_or_the_error(data: bytes) -> None:
    try:
        message = decode_msrp(data)
    except DecodeError:
        return
    assert encode_msrp(message) == data
    assert message.header("To-Path") in (message.to_path, None)


@pytest.mark.parametrize(
    ("data", "what", "offset"),
    [
        (b"", "MSRP start line", 0),
        (b"SIP/2.0 200 OK\r\n", "MSRP start line", 0),
        (b"MSRP abcd SEND extra\r\n-------abcd$\r\n", "MSRP start line", 0),
        (b"MSRP abcd SEND\r\nTo-Path: a\r\n", "MSRP message", 28),
        (b"MSRP abcd SEND\r\nTo-Path: a\r\nbad\r\n-------abcd$\r\n", "MSRP header", 28),
        (b"MSRP abcd SEND\r\nbad\r\n-------abcd$\r\n", "MSRP header", 16),
        (b"MSRP abcd SEND\r\nbad: \xc3\xa9\r\nbad\r\n-------abcd$\r\n", "MSRP header", 25),
        (b"MSRP abcd SEND\r\n-------abcd$\r\nx", "MSRP message", 30),
    ],
)
def test_errors_say_where(data: bytes, what: str, offset: int) -> None:
    with pytest.raises(DecodeError) as caught:
        decode_msrp(data)
    assert (caught.value.what, caught.value.offset) == (what, offset)


def test_headers_keep_order_and_spelling() -> None:
    message = decode_msrp(EXAMPLES[15][1])
    assert [name for name, _ in message.headers] == ["from-path", "X", "TO-PATH", "Content-Type", "Message-ID"]
    assert (message.header("x"), message.header("nothing")) == ("1", None)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1-25/25", ByteRange(1, 25, 25)),
        ("1-*/*", ByteRange(1, None, None)),
        ("0-0/0", ByteRange(0, 0, 0)),
        ("1-2", None),
        ("-1-2/3", None),
        ("1-2/3 ", None),
        ("1-99999999999999999999/3", None),
        ("", None),
    ],
)
def test_byte_range(text: str, wanted: ByteRange | None) -> None:
    """RFC 4975 section 9: byte-range."""
    assert parse_byte_range(text) == wanted
    assert wanted is None or str(wanted) == text


def test_hostile_heads_are_linear() -> None:
    """A megabyte that almost matches is given up in well under a second."""
    start = b"MSRP abcd SEND\r\nTo-Path: "
    for filler in (b"a ", b"a" * 50 + b"\r\nX: ", b"\r\n-------abcd", b"\r\nStatus: 1"):
        data = start + filler * (1_000_000 // len(filler))
        with pytest.raises(DecodeError):
            decode_msrp(data)
