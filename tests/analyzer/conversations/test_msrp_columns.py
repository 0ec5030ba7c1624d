"""What `scan_msrp` finds in segments is what the complete reader finds there, and it says nothing when in doubt."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.conversations.msrp_columns import Scan, scan_msrp
from dissectors.msrp import MsrpMessage, MsrpStream

PATHS = "To-Path: msrp://b.example:8888/9di4;tcp\r\nFrom-Path: msrp://a.example:7777/iau3;tcp\r\n"
FIELDS = "Message-ID: m1234\r\nByte-Range: 1-5/5\r\nContent-Type: text/plain\r\n\r\n"
CPIM = "From: <sip:a@x>\r\n\r\nContent-Type: text/html\r\n\r\nabc"


def message(
    what: str = "SEND", fields: str = FIELDS, body: str | None = "Hello\r\n", flag: str = "$", tid: str = "d93kswow"
) -> bytes:
    """A SEND request, or a response when there is no body."""
    fields = fields if body is not None else ""
    return f"MSRP {tid} {what}\r\n{PATHS}{fields}{body or ''}-------{tid}{flag}\r\n".encode("latin-1")


OK = message("200 OK", body=None)
SEND = message()


def scan(segments: list[bytes]) -> Scan:
    """Segments with foreign octets between them."""
    data, starts, ends = b"", [], []
    for number, segment in enumerate(segments):
        data += bytes((13, 10, number & 255))
        starts.append(len(data))
        data += segment
        ends.append(len(data))
    numbers = np.arange(len(segments))
    return scan_msrp(data + bytes(70), np.array(starts), np.array(ends), numbers & 1, numbers * 10, numbers + 1)


def said(found: Scan, number: int) -> tuple[object, ...]:
    """What a scan says of a message, in the words of `facts`."""
    fields = found.fields[number]
    head, transaction_id = found.heads[number].decode(), found.transaction_ids[number]
    if fields is None:
        return head, transaction_id
    message_id, asks, span, content_type, _, body, size = fields
    return head, transaction_id, message_id, asks, span, content_type, found.data[body : body + size]


def facts(decoded: MsrpMessage) -> tuple[object, ...]:
    what = decoded.method or f"{decoded.status} {decoded.comment}"
    head = f" {what}\r\nTo-Path: {decoded.to_path}\r\nFrom-Path: {decoded.from_path}\r\n"
    if not decoded.is_request:
        return head, decoded.transaction_id
    span = (decoded.header("Byte-Range") or "").removeprefix("1-")
    asks = decoded.success_report == "yes"
    return head, decoded.transaction_id, decoded.message_id, asks, span, decoded.content_type, decoded.body


HEADS = {f" {what}\r\n{PATHS}".encode() for what in ("SEND", "200 OK")}


def known(found: Scan, number: int) -> bool:
    """Are the values such as a caller takes, who has met them before or can compute them?"""
    fields = found.fields[number]
    if fields is None:
        return found.heads[number] in HEADS
    _, _, span, content_type, _, _, size = fields
    spans = ("", f"{size}/{size}", f"*/{size}", "*/*")
    good = content_type.isascii() and content_type.isprintable() and content_type == content_type.strip()
    return found.heads[number] in HEADS and span in spans and good and content_type != ""


def agrees(segments: list[bytes]) -> int:
    """Hold each segment that is usual against the complete reader; returns how many messages that were."""
    found = scan(segments)
    assert len(found.before) == len(segments) + 1
    for number, segment in enumerate(segments):
        first, last = found.before[number], found.before[number + 1]
        if first == last or not all(known(found, each) for each in range(first, last)):
            continue
        stream = MsrpStream()
        framed = stream.receive_data(segment)
        assert stream.is_idle
        assert [each.message and facts(each.message) for each in framed] == [
            said(found, each) for each in range(first, last)
        ]
        assert all(each.message and each.message.flag == "$" for each in framed)
        assert [found.start[each] - found.start[first] for each in range(first, last)] == [
            each.start for each in framed
        ]
        assert {found.segment[each] for each in range(first, last)} == {number}
        assert found.frame[first] == number + 1
    return len(found.heads)


def test_facts() -> None:
    asked = FIELDS.replace("Byte", "Success-Report: yes\r\nByte")
    bare = "Message-ID: m1234\r\nContent-Type: message/cpim\r\n\r\n"
    empty = FIELDS.replace("1-5/5", "1-0/0")
    segments = [SEND, OK, message(fields=asked), message(fields=bare, body=CPIM + "\r\n"), OK + SEND + OK, b""]
    segments.append(message(fields=empty, body="\r\n"))
    assert agrees(segments) == 8
    found = scan(segments)
    assert found.before == [0, 1, 2, 3, 4, 7, 7, 8]
    assert found.side == [0, 1, 0, 1, 0, 0, 0, 0]
    assert found.time == [0, 10, 20, 30, 40, 40, 40, 60]
    asks = found.fields[2]
    assert asks is not None
    assert asks[1:4] == (True, "5/5", "text/plain")
    cpim = found.fields[3]
    assert cpim is not None
    assert cpim[2:5:2] == ("", b"text/html")
    assert found.until == [7] * 7


DOUBTS = {
    "not all there": SEND[:-1],
    "starts late": SEND[1:],
    "octets behind": SEND + b"x\r\n",
    "another response": message("481 No such session", body=None),
    "another method": message("REPORT"),
    "a chunk": message(flag="+"),
    "given up": message(flag="#"),
    "not the first chunk": message(fields=FIELDS.replace("1-5/5", "3-7/9")),
    "another field": message(fields="X: y\r\n" + FIELDS),
    "other order": message(fields="Byte-Range: 1-5/5\r\nMessage-ID: m1234\r\nContent-Type: a/b\r\n\r\n"),
    "no Message-ID": message(fields="Content-Type: text/plain\r\n\r\n"),
    "Message-ID is no ident": message(fields=FIELDS.replace("m1234", "m 1")),
    "Message-ID too short": message(fields=FIELDS.replace("m1234", "m12")),
    "transaction id too short": message(tid="abc"),
    "transaction id too long": message(tid="a" * 33),
    "transaction id with other octets": message(tid="abc\xe9f"),
    "end-line at once": message(body=""),
    "a line of hyphens in the body": message(body="a\r\n-------\r\nb\r\n"),
    "the end-line in the body": message(body="a\r\n-------d93kswow$\r\n\r\n"),
    "another transaction id at the end": SEND.replace(b"-------d93kswow", b"-------d93kswox"),
    "a lone LF in the head": SEND.replace(b"\r\nMessage", b"\nMessage"),
    "a lone LF before the end-line": message(body="Hello\n"),
    "no report": message(fields=FIELDS.replace("Byte", "Success-Report: no\r\nByte")),
    "two to one": SEND + b"MSRP d93kswow SEND\r\n" + SEND,
}


@pytest.mark.parametrize("name", DOUBTS)
def test_in_doubt_nothing(name: str) -> None:
    found = scan([OK, DOUBTS[name], SEND])
    assert found.before == [0, 1, 1, 2]
    assert found.until == [1, 1, 3]


def test_a_message_start_in_the_body_is_left_to_the_complete_reader() -> None:
    assert scan([message(body="MSRP in a line\r\n")]).heads == []


PIECES = [
    *(SEND, OK, message(body="\r\n\r\n\r\n"), message(body=CPIM + "\r\n"), message(fields=FIELDS, body="\n\r\n")),
    *(b"\r\n", b"MSRP ", b"-------", b"-------d93kswow$\r\n", b"\r\nMSRP d93kswow SEND\r\n", b"\xff", b"Message-ID: "),
    *DOUBTS.values(),
]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(PIECES), max_size=3).map(b"".join), max_size=6),
    st.lists(st.tuples(st.integers(0, 2000), st.binary(max_size=3)), max_size=3),
)
def test_the_complete_reader_agrees(segments: list[bytes], changes: list[tuple[int, bytes]]) -> None:
    for place, octets in changes:
        if segments:
            segment = segments[place % len(segments)]
            at = place % (len(segment) + 1)
            segments[place % len(segments)] = segment[:at] + octets + segment[at + 1 :]
    agrees(segments)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(SEND + OK)), st.binary(min_size=1, max_size=2), st.booleans())
def test_one_change_in_usual_messages(at: int, octets: bytes, inserted: bool) -> None:
    data = SEND + OK
    agrees([data[:at] + octets + data[at if inserted else at + len(octets) :], data])
