"""What the analyzer says of the samples and their twins is what `expected.json` beside them says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from samples import build
from samples.expected import expected, text

FOLDERS = sorted(path.parent for path in build.FOLDER.glob("**/expected.json"))


def now(folder: Path) -> dict[str, object]:
    """What the analyzer says of a sample; its capture is built anew, so that a stale file cannot hide a change."""
    data = build.octets_of(folder)
    return expected(data, build.keys_of(folder), twin=build.is_twin(folder.name))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(build.FOLDER)))
def test_report_is_as_expected(folder: Path) -> None:
    assert now(folder) == json.loads((folder / "expected.json").read_bytes())


def test_every_plain_sample_and_every_twin_says_what_is_expected() -> None:
    names = {str(folder.relative_to(build.FOLDER)) for folder in FOLDERS}
    lacking = set(build.names()) - names
    assert lacking == set(), "read what `python -m samples.build --expected NAME...` writes for them"
    assert names - set(build.names()) == {"e2e-openssl"}  # recorded, not built


def test_expected_holds_no_subscriber_and_no_message() -> None:
    """Identities and bodies are shown only when asked for; the samples' own are well known."""
    for folder in FOLDERS:
        said = (folder / "expected.json").read_text(encoding="utf-8")
        for secret in ("alice@", "bob@", "carol@", "Good morning", "genda of", "rectifier", "Site north"):
            assert (folder.name, secret, secret in said) == (folder.name, secret, False)


def test_expected_is_written_in_lines_that_read_back() -> None:
    record = {"a": [{"b": "ü" * 150, "c": [1, 2]}, {"x": "y" * 200}], "d": None, "e": "x" * 300}
    assert json.loads(text(record)) == record
    assert text(record).splitlines()[:3] == ["{", ' "a": [', f'  {{"b": "{"ü" * 150}", "c": [1, 2]}},']
