"""Digest authentication (RFC 3261 section 22, RFC 7616): right, old, used, and unreadable ones."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dissectors.sip import SipMessage, build_request
from replay.sip.digest import (
    LIFETIME,
    MAX_NONCES,
    Checked,
    Credentials,
    DigestServer,
    answer_challenge,
    digest_response,
    parse_credentials,
)

URI = "sip:chat-17@conf.example.net"
WHOLE = [("Via", "SIP/2.0/UDP h;branch=z9hG4bK1"), ("From", "<sip:a@b>;tag=1"), ("To", "<sip:c@d>"), ("Call-ID", "1")]
HOST, OTHER = "203.0.113.7", "203.0.113.8"


def server() -> DigestServer:
    return DigestServer("conf.example.net", {"alice": "wonder land", "bob": ""}, b"sixteen octets !")


def request(authorization: str = "", method: str = "INVITE", uri: str = URI) -> SipMessage:
    headers = [("Authorization", authorization)] if authorization else []
    return build_request(method, uri, [*WHOLE, ("CSeq", f"1 {method}"), *headers])


def answer(challenge: str, user: str = "alice", password: str = "wonder land", method: str = "INVITE") -> str:
    made = answer_challenge(challenge, user, password, method, URI, "0a4f113b")
    assert made is not None
    return made


def counted(value: str, nc: int) -> str:
    """The same credentials with another nc, and the response that it needs."""
    found = parse_credentials(value)
    assert found is not None
    again = replace(found, nc=f"{nc:08x}")
    right = digest_response(again, "wonder land", "INVITE")
    return value.replace(f"nc={found.nc}", f"nc={nc:08x}").replace(found.response, right)


def test_the_example_of_rfc_7616() -> None:
    """Section 3.9.1, with MD5."""
    found = parse_credentials(
        'Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm=MD5, '
        'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, '
        'cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, '
        'response="8ca523f5e9506fed4657c9700eebdbec", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
    )
    assert found is not None
    assert digest_response(found, "Circle of Life", "GET") == found.response


def test_the_example_of_rfc_2617() -> None:
    """Section 3.5; and the same without qop, by hand (section 3.2.2.1), as an older user agent does."""
    found = Credentials(
        "Mufasa", "testrealm@host.com", "dcd98b7102dd2f0e8b11d0f600bfb0c093", "/dir/index.html", "", "MD5", "auth"
    )
    found = replace(found, nc="00000001", cnonce="0a4f113b")
    assert digest_response(found, "Circle Of Life", "GET") == "6629fae49393a05397450978507c4ef1"
    old = replace(found, qop="", nc="", cnonce="")
    assert digest_response(old, "Circle Of Life", "GET") == "670fd8c2df070c60b045671b8b24ff02"


def test_who_answers_the_challenge_is_known() -> None:
    asks = server()
    challenge = asks.challenge(HOST, 5.0)
    assert challenge.startswith('Digest realm="conf.example.net", nonce="')
    assert challenge.endswith('", algorithm=MD5, qop="auth"')
    assert asks.check(request(answer(challenge)), HOST, 5.0 + LIFETIME - 0.1) == Checked("alice")


@pytest.mark.parametrize(
    "wrong",
    [
        {"password": "wonderland"},
        {"user": "carol"},
        {"user": "carol", "password": ""},
        {"method": "REFER"},
    ],
)
def test_who_does_not_is_not(wrong: dict[str, str]) -> None:
    asks = server()
    assert asks.check(request(answer(asks.challenge(HOST, 0.0), **wrong)), HOST, 0.0) == Checked()
    assert asks.check(request(), HOST, 0.0) == Checked()


def test_the_uri_must_be_what_is_asked_for() -> None:
    """RFC 7616 section 3.4.6; SIPp names the place that it sends to, which is allowed where it is ours."""
    asks = server()
    value = answer(asks.challenge(HOST, 0.0))
    assert asks.check(request(value, uri="sip:chat-18@conf.example.net"), HOST, 0.0) == Checked()
    assert asks.check(request(value, uri="sip:chat-18@conf.example.net"), HOST, 0.0, (URI,)) == Checked("alice")


def test_a_nonce_is_old_after_a_minute() -> None:
    asks = server()
    value = answer(asks.challenge(HOST, 1.0))
    assert asks.check(request(value), HOST, 1.0 + LIFETIME + 0.1) == Checked(is_stale=True)
    assert ", stale=true" in asks.challenge(HOST, 70.0, is_stale=True)


def test_a_nonce_is_for_one_address_and_of_one_server() -> None:
    asks = server()
    value = answer(asks.challenge(HOST, 0.0))
    assert asks.check(request(value), OTHER, 0.0) == Checked(is_stale=True)
    other = DigestServer("conf.example.net", {"alice": "wonder land"}, b"sixteen others !")
    assert other.check(request(value), HOST, 0.0) == Checked(is_stale=True)
    made_up = answer('Digest realm="conf.example.net", nonce="abc", qop="auth"')
    assert asks.check(request(made_up), HOST, 0.0) == Checked(is_stale=True)


def test_each_count_is_good_once_and_they_rise() -> None:
    """RFC 7616 section 3.4: what was sent before is not taken again from whoever overheard it."""
    asks = server()
    value = answer(asks.challenge(HOST, 0.0))
    assert asks.check(request(value), HOST, 0.0) == Checked("alice")
    assert asks.check(request(value), HOST, 0.0) == Checked(is_stale=True)
    assert asks.check(request(counted(value, 5)), HOST, 0.0) == Checked("alice")
    assert asks.check(request(counted(value, 4)), HOST, 0.0) == Checked(is_stale=True)
    assert asks.check(request(counted(value, 6)), HOST, 0.0) == Checked("alice")
    assert asks.check(request(value.replace("nc=00000001", "nc=00000007")), HOST, 0.0) == Checked()


def test_without_qop_a_nonce_is_good_once() -> None:
    """RFC 2617 section 3.2.2.1."""
    asks = server()
    value = answer(asks.challenge(HOST, 0.0).replace(', qop="auth"', ""))
    assert "qop" not in value
    assert asks.check(request(value), HOST, 0.0) == Checked("alice")
    assert asks.check(request(value), HOST, 0.0) == Checked(is_stale=True)


def test_what_is_forgotten_is_not_good_any_more() -> None:
    """Counts are kept of so many nonces alone; one whose count is gone cannot be used again."""
    asks = server()
    first = answer(asks.challenge(HOST, 0.0))
    assert asks.check(request(first), HOST, 0.0) == Checked("alice")
    for _ in range(MAX_NONCES):
        assert asks.check(request(answer(asks.challenge(HOST, 0.0))), HOST, 0.0) == Checked("alice")
    assert len(asks._counts) == MAX_NONCES
    assert asks.check(request(counted(first, 2)), HOST, 0.0) == Checked(is_stale=True)


def test_of_several_headers_the_one_for_us_is_taken() -> None:
    asks = server()
    value = answer(asks.challenge(HOST, 0.0))
    other = 'Digest username="alice", realm="elsewhere", nonce="1", uri="sip:a@b", response="00"'
    message = build_request(
        "INVITE", URI, [*WHOLE, ("CSeq", "1 INVITE"), ("Authorization", other), ("Authorization", value)]
    )
    assert asks.check(message, HOST, 0.0) == Checked("alice")


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Digest",
        "Basic YWxpY2U6eA==",
        'Digest username="a"',
        'Digest username="a", username="b", realm="r", nonce="n", uri="u", response="x"',
        'Digest username="a, realm="r", nonce="n", uri="u", response="x"',
        'Digest username="a", realm="r", nonce="n", uri="u", response="x", qop=auth',
        'Digest username="a", realm="r", nonce="n", uri="u", response="x", qop=auth, nc=1, cnonce="c"',
        'Digest username="a", realm="r", nonce="n", uri="u", response="x", qop=auth, nc=zzzzzzzz, cnonce="c"',
    ],
)
def test_what_is_no_answer(value: str) -> None:
    assert parse_credentials(value) is None


@given(st.text(max_size=200))
def test_any_text_is_an_answer_or_none(text: str) -> None:
    parse_credentials(f"Digest {text}")
    answer_challenge(f"Digest {text}", "a", "b", "INVITE", URI, "c")


@pytest.mark.parametrize(
    "challenge",
    [
        'Basic realm="x"',
        'Digest realm="x"',
        'Digest realm="x", nonce="1", algorithm=SHA-256',
        'Digest realm="x", nonce="1", qop="auth-int"',
    ],
)
def test_what_we_cannot_answer(challenge: str) -> None:
    assert answer_challenge(challenge, "alice", "x", "INVITE", URI, "c") is None


def test_keys_are_not_shown() -> None:
    found = parse_credentials(answer(server().challenge(HOST, 0.0)))
    assert found is not None
    assert found.response not in repr(found)
