"""docs/analyze.md and the command agree: options, formats, roles, exit codes, columns."""

from __future__ import annotations

import re
from pathlib import Path

import click

from analyzer.cli import main
from analyzer.cli.analyze import ROLES, analyze
from analyzer.report import FORMATS
from analyzer.report.csv_report import COLUMNS

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "analyze.md").read_text()


def section(heading: str) -> str:
    return TEXT.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def documented_options() -> set[str]:
    """The first cells of the options table."""
    cells = [line.split("|")[1] for line in section("Options").splitlines() if line.startswith("| `")]
    return {option for cell in cells for option in re.findall(r"`(-[-\w]+)`", cell)}


def test_every_option_is_documented_and_every_documented_option_exists() -> None:
    root = main.mrfscope.make_context("mrfscope", ["analyze"])
    context = analyze.make_context("analyze", ["x"], parent=root, resilient_parsing=True)
    there = {option for each in analyze.get_params(context) for option in each.opts if option.startswith("-")}
    assert documented_options() == there
    shown = set(re.findall(r"(?<![\w-])--?[a-z][-a-z]*", analyze.get_help(context)))
    assert there <= shown


def test_every_option_has_help() -> None:
    assert [each.name for each in analyze.params if isinstance(each, click.Option) and not each.help] == []


def test_formats() -> None:
    assert re.findall(r"^\| `(\w+)` \|", section("Formats"), re.M) == list(FORMATS)


def test_roles() -> None:
    assert [role for role in ROLES if f"`{role}`" not in section("Options")] == []


def test_columns() -> None:
    columns = section("Formats").split("Columns:")[1]
    assert tuple(name for name in re.findall(r"`(\w+)`", columns)) == COLUMNS


def test_exit_codes() -> None:
    codes = {value for name, value in vars(main).items() if name.startswith("EXIT_")}
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", section("Exit codes"), re.M)} == {0, *codes}
