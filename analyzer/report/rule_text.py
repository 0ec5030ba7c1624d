"""One rule in words: what it says, why it matters, what it comes from, how to make sure and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from analyzer.report.ladder import protocol_name
from analyzer.report.paint import Paint
from analyzer.report.printable import folded

if TYPE_CHECKING:
    from analyzer.checks.rule import Rule
    from analyzer.conformance import Requirement
    from analyzer.flows.flow import Flow, Step

Steps = list[tuple["Flow", "Step"]]

OF_NO_KIND = "the session is `incomplete` unless it failed anyway; exit code 1"
"Of a finding that no rule makes: INTERNAL."
SEVERITY_MEANS = {
    "error": "a session that breaks it has failed; exit code 1",
    "warning": "worth a look; the session gets the verdict `warnings`",
    "info": "for information; the verdict stays",
}


def rule_lines(rule: Rule, steps: Steps, origin: str, requirement: str, paint: Paint, width: int) -> Iterator[str]:
    """What is held against sessions, and how: the short form."""
    yield f"{paint('bold', rule.code)}  {paint(rule.severity.value, rule.severity.value)}"
    yield from folded(rule.title, width)
    yield ""
    rows = [
        ("clause", rule.clause),
        ("requirement", requirement),
        ("severity", f"{rule.severity.value}: {SEVERITY_MEANS[rule.severity.value] if rule.kinds else OF_NO_KIND}"),
        ("sessions", ", ".join(sorted(rule.kinds))),
        ("needs", " and ".join(map(protocol_name, rule.interfaces)) + " in the capture; otherwise not observable"),
        ("flow", "; ".join(f"{flow.id}, step {step.number}, {step.who} to {step.whom}" for flow, step in steps)),
        ("yields to", ", ".join(rule.yields_to) + " (where that is broken, this follows from it)"),
        ("from", origin),
    ]
    shown = {"needs": bool(rule.interfaces), "yields to": bool(rule.yields_to)}
    for label, text in rows:
        if text and shown.get(label, True):
            lines = folded(text, width - 15)
            for number, line in enumerate(lines):
                yield f"  {label if not number else '':<11}  {line}"


def requirement_lines(row: Requirement, paint: Paint, width: int) -> Iterator[str]:
    """A row of the requirements that no rule judges yet."""
    yield f"{paint('bold', row.id)}  not judged yet"
    yield from folded(row.statement, width)
    yield ""
    yield from folded(f"Observable as: {row.observable}", width)
    yield "No rule holds this against sessions yet; docs/conformance.md lists all rows."


def explanation_lines(
    rule: Rule, steps: Steps, origin: str, requirement: str, paint: Paint, width: int
) -> Iterator[str]:
    """The same, and all that helps whoever has to repair it."""
    yield from rule_lines(rule, steps, origin, requirement, paint, width)
    causes = [f"{number}. {cause}" for number, cause in enumerate(rule.causes, 1)]
    for heading, texts in (
        ("Why it matters", [rule.why]),
        ("Likely causes", causes),
        ("How to confirm", [rule.confirm]),
        ("How to fix", [rule.fix]),
    ):
        if any(texts):
            yield ""
            yield paint("bold", heading)
            for text in texts:
                yield from folded(text, width, "  ", "     " if texts is causes else "  ")
    if rule.example:
        yield ""
        yield paint("bold", "Example")
        for line in rule.example.splitlines():
            yield f"  {line}"
