"""Where the report goes: files that are whole or not there, readers that go away, terminals."""

from __future__ import annotations

import json
import os
import pty
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from tests.analyzer.cli.processes import COMMAND, SAMPLE, mrfscope, needs_command, needs_sample, refused

pytestmark = needs_command


@needs_sample
def test_output_file_is_whole_or_not_there(tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    done = mrfscope("analyze", SAMPLE, "-f", "json", "-o", out)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert json.loads(out.read_text())["schema_version"] == 1
    assert refused("analyze", SAMPLE, "--session", "nobody", "-o", tmp_path / "none.txt", code=2)
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


@needs_sample
def test_output_keeps_rights_and_links(tmp_path: Path) -> None:
    real, link = tmp_path / "real.txt", tmp_path / "link.txt"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to(real)
    assert mrfscope("analyze", SAMPLE, "-o", link).returncode == 0
    assert link.is_symlink()
    assert real.read_text() != "old"
    assert real.stat().st_mode & 0o777 == 0o640
    fresh = tmp_path / "fresh.txt"
    assert mrfscope("analyze", SAMPLE, "-o", fresh, umask=0o022).returncode == 0
    assert fresh.stat().st_mode & 0o777 == 0o644


@needs_sample
@pytest.mark.parametrize("how", ["same", "symlink", "hardlink"])
def test_a_capture_is_never_overwritten(tmp_path: Path, how: str) -> None:
    capture = tmp_path / "x.pcapng"
    shutil.copy(SAMPLE, capture)
    out = capture if how == "same" else tmp_path / "out.txt"
    if how == "symlink":
        out.symlink_to(capture)
    elif how == "hardlink":
        out.hardlink_to(capture)
    assert "is a capture being read" in refused("analyze", capture, "-o", out, code=2)
    assert capture.read_bytes() == SAMPLE.read_bytes()


@needs_sample
def test_output_that_cannot_be_written(tmp_path: Path) -> None:
    assert "is a directory" in refused("analyze", SAMPLE, "-o", tmp_path, code=74)
    assert "cannot be written" in refused("analyze", SAMPLE, "-o", tmp_path / "no" / "x", code=74)
    assert mrfscope("analyze", SAMPLE, "-o", "/dev/null").returncode == 0
    if Path("/dev/full").exists():
        assert "No space left" in refused("analyze", SAMPLE, "-o", "/dev/full", code=74)
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run(
                [str(COMMAND), "analyze", SAMPLE],
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                timeout=60,
                check=False,
            )
        assert done.returncode == 74
        assert "No space left" in done.stderr
        assert len(done.stderr.splitlines()) == 1


@needs_sample
def test_a_reader_that_goes_away_is_no_error() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run(
        [str(COMMAND), "analyze", SAMPLE], stdout=write_end, stderr=subprocess.PIPE, timeout=60, check=False
    )
    os.close(write_end)
    assert (done.returncode, done.stderr) == (141, b"")


def on_a_terminal(*arguments: str | Path, **environment: str) -> str:
    """Standard output of the command when it is a terminal of 120 columns."""
    import fcntl
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    env = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "COLUMNS")}
    env |= {"TERM": "xterm", "PYTHONUTF8": "1", **environment}
    process = subprocess.Popen(
        [str(COMMAND), *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
        env=env,
    )
    os.close(theirs)
    pieces = []
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # Linux: EIO when the other side is closed
            break
        if not piece:
            break
        pieces.append(piece)
    os.close(ours)
    assert process.wait(60) == 0
    return b"".join(pieces).decode()


@needs_sample
def test_colour_on_terminals_only_and_not_against_the_users_will() -> None:
    assert "\x1b[36mSIP" in on_a_terminal("analyze", SAMPLE)
    assert "\x1b" not in on_a_terminal("analyze", SAMPLE, NO_COLOR="1")
    assert "\x1b" not in on_a_terminal("analyze", SAMPLE, TERM="dumb")
    assert "─" * 120 in on_a_terminal("analyze", SAMPLE, NO_COLOR="1")
