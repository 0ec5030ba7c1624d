"""URIs, name-addr, Via and parameter lists (RFC 3261 sections 7.3.1, 19.1, 20 and 25.1)."""

from __future__ import annotations

import time

import pytest

from dissectors.errors import DecodeError
from dissectors.sip import (
    NameAddr,
    SipUri,
    Via,
    address_uri,
    parse_name_addr,
    parse_parameters,
    parse_uri,
    parse_via,
    split_list,
    unescape,
)


@pytest.mark.parametrize(
    ("text", "uri"),
    [  # most are examples of section 19.1.3
        ("sip:alice@atlanta.com", SipUri("sip", "alice", "atlanta.com")),
        (
            "sip:alice:secretword@atlanta.com;transport=tcp",
            SipUri("sip", "alice", "atlanta.com", None, {"transport": "tcp"}, {}, "secretword"),
        ),
        (
            "sips:alice@atlanta.com?subject=project%20x&priority=urgent",
            SipUri("sips", "alice", "atlanta.com", headers={"subject": "project%20x", "priority": "urgent"}),
        ),
        (
            "sip:+1-212-555-1212:1234@gateway.com;user=phone",
            SipUri("sip", "+1-212-555-1212", "gateway.com", None, {"user": "phone"}, {}, "1234"),
        ),
        (
            "sip:atlanta.com;method=REGISTER?to=alice%40atlanta.com",
            SipUri("sip", "", "atlanta.com", None, {"method": "REGISTER"}, {"to": "alice%40atlanta.com"}),
        ),
        ("sip:alice;day=tuesday@atlanta.com", SipUri("sip", "alice;day=tuesday", "atlanta.com")),
        ("SIP:[2001:db8::1]:5061;LR", SipUri("sip", "", "[2001:db8::1]", 5061, {"lr": None})),
        ("tel:+358-555-1234567;phone-context=x", SipUri("tel", "+358-555-1234567", "", None, {"phone-context": "x"})),
        ("urn:service:sos", SipUri("urn", "service:sos", "")),
    ],
)
def test_uri(text: str, uri: SipUri) -> None:
    assert parse_uri(text) == uri


@pytest.mark.parametrize("text", ["", "alice", ":x", "sip:", "sip:a@", "sip:a@b:port", "sip:a@[::1"])
def test_bad_uri(text: str) -> None:
    with pytest.raises(DecodeError):
        parse_uri(text)


def test_unescape() -> None:
    assert unescape("%D0%BF%41%zz%4") == "пA%zz%4"
    assert unescape("%ff") == "\udcff"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ('"Bob \\"B\\"" <sip:bob@b.com;x=1>;tag=a48s', NameAddr('Bob "B"', "sip:bob@b.com;x=1", {"tag": "a48s"})),
        (
            "sip:+12125551212@server.phone2net.com;tag=887s",
            NameAddr("", "sip:+12125551212@server.phone2net.com", {"tag": "887s"}),
        ),
        (
            "Anonymous <sip:c8oqz84zk7z@privacy.org>;tag=hyh8",
            NameAddr("Anonymous", "sip:c8oqz84zk7z@privacy.org", {"tag": "hyh8"}),
        ),
        ("<sip:a@b>", NameAddr("", "sip:a@b", {})),
        ("*", NameAddr("", "*", {})),
    ],
)
def test_name_addr(text: str, address: NameAddr) -> None:
    assert parse_name_addr(text) == address


@pytest.mark.parametrize("text", ['"x <sip:a@b>', "<sip:a@b", "x <sip:a"])
def test_bad_name_addr(text: str) -> None:
    with pytest.raises(DecodeError):
        parse_name_addr(text)


@pytest.mark.parametrize(
    ("text", "via"),
    [
        (
            "SIP/2.0/UDP erlang.bell-telephone.com:5060;branch=z9hG4bK87asdks7",
            Via("SIP", "2.0", "UDP", "erlang.bell-telephone.com", 5060, {"branch": "z9hG4bK87asdks7"}),
        ),
        (
            "SIP / 2.0 / UDP first.example.com: 4000;ttl=16 ;maddr=224.2.0.1 ;branch=z9hG4bKa7c6a8dlze.1",
            Via(
                "SIP",
                "2.0",
                "UDP",
                "first.example.com",
                4000,
                {"ttl": "16", "maddr": "224.2.0.1", "branch": "z9hG4bKa7c6a8dlze.1"},
            ),
        ),
        (
            "SIP/2.0/TLS [::1];received=[::2];rport",
            Via("SIP", "2.0", "TLS", "[::1]", None, {"received": "[::2]", "rport": None}),
        ),
    ],
)
def test_via(text: str, via: Via) -> None:
    assert parse_via(text) == via
    assert via.branch == (via.params.get("branch") or "")


@pytest.mark.parametrize("text", ["", "SIP/2.0", "SIP/2.0/UDP", "x y"])
def test_bad_via(text: str) -> None:
    with pytest.raises(DecodeError):
        parse_via(text)


def test_parameters() -> None:
    assert parse_parameters(';A=1; b = "x;y\\"z" ;c;d="";A=2;e=[::1]:5') == {
        "a": "1",
        "b": 'x;y"z',
        "c": None,
        "d": "",
        "e": "[::1]:5",
    }


def test_split_list() -> None:
    assert split_list(' a , "b,\\",c" , <d,e>;f,, g"') == ["a", '"b,\\",c"', "<d,e>;f", 'g"']
    assert split_list("  ") == []


@pytest.mark.parametrize("piece", ['"', "<", ';a="\\', ";", "\\", ' "<', ",", ' ;a= "', "/ "])
def test_hostile_values_cost_linear_time(piece: str) -> None:
    text = "x" + piece * (60000 // len(piece))
    start = time.perf_counter()
    split_list(text)
    parse_parameters(text)
    for parse in (parse_name_addr, parse_uri, parse_via):
        try:
            parse(text)
        except DecodeError:
            continue
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize(
    "value",
    [
        '"A, B" <sip:a@example.net;lr>;tag=1',
        "< sip:a@example.net >",
        "sip:a@example.net;tag=1",
        "*",
        "",
        '"never closed',
        "<sip:never@closed",
        "a <b> <c>;d",
    ],
)
def test_address_uri_is_that_of_the_whole_address(value: str) -> None:
    try:
        whole = parse_name_addr(value)
    except DecodeError:
        with pytest.raises(DecodeError):
            address_uri(value)
    else:
        assert address_uri(value) == whole.uri
