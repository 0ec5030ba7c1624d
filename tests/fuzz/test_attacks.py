"""Captures that once stopped an analysis or hung it: an ordinary result, within limits that are no test of speed.

The right behaviour is told by the README beside them.
"""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from analyzer.cli.main import run
from analyzer.report import FORMATS

ROOT = Path(__file__).resolve().parents[2]
ATTACKS = ROOT.parent / "shared" / "captures" / "attacks"
SAMPLE = ROOT / "samples" / "e2e-dial-in"
PLAIN = ROOT / "samples" / "tcp-dial-in" / "capture.pcapng"
CPU_SECONDS = 60
ADDRESS_SPACE = 2 << 30


def _limited() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))


def analysed(path: Path, *options: str) -> tuple[int, dict[str, Any]]:
    """Exit code and document of `mrfscope analyze -f json` in a process of its own."""
    if not path.exists():
        pytest.skip(f"{path} is not here")
    command = [sys.executable, "-c", "from analyzer.cli.main import main; main()", "analyze", str(path), "-f", "json"]
    done = subprocess.run(
        [*command, *options], cwd=ROOT, capture_output=True, text=True, check=False, preexec_fn=_limited
    )
    assert "internal error" not in done.stderr
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize("keys", [(), ("--psk", "x:00")])
def test_encrypted_extensions_with_psk(jobs: str, keys: tuple[str, ...]) -> None:
    """A TLS connection whose handshake is not understood, with the reason."""
    code, found = analysed(ATTACKS / "tls-encrypted-extensions-psk.pcap", "--jobs", jobs, *keys)
    (session,) = found["sessions"]
    assert (code, session["findings"]) == (0, [])
    assert (session["tls"]["decrypted"], session["tls"]["outcome"]) == (False, "unsupported")
    assert session["tls"]["explanation"] == "the server sent encrypted_extensions where server_hello belongs"


@pytest.mark.parametrize("keys", [("--psk", "x:00"), ("--psk-from-h248",), ("-k", str(SAMPLE / "keys.toml"))])
def test_no_utf8_in_an_identity(keys: tuple[str, ...]) -> None:
    """A session, its TRANSFER_INIT as unknown as with any key that does not fit."""
    code, found = analysed(ATTACKS / "sip-from-not-utf8-with-mikey.pcap", "--insecure-keys", "--identities", *keys)
    (session,) = found["sessions"]
    assert code in (0, 1)
    assert "\\xe7" in session["participants"][0]["identity"]
    assert "INTERNAL" not in [finding["code"] for finding in session["findings"]]


@pytest.mark.skipif(not SAMPLE.exists(), reason="samples are not built")
@pytest.mark.parametrize("header", [b"From", b"To"])
def test_an_identity_is_compared_as_octets(header: bytes, tmp_path: Path) -> None:
    """RFC 6043 section 6.6: MACs and identities are of octets; another octet in SIP is another identity, no more."""
    path = tmp_path / "capture.pcapng"
    whole = (SAMPLE / "capture.pcapng").read_bytes()
    lines = [line for line in whole.split(b"\r\n") if line.startswith(header + b":") and b"sip:" in line]
    for line in dict.fromkeys(lines):
        at = line.index(b"sip:") + 5
        whole = whole.replace(line, line[:at] + b"\xe7" + line[at + 1 :])
    path.write_bytes(whole)
    code, found = analysed(path, "-k", str(SAMPLE / "keys.toml"), "--insecure-keys")
    (session,) = found["sessions"]
    assert code in (0, 1)
    assert session["tls"]["outcome"] == "decrypted"
    assert "INTERNAL" not in [finding["code"] for finding in session["findings"]]


@pytest.mark.parametrize("format_", FORMATS)
def test_octets_that_are_no_utf8_in_every_format(
    format_: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Call-ID, identities, conference URI and MSRP paths: whatever shows them shows `\\xe7` (docs/json.md)."""
    whole = PLAIN.read_bytes()
    call_id = re.search(rb"\r\nCall-ID: (\S+)\r\n", whole)
    assert call_id is not None
    for text in (call_id[1], b"sip:alice", b"sip:chat", b"2855/"):
        whole = whole.replace(text, text[:-1] + b"\xe7")
    path = tmp_path / "capture.pcapng"
    path.write_bytes(whole)
    assert run(["analyze", str(path), "-f", format_, "--identities"]) in (0, 1)
    out, err = capfd.readouterr()
    assert err == ""
    assert "INTERNAL" not in out
    assert "\\xe7" in out or format_ in ("csv", "csv-findings", "junit")


def test_ber_that_holds_itself() -> None:
    """One message, decoded or not."""
    code, found = analysed(ATTACKS / "h248-ber-hang-udp.pcap")
    assert code in (0, 3)
    assert found["coverage"]["messages"].get("h248", 0) + found["coverage"]["undecoded_total"] == 1
