"""Whatever is in a file that the user names: one line that says what is wrong, exit code 2, never a traceback.

Files are TOML and JSON keys, key logs, RSA keys, profiles and project files; the readers of the standard library
refuse numbers of more than 4,300 digits, and give up on deep nesting, with errors that are none of their own.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

from analyzer.cli.main import Invocation, mrfscope, run
from analyzer.user_text import TextError, read_json, read_toml, shown, utf8_text

SAMPLE = Path(__file__).resolve().parents[3] / "samples" / "tcp-dial-in" / "capture.pcapng"
DIGITS = "9" * 5000
DEEP = "[" * 20_000
BROKEN = {
    "long number": f"a = {DIGITS}\n".encode(),
    "long number in hexadecimal": f"[analyze]\nudp_port = [0x{DIGITS}]\n".encode(),
    "deep nesting": f"a = {DEEP}".encode(),
    "deep table": ("[" + ".".join("a" * 5000) + "]\nb = 1\n").encode(),
    "no UTF-8": b'a = "\xff\xfe"\n',
    "UTF-16": "a = 1\n".encode("utf-16"),
    "NUL": b"a = 1\0\n",
    "binary": SAMPLE.read_bytes()[:4000],
}
BROKEN_JSON = {
    "long number": f'{{"psk": {DIGITS}}}'.encode(),
    "long number in a field": f'{{"psk": [{{"identity": "a", "key": "00", "csb_id": {DIGITS}}}]}}'.encode(),
    "deep nesting": f'{{"psk": {DEEP}'.encode(),
    "half a surrogate pair": b'{"psk": [{"identity": "\\ud800", "key": "00"}]}',
    "NUL in a file name": b'{"key_log": "a\\u0000b"}',
    "half a surrogate pair in a file name": b'{"rsa_key": "\\udfff"}',
    "long port": f'{{"psk": [{{"address": "192.0.2.1:{DIGITS}", "key": "00"}}]}}'.encode(),
}


def refused(capfd: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The first line that a run complains with."""
    assert run(["analyze", str(SAMPLE), *arguments]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert "Traceback" not in err
    assert "internal error" not in err
    assert "set_int_max_str_digits" not in err
    assert len(err) < 2000
    return err


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("option", ["--config", "--profile", "-k"])
def test_broken_toml(name: str, option: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "file.toml"
    path.write_bytes(BROKEN[name])
    path.chmod(0o600)
    assert "file.toml" in refused(capfd, option, str(path))


@pytest.mark.parametrize("name", BROKEN_JSON)
def test_broken_json(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(BROKEN_JSON[name])
    path.chmod(0o600)
    refused(capfd, "-k", str(path))


@pytest.mark.parametrize("option", ["--config", "--profile", "-k", "--keylog"])
def test_directory(option: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert "directory" in refused(capfd, option, str(tmp_path)).lower()


@pytest.mark.parametrize("option", ["--config", "--profile", "-k", "--keylog"])
def test_no_end(option: str, capfd: pytest.CaptureFixture[str]) -> None:
    """/dev/zero has no end: only so much of a file is read."""
    assert "larger than" in refused(capfd, option, "/dev/zero")


@pytest.mark.parametrize(
    "text",
    [
        'profile = "a\\u0000b"',
        'profile = "~no-such-user-here/a.toml"',
        'plugins = ["a\\u0000b.py"]',
        'profile = "nowhere"',
    ],
)
def test_file_names_in_the_project_file(text: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mrfscope.toml"
    path.write_text(f"[analyze]\n{text}\n")
    refused(capfd, "--config", str(path))


def test_byte_order_mark(tmp_path: Path) -> None:
    """Editors on Windows write one; it is no part of the text."""
    for name, option, text in (
        ("mrfscope.toml", "--config", "[analyze]\nseverity = 'error'\n"),
        ("profile.toml", "--profile", "tcp_events = ['tcpbcc/bncchange']\n"),
        ("keys.toml", "-k", "[[psk]]\nkey = '00'\n"),
        ("keys.json", "-k", '{"psk": [{"key": "00"}]}'),
    ):
        path = tmp_path / name
        path.write_bytes(b"\xef\xbb\xbf" + text.encode())
        path.chmod(0o600)
        assert run(["analyze", str(SAMPLE), option, str(path), "-q", "-o", os.devnull]) == 0, name


def test_named_pipe(tmp_path: Path) -> None:
    """`-k <(gpg -d keys.toml.gpg)`."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(b"[[psk]]\nkey = '00'\n",))
    writer.start()
    result = CliRunner().invoke(
        mrfscope, ["analyze", str(SAMPLE), "-k", str(path), "-q", "-o", os.devnull], obj=Invocation()
    )
    writer.join()
    assert result.exception is None


def test_where_a_long_number_is() -> None:
    for read in (read_toml, read_json):
        text = f'\n{{"a":\n{DIGITS}}}' if read is read_json else f"a = 1\n\nb = {DIGITS}\n"
        with pytest.raises(TextError, match=r"a number has too many digits \(at line 3\)"):
            read(text)  # type: ignore[operator]


def test_where_text_ends_to_be_utf8() -> None:
    with pytest.raises(TextError, match=r"not UTF-8 text \(at line 2\)"):
        utf8_text(b"a\n\xff")


def test_wrong_values_are_shown_short() -> None:
    assert shown("a" * 100) == "'" + "a" * 59 + "..."
    assert shown([int(DIGITS, 16)]) == "a list too large to show"
    assert shown(12) == "12"
