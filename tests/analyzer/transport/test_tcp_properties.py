"""TCP reassembly: what holds for every segmentation, order, loss, and for any numbers at all (RFC 9293 section 3.4)."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.transport import tcp_stream
from analyzer.transport.flow import reverse_key
from analyzer.transport.tcp import Gap, Lifecycle, Piece, TcpEvent, TcpState, TcpStep, TcpStream, TcpTable

FIN, SYN, RST, ACK = 1, 2, 4, 16
CLIENT = (0x0A0000010A000002, 4 << 40 | 6 << 32 | 40000 << 16 | 2855)
SERVER = reverse_key(*CLIENT)
ISN = st.one_of(st.integers(0, 0xFFFFFFFF), st.integers(0xFFFFFF00, 0xFFFFFFFF))
RUNS = settings(max_examples=150, deadline=None)


def check_contiguous(events: Iterable[TcpEvent]) -> dict[TcpStream, list[Piece | Gap]]:
    """Pieces and gaps of every stream join without hole or overlap; return them by stream."""
    streams: dict[TcpStream, list[Piece | Gap]] = {}
    for event in events:
        if isinstance(event, Lifecycle):
            continue
        parts = streams.setdefault(event.stream, [])
        if parts:
            last = parts[-1]
            assert event.offset == last.offset + (len(last.data) if isinstance(last, Piece) else last.size)
        else:
            assert event.offset == 0
        parts.append(event)
    for stream, parts in streams.items():
        assert stream.octets == sum(len(part.data) for part in parts if isinstance(part, Piece))
        assert stream.gap_octets == sum(part.size for part in parts if isinstance(part, Gap))
    return streams


def cut(data: bytes, sizes: list[int]) -> list[tuple[int, bytes]]:
    parts, start = [], 0
    for size in sizes:
        if start >= len(data):
            break
        parts.append((start, data[start : start + size]))
        start += size
    if start < len(data):
        parts.append((start, data[start:]))
    return parts


def run(isn: int, packets: list[tuple[int, bytes]], end: int) -> list[TcpEvent]:
    """A connection whose client sends these segments (stream offset, octets) 1 us apart, and then FIN."""
    table = TcpTable()
    events: list[TcpEvent] = []
    first = (isn + 1) & 0xFFFFFFFF
    events += table.receive(*CLIENT, 1, 1000, isn, 0, SYN)
    events += table.receive(*SERVER, 2, 2000, 5, first, SYN | ACK)
    frame = 2
    for offset, payload in packets:
        frame += 1
        events += table.receive(*CLIENT, frame, frame * 1000, first + offset & 0xFFFFFFFF, 6, ACK, payload)
        events += table.receive(*SERVER, 0, frame * 1000, 6, first, ACK)
    events += table.receive(*CLIENT, frame + 1, frame * 1000 + 1000, first + end & 0xFFFFFFFF, 6, ACK | FIN)
    return events + table.flush()


@RUNS
@given(
    ISN,
    st.binary(min_size=1, max_size=400),
    st.lists(st.integers(1, 40), max_size=30),
    st.randoms(use_true_random=False),
)
def test_any_order_and_repetition_yields_the_stream(
    isn: int, data: bytes, sizes: list[int], chance: random.Random
) -> None:
    packets = cut(data, sizes)
    for _ in range(chance.randrange(6)):  # repetitions cut in another way
        start = chance.randrange(len(data))
        packets.append((start, data[start : start + chance.randrange(1, 60)]))
    chance.shuffle(packets)
    events = run(isn, packets, len(data))
    ((stream, parts),) = check_contiguous(events).items()
    assert b"".join(part.data for part in parts if isinstance(part, Piece)) == data
    assert (stream.gaps, stream.differing_overlaps, stream.strange) == (0, 0, 0)
    assert [event.step for event in events if isinstance(event, Lifecycle) and event.direction == 0] == [
        TcpStep.SYN,
        TcpStep.ESTABLISHED,
        TcpStep.FIN,
        TcpStep.END,
    ]
    for part in parts:  # every octet's frame is one that carried it
        assert isinstance(part, Piece)
        offset, payload = packets[part.frame - 3]
        assert payload[part.offset - offset :].startswith(part.data)
        for start in range(part.offset, part.offset + len(part.data)):
            assert stream.frames_of(start, start + 1) == (part.frame,)
            assert stream.time_of(start, start + 1) == part.frame * 1000
    assert stream.frames_of(0, len(data)) == tuple(dict.fromkeys(part.frame for part in parts))


@RUNS
@given(
    ISN,
    st.binary(min_size=1, max_size=400),
    st.lists(st.integers(1, 40), max_size=30),
    st.randoms(use_true_random=False),
)
def test_losses_become_gaps_that_add_up(isn: int, data: bytes, sizes: list[int], chance: random.Random) -> None:
    packets = [part for part in cut(data, sizes) if chance.random() < 0.7]
    chance.shuffle(packets)
    present = set()
    for offset, payload in packets:
        present.update(range(offset, offset + len(payload)))
    streams = check_contiguous(run(isn, packets, len(data)))
    ((stream, parts),) = streams.items()
    assert stream.offset == len(data)
    assert stream.gap_octets == len(data) - len(present)
    for part in parts:
        if isinstance(part, Piece):
            assert data[part.offset : part.offset + len(part.data)] == part.data
        else:
            assert not present & set(range(part.offset, part.offset + part.size))


KEYS = [CLIENT, SERVER, (CLIENT[0], CLIENT[1] + 1), (7 << 32 | 7, 4 << 40 | 6 << 32 | 9 << 16 | 9)]
SEQ = st.one_of(st.integers(0, 60), st.integers(0xFFFFFFE0, 0xFFFFFFFF), st.integers(0, 0xFFFFFFFF))
PACKET = st.tuples(
    st.sampled_from(KEYS),
    st.one_of(st.integers(0, 5_000_000), st.integers(-(10**12), 10**12)),
    SEQ,
    SEQ,
    st.one_of(st.just(ACK), st.just(ACK), st.integers(0, 255)),
    st.binary(max_size=20),
    st.sampled_from([0, 0, 0, 0, 1, 5]),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(PACKET, max_size=60))
def test_any_packets_give_contiguous_streams(
    packets: list[tuple[tuple[int, int], int, int, int, int, bytes, int]],
) -> None:
    table = TcpTable(limit=3)
    events: list[TcpEvent] = []
    time = 0
    for frame, (key, step, seq, ack, flags, payload, missing) in enumerate(packets, 1):
        time += step
        events += table.receive(*key, frame, time, seq, ack, flags, payload, missing)
        assert len(table) <= 3
    connections = list(table)
    events += table.flush()
    check_contiguous(events)
    ends = [event.connection for event in events if isinstance(event, Lifecycle) and event.step is TcpStep.END]
    assert len(ends) == len(set(ends)) == table.opened
    assert set(connections) <= set(ends)
    for connection in ends:
        assert len(connection.lifecycle) <= 12
        assert connection.lifecycle[-1].step is TcpStep.END
        assert connection.state is not TcpState.SYN_SENT
        for stream in connection.streams:
            assert not stream.held
            assert stream.held_octets == 0


def test_hostile_segments_are_held_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp_stream, "HELD_OCTETS", 20_000)
    monkeypatch.setattr(tcp_stream, "HELD_SEGMENTS", 100)
    chance = random.Random(7)
    table = TcpTable()
    events: list[TcpEvent] = list(table.receive(*CLIENT, 1, 0, 0, 0, SYN))
    (connection,) = table
    stream = connection.streams[0]
    for frame in range(2, 20_000):
        size = chance.choice((1, 50, 1400))
        events += table.receive(*CLIENT, frame, frame, chance.randrange(1 << 24), 0, ACK, bytes(size))
        assert len(stream.held) <= 101
        assert stream.held_octets <= 20_000 + 1400
        assert stream.held_octets == sum(len(held[4]) for held in stream.held)
        stream.release(stream.offset)
        assert len(stream.mark_starts) <= 300
    check_contiguous(events)
