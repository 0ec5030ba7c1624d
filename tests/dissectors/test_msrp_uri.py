"""MSRP URIs and paths (RFC 4975 sections 6 and 6.1)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.errors import DecodeError
from dissectors.msrp.uri import MsrpUri, parse_msrp_uri, session_id_of, split_path, uris_equal


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("msrp://example.com:7777/iau39soe2843z;tcp", MsrpUri("msrp", "", "example.com", 7777, "iau39soe2843z", "tcp")),
        ("msrps://alice@intra.example.com;tcp", MsrpUri("msrps", "alice", "intra.example.com", None, "", "tcp")),
        ("msrp://[2001:db8::1]:2855/a/b=+~;tcp", MsrpUri("msrp", "", "2001:db8::1", 2855, "a/b=+~", "tcp")),
        (
            "MSRP://10.0.0.1:9/A.b_c-d;TCP;x;y=1",
            MsrpUri("MSRP", "", "10.0.0.1", 9, "A.b_c-d", "TCP", (("x", None), ("y", "1"))),
        ),
        ("msrps://a;b:c@h:1/s;ws", MsrpUri("msrps", "a;b:c", "h", 1, "s", "ws")),
    ],
)
def test_parse(text: str, wanted: MsrpUri) -> None:
    assert parse_msrp_uri(text) == wanted
    assert str(wanted) == text
    assert session_id_of(text) == wanted.session_id


@pytest.mark.parametrize(
    "text",
    [
        "",
        "msrp:example.com:7777/x;tcp",
        "http://example.com:7777/x;tcp",
        "msrp://example.com:7777/x",
        "msrp://example.com:7777/x;",
        "msrp://example.com:7777/x;a=b",
        "msrp://example.com:70000/x;tcp",
        "msrp://:7777/x;tcp",
        "msrp://example.com:7777/x y;tcp",
        "msrp://[::1/x;tcp",
    ],
)
def test_what_is_no_uri(text: str) -> None:
    with pytest.raises(DecodeError):
        parse_msrp_uri(text)


SAME = "msrp://Example.com:8888/9di4;tcp"


@pytest.mark.parametrize(
    ("other", "equal"),
    [
        ("msrp://eXAMPLE.com:8888/9di4;tcp", True),
        ("MSRP://example.com:8888/9di4;TCP", True),
        ("msrp://bob@example.com:8888/9di4;tcp", True),
        ("msrp://example.com:08888/9di4;tcp", True),
        ("msrp://example.com:8888/9di4;tcp;x=1", True),
        ("msrps://example.com:8888/9di4;tcp", False),
        ("msrp://example.com/9di4;tcp", False),
        ("msrp://example.com:8889/9di4;tcp", False),
        ("msrp://example.com:8888/9DI4;tcp", False),
        ("msrp://example.com:8888;tcp", False),
        ("msrp://example.com:8888/9di4;ws", False),
        ("msrp://example.org:8888/9di4;tcp", False),
    ],
)
def test_equality(other: str, equal: bool) -> None:
    """RFC 4975 section 6.1, rule by rule."""
    assert uris_equal(SAME, other) is equal
    assert uris_equal(parse_msrp_uri(other), parse_msrp_uri(SAME)) is equal


def test_addresses_are_compared_by_value() -> None:
    """RFC 4975 section 6.1."""
    assert uris_equal("msrp://[2001:DB8:0:0::1]:1/x;tcp", "msrp://[2001:db8::1]:1/x;tcp")
    assert not uris_equal("msrp://[2001:db8::1]:1/x;tcp", "msrp://[2001:db8::2]:1/x;tcp")


@pytest.mark.parametrize(
    ("path", "session_id"),
    [
        ("msrps://relay.example:9000/aa;tcp msrp://bob.example:8888/9di4;tcp", "9di4"),
        ("msrps://relay.example:9000/aa;tcp  msrp://bob.example:8888/9di4;tcp ", "9di4"),
        ("msrps://alice@intra.example.com;tcp", ""),
        ("nonsense", ""),
        ("", ""),
        ("x " * 400 + "msrp://h:1/long;tcp", "long"),
    ],
)
def test_session_id_is_the_endpoints(path: str, session_id: str) -> None:
    """RFC 4976: relays stand before the endpoint in To-Path, and in From-Path."""
    assert session_id_of(path) == session_id


def test_split_path() -> None:
    assert split_path("a  b c ") == ["a", "b", "c"]


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60) | st.from_regex(r"msrps?://[a-z@:\[\]/;.=~ 0-9]{0,40}", fullmatch=True))
def test_any_text_gives_a_uri_or_the_error(text: str) -> None:
    session_id_of(text)
    try:
        uri = parse_msrp_uri(text)
    except DecodeError:
        return
    assert uris_equal(uri, text)
    assert parse_msrp_uri(str(uri)) == uri
