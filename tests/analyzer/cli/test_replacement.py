"""A file takes its name when it is whole; what was there stays otherwise, and nothing piles up (real files)."""

from __future__ import annotations

import fcntl
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from analyzer.cli import replacement
from analyzer.cli.main import OutputError
from analyzer.cli.output import destination, open_output
from analyzer.cli.replacement import YOUNG, replacing

NOBODY = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="files of others can be made by root alone")


@pytest.fixture(params=["unnamed", "named"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways: with O_TMPFILE, and as on a file system that has none."""
    if request.param == "named":
        monkeypatch.setattr(replacement, "_open_unnamed", lambda folder: None)
    return str(request.param)


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def leave(folder: Path, name: str, age: float = 60.0) -> Path:
    path = folder / name
    path.write_bytes(b"left")
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_it_is_there_when_it_is_whole(tmp_path: Path, way: str) -> None:
    target = tmp_path / "report"
    target.write_text("old")
    with replacing(target) as file:
        file.write(b"new")
        assert target.read_text() == "old"
        assert len(names(tmp_path)) == (1 if way == "unnamed" else 2)
    assert (names(tmp_path), target.read_text()) == (["report"], "new")


@pytest.mark.parametrize("error", [ValueError, OSError, KeyboardInterrupt, SystemExit])
def test_what_was_there_stays_when_it_fails(tmp_path: Path, way: str, error: type[BaseException]) -> None:
    target = tmp_path / "report"
    target.write_text("old")

    def fail() -> None:
        with replacing(target) as file:
            file.write(b"half")
            raise error

    with pytest.raises(error):
        fail()
    assert (names(tmp_path), target.read_text()) == (["report"], "old")


def test_rights(tmp_path: Path, way: str) -> None:
    del way
    for before, private, after in ((None, False, 0o640), (0o604, False, 0o604), (0o4755, False, 0o755)):
        target = tmp_path / f"{before}"
        if before is not None:
            target.write_text("")
            target.chmod(before)
        mask = os.umask(0o027)
        try:
            with replacing(target, private=private):
                pass
        finally:
            os.umask(mask)
        assert stat.S_IMODE(target.stat().st_mode) == after
        with replacing(target, private=True):
            pass
        assert stat.S_IMODE(target.stat().st_mode) == 0o600


@needs_root
def test_a_file_of_somebody_that_root_writes_stays_theirs(tmp_path: Path, way: str) -> None:
    del way
    target = tmp_path / "report"
    target.write_text("")
    os.chown(target, NOBODY, NOBODY)
    with replacing(target):
        pass
    assert (target.stat().st_uid, target.stat().st_gid) == (NOBODY, NOBODY)
    with replacing(target, private=True):  # keys for root are for root alone
        pass
    assert (target.stat().st_uid, stat.S_IMODE(target.stat().st_mode)) == (0, 0o600)


def test_names_as_long_as_the_system_has_them(tmp_path: Path, way: str) -> None:
    del way
    for name in ("x" * 255, "é" * 127, "x"):
        with replacing(tmp_path / name) as file:
            file.write(b"new")
        assert (tmp_path / name).read_bytes() == b"new"


def test_what_killed_runs_left_is_taken_away(tmp_path: Path, way: str) -> None:
    del way
    leave(tmp_path, ".report.abc_1234.part")
    leave(tmp_path, ".report.zzzzzzzz.part")
    with replacing(tmp_path / "report"):
        pass
    assert names(tmp_path) == ["report"]


def test_what_is_not_left_by_killed_runs_stays(tmp_path: Path) -> None:
    """Other names, what is young, what somebody holds a lock on, what has a second name, links, folders."""
    kept = [
        leave(tmp_path, name)
        for name in (".other.abc_1234.part", "report.abc_1234.part", ".report.abc_123.part", ".report.ABCDEFGH.part",
                     ".report.abc_1234.part.txt", ".report..abc_1234.part")
    ]  # fmt: skip
    kept.append(leave(tmp_path, ".report.young123.part", age=YOUNG / 2))
    linked = leave(tmp_path, ".report.linked12.part")
    (tmp_path / "second").hardlink_to(linked)
    locked = leave(tmp_path, ".report.locked12.part")
    link = tmp_path / ".report.symlink1.part"
    link.symlink_to(leave(tmp_path, "somewhere"))
    folder = tmp_path / ".report.folder12.part"
    folder.mkdir()
    with locked.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with replacing(tmp_path / "report"):
            pass
    there = [*kept, linked, locked, link, folder, tmp_path / "somewhere", tmp_path / "second", tmp_path / "report"]
    assert names(tmp_path) == sorted(each.name for each in there)


@needs_root
def test_what_others_left_stays(tmp_path: Path) -> None:
    left = leave(tmp_path, ".report.abc_1234.part")
    os.chown(left, NOBODY, NOBODY)
    with replacing(tmp_path / "report"):
        pass
    assert left.exists()


KILLED = """
import os, signal, sys
from pathlib import Path
from analyzer.cli import replacement
if sys.argv[2] == "named":
    replacement._open_unnamed = lambda folder: None
with replacement.replacing(Path(sys.argv[1])) as file:
    file.write(b"half")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(("how", "left"), [("unnamed", 0), ("named", 1)])
def test_kill_9(tmp_path: Path, how: str, left: int) -> None:
    target = tmp_path / "report"
    target.write_text("old")
    subprocess.run([sys.executable, "-c", KILLED, target, how], check=False, timeout=60)
    assert (len(names(tmp_path)), target.read_text()) == (1 + left, "old")
    for path in tmp_path.glob(".report.*"):
        os.utime(path, (0, 0))
    with replacing(target):
        pass
    assert names(tmp_path) == ["report"]


def test_two_that_write_at_once_leave_each_other_alone(tmp_path: Path, way: str) -> None:
    del way
    target = tmp_path / "report"
    with replacing(target) as one:
        one.write(b"one")
        one.flush()
        for path in tmp_path.glob(".report.*"):
            os.utime(path, (0, 0))  # as if it had been at work for long
        with replacing(target) as other:
            other.write(b"other")
        assert target.read_bytes() == b"other"
    assert (names(tmp_path), target.read_bytes()) == (["report"], b"one")


# ------------------------------------------------------------------ links and descriptors


def test_links_are_followed_to_the_file(tmp_path: Path) -> None:
    real = tmp_path / "deep" / "real"
    real.parent.mkdir()
    (tmp_path / "second").symlink_to("deep/real")
    (tmp_path / "first").symlink_to(tmp_path / "second")
    assert destination(str(tmp_path / "first")) == real
    with open_output(str(tmp_path / "first")) as out:  # what it names need not be there
        out.write(b"new")
    assert (real.read_bytes(), (tmp_path / "first").is_symlink()) == (b"new", True)
    (tmp_path / "round").symlink_to("round")
    with pytest.raises(OutputError, match="too many symbolic links"):
        destination(str(tmp_path / "round"))


def test_descriptors() -> None:
    assert destination("/dev/stdout") == 1
    assert destination("/dev/stderr") == 2
    assert destination("/dev/fd/7") == 7
    assert destination("/proc/self/fd/7") == 7
    assert destination("/dev/null") == Path("/dev/null")


@needs_root
@pytest.mark.parametrize("where", ["file", "folder"])
def test_a_link_laid_by_a_stranger_is_not_followed(tmp_path: Path, where: str) -> None:
    """As the system does (protected_symlinks): in /tmp, `report -> ~/.bashrc` of a stranger."""
    anybody, mine = tmp_path / "tmp", tmp_path / "home"
    anybody.mkdir()
    mine.mkdir()
    anybody.chmod(0o1777)
    (mine / "bashrc").write_text("mine")
    link = anybody / "report"
    link.symlink_to(mine / "bashrc" if where == "file" else mine)
    output = link if where == "file" else link / "bashrc"
    os.lchown(link, NOBODY, NOBODY)
    with pytest.raises(OutputError, match="is a symbolic link that somebody else laid"), open_output(str(output)):
        pass
    assert (mine / "bashrc").read_text() == "mine"
    os.lchown(link, 0, 0)
    with open_output(str(output)) as out:
        out.write(b"new")
    assert (mine / "bashrc").read_text() == "new"
