"""Flows and rules from elsewhere: taken in, guarded, and refused with their name where they are broken."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from analyzer.checks import CHECKS, offer_6
from analyzer.checks.rule import Rule
from analyzer.entry_points import entry_points, parse
from analyzer.errors import UserError
from analyzer.flows import FLOWS
from analyzer.suite import load_suite

RULE = """
from analyzer.checks.rule import Rule
from analyzer.findings import OK, Severity

def judge(evidence):
    return OK

def rule(code, judge=judge):
    return Rule(code=code, title="t", clause="c", severity=Severity.INFO, judge=judge)
"""
FLOW = """
from analyzer.flows import tcp_dial_in
from analyzer.flows.flow import Flow, Step

def flow(id, *steps):
    return Flow(id, "t", "c", ("UE", "MRFC"), steps, lambda evidence: True)

def step(rule, after=()):
    return Step(rule, "1", "UE", "MRFC", "w", after)
"""


@pytest.fixture(autouse=True)
def _own_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test loads plugins anew."""
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    monkeypatch.setattr(sys, "path", list(sys.path))


def plugin(folder: Path, text: str, name: str = "acme_plugin.py") -> str:
    path = folder / name
    path.write_text(RULE + FLOW + text, encoding="utf-8")
    return str(path)


def test_our_own_come_first_and_have_codes_of_their_own() -> None:
    suite = load_suite()
    assert suite.checks == list(CHECKS)
    assert suite.flows == list(FLOWS)
    assert suite.rules["OFFER-6"] is offer_6.RULE
    assert set(suite.origins.values()) == {"mrfscope"}
    codes = [rule.code for rule in CHECKS]
    assert len(set(codes)) == len(codes)


def test_a_plugin_adds_rules_and_its_flows_go_first(tmp_path: Path) -> None:
    name = plugin(tmp_path, "CHECKS = [rule('ACME-1')]\nFLOWS = (flow('acme', step(rule('ACME-2'))),)\n")
    suite = load_suite([name, name])
    assert [rule.code for rule in suite.checks][-1] == "ACME-1"
    assert [flow.id for flow in suite.flows] == ["acme", *(flow.id for flow in FLOWS)]
    assert suite.origins["ACME-2"] == suite.origins["acme"] == name
    assert [(flow.id, step.id) for flow, step in suite.steps_with("ACME-2")] == [("acme", "ACME-2")]


def test_built_in_rules_may_be_steps_and_stay_what_they_are(tmp_path: Path) -> None:
    name = plugin(tmp_path, "FLOWS = [flow('acme', step(tcp_dial_in.TCP_1), step(tcp_dial_in.TCP_2, ('TCP-1',)))]\n")
    suite = load_suite([name])
    assert suite.flows[0].steps[0].rule is suite.rules["TCP-1"]
    assert suite.origins["TCP-1"] == "mrfscope"


def test_a_rule_may_be_check_and_step_in_any_order_of_files(tmp_path: Path) -> None:
    one = plugin(tmp_path, "R = rule('ACME-1')\nCHECKS = [R]\n", "acme_one.py")
    other = plugin(tmp_path, "import acme_one\nFLOWS = [flow('acme', step(acme_one.R))]\n", "acme_other.py")
    for files in ([one, other], [other, one]):
        suite = load_suite(files)
        assert suite.flows[0].steps[0].rule is suite.rules["ACME-1"]
        assert [rule.code for rule in suite.checks].count("ACME-1") == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ": has neither CHECKS nor FLOWS"),
        ("CHECKS = 3\n", ": CHECKS must be a list of Rule objects, is of type int"),
        ("CHECKS = [rule('ACME-1'), judge]\n", ": CHECKS[1] is of type function, not Rule"),
        ("FLOWS = [rule('ACME-1')]\n", ": FLOWS[0] is of type Rule, not Flow"),
        ("CHECKS = [rule('acme 1')]\n", ": 'acme 1' is no code: capitals, digits and hyphens, as in ACME-1"),
        ("CHECKS = [rule('OFFER-6')]\n", ": the code OFFER-6 is already there, from mrfscope"),
        ("CHECKS = [rule('TCP-1')]\n", ": the code TCP-1 is already there, from mrfscope"),
        ("FLOWS = [flow('tcp-dial-in')]\n", ": the flow tcp-dial-in is already there, from mrfscope"),
        ("FLOWS = [flow('acme', step(rule('TCP-1')))]\n", ": the code TCP-1 is already there, from mrfscope"),
        (
            "FLOWS = [flow('acme', step(rule('ACME-1'), ('ACME-9',)))]\n",
            ": flow acme: ACME-1 comes after ACME-9, which is no step of it",
        ),
        ("CHECKS = [undefined]\n", ": cannot be loaded: line 19: NameError: name 'undefined' is not defined"),
        ("CHECKS = [\n", ": cannot be loaded: line 19: SyntaxError: '[' was never closed"),
        ("import sys\nsys.exit(3)\n", ": cannot be loaded: line 20: SystemExit: 3"),
        (
            "import no_such_module\n",
            ": cannot be loaded: line 19: ModuleNotFoundError: No module named 'no_such_module'",
        ),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, said: str) -> None:
    name = plugin(tmp_path, text)
    with pytest.raises(UserError) as error:
        load_suite([name])
    assert error.value.what == name + said


def test_two_plugins_with_one_code(tmp_path: Path) -> None:
    one = plugin(tmp_path, "CHECKS = [rule('ACME-1')]\n", "one_acme.py")
    other = plugin(tmp_path, "CHECKS = [rule('ACME-1')]\n", "other_acme.py")
    with pytest.raises(UserError) as error:
        load_suite([one, other])
    assert error.value.what == f"{other}: the code ACME-1 is already there, from {one}"


def test_no_file_and_no_python(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such plugin file"):
        load_suite([str(tmp_path / "none.py")])
    (tmp_path / "x.txt").write_text("CHECKS = []")
    with pytest.raises(UserError, match=r"must end with \.py"):
        load_suite([str(tmp_path / "x.txt")])


def test_a_plugin_never_takes_the_name_of_another_module(tmp_path: Path) -> None:
    name = plugin(tmp_path, "CHECKS = []\n", "tabulate.py")
    load_suite([name])
    assert getattr(sys.modules.get("tabulate"), "__file__", None) != name


# ------------------------------------------------------------------ entry points


def distribution(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    info = folder / "acme_dist-1.0.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_text(text)
    monkeypatch.syspath_prepend(str(folder))


@pytest.mark.parametrize(
    "text",
    [
        "[mrfscope.checks]\nacme = acme_entry:CHECKS\n",
        "[mrfscope.checks]\nacme = acme_entry:CHECKS[0]\n[console_scripts]\nx = y:z\n".replace("[0]", ""),
        "[mrfscope.checks]\nacme = acme_entry:ONE\n",
        "[mrfscope.checks]\nacme = acme_entry\n",
        "[mrfscope.flows]\nacme = acme_entry [extra]\n",
    ],
)
def test_entry_points_bring_lists_rules_or_modules(tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin(tmp_path, "ONE = rule('ACME-1')\nCHECKS = [ONE]\n", "acme_entry.py")
    distribution(tmp_path, text, monkeypatch)
    suite = load_suite()
    assert suite.origins["ACME-1"] == "entry point acme of acme_dist-1.0.dist-info"


def test_a_broken_entry_point_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distribution(tmp_path, "[mrfscope.checks]\nacme = no_such_acme:CHECKS\n", monkeypatch)
    with pytest.raises(UserError) as error:
        load_suite()
    assert error.value.what == (
        "entry point acme of acme_dist-1.0.dist-info: cannot be loaded: "
        "ModuleNotFoundError: No module named 'no_such_acme'"
    )


def test_our_reader_of_entry_points_finds_what_the_standard_one_does() -> None:
    from importlib.metadata import entry_points as standard

    for group in ("mrfscope.commands", "console_scripts", "pytest11"):
        ours = {(each.name, each.value) for each in entry_points((group,))}
        assert ours == {(each.name, each.value.partition("[")[0].strip()) for each in standard(group=group)}
        assert group == "pytest11" or ours


def test_parse() -> None:
    text = "# c\n[a]\nx = m:f\n; c\n y=m.n [e]\nbroken\n\n[b]\nz = q\n"
    assert [(each.group, each.name, each.value) for each in parse(text, "d")] == [
        ("a", "x", "m:f"),
        ("a", "y", "m.n"),
        ("b", "z", "q"),
    ]


def test_a_rule_is_typed() -> None:
    assert all(isinstance(rule, Rule) for rule in load_suite().rules.values())
