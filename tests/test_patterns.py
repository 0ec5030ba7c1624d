"""Regular expressions that Python 3.11.2, Debian 12's own, reads like every later release.

Its `re` loses matches of possessive quantifiers and atomic groups (mended in a later 3.11): half of the H.248 messages
of a capture were "undecodable" there. So no pattern of ours uses either; where they saved work, no two neighbours of a
pattern can match the same octet.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dissectors.h248.text_words import cut_words

ROOT = Path(__file__).parents[1]
PACKAGES = ("dissectors", "analyzer", "replay", "samples", "benchmarks")

# Imports every module with `re` watched: patterns that are put together at run time are seen as they are.
_WATCH = """
import importlib, pkgutil, re, sys
from re import _parser
real = _parser.parse
def operators(tree):
    for operator, argument in tree:
        yield str(operator)
        stack = [argument]
        while stack:
            one = stack.pop()
            if isinstance(one, _parser.SubPattern):
                yield from operators(one)
            elif isinstance(one, (tuple, list)):
                stack += one
def parse(pattern, *rest):
    tree = real(pattern, *rest)
    frame = sys._getframe(1)
    while frame.f_globals["__name__"].partition(".")[0] in ("re", "functools", "enum"):
        frame = frame.f_back
    if frame.f_globals["__name__"].partition(".")[0] in sys.argv[1:]:
        count[0] += 1
        if {"POSSESSIVE_REPEAT", "ATOMIC_GROUP"} & set(operators(tree)):
            print(frame.f_globals["__name__"], pattern)
    return tree
count = [0]
_parser.parse = parse
for package in sys.argv[1:]:
    for found in pkgutil.walk_packages(importlib.import_module(package).__path__, package + "."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
print("patterns:", count[0])
"""


def test_no_module_compiles_a_possessive_quantifier_or_an_atomic_group() -> None:
    run = subprocess.run(
        [sys.executable, "-c", _WATCH, "dissectors", "analyzer", "replay"], capture_output=True, text=True, cwd=ROOT
    )
    assert run.returncode == 0, run.stderr
    *offenders, last = run.stdout.splitlines()
    assert offenders == []
    assert int(last.split()[1]) > 90


def test_no_pattern_inside_a_function_uses_one() -> None:
    offenders = [
        f"{path.relative_to(ROOT)}:{text.lineno}"
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)
        if isinstance(call.func.value, ast.Name) and call.func.value.id == "re" and call.args
        for text in ast.walk(call.args[0])
        if isinstance(text, ast.Constant) and isinstance(text.value, str | bytes) and _uses_one(text.value)
    ]
    assert offenders == []


def _uses_one(pattern: str | bytes) -> bool:
    text = pattern if isinstance(pattern, str) else pattern.decode("latin-1")
    without_sets = re.sub(r"\[\^?\]?(?:\\.|[^\]\\])*\]", "x", re.sub(r"\\[^\[\]]", "x", text))
    return "(?>" in without_sets or re.search(r"[*+?}]\+", without_sets) is not None


@pytest.mark.parametrize(
    ("text", "found"),
    [(r"a*+", True), (rb"(?>a)", True), (r"a{1,2}+b", True), (r"[*+]+", False), (r"a\++", False), (r"a+b+", False)],
)
def test_the_search_for_them_finds_them(text: str | bytes, found: bool) -> None:
    assert _uses_one(text) is found


def test_local_and_remote_end_at_their_brace_on_every_python() -> None:
    r"""H.248.1 Annex B.2: octetString, in which a closing brace is escaped; 3.11.2 gave nothing for it."""
    text = "{ Local { v=0\r\na=x:\\}y\r\n }, R{v=0 } }"
    assert cut_words(text, 0) == ["{", "L{", " v=0\r\na=x:\\}y\r\n ", ",", "R{", "v=0 ", "}"]
