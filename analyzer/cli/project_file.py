"""`mrfscope.toml`: what every run in a project shall use, so that nobody has to type it (docs/analyze.md).

The file is named with `--config FILE`, or found in the current directory or above it (`found_project`). Paths in it are
relative to it. What the command line says wins.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analyzer.cli.roles import given_roles
from analyzer.cli.thresholds import LEVELS, NEVER
from analyzer.codes import did_you_mean
from analyzer.plugin_source import SourceFile
from analyzer.toml_file import TomlFile
from analyzer.user_text import shown

NAME = "mrfscope.toml"
HINT = "docs/analyze.md lists the keys of the project file"


@dataclass(slots=True)
class Project:
    """What the project file says; everything empty where there is none."""

    path: Path | None = None
    node: dict[str, str] = field(default_factory=dict)
    udp_port: list[int] = field(default_factory=list)
    select: list[str] = field(default_factory=list)
    ignore: list[str] = field(default_factory=list)
    severity: str | None = None
    fail_on: str | None = None
    profile: str | None = None
    plugins: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list, compare=False)
    "What it sets."
    profile_octets: bytes | None = None
    "The profile, where it was read already."
    sources: list[list[SourceFile]] | None = None
    "The plugins, where they were read already; otherwise the files are."

    def files_read(self) -> list[str | Path]:
        """The plugins, with what they import where that is known."""
        return [*self.plugins, *(each.path for plugin in self.sources or () for each in plugin)]


def load_project(config: str | None) -> Project:
    """The project file of `--config`, else the one found from the current directory upwards. Raises UserError."""
    from analyzer.cli.found_project import load_found

    if config is not None:
        return read_project(Path(config))
    try:
        start = Path.cwd()
    except OSError:  # it is gone
        return Project()
    return load_found(start)


def read_project(path: Path, data: bytes | None = None) -> Project:
    """What a project file says; `data` is its content, where it was read already. Raises UserError."""
    file = TomlFile(path, HINT, data)
    file.refuse_unknown(file.table, ["analyze"])
    section = file.table.get("analyze", {})
    if not isinstance(section, dict):
        raise file.wrong(["analyze"], "must be a table: [analyze]")
    file.refuse_unknown(section, READERS, ["analyze"])
    values = {key: READERS[key](file, ["analyze", key], value) for key, value in section.items()}
    return Project(path, **values, keys=list(values))


def _strings(file: TomlFile, keys: list[str], value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(each, str) and each.strip() for each in value):
        raise file.wrong(keys, f"must be a list of strings, is {shown(value)}")
    return value


def _string(file: TomlFile, keys: list[str], value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise file.wrong(keys, f"must be a string, is {shown(value)}")
    return value


def _codes(file: TomlFile, keys: list[str], value: object) -> list[str]:
    return [code.strip() for each in _strings(file, keys, value) for code in each.split(",") if code.strip()]


def _nodes(file: TomlFile, keys: list[str], value: object) -> dict[str, str]:
    try:
        return given_roles(_strings(file, keys, value))
    except ValueError as error:
        raise file.wrong(keys, str(error)) from None


def _ports(file: TomlFile, keys: list[str], value: object) -> list[int]:
    if not isinstance(value, list) or not all(type(each) is int and 1 <= each <= 65535 for each in value):
        raise file.wrong(keys, f"must be a list of ports from 1 to 65535, is {shown(value)}")
    return value


def _level(*more: str) -> Callable[[TomlFile, list[str], object], str]:
    levels = (*LEVELS, *more)

    def read(file: TomlFile, keys: list[str], value: object) -> str:
        if not isinstance(value, str) or value not in levels:
            near = did_you_mean(str(value), levels, 1)
            raise file.wrong(keys, f"must be one of {', '.join(levels)}, is {shown(value)}{near}")
        return value

    return read


def _path(file: TomlFile, keys: list[str], value: object) -> str:
    text = _string(file, keys, value)
    try:
        path = file.path.parent / Path(text).expanduser()
        os.fsencode(path)
    except (RuntimeError, ValueError):  # the home of a user that is not there; half a surrogate pair
        raise file.wrong(keys, f"must be a file name, is {shown(text)}") from None
    if "\0" in text:
        raise file.wrong(keys, f"must be a file name, is {shown(text)}")
    return str(path)


def _paths(file: TomlFile, keys: list[str], value: object) -> list[str]:
    return [_path(file, keys, each) for each in _strings(file, keys, value)]


READERS: dict[str, Callable[[TomlFile, list[str], Any], Any]] = {
    "node": _nodes,
    "udp_port": _ports,
    "select": _codes,
    "ignore": _codes,
    "severity": _level(),
    "fail_on": _level(NEVER),
    "profile": _path,
    "plugins": _paths,
}
"The keys of section `analyze`, each with what reads it."
