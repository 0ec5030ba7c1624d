"""SCTP messages (RFC 9260, RFC 8260) and M3UA (RFC 4666); packets are built by scapy, an independent encoder."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.sctp import SCTP, SCTPChunkData, SCTPChunkHeartbeatReq, SCTPChunkSACK

from analyzer.transport import sctp_fragments
from analyzer.transport.flow import reverse_key
from analyzer.transport.m3ua import ProtocolData, decode_protocol_data
from analyzer.transport.sctp import SctpData, SctpTable
from dissectors.errors import DecodeError

CAPTURE = Path(__file__).resolve().parents[3].parent / "shared" / "captures" / "h248-over-sctp.cap"
MS, SECOND = 1_000_000, 1_000_000_000
KEY = (0x0A000001 << 32 | 0x0A000002, 4 << 40 | 132 << 32 | 16384 << 16 | 2944)
BACK = reverse_key(*KEY)
SECOND_PATH = (0x0B000001 << 32 | 0x0B000002, KEY[1])


def data(tsn: int, payload: bytes, *, ssn: int = 0, stream: int = 0, flags: str = "be", ppid: int = 7) -> SCTPChunkData:
    return SCTPChunkData(
        tsn=tsn & 0xFFFFFFFF,
        data=payload,
        stream_seq=ssn & 0xFFFF,
        stream_id=stream,
        proto_id=ppid,
        beginning="b" in flags,
        ending="e" in flags,
        unordered="u" in flags,
    )


def packet(*chunks: object, tag: int = 0x16F0A) -> bytes:
    built = SCTP(sport=16384, dport=2944, tag=tag)
    for chunk in chunks:
        built = built / chunk
    return bytes(built)


class Wire:
    """Feeds packets 1 ms apart, frames counting from 1, and keeps (data, frames) of the messages."""

    def __init__(self, **options: int) -> None:
        self.table = SctpTable(**options)
        self.frame = 0
        self.time = 0
        self.messages: list[SctpData] = []

    def send(self, *chunks: object, key: tuple[int, int] = KEY, tag: int = 0x16F0A, at: int = -1) -> list[object]:
        self.frame += 1
        self.time = self.time + MS if at < 0 else at
        found = self.table.receive(self.frame, self.time, *key, packet(*chunks, tag=tag))
        self.messages += found
        return [(message.data, message.frames) for message in found]

    def flush(self) -> list[object]:
        found = self.table.flush()
        self.messages += found
        return [(message.data, message.frames) for message in found]


def test_capture_holds_one_h248_message() -> None:
    if not CAPTURE.exists():
        pytest.skip(f"{CAPTURE.name} is not beside the repository")
    octets = CAPTURE.read_bytes()
    table, pos, frame, messages = SctpTable(), 24, 0, []
    while pos < len(octets):
        seconds, micros, size, _ = struct.unpack_from(">IIII", octets, pos)
        ip = octets[pos + 16 + 14 : pos + 16 + size]
        pos += 16 + size
        frame += 1
        addresses = int.from_bytes(ip[12:20], "big")
        sctp = ip[20 : int.from_bytes(ip[2:4], "big")]
        ports = 4 << 40 | 132 << 32 | int.from_bytes(sctp[:4], "big")
        messages += table.receive(frame, (seconds * 10**6 + micros) * 1000, addresses, ports, sctp)
    (message,) = messages
    assert message.data.startswith(b"MEGACO/2 <mg-tr>:16384\nReply = 174091{")
    assert len(message.data) == 75
    assert (message.ppid, message.stream, message.sequence, message.frames) == (7, 0, 41149, (1,))
    assert message.flow_key == (0x0A1C062B_0A1C062C, 4 << 40 | 132 << 32 | 16384 << 16 | 2944)
    assert table.counts == {"DATA": 1, "SACK": 1, "HEARTBEAT": 1, "HEARTBEAT_ACK": 1}
    assert table.faults == {}
    assert table.flush() == []


def test_bundled_chunks() -> None:
    """RFC 9260 section 6.10; chunk padding (section 3.2) is no payload."""
    wire = Wire()
    assert wire.send(
        data(1, b"a", ssn=5), SCTPChunkSACK(), data(2, b"bcd", ssn=0, stream=1), data(3, b"ef", ssn=6)
    ) == [
        (b"a", (1,)),
        (b"bcd", (1,)),
        (b"ef", (1,)),
    ]
    assert [(message.stream, message.sequence, message.time) for message in wire.messages] == [
        (0, 5, MS),
        (1, 0, MS),
        (0, 6, MS),
    ]
    assert wire.table.counts == {"DATA": 3, "SACK": 1}


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (2, 0, 1), (0, 2, 1), (1, 2, 0)])
@pytest.mark.parametrize("first", [10, 0xFFFFFFFF, 0xFFFFFFFE])
def test_fragments_in_any_order(order: tuple[int, ...], first: int) -> None:
    """RFC 9260 section 6.9: fragments carry consecutive TSNs, modulo 2^32 (section 1.6)."""
    parts = [
        data(first, b"one", flags="b"),
        data(first + 1, b"two", flags=""),
        data(first + 2, b"three", flags="e"),
    ]
    wire = Wire()
    for index in order[:-1]:
        assert wire.send(parts[index]) == []
    frames = tuple(order.index(index) + 1 for index in range(3))
    assert wire.send(parts[order[-1]]) == [(b"onetwothree", frames)]
    assert wire.messages[0].time == 3 * MS


def test_fragments_of_one_packet_name_it_once() -> None:
    wire = Wire()
    assert wire.send(data(1, b"a", flags="b"), data(2, b"b", flags="e")) == [(b"ab", (1,))]


def test_fragments_of_different_messages_are_not_joined() -> None:
    wire = Wire()
    wire.send(data(1, b"a", flags="b", ssn=1))
    assert wire.send(data(2, b"b", flags="e", ssn=2)) == []
    assert wire.flush() == []
    assert wire.table.faults == {"message incomplete": 2}


def test_unordered_messages_do_not_wait() -> None:
    """RFC 9260 section 6.6: the stream sequence number of unordered messages means nothing."""
    wire = Wire()
    wire.send(data(1, b"a", ssn=7))
    assert wire.send(data(3, b"c", flags="ube", ssn=99)) == [(b"c", (2,))]
    assert wire.messages[-1].sequence is None
    assert wire.send(data(5, b"e", flags="ue", ssn=3)) == []
    assert wire.send(data(4, b"d", flags="ub", ssn=4)) == [(b"de", (4, 3))]


def test_duplicates_are_dropped() -> None:
    wire = Wire()
    for tsn in (1, 2, 4, 2, 4, 1):
        wire.send(data(tsn, b"x%d" % tsn, ssn=tsn))
    assert wire.send(data(3, b"x3", ssn=3)) == [(b"x3", (7,)), (b"x4", (3,))]
    assert wire.send(data(4, b"x4", ssn=4)) == []
    assert wire.table.duplicates == 4


def test_order_within_a_stream_is_restored() -> None:
    """RFC 9260 section 6.6; other streams are not held up; sequence numbers wrap at 2^16."""
    wire = Wire()
    wire.send(data(1, b"a", ssn=0xFFFF))
    assert wire.send(data(3, b"c", ssn=1)) == []
    assert wire.send(data(4, b"other", ssn=0, stream=9)) == [(b"other", (3,))]
    assert wire.send(data(2, b"b", ssn=0)) == [(b"b", (4,)), (b"c", (2,))]


def test_start_may_be_shuffled() -> None:
    wire = Wire()
    assert wire.send(data(11, b"b", ssn=1)) == [(b"b", (1,))]
    assert wire.send(data(10, b"a", ssn=0)) == [(b"a", (2,))]
    assert wire.send(data(10, b"a", ssn=0)) == []


def test_message_missed_by_the_capture_holds_up_for_20_ms_after_the_sack() -> None:
    wire = Wire()
    wire.send(data(1, b"a", ssn=1))
    wire.send(data(3, b"c", ssn=3))
    assert wire.send(SCTPChunkSACK(cumul_tsn_ack=3), key=BACK, tag=9, at=10 * MS) == []
    assert wire.send(SCTPChunkSACK(cumul_tsn_ack=3), key=BACK, tag=9, at=24 * MS) == [(b"c", (2,))]
    assert wire.send(data(4, b"d", ssn=4)) == [(b"d", (5,))]
    wire.flush()
    assert wire.table.faults == {"message missing in its stream": 1}


def test_without_sack_a_hole_is_waited_for_3_s_or_until_the_end() -> None:
    wire = Wire()
    wire.send(data(1, b"a", ssn=1))
    wire.send(data(3, b"c", ssn=3))
    assert wire.send(SCTPChunkHeartbeatReq(), at=2 * SECOND) == []
    assert wire.send(SCTPChunkHeartbeatReq(), at=4 * SECOND) == [(b"c", (2,))]
    wire.send(data(6, b"f", ssn=6))
    wire.send(data(5, b"e", ssn=5))
    assert wire.flush() == [(b"e", (6,)), (b"f", (5,))]
    assert len(wire.table) == 0


def test_held_messages_are_bounded() -> None:
    wire = Wire()
    wire.send(data(1, b"a", ssn=0))
    for index in range(300):
        wire.send(data(3 + index, b"x", ssn=2 + index), at=2 * MS)
    assert len(wire.messages) == 301
    assert len(wire.flush()) == 0


def test_incomplete_messages_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sctp_fragments, "FRAGMENTS", 50)
    wire = Wire()
    for index in range(200):
        wire.send(data(1 + 2 * index, b"x", flags="b"))
    (direction,) = wire.table._directions
    assert direction.fragments.count == 50
    assert direction.fragments.octets == 50
    wire.flush()
    assert wire.table.faults == {"message incomplete": 200}


def test_multi_homed_association() -> None:
    """RFC 9260 section 6.4: same ports and tag on another pair of addresses, TSNs going on."""
    wire = Wire()
    wire.send(data(1, b"one ", flags="b"))
    assert wire.send(data(2, b"two", flags="e"), key=SECOND_PATH) == [(b"one two", (1, 2))]
    assert wire.messages[0].flow_key == SECOND_PATH
    assert wire.send(data(2, b"two", flags="e")) == []
    assert len(wire.table) == 1


def test_strangers_with_the_same_ports_and_tag_are_kept_apart() -> None:
    wire = Wire()
    wire.send(data(1, b"a", flags="b"))
    assert wire.send(data(0x40000001, b"b", flags="e"), key=SECOND_PATH) == []
    assert wire.send(data(2, b"c", flags="e"), tag=99) == []
    assert len(wire.table) == 3


def test_restart_with_the_same_tag() -> None:
    wire = Wire()
    wire.send(data(1, b"a", ssn=10))
    assert wire.send(data(0x70000000, b"b", ssn=0)) == [(b"b", (2,))]
    assert wire.send(data(0x70000001, b"c", ssn=1)) == [(b"c", (3,))]


def test_number_of_directions_is_bounded() -> None:
    wire = Wire(limit=4)
    for tag in range(1, 100):
        wire.send(data(1, b"x"), tag=tag)
    assert len(wire.table) == 4
    assert wire.table.evicted == 95
    assert len(wire.table._aliases) == len(wire.table._tags) == 4


def i_data(tsn: int, mid: int, number: int, payload: bytes, flags: int, stream: int = 0) -> bytes:
    """RFC 8260 section 2.1; scapy has no I-DATA."""
    body = struct.pack(">IHHII", tsn, stream, 0, mid, number) + payload
    return struct.pack(">BBH", 64, flags, 4 + len(body)) + body + bytes(-len(body) & 3)


def test_interleaved_messages() -> None:
    """RFC 8260 section 2.1: fragments of two messages alternate; PPID stands in the first, FSN in the others."""
    table = SctpTable()
    head = bytes(SCTP(sport=16384, dport=2944, tag=1))
    chunks = [
        i_data(1, 0, 7, b"A0", 2),
        i_data(2, 0, 3, b"B0", 2, stream=1),
        i_data(3, 0, 1, b"A1", 0),
        i_data(4, 0, 1, b"B1", 1, stream=1),
        i_data(5, 0, 2, b"A2", 1),
        i_data(6, 2, 7, b"late", 3),
        i_data(7, 1, 7, b"C", 3),
    ]
    found = [message for index, chunk in enumerate(chunks) for message in table.receive(index, 0, *KEY, head + chunk)]
    assert [(each.data, each.frames) for each in found] == [(b"A0A1A2", (0, 2, 4)), (b"C", (6,)), (b"late", (5,))]
    assert [(each.ppid, each.sequence) for each in found] == [(7, 0), (7, 1), (7, 2)]
    assert table.faults == {"M3UA header: shorter than 8 octets": 1}
    assert table.counts["I_DATA"] == 7


@pytest.mark.parametrize(
    ("octets", "fault"),
    [
        (b"", "truncated common header"),
        (bytes(11), "truncated common header"),
        (bytes(12) + b"\0\3", "truncated chunk"),
        (bytes(12) + b"\0\3\0\2", "chunk length below 4"),
        (bytes(12) + b"\0\3\0\x20" + bytes(20), "truncated chunk"),
        (bytes(12) + b"\0\3\0\x10" + bytes(12), "DATA without user data"),
        (bytes(12) + b"\x40\3\0\x14" + bytes(16), "DATA without user data"),
        (bytes(12) + b"\x03\0\0\x04", ""),
        (bytes(12) + b"\x63\0\0\x04\0\0", ""),
    ],
)
def test_bad_packets_are_counted(octets: bytes, fault: str) -> None:
    """RFC 9260 sections 3.2 and 3.3.1."""
    table = SctpTable()
    assert table.receive(1, 0, *KEY, octets) == []
    assert table.faults == ({fault: 1} if fault else {})


def m3ua(service: int, payload: bytes, *, before: bytes = b"") -> bytes:
    """RFC 4666 section 3.3.1: Payload Data with routing context and Protocol Data."""
    value = struct.pack(">IIBBBB", 0x101, 0x202, service, 2, 0, 5) + payload
    parameter = struct.pack(">HH", 0x0210, 4 + len(value)) + value + bytes(-len(value) & 3)
    body = before + parameter
    return struct.pack(">BBBBI", 1, 0, 1, 1, 8 + len(body)) + body


ROUTING_CONTEXT = struct.pack(">HHI", 6, 8, 77)


def test_h248_in_m3ua() -> None:
    """ITU-T Q.704 clause 14.2.1: service indicator 14 is the gateway control protocol."""
    wire = Wire()
    wire.send(data(1, m3ua(14, b"MEGACO/1 x", before=ROUTING_CONTEXT), ssn=0, ppid=3))
    wire.send(data(2, m3ua(5, b"isup"), ssn=1, ppid=3))
    wire.send(data(3, struct.pack(">BBBBI", 1, 0, 3, 3, 8), ssn=2, ppid=3))
    (message,) = wire.messages
    assert (message.ppid, message.data, message.frames) == (7, b"MEGACO/1 x", (1,))
    assert message.m3ua == ProtocolData(0x101, 0x202, 14, 2, 0, 5, b"MEGACO/1 x")
    assert wire.table.m3ua == {5: 1}
    assert wire.table.counts["M3UA management"] == 1


@pytest.mark.parametrize(
    ("octets", "where"),
    [
        (b"\1\0\1\1", "M3UA header"),
        (b"\2\0\1\1\0\0\0\x08", "M3UA header"),
        (b"\1\0\1\1\0\0\0\x40", "M3UA header"),
        (b"\1\0\1\1\0\0\0\x08", "M3UA message"),
        (b"\1\0\1\1\0\0\0\x0c\2\x10\0\x02", "M3UA parameter"),
        (b"\1\0\1\1\0\0\0\x0c\2\x10\0\x20", "M3UA parameter"),
        (b"\1\0\1\1\0\0\0\x10\2\x10\0\x08\0\0\0\0", "M3UA Protocol Data"),
    ],
)
def test_bad_m3ua(octets: bytes, where: str) -> None:
    with pytest.raises(DecodeError) as caught:
        decode_protocol_data(octets)
    assert caught.value.what == where
    wire = Wire()
    assert wire.send(data(1, octets, ppid=3)) == []
    assert sum(wire.table.faults.values()) == 1


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=12),
    st.integers(0, 0xFFFFFFFF),
    st.integers(0, 0xFFFF),
    st.randoms(use_true_random=False),
)
def test_any_fragmentation_and_order_yields_the_messages(
    messages: list[bytes], tsn: int, ssn: int, chance: random.Random
) -> None:
    head = struct.pack(">HHII", 16384, 2944, 1, 0)
    chunks = []
    for index, message in enumerate(messages):
        size = chance.randrange(1, 20)
        for start in range(0, len(message), size):
            part = message[start : start + size]
            flags = 2 * (start == 0) | (start + size >= len(message))
            body = struct.pack(">IHHI", (tsn + len(chunks)) & 0xFFFFFFFF, 0, (ssn + index) & 0xFFFF, 7) + part
            chunks.append(struct.pack(">BBH", 0, flags, 4 + len(body)) + body + bytes(-len(body) & 3))
    tail = chunks[1:]
    tail += chance.sample(tail, len(tail) // 3)
    chance.shuffle(tail)
    table = SctpTable()
    found = []
    for frame, chunk in enumerate([chunks[0], *tail], 1):
        found += table.receive(frame, frame, *KEY, head + chunk)
    found += table.flush()
    assert sorted((each.sequence or 0) - ssn & 0xFFFF for each in found) == list(range(len(messages)))
    assert {(each.sequence or 0) - ssn & 0xFFFF: each.data for each in found} == dict(enumerate(messages))
    assert table.faults == {}


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.binary(max_size=60), st.integers(0, 10**10), st.booleans()), max_size=20))
def test_any_octets_give_messages_or_faults(packets: list[tuple[bytes, int, bool]]) -> None:
    table = SctpTable(limit=4)
    for frame, (octets, time, framed) in enumerate(packets, 1):
        table.receive(frame, time, *KEY, packet(tag=frame % 3) + octets if framed else octets)
        assert len(table) <= 4
    table.flush()
    assert len(table) == 0


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(0, 500), min_size=1, max_size=6), st.integers(0, 255), st.integers(0, 400))
def test_mutated_packets_give_messages_or_faults(places: list[int], octet: int, cut: int) -> None:
    whole = packet(data(1, m3ua(14, b"MEGACO/1 x"), ppid=3), data(2, b"two", flags="b"), data(3, b"three", flags="e"))
    mutated = bytearray(whole)
    for place in places:
        mutated[place % len(whole)] = octet
    table = SctpTable()
    for frame, octets in enumerate((bytes(mutated), bytes(mutated[:cut]), whole), 1):
        table.receive(frame, frame, *KEY, octets)
    table.flush()
