"""TCP reassembly and the life of connections, exact (RFC 9293)."""

from __future__ import annotations

import pytest

from analyzer.transport import tcp_marks, tcp_stream
from analyzer.transport.flow import reverse_key
from analyzer.transport.tcp import Gap, Lifecycle, Piece, TcpEvent, TcpState, TcpStep, TcpTable

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
MS, SECOND = 1_000_000, 1_000_000_000
CLIENT = (0xC0000201 << 32 | 0xC0000202, 4 << 40 | 6 << 32 | 40000 << 16 | 2855)
SERVER = reverse_key(*CLIENT)


class Wire:
    """Feeds packets with frame numbers counting up and 1 ms between them, and writes events down as short tuples."""

    def __init__(self, **options: int) -> None:
        self.table = TcpTable(**options)
        self.frame = 0
        self.time = 0
        self.log: list[tuple[object, ...]] = []

    def send(
        self,
        key: tuple[int, int],
        flags: int,
        seq: int,
        ack: int = 0,
        payload: bytes = b"",
        missing: int = 0,
        at: int = -1,
    ) -> list[tuple[object, ...]]:
        self.frame += 1
        self.time = self.time + MS if at < 0 else at
        events = self.table.receive(
            *key, self.frame, self.time, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, flags, payload, missing
        )
        return self.note(list(events))

    def note(self, events: list[TcpEvent]) -> list[tuple[object, ...]]:
        short = [brief(event) for event in events]
        self.log += short
        return short

    def client(self, flags: int, seq: int, ack: int = 0, payload: bytes = b"", **more: int) -> list[tuple[object, ...]]:
        return self.send(CLIENT, flags, seq, ack, payload, **more)

    def server(self, flags: int, seq: int, ack: int = 0, payload: bytes = b"", **more: int) -> list[tuple[object, ...]]:
        return self.send(SERVER, flags, seq, ack, payload, **more)

    def handshake(self, isn: int = 99, peer_isn: int = 499) -> None:
        self.client(SYN, isn)
        self.server(SYN | ACK, peer_isn, isn + 1)
        self.client(ACK, isn + 1, peer_isn + 1)

    def flush(self) -> list[tuple[object, ...]]:
        return self.note(self.table.flush())


def brief(event: TcpEvent) -> tuple[object, ...]:
    if isinstance(event, Piece):
        return (event.stream.direction, event.offset, event.data, event.frame)
    if isinstance(event, Gap):
        return ("gap", event.stream.direction, event.offset, event.size)
    return (event.step.name, event.direction, event.frame)


def test_whole_life_of_a_connection() -> None:
    """RFC 9293 section 3.5 figure 6 and section 3.6 figure 12."""
    wire = Wire()
    wire.handshake()
    assert wire.client(PSH | ACK, 100, 500, b"hello") == [(0, 0, b"hello", 4)]
    assert wire.server(ACK, 500, 105) == []
    assert wire.server(PSH | ACK, 500, 105, b"hi") == [(1, 0, b"hi", 6)]
    assert wire.client(FIN | ACK, 105, 502) == [("FIN", 0, 7)]
    assert wire.server(ACK, 502, 106) == []
    assert wire.server(ACK, 502, 106, b"more") == [(1, 2, b"more", 9)]
    assert wire.server(FIN | ACK, 506, 106) == [("FIN", 1, 10), ("CLOSED", 1, 10)]
    assert wire.client(ACK, 106, 507) == []
    assert wire.log[:3] == [("SYN", 0, 1), ("SYN_ACK", 1, 2), ("ESTABLISHED", 0, 3)]
    (connection,) = wire.table
    assert connection.state is TcpState.CLOSED
    assert not connection.guessed
    assert not connection.midstream
    assert (connection.flow.src, connection.flow.dst) == ("192.0.2.1:40000", "192.0.2.2:2855")
    assert [stream.octets for stream in connection.streams] == [5, 6]
    assert [stream.segments for stream in connection.streams] == [1, 2]
    assert [stream.packets for stream in connection.streams] == [5, 6]
    assert [stream.midstream for stream in connection.streams] == [False, False]
    assert [event.time for event in connection.lifecycle] == [1 * MS, 2 * MS, 3 * MS, 7 * MS, 10 * MS, 10 * MS]
    step = connection.step(TcpStep.ESTABLISHED)
    assert step is not None
    assert step.frame == 3
    assert wire.flush() == [("END", 0, 0)]
    assert len(wire.table) == 0


def test_data_with_fin_and_data_completing_the_handshake() -> None:
    wire = Wire()
    wire.client(SYN, 99)
    wire.server(SYN | ACK, 499, 100)
    assert wire.client(ACK | FIN, 100, 500, b"bye") == [("ESTABLISHED", 0, 3), (0, 0, b"bye", 3), ("FIN", 0, 3)]
    assert wire.server(ACK | FIN, 500, 104) == [("FIN", 1, 4), ("CLOSED", 1, 4)]


def test_data_in_the_syn() -> None:
    """RFC 9293 section 3.4: the SYN takes the sequence number before the first octet."""
    wire = Wire()
    assert wire.client(SYN, 99, 0, b"early") == [("SYN", 0, 1), (0, 0, b"early", 1)]
    wire.server(SYN | ACK, 499, 100)
    assert wire.client(ACK, 100, 500, b"early bird") == [("ESTABLISHED", 0, 3), (0, 5, b" bird", 3)]


@pytest.mark.parametrize("isn", [0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFF0, 0x7FFFFFFF])
def test_sequence_numbers_wrap(isn: int) -> None:
    """RFC 9293 section 3.4: arithmetic is modulo 2^32; in order, out of order and for FIN."""
    wire = Wire()
    wire.handshake(isn)
    base = isn + 1
    wire.client(ACK, base, 500, b"0123456789")
    wire.client(ACK, base + 20, 500, b"abcdefghij")
    wire.client(ACK, base + 10, 500, b"ABCDEFGHIJ")
    wire.client(ACK | FIN, base + 30, 500)
    assert wire.log[3:] == [
        (0, 0, b"0123456789", 4),
        (0, 10, b"ABCDEFGHIJ", 6),
        (0, 20, b"abcdefghij", 5),
        ("FIN", 0, 7),
    ]


def test_out_of_order_frames_stay_in_stream_order() -> None:
    wire = Wire()
    wire.handshake()
    for seq, payload in ((110, b"second...."), (120, b"third"), (100, b"first.....")):
        wire.client(ACK, seq, 500, payload)
    (connection,) = wire.table
    stream = connection.streams[0]
    assert wire.log[3:] == [(0, 0, b"first.....", 6), (0, 10, b"second....", 4), (0, 20, b"third", 5)]
    assert stream.frames_of(0, 25) == (6, 4, 5)
    assert stream.frames_of(5, 11) == (6, 4)
    assert stream.frames_of(10, 20) == (4,)
    assert stream.frames_of(20, 25) == (5,)
    assert stream.time_of(0, 25) == 6 * MS
    assert stream.time_of(10, 20) == 4 * MS
    assert (stream.out_of_order, stream.retransmissions, stream.gaps) == (1, 0, 0)


def test_a_frame_that_fills_two_holes_is_named_once() -> None:
    wire = Wire()
    wire.handshake()
    wire.client(ACK, 105, 500, b"FGHIJ")
    assert wire.client(ACK, 100, 500, b"abcdefghijklmno") == [
        (0, 0, b"abcde", 5),
        (0, 5, b"FGHIJ", 4),
        (0, 10, b"klmno", 5),
    ]
    (connection,) = wire.table
    stream = connection.streams[0]
    assert stream.frames_of(0, 15) == (5, 4)
    assert stream.differing_overlaps == 1
    assert stream.retransmissions == 1


def test_released_marks_are_dropped() -> None:
    wire = Wire()
    wire.handshake()
    for index in range(1000):
        wire.client(ACK, 100 + index * 10, 500, b"0123456789")
        if index >= 5:
            (connection,) = wire.table
            connection.streams[0].release(index * 10 - 25)
    stream = connection.streams[0]
    assert len(stream.mark_starts) < 200
    assert stream.frames_of(9965, 10_000) == (1000, 1001, 1002, 1003)
    stream.release(10_000)
    wire.client(ACK, 100 + 10_000, 500, b"x")
    assert stream.frames_of(10_000, 10_001) == (1004,)


def test_marks_are_bounded_without_release(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp_marks, "MARKS", 256)
    wire = Wire()
    wire.handshake()
    for index in range(2000):
        wire.client(ACK, 100 + index, 500, b"x")
    (connection,) = wire.table
    assert len(connection.streams[0].mark_starts) <= 256
    assert connection.streams[0].frames_of(1990, 2000) == tuple(range(1994, 2004))


def test_retransmissions_and_keep_alives_are_told_apart() -> None:
    """RFC 9293 section 3.8.4: a keep-alive has SEG.SEQ = SND.NXT - 1, with or without one garbage octet."""
    wire = Wire()
    wire.handshake()
    wire.client(ACK, 100, 500, b"hello")
    assert wire.client(ACK, 100, 500, b"hello") == []
    assert wire.client(ACK, 104, 500) == []
    assert wire.client(ACK, 104, 500, b"\0") == []
    assert wire.client(ACK, 103, 500, b"lo world") == [(0, 5, b" world", 8)]
    (connection,) = wire.table
    stream = connection.streams[0]
    assert (stream.retransmissions, stream.keep_alives, stream.octets, stream.segments) == (2, 1, 11, 4)


def test_first_copy_of_an_overlap_wins() -> None:
    wire = Wire()
    wire.handshake()
    wire.client(ACK, 110, 500, b"KLMNO")
    wire.client(ACK, 105, 500, b"fghijklmno")
    wire.client(ACK, 112, 500, b"mnopqr")
    assert wire.client(ACK, 100, 500, b"ABCDE") == [
        (0, 0, b"ABCDE", 7),
        (0, 5, b"fghij", 5),
        (0, 10, b"KLMNO", 4),
        (0, 15, b"pqr", 6),
    ]
    (connection,) = wire.table
    assert connection.streams[0].differing_overlaps == 2


def test_gap_once_the_peer_has_acknowledged_and_time_is_up() -> None:
    wire = Wire()
    wire.handshake()
    wire.client(ACK, 110, 500, b"later")  # 1.004 s is its time below
    held_at = wire.time
    assert wire.server(ACK, 500, 115) == []  # acknowledged, but too fresh: it may be shuffled
    assert wire.server(ACK, 500, 115, at=held_at + 19 * MS) == []
    assert wire.server(ACK, 500, 115, at=held_at + 20 * MS) == [("gap", 0, 0, 10), (0, 10, b"later", 4)]
    (connection,) = wire.table
    stream = connection.streams[0]
    assert (stream.gaps, stream.gap_octets, stream.octets, stream.offset) == (1, 10, 5, 15)
    assert wire.client(ACK, 100, 500, b"0123456789") == []  # too late
    assert stream.retransmissions == 1


def test_no_gap_while_the_peer_has_not_acknowledged() -> None:
    wire = Wire()
    wire.handshake()
    wire.client(ACK, 110, 500, b"later")
    assert wire.server(ACK, 500, 100, at=5 * SECOND) == []
    assert wire.client(ACK, 100, 500, b"0123456789") == [(0, 0, b"0123456789", 6), (0, 10, b"later", 4)]


def test_gap_after_many_segments_behind_an_acknowledged_hole() -> None:
    wire = Wire()
    wire.handshake()
    wire.server(ACK, 500, 2000)
    base = wire.time
    for index in range(63):
        assert wire.client(ACK, 101 + index, 500, b"x", at=base + index) == []
    events = wire.client(ACK, 164, 500, b"x", at=base + 63)
    assert events[0] == ("gap", 0, 0, 1)
    assert len(events) == 65


def test_a_hole_of_an_idle_connection_is_judged_by_the_packets_of_others() -> None:
    wire = Wire()
    wire.handshake()
    wire.client(ACK, 110, 500, b"later")
    wire.server(ACK, 500, 115)
    other = (CLIENT[0], CLIENT[1] + 1)
    assert wire.send(other, ACK, 1, 1, at=SECOND) == [("gap", 0, 0, 10), (0, 10, b"later", 4)]


def test_hole_of_a_one_way_capture_is_judged_by_time_alone() -> None:
    wire = Wire()
    wire.client(ACK, 100, 1, b"one")
    wire.client(ACK, 110, 1, b"three")
    assert wire.client(ACK, 115, 1, b"four", at=wire.time + SECOND) == [
        (0, 0, b"one", 1),
        ("gap", 0, 3, 7),
        (0, 10, b"three", 2),
        (0, 15, b"four", 3),
    ]


def test_held_octets_are_bounded() -> None:
    wire = Wire()
    wire.handshake()
    step = 65_000
    events: list[tuple[object, ...]] = []
    count = 0
    while not events:
        count += 1
        events = wire.client(ACK, 101 + step * count, 500, b"x" * 60_000)
    (connection,) = wire.table
    stream = connection.streams[0]
    assert count == 18  # 18 * 60,000 > 2^20
    assert events[0] == ("gap", 0, 0, step + 1)
    assert stream.held_octets <= tcp_stream.HELD_OCTETS
    assert stream.held_octets == sum(len(held[4]) for held in stream.held) == 60_000 * 17


def test_octets_cut_by_the_snaplen_are_a_gap() -> None:
    wire = Wire()
    wire.handshake()
    assert wire.client(ACK, 100, 500, b"head", missing=96) == [(0, 0, b"head", 4), ("gap", 0, 4, 96)]
    assert wire.client(ACK, 200, 500, b"next") == [(0, 100, b"next", 5)]
    assert wire.client(ACK, 204, 500, b"", missing=6) == [("gap", 0, 104, 6)]
    wire.client(ACK, 220, 500, b"cut", missing=7)
    assert wire.client(ACK, 210, 500, b"0123456789") == [
        (0, 110, b"0123456789", 8),
        (0, 120, b"cut", 7),
        ("gap", 0, 123, 7),
    ]
    (connection,) = wire.table
    assert (connection.streams[0].octets, connection.streams[0].gap_octets) == (21, 109)


def test_octets_sent_last_are_known_to_be_missing_by_the_numbers_of_either_end() -> None:
    """RFC 9293 section 3.4: what is acknowledged, or stands before a later packet of its sender, was sent."""
    wire = Wire()
    wire.handshake()
    wire.client(ACK, 100, 500, b"hello")
    wire.server(ACK, 500, 105)
    (connection,) = wire.table
    assert [stream.unseen for stream in connection.streams] == [0, 0]
    wire.client(ACK, 105, 520)  # 20 octets of the server were not captured
    assert [stream.unseen for stream in connection.streams] == [0, 20]
    wire.server(ACK, 530, 105)  # ten more of them neither
    wire.server(ACK, 499, 105, b"\0")  # a keep-alive lies behind, and tells nothing
    assert [stream.unseen for stream in connection.streams] == [0, 30]
    assert wire.server(ACK, 500, 105, b"x" * 30) == [(1, 0, b"x" * 30, 9)]  # they were only late
    assert [stream.unseen for stream in connection.streams] == [0, 0]


def test_fin_behind_a_hole_waits_for_the_hole() -> None:
    wire = Wire()
    wire.handshake()
    assert wire.client(FIN | ACK, 105, 500) == []
    assert wire.client(ACK, 100, 500, b"hello") == [(0, 0, b"hello", 5), ("FIN", 0, 4)]
    assert wire.client(FIN | ACK, 105, 500) == []


def test_fin_behind_lost_octets() -> None:
    wire = Wire()
    wire.handshake()
    assert wire.client(FIN | ACK, 105, 500) == []
    assert wire.server(ACK, 500, 106, at=SECOND) == [("gap", 0, 0, 5), ("FIN", 0, 4)]


def test_reset_gives_up_holes() -> None:
    wire = Wire()
    wire.handshake()
    wire.client(ACK, 110, 500, b"later")
    assert wire.server(RST | ACK, 500, 100) == [("RST", 1, 5)]
    assert wire.flush() == [("gap", 0, 0, 10), (0, 10, b"later", 4), ("END", 0, 0)]


def test_reset_gives_up_holes_after_the_time_of_shuffling() -> None:
    wire = Wire()
    wire.handshake()
    wire.client(ACK, 110, 500, b"later")
    wire.server(RST, 500)
    assert wire.send((1, CLIENT[1]), ACK, 1, at=SECOND) == [("gap", 0, 0, 10), (0, 10, b"later", 4)]
    (connection,) = wire.table
    assert connection.state is TcpState.RESET


def test_refused() -> None:
    """RFC 9293 section 3.5.2 group 1: RST in answer to a SYN acknowledges it."""
    wire = Wire()
    assert wire.client(SYN, 99) == [("SYN", 0, 1)]
    assert wire.server(RST | ACK, 0, 100) == [("REFUSED", 1, 2)]
    (connection,) = wire.table
    assert connection.state is TcpState.REFUSED
    assert wire.client(SYN, 99) == []  # Windows tries again with the same SYN
    assert wire.server(RST | ACK, 0, 100) == []
    assert connection.streams[0].syn_frames == [1, 3]
    assert connection.streams[0].syn_retransmissions == 1
    assert wire.client(SYN, 7000) == [("END", 0, 0), ("SYN", 0, 5)]


def test_reset_outside_the_window_changes_nothing_where_its_sender_goes_on() -> None:
    """RFC 9293 section 3.10.7.4: a reset that is not what the receiver expects next is dropped silently."""
    wire = Wire()
    wire.handshake()
    assert wire.server(RST, 2_000_500) == []
    assert wire.client(ACK, 100, 500, b"hello") == [(0, 0, b"hello", 5)]
    assert wire.server(ACK, 500, 105, b"yes") == [(1, 0, b"yes", 6)]
    assert wire.client(FIN | ACK, 105, 503) == [("FIN", 0, 7)]
    assert wire.server(FIN | ACK, 503, 106) == [("FIN", 1, 8), ("CLOSED", 1, 8)]
    assert wire.flush() == [("END", 0, 0)]


def test_reset_behind_octets_that_the_capture_lost_ends_the_connection() -> None:
    """The same RST, but its sender says nothing more: what is in flight towards it proves nothing."""
    wire = Wire()
    wire.handshake()
    assert wire.server(RST, 2_000_500) == []
    assert wire.client(ACK, 100, 500, b"hello") == [(0, 0, b"hello", 5)]
    assert wire.flush() == [("RST", 1, 4), ("END", 0, 0)]


def test_reset_where_the_other_side_acknowledged_to_ends_the_connection_at_once() -> None:
    """Its octets before are not in the capture, yet acknowledged: RCV.NXT is known."""
    wire = Wire()
    wire.handshake()
    wire.client(ACK, 100, 900)
    assert wire.server(RST, 900) == [("RST", 1, 5)]


def test_reset_that_answers_another_syn_is_strange() -> None:
    """RFC 9293 section 3.10.7.3."""
    wire = Wire()
    wire.client(SYN, 99)
    assert wire.server(RST | ACK, 0, 0x80000000) == []
    assert wire.server(RST, 0, 100) == []
    (connection,) = wire.table
    assert connection.state is TcpState.SYN_SENT


def test_initiator_resets_and_a_blind_reset_does_not() -> None:
    wire = Wire()
    wire.handshake()
    assert wire.server(RST, 0x40000000) == []
    assert wire.client(RST, 100) == [("RST", 0, 5)]
    assert wire.client(RST, 100) == []


def test_unanswered_syn_times_out_60_s_after_the_last() -> None:
    wire = Wire()
    wire.client(SYN, 99)
    for seconds in (1, 3, 7, 15):
        assert wire.client(SYN, 99, at=seconds * SECOND) == []
    noise = (1, CLIENT[1])
    assert wire.send(noise, ACK, 1, at=74 * SECOND) == []
    assert wire.send(noise, ACK, 1, at=75 * SECOND) == [("TIMEOUT", 0, 5)]
    (connection,) = wire.table
    assert connection.state is TcpState.TIMED_OUT
    assert connection.streams[0].syn_frames == [1, 2, 3, 4, 5]
    assert connection.lifecycle[-1].time == 15 * SECOND


def test_unanswered_syn_times_out_when_ports_are_reused_and_at_the_end() -> None:
    wire = Wire()
    wire.client(SYN, 99)
    assert wire.client(SYN, 5000) == [("TIMEOUT", 0, 1), ("END", 0, 0), ("SYN", 0, 2)]
    assert wire.flush() == [("TIMEOUT", 0, 2), ("END", 0, 0)]


def test_simultaneous_open() -> None:
    """RFC 9293 section 3.5 figure 7."""
    wire = Wire()
    assert wire.client(SYN, 99) == [("SYN", 0, 1)]
    assert wire.server(SYN, 499) == [("SYN", 1, 2)]
    assert wire.client(SYN | ACK, 99, 500) == [("SYN_ACK", 0, 3)]
    assert wire.server(SYN | ACK, 499, 100) == []
    assert wire.client(ACK, 100, 500, b"hello") == [("ESTABLISHED", 0, 5), (0, 0, b"hello", 5)]
    assert wire.server(ACK, 500, 105, b"hi") == [(1, 0, b"hi", 6)]
    (connection,) = wire.table
    assert connection.simultaneous
    assert wire.table.opened == 1


def test_swapped_handshake_gives_the_same_connection() -> None:
    wire = Wire()
    assert wire.server(SYN | ACK, 499, 100) == [("SYN_ACK", 1, 1)]
    assert wire.client(SYN, 99) == [("SYN", 0, 2)]
    assert wire.client(ACK, 100, 500, b"hello") == [("ESTABLISHED", 0, 3), (0, 0, b"hello", 3)]
    (connection,) = wire.table
    assert (connection.flow.key, connection.guessed, connection.simultaneous) == (CLIENT, False, False)


@pytest.mark.parametrize("first", range(5))
@pytest.mark.parametrize("second", range(5))
def test_any_two_packets_of_a_start_may_change_places(first: int, second: int) -> None:
    packets = [
        (CLIENT, SYN, 99, 0, b""),
        (SERVER, SYN | ACK, 499, 100, b""),
        (CLIENT, ACK, 100, 500, b""),
        (CLIENT, ACK, 100, 500, b"question"),
        (SERVER, ACK, 500, 108, b"answer"),
    ]
    packets[first], packets[second] = packets[second], packets[first]
    wire = Wire()
    for key, flags, seq, ack, payload in packets:
        wire.send(key, flags, seq, ack, payload, at=wire.time + 1000)
    (connection,) = wire.table
    assert connection.state is TcpState.ESTABLISHED
    assert connection.flow.key == CLIENT
    assert not connection.guessed
    assert [event.step.name for event in connection.lifecycle if event.step <= TcpStep.SYN_ACK].count("SYN") == 1
    assert [event.step.name for event in connection.lifecycle if event.step <= TcpStep.SYN_ACK].count("SYN_ACK") == 1
    assert {entry[:3] for entry in wire.log if entry[0] in (0, 1)} == {(0, 0, b"question"), (1, 0, b"answer")}
    assert [stream.midstream for stream in connection.streams] == [False, False]


def test_syn_ack_not_captured() -> None:
    wire = Wire()
    wire.client(SYN, 99)
    assert wire.client(ACK, 100, 500, b"hello") == [("ESTABLISHED", 0, 2), (0, 0, b"hello", 2)]
    assert wire.server(ACK, 500, 105, b"hi") == []  # its SYN-ACK, or an earlier segment, may come late
    assert wire.client(ACK, 105, 502, at=wire.time + 20 * MS) == [(1, 0, b"hi", 3)]
    assert wire.server(ACK, 502, 105, b"!") == [(1, 2, b"!", 5)]


def test_syn_recorded_after_everything_else() -> None:
    """RFC 9293 section 3.4: its number is one below the first octet, so it is this connection's; SYN-ACK was seen."""
    wire = Wire()
    wire.server(SYN | ACK, 499, 100)
    wire.client(ACK, 100, 500)
    wire.client(PSH | ACK, 100, 500, b"hello")
    wire.client(FIN | ACK, 105, 500)
    wire.server(FIN | ACK, 500, 106)
    wire.client(ACK, 106, 501)
    assert wire.client(SYN, 99, at=wire.time + 5 * SECOND) == [("SYN", 0, 7)]
    (connection,) = wire.table
    assert connection.lifecycle[-1].late
    assert connection.state is TcpState.CLOSED


@pytest.mark.parametrize("isn", [99, 0xFFFFFFFF])
@pytest.mark.parametrize("spoken", [b"hello", b""])
def test_syn_and_syn_ack_recorded_after_everything_else(isn: int, spoken: bytes) -> None:
    """The guess of who called, by ports, is put right; a side that said nothing is known by what was acknowledged."""
    wire = Wire()
    first = isn + 1
    wire.server(PSH | ACK, 500, first, b"welcome")
    if spoken:
        wire.client(PSH | ACK, first, 507, spoken)
    assert wire.client(SYN, isn, at=wire.time + SECOND)[-2:] == [
        ("SYN", 0, wire.frame),
        ("ESTABLISHED", 0, wire.frame),
    ]
    assert wire.server(SYN | ACK, 499, first) == [("SYN_ACK", 1, wire.frame)]
    (connection,) = wire.table
    assert not connection.guessed
    assert [event.late for event in connection.lifecycle if event.step is not TcpStep.END] == [True, True, True]


@pytest.mark.parametrize(("isn", "begun"), [(99, 1), (98, 2)])
def test_syn_recorded_when_its_connection_has_left(isn: int, begun: int) -> None:
    """It is no SYN that nobody answered; with another number it is one."""
    wire = Wire(closed_idle=10 * SECOND)
    wire.client(PSH | ACK, 100, 500, b"hello")
    wire.server(FIN | ACK, 500, 105)
    wire.client(FIN | ACK, 105, 501)
    wire.server(ACK, 501, 106)
    wire.send((1, CLIENT[1]), ACK, 1, at=60 * SECOND)
    assert len(wire.table) == 0
    wire.client(SYN, isn, at=61 * SECOND)
    assert (wire.table.opened, wire.table.late_syns) == (begun, 2 - begun)


@pytest.mark.parametrize("isn", [98, 100, 7_000_000])
def test_syn_with_another_number_begins_another_connection(isn: int) -> None:
    """The neighbour: ports used again."""
    wire = Wire()
    wire.server(PSH | ACK, 500, 100, b"welcome")
    wire.client(PSH | ACK, 100, 507, b"hello")
    wire.client(SYN, isn, at=wire.time + SECOND)
    assert wire.log[-2:] == [("END", 0, 0), ("SYN", 0, 3)]
    assert wire.table.opened == 2


def test_mid_stream_start() -> None:
    wire = Wire()
    assert wire.client(ACK, 1000, 77) == []  # nothing to know yet
    assert wire.table.strays == 1
    assert wire.client(ACK, 1005, 77, b" world") == []  # shuffled
    assert wire.client(ACK, 1000, 77, b"hello") == []
    assert wire.server(ACK, 77, 1011, b"hi") == []
    assert wire.client(ACK, 1011, 79, b"!", at=22 * MS) == [
        (0, 0, b"hello", 3),
        (0, 5, b" world", 2),
        (0, 11, b"!", 5),
    ]
    assert wire.server(ACK, 79, 1012, b"!", at=24 * MS) == [(1, 0, b"hi", 4), (1, 2, b"!", 6)]
    assert wire.client(ACK, 1012, 80, b"?") == [(0, 12, b"?", 7)]
    (connection,) = wire.table
    assert [stream.octets for stream in connection.streams] == [13, 3]
    assert connection.guessed
    assert connection.midstream
    assert connection.state is TcpState.ESTABLISHED
    assert connection.flow.key == CLIENT


def test_mid_stream_start_with_the_answer_guesses_by_port() -> None:
    wire = Wire()
    wire.server(ACK, 77, 1000, b"hi")
    (connection,) = wire.table
    assert connection.flow.key == CLIENT
    assert wire.flush() == [(1, 0, b"hi", 1), ("END", 0, 0)]


def test_mid_stream_keep_alive_octet_is_no_data() -> None:
    wire = Wire()
    assert wire.client(ACK, 999, 77, b"\0") == []
    assert wire.client(ACK, 1000, 77, b"hello") == []
    assert wire.flush() == [(0, 0, b"hello", 2), ("END", 0, 0)]


def test_mid_stream_end() -> None:
    wire = Wire()
    assert wire.client(FIN | ACK, 1005, 77, b"!") == []
    assert wire.client(ACK, 1000, 77, b"hello") == []
    assert wire.server(FIN | ACK, 77, 1007) == []
    assert wire.client(ACK, 1007, 78, at=SECOND) == [
        (0, 0, b"hello", 2),
        (0, 5, b"!", 1),
        ("FIN", 0, 1),
        ("FIN", 1, 3),
        ("CLOSED", 1, 3),
    ]


def test_port_reuse_starts_a_new_connection() -> None:
    wire = Wire()
    wire.handshake()
    wire.client(FIN | ACK, 100, 500)
    wire.server(FIN | ACK, 500, 101)
    assert wire.client(SYN, 70_000) == [("END", 0, 0), ("SYN", 0, 6)]
    wire.server(SYN | ACK, 90_000, 70_001)
    assert wire.client(ACK, 70_001, 90_001, b"again") == [("ESTABLISHED", 0, 8), (0, 0, b"again", 8)]
    assert wire.table.opened == 2
    assert len(wire.table) == 1


def test_reuse_with_roles_exchanged_and_with_only_the_syn_ack_captured() -> None:
    wire = Wire()
    wire.handshake()
    wire.client(RST, 100)
    assert wire.server(SYN, 70_000) == [("END", 0, 0), ("SYN", 0, 5)]
    wire.client(RST | ACK, 0, 70_001)
    assert wire.server(SYN | ACK, 90_000, 80_001)[-1] == ("SYN_ACK", 1, 7)
    (connection,) = wire.table
    assert connection.flow.key == CLIENT


def test_data_on_a_connection_long_closed_starts_a_new_one() -> None:
    wire = Wire()
    wire.handshake()
    wire.client(RST, 100)
    assert wire.client(ACK, 55_555, 1, b"other", at=10 * SECOND) == [("END", 0, 0)]
    assert wire.flush() == [(0, 0, b"other", 5), ("END", 0, 0)]


def test_a_far_jump_is_followed_after_some_segments() -> None:
    wire = Wire()
    wire.handshake()
    far = 0x20000000
    assert wire.client(ACK, far, 500, b"a") == []
    wire.client(ACK, 100, 500, b"still here")
    for index in range(3):
        assert wire.client(ACK, far + index, 500, b"a") == []
    assert wire.client(ACK, far + 3, 500, b"d") == [("gap", 0, 10, far + 3 - 110), (0, far + 3 - 100, b"d", 9)]
    (connection,) = wire.table
    assert connection.streams[0].strange == 5


def test_idle_and_closed_connections_leave() -> None:
    wire = Wire(open_idle=100 * SECOND, closed_idle=10 * SECOND)
    wire.handshake()
    noise = (1, CLIENT[1])
    wire.send(noise, ACK, 1, at=50 * SECOND)
    (connection,) = wire.table
    connection.wanted = False
    assert wire.send(noise, ACK, 1, at=150 * SECOND) == [("END", 0, 0)]
    assert (len(wire.table), wire.table.evicted_idle) == (0, 1)
    wire.handshake(5000)
    wire.client(RST, 5001)
    assert wire.send(noise, ACK, 1, at=wire.time + 11 * SECOND) == [("END", 0, 0)]
    assert (len(wire.table), wire.table.evicted_idle, wire.table.evicted_full) == (0, 1, 0)


def test_number_of_connections_is_bounded() -> None:
    wire = Wire(limit=32)
    for port in range(1000):
        wire.send((CLIENT[0], CLIENT[1] + (port << 16)), SYN, 99)
    assert len(wire.table) <= 32
    assert wire.table.opened == 1000
    assert wire.table.evicted_full == 1000 - len(wire.table)
    assert not any(entry[0] == "TIMEOUT" for entry in wire.log), "nobody waited long enough to say so"


def test_a_quiet_connection_that_may_be_of_a_session_stays() -> None:
    """A media connection has no duty to speak; the neighbour above, which nobody wants, leaves."""
    wire = Wire(open_idle=100 * SECOND)
    wire.handshake()
    noise = (1, CLIENT[1])
    for minute in range(1, 300):
        wire.send(noise, ACK, 1, at=minute * 60 * SECOND)
    assert wire.client(PSH | ACK, 100, 500, b"hello") == [(0, 0, b"hello", wire.frame)]
    assert (wire.table.opened, wire.table.evicted_idle) == (1, 0)


def test_idle_connections_are_bounded_and_the_longest_idle_leaves() -> None:
    wire = Wire(open_idle=100 * SECOND, idle_limit=2)
    for port in range(5):
        wire.send((CLIENT[0], CLIENT[1] + (port << 16)), ACK, 100, 500, b"hello", at=port * SECOND)
    wire.send((1, CLIENT[1]), ACK, 1, at=50 * SECOND)
    wire.send((1, CLIENT[1]), ACK, 1, at=500 * SECOND)
    assert [connection.flow.sport & 0xFFFF for connection in wire.table] == [40003, 40004]
    assert wire.table.evicted_idle == 3


@pytest.mark.parametrize("who", ["client", "server"])
def test_the_rest_of_an_evicted_connection_is_known(who: str) -> None:
    """It is no connection that began before the capture, and its ends keep their roles; a new SYN begins another."""
    wire = Wire(limit=1)
    key = (CLIENT[0], CLIENT[1] & ~0xFFFFFFFF | 2855 << 16 | 40000)
    wire.send(key, SYN, 99)
    wire.send(reverse_key(*key), SYN | ACK, 499, 100)
    wire.send(key, ACK, 100, 500)
    wire.send((1, CLIENT[1]), SYN, 5)
    if who == "client":
        wire.send(key, ACK, 100, 500, b"hello")
    else:
        wire.send(reverse_key(*key), ACK, 500, 100, b"hello")
    (connection,) = wire.table
    assert connection.continues
    assert connection.flow.key == key
    wire.send((1, CLIENT[1]), SYN, 5)
    wire.send(key, SYN, 7000)
    (connection,) = wire.table
    assert not connection.continues
    assert not connection.guessed


def test_ignored_connection_gives_steps_only() -> None:
    wire = Wire()
    wire.handshake()
    (connection,) = wire.table
    wire.client(ACK, 110, 500, b"later")
    connection.ignore()
    assert wire.client(ACK, 100, 500, b"hello") == []
    assert wire.client(FIN | ACK, 115, 500) == [("FIN", 0, 6)]
    assert wire.server(FIN | ACK, 500, 116) == [("FIN", 1, 7), ("CLOSED", 1, 7)]


def test_connection_to_itself_does_no_harm() -> None:
    wire = Wire()
    key = (0x7F0000017F000001, 4 << 40 | 6 << 32 | 9 << 16 | 9)
    for flags in (SYN, SYN | ACK, ACK, FIN | ACK, RST):
        wire.send(key, flags, 1, 1, b"x")
    wire.flush()
    assert len(wire.table) == 0


def test_events_name_their_connection() -> None:
    wire = Wire()
    (event,) = wire.table.receive(*CLIENT, 1, 0, 99, 0, SYN)
    assert isinstance(event, Lifecycle)
    assert event.connection.number == 1
