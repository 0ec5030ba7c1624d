"""`flows`, `checks` and `explain`: every flow and code, what is unknown, and the ladder that a flow expects."""

from __future__ import annotations

import re

import pytest

from analyzer.checks.rule import Rule
from analyzer.cli import main
from analyzer.conformance import requirements
from analyzer.flows.flow import Flow
from analyzer.report.flow_text import flow_lines
from analyzer.report.paint import ASCII, UNICODE, Paint
from analyzer.suite import load_suite
from tests.analyzer.cli.processes import mrfscope, needs_command, refused

SUITE = load_suite()


@pytest.fixture(autouse=True)
def _hundred_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main.run(words) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


@pytest.mark.parametrize("rule", SUITE.rules.values(), ids=lambda rule: rule.code)
def test_explain_every_code(rule: Rule, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "explain", rule.code.lower())
    assert text.startswith(f"{rule.code}  {rule.severity.value}\n")
    flat = " ".join(text.split())
    for part in (rule.title, rule.clause, rule.why, rule.confirm, rule.fix, *rule.causes):
        assert part, f"{rule.code} does not say everything"
        assert " ".join(part.split()) in flat
    for heading in ("Why it matters", "Likely causes", "How to confirm", "How to fix", "Example"):
        assert f"\n{heading}\n" in text
    for line in rule.example.splitlines():
        assert f"\n  {line}\n" in text
    examples = {f"  {line}" for line in rule.example.splitlines()}
    assert [line for line in text.splitlines() if len(line) > 100 and line not in examples] == []
    if rule.code in requirements():
        assert " ".join(requirements()[rule.code].statement.split()) in flat


def test_explain_a_requirement_that_nothing_judges_yet(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [row for row in requirements().values() if row.id not in SUITE.rules]
    for row in rows:
        text = said(capsys, "explain", row.id)
        assert text.startswith(f"{row.id}  not judged yet\n")
        assert " ".join(row.statement.split()) in " ".join(text.split())


def test_checks_list_has_every_rule(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "checks", "list")
    rows = re.findall(r"^([A-Z][\w-]+) +(error|warning|info) ", text, re.M)
    assert rows == [(rule.code, rule.severity.value) for rule in SUITE.rules.values()]
    assert max(map(len, text.splitlines())) <= 120


def test_checks_show_is_the_first_part_of_the_explanation(capsys: pytest.CaptureFixture[str]) -> None:
    short = said(capsys, "checks", "show", "TCP-5")
    assert said(capsys, "explain", "TCP-5").startswith(short + "\n")
    assert "  flow         tcp-dial-in, step 5, MRFP to UE\n" in short


def test_flows_list(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "flows", "list")
    assert re.findall(r"^([a-z][\w-]+) +(\d+) ", text, re.M) == [
        (flow.id, str(len(flow.steps))) for flow in SUITE.flows
    ]


@pytest.mark.parametrize("flow", SUITE.flows, ids=lambda flow: flow.id)
def test_flows_show_every_step_with_row_and_clause(flow: Flow, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "flows", "show", flow.id.upper())
    assert text.startswith(f"{flow.id}  {flow.title}\n{flow.clause}\n")
    arrows = re.findall(r"^(\S+) +([A-Z][\w-]+) +[│├◀─┼▶┤● ]+ ", text, re.M)
    assert arrows == [(step.number, step.id) for step in flow.steps]
    flat = " ".join(re.sub("[│]", " ", text).split())
    for step in flow.steps:
        assert " ".join(step.rule.clause.split()) in flat
        for row in step.after:
            assert row in flat
    for note in flow.notes:
        assert " ".join(note.split()) in flat


LADDER = """\
step  row    UE
             │         MRFC
             │         │         MRFP
1     TCP-1  ├────────▶│         │  INVITE, SDP offer: TCP/MSRP, a=setup:actpass
             │         │         │  TS 23.333 clause 6.2.20.1 step 1
"""


def test_the_ladder_is_drawn_as_in_reports() -> None:
    flow = next(each for each in SUITE.flows if each.id == "tcp-dial-in")
    text = "\n".join(flow_lines(flow, Paint()))
    assert LADDER in text
    assert "\n5     TCP-5  │◀────────┼─────────┤  TCP SYN, SYN ACK, ACK\n" in text
    plain = list(flow_lines(flow, Paint(), ASCII, 60))
    assert all(line.isascii() for line in plain)
    assert max(map(len, plain[3:-2])) <= 66
    assert "\x1b[1mTCP-1" in "\n".join(flow_lines(flow, Paint(True), UNICODE))


# ------------------------------------------------------------------ the installed command


@needs_command
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["explain", "OFER-6"], "no code is called 'OFER-6'; did you mean OFFER-6,"),
        (["explain", "TCP"], "did you mean TCP-1, TCP-2 or TCP-3?"),
        (["explain", "???"], "mrfscope checks list names them all"),
        (["explain"], "Missing argument 'CODE'"),
        (["checks", "show", "GEN2"], "no code is called 'GEN2'; did you mean GEN-2"),
        (["checks", "shwo"], "No such command 'shwo'"),
        (["checks"], "Usage: mrfscope checks"),
        (["flows", "show", "tcp"], "no flow is called 'tcp'; did you mean tcp-dial-in or tcp-dial-out?"),
        (["flows", "show", "x"], "mrfscope flows list names them all"),
    ],
)
def test_wrong_usage(words: list[str], said: str) -> None:
    assert said in " ".join(refused(*words, code=2).split())


@needs_command
def test_output_without_utf8_is_ascii() -> None:
    done = mrfscope("flows", "show", "tcp-dial-in", env={"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0
    assert done.stdout.isascii()
    assert "1     TCP-1  |-------->|         |  INVITE" in done.stdout
