"""No `assert` decides over what came from outside: bytes give a result or a `DecodeError`, users a clear line.

What cannot happen is better told to the type checker by a structure that has no such case.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def asserts(path: Path) -> list[int]:
    """Lines of a file with an assertion."""
    return [node.lineno for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, ast.Assert)]


@pytest.mark.parametrize("package", ["dissectors", "analyzer"])
def test_no_assertions(package: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}" for path in sorted((ROOT / package).rglob("*.py")) for line in asserts(path)
    ]
    assert found == []
