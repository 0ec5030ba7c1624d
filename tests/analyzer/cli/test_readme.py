"""The README shows what `make demo` really prints."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.analyzer.cli.processes import BESIDE_PYTHON, ROOT, mrfscope, needs_command, needs_sample

README = (ROOT / "README.md").read_text(encoding="utf-8")


def block_after(words: str) -> str:
    """The next block of output after these words of the README."""
    return README.split(words)[1].split("```\n")[1]


@pytest.fixture(scope="module")
def demo() -> tuple[str, str]:
    """What `make demo` prints once all is set up: of the session that is right, of the one that is broken."""
    assert "sh .ci/demo.sh $(BIN)" in (ROOT / "Makefile").read_text(encoding="utf-8")
    if not BESIDE_PYTHON.exists():
        pytest.skip("mrfscope is not installed beside this Python: pip install --editable .")
    command = ["sh", ".ci/demo.sh", str(BESIDE_PYTHON.parent)]
    environment = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "COLUMNS")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    right, broken = done.stdout.split("A session that is broken: ")
    return right, broken


@needs_command
@needs_sample
def test_the_readme_shows_the_session_that_is_right(demo: tuple[str, str]) -> None:
    """After a change: `make demo`, and paste."""
    report = mrfscope("analyze", "samples/tcp-dial-in/capture.pcapng", cwd=ROOT).stdout
    assert block_after("Of the one that is right it prints:") == report
    title = "A session that is right:  mrfscope analyze samples/tcp-dial-in/capture.pcapng"
    assert demo[0].strip() == f"{title}\n\n{report}".strip()


@needs_command
def test_the_readme_shows_the_session_that_is_broken(demo: tuple[str, str]) -> None:
    """After a change: `make demo`, and paste."""
    shown = block_after("Of the broken session `make demo` says, among other things:")
    assert shown.startswith("Session 1 ")
    assert "  error TCP-REFUSED " in shown
    assert shown in demo[1]
    assert demo[1].rstrip().endswith("1 session: 1 failed; 1 error: TCP-REFUSED. See: mrfscope explain TCP-REFUSED")


def test_links_of_the_documents_lead_somewhere() -> None:
    for document in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for target in re.findall(r"\]\(([^)#]+)", document.read_text()):
            if "://" not in target:
                assert (document.parent / Path(target)).exists(), (document.name, target)
