"""Small words of reports: times, escapes, masks, filters."""

from __future__ import annotations

import json
import shutil
import subprocess
import unicodedata
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.correlate.session import Session
from analyzer.identities import masked_identity, masked_path
from analyzer.report.printable import encodable, is_printable, printable, printable_json
from analyzer.report.times import duration_text, iso_time, moment
from analyzer.report.wireshark_filter import quoted, ranges, wireshark_filter
from tests.analyzer.report.hand_made import START, dial_in, hostile

WITHOUT_WIDTH = ("Cc", "Cf", "Zl", "Zp")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("grüße 你好", "grüße 你好"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\tb\r\n", "a\\tb\\r\\n"),
        ("\x7f\x9b", "\\x7f\\x9b"),
        ("\udcff", "\\xff"),
        ("\u202e\u2028", "\\u202e\\u2028"),
        ("\U000e0001\U000e0041\U000e0101", "\\U000e0001\\U000e0041\\U000e0101"),
        ("\u061c\u200b\u200f\u202a\u2060\u2069", "\\u061c\\u200b\\u200f\\u202a\\u2060\\u2069"),
        ("\ufeff\xad\u180e", "\\ufeff\\xad\\u180e"),
        ("\u034f\u115f\u3164\ufe0f\uffa0", "\\u034f\\u115f\\u3164\\ufe0f\\uffa0"),
    ],
)
def test_printable(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize("first", [0, 0x2000, 0xE0000])
def test_no_format_character_is_printable(first: int) -> None:
    """All of categories Cc, Cf, Zl and Zp: bidirectional controls, zero-width characters, tags, C1."""
    there = [chr(code) for code in range(first, first + 0x2000) if unicodedata.category(chr(code)) in WITHOUT_WIDTH]
    assert there
    assert [each for each in there if printable(each) == each] == []
    assert [each for each in there if is_printable(each)] == []


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_json_keeps_its_value_whatever_is_escaped(text: str) -> None:
    data = printable_json(orjson.dumps({text: [text]}))
    assert json.loads(data) == {text: [text]}
    assert is_printable(data.decode())


def test_json_escapes_are_utf_16() -> None:
    """RFC 8259 section 7: outside the Basic Multilingual Plane two escapes."""
    assert (
        printable_json('"\U000e0041 gr\u00fc\u00dfe \u202e"'.encode())
        == '"\\udb40\\udc41 gr\u00fc\u00dfe \\u202e"'.encode()
    )


@settings(max_examples=100, deadline=None)
@given(st.text() | st.binary().map(lambda octets: octets.decode("utf-8", "surrogateescape")))
def test_any_text_becomes_printable_and_encodable(text: str) -> None:
    assert printable(text).isprintable()
    assert str(encodable(text)).encode("utf-8") is not None


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (START, "2026-01-01T12:00:00.000000000Z"),
        (START + 123456789, "2026-01-01T12:00:00.123456789Z"),
        (0, "1970-01-01T00:00:00.000000000Z"),
        (1 << 62, "2116-02-20T23:53:38.427387904Z"),
        (10**21, "1000000000000.000000000"),
        (-1, None),
        (None, None),
    ],
)
def test_iso_time(time: int | None, text: str | None) -> None:
    assert iso_time(time) == text


def test_moment() -> None:
    assert moment(START) == "2026-01-01 12:00:00.000000 UTC"
    assert moment(None) == moment(-1) == "no time"


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "0 ms"),
        (999, "999 ms"),
        (1000, "1.0 s"),
        (59_999, "59.9 s"),
        (60_000, "1 min 00 s"),
        (3_599_999, "59 min 59 s"),
        (7_500_000, "2 h 05 min"),
        (-5, "0 ms"),
    ],
)
def test_duration_text(milliseconds: int, text: str) -> None:
    assert duration_text(milliseconds * 1_000_000) == text


@pytest.mark.parametrize(
    ("uri", "masked"),
    [
        ("sip:alice@ims.example.net", "sip:...@ims.example.net"),
        ("sips:+491234@ims.example.net;user=phone", "sips:...@ims.example.net;user=phone"),
        ("sip:a@b@host", "sip:...@host"),
        ("sip:conf.example.net", "sip:conf.example.net"),
        ("tel:+491234567", "tel:..."),
        ("TEL:+491234567", "TEL:..."),
        ("sip:+491234567", "sip:..."),
        ("urn:gsma:imei:90420156-025763-0", "urn:..."),
        ("urn:service:sos", "urn:service:sos"),
        ("alice", "..."),
        ("", ""),
    ],
)
def test_masked_identity(uri: str, masked: str) -> None:
    """docs/decisions/0006-identities.md"""
    assert masked_identity(uri) == masked


def test_masked_path() -> None:
    """RFC 4975 section 6 lets an MSRP URI name its user."""
    assert masked_path(("msrp://alice@192.0.2.1:7394/a@b;tcp", "msrps://[2001:db8::1]:7394/x;tcp")) == [
        "msrp://...@192.0.2.1:7394/a@b;tcp",
        "msrps://[2001:db8::1]:7394/x;tcp",
    ]


def test_ranges() -> None:
    assert list(ranges([1, 2, 3, 5, 7, 8])) == ["1..3", "5", "7..8"]


@pytest.mark.parametrize(
    ("text", "filter_text"),
    [
        ("a@b", '"a@b"'),
        ('a"b\\c', '"a\\"b\\\\c"'),
        ("a\x1b\udcff", '"a\\x1b\\xff"'),
        ("ü", '"\\xc3\\xbc"'),
    ],
)
def test_quoted(text: str, filter_text: str) -> None:
    assert quoted(text) == filter_text


SAMPLE = Path(__file__).resolve().parents[3] / "samples" / "tcp-dial-in" / "capture.pcapng"


@pytest.mark.interop
@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
@pytest.mark.skipif(not SAMPLE.exists(), reason="the sample is not built")
@pytest.mark.parametrize("session", [dial_in(), hostile()], ids=["dial-in", "hostile"])
def test_wireshark_takes_the_filter(session: Session) -> None:
    """tshark says so on standard error, and ends with 2, when it cannot read a filter."""
    command = ["tshark", "-r", str(SAMPLE), "-c", "1", "-Y", wireshark_filter(session, session.entries())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, [line for line in done.stderr.splitlines() if "filter" in line]) == (0, [])
