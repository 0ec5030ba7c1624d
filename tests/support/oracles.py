"""Independent programs that tests compare with; absent ones skip with a reason, in CI they fail."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def need(program: str) -> str:
    """The path of a program, or a skip (in CI a failure) that says what is missing."""
    found = shutil.which(program)
    if found is None:
        reason = f"{program} is not installed"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def need_megaco() -> None:
    """Erlang with OTP's megaco, or a skip (in CI a failure)."""
    need("escript")
    asked = [need("erl"), "-noshell", "-eval", 'io:format("~p", [code:which(megaco)]), halt().']
    found = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=False)
    if "non_existing" in found.stdout:
        reason = "Erlang's megaco is not installed"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


def tshark_fields(path: Path, display_filter: str, fields: list[str], *options: str) -> list[list[str]]:
    """One row per matching frame: the fields' values, several of one field joined with `|`."""
    command = [need("tshark"), "-r", str(path), "-Y", display_filter, "-T", "fields", "-E", "aggregator=|", *options]
    for name in fields:
        command += ["-e", name]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return [line.split("\t") for line in done.stdout.splitlines()]


def shared_capture(path: Path) -> Path:
    """A capture of `../shared/captures`, or a skip that says so."""
    if not path.exists():
        pytest.skip(f"{path.name} is not there: ../shared/captures is not beside this checkout")
    return path
