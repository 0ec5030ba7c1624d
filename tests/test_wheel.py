"""The wheel alone is enough: it holds every module and data file, and analyses a capture far from the source tree.

It needs neither root nor a network for that, and `pip uninstall` leaves no file behind.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("dissectors", "analyzer", "replay")
SAMPLE = ROOT / "samples" / "tcp-dial-in" / "capture.pcapng"
DATA = {".toml", ".lua", ".json", ".typed"}
NOBODY = "65534"
ALONE = """
import os, socket, sys
from analyzer.cli.main import main
print("uid 0" if os.geteuid() == 0 else "not root", *(name for _, name in socket.if_nameindex()), file=sys.stderr)
sys.exit(main())
"""
"The command, once it has told who runs it and what interfaces there are."


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
    capture.write_bytes(SAMPLE.read_bytes())
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


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def done(*command: str | Path, **more: Any) -> str:
    """What a command printed; it must succeed."""
    ended = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=120, check=False, **more)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_uninstalling_leaves_nothing(wheel: Path, tmp_path: Path) -> None:
    place, home = tmp_path / "environment", tmp_path / "home"
    home.mkdir()
    venv.create(place)
    before = files(place)
    pip = [sys.executable, "-m", "pip", "--python", str(place / "bin" / "python"), "--quiet"]
    done(*pip, "install", "--no-index", "--no-deps", wheel)
    assert "bin/mrfscope" in files(place) - before
    # The dependencies come from the environment of the tests; the packages of the checkout are not in that folder.
    used = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "COV", "XDG_"))} | {
        "HOME": str(home),
        "PYTHONPATH": sysconfig.get_path("purelib"),
    }
    for arguments in (("analyze", SAMPLE), ("explain", "OFFER-6"), ("flows", "list"), ("lab", "scenarios")):
        assert done(place / "bin" / "mrfscope", *arguments, cwd=home, env=used)
    done(*pip, "uninstall", "--yes", "mrfscope")
    assert files(place) == before
    assert files(home) == set()


def alone() -> list[str]:
    """What a command is put behind to have no network and, where the tests are root, another user."""
    if os.geteuid() != 0:
        return ["unshare", "--user", "--net"]
    return ["unshare", "--net", "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


def test_analyze_needs_neither_root_nor_a_network() -> None:
    command = [*alone(), sys.executable]
    can = subprocess.run(
        [*command, "-c", "import click"], cwd="/", capture_output=True, text=True, timeout=60, check=False
    )
    if can.returncode != 0:
        pytest.skip(f"no other user or network namespace for this Python: {can.stderr.strip().splitlines()[-1:]}")
    ended = subprocess.run(
        [*command, "-c", ALONE, "analyze", "-q", str(SAMPLE)],
        cwd="/",
        env={"HOME": "/nonexistent", "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "not root lo\n")
    assert "1  s-a77ef323ac  ok" in ended.stdout
