"""The README shows what `make demo` really prints."""

from __future__ import annotations

import re
from pathlib import Path

from tests.analyzer.cli.processes import ROOT, mrfscope, needs_command, needs_sample


@needs_command
@needs_sample
def test_the_readme_shows_the_real_output() -> None:
    """After a change: `mrfscope analyze samples/tcp-dial-in/capture.pcapng`, and paste."""
    makefile = (ROOT / "Makefile").read_text()
    assert "mrfscope analyze samples/tcp-dial-in/capture.pcapng" in makefile
    shown = (ROOT / "README.md").read_text().split("`make demo` prints:")[1].split("```\n")[1]
    assert shown == mrfscope("analyze", "samples/tcp-dial-in/capture.pcapng", cwd=ROOT).stdout


def test_links_of_the_documents_lead_somewhere() -> None:
    for document in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for target in re.findall(r"\]\(([^)#]+)", document.read_text()):
            if "://" not in target:
                assert (document.parent / Path(target)).exists(), (document.name, target)
