"""`mrfscope checks list|show CODE`: the rules that sessions are held against."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import NoReturn

import click

from analyzer.cli.suite_options import load_rules, suite_options
from analyzer.cli.terminal import is_utf8, wants_colour, width


@click.group(short_help="The rules that sessions are held against.")
def checks() -> None:
    """The rules that sessions are held against: list them, or show one."""


@checks.command("list", short_help="Every rule, a line each.")
@suite_options
def list_checks(plugins: tuple[str, ...], config: str | None) -> int:
    """List every rule with its severity and clause; steps of flows are rules too."""
    from analyzer.report.paint import Paint
    from analyzer.report.tables import table

    suite, _ = load_rules(plugins, config)
    paint = Paint(sys.stdout.isatty() and wants_colour())
    rows = [
        [rule.code, paint(rule.severity.value, rule.severity.value), rule.title, rule.clause]
        for rule in suite.rules.values()
    ]
    for line in table(rows, ["code", "severity", "what must be so", "clause"], width(sys.stdout.isatty()), grows=2):
        click.echo(line)
    return 0


@checks.command("show", short_help="One rule: what it says, and how it is judged.")
@click.argument("code", metavar="CODE")
@suite_options
def show_check(code: str, plugins: tuple[str, ...], config: str | None) -> int:
    """Show one rule: clause, severity, what must be captured, what it yields to."""
    return show_rule(code, plugins, config, everything=False)


def show_rule(code: str, plugins: tuple[str, ...], config: str | None, *, everything: bool) -> int:
    """Print one rule, with `everything` how to deal with it too. Raises click.UsageError for a code that nobody has."""
    from analyzer.conformance import requirements
    from analyzer.report.paint import Paint
    from analyzer.report.rule_text import explanation_lines, requirement_lines, rule_lines

    suite, _ = load_rules(plugins, config)
    rules, rows = suite.rules, requirements()
    by_upper = {each.upper(): each for each in (*rows, *rules)}
    known = by_upper.get(code.upper())
    if known is None:
        refuse(code, list(by_upper.values()), "code", "mrfscope checks list")
    to_terminal = sys.stdout.isatty()
    paint, columns = Paint(to_terminal and wants_colour()), width(to_terminal)
    if known not in rules:
        lines = requirement_lines(rows[known], paint, columns)
    else:
        requirement = rows[known].statement if known in rows else ""
        make = explanation_lines if everything else rule_lines
        lines = make(rules[known], suite.steps_with(known), suite.origins[known], requirement, paint, columns)
    show(lines)
    return 0


def show(lines: Iterable[str]) -> None:
    """Print lines, with what the terminal cannot show replaced."""
    for line in lines:
        click.echo(line if is_utf8() else line.encode("ascii", "replace").decode())


def refuse(given: str, known: list[str], noun: str, where: str) -> NoReturn:
    """Raises click.UsageError for a name that nothing has, with those that are like it."""
    from analyzer.codes import did_you_mean

    near = did_you_mean(given, known) or f"; {where} names them all"
    raise click.UsageError(f"no {noun} is called {given!r}{near}")
