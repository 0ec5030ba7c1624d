"""Imports flow one way, `dissectors <- analyzer <- replay`, and the codecs touch nothing outside their arguments."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FORBIDDEN = {"dissectors": ("analyzer", "replay"), "analyzer": ("replay", "benchmarks", "samples", "tests")}
WORLDLY = {
    *("asyncio", "click", "datetime", "http", "io", "logging", "mmap", "multiprocessing", "os", "pathlib", "random"),
    *("select", "selectors", "shutil", "socket", "ssl", "subprocess", "sys", "tempfile", "time", "urllib"),
    *("numpy", "orjson", "pyshark", "scapy", "tabulate", "zstandard"),
}
"Files, sockets, clocks, chance, processes, and libraries that codecs have no business with."
WORLDLY_CALLS = {"breakpoint", "input", "open", "print"}


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """The full name of every module that a file imports, inside functions too."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            yield ".".join((*above, *filter(None, [node.module])))


@pytest.mark.parametrize("package", FORBIDDEN)
def test_imports_flow_one_way(package: str) -> None:
    found = modules(package)
    assert len(found) > 10
    wrong = [
        (path.relative_to(ROOT).as_posix(), name)
        for path in found
        for name in imported(path)
        if name.partition(".")[0] in FORBIDDEN[package]
    ]
    assert wrong == []


def test_dissectors_are_pure() -> None:
    wrong = []
    for path in modules("dissectors"):
        where = path.relative_to(ROOT).as_posix()
        wrong += [(where, name) for name in imported(path) if name.partition(".")[0] in WORLDLY]
        wrong += [
            (where, node.func.id)
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in WORLDLY_CALLS
        ]
    assert wrong == []


def test_relative_imports_are_seen() -> None:
    """The test of the test: what a relative import means."""
    names = {name for path in modules("analyzer") for name in imported(path)}
    assert "dissectors.errors" in names
    assert not any(name.startswith(".") for name in names)
