"""Codes as users write them."""

from __future__ import annotations

import pytest

from analyzer.codes import did_you_mean, matching, nearest

CODES = ["OFFER-3", "OFFER-3b", "OFFER-6", "TCP-1", "TCP-F", "GEN-2"]


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("OFFER-3", ["OFFER-3"]),
        ("offer-3B", ["OFFER-3b"]),
        ("OFFER", ["OFFER-3", "OFFER-3b", "OFFER-6"]),
        ("tcp-", ["TCP-1", "TCP-F"]),
        ("", []),
        ("X", []),
        ("FFER", []),
    ],
)
def test_matching(text: str, codes: list[str]) -> None:
    assert matching(text, CODES) == codes


def test_nearest() -> None:
    assert nearest("OFER-6", CODES)[0] == "OFFER-6"
    assert nearest("tcp", CODES) == ["TCP-1", "TCP-F"]
    assert nearest("???", CODES) == []
    assert did_you_mean("TCP", CODES) == "; did you mean TCP-1 or TCP-F?"
    assert did_you_mean("GEN2", CODES, 1) == "; did you mean GEN-2?"
    assert did_you_mean("OFFR", CODES) == "; did you mean OFFER-6, OFFER-3 or OFFER-3b?"
    assert did_you_mean("???", CODES) == ""
