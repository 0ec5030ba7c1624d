"""No command writes to what it reads, nor two outputs to one file; real processes, all options that name files."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from analyzer.cli import main
from analyzer.cli.named_files import NamedFiles
from tests.analyzer.cli.processes import COMMAND, ROOT, mrfscope, needs_command, refused

SECURED = ROOT / "samples" / "e2e-dial-in"
PLUGIN = "CHECKS = []\n"
pytestmark = [needs_command, pytest.mark.skipif(not SECURED.exists(), reason="the sample is not built: make samples")]

NAMES = {
    "capture.pcapng": "a capture being read",
    "keys.toml": "a keys file",
    "keys.log": "a key log being read",
    "ambient.log": "a key log being read",
    "psks": "a file with keys",
    "rsa.pem": "a file with a key",
    "acme.toml": "the profile",
    "mrfscope.toml": "the project file",
    "plugin.py": "a plugin",
}
"What the folder holds, and what the command calls it."


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with every kind of file that a command reads."""
    shutil.copy(SECURED / "capture.pcapng", tmp_path)
    keys = "rsa_key = ['rsa.pem']\n" + (SECURED / "keys.toml").read_text()
    for name, text in {
        "keys.toml": keys, "keys.log": "", "ambient.log": "", "psks": ":0102\n", "rsa.pem": rsa_key(), "acme.toml": "",
        "mrfscope.toml": "[analyze]\n", "plugin.py": PLUGIN,
    }.items():  # fmt: skip
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    return tmp_path


def rsa_key() -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(65537, 2048)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key.private_bytes(*form).decode()


def same(path: Path, out: Path) -> Path:
    del out
    return path


def symlink(path: Path, out: Path) -> Path:
    out.symlink_to(path)
    return out


def hardlink(path: Path, out: Path) -> Path:
    out.hardlink_to(path)
    return out


CASES: list[tuple[str, Callable[[Path, Path], Path]]] = [
    *((name, same) for name in NAMES),
    *((name, way) for name in ("keys.toml", "mrfscope.toml") for way in (symlink, hardlink)),
]
READS_ALL = ["-k", "keys.toml", "--psk-file", "psks", "--keylog", "keys.log", "--profile", "acme.toml",
             "--plugin", "plugin.py", "--config", "mrfscope.toml"]  # fmt: skip
READS_KEYS = READS_ALL[:6]


@pytest.mark.parametrize(("name", "other_name"), CASES)
def test_analyze_spares_what_it_reads(
    folder: Path, name: str, other_name: Callable[[Path, Path], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", "ambient.log")
    before = (folder / name).read_bytes()
    output = other_name(folder / name, folder / "out")
    done = mrfscope("analyze", "capture.pcapng", *READS_ALL, "-o", output, cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1] == f"Error: {output} is {NAMES[name]}; choose another name for the output"
    assert (folder / name).read_bytes() == before


@pytest.mark.parametrize("option", ["-w", "--write-keylog", "--plain"])
@pytest.mark.parametrize("name", ["capture.pcapng", "keys.toml", "keys.log", "ambient.log", "psks", "rsa.pem"])
def test_decrypt_spares_what_it_reads(folder: Path, name: str, option: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", "ambient.log")
    before = (folder / name).read_bytes()
    done = mrfscope("decrypt", "capture.pcapng", *READS_KEYS, option, name, cwd=folder)
    assert (done.returncode, f"{name} is {NAMES[name]}" in done.stderr) == (2, True)
    assert (folder / name).read_bytes() == before


def test_two_outputs_are_two_files(folder: Path) -> None:
    (folder / "old").write_text("old")
    (folder / "link").symlink_to("old")
    for one, other in (
        ("new", "./new"),
        ("new", f"{folder}/new"),
        ("new", "NEW"),
        ("old", "link"),
        ("-", "/dev/stdout"),
    ):
        done = mrfscope("decrypt", "capture.pcapng", *READS_KEYS, "-w", one, "--plain", other, cwd=folder)
        assert done.returncode == 2, (one, other)
        assert "choose another name" in done.stderr or "only one output" in done.stderr
    assert (folder / "old").read_text() == "old"
    assert not (folder / "new").exists()
    done = mrfscope("decrypt", "capture.pcapng", *READS_KEYS, "-w", "/dev/null", "--plain", "/dev/null", cwd=folder)
    assert done.returncode == 0


@pytest.mark.parametrize("words", [["run", "e2e-dial-in"], ["up"]])
def test_the_lab_spares_what_it_reads(tmp_path: Path, words: list[str]) -> None:
    same_twice = [*words, "-w", tmp_path / "x", "--keys-out", tmp_path / "x"]
    assert "is what -w writes" in refused("lab", *same_twice, code=2)
    if words == ["up"]:
        for name in ("keys", "config"):
            path = tmp_path / f"{name}.toml"
            path.write_text("")
            for option in ("-w", "--keys-out"):
                told = refused("lab", "up", f"--{name}", path, option, path, code=2)
                assert f"{path} is a file that the lab reads" in told
                assert path.read_text() == ""


def test_standard_input_and_output_count(folder: Path) -> None:
    capture = folder / "capture.pcapng"
    before = capture.read_bytes()
    with capture.open("rb") as read, capture.open("ab") as append:
        done = mrfscope("analyze", "-", "-o", capture, stdin=read)
        assert (done.returncode, f"{capture} is a capture being read" in done.stderr) == (2, True)
        command = [str(COMMAND), "analyze", str(capture)]
        shell = subprocess.run(command, stdout=append, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
        assert (shell.returncode, "standard output is a capture being read" in shell.stderr) == (2, True)
    assert capture.read_bytes() == before


def test_descriptors_and_pipes_are_written_to(folder: Path) -> None:
    whole = mrfscope("analyze", "capture.pcapng", "-f", "csv", cwd=folder).stdout
    assert mrfscope("analyze", "capture.pcapng", "-f", "csv", "-o", "/dev/stdout", cwd=folder).stdout == whole
    with (folder / "log").open("w+") as log:  # as `>> log` does: what is there stays
        log.write("before\n")
        log.flush()
        command = [str(COMMAND), "analyze", "capture.pcapng", "-f", "csv", "-o", "/dev/stdout"]
        subprocess.run(command, stdout=log, cwd=folder, timeout=60, check=True)
    assert (folder / "log").read_text() == f"before\n{whole}"
    os.mkfifo(folder / "pipe")
    process = subprocess.Popen([str(COMMAND), "analyze", "capture.pcapng", "-f", "csv", "-o", "pipe"], cwd=folder)
    assert (folder / "pipe").read_text() == whole
    assert process.wait(60) == 0
    assert (folder / "pipe").is_fifo()


def test_an_input_that_takes_the_place_of_the_output_meanwhile_is_spared(tmp_path: Path) -> None:
    """What was looked at before the work is looked at again before the file takes its name."""
    from analyzer.cli.output import open_output

    capture, out = tmp_path / "capture", tmp_path / "out"
    capture.write_text("packets")
    files = NamedFiles()
    files.reads("a capture being read", [capture])
    files.writes("-o", str(out))
    files.check()

    def write() -> None:
        with open_output(str(out), files=files) as file:
            file.write(b"report")
            out.hardlink_to(capture)

    with pytest.raises(click.UsageError, match="is a capture being read"):
        write()
    assert capture.read_text() == "packets"


def test_a_write_protected_file_stays(folder: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write anything")
    (folder / "out").write_text("old")
    (folder / "out").chmod(0o400)
    assert "it is write-protected" in refused("analyze", folder / "capture.pcapng", "-o", folder / "out", code=74)
    assert (folder / "out").read_text() == "old"


# ------------------------------------------------------------------ ended from outside, a full disk


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_ended_by_a_signal(tmp_path: Path, number: int, code: int) -> None:
    """Even where a file cannot be without a name, and while the report is written."""
    out = tmp_path / "out"
    out.write_text("old")
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, "analyze", SECURED / "capture.pcapng", "-o", out],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: [signal.signal(each, signal.SIG_DFL) for each in (signal.SIGINT, signal.SIGHUP)],
    )
    assert process.stderr is not None
    assert process.stderr.readline() == "writing\n"
    assert len(list(tmp_path.glob(".out.*.part"))) == 1
    process.send_signal(number)
    assert process.wait(60) == code
    said = "interrupted" if number == signal.SIGINT else f"ended by {signal.Signals(number).name}"
    assert process.stderr.read().strip() == f"mrfscope: {said}"
    process.stderr.close()
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("out", "old")]


SLOW = """
import sys, time
from analyzer.cli import replacement
from analyzer.cli.main import main
from analyzer.report import Format
replacement._open_unnamed = lambda folder: None
def slow(report, out):
    out.write(b"half")
    print("writing", file=sys.stderr, flush=True)
    time.sleep(60)
Format.load = lambda self: slow
sys.argv[0] = "mrfscope"
main()
"""


def test_nohup_is_heard(tmp_path: Path) -> None:
    """What ignores SIGHUP goes on."""
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW.replace("60", "1"), "analyze", SECURED / "capture.pcapng", "-o", tmp_path / "out"],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    assert process.stderr is not None
    assert process.stderr.readline() == "writing\n"
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=60)
    assert process.returncode == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("no small file system can be mounted here")
    yield folder
    for _ in range(50):
        if subprocess.run(["umount", str(folder)], check=False).returncode == 0:
            break
        time.sleep(0.1)


def test_a_full_disk(small_disk: Path) -> None:
    out = small_disk / "out"
    out.write_text("old")
    (small_disk / "filler").write_bytes(bytes(60_000))
    capture = SECURED / "capture.pcapng"
    told = refused("analyze", capture, "-f", "json", "-o", out, code=74)
    assert told == f"mrfscope: {out}: cannot be written: No space left on device\n"
    assert (sorted(each.name for each in small_disk.iterdir()), out.read_text()) == (["filler", "out"], "old")


# ------------------------------------------------------------------ no option is forgotten

READS = {"-r", "--keys", "-k", "--psk-file", "--keylog", "--profile", "--plugin", "--config", "--send"}
WRITES = {"-o", "--output", "-w", "--write", "--write-keylog", "--plain", "--keys-out"}


def names_a_file(option: click.Option) -> bool:
    """By the looks of its metavar: FILE, OUT, KEYS.toml."""
    return isinstance(option.type, click.Path) or bool(re.search(r"FILE|OUT|\.", option.metavar or ""))


def every_command(command: click.Command) -> Iterator[click.Command]:
    yield command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from every_command(found)


def test_every_option_that_names_a_file_is_known_here() -> None:
    """A new one: name the file to `NamedFiles` in its command, test it above, and write it down here."""
    options = {
        name
        for command in every_command(main.mrfscope)
        for each in command.params
        if isinstance(each, click.Option) and names_a_file(each)
        for name in each.opts
    }
    assert options == READS | WRITES
