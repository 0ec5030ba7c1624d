"""Plugins with the installed command: the how-to word for word, packages by entry points, and broken ones."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.analyzer.cli.processes import ROOT, SAMPLE, mrfscope, needs_command, needs_sample, refused

HOW_TO = (ROOT / "docs" / "extend.md").read_text(encoding="utf-8")

pytestmark = [needs_command, needs_sample]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a capture and every file that the how-to tells the reader to write."""
    (tmp_path / "capture.pcapng").write_bytes(SAMPLE.read_bytes())
    for name, text in re.findall(r"```python\n# (\w+\.py)\n(.*?)```", HOW_TO, re.S):
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def commands() -> list[list[str]]:
    """Every command of the how-to, without `mrfscope`."""
    lines = [line for block in re.findall(r"```sh\n(.*?)```", HOW_TO, re.S) for line in block.splitlines()]
    return [shlex.split(line)[1:] for line in lines if line.startswith("mrfscope ")]


def test_the_how_to_has_files_and_commands(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == ["acme.py", "acme_flow.py", "capture.pcapng"]
    assert [words[0] for words in commands()] == ["analyze", "explain", "flows", "analyze"]


def test_the_how_to_word_for_word(folder: Path) -> None:
    check, explained, ladder, flow = (mrfscope(*words, cwd=folder) for words in commands())
    for done in (check, explained, ladder, flow):
        assert (done.returncode, done.stderr) == (0, "")
    assert "  warning ACME-1  ACME network handbook, 4.2, frame 1\n" in check.stdout
    assert "    actual      port 7394\n" in check.stdout
    assert "1 session: 1 warnings; 1 warning: ACME-1. See: mrfscope explain ACME-1" in check.stdout
    assert "Other ports are closed in the firewalls between access and core." in explained.stdout
    assert "1     ACME-1  ├────────▶│         │  INVITE, SDP offer with a port from our range\n" in ladder.stdout
    assert "  flow       acme-dial-in\n             ✗ ACME-1  1    failed: INVITE" in flow.stdout
    assert "             ✓ TCP-2   3-4  Reserve And Configure\n" in flow.stdout


def test_the_project_file_of_the_how_to(folder: Path) -> None:
    (text,) = re.findall(r"```toml\n# mrfscope.toml\n(.*?)```", HOW_TO, re.S)
    (folder / "mrfscope.toml").write_text(text)
    trusting = {"XDG_CONFIG_HOME": str(folder / "config")}
    assert mrfscope("trust", cwd=folder, env=trusting).returncode == 0
    assert "warning ACME-1" in mrfscope("analyze", "capture.pcapng", cwd=folder, env=trusting).stdout
    named = mrfscope("analyze", "capture.pcapng", "--config", "mrfscope.toml", cwd=folder)
    assert "warning ACME-1" in named.stdout


def test_the_package_of_the_how_to(folder: Path) -> None:
    """An installed distribution is a folder on the path with a `dist-info` that has these entry points."""
    (text,) = re.findall(r"```toml\n# pyproject.toml of your package\n(.*?)```", HOW_TO, re.S)
    info = folder / "acme-1.0.dist-info"
    info.mkdir()
    entries = re.sub(r'\[project\.entry-points\."([\w.]+)"\]', r"[\1]", text).replace('"', "")
    (info / "entry_points.txt").write_text(entries)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    environment = {"PYTHONPATH": str(folder)}
    done = mrfscope("analyze", "capture.pcapng", "-f", "json", cwd=folder, env=environment)
    (session,) = json.loads(done.stdout)["sessions"]
    assert (session["flow"], [each["code"] for each in session["findings"]]) == ("acme-dial-in", ["ACME-1"])
    listed = mrfscope("checks", "list", env=environment).stdout
    assert re.search(r"^ACME-1 +warning +UEs offer MSRP", listed, re.M)


# ------------------------------------------------------------------ broken ones

BROKEN = {
    "syntax": ("def x(:\n", "cannot be loaded: line 1: SyntaxError: invalid syntax"),
    "import": ("import nothing_like_it\n", "cannot be loaded: line 1: ModuleNotFoundError"),
    "empty": ("", "has neither CHECKS nor FLOWS"),
    "taken": ("from analyzer.checks.rule import Rule\nfrom analyzer.findings import OK, Severity\n"
              "CHECKS = [Rule(code='OFFER-6', title='', clause='', severity=Severity.INFO, judge=lambda e: OK)]\n",
              "the code OFFER-6 is already there, from mrfscope"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_plugin_is_one_clear_line(tmp_path: Path, name: str) -> None:
    text, said = BROKEN[name]
    path = tmp_path / "plugin.py"
    path.write_text(text)
    for words in (["analyze", str(SAMPLE)], ["checks", "list"], ["flows", "list"], ["explain", "TCP-1"]):
        first, hint = refused(*words, "--plugin", path, code=2).splitlines()
        assert first.startswith(f"mrfscope: {path}: {said}")
        assert hint == "  docs/extend.md shows what a plugin looks like"


def internal(path: Path, *options: str) -> tuple[Any, Any]:
    """The session of the sample, held against a plugin too, and its findings."""
    done = mrfscope("analyze", SAMPLE, "--plugin", path, "-f", "json", *options)
    assert (done.returncode, done.stderr) == (1, "")
    (session,) = json.loads(done.stdout)["sessions"]
    return session, session["findings"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("    return {}['secret']", "rule ACME-1 failed on this session: line 4: KeyError."),
        ("    return True", "rule ACME-1 answered with bool, not with a Result."),
    ],
)
def test_a_plugin_that_fails_on_a_session(tmp_path: Path, body: str, said: str) -> None:
    """It costs what it would have said; every other rule is held."""
    path = tmp_path / "plugin.py"
    path.write_text(
        "from analyzer.checks.rule import Rule\nfrom analyzer.findings import Severity\n"
        f"def judge(evidence):\n{body}\n"
        "CHECKS = [Rule(code='ACME-1', title='', clause='', severity=Severity.INFO, judge=judge)]\n"
    )
    session, (finding,) = internal(path)
    assert (finding["code"], finding["severity"], finding["message"]) == ("INTERNAL", "error", f"{path}: {said}")
    assert session["verdict"] == "incomplete"
    assert session["checks"]["ACME-1"] == "not observable"
    assert session["not_observable"]["ACME-1"] == "an internal error: see the finding INTERNAL"
    assert session["checks"]["OFFER-1"] == "ok"
    assert session["flow"] == "tcp-dial-in"


def test_a_plugin_flow_whose_condition_fails(tmp_path: Path) -> None:
    path = tmp_path / "plugin.py"
    path.write_text(
        "from analyzer.flows.flow import Flow\n"
        "FLOWS = [Flow('acme', '', '', ('UE',), (), lambda evidence: evidence.nothing)]\n"
    )
    session, (finding,) = internal(path)
    assert finding["message"] == f"{path}: flow acme failed on this session: line 2: AttributeError."
    assert (session["flow"], session["verdict"]) == ("tcp-dial-in", "incomplete")


def test_no_plugin_costs_no_start_up_time() -> None:
    """The module that reads the metadata of every distribution is never imported for them."""
    code = (
        "import sys; from analyzer.cli.main import run; code = run(['explain', 'TCP-1']);"
        "print(code, 'importlib.metadata' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "0 False"
