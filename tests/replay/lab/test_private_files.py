"""What the lab writes holds keys: nobody but its owner may read it, at any moment, whatever umask says."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
from pathlib import Path

import pytest

from analyzer.cli import replacement
from analyzer.cli.output import open_output
from tests.analyzer.cli.processes import COMMAND, needs_command
from tests.replay.lab.test_commands import lab_file

PRIVATE = 0o600


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def run(folder: Path, umask: int, *more: str) -> None:
    command = [str(COMMAND), "lab", "run", "e2e-refused", "-w", "x.pcapng", "--keys-out", "keys.toml", *more]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, umask=umask, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@needs_command
@pytest.mark.parametrize("umask", [0, 0o022, 0o277])
def test_recordings_and_keys(umask: int, tmp_path: Path) -> None:
    """The key is in the recording (H.248, tlsbsc/psk); what was there before it was readable to all."""
    for name in ("x.pcapng", "keys.toml"):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(0o666)
    run(tmp_path, umask)
    assert b"tlsbsc/psk=" in (tmp_path / "x.pcapng").read_bytes()
    assert sorted((each.name, mode(each)) for each in tmp_path.iterdir()) == [
        ("keys.toml", PRIVATE),
        ("x.pcapng", PRIVATE),
    ]


@needs_command
@pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace needs root")
def test_recordings_with_tcpdump(tmp_path: Path) -> None:
    from forged import hosts

    with hosts("192.0.2.1"):
        pass  # or a skip
    run(tmp_path, 0, "--namespace")
    assert mode(tmp_path / "x.pcapng") == PRIVATE


@needs_command
def test_a_recording_that_goes_on(tmp_path: Path) -> None:
    """`lab up`: there is no file that others could open before it is whole, and then only its owner can."""
    config = lab_file(tmp_path)
    command = [str(COMMAND), "lab", "up", "-q", "--config", str(config), "-w", "x.pcapng", "--keys-out", "keys.toml"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True, umask=0) as lab:
        assert lab.stdout is not None
        assert lab.stdout.readline().startswith("The lab is up")
        written = [each for each in tmp_path.iterdir() if each != config]
        files = [Path(each) for each in Path(f"/proc/{lab.pid}/fd").iterdir()]
        private = [each for each in files if stat.S_ISREG(each.stat().st_mode) and not os.access(each, os.X_OK)]
        assert {mode(each) for each in [*written, *private]} == {PRIVATE}
        lab.send_signal(signal.SIGTERM)
        assert lab.wait(30) == 0
    assert mode(tmp_path / "x.pcapng") == PRIVATE


@pytest.mark.parametrize("has_unnamed", [True, False])
def test_a_file_is_private_from_its_first_moment(
    has_unnamed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the file system has no files without a name (O_TMPFILE)."""
    if not has_unnamed:
        monkeypatch.setattr(replacement, "_open_unnamed", lambda folder: None)
    before = os.umask(0)
    try:
        with open_output(str(tmp_path / "x"), private=True) as out:
            out.write(b"key")
            out.flush()
            assert [mode(each) for each in tmp_path.iterdir()] == [] if has_unnamed else [PRIVATE]
            assert stat.S_IMODE(os.fstat(out.fileno()).st_mode) == PRIVATE
    finally:
        os.umask(before)
    assert mode(tmp_path / "x") == PRIVATE


def test_a_pipe_stays_what_it_is(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    pipe.chmod(0o644)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with open_output(str(pipe), private=True) as out:
            out.write(b"octets")
        assert os.read(reader, 100) == b"octets"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert mode(pipe) == 0o644
