"""Each function of decoders, evidence, flows, rules and opening fails once, in turn: the command goes on all the same.

Whatever fault is ours, it costs one message or session; the exit code is that of findings, never that of a crash.
"""

from __future__ import annotations

import gc
import inspect
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from analyzer.cli.main import run
from analyzer.report import FORMATS

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "samples"
RUNS = (
    [str(SAMPLES / "conference-3" / "capture.pcapng")],
    [str(SAMPLES / "e2e-dial-in" / "capture.pcapng"), "-k", str(SAMPLES / "e2e-dial-in" / "keys.toml")],
)
ROOMS = ("dissectors", "analyzer.evidence", "analyzer.flows", "analyzer.checks", "analyzer.opening")
SECRET = "sip:alice@example.net"
SOME = 40
"How many functions the normal run takes."

pytestmark = pytest.mark.skipif(not Path(RUNS[1][0]).exists(), reason="samples are not built")


def analyse(number: int, folder: Path) -> tuple[int, str]:
    """One run as users start it, and its report."""
    report = folder / "report"
    report.unlink(missing_ok=True)
    words = ["analyze", *RUNS[number % 2], "--insecure-keys", "--jobs", "1", "-o", str(report)]
    code = run([*words, "-f", list(FORMATS)[number % len(FORMATS)]])
    gc.unfreeze()
    gc.set_threshold(700, 10, 10)
    return code, report.read_text(encoding="utf-8") if report.exists() else ""


def functions() -> Iterator[tuple[object, str, Callable[..., Any]]]:
    """Every function and method of these rooms that is loaded, by the module or class that holds it."""
    for module in [each for name, each in sys.modules.items() if name.startswith(ROOMS)]:
        for name, found in list(vars(module).items()):
            if getattr(found, "__module__", "") != module.__name__:
                continue
            if inspect.isfunction(found):
                yield module, name, found
            elif inspect.isclass(found):
                methods = [(key, each) for key, each in vars(found).items() if inspect.isfunction(each)]
                yield from ((found, key, each) for key, each in methods if not key.startswith("__"))


def break_once(monkeypatch: pytest.MonkeyPatch, owner: object, name: str, whole: Callable[..., Any]) -> None:
    """Let the second call fail, under every name that the function was imported by."""
    calls = [0]

    def broken(*args: Any, **options: Any) -> Any:
        calls[0] += 1
        if calls[0] == 2:
            raise KeyError(SECRET)
        return whole(*args, **options)

    monkeypatch.setattr(owner, name, broken)
    for module in [each for key, each in sys.modules.items() if key.startswith(("analyzer", "dissectors"))]:
        for key, found in list(vars(module).items()):
            if found is whole:
                monkeypatch.setattr(module, key, broken)


def fail_in_turn(folder: Path, capfd: pytest.CaptureFixture[str], most: int | None = None) -> None:
    for number in range(2 * len(FORMATS)):
        analyse(number, folder)  # all that is imported when it is used
    capfd.readouterr()
    found = sorted(functions(), key=lambda each: (each[2].__module__, each[2].__qualname__))
    random.Random(most).shuffle(found)
    for number, (owner, name, whole) in enumerate(found[:most]):
        with pytest.MonkeyPatch.context() as patch:
            break_once(patch, owner, name, whole)
            code, report = analyse(number, folder)
        said = "".join(capfd.readouterr())
        what = f"{whole.__module__}.{whole.__qualname__}, run {number}: {said}"
        assert code in (0, 1, 3), what
        assert "Traceback" not in said, what
        assert f"KeyError: {SECRET}" not in report, what


def test_some_functions_fail(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    fail_in_turn(tmp_path, capfd, SOME)


@pytest.mark.soak
def test_each_function_fails(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    fail_in_turn(tmp_path, capfd)
