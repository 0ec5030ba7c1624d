"""Keys by option: `--psk-file`, files of another kind, files that other files name, keys that are not repeated."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from oracles import shared_capture

from analyzer.cli.main import run
from tests.analyzer.cli.processes import mrfscope, needs_command

SAMPLES = Path(__file__).resolve().parents[3] / "samples" / "drawn"
CAPTURE = str(SAMPLES / "e2e-dial-out" / "capture.pcapng")
KEY = "00112233445566778899aabbccddeeff"
WIRESHARK = Path(__file__).resolve().parents[4] / "shared" / "captures" / "tls12-psk-aes128ccm.pcap"
PSK = "ca19e028a8a372ad2d325f950fcaceed"
KEY_LOG = f"CLIENT_RANDOM {'ab' * 32} {'cd' * 48}\n"


def private(path: Path, text: str) -> str:
    path.write_text(text)
    path.chmod(0o600)
    return str(path)


def said(capsys: pytest.CaptureFixture[str], tmp_path: Path, *words: str, code: int = 2) -> str:
    """Standard error of `decrypt` with these key options."""
    assert run(["decrypt", CAPTURE, "--write-keylog", str(tmp_path / "out.keys"), *words]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err


def last(text: str) -> str:
    return text.splitlines()[-1]


# ------------------------------------------------------------------ --psk-file


def test_psks_are_read_by_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    lines = f"# office\n\nalice:{KEY}\n192.0.2.1:2855:base64:AAECAwQFBgcICQoLDA0ODw==\n  :0011\n"
    err = said(capsys, tmp_path, "--psk-file", private(tmp_path / "psks", lines), code=0)
    assert [line for line in err.splitlines() if "key not used" in line] == [
        "  key not used: psks:3 psk",
        "  key not used: psks:4 psk",
        "  key not used: psks:5 psk",
    ]


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (f"alice:{KEY}\n{KEY}\n", "PSKS, line 2: write IDENTITY:HEX, or :HEX for any identity"),
        (
            f"alice:{KEY[1:]}\n",
            "PSKS, line 1: the key is not hexadecimal (two digits an octet), and does not begin with base64:",
        ),
        (f"alice:{':'.join(KEY[i : i + 2] for i in range(0, 32, 2))}\n", "PSKS, line 1: write the key without colons"),
        (f"alice:base64:{KEY}#\n", "PSKS, line 1: the key is no base64"),
        ("# nothing\n", "PSKS: no key in it; write IDENTITY:HEX, one a line"),
        ('[[psk]]\nkey = "00"\n', "PSKS: this is a keys file; give it with -k"),
        (KEY_LOG, "PSKS: this is a key log; give it with --keylog"),
        ("-----BEGIN PRIVATE KEY-----\n", 'PSKS: this is a PEM file; name it in a keys file: rsa_key = ["FILE"]'),
    ],
)
def test_faulty_lines_name_file_and_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, lines: str, says: str
) -> None:
    path = private(tmp_path / "psks", lines)
    err = said(capsys, tmp_path, "--psk-file", path)
    assert says.replace("PSKS", path) in last(err)
    assert KEY[1:] not in err
    assert "aa:bb" not in err


def test_a_psk_file_that_others_may_read_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = private(tmp_path / "psks", f"alice:{KEY}\n")
    Path(path).chmod(0o640)
    err = said(capsys, tmp_path, "--psk-file", path)
    assert last(err) == (f"Error: {path}: others may read this key file; run chmod 600 {path}, or give --insecure-keys")
    said(capsys, tmp_path, "--psk-file", path, "--insecure-keys", code=0)


@needs_command
@pytest.mark.parametrize("line", [f"test:{PSK}", f"127.0.0.1:{PSK}", f":{PSK}"])
def test_a_line_of_standard_input_opens_a_session(tmp_path: Path, line: str) -> None:
    capture = str(shared_capture(WIRESHARK))
    words = ("decrypt", capture, "--psk-file", "-", "--write-keylog", tmp_path / "o", "--require-decrypt")
    done = mrfscope(*words, stdin=None, input=f"nobody:00\n{line}\n")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.splitlines() == [
        f"1 of 1 TLS sessions opened; written: {tmp_path / 'o'}",
        "  key not used: standard input:1 psk",
    ]
    report = mrfscope("analyze", capture, "--psk-file", "-", "-f", "json", stdin=None, input=f"{line}\n")
    assert json.loads(report.stdout)["sessions"][0]["tls"]["key"] == "standard input:1 psk"


def test_standard_input_is_read_once(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["analyze", "-", "--psk-file", "-"], ["decrypt", "x", "--psk-file", "-", "--psk-file", "-"]):
        assert run(words) == 2
        assert last(capsys.readouterr().err) == "Error: standard input (-) can be read only once"


# ------------------------------------------------------------------ files given to the wrong option


@pytest.mark.parametrize(
    ("option", "text", "says"),
    [
        ("--keylog", '[[tpk]]\nkey = "00"\n', "FILE: this is a keys file; give it with -k"),
        ("--keylog", '{"tpk": []}', "FILE: this is a keys file; give it with -k"),
        ("--keylog", f"alice:{KEY}\n", "FILE: these are lines IDENTITY:HEX; give them with --psk-file"),
        ("--keylog", "-----BEGIN PRIVATE KEY-----\n", "FILE: this is a PEM file; name it in a keys file: rsa_key"),
        ("--keylog", "hello\nworld\n", "FILE: it holds no key log line, and 2 of another kind"),
        ("-k", KEY_LOG, "FILE: this is a key log; give it with --keylog"),
        ("-k", f"alice:{KEY}\n", "FILE: these are lines IDENTITY:HEX; give them with --psk-file"),
        ("-k", "-----BEGIN PRIVATE KEY-----\n", "FILE: this is a PEM file; name it in a keys file: rsa_key"),
        ("-k", "[[tpk]\n", "FILE, line 1: Expected"),
    ],
)
def test_a_file_of_another_kind_is_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, option: str, text: str, says: str
) -> None:
    path = private(tmp_path / "given", text)
    err = said(capsys, tmp_path, option, path)
    assert f"Error: {says.replace('FILE', path, 1)}" in err
    assert KEY not in err


def test_lines_that_no_key_log_has_are_counted(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = private(tmp_path / "log", f"{KEY_LOG}what is this\n")
    note = f"mrfscope: note: {path}: 1 line that no key log has, passed over"
    assert said(capsys, tmp_path, "--keylog", path, code=0).splitlines()[0] == note
    assert said(capsys, tmp_path, "--keylog", path, "-q", code=0) == ""


def test_an_empty_key_log_is_none_the_less_one(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    err = said(capsys, tmp_path, "--keylog", private(tmp_path / "log", "# begun\n\n"), code=0)
    assert "note" not in err


def test_the_ambient_key_log_stops_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = private(tmp_path / "log", "hello\n")
    monkeypatch.setenv("SSLKEYLOGFILE", path)
    err = said(capsys, tmp_path, code=0)
    assert err.splitlines()[0] == (
        f"mrfscope: note: {path} (named in SSLKEYLOGFILE): it holds no key log line, and 1 of another kind"
    )


# ------------------------------------------------------------------ files that another file names


@pytest.mark.parametrize(
    ("line", "made", "says"),
    [
        ('key_log = ["no.log"]', {}, "DIR/no.log (named in DIR/keys.toml, line 2): No such file or directory"),
        ('rsa_key = ["no.pem"]', {}, "DIR/no.pem (named in DIR/keys.toml, line 2): No such file or directory"),
        (
            'rsa_key = ["a.pem"]',
            {"a.pem": "no"},
            "DIR/a.pem (named in DIR/keys.toml, line 2): no PEM file with an RSA key that has no password",
        ),
        (
            'key_log = ["a.log"]',
            {"a.log": "[[psk]]\n"},
            "DIR/a.log (named in DIR/keys.toml, line 2): this is a keys file; give it with -k",
        ),
    ],
)
def test_both_files_are_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, line: str, made: dict[str, str], says: str
) -> None:
    keys = private(tmp_path / "keys.toml", f"# ours\n{line}\n")
    for name, text in made.items():
        private(tmp_path / name, text)
    assert last(said(capsys, tmp_path, "-k", keys)) == f"Error: {says.replace('DIR', str(tmp_path))}"


def test_a_file_that_others_may_read_names_who_names_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    keys = private(tmp_path / "keys.toml", 'key_log = ["a.log"]\n')
    (tmp_path / "a.log").write_text(KEY_LOG)
    (tmp_path / "a.log").chmod(0o644)
    assert f"a.log (named in {keys}, line 1): others may read this key file" in said(capsys, tmp_path, "-k", keys)


# ------------------------------------------------------------------ keys that are not repeated


@pytest.mark.parametrize(
    "words",
    [
        ("--psk", KEY),
        ("--psk", f"{KEY}:alice"),
        ("--psk", ":".join(KEY[i : i + 2] for i in range(0, 32, 2))),
        ("-k", KEY),
        ("-k", f"alice:{KEY}"),
        ("-k", "base64:EBESExQVFhcYGRobHB0eHw=="),
        ("--keylog", KEY),
        ("--psk-file", KEY),
        ("--plain", str(Path("/nowhere") / KEY)),
        ("--session", KEY),
        (f"--{KEY}",),
        (KEY,),
    ],
)
def test_a_key_where_a_name_belongs_is_not_repeated(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, words: tuple[str, ...]
) -> None:
    status = run(["decrypt", CAPTURE, "--write-keylog", str(tmp_path / "out.keys"), *words])
    captured = capsys.readouterr()
    assert status in (2, 3, 74)
    assert captured.err
    for shape in (KEY, KEY.upper(), ":".join(KEY[i : i + 2] for i in range(0, 32, 2)), "EBESExQV"):
        assert shape not in captured.err + captured.out


def test_a_file_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    err = said(capsys, tmp_path, "-k", "/nowhere/site.toml")
    assert last(err) == "Error: Invalid value for '-k' / '--keys': File '/nowhere/site.toml' does not exist."
    err = said(capsys, tmp_path, "-k", "00aabb")
    assert last(err) == (
        "Error: Invalid value for '-k' / '--keys': There is no such file; what stands there looks like a key, and is "
        "not shown. Keys belong into a file: -k KEYS.toml, or --psk-file FILE for a PSK of TLS."
    )


@needs_command
def test_the_help_warns_of_the_command_line() -> None:
    for command in ("analyze", "decrypt"):
        told = " ".join(mrfscope(command, "--help").stdout.split())
        assert "Others on this machine can read command lines: prefer --psk-file." in told


@pytest.mark.parametrize(
    "words",
    [
        (KEY,),
        ("explain", KEY),
        ("analyze", KEY),
        ("analyze", CAPTURE, "--node", f"{KEY}=MRFP"),
        ("analyze", CAPTURE, "--node", f"192.0.2.1={KEY}"),
        ("analyze", CAPTURE, "--select", KEY),
        ("analyze", CAPTURE, "--severity", KEY),
        ("analyze", CAPTURE, "--udp-port", KEY),
        ("analyze", CAPTURE, "--profile", KEY),
        ("analyze", CAPTURE, "--plugin", KEY),
        ("analyze", CAPTURE, "--profile", "FILE"),
        ("analyze", CAPTURE, "--config", "FILE"),
    ],
)
def test_every_complaint_leaves_a_key_out(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, words: tuple[str, ...]
) -> None:
    """The digits of a key, and its octets in pairs; and a key as the name of a key in a TOML file."""
    file = private(tmp_path / "f.toml", f"{KEY} = 1\n")
    status = run([file if word == "FILE" else word for word in words])
    captured = capsys.readouterr()
    assert status in (2, 3)
    assert KEY not in captured.err + captured.out
    assert "(32 hexadecimal digits, not shown)" in captured.err


def test_a_capture_named_like_a_key_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Files are often named by a digest of their content; which of them is meant must be told."""
    path = tmp_path / f"{KEY}.pcap"
    path.write_bytes(b"nothing of a capture")
    assert run(["analyze", str(path)]) == 3
    assert f"{path}: " in capsys.readouterr().err
