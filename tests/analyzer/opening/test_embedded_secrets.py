"""Decryption Secrets Blocks (pcapng draft section 4.7): opened with no option, wherever the blocks stand."""

from __future__ import annotations

import gzip
import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from analyzer.capture import pcapng as pcapng_reader
from analyzer.capture.reader import open_captures
from analyzer.cli.main import run

SAMPLE = Path(__file__).parents[3] / "samples" / "e2e-dial-in"
TLS, WIREGUARD, SSH = 0x544C534B, 0x57474B4C, 0x5353484B
MSRP_MESSAGES = 13
"As samples/e2e-dial-in has them."
WRONG = b"CLIENT_RANDOM " + b"ab" * 32 + b" " + b"cd" * 48 + b"\n"


@pytest.fixture(scope="module")
def key_log(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What opens the sample, from its keys file."""
    out = tmp_path_factory.mktemp("keys") / "log"
    words = ["decrypt", "-q", "--insecure-keys", "-k", str(SAMPLE / "keys.toml"), "--write-keylog", str(out)]
    assert run([*words, str(SAMPLE / "capture.pcapng")]) == 0
    return out.read_bytes()


def block(order: str, kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    size = 12 + len(body)
    return struct.pack(order + "II", kind, size) + body + struct.pack(order + "I", size)


def secrets(order: str, kind: int, text: bytes, claimed: int | None = None) -> bytes:
    return block(order, 10, struct.pack(order + "II", kind, len(text) if claimed is None else claimed) + text)


def pcapng(order: str, before: bytes = b"", behind: bytes = b"") -> bytes:
    """The sample's packets again, with blocks before and behind them."""
    section = block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))
    packets = b""
    for each in open_captures([str(SAMPLE / "capture.pcapng")]).blocks():
        for time, at, size in zip(each.time.tolist(), each.offset.tolist(), each.caplen.tolist(), strict=True):
            high, low = time // 1000 >> 32, time // 1000 & 0xFFFFFFFF
            head = struct.pack(order + "IIIII", 0, high, low, size, size)
            packets += block(order, 6, head + each.data[at : at + size])
    interface = block(order, 1, struct.pack(order + "HHI", 1, 0, 0))
    return section + before + interface + packets + behind


def analyzed(path: Path, *more: str, stdin: bytes | None = None) -> dict[str, Any]:
    name = "-" if stdin is not None else str(path)
    command = [str(Path(sys.executable).parent / "mrfscope")]
    words = [*command, "analyze", "-q", "-f", "json", *more, name]
    done = subprocess.run(words, input=stdin, capture_output=True, check=False)
    assert done.stderr == b""
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def msrp(report: dict[str, Any]) -> int:
    return int(report["coverage"]["messages"].get("msrp", 0))


PLACES = {
    "before": lambda order, log: (secrets(order, TLS, log), b""),
    "behind": lambda order, log: (b"", secrets(order, TLS, log)),
    "among foreign ones": lambda order, log: (
        secrets(order, WIREGUARD, b"LOCAL_STATIC_PRIVATE_KEY = x\n") + secrets(order, TLS, WRONG),
        secrets(order, SSH, b"00 SHARED_SECRET 00\n") + secrets(order, TLS, log) + secrets(order, TLS, WRONG),
    ),
}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("place", PLACES)
def test_opened_without_any_option(order: str, place: str, key_log: bytes, tmp_path: Path) -> None:
    path = tmp_path / "inside.pcapng"
    path.write_bytes(pcapng(order, *PLACES[place](order, key_log)))
    named = f"Decryption Secrets Block of {path}"
    for jobs in ("1", "2"):
        report = analyzed(path, "--jobs", jobs)
        assert msrp(report) == MSRP_MESSAGES
        assert report["coverage"]["tls"]["keys"] == [{"name": named, "opened": 1, "failed": 0}]
        assert [each["tls"]["key"] for each in report["sessions"] if each.get("tls")] == [named]
    skipped = report["captures"][0]["skipped"]
    assert {name: count for name, count in skipped.items() if "secrets" in name} == (
        {"secrets of WireGuard": 1, "secrets of SSH": 1} if place == "among foreign ones" else {}
    )


@pytest.mark.parametrize("place", PLACES)
def test_from_standard_input(place: str, key_log: bytes, tmp_path: Path) -> None:
    assert msrp(analyzed(tmp_path, stdin=pcapng("<", *PLACES[place]("<", key_log)))) == MSRP_MESSAGES


def test_packed(key_log: bytes, tmp_path: Path) -> None:
    path = tmp_path / "inside.pcapng.gz"
    path.write_bytes(gzip.compress(pcapng("<", b"", secrets("<", TLS, key_log))))
    assert msrp(analyzed(path)) == MSRP_MESSAGES


def test_secrets_of_others_open_nothing(tmp_path: Path) -> None:
    """The neighbour: blocks that do not fit leave the session closed, with the reason of a capture without keys."""
    path = tmp_path / "inside.pcapng"
    path.write_bytes(pcapng("<", secrets("<", TLS, WRONG) + secrets("<", WIREGUARD, b"x")))
    report = analyzed(path)
    assert msrp(report) == 0
    assert report["coverage"]["tls"]["undecrypted"] == {"no_key": 1}
    assert report["coverage"]["tls"]["keys"] == [
        {"name": f"Decryption Secrets Block of {path}", "opened": 0, "failed": 0}
    ]


def test_damaged_blocks_are_counted(key_log: bytes, tmp_path: Path) -> None:
    """A block that claims more than it holds, and lines that are none; the good block opens the session."""
    path = tmp_path / "inside.pcapng"
    bad = secrets("<", TLS, b"CLIENT_RANDOM 00", claimed=5000) + secrets("<", TLS, b"what is this\n\xff\xfe\n")
    path.write_bytes(pcapng("<", bad, secrets("<", TLS, key_log)))
    report = analyzed(path)
    assert msrp(report) == MSRP_MESSAGES
    assert report["captures"][0]["skipped"]["secrets of a wrong length"] == 1
    assert report["coverage"]["notes"]["pcapng secrets of a wrong length"] == 1
    assert report["coverage"]["notes"]["lines of Decryption Secrets Blocks that no key log has"] == 2


def test_huge_secrets_are_bounded(key_log: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is over the limit is counted and said; the secrets before it open the session."""
    monkeypatch.setattr(pcapng_reader, "MAXIMUM_SECRETS", len(key_log) + 1000)
    path, out = tmp_path / "inside.pcapng", tmp_path / "report.json"
    path.write_bytes(pcapng("<", secrets("<", TLS, key_log) + secrets("<", TLS, b"#" * 5000)))
    run(["analyze", "-q", "-f", "json", "--jobs", "1", "-o", str(out), str(path)])
    report = json.loads(out.read_bytes())
    assert msrp(report) == MSRP_MESSAGES
    assert report["coverage"]["notes"]["pcapng secrets over the limit"] == 1


def test_a_key_log_of_the_user_goes_first(key_log: bytes, tmp_path: Path) -> None:
    """A wrong secret for the same session in the capture does not spoil the right one."""
    path, log = tmp_path / "inside.pcapng", tmp_path / "log"
    label, client_random, secret = key_log.split(b"\n")[0].split(b" ")
    wrong = b" ".join((label, client_random, b"00" * (len(secret) // 2))) + b"\n"
    path.write_bytes(pcapng("<", secrets("<", TLS, wrong)))
    log.write_bytes(key_log)
    assert msrp(analyzed(path)) == 0
    assert msrp(analyzed(path, "--insecure-keys", "--keylog", str(log))) == MSRP_MESSAGES


def test_what_decrypt_writes_opens_again(tmp_path: Path) -> None:
    """`decrypt -w`, then `analyze` and `decrypt` with no option."""
    written, plain = tmp_path / "written.pcapng", tmp_path / "plain.pcapng"
    words = ["decrypt", "-q", "--insecure-keys", "-k", str(SAMPLE / "keys.toml"), "-w", str(written)]
    assert run([*words, str(SAMPLE / "capture.pcapng")]) == 0
    assert msrp(analyzed(written)) == MSRP_MESSAGES
    assert run(["decrypt", "-q", "--require-decrypt", "--plain", str(plain), str(written)]) == 0
    assert msrp(analyzed(plain)) == MSRP_MESSAGES


def test_more_than_a_handshake_is_kept_where_secrets_stand_behind(tmp_path: Path) -> None:
    """Transcripts grow beyond 16 KiB only where a capture may hold secrets."""
    from analyzer.conversations.tls_transcript import HANDSHAKE_OCTETS, KEPT_OCTETS, TlsRoom

    without, asked = TlsRoom(may_open=lambda: False), TlsRoom(may_open=lambda: True)
    assert not without.take(HANDSHAKE_OCTETS, 1)
    assert asked.take(HANDSHAKE_OCTETS, 1)
    assert (without.each, asked.each) == (HANDSHAKE_OCTETS, KEPT_OCTETS)
