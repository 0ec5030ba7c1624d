"""TLS opened with the keys of its session, and what is said where it cannot be opened."""

from __future__ import annotations

from pathlib import Path

import pytest
from capture_variants import Packets, write_pcap
from judged import sample_packets
from oracles import shared_capture

from analyzer.checks import CHECKS
from analyzer.conversations.tls_facts import TlsFacts
from analyzer.correlate.session import Session
from analyzer.flows import FLOWS
from analyzer.judge import Judge
from analyzer.keys.keys_file import read_keys
from analyzer.keys.ring import KeyRing
from analyzer.keys.supplied import KeyKind, SuppliedKey
from analyzer.model import Coverage
from analyzer.opening.opener import Opener
from analyzer.pipeline import Analysis, Options
from dissectors.tls.keylog import KeyLog
from samples import build

SAMPLES = build.DRAWN
WIRESHARK = Path(__file__).resolve().parents[4] / "shared" / "captures" / "tls12-psk-aes128ccm.pcap"
WIRESHARK_PSK = bytes.fromhex("ca19e028a8a372ad2d325f950fcaceed")


def analysed(path: Path, opener: Opener | None = None, jobs: int = 1) -> tuple[list[Session], Coverage]:
    options = Options(opener=opener, judge=Judge(FLOWS, CHECKS).judge, jobs=jobs)
    analysis = Analysis([str(path)], options)
    return list(analysis.sessions()), analysis.coverage


def tls_of(session: Session) -> TlsFacts:
    (tls,) = [part.connection.tls for part in session.connections if part.connection.tls is not None]
    return tls


def psk(key: bytes, **place: object) -> Opener:
    return Opener(KeyRing([SuppliedKey(KeyKind.PSK, key, "the psk", **place)]))  # type: ignore[arg-type]


def sample_opener(name: str) -> Opener:
    path = SAMPLES / name / "keys.toml"
    return Opener(KeyRing(read_keys(path.read_text(), path).keys))


def msrp_rows(session: Session) -> list[str]:
    return [entry.summary for entry in session.entries() if entry.protocol == "msrp"]


@pytest.mark.parametrize("place", [{}, {"identity": b"test"}, {"address": "127.0.0.1"}])
def test_a_capture_of_wireshark_opens_with_its_psk(place: dict[str, object]) -> None:
    sessions, coverage = analysed(shared_capture(WIRESHARK), psk(WIRESHARK_PSK, **place))
    tls = tls_of(sessions[0])
    assert (tls.outcome, tls.version, tls.cipher_suite) == ("decrypted", "TLS 1.2", "TLS_PSK_WITH_AES_128_CCM")
    assert (tls.key, tls.client, tls.is_psk) == ("the psk", 0, True)
    assert (coverage.tls_sessions, dict(coverage.tls_undecrypted)) == (1, {})


def test_a_wrong_key_opens_nothing_and_says_so() -> None:
    opener = psk(bytes(16))
    sessions, coverage = analysed(shared_capture(WIRESHARK), opener)
    assert tls_of(sessions[0]).outcome == "wrong_key"
    assert dict(coverage.tls_undecrypted) == {"wrong_key": 1}
    assert [(key.used, key.failed) for key in opener.ring.keys] == [(0, 1)]


def test_a_key_for_another_address_is_not_tried() -> None:
    opener = psk(WIRESHARK_PSK, address="192.0.2.1")
    sessions, _ = analysed(shared_capture(WIRESHARK), opener)
    assert tls_of(sessions[0]).outcome == "no_key"
    assert [(key.used, key.failed) for key in opener.ring.keys] == [(0, 0)]


def test_without_keys_the_handshake_is_told_all_the_same() -> None:
    sessions, coverage = analysed(shared_capture(WIRESHARK))
    tls = tls_of(sessions[0])
    assert (tls.outcome, tls.cipher_suite, tls.hello and tls.hello.frames) == (
        "no_key",
        "TLS_PSK_WITH_AES_128_CCM",
        (1,),
    )
    assert dict(coverage.tls_undecrypted) == {"no_key": 1}
    assert [entry.summary for entry in sessions[0].entries() if entry.protocol == "tls"][:2] == [
        "ClientHello",
        "ServerHello TLS 1.2 TLS_PSK_WITH_AES_128_CCM",
    ]


SECURED = ["e2e-dial-in-mode-2", "e2e-dial-in-mode-4", "e2e-dial-out"]


@pytest.mark.parametrize("name", SECURED)
def test_ticket_keys_open_a_session_and_every_step_is_there(name: str) -> None:
    opener = sample_opener(name)
    sessions, coverage = analysed(SAMPLES / name / "capture.pcapng", opener)
    (session,) = sessions
    tls = tls_of(session)
    assert tls.outcome == "decrypted"
    assert tls.key.endswith("TEK")
    assert {step.status for step in session.steps} <= {"ok", "not applicable", "not observable"}
    assert session.findings == []
    assert coverage.messages["msrp"] == len(msrp_rows(session)) > 0
    assert any(key.used for key in opener.ring.keys)


@pytest.mark.parametrize("jobs", [1, 2])
def test_two_processes_open_the_same(jobs: int, tmp_path: Path) -> None:
    name = "e2e-dial-out"
    path = write_pcap(tmp_path / "c.pcap", list(sample_packets(name)))
    (session,), _ = analysed(path, sample_opener(name), jobs=jobs)
    assert (tls_of(session).outcome, len(msrp_rows(session))) == ("decrypted", 11)


def test_a_secured_session_reads_like_the_same_session_in_plain() -> None:
    """Each MSRP line has frames of its own TLS record, and the counts are those of the plain text."""
    sessions, _ = analysed(SAMPLES / "e2e-dial-out" / "capture.pcapng", sample_opener("e2e-dial-out"))
    (session,) = sessions
    (exchanged,) = [each for part in session.connections for each in part.msrp()]
    rows = [entry for entry in session.entries() if entry.protocol == "msrp"]
    assert len(rows) == exchanged.requests + exchanged.responses
    assert all(len(entry.frames) == 1 for entry in rows)
    assert [entry.time for entry in rows] == sorted(entry.time for entry in rows)


def test_the_key_log_of_what_was_opened_opens_it_again(tmp_path: Path) -> None:
    name = "e2e-dial-out"
    path = SAMPLES / name / "keys.toml"
    writer = Opener(KeyRing(read_keys(path.read_text(), path).keys), keep_secrets=True)
    (session,), _ = analysed(SAMPLES / name / "capture.pcapng", writer)
    lines = tls_of(session).key_log
    assert [line.split()[0] for line in lines] == ["CLIENT_RANDOM"]
    log = KeyLog()
    log.add("\n".join(lines).encode())
    (again,), _ = analysed(SAMPLES / name / "capture.pcapng", Opener(key_log=log))
    assert (tls_of(again).outcome, tls_of(again).key) == ("decrypted", "key log")
    assert msrp_rows(again) == msrp_rows(session)


def cut_first_with(packets: Packets, octets: bytes) -> Packets:
    at = next(index for index, (_, data) in enumerate(packets) if octets in data)
    return packets[:at] + packets[at + 1 :]


def test_a_lost_handshake_segment_is_a_gap_and_blames_nobody(tmp_path: Path) -> None:
    packets = list(sample_packets("e2e-dial-out"))
    hello = cut_first_with(packets, b"\x16\x03\x03")  # ServerHello, or ClientHello in a TLS 1.2 record
    (session,), _ = analysed(write_pcap(tmp_path / "c.pcap", hello), sample_opener("e2e-dial-out"))
    assert tls_of(session).outcome in ("gap", "handshake_not_captured")
    assert [finding.code for finding in session.findings] == []
    assert msrp_rows(session) == []


def test_no_key_octets_are_told() -> None:
    (session,), _ = analysed(SAMPLES / "e2e-dial-out" / "capture.pcapng", sample_opener("e2e-dial-out"))
    text = repr(session) + repr(tls_of(session)) + "".join(repr(each) for each in session.findings)
    for key in sample_opener("e2e-dial-out").ring.keys:
        assert key.key.hex() not in text
        assert repr(key.key) not in text
