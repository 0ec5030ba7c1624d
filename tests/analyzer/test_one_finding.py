"""One fact, one finding: causes are followed to their end; rules that yield to each other do not vanish together."""

from __future__ import annotations

import pytest

from analyzer.checks.rule import Rule
from analyzer.findings import OK, Result, Severity, Status
from analyzer.one_finding import told_once


def rule(code: str, *yields_to: str) -> Rule:
    return Rule(
        code=code,
        title=f"{code} holds.",
        clause="none",
        severity=Severity.ERROR,
        judge=lambda evidence: OK,
        yields_to=yields_to,
    )


@pytest.mark.parametrize(
    ("yields", "told"),
    [
        ({"A": (), "B": ()}, {"A": (), "B": ()}),
        ({"A": ("B",), "B": ()}, {"B": ("A",)}),
        ({"A": ("B",), "B": ("C",), "C": ()}, {"C": ("A", "B")}),
        ({"A": ("B",), "B": ("A",)}, {"A": ("B",)}),
        ({"A": ("B",), "B": ("C",), "C": ("B",)}, {"B": ("A", "C")}),
    ],
)
def test_who_tells_and_what_follows(yields: dict[str, tuple[str, ...]], told: dict[str, tuple[str, ...]]) -> None:
    rules = {code: rule(code, *others) for code, others in yields.items()}
    results = {code: each.broken(code, [1], expected="x", actual="y") for code, each in rules.items()}
    findings = told_once(results, rules)
    assert {each.code: each.causes for each in findings} == told
    silent = [code for code in yields if code not in told]
    assert all(results[code].status is Status.NOT_APPLICABLE for code in silent)


def test_what_is_not_broken_is_no_cause() -> None:
    rules = {"A": rule("A", "B"), "B": rule("B")}
    results: dict[str, Result] = {"A": rules["A"].broken("a", [1], expected="x", actual="y"), "B": OK}
    assert [each.code for each in told_once(results, rules)] == ["A"]
