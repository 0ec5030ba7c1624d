"""docs/lab.md and the command agree: options, keys of the file, real output, metrics, exit codes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, replace
from ipaddress import ip_network

import click

from replay.lab.cli import lab
from replay.lab.config import READERS, LabConfig
from replay.lab.faults import BESIDE, ENDINGS, NOT_BREAKABLE
from replay.lab.serve import how_to_join
from tests.analyzer.cli.processes import ROOT, mrfscope, needs_command

PAGE = (ROOT / "docs" / "lab.md").read_text(encoding="utf-8")


def section(heading: str) -> str:
    return PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def options(command: click.Command) -> set[str]:
    context = click.Context(command, help_option_names=["-h", "--help"])
    return {option for each in command.get_params(context) for option in each.opts if option.startswith("-")}


def test_every_option_and_argument_is_documented_for_the_commands_that_have_it() -> None:
    rows = re.findall(r"^\| (`-.*?) \| (.*?) \|", section("Options"), re.M)
    documented: dict[str, set[str]] = {name: set() for name in lab.commands}
    for cell, of in rows:
        meant = set(lab.commands) if of.startswith("all") else set(re.findall(r"`(\w+)`", of))
        meant -= {"run", "scenarios", "faults"} if of == "all but `run`" else set()
        documented = {
            name: found | (set(re.findall(r"(?<![\w-])(-[-\w]+)", cell)) if name in meant else set())
            for name, found in documented.items()
        }
    for name, command in lab.commands.items():
        if name not in ("scenarios", "faults"):
            assert documented[name] == options(command), name
    assert all(f"mrfscope lab {name}" in PAGE or f"| {name}" in PAGE for name in lab.commands)


def test_every_command_and_option_has_help() -> None:
    for name, command in {"lab": lab, **lab.commands}.items():
        assert command.short_help, name
        assert command.help, name
        assert [each.name for each in command.params if isinstance(each, click.Option) and not each.help] == []


def test_keys_of_the_file_and_their_defaults() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(.*?)` \|", section("The lab's file"), re.M)
    assert [key for key, _ in rows] == list(READERS) == [each.name for each in fields(LabConfig)]
    for key, shown in rows:
        value = getattr(LabConfig(), key)
        if isinstance(value, range):
            value = f"{value.start}-{value.stop - 1}"
        elif isinstance(value, tuple) and value and isinstance(value[-1], int):
            value = f"{value[0]}:{value[1]}"
        value = dict(value) if isinstance(value, Mapping) else value
        text = str(list(value)).replace("'", '"') if isinstance(value, tuple) else str(value)
        assert shown == (text.lower() if isinstance(value, bool) else text), key


def test_who_may_join_is_said_where_not_everybody_may() -> None:
    open_lab, net = LabConfig(beyond_loopback=True), ip_network("192.0.2.0/24")
    last = [
        how_to_join(each, None).splitlines()[-1]
        for each in (
            open_lab,
            replace(open_lab, allowed=(net,)),
            replace(open_lab, sip_users={"alice": "secret"}),
            replace(open_lab, sip_users={"alice": "secret"}, allowed=(net,)),
        )
    ]
    assert last == [
        "  login       on loopback; others are refused: name them with --allow, or in sip_users of the lab's file",
        "  login       on loopback or from 192.0.2.0/24; others are refused: name them with --allow, or in sip_users "
        "of the lab's file",
        "  login       by SIP digest with a password of sip_users",
        "  login       by SIP digest with a password of sip_users, or from 192.0.2.0/24",
    ]


def test_what_is_found_beside_and_what_is_not_shown() -> None:
    text = section("Faults")
    for row, codes in BESIDE.items():
        assert f"{', '.join(sorted(codes))} with {row}" in text
    assert dict(re.findall(r"^\| ([\w-]+) \| ([^|]+?) \|$", text, re.M)) == {"row": "why", **NOT_BREAKABLE}
    ends = {row: each for rows, each in re.findall(r"^- (\S.*?): (.+?)\.$", text, re.M) for row in rows.split(", ")}
    assert ends == {row: f"the participant {ending.value}" for row, ending in ENDINGS.items()}


@needs_command
def test_real_output() -> None:
    """After a change: run the command of the block, and paste."""
    blocks = dict(re.findall(r"```\n\$ mrfscope ([^\n]+)\n(.*?)```", PAGE, re.S))
    assert list(blocks) == ["lab scenarios", "lab run conference-3", "lab faults", "lab up --keys-out keys.toml"]
    for words in ("lab scenarios", "lab run conference-3", "lab faults"):
        assert blocks[words] == mrfscope(*words.split()).stdout
    assert blocks["lab up --keys-out keys.toml"] == how_to_join(LabConfig(), "keys.toml") + "\n"


def test_the_readme_leads_here() -> None:
    assert "(docs/lab.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
