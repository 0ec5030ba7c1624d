"""The wheel alone is enough: it holds every module and data file, and analyses a capture far from the source tree."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("dissectors", "analyzer", "replay")
DATA = {".toml", ".lua", ".json", ".typed"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of what is needed, so that no `build/` appears in the tree."""
    pytest.importorskip("setuptools", reason="setuptools is not installed; without network no wheel can be built")
    pytest.importorskip("pip", reason="pip is not installed")
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md"):
        (source / name).write_bytes((ROOT / name).read_bytes())
    for name in source_files():
        target = source / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((ROOT / name).read_bytes())
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir"]
    done = subprocess.run([*command, str(out), str(source)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    (found,) = out.glob("*.whl")
    return found


def source_files() -> set[str]:
    """Every module and data file of the packages."""
    return {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.suffix in {".py", *DATA} or path.name == "py.typed"
    }


def test_wheel_holds_everything(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert wheel.name.startswith("mrfscope-")
    assert wheel.name.endswith("-py3-none-any.whl")
    assert held == source_files()
    assert {f"{package}/py.typed" for package in PACKAGES} <= held


def test_wheel_works_alone(wheel: Path, tmp_path: Path) -> None:
    place = tmp_path / "unpacked"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place)
    capture = elsewhere / "capture.pcapng"
    capture.write_bytes((ROOT / "samples" / "tcp-dial-in" / "capture.pcapng").read_bytes())
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "COV"))}
    environment["PYTHONPATH"] = str(place)
    # What the console script does; it also tells where the code came from. `-P`: not from the working directory.
    script = (
        "import sys, analyzer, dissectors; from analyzer.cli.main import main; "
        "print(analyzer.__file__, dissectors.__file__, file=sys.stderr); sys.exit(main())"
    )
    command = [sys.executable, "-P", "-c", script, "analyze", "-q", "-f", "json", capture.name]
    done = subprocess.run(command, cwd=elsewhere, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stderr.split() == [str(place / name / "__init__.py") for name in ("analyzer", "dissectors")]
    report = json.loads(done.stdout)
    assert [each["kind"] for each in report["sessions"]].count("message") == 1
    assert report["coverage"]["messages"]["msrp"] > 0
