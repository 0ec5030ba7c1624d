"""Advice fits the status: each of RFC 3261 section 21 has its own, and the findings carry it."""

from __future__ import annotations

from pathlib import Path

import pytest
from inline_twins import twin
from judged import judge_packets

from analyzer.checks.sip_4xx import RULE as SIP_4XX
from analyzer.checks.sip_statuses import STATUSES, advice_on, meanings
from tests.analyzer.checks.test_fault_twins import NO_CALL, bye_of_mrfc, final

RFC_3261 = """
    400 401 402 403 404 405 406 407 408 410 413 414 415 416 420 421 423 480 481 482 483 484 485 486 487 488 491 493
    500 501 502 503 504 505 513 600 603 604 606
"""
"Sections 21.4 to 21.6."
OTHERS = "412 417 422 424 425 428 429 430 433 436 437 438 439 440 469 470 489 494 555 580 607 608"
"IANA, Session Initiation Protocol (SIP) Response Codes."


def test_every_registered_status_has_its_own_advice() -> None:
    assert sorted(STATUSES) == sorted(map(int, (RFC_3261 + OTHERS).split()))
    assert list(STATUSES) == sorted(STATUSES)
    assert len({each.meaning for each in STATUSES.values()}) == len(STATUSES)
    assert len({each.phrase for each in STATUSES.values()}) == len(STATUSES) - 1  # 406 and 606
    for status, each in STATUSES.items():
        assert not each.meaning.endswith(".")
        assert each.advice.endswith((".", "?"))
        assert advice_on(status) == f"{status}: {each.meaning}. {each.advice}"


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (499, "499 is not registered; of its class: the request cannot be fulfilled here as it is. "),
        (599, "599 is not registered; of its class: the server failed, the request may be right. "),
        (699, "699 is not registered; of its class: the request cannot be fulfilled anywhere. "),
        (799, "799 is not registered; of its class: no class of responses has this number. "),
    ],
)
def test_a_status_that_is_not_registered_is_told_by_its_class(status: int, says: str) -> None:
    """RFC 3261 section 8.1.3.2: to be treated as x00 of its class."""
    assert advice_on(status) == f"{says}Read the reason phrase, Reason and Warning."


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        (
            "403 Forbidden",
            "403: understood, and not allowed: trying again does not help. Look at subscription, barring and service "
            "profile of the subscriber, and at who may join this conference; Warning or the body may tell.",
        ),
        (
            "408 Request Timeout",
            "408: a node on the way asked further, and got no answer in time. Go to the node that sent it and look at "
            "its next hop: was the request passed on, and can that hop be reached?",
        ),
        (
            "480 Not there",
            "480: the user is known, and cannot be reached now: not registered, out of coverage, or not to be "
            "disturbed. Look whether the called UE is registered at its S-CSCF; Retry-After may tell when to try "
            "again.",
        ),
        (
            "488 Not Acceptable Here",
            "488: the SDP was not acceptable to this node. Compare media, TCP/MSRP or TCP/TLS/MSRP, a=setup, "
            "accept-types and key-mgmt of the offer with what this node takes; Warning tells which part.",
        ),
        (
            "503 Service Unavailable",
            "503: overloaded, in maintenance, or without a way on: others may be tried. Look at load and links of the "
            "node that sent it; Retry-After tells when to try again.",
        ),
        (
            "606 Not Acceptable",
            "606: the user would take part, and no terminal of theirs can do what the SDP asks for. Offer other media "
            "or types; Warning tells what lacks.",
        ),
    ],
)
def test_the_hint_says_what_the_status_means(line: str, hint: str, tmp_path: Path) -> None:
    session = judge_packets(twin("tcp-dial-in", NO_CALL + final(line)).all(), tmp_path).sessions[0]
    assert [each.hint for each in session.findings] == [hint]


@pytest.mark.parametrize(
    ("reason", "begins"),
    [
        ("SIP;cause=503", "503: overloaded, in maintenance, or without a way on: others may be tried. "),
        ("Q.850;cause=38", ""),
    ],
)
def test_a_reason_of_sip_is_told_like_a_status(reason: str, begins: str, tmp_path: Path) -> None:
    session = judge_packets(twin("tcp-dial-in", bye_of_mrfc(40, reason)).all(), tmp_path).sessions[0]
    (hint,) = [each.hint for each in session.findings if each.code == "SIP-REASON"]
    assert hint.startswith(begins)
    assert hint.endswith("Find the node that sent the BYE first, and what it had lost.")


def test_explain_lists_every_status_of_the_class() -> None:
    assert SIP_4XX.causes == meanings(4)
    assert (
        "480 Temporarily Unavailable: the user is known, and cannot be reached now: not registered, out of"
        in "".join(SIP_4XX.causes)
    )
