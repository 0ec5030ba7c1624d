"""New MSRP messages (RFC 4975 sections 7.1 and 7.2)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.msrp import ByteRange, build_request, build_response, decode_msrp, encode_msrp, pick_transaction_id
from dissectors.msrp.build import replace_headers

TO, FROM = "msrp://r.example:1/r;tcp msrp://b.example:2/b;tcp", "msrp://q.example:3/q;tcp msrp://a.example:4/a;tcp"


def test_request_octets() -> None:
    message = build_request(
        "SEND",
        TO,
        FROM,
        transaction_id="d93kswow",
        message_id="12",
        byte_range=ByteRange(1, 3, 3),
        success_report="yes",
        failure_report="no",
        headers=[("X-New", "1")],
        content_type="text/plain",
        body=b"abc",
    )
    assert (
        encode_msrp(message)
        == (
            f"MSRP d93kswow SEND\r\nTo-Path: {TO}\r\nFrom-Path: {FROM}\r\nMessage-ID: 12\r\nByte-Range: 1-3/3\r\n"
            "Success-Report: yes\r\nFailure-Report: no\r\nX-New: 1\r\nContent-Type: text/plain\r\n\r\nabc\r\n"
            "-------d93kswow$\r\n"
        ).encode()
    )


def test_drawn_transaction_id() -> None:
    """RFC 4975 section 7.1: at least 64 bits of randomness."""
    message = build_request("AUTH", TO, FROM)
    assert len(message.transaction_id) == 16
    assert encode_msrp(message).endswith(f"\r\n-------{message.transaction_id}$\r\n".encode())


def test_transaction_id_must_not_end_the_body() -> None:
    """RFC 4975 section 7.1: the end-line must not occur in the body; another id is drawn."""
    ids = iter(["aaaa", "bbbb"])
    assert pick_transaction_id(b"x-------aaaa", lambda: next(ids)) == "bbbb"
    with pytest.raises(ValueError, match="occurs in the body"):
        pick_transaction_id(b"-------aaaa", lambda: "aaaa")
    with pytest.raises(ValueError, match="occurs in the body"):
        build_request("SEND", TO, FROM, transaction_id="aaaa", content_type="a/b", body=b"\r\n-------aaaa$\r\n")


@pytest.mark.parametrize(
    ("method", "to_path"), [("SEND", "msrp://q.example:3/q;tcp"), ("NICKNAME", FROM), ("AUTH", FROM)]
)
def test_response_goes_to_the_previous_hop(method: str, to_path: str) -> None:
    """RFC 4975 section 7.2: after SEND the first URI of the From-Path only."""
    response = build_response(build_request(method, TO, FROM, transaction_id="abcd"), 200, "OK")
    assert (
        encode_msrp(response)
        == (
            f"MSRP abcd 200 OK\r\nTo-Path: {to_path}\r\nFrom-Path: msrp://r.example:1/r;tcp\r\n-------abcd$\r\n"
        ).encode()
    )
    assert (response.status, response.flag) == (200, "$")


def test_replaced_headers_leave_the_rest() -> None:
    data = b"MSRP abcd SEND\r\nTo-Path: a\r\nFrom-Path: b\r\nX-New: \xff\r\n"
    data += b"Content-Type: a/b\r\n\r\nbody\r\n-------abcd+\r\n"
    message = replace_headers(decode_msrp(data), {"to-path": "c d"}, transaction_id="efgh")
    assert encode_msrp(message) == data.replace(b"To-Path: a", b"To-Path: c d").replace(b"abcd", b"efgh")
    with pytest.raises(ValueError, match="no header message-id"):
        replace_headers(message, {"Message-ID": "1"})


@pytest.mark.parametrize(
    "change",
    [
        {"method": "200"},
        {"method": "SE ND"},
        {"transaction_id": "a b"},
        {"flag": "?"},
        {"message_id": "x\r\nX: y"},
        {"headers": [("X Y", "z")]},
        {"headers": [("X", " z")]},
        {"body": b"x"},
        {"content_type": "a/b"},
    ],
)
def test_what_would_be_read_as_something_else_is_refused(change: dict[str, object]) -> None:
    arguments: dict[str, object] = {
        "method": "SEND",
        "to_path": TO,
        "from_path": FROM,
        "transaction_id": "abcd",
        **change,
    }
    with pytest.raises(ValueError):  # noqa: PT011
        build_request(**arguments)  # type: ignore[arg-type]


def test_a_counted_body_cannot_be_encoded() -> None:
    message = build_request("SEND", TO, FROM, content_type="a/b", body=b"abc")
    message.body, message.body_kept = None, False
    with pytest.raises(ValueError, match="not kept"):
        encode_msrp(message)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(["SEND", "REPORT", "X-Y"]),
    st.none() | st.binary(max_size=60),
    st.sampled_from("$+#"),
    st.lists(
        st.tuples(st.sampled_from(["X", "Status"]), st.text(st.characters(codec="utf-8"), max_size=10)), max_size=3
    ),
)
def test_built_is_what_is_decoded(method: str, body: bytes | None, flag: str, headers: list[tuple[str, str]]) -> None:
    headers = [(name, value.replace("\r\n", "").strip(" \t")) for name, value in headers]
    kind = "" if body is None else "a/b"
    message = build_request(method, TO, FROM, headers=headers, content_type=kind, body=body, flag=flag)
    assert (message.method, message.body, message.flag) == (method, body, flag)
    assert message.headers[2 : 2 + len(headers)] == headers
    assert decode_msrp(encode_msrp(message)) == message
