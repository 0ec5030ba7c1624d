"""The installed command refuses: wrong usage, what is no capture, captures in which nothing is recognised."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.analyzer.cli.processes import ARP, ROOT, mrfscope, needs_command, pcap, refused

pytestmark = needs_command

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
        (["anlyze"], "Did you mean 'analyze'?"),
        (["/dev/null"], "To analyse that file: mrfscope analyze /dev/null"),
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
        ("gzip-of-text", gzip.compress(b"hello", mtime=0)),
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
