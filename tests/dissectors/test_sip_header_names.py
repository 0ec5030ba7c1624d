"""Looking for one header field finds what reading all of them finds (RFC 3261 section 7.3.1)."""

from __future__ import annotations

import pytest
from capture_variants import SHARED
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.errors import DecodeError
from dissectors.sip import SipMessage, decode_sip
from dissectors.sip.message import COMPACT_FORMS, lower_name

TORTURE = sorted((SHARED.parent / "captures" / "sip-torture-valid").glob("*.dat"))


def by_reading_all(message: SipMessage) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in message.headers:
        long = lower_name(name)
        found.setdefault(COMPACT_FORMS.get(long, long), []).append(value)
    return found


@pytest.mark.parametrize("path", TORTURE, ids=lambda path: path.stem)
def test_torture_messages(path: object) -> None:
    message = decode_sip(path.read_bytes())  # type: ignore[attr-defined]
    found = by_reading_all(message)
    assert {name: message.header_all(name) for name in found} == found
    assert {name: message.header_all(name.upper()) for name in found} == found


LINES = st.sampled_from(
    [b"Contact: <sip:a@b>;isfocus", b"m: <sip:c@d>", b"CONTACT :x", b"Supported: a,", b"k:b", b"X-Y: z\r\n  folded"]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(LINES, st.binary(max_size=20)), max_size=8))
def test_any_header_fields(lines: list[bytes]) -> None:
    head = b"OPTIONS sip:a@b SIP/2.0\r\nCall-ID: 1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:b@c>\r\nCSeq: 1 OPTIONS\r\n"
    try:
        message = decode_sip(head + b"".join(line + b"\r\n" for line in lines) + b"\r\n")
    except DecodeError:
        return
    found = by_reading_all(message)
    assert {name: message.header_all(name) for name in found} == found
    assert message.header_all("contact") == found.get("contact", [])


@pytest.mark.parametrize("name", ["\u0130", "\u0131", "c\u017feq", "\u0386Contact", "call-\u0130d"])
def test_letters_that_only_unicode_takes_for_ascii(name: str) -> None:
    """Names are ASCII tokens (RFC 3261 section 25.1): dotless i, long s and the like are other fields."""
    head = "OPTIONS sip:a@b SIP/2.0\r\nCall-ID: 1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:b@c>\r\nCSeq: 1 OPTIONS\r\n"
    message = decode_sip(f"{head}{name}: other\r\n\r\n".encode())
    assert (message.call_id, message.cseq, message.header_all("CSeq")) == ("1", 1, ["1 OPTIONS"])
    assert message.header(name) == "other"


def test_names_that_are_no_utf8() -> None:
    head = b"OPTIONS sip:a@b SIP/2.0\r\nCall-ID: 1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:b@c>\r\nCSeq: 1 OPTIONS\r\n"
    assert decode_sip(head + b"A\xff: other\r\n\r\n").header("A\udcff") == "other"
