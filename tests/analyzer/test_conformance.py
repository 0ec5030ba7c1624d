"""docs/conformance.md is complete, honest, and what the code gives; the rows are those of the requirements."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from capture_variants import SHARED

from analyzer.checks import CHECKS
from analyzer.conformance import __main__ as command
from analyzer.conformance import requirements, sections
from analyzer.conformance.table import NOT_YET, conformance
from analyzer.flows import FLOWS
from analyzer.suite import OURS, Suite

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "conformance.md"
SOURCE = SHARED.parent / "spec" / "requirements.md"


def ours() -> Suite:
    suite = Suite()
    suite.add(CHECKS, FLOWS, OURS)
    return suite


def source_rows() -> dict[str, list[str]]:
    """Id -> the other cells, from the tables of the requirements; `CONN-1..4` stands for four rows."""
    rows = {}
    for line in SOURCE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if not line.startswith("| ") or cells[0] in ("id", ""):
            continue
        several = re.fullmatch(r"(\w+-)(\d+)\.\.(\d+)", cells[0])
        ids = [f"{several[1]}{n}" for n in range(int(several[2]), int(several[3]) + 1)] if several else [cells[0]]
        rows.update(dict.fromkeys(ids, cells[1:]))
    return rows


def test_the_document_is_what_the_code_gives() -> None:
    """After a change: `make docs`."""
    assert DOCUMENT.read_text(encoding="utf-8") == conformance(ours())


@pytest.mark.skipif(not SOURCE.exists(), reason="the requirements' source is not beside this checkout")
def test_every_row_of_the_source_is_there() -> None:
    source = source_rows()
    assert len(source) == 87
    assert list(requirements()) == list(source)
    for row in requirements().values():
        cells = source[row.id]
        if row.id in ("CONN-1", "CONN-2", "CONN-3", "CONN-4"):  # four rows in one: each has its part of the statement
            first, _, rest = cells[0].partition(":")
            assert row.statement == f"{first.split(';')[int(row.id[-1]) - 1].strip()},{rest}"
        elif row.section == "E":
            assert [row.statement, row.observable] == cells
        else:
            assert [row.strength, row.statement, row.observable] == cells


def test_every_row_stands_in_the_document_once() -> None:
    lines = re.findall(r"^\| ([A-Z][\w-]*) \|.*\| ([^|]+) \|$", DOCUMENT.read_text(encoding="utf-8"), re.M)
    told = dict(lines)
    assert [row for row, _ in lines][: len(requirements())] == list(requirements())
    assert len(told) == len(lines)
    rules = ours().rules
    for row in requirements():
        assert (told[row].strip() == NOT_YET) == (row not in rules), row


def test_a_step_of_a_flow_says_so() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert re.search(r"^\| TCP-4 \|.*\| `tcp-dial-in` step 2-4 \(error\) \|$", text, re.M)
    assert re.search(r"^\| OFFER-6 \| shall \|.*\| rule \(error\) \|$", text, re.M)
    assert list(sections()) == ["A", "B", "C", "D", "E"]


def test_shall_rows_are_errors_should_rows_warnings_may_rows_information() -> None:
    severity = {"shall": "error", "should": "warning", "may": "info"}
    rules = ours().rules
    for row in requirements().values():
        wanted = severity.get(row.strength) or ("error" if row.strength.startswith("flow") else None)
        if wanted and row.id in rules:
            assert rules[row.id].severity.value == wanted, row.id


def test_the_command_writes_and_checks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "conformance.md"
    assert command.main([str(path), "--check"]) == 1
    assert "run make docs" in capsys.readouterr().err
    assert not path.exists()
    assert command.main([str(path)]) == 0
    assert path.read_bytes() == DOCUMENT.read_bytes()
    assert command.main([str(path), "--check"]) == 0
