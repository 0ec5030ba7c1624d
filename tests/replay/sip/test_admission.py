"""Who is served, which addresses may be named, and how much may go to who did not show that he is there."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from sip_script import Script, invite

from replay.admission import Admission
from replay.events import Note
from replay.sip import RequestIn
from replay.sip.ledger import LAPSE, MAX_ADDRESSES, MOST, Ledger

LISTED = Admission(allowed=(ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")), known=frozenset({"203.0.113.5"}))


@pytest.mark.parametrize(
    ("address", "is_listed"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("192.0.2.200", True),
        ("2001:db8::7", True),
        ("203.0.113.5", True),
        ("203.0.113.6", False),
        ("0.0.0.0", False),
        ("::ffff:192.0.2.1", False),
        ("", False),
        ("localhost", False),
    ],
)
def test_who_is_served_as_he_is(address: str, is_listed: bool) -> None:
    assert LISTED.is_listed(address) is is_listed


def test_with_users_loopback_authenticates_too() -> None:
    assert not Admission(users={"alice": "x"}).is_listed("127.0.0.1")
    assert Admission(users={"alice": "x"}, allowed=(ip_network("127.0.0.0/8"),)).is_listed("127.0.0.1")


@pytest.mark.parametrize(
    ("source", "target", "fits"),
    [
        ("198.51.100.7", "198.51.100.7", True),
        ("198.51.100.7", "198.51.100.8", False),
        ("198.51.100.7", "192.0.2.1", True),
        ("198.51.100.7", "203.0.113.5", True),
        ("198.51.100.7", "127.0.0.1", False),
        ("192.0.2.1", "127.0.0.1", False),
        ("127.0.0.1", "127.0.0.99", True),
        ("127.0.0.1", "::1", True),
        ("127.0.0.1", "198.51.100.7", False),
        ("127.0.0.1", "0.0.0.0", False),
        ("2001:DB8:1::1", "2001:db8:1:0::1", True),
        ("::2", "[::2]", True),
        ("198.51.100.7", "victim.example.net", False),
        ("", "", False),
        ("", "198.51.100.7", False),
    ],
)
def test_which_addresses_may_be_named(source: str, target: str, fits: bool) -> None:
    assert LISTED.fits(source, target) is fits


# ---------------------------------------------------------------------- the ledger (RFC 9000 section 8.1)


def test_three_times_what_came_and_not_one_octet_more() -> None:
    ledger = Ledger()
    assert not ledger.spend("a", 1, 0.0)
    ledger.heard("a", 100, 0.0)
    assert ledger.spend("a", 299, 1.0)
    assert not ledger.spend("a", 2, 1.0)
    assert ledger.spend("a", 1, 1.0)
    assert not ledger.spend("a", 1, 1.0)
    assert not ledger.spend("b", 1, 1.0)
    assert ledger.held_back == {"a": 3}


def test_what_came_long_ago_pays_for_nothing() -> None:
    """Else whoever forges an address would have what its owner saved."""
    ledger = Ledger()
    ledger.heard("a", 100, 0.0)
    assert ledger.spend("a", 10, LAPSE)
    assert not ledger.spend("a", 1, LAPSE + 0.1)
    ledger.heard("a", 100, LAPSE + 0.1)
    assert ledger.credit("a", LAPSE + 0.1) == 300


def test_accounts_are_bounded() -> None:
    ledger = Ledger()
    for number in range(MAX_ADDRESSES + 500):
        ledger.heard(f"10.0.{number >> 8}.{number & 0xFF}", 10, 0.0)
    assert len(ledger) == MAX_ADDRESSES
    assert (ledger.credit("10.0.0.0", 0.0), ledger.credit("10.0.1.244", 0.0)) == (0, 30)
    ledger.heard("10.0.1.244", MOST, 0.0)
    assert ledger.credit("10.0.1.244", 0.0) == MOST
    ledger.heard("new", 1, 0.0)
    assert (ledger.credit("10.0.1.244", 0.0), ledger.credit("10.0.1.245", 0.0)) == (MOST, 0)


# ---------------------------------------------------------------------- the transaction layer


def forged() -> Script:
    """A layer that is told nothing of who is there; its peer's address is forged, and never answers."""
    script = Script()
    script.layer.gate = lambda request, hop, now: False
    return script


def octets(script: Script) -> int:
    return sum(len(each.data) for each in script.messages)


@pytest.mark.parametrize("status", [200, 486])
def test_a_response_is_repeated_no_further_than_three_times_what_came(status: int) -> None:
    script = forged()
    request = invite()
    (event,) = script.hear(request)
    assert isinstance(event, RequestIn)
    assert event.key is not None
    script.respond(event.key, status, "Because")
    script.wait(60.0)
    size = len(script.messages[0].data)
    assert len(script.messages) == 3 * len(request.data) // size
    assert octets(script) <= 3 * len(request.data)
    assert script.layer.faults["held back"] > 5
    assert script.notes == [Note("sip held back", {"octets": size, "address": "198.51.100.7"})]


def test_repetitions_of_the_request_are_answered_as_far_as_they_pay() -> None:
    script = forged()
    request = invite("OPTIONS")
    (event,) = script.hear(request)
    assert isinstance(event, RequestIn)
    assert event.key is not None
    script.respond(event.key, 200, "OK")
    for _ in range(200):
        script.hear(request)
    assert octets(script) <= 201 * 3 * len(request.data)
    assert script.times_of("200") == [0.0] * 201  # one for each, and the transaction is one
