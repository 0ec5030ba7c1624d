"""`mrfscope trust`: what is trusted is a content, and what runs is what was compared. Real processes."""

from __future__ import annotations

import json
import os
import py_compile
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from analyzer.errors import UserError
from analyzer.plugin_source import SourceFile, plugin_sources
from analyzer.suite import load_suite
from tests.analyzer.cli.processes import mrfscope, needs_command

NOBODY = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of others")

FILES = {
    "mrfscope.toml": '[analyze]\nplugins = ["checks/acme.py"]\nprofile = "acme.toml"\n',
    "acme.toml": "",
    "checks/acme.py": "import helper\nfrom parts import one\nCHECKS = []\nprint('ran', helper.X, one.Y)\n",
    "checks/helper.py": "X = 1\n",
    "checks/parts/__init__.py": "",
    "checks/parts/one.py": "from . import two\nY = two.Z\n",
    "checks/parts/two.py": "Z = 2\n",
    "checks/unused.py": "print('never')\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    there = tmp_path / "folder"
    for name, text in FILES.items():
        (there / name).parent.mkdir(parents=True, exist_ok=True)
        (there / name).write_text(text)
    return there


def run(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    done = mrfscope(*words, cwd=folder, env={"XDG_CONFIG_HOME": str(folder.parent / "config"), **environment})
    assert "Traceback" not in done.stderr
    return done


def store(folder: Path) -> Path:
    return folder.parent / "config" / "mrfscope" / "trust.json"


def ran(folder: Path) -> bool:
    """Does the plugin run? If not, the command says why, and ends with 2."""
    done = run(folder, "flows", "list")
    has_run = done.stdout.startswith("ran ")
    assert done.returncode == (0 if has_run else 2)
    return has_run


@needs_command
class TestCommand:
    def test_once_trusted_it_runs(self, folder: Path) -> None:
        assert not ran(folder)
        done = mrfscope("trust", cwd=folder / "checks", env={"XDG_CONFIG_HOME": str(folder.parent / "config")})
        assert (done.returncode, done.stderr) == (0, "")
        lines = done.stdout.splitlines()
        assert lines[:2] == [f"trusted as it is now: {folder}/mrfscope.toml", "  sets      plugins, profile"]
        assert [line.split("  sha256")[0] for line in lines[2:]] == [
            f"  itself    {folder}/mrfscope.toml",
            f"  profile   {folder}/acme.toml",
            f"  runs      {folder}/checks/acme.py",
            f"  runs      {folder}/checks/helper.py",
            f"  runs      {folder}/checks/parts/__init__.py",
            f"  runs      {folder}/checks/parts/one.py",
            f"  runs      {folder}/checks/parts/two.py",
        ]
        assert run(folder, "flows", "list").stdout.startswith("ran 1 2\n")
        assert sorted(each.name for each in (folder / "checks").iterdir()) == [
            "acme.py", "helper.py", "parts", "unused.py",  # and no __pycache__
        ]  # fmt: skip

    @pytest.mark.parametrize("name", [name for name in FILES if name != "checks/unused.py"])
    def test_a_change_must_be_trusted_anew(self, folder: Path, name: str) -> None:
        run(folder, "trust")
        assert ran(folder)
        path = folder / name
        before = path.stat()
        path.write_text(FILES[name] + "\n")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        done = run(folder, "flows", "list")
        assert (done.returncode, done.stdout) == (2, "")
        said = f"mrfscope: {folder}/mrfscope.toml: not used: changed since it was trusted: {path}"
        assert done.stderr.splitlines()[0] == said
        path.write_text(FILES[name])  # the content that was trusted is trusted still
        assert ran(folder)

    def test_what_is_not_a_part_of_it_may_change(self, folder: Path) -> None:
        run(folder, "trust")
        (folder / "checks" / "unused.py").write_text("print('other')\n")
        (folder / "checks" / "more.py").write_text("")
        assert ran(folder)

    def test_a_module_that_gets_in_the_way_of_an_import_must_be_trusted(self, folder: Path) -> None:
        """A package goes before a module of the same name; an import that failed before finds something now."""
        plugin = folder / "checks" / "acme.py"
        plugin.write_text("try:\n    import extra\nexcept ImportError:\n    pass\n" + FILES["checks/acme.py"])
        run(folder, "trust")
        assert ran(folder)
        (folder / "checks" / "extra.py").write_text("print('evil')\n")
        assert not ran(folder)
        (folder / "checks" / "extra.py").unlink()
        (folder / "checks" / "helper").mkdir()
        (folder / "checks" / "helper" / "__init__.py").write_text("print('evil')\nX = 1\n")
        assert not ran(folder)

    def test_compiled_files_in_the_folder_do_not_run(self, folder: Path) -> None:
        """Valid for the source by size and time, and another program."""
        for name in ("acme.py", "helper.py"):
            path = folder / "checks" / name
            text, times = path.read_text(), path.stat()
            path.write_text("print('evil')\nCHECKS = []\nX = 1\n".ljust(len(text))[: len(text)])
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
            py_compile.compile(str(path))
            path.write_text(text)
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        run(folder, "trust")
        assert run(folder, "flows", "list").stdout.startswith("ran 1 2\n")

    def test_an_import_at_run_time_gets_nothing_from_the_folder(self, folder: Path) -> None:
        (folder / "checks" / "acme.py").write_text("import importlib\nimportlib.import_module('un' + 'used')\n")
        run(folder, "trust")
        done = run(folder, "flows", "list")
        assert (done.returncode, "No module named 'unused'" in done.stderr) == (2, True)

    def test_trusting_runs_nothing(self, folder: Path) -> None:
        (folder / "checks" / "acme.py").write_text("raise SystemExit('ran')\n")
        assert run(folder, "trust").returncode == 0
        (folder / "checks" / "acme.py").write_text("def (\n")
        assert run(folder, "trust").returncode == 0
        assert "line 1: SyntaxError" in run(folder, "flows", "list").stderr

    def test_list_and_revoke(self, folder: Path) -> None:
        path = folder / "mrfscope.toml"
        assert run(folder, "trust", "--list").stdout == ""
        assert f"{path} is not trusted" in run(folder, "trust", "--revoke").stderr
        run(folder, "trust", "mrfscope.toml")
        (line,) = run(folder, "trust", "--list").stdout.splitlines()
        assert line.startswith(f"{path}  since 20")
        assert line.endswith("Z  unchanged")
        (folder / "acme.toml").write_text("# other\n")
        assert run(folder, "trust", "--list").stdout.endswith(f"Z  changed: {folder}/acme.toml\n")
        (folder / "acme.toml").unlink()
        assert f"cannot be used: {folder}/acme.toml: cannot be read" in run(folder, "trust", "--list").stdout
        path.unlink()
        assert run(folder, "trust", "--list").stdout.endswith("Z  is gone\n")
        assert run(folder, "trust", "--revoke", str(path)).stdout == f"trusted no longer: {path}\n"
        assert run(folder, "trust", "--list").stdout == ""

    def test_revoked_it_does_not_run(self, folder: Path) -> None:
        run(folder, "trust")
        assert run(folder, "trust", "--revoke").returncode == 0
        assert not ran(folder)

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["--list", "--revoke"], "--list goes with nothing else"),
            (["--list", "mrfscope.toml"], "--list goes with nothing else"),
            (["acme.toml"], "acme.toml: only what is called mrfscope.toml is found in a folder"),
            (["none/mrfscope.toml"], "none/mrfscope.toml: cannot be read: No such file"),
        ],
    )
    def test_wrong_usage(self, folder: Path, words: list[str], said: str) -> None:
        done = run(folder, "trust", *words)
        assert (done.returncode, done.stdout, said in done.stderr) == (2, "", True)

    def test_the_same_elsewhere_is_another(self, folder: Path) -> None:
        run(folder, "trust")
        moved = folder.rename(folder.parent / "moved")
        assert not ran(moved)


@needs_command
class TestStore:
    def test_it_is_for_the_user_alone(self, folder: Path) -> None:
        run(folder, "trust")
        assert (store(folder).stat().st_mode & 0o777, store(folder).parent.stat().st_mode & 0o777) == (0o600, 0o700)
        assert set(json.loads(store(folder).read_text())["projects"]) == {f"{folder}/mrfscope.toml"}

    def test_without_xdg_it_is_below_home(self, folder: Path) -> None:
        for relative in ("", "relative/path"):  # which the specification has ignored
            done = run(folder, "trust", XDG_CONFIG_HOME=relative, HOME=str(folder.parent / "home"))
            assert done.returncode == 0
        assert (folder.parent / "home" / ".config" / "mrfscope" / "trust.json").exists()
        assert not (folder / "relative").exists()

    @pytest.mark.parametrize("text", ["", "{}", "[]", '{"version": 2, "projects": {}}', '{"version": 1}', "[" * 100_000,
                                      '{"version": 1, "projects": {"x": 1}}', "\xff"])  # fmt: skip
    def test_a_damaged_one_trusts_nothing(self, folder: Path, text: str) -> None:
        store(folder).parent.mkdir(parents=True)
        store(folder).write_bytes(text.encode("latin-1"))
        done = run(folder, "flows", "list")
        assert (done.returncode, done.stderr.splitlines()[0]) == (
            2,
            f"mrfscope: {store(folder)}: not what mrfscope wrote",
        )

    def test_one_that_others_may_write_trusts_nothing(self, folder: Path) -> None:
        run(folder, "trust")
        store(folder).chmod(0o622)
        done = run(folder, "flows", "list")
        said = f"mrfscope: {store(folder)}: what it trusts is not relied on: others may write {store(folder)}"
        assert (done.returncode, done.stderr.splitlines()[0]) == (2, said)

    @needs_root
    def test_one_of_somebody_else_trusts_nothing(self, folder: Path) -> None:
        run(folder, "trust")
        os.chown(store(folder), NOBODY, NOBODY)
        assert not ran(folder)
        assert run(folder, "trust", "--list").returncode == 2

    def test_it_cannot_be_written(self, folder: Path) -> None:
        (folder.parent / "config").write_text("a file where the folder should be")
        done = run(folder, "trust")
        assert (done.returncode, "trust.json: cannot be written" in done.stderr) == (74, True)


# ------------------------------------------------------------------ what is compared is what runs


def test_what_was_read_runs_whatever_becomes_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    (tmp_path / "made_plugin.py").write_text("import made_helper\nCHECKS = []\nSAID = made_helper.SAID\n")
    (tmp_path / "made_helper.py").write_text("SAID = 'as read'\n")
    sources = plugin_sources(tmp_path / "made_plugin.py")
    for name in ("made_plugin.py", "made_helper.py"):
        (tmp_path / name).write_text("raise SystemExit('evil')\n")
    load_suite(plugins=[sources])
    module: Any = sys.modules.pop("made_plugin")
    assert module.SAID == "as read"
    assert sys.modules.pop("made_helper").__file__ == str(tmp_path / "made_helper.py")
    assert str(tmp_path) not in sys.path


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("import a", ["plugin", "a"]),
        ("import p.b as c", ["plugin", "p", "p.b"]),
        ("from p import b, none", ["plugin", "p", "p.b"]),
        ("def f():\n    from p.b import anything", ["plugin", "p", "p.b"]),
        ("import p.q.r", ["plugin", "p", "p.q", "p.q.r", "p.b"]),
        ("import json, os.path, none", ["plugin"]),
        ("from .. import a", ["plugin", "a"]),
        ("import plugin", ["plugin"]),
        ("def (", ["plugin"]),
        ("x = " + "(" * 5000, ["plugin"]),
        ("\0", ["plugin"]),
    ],
)
def test_what_belongs_to_a_plugin(tmp_path: Path, text: str, names: list[str]) -> None:
    for name in ("a.py", "p/__init__.py", "p/b.py", "p/q/__init__.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "p" / "q" / "r.py").write_text("from ..b import x\nfrom . import none\n")
    (tmp_path / "plugin.py").write_text(text)
    assert sorted(each.name for each in plugin_sources(tmp_path / "plugin.py")) == sorted(names)


def test_a_plugin_that_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    with pytest.raises(UserError, match="is no regular file"):
        plugin_sources(tmp_path / "pipe.py")
    with pytest.raises(UserError, match="cannot be read: No such file"):
        plugin_sources(tmp_path / "none.py")


def test_the_digest_is_of_the_content() -> None:
    source = SourceFile("x", Path("x.py"), b"abc")
    assert source.digest == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-4, "abc"
