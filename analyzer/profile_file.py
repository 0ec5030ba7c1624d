"""`--profile FILE`: a TOML file laid over the defaults of `analyzer.profile`, key by key."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from analyzer.profile import DEFAULT_PROFILE, Profile
from analyzer.toml_file import TomlFile
from analyzer.user_text import shown

HINT = "see docs/analyze.md, Profiles: each key is a list of names, and replaces the default"


def load_profile(path: Path, data: bytes | None = None) -> Profile:
    """The defaults with the keys of the file in their place. Raises UserError, naming file, line and key.

    `data` is its content, where it was read already.
    """
    file = TomlFile(path, HINT, data)
    file.refuse_unknown(file.table, [each.name for each in fields(Profile)])
    return replace(DEFAULT_PROFILE, **{key: _values(file, key, value) for key, value in file.table.items()})


def _values(file: TomlFile, key: str, value: object) -> frozenset[Any]:
    wanted: type = int if all(isinstance(each, int) for each in getattr(DEFAULT_PROFILE, key)) else str
    noun = "numbers" if wanted is int else "strings"
    if not isinstance(value, list):
        raise file.wrong([key], f"must be a list of {noun}, is {_kind(value)}")
    for each in value:
        if not isinstance(each, wanted) or isinstance(each, bool):
            raise file.wrong([key], f"must be a list of {noun}, has {shown(each)}")
        if isinstance(each, str) and not each.strip():
            raise file.wrong([key], "has an empty name")
    # Names are compared without regard to case.
    return frozenset(each.strip().lower() if isinstance(each, str) else each for each in value)


def _kind(value: object) -> str:
    names = {str: "a string", int: "a number", float: "a number", bool: "true or false", dict: "a table"}
    return names.get(type(value), f"a {type(value).__name__}")
