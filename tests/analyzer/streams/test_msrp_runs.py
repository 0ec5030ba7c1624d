"""A lane that takes runs of segments at once finds what one finds that takes every segment by itself."""

from __future__ import annotations

import random
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from capture_variants import SHARED, VARIANTS, Packets, read_packets, write_pcap
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import Subject, mutated

from analyzer.capture.reader import open_captures
from analyzer.conversations.msrp_columns import Scan
from analyzer.conversations.msrp_exchange import MsrpExchange
from analyzer.streams.lane import Lane
from analyzer.transport.tcp import TcpTable
from benchmarks.conference import Counts
from benchmarks.generate import frames
from benchmarks.packets import ACK, FIN, SYN, Write, tcp

ROOT = Path(__file__).resolve().parents[3]
CAPTURES = {
    "tcp-dial-in": ROOT / "samples" / "drawn" / "tcp-dial-in" / "capture.pcapng",
    "msrp-node-lib": SHARED / "msrp-node-lib.pcapng",
}
CLIENT, SERVER = ("192.0.2.1", 40000), ("198.51.100.2", 2855)
MS = 1_000_000


def found_in(path: Path) -> tuple[list[Any], Any]:
    """All connections in their order, with rows, facts and observations, and the account."""
    lane = Lane()
    outputs = [lane.feed(block) for block in open_captures([str(path)]).blocks()]
    outputs.append(lane.finish())
    # `marshal` writes equal rows in several ways: which objects are the same one shows in its octets.
    connections = [each for output in outputs for each in output.connections]
    return [(each.to_wire()[:-1], each.rows) for each in connections], lane.coverage


def same_both_ways(path: Path) -> int:
    """Read with and without runs; returns how many messages were taken from columns."""
    taken = 0

    def take(exchange: MsrpExchange, scan: Scan, first: int, last: int, turned: int) -> int:
        nonlocal taken
        end = plain_take(exchange, scan, first, last, turned)
        taken += end - first
        return end

    plain_take = MsrpExchange.take
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MsrpExchange, "take", take)
        quick = found_in(path)
        patch.setattr(TcpTable, "receive_run", lambda table, rows, runs, first, stop: (first, None, None))
        slow = found_in(path)
    assert quick[0] == slow[0]
    for name in ("ignored", "messages", "copies", "notes", "streams", "undecoded_total", "gaps_total"):
        assert getattr(quick[1], name) == getattr(slow[1], name), name
    # Listed connection by connection in a block, not packet by packet.
    assert sorted(map(repr, quick[1].undecoded)) == sorted(map(repr, slow[1].undecoded))
    assert sorted(map(repr, quick[1].gaps)) == sorted(map(repr, slow[1].gaps))
    return taken


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", CAPTURES)
def test_captures(name: str, variant: str, tmp_path: Path) -> None:
    if not CAPTURES[name].exists():
        pytest.skip(f"{CAPTURES[name].name} is not there")
    change, linktype = VARIANTS[variant]
    path = write_pcap(tmp_path / "changed.pcap", change(read_packets(CAPTURES[name])), linktype)
    taken = same_both_ways(path)
    assert (taken > 0) is (variant != "one octet in a segment")  # columns hold whole messages


def conferences(seed: int) -> Packets:
    return list(islice(frames("dense", 1500, seed, Counts()), 1500))


@pytest.mark.parametrize("variant", ["shuffled in the file", "shuffled in time", "doubled"])
def test_conferences(variant: str, tmp_path: Path) -> None:
    change, linktype = VARIANTS[variant]
    assert same_both_ways(write_pcap(tmp_path / "changed.pcap", change(conferences(2)), linktype)) > 300


@pytest.mark.parametrize("number", range(1, 41))
def test_damaged_conferences(number: int, tmp_path: Path) -> None:
    """Packets lost, doubled, out of order, cut; octets changed in their payloads."""
    packets = conferences(number % 3)
    path = tmp_path / "damaged.pcap"
    write_pcap(path, packets)
    path.write_bytes(mutated(Subject(path.read_bytes(), packets), number))
    same_both_ways(path)


def octets(
    what: str, tid: str, fields: str = "", body: str | None = None, to_client: int = 0, flag: str = "$"
) -> bytes:
    here, there = "msrp://a.example:1/aaaa;tcp", "msrp://b.example:2/bbbb;tcp"
    to_path, from_path = (here, there) if to_client else (there, here)
    content = "" if body is None else f"{body}\r\n"
    return (
        f"MSRP {tid} {what}\r\nTo-Path: {to_path}\r\nFrom-Path: {from_path}\r\n{fields}{content}-------{tid}{flag}\r\n"
    ).encode()


TEXT = "Content-Type: text/plain\r\n\r\n"
CPIM = "From: <sip:a@x>\r\n\r\nContent-Type: text/html\r\n\r\nabc"
FIELDS = [
    ("SEND", "Message-ID: {0}\r\nByte-Range: 1-5/5\r\n" + TEXT, "Hello", "$"),
    ("SEND", "Message-ID: {0}\r\nByte-Range: 1-5/5\r\n" + TEXT, "Hello", "$"),
    ("SEND", "Message-ID: {0}\r\nSuccess-Report: yes\r\nByte-Range: 1-5/5\r\n" + TEXT, "Hello", "$"),
    ("SEND", "Message-ID: {0}\r\nFailure-Report: no\r\nByte-Range: 1-5/5\r\n" + TEXT, "Hello", "$"),
    ("SEND", "Message-ID: {0}\r\nByte-Range: 1-*/*\r\n" + TEXT, "Gr\xfc\xdfe", "$"),
    ("SEND", "Message-ID: {0}\r\nByte-Range: 1-5/5\r\n" + TEXT, "Gr\xfc\xdfe", "$"),
    ("SEND", "Message-ID: {0}\r\nContent-Type: message/cpim\r\n\r\n", CPIM, "$"),
    ("SEND", "Message-ID: {0}\r\nContent-Type: message/cpim; x=y\r\n\r\n", CPIM.replace("\r\n\r\nC", "\r\n\r\nX"), "$"),
    ("SEND", "Message-ID: chunked\r\nByte-Range: 1-*/10\r\n" + TEXT, "Hello", "+"),
    ("SEND", "Message-ID: chunked\r\nByte-Range: 6-10/10\r\n" + TEXT, "World", "$"),
    ("SEND", "Message-ID: {0}\r\n", None, "$"),
    ("REPORT", "Message-ID: {1}\r\nByte-Range: 1-5/5\r\nStatus: 000 200 OK\r\n", None, "$"),
    ("REPORT", "Message-ID: {1}\r\nByte-Range: 1-9/9\r\nStatus: 000 408 No\r\n", None, "$"),
    ("NICKNAME", 'Use-Nickname: "x"\r\n', None, "$"),
]


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 1), st.sampled_from(FIELDS), st.sampled_from([200, 200, 200, 481, 0, 1]), st.booleans()
        ),
        min_size=1,
        max_size=25,
    ),
    st.randoms(use_true_random=False),
)
def test_conversations(
    tmp_path_factory: pytest.TempPathFactory,
    talk: list[tuple[int, tuple[str, str, str | None, str], int, bool]],
    chance: random.Random,
) -> None:
    """Requests of all kinds, answered or not, together in segments or apart, some packets lost or late."""
    writes = [Write(0, True, flags=SYN), Write(1000, False, flags=SYN | ACK), Write(2000, True, flags=ACK)]
    clock = MS
    for number, (to_client, (method, fields, body, flag), status, together) in enumerate(talk):
        tid = f"tid{number:05}"
        text = fields.format(f"msg{number:05}", f"msg{chance.randrange(number + 1):05}")
        request = octets(method, tid, text, body, to_client, flag)
        if together and writes[-1].load and writes[-1].from_client != bool(to_client):
            writes[-1].load += request
        else:
            writes.append(Write(clock, not to_client, request))
        clock += chance.choice((MS, MS, 200 * MS, 40_000 * MS))
        if status:
            answer = octets("200 OK" if status in (1, 200) else f"{status} No", tid, "", None, 1 - to_client)
            writes.append(Write(clock, bool(to_client), answer * (1 + (status == 1))))
        clock += MS
    writes += [Write(clock, True, flags=FIN | ACK), Write(clock + MS, False, flags=FIN | ACK)]
    packets = [(1_700_000_000_000_000_000 + at, data) for at, data in tcp(CLIENT, SERVER, (0xFFFFFF00, 7), writes)]
    for _ in range(chance.choice((0, 0, 1, 3))):
        at = chance.randrange(len(packets))
        match chance.randrange(3):
            case 0:
                del packets[at : at + 1]
            case 1:
                packets.append(packets[at])
            case 2:
                time, data = packets[at]
                packets[at] = time + 3 * MS, data
        if not packets:
            return
    same_both_ways(write_pcap(tmp_path_factory.mktemp("talk") / "talk.pcap", sorted(packets)))
