"""A folder that somebody else prepared runs nothing, and changes no verdict silently: every command, real processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.analyzer.cli.processes import SAMPLE, mrfscope, needs_command, needs_sample

pytestmark = [needs_command, needs_sample]
NOBODY, DAEMON = 65534, 1
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of others")

COMMANDS = [
    ["analyze", str(SAMPLE)],
    ["analyze", str(SAMPLE), "-q", "-f", "json"],
    ["explain", "TCP-1"],
    ["checks", "list"],
    ["checks", "show", "TCP-1"],
    ["flows", "list"],
    ["flows", "show", "tcp-dial-in"],
]
"Every command that reads the project file."
PLUGIN = """\
from pathlib import Path
Path("RAN").touch()
CHECKS = []
"""
PLUGINS = '[analyze]\nplugins = ["evil.py"]\n'
SETTINGS = '[analyze]\nignore = ["GEN-3"]\nfail_on = "never"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a plugin that leaves a mark beside it, and a package that does so wherever it is imported."""
    there = tmp_path / "folder"
    there.mkdir(mode=0o755)
    evil = PLUGIN.replace("RAN", str(there / "RAN"))
    (there / "evil.py").write_text(evil)
    for name in ("click", "numpy", "sitecustomize", "usercustomize", "mrfscope", "analyzer"):
        (there / f"{name}.py").write_text(evil)
    info = there / "evil-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n")
    groups = "".join(f"[mrfscope.{group}]\nevil = evil\n" for group in ("commands", "checks", "flows"))
    (info / "entry_points.txt").write_text(groups)
    return there


def run(folder: Path, *words: str, below: str = "", user: int | None = None) -> subprocess.CompletedProcess[str]:
    """The command, in the folder or below it, as somebody who has trusted nothing."""
    place = folder / below
    place.mkdir(exist_ok=True)
    environment = {"XDG_CONFIG_HOME": str(folder.parent / "config"), "HOME": str(folder.parent / "home")}
    more: dict[str, Any] = {"user": user, "group": user, "extra_groups": []} if user is not None else {}
    done = mrfscope(*words, cwd=place, env=environment, **more)
    assert "Traceback" not in done.stderr
    assert not (folder / "RAN").exists()
    return done


def project(folder: Path, text: str, name: str = "mrfscope.toml") -> Path:
    path = folder / name
    path.write_text(text)
    path.chmod(0o644)
    return path


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("below", ["", "below"])
def test_plugins_that_were_found_do_not_run(folder: Path, words: list[str], below: str) -> None:
    """Even where all belongs to the user: an archive, once unpacked, does."""
    path = project(folder, PLUGINS)
    done = run(folder, *words, below=below)
    assert (done.returncode, done.stdout) == (2, "")
    first, hint = done.stderr.splitlines()
    assert first == f"mrfscope: {path}: names plugins (evil.py), and no program is run because it lies in a folder"
    assert f"mrfscope trust {path}" in hint
    assert "--config /dev/null" in hint
    assert run(folder, *words, "--config", "/dev/null", below=below).returncode == 0


def test_what_lies_in_the_folder_is_not_imported(folder: Path) -> None:
    """Modules with the names of libraries, and entry points; these neither where the path of imports says `here`."""
    assert run(folder, "checks", "list").returncode == 0
    for name in ("click", "numpy", "sitecustomize", "usercustomize", "mrfscope", "analyzer"):
        (folder / f"{name}.py").unlink()
    code = "import sys; from analyzer.cli.main import run; print('' in sys.path, run(['checks', 'list']))"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    assert (done.stdout.splitlines()[-1], (folder / "RAN").exists()) == ("True 0", False)


def others(path: Path) -> None:
    path.chmod(0o646)


def group(path: Path) -> None:
    os.chown(path, -1, DAEMON)
    path.chmod(0o664)


def folder_of_others(path: Path) -> None:
    path.parent.chmod(0o777)


def folder_of_others_sticky(path: Path) -> None:
    path.parent.chmod(0o1777)


def folder_of_a_group(path: Path) -> None:
    os.chown(path.parent, -1, DAEMON)
    path.parent.chmod(0o2775)


def stranger(path: Path) -> None:
    os.chown(path, NOBODY, NOBODY)


def folder_of_a_stranger(path: Path) -> None:
    os.chown(path.parent, NOBODY, NOBODY)


def above_of_a_stranger(path: Path) -> None:
    os.chown(path.parent.parent, NOBODY, NOBODY)


def above_of_others(path: Path) -> None:
    path.parent.parent.chmod(0o777)


def link_of_a_stranger(path: Path) -> None:
    """To a file that is fine, of another project of the user."""
    other = path.parent.parent / "other"
    other.mkdir(mode=0o755)
    path.rename(other / "mrfscope.toml")
    path.symlink_to(other / "mrfscope.toml")
    os.lchown(path, NOBODY, NOBODY)


def link_into_a_folder_of_others(path: Path) -> None:
    other = path.parent.parent / "other"
    other.mkdir()
    other.chmod(0o777)
    path.rename(other / "settings")
    path.symlink_to(other / "settings")


UNSAFE: list[tuple[Callable[[Path], None], str]] = [
    (others, "others may write {path}"),
    (group, "its group may write {path}"),
    (folder_of_others, "others may write in the folder {folder}"),
    (folder_of_others_sticky, "others may write in the folder {folder}"),
    (folder_of_a_group, "its group may write in the folder {folder}"),
    (stranger, "{path} belongs to nobody"),
    (folder_of_a_stranger, "the folder {folder} belongs to nobody"),
    (above_of_a_stranger, "the folder {above} belongs to nobody"),
    (above_of_others, "others may write in the folder {above}"),
    (link_of_a_stranger, "{path} is a symbolic link of nobody"),
    (link_into_a_folder_of_others, "others may write in the folder {above}/other"),
]


@needs_root
@pytest.mark.parametrize(("spoil", "said"), UNSAFE, ids=[spoil.__name__ for spoil, _ in UNSAFE])
def test_what_others_may_write_is_refused(folder: Path, spoil: Callable[[Path], None], said: str) -> None:
    path = project(folder, SETTINGS)
    assert run(folder, "explain", "TCP-1").returncode == 0
    spoil(path)
    said = said.format(path=path, folder=folder, above=folder.parent)
    for words in COMMANDS[:3]:
        done = run(folder, *words, below="below")
        assert (done.returncode, done.stdout) == (2, "")
        first, hint = done.stderr.splitlines()
        assert first == f"mrfscope: {path}: not used: {said}"
        assert hint.strip().startswith(
            "if it is yours, make it writable for you alone; to use it as it is now: mrfscope trust "
        )
    # The ways out.
    assert run(folder, "analyze", str(SAMPLE), "--config", str(path)).returncode == 0
    assert run(folder, "analyze", str(SAMPLE), "--config", "/dev/null").returncode == 0


@needs_root
def test_trust_is_a_way_out_until_the_content_changes(folder: Path) -> None:
    path = project(folder, SETTINGS)
    stranger(path)
    assert run(folder, "trust").returncode == 0
    done = run(folder, "analyze", str(SAMPLE), "-f", "json")
    assert json.loads(done.stdout)["project_file"] == {"path": str(path), "keys": ["ignore", "fail_on"]}
    path.write_text(SETTINGS.replace("never", "error"))
    done = run(folder, "analyze", str(SAMPLE))
    assert (done.returncode, done.stdout) == (2, "")
    assert "belongs to nobody, and it changed since it was trusted" in done.stderr


@needs_root
def test_a_group_of_the_users_own_may_write(folder: Path) -> None:
    """umask 002, where users have a group each: here root and its group."""
    path = project(folder, SETTINGS)
    path.chmod(0o664)
    folder.chmod(0o775)
    assert run(folder, "explain", "TCP-1").returncode == 0


@needs_root
@pytest.mark.parametrize("kind", ["plugins", "settings", "link", "no rights"])
@pytest.mark.parametrize("sticky", [0o1000, 0])
def test_a_file_that_a_stranger_put_where_everybody_may_stops_nobody(folder: Path, kind: str, sticky: int) -> None:
    """/tmp/mrfscope.toml served, or stopped, everybody who worked below /tmp."""
    folder.chmod(0o777 | sticky)
    path = project(folder, PLUGINS if kind == "plugins" else SETTINGS)
    if kind == "link":
        path.rename(folder / "mine")
        path.symlink_to("mine")
    if kind == "no rights":
        path.chmod(0)
    os.lchown(path, NOBODY, NOBODY)
    below = folder / "below"
    below.mkdir()
    for words in COMMANDS[:3]:
        done = run(folder, *words, below="below")
        said = f"mrfscope: {path}: passed over: it is of nobody, in a folder where everybody may put files\n"
        assert (done.returncode, done.stderr) == (0, said)
    plain = mrfscope("analyze", SAMPLE, "-f", "json", cwd="/").stdout
    assert run(folder, "analyze", str(SAMPLE), "-f", "json", below="below").stdout == plain


@needs_root
def test_as_another_user() -> None:
    """Not as root: what root made is fine, what a third one made is not. Others cannot pass pytest's own folder."""
    with TemporaryDirectory() as made:
        folder = Path(made) / "folder"
        folder.mkdir()
        for each in (folder, folder.parent):
            each.chmod(0o755)
        if run(folder, "--version", user=NOBODY).returncode != 0:
            pytest.skip("another user cannot run the command from this checkout")
        path = project(folder, SETTINGS)
        done = run(folder, "explain", "TCP-1", user=NOBODY)
        assert (done.returncode, done.stderr) == (0, "")
        os.chown(path, DAEMON, DAEMON)
        done = run(folder, "explain", "TCP-1", user=NOBODY)
        assert done.stderr.splitlines()[0] == f"mrfscope: {path}: not used: {path} belongs to daemon"
        folder.parent.chmod(0o700)  # who may not look there is not served from there
        done = run(folder, "explain", "TCP-1", user=NOBODY)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("kind", ["pipe", "folder", "dangling", "round", "device"])
def test_what_is_no_file_is_not_there(folder: Path, kind: str) -> None:
    """And nobody waits at it."""
    path = folder / "mrfscope.toml"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to({"dangling": "none", "round": "mrfscope.toml", "device": "/dev/zero"}[kind])
    done = run(folder, "explain", "TCP-1")
    assert (done.returncode, done.stderr) == (0, "")


@needs_root
def test_the_profile_must_be_ours_too(folder: Path) -> None:
    path = project(folder, '[analyze]\nprofile = "acme.toml"\n')
    profile = project(folder, 'statistics_packages = ["acme"]\n', "acme.toml")
    assert run(folder, "analyze", str(SAMPLE)).returncode == 0
    os.chown(profile, NOBODY, NOBODY)
    done = run(folder, "analyze", str(SAMPLE))
    said = f"mrfscope: {profile}: not used as the profile of {path}: {profile} belongs to nobody"
    assert (done.returncode, done.stderr.splitlines()[0]) == (2, said)


# ------------------------------------------------------------------ what is used is named

NAMED: dict[str, Callable[[str, str], str]] = {
    "text": lambda out, err: next(line for line in out.splitlines() if "project file" in line),
    "json": lambda out, err: str(json.loads(out)["project_file"]),
    "ndjson": lambda out, err: str(json.loads(out.splitlines()[0])["project_file"]),
    "junit": lambda out, err: next(line for line in out.splitlines() if 'name="project_file"' in line),
    "csv": lambda out, err: err,
    "csv-findings": lambda out, err: err,
}


@pytest.mark.parametrize("quiet", [True, False])
@pytest.mark.parametrize("form", NAMED)
def test_the_project_file_is_named_in_every_format(folder: Path, form: str, quiet: bool) -> None:
    path = project(folder, SETTINGS)
    done = run(folder, "analyze", str(SAMPLE), "-f", form, *(["-q"] if quiet else []))
    assert done.returncode == 0
    assert str(path) in NAMED[form](done.stdout, done.stderr)
    without = run(folder, "analyze", str(SAMPLE), "-f", form, "--config", "/dev/null")
    assert str(path) not in without.stdout + without.stderr


def test_every_format_is_named_here() -> None:
    from analyzer.report import FORMATS

    assert set(NAMED) == set(FORMATS)


def test_the_words(folder: Path) -> None:
    path = project(folder, SETTINGS)
    quiet = run(folder, "analyze", str(SAMPLE), "-q").stdout.splitlines()
    assert quiet[-1] == f"With project file {path}: ignore, fail_on."
    csv = run(folder, "analyze", str(SAMPLE), "-q", "-f", "csv").stderr
    assert csv == f"mrfscope: project file {path} sets ignore, fail_on\n"
    junit = run(folder, "analyze", str(SAMPLE), "-f", "junit").stdout
    assert '<property name="project_file.keys" value="ignore fail_on"/>' in junit
