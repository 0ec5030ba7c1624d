"""SIP on streams: RFC 3261 sections 7.5 and 18.3, RFC 5626 section 3.5.1, gaps and garbage."""

from __future__ import annotations

import random
import time
from itertools import pairwise

import pytest

from dissectors.framing import Framed
from dissectors.sip import SipMessage, SipStream

INVITE = (
    b"INVITE sip:b@example.net SIP/2.0\r\nVia: SIP/2.0/TCP a;branch=z9hG4bK1\r\nTo: <sip:b@example.net>\r\n"
    b"From: <sip:a@example.net>;tag=1\r\nCall-ID: c1\r\nCSeq: 1 INVITE\r\nContent-Length: 4\r\n\r\nbo\r\n"
)
OK = INVITE.replace(b"INVITE sip:b@example.net SIP/2.0", b"SIP/2.0 200 OK").replace(b"4\r\n\r\nbo\r\n", b"0\r\n\r\n")
NO_LENGTH = OK.replace(b"Content-Length: 0\r\n", b"")
COMPACT = INVITE.replace(b"Content-Length: ", b"l :\r\n ")
NO_CALL_ID = INVITE.replace(b"Call-ID: c1\r\n", b"")
SIPFRAG = INVITE.replace(b"INVITE", b"NOTIFY").replace(b"4\r\n\r\nbo\r\n", b"20\r\n\r\nSIP/2.0 100 Trying\r\n")
LF = INVITE[:-4].replace(b"\r\n", b"\n") + b"bo\r\n"
BAD_LENGTH = INVITE.replace(b"Length: 4", b"Length: -4")
HUGE = INVITE.replace(b"Length: 4", b"Length: 4000000000")
ENDLESS = b"INVITE sip:b@example.net SIP/2.0\r\n" + b"X: y\r\n" * 400

Seen = tuple[int, int, bytes | None, str]


def seen(items: list[Framed[SipMessage]]) -> list[Seen]:
    return [
        (item.start, item.end, item.message.data if item.message else None, str(item.error) if item.error else "")
        for item in items
    ]


def feed(pieces: list[bytes | int], max_message: int = 2000) -> tuple[list[Seen], int]:
    stream = SipStream(max_message=max_message)
    items: list[Framed[SipMessage]] = []
    for piece in pieces:
        items += stream.receive_gap(piece) if isinstance(piece, int) else stream.receive_data(piece)
    items += stream.receive_eof()
    return seen(items), stream.empty_lines


def octets(data: bytes) -> list[bytes | int]:
    return [data[at : at + 1] for at in range(len(data))]


@pytest.mark.parametrize(
    ("data", "bodies"),
    [
        (INVITE, [b"bo\r\n"]),
        (INVITE + OK + INVITE, [b"bo\r\n", b"", b"bo\r\n"]),
        (COMPACT + LF + OK, [b"bo\r\n", b"bo\r\n", b""]),
        (NO_LENGTH + INVITE, [b"", b"bo\r\n"]),  # section 20.14 demands it on streams; nothing else can be assumed
        (SIPFRAG + OK, [b"SIP/2.0 100 Trying\r\n", b""]),
    ],
)
def test_messages_by_content_length(data: bytes, bodies: list[bytes]) -> None:
    for pieces in ([data], octets(data)):
        items, _ = feed(pieces)
        assert b"".join(item[2] or b"" for item in items) == data
        stream = SipStream()
        assert [item.message.body for item in stream.receive_data(data) if item.message] == bodies


def test_keep_alives() -> None:
    """RFC 5626 section 3.5.1: a ping is two line ends, the pong one."""
    data = b"\r\n\r\n" + INVITE + b"\r\n" + OK + b"\r\n\r\n"
    expected = [(4, 4 + len(INVITE), INVITE, ""), (6 + len(INVITE), 6 + len(INVITE + OK), OK, "")]
    assert feed([data]) == feed(octets(data)) == (expected, 5)


NOT_SIP = "SIP start line at octet 0: no SIP start line here; skipped to the next one"


@pytest.mark.parametrize(
    ("lost", "error"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\nINVITE sip:b@example.net SIP/2.0\r\nno header\r\n", NOT_SIP),
        (b"SIP/2.0 100 Trying\r\n" * 1, "SIP message at octet 0: no Call-ID"),
        (NO_CALL_ID, "SIP message at octet 0: no Call-ID"),
        (b"\x00" * 5000 + b"\n", NOT_SIP),
        (b"x" * 9000 + b"\n", NOT_SIP),
        (BAD_LENGTH, "SIP Content-Length at octet 0: not a number of octets"),
        (HUGE, "SIP message at octet 187: longer than 2000 octets by its Content-Length"),
        (ENDLESS, "SIP message at octet 2000: no empty line within 2000 octets"),
    ],
)
def test_what_is_no_message_is_given_up_and_the_next_found(lost: bytes, error: str) -> None:
    if lost.startswith(b"SIP/2.0 100"):
        lost += b"A: b\r\n\r\n"
    lost += b"" if lost.endswith(b"\n") else b"\r\n"
    data = INVITE + lost + OK
    size = len(INVITE)
    items, _ = feed([data])
    assert items == feed(octets(data))[0]
    assert [item[2] for item in items if item[2]] == [INVITE, OK]
    assert items[1][0] == size
    assert items[1][3] == error
    assert items[-1][:2] == (size + len(lost), len(data))


def test_gap_in_a_message() -> None:
    items, _ = feed([INVITE[:50], 30, INVITE[80:] + OK])
    after = len(INVITE)
    assert items == [
        (0, 50, None, "SIP message at octet 50: octets of the message are lost"),
        (80, after, None, "SIP message at octet 0: its start is lost"),
        (after, after + len(OK), OK, ""),
    ]


def test_gap_between_messages() -> None:
    items, _ = feed([INVITE, 0, OK, 7, INVITE])
    ends = [len(INVITE), len(INVITE + OK), 7 + len(INVITE + OK)]
    assert items == [
        (0, ends[0], INVITE, ""),
        (ends[0], ends[1], OK, ""),
        (ends[2], ends[2] + len(INVITE), INVITE, ""),
    ]


def test_start_line_that_lost_its_beginning() -> None:
    """`VITE` is a method token too (section 25.1), but CSeq tells."""
    error = "SIP start line at octet 0: its beginning is lost"
    assert feed([INVITE[2:] + OK])[0][0][2:] == (None, error)
    assert [item[2:] for item in feed([OK, 2, INVITE[2:], INVITE])[0]] == [(OK, ""), (None, error), (INVITE, "")]


def test_end_of_stream_in_a_message() -> None:
    assert feed([INVITE + INVITE[:-1]])[0][1:] == [
        (
            len(INVITE),
            2 * len(INVITE) - 1,
            None,
            f"SIP message at octet {len(INVITE) - 1}: the stream ends within the message",
        )
    ]
    assert feed([INVITE, 5])[0] == [(0, len(INVITE), INVITE, "")]


PIECES = [
    INVITE, OK, NO_LENGTH, COMPACT, NO_CALL_ID, SIPFRAG, LF, BAD_LENGTH, HUGE, ENDLESS, INVITE[:70], INVITE[70:],
    b"\r\n", b"\r\n\r\n", b"\n", b"SIP/2.0 200 OK\r\n", b"x\r\n", b"y" * 3000, b"\x00",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(60))
def test_pieces_do_not_matter(seed: int) -> None:
    rnd = random.Random(seed)
    data = b"".join(rnd.choices(PIECES, k=rnd.randint(1, 9)))
    whole = feed([data])
    if seed < 12:
        assert feed(octets(data)) == whole
    for _ in range(10):
        cuts = [0, *sorted(rnd.randrange(len(data) + 1) for _ in range(rnd.randint(1, 9))), len(data)]
        assert feed([data[a:b] for a, b in pairwise(cuts)]) == whole
    # Every octet is in an item or an empty line; items do not overlap.
    ends = [0] + [item[1] for item in whole[0]]
    for item, end in zip(whole[0], ends, strict=False):
        assert item[0] >= end
        assert set(data[end : item[0]]) <= set(b"\r\n")


@pytest.mark.parametrize(
    "piece",
    [
        b"INVITE sip:x SIP/2.0\r\nA: b\r\n", b"SIP/2.0 200 OK\n", b"SIP/2.0 200 OK\nA:", b" ", b"\r\n", b"\n\r", b"a",
        b"INVITE sip:x SIP/2.0\r\nA: b\r\nl: 999999999\r\n\r\n", b"A SIP/2.0 ", b"a\n",
    ],
)  # fmt: skip
@pytest.mark.parametrize("size", [100, 1 << 20])
def test_hostile_streams_cost_linear_time(piece: bytes, size: int) -> None:
    data = piece * ((1 << 20) // len(piece))
    stream = SipStream()
    start = time.perf_counter()
    for at in range(0, len(data), size):
        stream.receive_data(data[at : at + size])
        assert len(stream._buffer) <= stream.max_message + size
    assert time.perf_counter() - start < 3
