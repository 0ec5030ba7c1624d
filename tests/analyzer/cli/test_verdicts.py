"""The installed command judges: exit codes, which rules are held, which findings are shown, golden reports.

The goldens lie in tests/golden/; after a change that is meant: `MRFSCOPE_GOLDEN=write pytest` on this file, and look at
the difference. They hold only the rules of sections A and B, so that a new rule elsewhere does not change them.
"""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import junitparser
import pytest
from broken_samples import NO_CEMA, NO_EVENT, NO_STATISTICS, broken

from tests.analyzer.cli.processes import ROOT, SAMPLE, mrfscope, needs_command, needs_sample, refused

GOLDEN = ROOT / "tests" / "golden"
ROWS = "GEN,OFFER,SEND,ANS,MRFP-1,TCP-1,TCP-2,TCP-3,TCP-4,TCP-5,TCP-6,TCP-7,TCP-F"

pytestmark = [needs_command, needs_sample]


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """OFFER-6 and TCP-3 are broken (errors), and GEN-3 (information)."""
    return broken(tmp_path_factory.mktemp("bad"), NO_CEMA, NO_EVENT, NO_STATISTICS)


@pytest.fixture(scope="module")
def informed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Only GEN-3 is broken."""
    return broken(tmp_path_factory.mktemp("informed"), NO_STATISTICS)


def found(*arguments: str | Path, **more: Any) -> tuple[int, list[str], str]:
    """Exit code, codes of the findings, and verdict of the one session."""
    done = mrfscope("analyze", "-f", "json", *arguments, **more)
    assert done.stderr == ""
    (session,) = json.loads(done.stdout)["sessions"]
    return done.returncode, [each["code"] for each in session["findings"]], session["verdict"]


# ------------------------------------------------------------------ exit codes


def test_a_good_session_ends_with_0() -> None:
    assert found(SAMPLE) == (0, [], "ok")


def test_an_error_ends_with_1_in_every_format(bad: Path, tmp_path: Path) -> None:
    for form in ("text", "json", "ndjson", "csv", "csv-findings", "junit"):
        done = mrfscope("analyze", bad, "-f", form, "-o", tmp_path / form)
        assert (done.returncode, done.stdout, done.stderr) == (1, "", "")
        assert (tmp_path / form).stat().st_size > 100
    assert mrfscope("analyze", "-q", bad).returncode == 1


def test_information_does_not_fail(informed: Path) -> None:
    assert found(informed) == (0, ["GEN-3"], "ok")
    assert found(informed, "--fail-on", "info") == (1, ["GEN-3"], "ok")
    assert found(informed, "--fail-on", "warning") == (0, ["GEN-3"], "ok")


def test_sessions_that_are_not_shown_do_not_count(bad: Path) -> None:
    assert "no session fits" in refused("analyze", bad, "--session", "7", code=2)


# ------------------------------------------------------------------ thresholds


def test_severity_shows_what_is_as_bad_or_worse(bad: Path) -> None:
    assert found(bad) == (1, ["OFFER-6", "TCP-3", "GEN-3"], "failed")
    assert found(bad, "--severity", "warning") == (1, ["OFFER-6", "TCP-3"], "failed")
    assert found(bad, "--severity", "error", "--fail-on", "never") == (0, ["OFFER-6", "TCP-3"], "failed")


def test_what_makes_the_command_fail_is_always_shown(informed: Path) -> None:
    assert found(informed, "--severity", "error", "--fail-on", "info") == (1, ["GEN-3"], "ok")


# ------------------------------------------------------------------ which rules


@pytest.mark.parametrize(
    ("arguments", "codes"),
    [
        (["--select", "OFFER-6"], ["OFFER-6"]),
        (["--select", "offer"], ["OFFER-6"]),
        (["--select", "OFFER-6,tcp-3"], ["OFFER-6", "TCP-3"]),
        (["--select", "OFFER-6", "--select", "GEN"], ["OFFER-6", "GEN-3"]),
        (["--ignore", "OFFER-6, GEN-"], ["TCP-3"]),
        (["--select", "TCP-", "--ignore", "TCP-3"], []),
        (["--select", "OFFER-3"], []),
    ],
)
def test_select_and_ignore(bad: Path, arguments: list[str], codes: list[str]) -> None:
    code, seen, verdict = found(bad, *arguments)
    assert seen == codes
    assert code == (1 if set(codes) - {"GEN-3"} else 0)
    assert verdict == ("failed" if code else "ok")


def test_a_whole_code_is_that_rule_alone() -> None:
    """OFFER-3 begins OFFER-3b."""
    document = json.loads(mrfscope("analyze", SAMPLE, "-f", "json", "--select", "OFFER-3").stdout)
    assert document["sessions"][0]["checks"] == {"OFFER-3": "not applicable"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--select", "OFER-6"], "--select: no code is, or begins with, 'OFER-6'; did you mean OFFER-6,"),
        (["--ignore", "GEN-2,TPC-5"], "--ignore: no code is, or begins with, 'TPC-5'; did you mean TCP-5"),
        (["--select", "???"], "see mrfscope checks list"),
        (["--severity", "fatal"], "'fatal' is not one of 'error', 'warning', 'info'"),
        (["--fail-on", "none"], "'none' is not one of 'error', 'warning', 'info', 'never'"),
    ],
)
def test_wrong_usage(arguments: list[str], said: str) -> None:
    assert said in " ".join(refused("analyze", SAMPLE, *arguments, code=2).split())


# ------------------------------------------------------------------ golden reports


@pytest.fixture(scope="module", params=["good", "broken"])
def golden(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A session and its capture, under a path that is the same on every machine."""
    folder = tmp_path_factory.mktemp("golden")
    changes = (NO_CEMA, NO_EVENT, NO_STATISTICS) if request.param == "broken" else ()
    return request.param, broken(folder, *changes, name="call")


@pytest.mark.parametrize(("form", "ending"), [("text", "txt"), ("json", "json"), ("junit", "xml")])
def test_golden_reports(golden: tuple[str, Path], form: str, ending: str) -> None:
    name, capture = golden
    done = mrfscope("analyze", "capture.pcapng", "-f", form, "--select", ROWS, cwd=capture.parent)
    assert done.returncode == (1 if name == "broken" else 0)
    path = GOLDEN / f"{name}.{ending}"
    said = done.stdout
    if form == "json":
        said = json.dumps(json.loads(said), indent=1, ensure_ascii=False) + "\n"
    if os.environ.get("MRFSCOPE_GOLDEN") == "write":
        path.write_text(said, encoding="utf-8")
    assert said == path.read_text(encoding="utf-8")


def test_formats_agree_on_findings(bad: Path) -> None:
    document = json.loads(mrfscope("analyze", bad, "-f", "json").stdout)
    rows = list(csv.DictReader(mrfscope("analyze", bad, "-f", "csv-findings").stdout.splitlines()))
    lines = [json.loads(line) for line in mrfscope("analyze", bad, "-f", "ndjson").stdout.splitlines()]
    (suite,) = junitparser.JUnitXml.fromstring(mrfscope("analyze", bad, "-f", "junit").stdout.encode())
    findings = document["sessions"][0]["findings"]
    assert [line["findings"] for line in lines if line["record"] == "session"] == [findings]
    assert [(row["code"], row["frames"]) for row in rows] == [
        (each["code"], " ".join(map(str, each["frames"]))) for each in findings
    ]
    failed = {case.name.partition(":")[0] for case in suite if case.is_failure}
    assert failed == {each["code"] for each in findings if each["severity"] == "error"}
    assert {case.name.partition(":")[0] for case in suite} - {"outcome"} == set(document["sessions"][0]["checks"])
