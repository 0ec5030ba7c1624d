"""The secured samples: tshark opens their TLS with the PSK and with a key log, and reads what the description says."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from dissectors.mikey import (  # noqa: E402
    DataType,
    Secret,
    SecretKind,
    decode_key_mgmt,
    decode_mikey,
    unlock_transfer,
)
from samples import build  # noqa: E402
from samples.builder import Builder  # noqa: E402
from samples.scenario import Scenario, ScenarioError  # noqa: E402

NAMES = ("e2e-dial-in", "e2e-dial-in-mode-2", "e2e-dial-in-mode-4", "e2e-dial-out")
needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")


def description(name: str) -> Path:
    return ROOT / "samples" / "drawn" / name / "scenario.toml"


def psk_of(scenario: Scenario) -> str:
    (psk,) = {step.options["psk"] for step in scenario.steps if step.do == "handshake"}
    return str(psk)


def written(scenario: Scenario) -> dict[str, bytes]:
    """MSRP by the role of its sender, as one stream each."""
    streams = {"UE": b"", "MRFP": b""}
    for step in scenario.steps:
        if step.protocol == "msrp":
            streams[step.source[0].role] += step.octets
    return streams


def opened(capture: Path, scenario: Scenario, *options: str) -> dict[str, bytes]:
    """What tshark finds inside TLS, by the role of its sender."""
    fields = ["-T", "fields", "-E", "occurrence=a", "-E", "aggregator=,", "-e", "ip.src", "-e", "data.data"]
    command = ["tshark", "-r", str(capture), *options, "-Y", "tls && data", *fields]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    roles = {node.ends["msrp"][0]: node.role for node in scenario.nodes.values() if "msrp" in node.ends}
    streams = {"UE": b"", "MRFP": b""}
    for line in done.stdout.splitlines():
        source, data = line.split("\t")
        streams[roles[source]] += bytes.fromhex(data.replace(",", "").replace(":", ""))
    return streams


@needs_tshark
@pytest.mark.interop
@pytest.mark.parametrize("name", NAMES)
def test_tshark_opens_tls_with_the_psk(name: str) -> None:
    """MAC and tag right, both directions, every octet (RFC 5246, 5288, 7627; RFC 4279 section 2)."""
    path = description(name)
    scenario = Scenario.load(path)
    found = opened(path.with_name("capture.pcapng"), scenario, "-o", f"tls.psk:{psk_of(scenario)}")
    assert found == written(scenario)
    assert all(found.values())


@needs_tshark
@pytest.mark.interop
@pytest.mark.parametrize("name", NAMES)
def test_tshark_opens_tls_with_a_key_log_and_not_with_another_psk(name: str, tmp_path: Path) -> None:
    path = description(name)
    scenario = Scenario.load(path)
    builder = Builder(scenario)
    builder.build()
    (tls,) = builder.tls_sessions()
    (tmp_path / "keys.log").write_text(tls.key_log_line() + "\n")
    capture = path.with_name("capture.pcapng")
    assert opened(capture, scenario, "-o", f"tls.keylog_file:{tmp_path / 'keys.log'}") == written(scenario)
    assert not any(opened(capture, scenario, "-o", f"tls.psk:{'0b' * 16}").values())


@needs_tshark
@pytest.mark.interop
@pytest.mark.parametrize(
    ("name", "suite", "extended"),
    [
        ("e2e-dial-in", "0x00a8", True),
        ("e2e-dial-in-mode-2", "0x008c", False),
        ("e2e-dial-in-mode-4", "0x00ae", True),
        ("e2e-dial-out", "0x008c", False),
    ],
)
def test_handshake_is_what_the_description_says(name: str, suite: str, extended: bool) -> None:
    fields = ["-T", "fields", "-e", "tls.handshake.ciphersuite", "-e", "tls.handshake.extension.type"]
    capture = description(name).with_name("capture.pcapng")
    command = ["tshark", "-r", str(capture), "-Y", "tls.handshake.type == 2", *fields]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    found, extensions = done.stdout.strip("\n").split("\t")
    assert found == suite
    assert ("23" in extensions.split(",")) is extended


@pytest.mark.parametrize(
    ("name", "who", "messages"),
    [
        ("e2e-dial-in", "MRFP", [11, 13, 14, 16, 18, 15]),
        ("e2e-dial-in-mode-2", "MRFP", [11, 13, 14, 15]),
        ("e2e-dial-in-mode-4", "MRFP", [14, 15]),
        ("e2e-dial-out", "UE", [14, 16, 18, 15]),
    ],
)
def test_messages_of_mikey_ticket_by_mode(name: str, who: str, messages: list[int]) -> None:
    """Which exchanges a mode has (RFC 6043 section 4.1.1), and who starts TLS."""
    found = []
    for step in Scenario.load(description(name)).steps:
        if step.protocol == "http":
            body = step.octets.partition(b"\r\n\r\n")[2]
            found.append(decode_mikey(body).data_type)
        elif carried := re.search(rb"a=key-mgmt:(mikey [\w+/=]+)", step.octets):
            found.append(decode_key_mgmt(carried[1].decode()).data_type)
        elif step.do == "handshake":
            assert step.source[0].role == who
    assert found == [DataType(number) for number in messages]


def test_keys_file_is_that_of_the_description() -> None:
    """What keys.toml holds is what the messages were made with."""
    for name in NAMES:
        text = description(name).with_name("keys.toml").read_text()
        held = {bytes.fromhex(key) for key in re.findall(r'^key = "([^"]+)"', text, re.MULTILINE)}
        source = description(name.partition("-mode")[0]).read_text() + description(name).read_text()
        made = {bytes.fromhex(key) for key in re.findall(r'^(?:tpk|kms_psk_\w+) = "([^"]+)"', source, re.MULTILINE)}
        assert held <= made


@pytest.mark.parametrize(
    ("change", "records"),
    [
        ('set = { fails = "client_hello", alert = "handshake_failure" }', [(0, 1), (1, 40)]),
        ('set = { fails = "client_finished", alert = "unknown_psk_identity" }', [(0, 1), (1, 2), (0, 16), (1, 115)]),
        ('set = { server_psk = "0b0b0b0b" }', [(0, 1), (1, 2), (0, 16), (1, 20)]),
    ],
)
def test_a_handshake_that_fails(tmp_path: Path, change: str, records: list[tuple[int, int]]) -> None:
    """Flights of the two sides by their first message, then the alert (RFC 5246 section 7.2; RFC 4279 section 2)."""
    shutil.copytree(description("e2e-dial-in").parent, tmp_path / "e2e-dial-in")
    (tmp_path / "twin").mkdir()
    path = tmp_path / "twin" / "scenario.toml"
    lines = 'base = "e2e-dial-in"\n[[change]]\ndrop = ["bind*", "nick*", "chat*", "close-notify"]\n[[change]]\n'
    path.write_text(lines + f'step = "handshake"\n{change}\n')
    _, packets = build.packets(path)
    found = []
    for packet in packets:
        load = packet.data[54:]
        if packet.step == "handshake" and load:
            side = 0 if packet.data[26:30] == bytes((203, 0, 113, 5)) else 1
            found.append((side, load[6] if load[0] == 21 else load[5]))
    assert found == records


def test_a_table_that_cannot_be_meant_is_refused(tmp_path: Path) -> None:
    shutil.copytree(description("e2e-dial-in").parent, tmp_path / "e2e-dial-in")
    (tmp_path / "twin").mkdir()
    path = tmp_path / "twin" / "scenario.toml"
    for text, message in (
        ("[mikey.alice]\ncolour = 1\n", "no field colour"),
        ('[mikey.alice]\ntgk = "xy"\n', "hexadecimal"),
        ('[[change]]\nstep = "handshake"\nset = { suite = "NONE" }\n', "the suite NONE is not known"),
        ('[[change]]\nstep = "handshake"\nset = { fails = "soon" }\n', "fails = 'soon'"),
        ('[[change]]\nstep = "handshake"\nset = { colour = "red" }\n', "a tls step has no colour"),
        ('[[change]]\nstep = "close-notify"\nset = { do = "dance" }\n', "is not known"),
    ):
        path.write_text('base = "e2e-dial-in"\n' + text)
        with pytest.raises(ScenarioError, match=message):
            build.packets(path)


@pytest.mark.parametrize("name", NAMES)
def test_what_stands_on_the_wire_gives_the_key_that_the_mrfp_is_given(name: str) -> None:
    """Offer, answer and KMS exchanges as sent verify with the key of keys.toml, and give the PSK in H.248."""
    carried, bodies, given = [], [], ""
    for step in Scenario.load(description(name)).steps:
        if step.protocol == "http":
            bodies.append(decode_mikey(step.octets.partition(b"\r\n\r\n")[2]))
        elif line := re.search(rb"a=key-mgmt:(mikey [\w+/=]+)\r\n", step.octets):
            carried.append(decode_key_mgmt(line[1].decode()))
        elif psk := re.search(rb"tlsbsc/psk=(\w+)", step.octets):
            given = psk[1].decode()
    keys = tomllib.loads(description(name).with_name("keys.toml").read_text())
    for kind, tables in keys.items():
        for table in tables:
            secret = Secret(SecretKind[kind.upper()], bytes.fromhex(table["key"]), kind)
            exchanges = list(zip(bodies[::2], bodies[1::2], strict=True))
            found = unlock_transfer(*carried, secrets=[secret], kms_exchanges=exchanges)
            assert found.authentic
            assert found.checks.transfer_resp
            assert [tek.key.hex() for tek in found.teks] == [given]
