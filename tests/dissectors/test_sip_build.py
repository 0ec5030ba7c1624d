"""Building SIP messages (RFC 3261 section 7)."""

from __future__ import annotations

import pytest

from dissectors.errors import DecodeError
from dissectors.sip import build_request, build_response, decode_sip, encode_sip

HEADERS = [
    ("Via", "SIP/2.0/TCP a;branch=z9hG4bK1"),
    ("To", "<sip:b@example.net>"),
    ("From", "<sip:a@example.net>;tag=1"),
    ("Call-ID", "c1"),
    ("CSeq", "1 INVITE"),
]
HEAD = b"".join(f"{name}: {value}\r\n".encode() for name, value in HEADERS)


def test_request() -> None:
    message = build_request("INVITE", "sip:b@example.net", HEADERS, b"body")
    assert message.data == b"INVITE sip:b@example.net SIP/2.0\r\n" + HEAD + b"Content-Length: 4\r\n\r\nbody"
    assert decode_sip(encode_sip(message)) == message


def test_response() -> None:
    message = build_response(486, "Busy Here", HEADERS)
    assert message.data == b"SIP/2.0 486 Busy Here\r\n" + HEAD + b"Content-Length: 0\r\n\r\n"
    assert (message.status, message.reason_phrase) == (486, "Busy Here")


@pytest.mark.parametrize("name", ["Content-Length", "l", "content-length"])
def test_content_length_is_computed_in_its_place(name: str) -> None:
    message = build_request("ACK", "sip:b", [*HEADERS, (name, "999"), ("l", "3"), ("X", "y")], b"12")
    assert message.headers[5:] == [(name, "2"), ("X", "y")]
    assert message.body == b"12"


def test_rebuilding_what_was_decoded() -> None:
    message = build_request("INVITE", "sip:b@example.net", [*HEADERS, ("X", "\udcff é")], b"body")
    assert build_request(message.method, message.request_uri, message.headers, message.body) == message


@pytest.mark.parametrize("header", [("X", "a\r\nEvil: 1"), ("X\n", "a"), ("X", "a\r")])
def test_no_line_ends_inside(header: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="line end"):
        build_request("ACK", "sip:b", [*HEADERS, header])


def test_incomplete_messages_are_refused() -> None:
    with pytest.raises(DecodeError, match="no Call-ID"):
        build_request("ACK", "sip:b", [header for header in HEADERS if header[0] != "Call-ID"])
