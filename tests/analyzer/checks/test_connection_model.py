"""The MSRP connection model of a session: TR 29.828 table 4.1.4-1, told from offer, answer and wire."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from scenario_twins import twin

from analyzer.conversations.media import MediaEnd
from analyzer.evidence.connection_model import TABLE, Model, Party, agreed_opener, connection_model

SCENARIOS = Path(__file__).parent / "scenarios"
OFFERER, ANSWERER = Party.OFFERER, Party.ANSWERER


def end(setup: str = "", cema: bool = False, uris: int = 1, port: int = 7394) -> MediaEnd:
    path = tuple(f"msrp://192.0.2.{number}:2855/s{number};tcp" for number in range(uris))
    return MediaEnd("192.0.2.1", port, "message", "TCP/MSRP", path, "s", setup, cema)


@pytest.mark.parametrize(
    ("offered", "answered", "opener"),
    [
        # RFC 4145 section 4.1, table of allowed answers.
        ("active", "passive", OFFERER),
        ("passive", "active", ANSWERER),
        ("actpass", "active", ANSWERER),
        ("actpass", "passive", OFFERER),
        # RFC 6135 section 4.2.1, TR 29.828 table 4.1.4-1: fallback to RFC 4975 if the attribute is missing.
        ("", "", OFFERER),
        ("actpass", "", OFFERER),
        ("", "active", OFFERER),
        ("holdconn", "holdconn", OFFERER),
        # Not allowed: nobody, or both.
        ("active", "active", None),
        ("passive", "passive", None),
        ("actpass", "actpass", None),
        ("actpass", "holdconn", None),
    ],
)
def test_opener(offered: str, answered: str, opener: Party | None) -> None:
    assert agreed_opener(offered, answered)[0] is opener


@pytest.mark.parametrize(
    ("offer", "answer", "model", "reason"),
    [
        (end(), end(), Model.RFC4975, "no a=setup in the offer and the answer: the offerer opens TCP; no a=msrp-cema"),
        (
            end("actpass", cema=True),
            end(),
            Model.RFC4975,
            "no a=setup in the answer: the offerer opens TCP; a=msrp-cema in the offer alone",
        ),
        (
            end("actpass"),
            end("active"),
            Model.RFC6135,
            "a=setup:actpass answered by a=setup:active; no a=msrp-cema",
        ),
        (
            end("actpass"),
            end("active", cema=True),
            Model.RFC6135,
            "a=setup:actpass answered by a=setup:active; a=msrp-cema in the answer alone",
        ),
        (
            end("actpass", cema=True),
            end("passive", cema=True),
            Model.CEMA,
            "a=msrp-cema in offer and answer; a=setup:actpass answered by a=setup:passive",
        ),
        (end(uris=2), end("active", cema=True), Model.RELAY, "a=path of the offer has 2 entries"),
        (end(), None, None, "no answer of an MSRP stream in the capture"),
        (None, end(), None, "no offer of an MSRP stream in the capture"),
        (end("actpass"), end("active", port=0), None, "the MSRP stream was refused (port 0)"),
    ],
)
def test_model_by_offer_and_answer(
    offer: MediaEnd | None, answer: MediaEnd | None, model: Model | None, reason: str
) -> None:
    told = connection_model(offer, answer)
    assert (told.model, told.reason) == (model, reason)


def test_sessmatch_shows_in_what_is_accepted_and_never_beside_cema() -> None:
    told = connection_model(end("actpass"), end("active"), by_session_id_alone=True)
    assert told.model is Model.SESSMATCH
    assert "receiver's session-id and another address" in told.reason
    cema = connection_model(end("actpass", cema=True), end("active", cema=True), by_session_id_alone=True)
    assert cema.model is Model.CEMA


def test_relay_by_the_wire_alone() -> None:
    assert connection_model(None, None, relayed_paths=["msrp://a:1/r;tcp msrp://b:2/s;tcp"]).reason == (
        "To-Path of requests has 2 entries"
    )
    assert connection_model(end(), end(), relayed_paths=["AUTH"]).model is Model.RELAY


def test_the_table_is_that_of_the_report() -> None:
    """Opener by a=setup, address from c= and m=, address in matching, MSRP rewritten, a=path rewritten."""
    rows = {
        model: (
            row.opener_by_setup,
            row.address_from_lines,
            row.matching_has_address,
            row.gateway_rewrites_msrp,
            row.controller_rewrites_sdp,
        )
        for model, row in TABLE.items()
    }
    assert rows[Model.RFC4975] == (False, False, True, True, True)
    assert rows[Model.RFC6135] == (True, False, True, True, True)
    assert rows[Model.SESSMATCH] == (True, False, False, False, True)
    assert rows[Model.CEMA] == (True, True, True, False, False)
    assert set(rows) == set(Model)


# What MSRP itself shows is written down by a part that is still to come.
SHOWN = importlib.util.find_spec("analyzer.conversations.msrp_watch") is not None
needs_msrp = pytest.mark.skipif(not SHOWN, reason="facts about single MSRP messages are not collected yet")
PLAIN = '[values]\noffer_more = ""\nanswer_more = ""\n'
SESSMATCH = """[values]
a_more = "a=setup:actpass\\n"
b_more = "a=setup:passive\\n"
path_a_at_b = "msrp://203.0.113.61:40002/a1f9s8d7;tcp"
path_b_at_a = "msrp://203.0.113.60:40001/b7k2m4x1;tcp"
a_to_2 = "<<a_to_1>>"
a_from_2 = "<<a_from_1>>"
b_to_1 = "<<b_to_2>>"
b_from_1 = "<<b_from_2>>"
"""
B2BUA = SESSMATCH.partition("a_to_2")[0]


@pytest.mark.parametrize(
    ("base", "changes", "models"),
    [
        ("ue-to-ue", PLAIN, ["rfc4975"]),
        ("ue-to-ue", "", ["rfc6135"]),
        ("through-alg", "", ["cema", "cema"]),
        ("through-alg", B2BUA, ["rfc6135", "rfc6135"]),
        pytest.param("through-alg", SESSMATCH, ["sessmatch", "sessmatch"], marks=needs_msrp),
        ("relay", "", ["relay"]),
    ],
    ids=["RFC 4975", "RFC 6135", "CEMA", "MSRP B2BUA", "sessmatch", "relay"],
)
def test_a_good_capture_of_each_model(base: str, changes: str, models: list[str], tmp_path: Path) -> None:
    sessions = twin(SCENARIOS, base, changes).judged(tmp_path).sessions
    assert [session.connection_model for session in sessions] == models
    assert [finding for session in sessions for finding in session.findings] == []
    assert all(session.connection_model_reason for session in sessions)
