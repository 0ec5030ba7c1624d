"""The installed command as a user runs it: real processes, exit codes, what stands on standard error."""

from __future__ import annotations

import csv
import gzip
import json
import os
import pty
import shutil
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
SAMPLE = ROOT / "samples" / "tcp-dial-in" / "capture.pcapng"
SIP_CALLS = ROOT.parent / "shared" / "captures" / "sip-calls.pcap"
BESIDE_PYTHON = Path(sys.executable).parent / "mrfscope"
COMMAND = str(BESIDE_PYTHON) if BESIDE_PYTHON.exists() else shutil.which("mrfscope")

pytestmark = pytest.mark.skipif(COMMAND is None, reason="mrfscope is not installed here: pip install --editable .")


def mrfscope(*arguments: str | Path, **more: Any) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "COLUMNS")}
    environment |= {"PYTHONUTF8": "1", **more.pop("env", {})}
    return subprocess.run(
        [str(COMMAND), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        check=False,
        **{"stdin": subprocess.DEVNULL, **more},
    )


def refused(*arguments: str | Path, code: int) -> str:
    """What the command says when it ends with this code; never a traceback."""
    done = mrfscope(*arguments)
    assert "Traceback" not in done.stderr
    assert (done.returncode, done.stdout) == (code, "")
    return done.stderr


def pcap(*packets: bytes, linktype: int = 1) -> bytes:
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, linktype)
    return head + b"".join(struct.pack("<IIII", 1_767_268_800, 0, len(each), len(each)) + each for each in packets)


ARP = b"\xff" * 6 + b"\x02\0\0\0\0\1" + b"\x08\x06" + bytes(46)


# ------------------------------------------------------------------ the root command


def test_version_imports_nothing_heavy() -> None:
    code = (
        "import sys; from analyzer.cli.main import run; code = run(['--version']);"
        "print(code, [name for name in ('numpy', 'scapy', 'pyshark', 'pycrate_asn1rt', 'orjson', 'tabulate')"
        " if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True, cwd=ROOT
    )
    assert done.stdout.splitlines()[1:] == ["0 []"]
    assert mrfscope("--version").stdout.startswith("mrfscope 0.")


def test_help_lists_the_commands() -> None:
    for arguments in (["--help"], ["-h"]):
        done = mrfscope(*arguments)
        assert done.returncode == 0
        assert "  analyze  " in done.stdout
    assert "--session FILTER" in mrfscope("analyze", "--help").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["anlyze"], "No such command 'anlyze'"),
        (["analyze"], "no capture given"),
        (["analyze", "-", "-"], "can be read only once"),
        (["analyze", "x", "-q", "-v"], "contradict"),
        (["analyze", "x", "-f", "xml"], "'xml' is not one of"),
        (["analyze", "x", "--session", ","], "needs something to look for"),
        (["analyze", "x", "--udp-port", "70000"], "70000"),
        (["analyze", "x", "--node", "MRFP"], "is not ADDR=ROLE"),
        (["analyze", "x", "--node", "198.51.100.999=MRFP"], "is not ADDR=ROLE"),
        (["analyze", "x", "--node", "198.51.100.7="], "is no role"),
        (["analyze", "x", "--node", "198.51.100.7=MRPF"], "did you mean MRFP?"),
        (["analyze", "x", "--node", "::1=MRFP", "--node", "0:0::1=UE"], "::1 is given two roles, MRFP and UE"),
    ],
)
def test_wrong_usage(arguments: list[str], said: str) -> None:
    assert said in " ".join(refused(*arguments, code=2).split())


# ------------------------------------------------------------------ captures that cannot be read


def test_not_there(tmp_path: Path) -> None:
    said = refused("analyze", tmp_path / "none.pcap", code=3)
    assert said.startswith(f"mrfscope: {tmp_path}/none.pcap: ")
    assert len(said.splitlines()) == 2


@pytest.mark.parametrize(
    ("name", "octets"),
    [
        ("empty", b""),
        ("text", b"INVITE sip:bob@example.com SIP/2.0\r\n\r\n"),
        ("elf", b"\x7fELF" + bytes(100)),
        ("cut-header", pcap(ARP)[:17]),
        ("gzip-of-text", gzip.compress(b"hello")),
        ("zeros", bytes(100)),
    ],
)
def test_not_a_capture(tmp_path: Path, name: str, octets: bytes) -> None:
    path = tmp_path / f"{name}.pcap"
    path.write_bytes(octets)
    said = refused("analyze", path, code=3)
    assert said.startswith(f"mrfscope: {path}: ")
    assert len(said.splitlines()) == 2


def test_a_directory(tmp_path: Path) -> None:
    assert "director" in refused("analyze", tmp_path, code=3)


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read everything")
def test_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "x.pcap"
    path.write_bytes(pcap(ARP))
    path.chmod(0)
    assert refused("analyze", path, code=3).startswith(f"mrfscope: {path}: ")


def test_a_name_that_speaks_to_the_terminal(tmp_path: Path) -> None:
    said = refused("analyze", tmp_path / "x\x1b[2J.pcap", code=3)
    assert "x\\x1b[2J.pcap" in said
    assert "\x1b" not in said


# ------------------------------------------------------------------ nothing recognised


@pytest.mark.parametrize("format_", ["text", "json", "ndjson", "csv"])
def test_nothing_recognised(tmp_path: Path, format_: str) -> None:
    path = tmp_path / "arp.pcap"
    path.write_bytes(pcap(ARP, ARP))
    done = mrfscope("analyze", path, "-f", format_)
    assert done.returncode == 3
    first, hint = done.stderr.splitlines()
    assert first == f"mrfscope: nothing recognised in {path} (2 packets: 2 arp)"
    assert f"tshark -r {path} -q -z io,phs" in hint
    if format_ == "json":
        document = json.loads(done.stdout)
        assert (document["sessions"], document["coverage"]["ignored"]) == ([], {"arp": 2})
    elif format_ == "ndjson":
        kinds = [json.loads(line)["record"] for line in done.stdout.splitlines()]
        assert kinds == ["tool", "capture", "coverage"]
    elif format_ == "csv":
        assert len(done.stdout.splitlines()) == 1
    else:
        assert "No sessions." in done.stdout


def test_unknown_link_type(tmp_path: Path) -> None:
    path = tmp_path / "x.pcap"
    path.write_bytes(pcap(ARP, linktype=147))
    done = mrfscope("analyze", path)
    assert done.returncode == 3
    assert "147" in done.stderr


def test_a_capture_without_packets(tmp_path: Path) -> None:
    path = tmp_path / "x.pcap"
    path.write_bytes(pcap())
    done = mrfscope("analyze", path)
    assert done.returncode == 3
    assert done.stderr.startswith(f"mrfscope: nothing recognised in {path} (0 packets)")


# ------------------------------------------------------------------ the sample

needs_sample = pytest.mark.skipif(not SAMPLE.exists(), reason="the sample is not built: make samples")


@needs_sample
def test_the_sample_as_text() -> None:
    done = mrfscope("analyze", SAMPLE)
    assert (done.returncode, done.stderr) == (0, "")
    assert max(len(line) for line in done.stdout.splitlines() if "Wireshark" not in line) <= 120
    for word in ("MRFC", "MRFP", "UE", "SDP offer", "Coverage", "sip.Call-ID =="):
        assert word in done.stdout
    assert "\x1b" not in done.stdout


@needs_sample
def test_formats_agree(tmp_path: Path) -> None:
    document = json.loads(mrfscope("analyze", SAMPLE, "-f", "json").stdout)
    lines = [json.loads(line) for line in mrfscope("analyze", "-r", SAMPLE, "-f", "ndjson").stdout.splitlines()]
    rows = list(csv.DictReader(mrfscope("analyze", SAMPLE, "-f", "csv").stdout.splitlines()))
    sessions = document["sessions"]
    assert {each["id"] for each in sessions} == {each["id"] for each in lines if each["record"] == "session"}
    assert len(rows) == sum(len(each["timeline"]) for each in sessions)
    assert rows[0]["summary"] == sessions[0]["timeline"][0]["summary"]


@needs_sample
def test_schema_holds_for_real_output() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((ROOT / "docs" / "report.schema.json").read_text())
    for path in (SAMPLE, *sorted((ROOT.parent / "shared" / "captures").glob("*.*cap*"))):
        done = mrfscope("analyze", path, "-f", "json")
        assert done.returncode in (0, 3)
        jsonschema.Draft202012Validator(schema).validate(json.loads(done.stdout))
    line_validator = jsonschema.Draft202012Validator({**schema, "$ref": "#/$defs/line"})
    for line in mrfscope("analyze", SAMPLE, "-f", "ndjson").stdout.splitlines():
        line_validator.validate(json.loads(line))


@needs_sample
def test_standard_input_is_the_same() -> None:
    with SAMPLE.open("rb") as file:
        done = mrfscope("analyze", "-", "-f", "json", stdin=file)
    document = json.loads(done.stdout)
    assert document["captures"][0]["path"] == "-"
    assert document["sessions"] == json.loads(mrfscope("analyze", SAMPLE, "-f", "json").stdout)["sessions"]


@needs_sample
def test_session_filter() -> None:
    document = json.loads(mrfscope("analyze", SAMPLE, "-f", "json").stdout)
    first = document["sessions"][0]
    for format_, term in (("json", first["id"]), ("json", "1"), ("ndjson", "1")):
        done = mrfscope("analyze", SAMPLE, "-f", format_, "--session", term)
        records = [json.loads(line) for line in done.stdout.splitlines()] if format_ == "ndjson" else None
        found = json.loads(done.stdout)["sessions"] if records is None else records
        assert [each["id"] for each in found if each.get("record", "session") == "session"] == [first["id"]]
    said = refused("analyze", SAMPLE, "--session", "nobody@nowhere", "-f", "ndjson", code=2)
    assert "no session fits" in said
    assert f"hold{'s one session' if len(document['sessions']) == 1 else ''}" in said


@needs_sample
def test_node_gives_the_role() -> None:
    address = json.loads(mrfscope("analyze", SAMPLE, "-f", "json").stdout)["sessions"][0]["nodes"][0]["address"]
    done = mrfscope("analyze", SAMPLE, "-f", "json", "--node", f"{address}=ibcf")
    assert json.loads(done.stdout)["sessions"][0]["nodes"][0] == {"address": address, "role": "IBCF"}


@needs_sample
def test_damage_is_said_first(tmp_path: Path) -> None:
    path = tmp_path / "cut.pcapng"
    path.write_bytes(SAMPLE.read_bytes()[:-11])
    done = mrfscope("analyze", path)
    assert done.returncode == 0
    assert done.stdout.splitlines()[1].startswith("  DAMAGED: ")
    assert mrfscope("analyze", path, "-f", "json").stderr.startswith(f"mrfscope: {path}: damaged: ")
    assert mrfscope("analyze", path, "-f", "json", "-q").stderr == ""


# ------------------------------------------------------------------ where the report goes


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


def test_interrupted() -> None:
    process = subprocess.Popen(
        [str(COMMAND), "analyze", "-", "-f", "ndjson"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(pcap(ARP))
    process.stdin.flush()
    time.sleep(1.5)
    process.send_signal(signal.SIGINT)
    output, said = process.communicate(timeout=30)
    assert (process.returncode, output) == (130, b"")
    assert said.decode().strip() == "mrfscope: interrupted"


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


@pytest.mark.skipif(not SIP_CALLS.exists(), reason="the shared captures are not here")
def test_several_captures() -> None:
    done = mrfscope("analyze", SIP_CALLS, SAMPLE)
    assert done.returncode == 0
    assert f"  mergecap -w merged.pcapng {SIP_CALLS} {SAMPLE}\n" in done.stdout
