"""The rows of the requirements, and the table that says what became of each: `python -m analyzer.conformance`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

DATA = Path(__file__).with_name("requirements.toml")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One row."""

    id: str
    section: str
    "`A` to `E`."
    strength: str
    "`shall`, `should`, `may`, `normal`; the step of the figure for rows of flows; empty where the source has none."
    statement: str
    observable: str
    "What on the wire proves or breaks it."


@lru_cache(maxsize=1)
def requirements() -> dict[str, Requirement]:
    """Every row by its id, in the order of the source."""
    return {row["id"]: Requirement(**row) for row in _data()["row"]}


def sections() -> dict[str, str]:
    """Letter -> title."""
    return {letter: section["title"] for letter, section in _data()["section"].items()}


@lru_cache(maxsize=1)
def _data() -> dict[str, Any]:
    with DATA.open("rb") as file:
        return tomllib.load(file)
