"""The root command: commands of other packages, broken ones, unexpected errors."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import click
import pytest

from analyzer.capture.errors import CaptureError
from analyzer.cli import main


@click.command(short_help="Fails.")
@click.option("-v", "verbose", is_flag=True)
@click.pass_obj
def failing(invocation: main.Invocation, verbose: bool) -> None:
    invocation.verbose = verbose
    raise ValueError("odd \x1b[2J")


@click.command()
def unreadable() -> None:
    raise CaptureError("x.pcap", "is a directory", "name a file")


@click.command()
def code_5() -> int:
    return 5


@click.command()
def interrupted() -> None:
    raise KeyboardInterrupt


@pytest.fixture(autouse=True)
def commands(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"failing": failing, "unreadable": unreadable, "code-5": code_5, "interrupted": interrupted}
    found = {name: EntryPoint(name, f"{__name__}:{name}", main.COMMANDS) for name in names}
    found["broken"] = EntryPoint("broken", "no_such_module:x", main.COMMANDS)
    found["not-a-command"] = EntryPoint("not-a-command", "os:getcwd", main.COMMANDS)
    load = EntryPoint.load
    monkeypatch.setattr(EntryPoint, "load", lambda self: names[self.name] if self.name in names else load(self))
    monkeypatch.setattr(main, "_entry_points", lambda: found)


def test_a_broken_command_does_not_break_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["--help"]) == 0
    out = capsys.readouterr().out
    assert "failing        Fails." in out
    assert "broken         Cannot be loaded: No module named 'no_such_module'" in out
    assert main.run(["broken", "--some", "option"]) == main.EXIT_INTERNAL
    assert "the command broken cannot be loaded" in capsys.readouterr().err


def test_unexpected_errors(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["failing"]) == 70
    quiet = capsys.readouterr().err
    assert quiet.splitlines()[0] == "mrfscope: internal error: ValueError: odd \\x1b[2J"
    assert "please report it" in quiet
    assert "Traceback" not in quiet
    assert main.run(["failing", "-v"]) == 70
    assert "Traceback" in capsys.readouterr().err


def test_capture_errors(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["unreadable"]) == 3
    assert capsys.readouterr().err == "mrfscope: x.pcap: is a directory\n  name a file\n"


def test_exit_codes_of_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["code-5"]) == 5
    assert main.run(["interrupted"]) == 130
    assert capsys.readouterr().err.strip() == "mrfscope: interrupted"
    assert main.run(["nothing"]) == 2
    assert main.run([]) == 2
