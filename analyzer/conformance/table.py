"""docs/conformance.md, made from the rules and flows that are registered."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.checks.rule import Rule
from analyzer.conformance import Requirement, requirements, sections
from analyzer.suite import Suite

NOT_YET = "not yet"
HEAD = """\
# Conformance

Every row of the requirements, and what holds it against a session: a rule of its own, or a step of a flow.
`mrfscope explain ID` says more of each, and `mrfscope checks list` names all rules. Rows that say "{not_yet}" are not
judged: a report says nothing of them, neither good nor bad.

This file is made by `make docs`; a test checks that it is what the code gives.

{done} of {all} rows are judged.
"""


def conformance(suite: Suite) -> str:
    """The whole file, for the rules and flows of a suite."""
    rules = suite.rules
    rows = requirements()
    done = sum(row in rules for row in rows)
    parts = [HEAD.format(not_yet=NOT_YET, done=done, all=len(rows))]
    for letter, title in sections().items():
        parts.append(f"## {letter}. {title}\n")
        parts.append("\n".join(_section(letter, suite, rules)) + "\n")
    parts.append("## Faults beyond the requirements\n")
    parts.append("Rules with a code of their own, for what users meet in the field.\n")
    parts.append("\n".join(_others(rules)) + "\n")
    return "\n".join(parts)


def _section(letter: str, suite: Suite, rules: dict[str, Rule]) -> Iterator[str]:
    yield "| id | strength | statement | judged by |"
    yield "|---|---|---|---|"
    for row in requirements().values():
        if row.section == letter:
            judged = _judged(row, suite, rules)
            yield f"| {row.id} | {_cell(row.strength)} | {_cell(row.statement)} | {judged} |"


def _judged(row: Requirement, suite: Suite, rules: dict[str, Rule]) -> str:
    rule = rules.get(row.id)
    if rule is None:
        return NOT_YET
    steps = [f"`{flow.id}` step {step.number}" for flow, step in suite.steps_with(row.id)]
    is_check = any(check.code == row.id for check in suite.checks)
    how = ["rule"] if is_check else []
    return f"{', '.join([*how, *steps])} ({rule.severity.value})"


def _others(rules: dict[str, Rule]) -> Iterator[str]:
    rows = requirements()
    others = [rule for code, rule in rules.items() if code not in rows]
    if not others:
        yield "None yet."
        return
    yield "| code | severity | what must be so | clause |"
    yield "|---|---|---|---|"
    for rule in others:
        yield f"| {rule.code} | {rule.severity.value} | {_cell(rule.title)} | {_cell(rule.clause)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
