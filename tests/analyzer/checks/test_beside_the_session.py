"""What goes wrong with SIP that sets up no message session is a warning at most (RFC 3261 section 21)."""

from __future__ import annotations

from pathlib import Path

import pytest
from capture_variants import Packets, write_pcap
from hostile_captures import udp
from judged import judge_files

from analyzer.findings import Severity
from analyzer.model import Verdict

UE, PROXY = 0xC6336407, 0xC0000205
SECOND = 1_000_000_000
AUDIO = b"v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"


def message(first: str, method: str, cseq: int = 1, body: bytes = b"") -> bytes:
    to_tag = ";tag=p" if first.startswith("SIP/2.0") else ""
    content = "Content-Type: application/sdp\r\n" if body else ""
    head = (
        f"{first}\r\nVia: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK{cseq}\r\nFrom: <sip:a@x>;tag=f\r\n"
        f"To: <sip:b@x>{to_tag}\r\nCall-ID: beside@x\r\nCSeq: {cseq} {method}\r\nMax-Forwards: 70\r\n{content}"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def exchange(method: str, *statuses: str, body: bytes = b"") -> Packets:
    """A request and its response, again for every status, five seconds apart."""
    packets: Packets = []
    for number, status in enumerate(statuses, 1):
        request = message(f"{method} sip:b@x SIP/2.0", method, number, body)
        packets.append((number * 5 * SECOND, udp(UE, PROXY, 5060, request)))
        if status:
            answer = message(f"SIP/2.0 {status}", method, number)
            packets.append((number * 5 * SECOND + 20_000_000, udp(PROXY, UE, 5060, answer)))
    return packets


@pytest.mark.parametrize("status", ["403 Forbidden", "404 Not Found", "486 Busy Here", "503 No", "600 Busy", "606 No"])
def test_an_audio_call_that_fails(status: str, tmp_path: Path) -> None:
    assert _found(exchange("INVITE", status, body=AUDIO), tmp_path) == [(f"SIP-{status[0]}XX", Severity.WARNING)]


@pytest.mark.parametrize("method", ["SUBSCRIBE", "PUBLISH", "REGISTER", "MESSAGE"])
@pytest.mark.parametrize("status", ["403 Forbidden", "489 Bad Event", "500 No"])
def test_other_requests_that_are_refused(method: str, status: str, tmp_path: Path) -> None:
    assert _found(exchange(method, status), tmp_path) == [(f"SIP-{status[0]}XX", Severity.WARNING)]


def test_a_refused_ping_says_that_somebody_is_there(tmp_path: Path) -> None:
    assert _found(exchange("OPTIONS", "404 Not Found"), tmp_path) == [("SIP-4XX", Severity.INFO)]


@pytest.mark.parametrize(
    "statuses",
    [
        ("401 Unauthorized", "403 Forbidden"),
        ("200 OK", "403 Forbidden"),
        ("401 Unauthorized", "403 Forbidden", ""),
    ],
    ids=["challenged first", "renewed", "and once more at the end of the capture"],
)
def test_a_registration_that_ends_in_403_is_told(statuses: tuple[str, ...], tmp_path: Path) -> None:
    assert _found(exchange("REGISTER", *statuses), tmp_path) == [("SIP-4XX", Severity.WARNING)]


@pytest.mark.parametrize("statuses", [("401 Unauthorized", "200 OK"), ("403 Forbidden", "200 OK")])
def test_a_registration_that_succeeds_in_the_end_is_not(statuses: tuple[str, ...], tmp_path: Path) -> None:
    assert _found(exchange("REGISTER", *statuses), tmp_path) == []


def _found(packets: Packets, folder: Path) -> list[tuple[str, Severity]]:
    (session,) = judge_files([write_pcap(folder / "beside.pcap", packets)]).sessions
    assert session.verdict is not Verdict.FAILED
    return [(each.code, each.severity) for each in session.findings]
