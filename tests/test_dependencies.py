"""Every dependency has a wheel for CPython 3.11 and 3.13 on Linux x86_64, or is pure Python: no compiler is needed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PYTHONS = ("3.11", "3.13")
"Debian 12 and Debian 13."
GLIBC = (5, 12, 17, 24, 26, 27, 28, 31, 34, 35, 36)
"Tags of manylinux wheels (PEP 600) for the glibc of Debian 12, 2.36."
PLATFORMS = ("manylinux1", "manylinux2010", "manylinux2014", *(f"manylinux_2_{minor}" for minor in GLIBC), "linux")
UNREACHABLE = re.compile(
    r"ConnectionError|NewConnectionError|ConnectTimeout|ProxyError|Temporary failure in name", re.I
)


def required() -> list[str]:
    """What pyproject.toml asks for, to run and to develop."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [*project["dependencies"], *(each for extra in project["optional-dependencies"].values() for each in extra)]


def resolve(python: str, requirements: list[str], target: Path) -> subprocess.CompletedProcess[str]:
    """What pip would install there from wheels alone, for the newest versions; nothing is installed."""
    pytest.importorskip("pip", reason="pip is not installed")
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--dry-run", "--quiet"]
    command += ["--ignore-installed", "--report", "-", "--target", str(target), "--only-binary", ":all:"]
    command += ["--implementation", "cp", "--python-version", python]
    for platform in PLATFORMS:
        command += ["--platform", f"{platform}_x86_64"]
    done = subprocess.run([*command, *requirements], capture_output=True, text=True, timeout=600, check=False)
    if UNREACHABLE.search(done.stderr) and not os.environ.get("CI"):
        pytest.skip("the package index cannot be reached")
    return done


def name_of(requirement: str) -> str:
    """The project's name as PyPI compares it (PEP 503)."""
    found = re.match(r"[\w.-]+", requirement)
    assert found
    return re.sub(r"[-_.]+", "-", found[0]).lower()


@pytest.mark.parametrize("python", PYTHONS)
def test_every_dependency_has_a_wheel(python: str, tmp_path: Path) -> None:
    """Direct and transitive, to run and to develop."""
    done = resolve(python, required(), tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["install"]
    assert {name_of(each) for each in required()} <= {name_of(each["metadata"]["name"]) for each in found}
    assert [each["download_info"]["url"] for each in found if not each["download_info"]["url"].endswith(".whl")] == []


def test_what_has_no_wheel_is_found(tmp_path: Path) -> None:
    """The test of the test: sslpsk3, which was a dependency, has wheels for Windows alone."""
    done = resolve("3.11", ["sslpsk3==2.1.0"], tmp_path)
    assert done.returncode != 0
    assert "No matching distribution found for sslpsk3" in done.stderr
