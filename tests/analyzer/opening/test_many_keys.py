"""Twenty secured sessions at once, each with a PSK of its own under one and the same identity."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from capture_variants import write_pcap
from oracles import need, tshark_fields

from analyzer.checks import CHECKS
from analyzer.export.hand_over import key_log, write_annotated
from analyzer.flows import FLOWS
from analyzer.judge import Judge
from analyzer.keys.keys_file import read_keys
from analyzer.keys.ring import KeyRing
from analyzer.opening.opener import Opener
from analyzer.pipeline import Analysis, Options
from samples import build

SAMPLE = build.DRAWN / "e2e-dial-out"
SESSIONS = 20
APART = 300_000_000
"ns from the begin of one session to that of the next: all are up together."


def described(number: int) -> str:
    """The sample's description with other ends, ids and keys, and the same PSK identity in all."""
    text = (SAMPLE / "scenario.toml").read_text()
    for old, new in (
        ("198.51.100.9:", f"198.51.100.{10 + number}:"),
        ("28573", str(28600 + number)),
        ("5ab10c7e2e0024e3f9f0b2f8c3b5d6a1", f"{number:032x}"),
        ("628200mrfc", f"mrfc{number}"),
        ("9fxcede2e1", f"ue{number}"),
        ("z9hG4bKe2eo1", f"z9hG4bKe2eo1{number}x"),
        ("kjhd37e2e20w2a", f"kjhd37e2e20w2a{number:02}"),
        ("t2c81hE2E5n0pYq6K", f"t2c81hE2E5n0pYq6K{number:02}"),
        ("ip/1/mb/43", f"ip/1/mb/{100 + number}"),
        ('context = "20"', f'context = "{20 + number}"'),  # a gateway gives a context's number once while it lives
        ("5678dc1234b0e7fe2e", f"icid{number}"),
        ("3e6b1b0bd4a14c1e8f1c5b3a5a0e8e2e", f"{number + 1:032x}"),
        ("c0a7ef10be2344b8b1ee6c62a9c11e2e", f"{number + 1001:032x}"),
        ("0x5b20d1e4", f"0x5b20{number:04x}"),
        ('psk_identity = "5b20d1e4"', 'psk_identity = "the same for all"'),
        ("6d72 6663 2773 2074 6963 6b65 7420 6b65 79", f"6d72 6663 2773 2074 6963 6b65 7420 6b65 {number:02x}"),
        ("extended_master_secret = false", f'extended_master_secret = false\nclient_random = "{number + 1:064x}"'),
        ("74676b30 b0b1b2b3", f"74676b30 b0b1b2{number:02x}"),
    ):
        assert old in text, old
        text = text.replace(old, new)
    return re.sub(r'"530([0-9])"', lambda found: f'"{7000 + 10 * number + int(found[1])}"', text)


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("many")
    packets = []
    for number in range(SESSIONS):
        path = folder / f"session-{number}" / "scenario.toml"
        path.parent.mkdir()
        path.write_text(described(number))
        packets += [(packet.time + number * APART, packet.data) for packet in build.packets(path)[1]]
    return write_pcap(folder / "capture.pcap", sorted(packets, key=lambda packet: packet[0]))


def opener() -> Opener:
    tables = [
        f"[[tpk]]\nname = 'mrfc {number}'\nkey = '6d72 6663 2773 2074 6963 6b65 7420 6b65 {number:02x}'\n"
        for number in reversed(range(SESSIONS))
    ]
    return Opener(KeyRing(read_keys("\n".join(tables), Path("keys.toml")).keys), keep_secrets=True)


def test_one_keys_file_opens_all_and_tshark_opens_what_we_hand_over(capture: Path, tmp_path: Path) -> None:
    keys = opener()
    analysis = Analysis([str(capture)], Options(opener=keys, judge=Judge(FLOWS, CHECKS).judge))
    sessions = list(analysis.sessions())
    assert len(sessions) == SESSIONS
    found = [part.connection.tls for each in sessions for part in each.connections]
    assert [tls.outcome for tls in found if tls is not None] == ["decrypted"] * SESSIONS
    assert [tls.psk_identity for tls in found if tls is not None] == [b"the same for all"] * SESSIONS
    assert sorted(tls.key.partition(":")[0] for tls in found if tls is not None) == sorted(
        f"mrfc {number}" for number in range(SESSIONS)
    )
    assert [(key.used, key.failed) for key in keys.ring.keys] == [(1, 0)] * SESSIONS
    assert [each.findings for each in sessions] == [[]] * SESSIONS
    assert analysis.coverage.messages["msrp"] == 11 * SESSIONS

    need("tshark")
    numbered = list(enumerate(sessions, 1))
    annotated = tmp_path / "annotated.pcapng"
    with annotated.open("wb") as out:
        assert write_annotated([str(capture)], numbered, out, application="test", cut=False) == len(
            tshark_fields(capture, "frame", ["frame.number"])
        )
    finished = tshark_fields(annotated, "tls.handshake.type == 20", ["tcp.stream"])
    assert len({row[0] for row in finished}) == SESSIONS
    assert len(finished) == 2 * SESSIONS
    log = tmp_path / "log.keys"
    log.write_bytes(key_log(sessions))
    option = ("-o", f"tls.keylog_file:{log}")
    assert len(tshark_fields(capture, "tls.handshake.type == 20", ["tcp.stream"], *option)) == 2 * SESSIONS
    assert tshark_fields(capture, "tls.handshake.type == 20", ["tcp.stream"]) == []
