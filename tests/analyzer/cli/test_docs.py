"""The documents and the commands agree: options, formats, roles, exit codes, columns, keys, real output."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import click
import pytest

from analyzer.cli import main
from analyzer.cli.analyze import ROLES, analyze
from analyzer.cli.project_file import READERS
from analyzer.profile import DEFAULT_PROFILE, Profile
from analyzer.report import FORMATS
from analyzer.report.csv_report import COLUMNS, FINDING_COLUMNS
from tests.analyzer.cli.processes import mrfscope, needs_command

DOCS = Path(__file__).resolve().parents[3] / "docs"
TEXT = (DOCS / "analyze.md").read_text()
README = DOCS.with_name("README.md").read_text()


def section(heading: str, text: str = TEXT) -> str:
    return text.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def documented_options(text: str = TEXT) -> set[str]:
    """The first cells of the options table."""
    cells = [line.split("|")[1] for line in section("Options", text).splitlines() if line.startswith("| `")]
    return {option for cell in cells for option in re.findall(r"`(-[-\w]+)`", cell)}


def test_every_option_is_documented_and_every_documented_option_exists() -> None:
    root = main.mrfscope.make_context("mrfscope", ["analyze"])
    context = analyze.make_context("analyze", ["x"], parent=root, resilient_parsing=True)
    there = {option for each in analyze.get_params(context) for option in each.opts if option.startswith("-")}
    assert documented_options() == there
    shown = set(re.findall(r"(?<![\w-])--?[a-z][-a-z0-9]*", analyze.get_help(context)))
    assert there <= shown


def test_every_option_has_help() -> None:
    assert [each.name for each in analyze.params if isinstance(each, click.Option) and not each.help] == []


def test_formats() -> None:
    assert re.findall(r"^\| `([\w-]+)` \|", section("Formats"), re.M) == list(FORMATS)
    assert f"[-f {'|'.join(FORMATS)}]" in TEXT


def test_roles() -> None:
    assert [role for role in ROLES if f"`{role}`" not in section("Options")] == []


def test_columns() -> None:
    for heading, columns in (("Columns:", COLUMNS), ("Finding columns:", FINDING_COLUMNS)):
        named = section("Formats").split(heading)[1].split("\n\n")[0]
        assert tuple(name for name in re.findall(r"`(\w+)`", named)) == columns


def test_keys_of_profiles_and_their_defaults() -> None:
    rows = re.findall(r"^\| `(\w+)` \|.*\| ([^|]+) \|$", section("Profiles"), re.M)
    assert [key for key, _ in rows] == [each.name for each in fields(Profile)]
    for key, default in rows:
        assert re.findall(r"`([^`]+)`", default) == sorted(map(str, getattr(DEFAULT_PROFILE, key))), key


def test_keys_of_the_project_file() -> None:
    cells = re.findall(r"^\| (`.*?) \|", section("The project file"), re.M)
    assert [key for cell in cells for key in re.findall(r"`(\w+)`", cell)] == list(READERS)


def test_exit_codes() -> None:
    codes = {value for name, value in vars(main).items() if name.startswith("EXIT_")}
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", section("Exit codes"), re.M)} == {0, *codes}


# ------------------------------------------------------------------ the other commands

COMMANDS = {
    name: command
    for name in main.BUILT_IN
    if (command := main.mrfscope.get_command(click.Context(main.mrfscope), name))
}


def subcommands(name: str) -> dict[str, click.Command]:
    """`flows list`, `flows show`; a command without any is its own."""
    command = COMMANDS[name]
    if isinstance(command, click.Group):
        return {f"{name} {each}": found for each, found in command.commands.items()}
    return {name: command}


@pytest.mark.parametrize("name", main.BUILT_IN)
def test_every_command_has_its_page_with_every_option(name: str) -> None:
    page = DOCS / f"{name}.md"
    assert f"(docs/{name}.md)" in README
    text = page.read_text()
    assert text.startswith(f"# `mrfscope {name}`\n")
    for words, command in subcommands(name).items():
        assert f"mrfscope {words} " in text.split("## ")[0], words
        context = click.Context(command, info_name=words, help_option_names=["-h", "--help"])
        there = {option for each in command.get_params(context) for option in each.opts if option.startswith("-")}
        assert documented_options(text) == there, words
        for each in command.params:
            if isinstance(each, click.Argument) and each.metavar:
                assert f"mrfscope {words} {each.metavar}" in text


@pytest.mark.parametrize("name", main.BUILT_IN)
def test_every_command_and_option_has_help(name: str) -> None:
    for words, command in {name: COMMANDS[name], **subcommands(name)}.items():
        assert command.short_help, words
        assert command.help, words
        assert [each.name for each in command.params if isinstance(each, click.Option) and not each.help] == []


@needs_command
@pytest.mark.parametrize("page", ["flows.md", "checks.md", "explain.md"])
def test_pages_show_real_output(page: str) -> None:
    """After a change: run the command of the block, and paste."""
    blocks = re.findall(r"```\n\$ mrfscope (.+)\n(.*?)```", (DOCS / page).read_text(), re.S)
    assert len(blocks) == 1
    for words, shown in blocks:
        assert shown == mrfscope(*words.split()).stdout
