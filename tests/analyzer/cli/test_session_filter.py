"""`--session`: every documented term, on a session made by hand."""

from __future__ import annotations

import pytest

from analyzer.cli.session_filter import SessionFilter
from analyzer.correlate.session import Session
from analyzer.correlate.timeline import pack
from analyzer.model import Verdict
from analyzer.report import Tally
from tests.analyzer.report.hand_made import START, call, dial_in

OTHER = Session("s-9999999999", "h248", "open", Verdict.INCOMPLETE, START, START, signalling=pack([]))
CALL_7 = Session(
    "s-8888888888", "sip", "ended", Verdict.OK, START, START, sip=call("7", focus_uri=""), signalling=pack([])
)
SESSIONS = [OTHER, dial_in(1), CALL_7]


def numbers(text: str) -> list[int]:
    return [number for number, _ in SessionFilter(text).choose(SESSIONS, Tally())]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("s-1a2b3c4d5e", [2]),
        ("s-1a2", [2]),
        ("s-", []),
        ("2", [2]),
        ("1,2", [1, 2]),
        ("7", [3]),
        ("0", []),
        ("call-1@203.0.113.5", [2]),
        ("call-1", []),
        ("abc", [2]),
        ("xyz", [2]),
        ("sip:chat-17@conf.example.net", [2]),
        ("sip:chat-17@CONF.example.net;transport=tcp", [2]),
        ("sip:chat-18@conf.example.net", []),
        ("203.0.113.5", [2]),
        ("198.51.100.2", [2]),
        ("203.0.113.5:28563", [2]),
        ("198.51.100.7:2944", [2]),
        ("198.51.100.7:5060", []),
        ("203.0.113.6", []),
        ("context=17", [2]),
        ("CONTEXT=17", [2]),
        ("context=1", []),
        ("context=17, 1", [1, 2]),
        ("nothing,7", [3]),
        ("", [1, 2, 3]),
    ],
)
def test_terms(text: str, found: list[int]) -> None:
    assert numbers(text) == found


def test_ipv6_in_any_spelling() -> None:
    session = dial_in(1)
    session.offered[0].address = "2001:db8::1"
    for term in ("2001:db8::1", "2001:DB8:0::1", "[2001:db8::1]", "[2001:db8::1]:28563"):
        assert SessionFilter(term).fits(1, session)
    assert not SessionFilter("[2001:db8::1]:1").fits(1, session)


def test_a_comma_in_a_call_id() -> None:
    session = dial_in(1)
    assert session.sip is not None
    session.sip.call_id = "a,b@c"
    assert SessionFilter("a,b@c").fits(1, session)


def test_only_numbers_need_the_order() -> None:
    assert SessionFilter("3,abc").by_number
    assert not SessionFilter("abc,203.0.113.5").by_number


def test_tally() -> None:
    tally = Tally()
    assert len(list(SessionFilter("2").choose(SESSIONS, tally))) == 1
    assert tally.seen == 3


@pytest.mark.parametrize("text", [",", " ", ", ,"])
def test_an_empty_filter_says_so(text: str) -> None:
    assert not SessionFilter(text)
