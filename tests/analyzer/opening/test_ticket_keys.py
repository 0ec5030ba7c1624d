"""A ticket key that does not open the ticket is told as such, not as if there were none."""

from __future__ import annotations

from pathlib import Path

import pytest
from capture_variants import write_pcap
from judged import sample_packets, without

from analyzer.keys.keys_file import read_keys
from analyzer.keys.ring import KeyRing
from analyzer.opening.opener import Opener
from analyzer.report.coverage_text import coverage_lines
from tests.analyzer.opening.test_opening import SAMPLES, analysed, tls_of

NAME = "e2e-dial-out"
CLIENT_RANDOM = "82711c12bf2ac062597f02d5d0e4c07e47e600f1a8fd7be1b4fffac0457e3658"
LOG = f"a key log (SSLKEYLOGFILE) with the CLIENT_RANDOM lines of client random {CLIENT_RANDOM}"
WRONG = 'key = "000102030405060708090a0b0c0d0e0f"\n'
FOREIGN = f'[[tpk]]\nholder = "sip:somebody@else.example"\n{WRONG}'
UNFIT = "the ticket's MAC does not fit the ticket key"


@pytest.mark.parametrize(
    ("keys", "outcome", "says", "tried"),
    [
        (
            f"[[tpk]]\n{WRONG}",
            "wrong_key",
            f"the ticket protection key keys.toml:1 tpk does not open the ticket of this session: {UNFIT}",
            [1],
        ),
        (
            f'{FOREIGN}[[tpk]]\nkms = "kms.example.net"\n{WRONG}',
            "wrong_key",
            f"none of 2 keys opens the ticket of this session; the ticket protection key keys.toml:4 tpk: {UNFIT}",
            [0, 1],
        ),
        (
            FOREIGN,
            "no_key",
            f"the ticket protection key keys.toml:1 tpk does not open the ticket of this session: {UNFIT}",
            [0],
        ),
        (
            f"[[kms_psk]]\n{WRONG}",
            "wrong_key",
            "the key shared with the KMS keys.toml:1 kms_psk does not open the ticket of this session: neither message "
            "of the exchange with the KMS fits the key",
            [1],
        ),
    ],
)
def test_the_key_and_what_speaks_against_it_are_told(keys: str, outcome: str, says: str, tried: list[int]) -> None:
    ring = KeyRing(read_keys(keys, Path("keys.toml")).keys)
    (session,), coverage = analysed(SAMPLES / NAME / "capture.pcapng", Opener(ring))
    tls = tls_of(session)
    assert (tls.outcome, tls.explanation) == (outcome, f"{says}; supply the right one, or {LOG}")
    assert dict(coverage.tls_undecrypted) == {outcome: 1}
    assert [key.failed for key in ring.keys] == tried
    assert [key.used for key in ring.keys] == [0] * len(tried)


def test_a_kms_key_without_the_exchange_with_the_kms(tmp_path: Path) -> None:
    """It may be the right one: nothing in the capture tells."""
    ring = KeyRing(read_keys(f"[[kms_psk]]\n{WRONG}", Path("keys.toml")).keys)
    path = write_pcap(tmp_path / "c.pcap", without(list(sample_packets(NAME)), "http"))
    (session,), _ = analysed(path, Opener(ring))
    assert (tls_of(session).outcome, tls_of(session).explanation) == (
        "no_key",
        "the key shared with the KMS keys.toml:1 kms_psk gives no PSK for this session: no exchange with the KMS was "
        f"captured that the key could open; supply the right one, or {LOG}",
    )


def test_a_mac_that_a_wrong_ticket_key_cannot_check_says_so() -> None:
    ring = KeyRing(read_keys(f"[[tpk]]\n{WRONG}", Path("keys.toml")).keys)
    (session,), _ = analysed(SAMPLES / NAME / "capture.pcapng", Opener(ring))
    assert session.results["DOUT-9a"].reason == "the ticket key supplied does not open the ticket"
    (session,), _ = analysed(SAMPLES / NAME / "capture.pcapng")
    assert session.results["DOUT-9a"].reason == "no key was supplied that checks the MAC of TRANSFER_RESP"


def test_without_any_key_it_stays_no_key() -> None:
    (session,), _ = analysed(SAMPLES / NAME / "capture.pcapng", Opener(KeyRing([])))
    assert (tls_of(session).outcome, tls_of(session).explanation) == (
        "no_key",
        f"no PSK is supplied for this session's PSK identity; supply it, or {LOG}",
    )


def why_unused(keys: KeyRing, folder: Path, cut: str) -> list[str]:
    """What the account says of the keys for a capture that lacks an interface."""
    packets = without(list(sample_packets(NAME)), cut) if cut else list(sample_packets(NAME))
    _, coverage = analysed(write_pcap(folder / "in.pcap", packets), Opener(keys))
    lines = [line.strip() for line in coverage_lines(coverage, lambda _, text: text)]
    return [line.partition(": ")[2] for line in lines if line.startswith("key ")]


def test_a_ticket_key_that_fits_fits_something(tmp_path: Path) -> None:
    """Its TLS is not in the capture: the ticket, or TRANSFER_RESP, is verified all the same."""
    path = SAMPLES / NAME / "keys.toml"
    keys = KeyRing(read_keys(path.read_text(), path).keys)
    said = why_unused(keys, tmp_path, "tcp")
    assert "fits a MIKEY-TICKET exchange, opened no TLS" in said
    assert [key.fits for key in keys.keys].count(True) == said.count("fits a MIKEY-TICKET exchange, opened no TLS")
    assert not {key.name for key in keys.keys if key.fits} & {key.name for key in keys.unused()}


@pytest.mark.parametrize("cut", ["tcp", ""])
def test_a_wrong_ticket_key_fits_nothing(cut: str, tmp_path: Path) -> None:
    """The neighbour."""
    keys = KeyRing(read_keys(FOREIGN, Path("keys.toml")).keys)
    assert why_unused(keys, tmp_path, cut) == ["fits nothing in the capture"]
    assert [key.name for key in keys.unused()] == ["keys.toml:1 tpk"]
