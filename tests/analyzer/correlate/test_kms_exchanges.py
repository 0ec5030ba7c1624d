"""MIKEY-TICKET over HTTP (RFC 6043 section 4.2): found by content, paired, and part of the session of its ticket."""

from __future__ import annotations

import base64
import random
from itertools import pairwise
from pathlib import Path

import pytest
from capture_variants import Packets, write_pcap
from judged import SAMPLES
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from analyzer.conversations.kms_exchange import KmsExchange, KmsTable
from analyzer.correlate.session import Session
from analyzer.model import Message
from analyzer.pipeline import Analysis, Options
from analyzer.transport.flow import FlowTable
from dissectors.errors import DecodeError
from dissectors.http import HttpMessage, decode_head
from dissectors.mikey import DataType
from samples import build
from samples.builder import Builder
from samples.scenario import Scenario

ROWS = [
    ((4,), "198.51.100.7", "POST, REQUEST_INIT_PSK"),
    ((6,), "192.0.2.40", "200 OK, REQUEST_RESP"),
    ((21,), "192.0.2.10", "POST, RESOLVE_INIT_PSK"),
    ((24,), "192.0.2.40", "200 OK, RESOLVE_RESP"),
]


def analysed(packets: Packets, folder: Path, jobs: int = 1) -> tuple[Analysis, list[Session]]:
    path = write_pcap(folder / "capture.pcap", packets)
    analysis = Analysis([str(path)], Options(jobs=jobs))
    return analysis, list(analysis.sessions())


def sample(name: str = "e2e-dial-in") -> Packets:
    _, built = build.packets(SAMPLES / name / "scenario.toml")
    return [(packet.time, packet.data) for packet in built]


def http_rows(session: Session) -> list[tuple[tuple[int, ...], str, str]]:
    return [(each.frames, each.flow.src_ip, each.summary) for each in session.entries() if each.protocol == "http"]


@pytest.mark.parametrize("jobs", [1, 2])
def test_exchanges_are_part_of_the_session_whose_ticket_they_are_about(tmp_path: Path, jobs: int) -> None:
    analysis, (session,) = analysed(sample(), tmp_path, jobs)
    assert http_rows(session) == ROWS
    assert analysis.nodes.role("192.0.2.40") == "KMS"
    assert analysis.coverage.messages["http"] == analysis.coverage.messages["mikey"] == 4
    assert analysis.coverage.unlinked["http"] == 0
    assert "tcp http" not in analysis.coverage.ignored
    assert [link.to for link in session.links if link.to.startswith("http")] == [
        "http 198.51.100.7:50412 > 192.0.2.40:80 REQUEST_INIT_PSK",
        "http 192.0.2.10:41830 > 192.0.2.40:80 RESOLVE_INIT_PSK",
    ]


def test_exchanges_about_no_ticket_of_a_session_are_unlinked(tmp_path: Path) -> None:
    """Without SIP nothing says what the tickets are for."""
    packets = [(time, data) for time, data in sample() if 5060 not in ports(data)]
    analysis, sessions = analysed(packets, tmp_path)
    assert [http_rows(each) for each in sessions] == [[]]
    assert analysis.coverage.unlinked["http"] == 4


def ports(data: bytes) -> tuple[int, int]:
    return int.from_bytes(data[34:36], "big"), int.from_bytes(data[36:38], "big")


@pytest.mark.parametrize("step", [1, 40])
def test_requests_in_small_segments_without_a_media_type(tmp_path: Path, step: int) -> None:
    scenario = Scenario.load(SAMPLES / "e2e-dial-in" / "scenario.toml")
    for each in scenario.steps:
        if each.protocol == "http":
            each.octets = each.octets.replace(b"Content-Type: application/mikey\r\n", b"")
    builder = Builder(scenario)
    packets = [(packet.time, packet.data) for packet in builder.build()]
    _, (session,) = analysed(cut(packets, step), tmp_path)
    assert [row[2] for row in http_rows(session)] == [row[2] for row in ROWS]


def cut(packets: Packets, step: int) -> Packets:
    """HTTP in segments of `step` octets behind the first 80."""
    made: Packets = []
    for time, data in packets:
        frame = Ether(data)
        load = bytes(frame[TCP].payload) if TCP in frame and 80 in ports(data) else b""
        if not load:
            made.append((time, data))
            continue
        places = [0, *range(80, len(load), step), len(load)]
        for begin, end in pairwise(places):
            piece = frame.copy()
            piece[TCP].remove_payload()
            piece[TCP].seq += begin
            del piece[IP].len, piece[IP].chksum, piece[TCP].chksum
            made.append((time + begin * 10, bytes(piece / Raw(load[begin:end]))))
    return made


def web(number: int, request: bytes, response: bytes) -> Packets:
    """A connection of a browser."""
    ends = ("198.51.100.7", 30000 + number), ("192.0.2.99", 8080)
    seq = [1, 1]
    made: Packets = []
    time = 1768471200_000_000_000 + number * 1000

    def send(side: int, flags: str, load: bytes = b"") -> None:
        nonlocal time
        source, target = ends[side], ends[1 - side]
        layer = TCP(sport=source[1], dport=target[1], flags=flags, seq=seq[side], ack=seq[1 - side])
        time += 10
        made.append(
            (
                time,
                bytes(
                    Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
                    / IP(src=source[0], dst=target[0])
                    / layer
                    / Raw(load)
                ),
            )
        )
        seq[side] += len(load) + ("S" in flags)

    send(0, "S")
    send(1, "SA")
    for _ in range(6):
        send(0, "PA", request)
        send(1, "PA", response)
    return made


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /index.html HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /api HTTP/1.1\r\nContent-Length: 4\r\n\r\n{  }",
        b"POST /upload HTTP/1.1\r\nContent-Length: 900000\r\n\r\n",
        b"POST /binary HTTP/1.1\r\nContent-Length: 12\r\n\r\n\x01\x0b not mikey",
        b"POST /odd HTTP/1.1\r\nContent-Length: 4, 5\r\n\r\n",
    ],
)
def test_other_http_is_given_up_and_accounted(tmp_path: Path, request_: bytes) -> None:
    response = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    analysis, sessions = analysed(web(1, request_, response), tmp_path)
    assert sessions == []
    assert not analysis.coverage.messages["http"]
    assert analysis.coverage.streams["http"] == 1
    assert analysis.coverage.undecoded == []
    assert sum(analysis.coverage.ignored.values()) == analysis.coverage.packets == 14


# ---------------------------------------------------------------------- the table


FLOWS = FlowTable()
THERE = FLOWS.get(0xC6336407_C0000228, 4 << 40 | 6 << 32 | 50000 << 16 | 80)
BACK = FLOWS.get(*THERE.reverse_key())


def bodies(name: str = "e2e-dial-in") -> list[bytes]:
    steps = Scenario.load(SAMPLES / name / "scenario.toml").steps
    return [step.octets.partition(b"\r\n\r\n")[2] for step in steps if step.protocol == "http"]


def http(time: int, body: bytes, *, status: int = 0, back: bool | None = None) -> Message:
    head = b"HTTP/1.1 %d X\r\n\r\n" % status if status else b"POST / HTTP/1.1\r\n\r\n"
    message = decode_head(head, body, len(body))
    return Message("http", BACK if status or back else THERE, time, (time,), message)


def test_pipelined_requests_are_answered_in_order() -> None:
    """RFC 9112 section 9.3.2; an interim response answers nothing (section 9.3, RFC 9110 section 15.2)."""
    request, response, resolve, resolved = bodies()
    table = KmsTable()
    for message in (http(1, request), http(2, resolve), http(3, b"", status=100)):
        table.add(message)
    table.add(http(4, response, status=200))
    table.add(http(5, resolved, status=200))
    found = exchanges(table)
    assert [(each.request.time, each.response and each.response.time) for each in found] == [(1, 4), (2, 5)]
    assert [each.asked.data_type for each in found] == [DataType.REQUEST_INIT_PSK, DataType.RESOLVE_INIT_PSK]
    assert table.left_over() == 5


def exchanges(table: KmsTable) -> list[KmsExchange]:
    return list(table._exchanges.values())


def test_a_refusal_without_mikey_is_the_answer_all_the_same() -> None:
    _, _, resolve, _ = bodies()
    table = KmsTable()
    table.add(http(1, resolve))
    table.add(http(2, b"", status=403))
    (exchange,) = exchanges(table)
    assert exchange.answered is None
    assert exchange.response is not None
    assert exchange.summary(exchange.response) == "403 X"


def test_base64_bodies_and_what_is_no_mikey() -> None:
    request, response, _, _ = bodies()
    table = KmsTable()
    assert table.add(http(1, base64.b64encode(request))) is not None
    with pytest.raises(DecodeError):
        table.add(http(2, response[:-1], status=200))
    (exchange,) = exchanges(table)
    assert exchange.response is not None
    assert exchange.answered is None
    assert table.add(http(3, response, status=200)) is not None  # nobody asked
    assert table.left_over() == 3


def test_the_table_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analyzer.conversations.kms_exchange.MAX_EXCHANGES", 3)
    _, _, resolve, resolved = bodies()
    table = KmsTable()
    for number in range(10):
        table.add(http(2 * number, resolve))
        if number % 2:
            table.add(http(2 * number + 1, resolved, status=200))
    assert len(exchanges(table)) == 3
    assert len(table._by_ticket) == 1
    assert len(next(iter(table._by_ticket.values()))) == 3
    assert table.left_over() == 15


def test_mutated_bodies_never_break_the_table() -> None:
    dice = random.Random(4)
    for _ in range(400):
        body = bytearray(dice.choice(bodies_once))
        for _ in range(dice.randrange(1, 6)):
            body[dice.randrange(len(body))] = dice.randrange(256)
        message: HttpMessage = http(1, bytes(body), status=dice.choice([0, 200])).decoded
        table = KmsTable()
        try:
            table.add(Message("http", BACK if message.status else THERE, 1, (1,), message))
        except DecodeError:
            continue
        assert table.left_over() == 1


bodies_once = bodies()
