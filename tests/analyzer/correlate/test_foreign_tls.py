"""TLS of the web is counted and not listed; TLS that may be MSRP is listed (RFC 4279, RFC 8446 section 4.2.11)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from capture_variants import Packets, write_pcap
from judged import judge_packets, sample_packets, without
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether
from tls_made import Made, client_hello, extension, server_hello, vector

from analyzer.cli.main import run
from analyzer.correlate.foreign_tls import NOTE

ECDHE, PSK, TLS13 = 0xC02F, 0x00A8, 0x1301
BROWSER, WEB = "198.51.100.44", "192.0.2.80"
UE, MRFP = "198.51.100.7", "203.0.113.5"
"The UE and the MRFP of samples/drawn/tcp-dial-in."
START = sample_packets("tcp-dial-in")[-1][0] + 1_000_000_000


def tls(hello: bytes, chosen: int, *, client: str = BROWSER, server: str = WEB, port: int = 443) -> Packets:
    """A TCP connection whose handshake ends after ServerHello, as somebody who has no key sees it."""
    made = Made()
    made.put(0, 22, hello)
    made.put(1, 22, server_hello(chosen))
    said = [record for _, record in made.records]
    steps = [(0, "S", b""), (1, "SA", b""), (0, "A", b""), (0, "PA", said[0]), (1, "PA", said[1])]
    steps += [(1, "FA", b""), (0, "FA", b""), (1, "A", b"")]
    ends, sequence = ((client, 40_000), (server, port)), [1000, 5000]
    packets: Packets = []
    for number, (way, flags, data) in enumerate(steps):
        (src, sport), (dst, dport) = ends[way], ends[1 - way]
        there = 0 if flags == "S" else sequence[1 - way]
        tcp = TCP(sport=sport, dport=dport, flags=flags, seq=sequence[way], ack=there)
        packets.append((START + number * 1_000_000, bytes(Ether() / IP(src=src, dst=dst) / tcp / data)))
        sequence[way] += len(data) + ("S" in flags) + ("F" in flags)
    return packets


def ticket(age: int) -> bytes:
    """pre_shared_key of TLS 1.3 with one identity."""
    offered = vector(2, vector(2, b"ticket") + age.to_bytes(4, "big")) + vector(2, vector(1, bytes(32)))
    return client_hello(TLS13, extension(41, offered))


FOREIGN = {
    "https": tls(client_hello(ECDHE), ECDHE),
    "another port": tls(client_hello(ECDHE), ECDHE, port=8443),
    "https, resumed": tls(ticket(123_456), TLS13),
    "https of the UE": tls(client_hello(ECDHE), ECDHE, client=UE),
}
OURS = {
    "a PSK suite": tls(client_hello(PSK), PSK),
    "a PSK suite that was not chosen": tls(client_hello(PSK), ECDHE),
    "an external key of TLS 1.3": tls(ticket(0), TLS13),
    "sips": tls(client_hello(ECDHE), ECDHE, port=5061),
    "the UE, not to the web": tls(client_hello(ECDHE), ECDHE, client=UE, port=2855),
    "the MRFP": tls(client_hello(ECDHE), ECDHE, client=MRFP),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_tls_of_the_web_is_counted_and_not_listed(name: str, tmp_path: Path) -> None:
    found = judge_packets([*sample_packets("tcp-dial-in"), *FOREIGN[name]], tmp_path)
    assert [each.kind for each in found.sessions] == ["message"]
    coverage = found.coverage
    assert (coverage.notes[NOTE], coverage.streams["tls"], coverage.tls_sessions, coverage.tls_foreign) == (1, 1, 1, 1)
    assert coverage.tls_undecrypted.total() == 1


@pytest.mark.parametrize("name", OURS)
def test_tls_that_may_be_msrp_is_listed(name: str, tmp_path: Path) -> None:
    found = judge_packets([*sample_packets("tcp-dial-in"), *OURS[name]], tmp_path)
    assert [each.kind for each in found.sessions] == ["message", "tcp"]
    assert (found.coverage.notes[NOTE], found.coverage.tls_foreign) == (0, 0)


def test_an_announced_end_is_listed(tmp_path: Path) -> None:
    """Certificates between the announced ends: the session's own TLS."""
    packets = without(list(sample_packets("e2e-dial-in--certificates")), "h248")
    found = judge_packets(packets, tmp_path)
    assert found.only.connections[0].connection.tls is not None
    assert found.coverage.notes[NOTE] == 0


def analyze(folder: Path, packets: Packets, *words: str) -> tuple[int, list[str]]:
    path, out = write_pcap(folder / "in.pcap", packets), folder / "out.json"
    code = run(["analyze", "-q", "-f", "json", "--jobs", "1", "-o", str(out), *words, str(path)])
    return code, [session["kind"] for session in json.loads(out.read_bytes())["sessions"]]


@pytest.mark.parametrize(
    ("extra", "words", "expected"),
    [
        pytest.param("https", (), (0, ["message"]), id="web"),
        pytest.param("https", ("--require-decrypt",), (0, ["message"]), id="web, all to be opened"),
        pytest.param("https", ("--node", f"{WEB}=MRFP"), (0, ["message", "tcp"]), id="web, named by the user"),
    ],
)
def test_what_the_command_says(
    extra: str, words: tuple[str, ...], expected: tuple[int, list[str]], tmp_path: Path
) -> None:
    assert analyze(tmp_path, [*sample_packets("tcp-dial-in"), *FOREIGN[extra]], *words) == expected


def test_what_is_not_opened_and_ours_still_counts(tmp_path: Path) -> None:
    packets = [*sample_packets("tcp-dial-in"), *OURS["a PSK suite"]]
    assert analyze(tmp_path, packets, "--require-decrypt") == (4, ["message", "tcp"])


def test_the_web_alone_is_nothing_to_recognise(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert analyze(tmp_path, FOREIGN["https"]) == (3, [])
    assert "TLS of 1 connections that nothing announces: --node ADDR=ROLE lists it" in capsys.readouterr().err
