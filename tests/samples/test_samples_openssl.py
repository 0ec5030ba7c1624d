"""The recorded sample: real TLS of OpenSSL, opened by the keys of MIKEY-TICKET, and by tshark with the PSK."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from judged import judge_files

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from analyzer.keys.keys_file import read_keys  # noqa: E402
from analyzer.keys.ring import KeyRing  # noqa: E402
from samples import build  # noqa: E402
from samples.record_openssl import DESCRIPTION, record  # noqa: E402
from samples.scenario import Scenario  # noqa: E402

CAPTURE = build.FOLDER / "e2e-openssl" / "capture.pcapng"
needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


def opens(capture: Path) -> None:
    """Our reading of the recorded TLS: everything opened, every MSRP message there, nothing wrong."""
    keys = CAPTURE.with_name("keys.toml")
    found = judge_files([capture], keys=KeyRing(read_keys(keys.read_text(), keys).keys))
    session = found.only
    (tls,) = [part.connection.tls for part in session.connections if part.connection.tls is not None]
    assert (tls.outcome, tls.version, tls.cipher_suite) == (
        "decrypted",
        "TLS 1.2",
        "TLS_PSK_WITH_AES_128_CBC_SHA256",
    )
    assert (tls.psk_identity, tls.psk_hint, tls.close_notify) == (b"3a5c7e0f", b"mrf", (True, False))
    assert (tls.opened, tls.unopened) == (13, 0)  # two Finished, ten messages, close_notify
    assert tls.key.endswith("kms_psk: KMS key > REQUEST_RESP > TGK > TGK' > TEK")
    steps = [step for step in Scenario.load(DESCRIPTION).steps if step.protocol == "msrp"]
    assert found.coverage.messages["msrp"] == len(steps) == 10
    assert session.flow == "e2e-dial-in"
    assert session.findings == []


def test_the_recorded_tls_opens_with_the_keys_of_mikey_ticket() -> None:
    opens(CAPTURE)


@needs_openssl
@pytest.mark.interop
def test_it_can_be_recorded_anew(tmp_path: Path) -> None:
    """Two processes of OpenSSL on loopback; each message came out of the other one."""
    fresh = tmp_path / "capture.pcapng"
    fresh.write_bytes(record())
    assert fresh.read_bytes() != CAPTURE.read_bytes()
    opens(fresh)


@needs_tshark
@pytest.mark.interop
def test_tshark_reads_the_same_inside() -> None:
    scenario = Scenario.load(DESCRIPTION)
    (psk,) = {step.options["psk"] for step in scenario.steps if step.do == "handshake"}
    fields = ["-T", "fields", "-E", "occurrence=a", "-E", "aggregator=,", "-e", "ip.src", "-e", "data.data"]
    command = ["tshark", "-r", str(CAPTURE), "-o", f"tls.psk:{psk}", "-Y", "tls && data", *fields]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    read = [
        (source, bytes.fromhex(data.replace(",", "").replace(":", "")))
        for source, data in (line.split("\t") for line in done.stdout.splitlines())
    ]
    said = [(step.source[0].ends[step.source[1]][0], step.octets) for step in scenario.steps if step.protocol == "msrp"]
    assert read == said


@needs_tshark
@pytest.mark.interop
def test_openssl_negotiated_what_the_readme_says() -> None:
    fields = ["-T", "fields", "-e", "tls.handshake.extension.type"]
    command = ["tshark", "-r", str(CAPTURE), "-Y", "tls.handshake.type == 2", *fields]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert {"22", "23", "35"} <= set(done.stdout.strip().split(","))
