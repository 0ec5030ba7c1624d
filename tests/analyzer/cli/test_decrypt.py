"""`mrfscope decrypt` as a process: what it writes, who may read it, what tshark makes of it, and how it refuses."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import pytest
from oracles import need, tshark_fields

from tests.analyzer.cli.processes import mrfscope, needs_command

SAMPLES = Path(__file__).resolve().parents[3] / "samples" / "drawn"
NAME = "e2e-dial-out"
CAPTURE = str(SAMPLES / NAME / "capture.pcapng")

pytestmark = needs_command


@pytest.fixture
def keys(tmp_path: Path) -> str:
    """A private copy of the sample's keys: git keeps no file modes."""
    path = tmp_path / "keys.toml"
    shutil.copy(SAMPLES / NAME / "keys.toml", path)
    path.chmod(0o600)
    return str(path)


def test_all_three_are_written_and_private(keys: str, tmp_path: Path) -> None:
    outputs = [tmp_path / name for name in ("log.keys", "annotated.pcapng", "plain.pcapng")]
    log, annotated, plain = map(str, outputs)
    done = mrfscope("decrypt", CAPTURE, "-k", keys, "--write-keylog", log, "-w", annotated, "--plain", plain)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.splitlines()[0] == f"1 of 1 TLS sessions opened; written: {log}, {annotated}, {plain}"
    assert [stat.S_IMODE(path.stat().st_mode) for path in outputs] == [0o600] * 3
    (line,) = outputs[0].read_text().splitlines()
    label, client_random, secret = line.split()
    assert (label, len(client_random), len(secret)) == ("CLIENT_RANDOM", 64, 96)


def test_stock_tshark_opens_what_was_written(keys: str, tmp_path: Path) -> None:
    """No preference set: the secrets are inside. The plain capture needs none."""
    need("tshark")
    log, annotated, plain = (tmp_path / name for name in ("log.keys", "annotated.pcapng", "plain.pcapng"))
    mrfscope("decrypt", CAPTURE, "-k", keys, "--write-keylog", str(log), "-w", str(annotated), "--plain", str(plain))
    finished = "tls.handshake.type == 20"
    assert tshark_fields(Path(CAPTURE), finished, ["frame.number"]) == []
    assert tshark_fields(annotated, finished, ["frame.number"]) == [["34"], ["35"]]
    with_log = tshark_fields(Path(CAPTURE), finished, ["frame.number"], "-o", f"tls.keylog_file:{log}")
    assert with_log == [["34"], ["35"]]
    methods = [row[0] for row in tshark_fields(plain, "msrp.method", ["msrp.method"])]
    assert methods == ["SEND", "NICKNAME", "SEND", "SEND", "REPORT", "SEND"]
    bad = "tcp.checksum.status == 0 || ip.checksum.status == 0 || _ws.malformed || tcp.analysis.lost_segment"
    check = ("-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE")
    assert tshark_fields(plain, bad, ["frame.number"], *check) == []
    (comment,) = tshark_fields(annotated, "frame.number == 32", ["frame.comment"])
    assert "DOUT-13 ok (TS 23.333 clause 6.2.19.2.2 step 13)" in comment[0]


def test_one_session_is_cut_out(keys: str, tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.pcapng", tmp_path / "cut.pcapng"
    mrfscope("decrypt", CAPTURE, "-k", keys, "-w", str(whole))
    done = mrfscope("decrypt", CAPTURE, "-k", keys, "-w", str(cut), "--session", "1")
    assert done.returncode == 0
    again = mrfscope("analyze", str(cut), "-q")
    assert "ended" in again.stdout
    assert cut.stat().st_size < whole.stat().st_size
    none = mrfscope("decrypt", CAPTURE, "-k", keys, "-w", str(cut), "--session", "7")
    assert (none.returncode, "no session fits" in none.stderr) == (2, True)


def test_without_the_right_key_it_says_what_is_lacking(tmp_path: Path) -> None:
    out = tmp_path / "x.keys"
    none = mrfscope("decrypt", CAPTURE, "--psk", "somebody:00", "--write-keylog", str(out), "--require-decrypt")
    assert none.returncode == 4
    assert "no_key: no PSK is supplied for this session's PSK identity" in none.stderr
    assert "key not used: --psk 1" in none.stderr
    wrong = mrfscope("decrypt", CAPTURE, "--psk", ":00112233", "--write-keylog", str(out), "--require-decrypt")
    assert (wrong.returncode, "wrong_key" in wrong.stderr, "00112233" in wrong.stderr) == (4, True, False)
    assert out.read_text() == ""


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["-w", "x.pcapng"], "no capture given"),
        ([CAPTURE], "nothing to write"),
        (["-", "-w", "x.pcapng"], "standard input can be read only once"),
        ([CAPTURE, "-w", "x", "--psk", "nokey"], "write IDENTITY:HEX"),
        ([CAPTURE, "-w", "x", "--psk", "a:xyz"], "the key is not hexadecimal"),
        ([CAPTURE, "-w", "x", "-k", "/nowhere.toml"], "does not exist"),
    ],
)
def test_wrong_usage(words: list[str], says: str) -> None:
    done = mrfscope("decrypt", *words)
    assert (done.returncode, says in done.stderr, "Traceback" in done.stderr) == (2, True, False)


def test_a_keys_file_that_others_may_read_is_refused(keys: str, tmp_path: Path) -> None:
    Path(keys).chmod(0o644)
    refused = mrfscope("analyze", CAPTURE, "-k", keys)
    assert (refused.returncode, "chmod 600" in refused.stderr) == (2, True)
    allowed = mrfscope("analyze", CAPTURE, "-k", keys, "--insecure-keys", "--require-decrypt")
    assert allowed.returncode == 0


def test_a_faulty_keys_file_names_its_line(keys: str) -> None:
    Path(keys).write_text("[[tpk]]\nkey = 'zz'\n")
    done = mrfscope("analyze", CAPTURE, "-k", keys)
    assert done.returncode == 2
    assert f"{keys}, line 2: [[tpk]] number 1: the key is not hexadecimal" in " ".join(done.stderr.split())


def test_the_environment_names_a_key_log(keys: str, tmp_path: Path) -> None:
    """SSLKEYLOGFILE, as in Wireshark and the libraries that write it."""
    log = tmp_path / "log.keys"
    mrfscope("decrypt", CAPTURE, "-k", keys, "--write-keylog", str(log))
    done = mrfscope("analyze", CAPTURE, "--require-decrypt", env={"SSLKEYLOGFILE": str(log)})
    assert (done.returncode, "decrypted with key log" in done.stdout) == (0, True)


def test_output_over_a_capture_is_refused(tmp_path: Path, keys: str) -> None:
    copy = tmp_path / "c.pcapng"
    shutil.copy(CAPTURE, copy)
    done = mrfscope("decrypt", str(copy), "-k", keys, "-w", str(copy))
    assert (done.returncode, "is a capture being read" in done.stderr) == (2, True)
    assert copy.read_bytes() == Path(CAPTURE).read_bytes()
