"""All TCP connections of a capture: packets in, stream pieces and steps out.

    table = TcpTable()
    for event in table.receive(addresses, ports, frame, time, seq, ack, flags, payload, missing):
        ...  # Piece, Gap or Lifecycle; each knows its stream or connection
    for event in table.flush():
        ...

`receive` is called once per packet. An in-order segment or a pure ACK of an undisturbed connection is dealt with right
there; all else goes to `TcpConnection.receive`. Many such packets of one connection can be taken at once, before the
packets of others that come in between, by `receive_run`: nothing that `receive` does for these others depends on them
(but for which connection leaves first when the table is full). Then their octets are for the caller to find.

Memory is bounded: streams cap what they hold, connections leave when ended, or idle and not wanted, and above a hard
cap ended ones, then those not wanted, then the least recently used leave early. One that may be of a session stays
however long it is quiet, and should it have to leave, its rest is known for what it is. The last event of one is always
END.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Protocol

from analyzer.transport.flow import Flow, FlowKey
from analyzer.transport.tcp_connection import ACK, FIN, RST, SYN, TcpConnection
from analyzer.transport.tcp_events import Gap, Lifecycle, Piece, TcpEvent, TcpState, TcpStep
from analyzer.transport.tcp_stream import HOLE_TIME, SEQUENCE_MASK, TcpStream

__all__ = [
    "Gap",
    "Lifecycle",
    "Piece",
    "TcpConnection",
    "TcpEvent",
    "TcpState",
    "TcpStep",
    "TcpStream",
    "TcpTable",
]

SECOND = 1_000_000_000
SYN_TIMEOUT = 60 * SECOND
"ns after the last SYN at which a connection without answer is judged."
CLOCK_STEP = 60 * SECOND
"ns by which the capture time must fall back to be taken for another clock, not for shuffled packets."
EVICTED_LIMIT = 50_000
"Evicted connections remembered at most, so that what follows of them is known."
_NEVER = 1 << 63


class SegmentRows(Protocol):
    """Packets as lists; the names are those of `receive`."""

    addresses: list[int]
    ports: list[int]
    time: list[int]
    seq: list[int]
    ack: list[int]
    start: list[int]
    end: list[int]


class SegmentRuns(Protocol):
    """The same packets by connection, in which runs were found; see `analyzer.capture.runs`."""

    order: list[int]
    side: list[int]
    other: list[int]
    since: list[int]
    packets: list[int]
    loads: tuple[list[int], list[int]]


class TcpTable:
    """The connections now open, found by the key of either direction."""

    __slots__ = (
        "_begun",
        "_closing",
        "_connections",
        "_evicted",
        "_holes",
        "_next_sweep",
        "_opening",
        "_streams",
        "closed_idle",
        "due",
        "evicted_full",
        "evicted_idle",
        "idle_limit",
        "late_syns",
        "limit",
        "open_idle",
        "opened",
        "strays",
    )

    def __init__(
        self,
        limit: int = 50_000,
        open_idle: int = 3600 * SECOND,
        closed_idle: int = 120 * SECOND,
        idle_limit: int = 10_000,
    ) -> None:
        self.limit = limit
        "The most connections kept at a time."
        self.idle_limit = idle_limit
        "The most of them that may be idle."
        self.open_idle = open_idle
        "ns without a packet after which an open connection is idle: it leaves when it is not wanted."
        self.closed_idle = closed_idle
        "ns after its last packet at which an ended connection leaves; till then late packets find it."
        self.opened = 0
        "Connections ever begun."
        self.evicted_idle = 0
        "Open connections that left for being idle."
        self.evicted_full = 0
        "Connections that left because of `limit`."
        self.late_syns = 0
        "SYNs of connections that had left already."
        self.strays = 0
        "Packets without payload (ACK, FIN, RST) of no known connection."
        self._streams: dict[FlowKey, TcpStream] = {}
        self._connections: dict[TcpConnection, None] = {}
        self._opening: dict[TcpConnection, None] = {}  # SYN not yet answered, longest waiting first
        self._closing: dict[TcpConnection, None] = {}  # ended, longest ended first
        self._holes: dict[TcpConnection, None] = {}
        self._begun: dict[FlowKey, int] = {}  # number of a SYN that was not seen, of connections that left
        self._evicted: dict[FlowKey, None] = {}  # from the initiator, longest evicted first
        self.due = -_NEVER
        "From this capture time on `receive_time` is to be called before a packet is left to `receive_run`."
        self._next_sweep = _NEVER

    def __len__(self) -> int:
        return len(self._connections)

    def __iter__(self) -> Iterator[TcpConnection]:
        return iter(self._connections)

    def receive(
        self,
        addresses: int,
        ports: int,
        frame: int,
        time: int,
        seq: int,
        ack: int,
        flags: int,
        payload: bytes = b"",
        missing: int = 0,
    ) -> Sequence[TcpEvent]:
        """Take one packet and return the events it brought about, in order; often none.

        `addresses` and `ports` are the flow key of its direction, `time` is in ns, `missing` counts payload octets that
        the snaplen cut off. Events may be of other connections, too: those that fell due, or that this one replaces.
        """
        stream = self._streams.get((addresses, ports))
        if stream is None or time >= self.due or not stream.quick or flags & 0x17 != 0x10:
            return self._receive(stream, addresses, ports, frame, time, seq, ack, flags, payload, missing)
        if seq != stream.next_seq or missing:
            return self._receive(stream, addresses, ports, frame, time, seq, ack, flags, payload, missing)
        stream.time = time
        stream.packets += 1
        stream.acks = ack
        if not payload:
            return ()
        offset = stream.offset
        if stream.released < offset:
            stream.keep_mark()
        stream.mark_start = offset
        stream.mark_frame = frame
        stream.mark_time = time
        stream.segments += 1
        size = len(payload)
        stream.offset = offset + size
        stream.next_seq = seq + size & 0xFFFFFFFF
        return (Piece(stream, offset, payload, frame, time),)

    def receive_run(
        self, rows: SegmentRows, runs: SegmentRuns, first: int, stop: int
    ) -> tuple[int, TcpStream | None, TcpStream | None]:
        """Take the packets from place `first` up to `stop` at once, which are a run or the rest of one.

        Returns the place of the first packet not taken (`first`: none), and the streams of side 0 and side 1.
        """
        order = runs.order
        row = order[first]
        one = self._streams.get((rows.addresses[row], rows.ports[row]))
        if one is None or not one.quick or not one.connection.takes_runs or rows.seq[row] != one.next_seq:
            return first, None, None
        two = one.peer
        place = runs.other[first]
        if place < stop:
            row = order[place]
            key = rows.addresses[row], rows.ports[row]
            if rows.seq[row] != two.next_seq or two.flow.key != key:
                stop = place
        last = stop - 1
        side = runs.side[first]
        # The last packet of the other side stands before the stretch that the run ends with.
        ends = (last, runs.since[last] - 1) if runs.side[last] == side else (runs.since[last] - 1, last)
        packets = runs.packets[stop] - runs.packets[first]
        for stream, end, which in ((one, ends[0], side), (two, ends[1], 1 - side)):
            if end < first:
                continue
            row = order[end]
            stream.packets += packets if which else stop - first - packets
            loads = runs.loads[which]
            stream.segments += loads[stop] - loads[first]
            stream.time = rows.time[row]
            stream.acks = rows.ack[row]
            after = rows.seq[row] + rows.end[row] - rows.start[row] & SEQUENCE_MASK
            stream.offset += after - stream.next_seq & SEQUENCE_MASK
            stream.next_seq = after
        return stop, *((two, one) if side else (one, two))

    def receive_time(self, time: int) -> list[TcpEvent]:
        """Judge what falls due at capture time `time`."""
        events: list[TcpEvent] = []
        if time >= self.due:
            self._receive_time(time, events)
        return events

    def flush(self) -> list[TcpEvent]:
        """End every connection: the capture is over."""
        events: list[TcpEvent] = []
        for connection in list(self._connections):
            self._remove(connection, events)
        return events

    # ------------------------------------------------------------------ the rare cases

    def _receive(
        self,
        stream: TcpStream | None,
        addresses: int,
        ports: int,
        frame: int,
        time: int,
        seq: int,
        ack: int,
        flags: int,
        payload: bytes,
        missing: int,
    ) -> Sequence[TcpEvent]:
        events: list[TcpEvent] = []
        if time >= self.due:
            self._receive_time(time, events)
            stream = self._streams.get((addresses, ports))
        elif time < self.due - CLOCK_STEP:
            self.due, self._next_sweep = time + SECOND, time + self.open_idle // 4
        has_payload = bool(payload or missing)
        if stream is not None:
            connection = stream.connection
            if connection.starts_anew(stream.direction, time, seq, ack, flags, has_payload):
                self._remove(connection, events)
                stream = None
        if stream is None:
            if flags & SYN and self._begun.get((addresses, ports)) == seq:
                del self._begun[addresses, ports]
                self.late_syns += 1
                return events
            if not has_payload and (not flags & SYN or flags & (RST | FIN)):
                self.strays += 1
                return events
            stream = self._open(addresses, ports, flags, events)
        connection = stream.connection
        state = connection.state
        events += connection.receive(stream.direction, frame, time, seq, ack, flags, payload, missing)
        if state is not connection.state or connection.state is TcpState.SYN_SENT:
            self._receive_state(connection, state)
        if connection.waiting:
            self._holes[connection] = None
            self.due = min(self.due, time + HOLE_TIME)
        return events

    def _receive_state(self, connection: TcpConnection, before: TcpState) -> None:
        if connection.state is TcpState.SYN_SENT:
            self._opening.setdefault(connection)
        elif before is TcpState.SYN_SENT:
            self._opening.pop(connection, None)
        if connection.is_over:
            self._closing.setdefault(connection)
        elif before >= TcpState.CLOSED:
            self._closing.pop(connection, None)

    def _open(self, addresses: int, ports: int, flags: int, events: list[TcpEvent]) -> TcpStream:
        if len(self._connections) >= self.limit:
            self._make_room(events)
        flow = Flow(addresses, ports)
        is_start = bool(flags & SYN)
        if is_start:
            from_responder = bool(flags & ACK)
        else:
            # a service listens on the lower port when the other one is ephemeral; else who speaks first has called
            from_responder = flow.sport < 32768 <= flow.dport or flow.sport < 1024 <= flow.dport
        continues = False
        if self._evicted:
            there = flow.key in self._evicted
            continues = there or flow.reverse_key() in self._evicted
            if continues:
                self._evicted.pop(flow.key if there else flow.reverse_key())
                from_responder = from_responder if is_start else not there
        self.opened += 1
        connection = TcpConnection(Flow(*flow.reverse_key()) if from_responder else flow, self.opened)
        connection.guessed = not is_start
        connection.continues = continues and not is_start
        for stream in connection.streams:
            self._streams[stream.flow.key] = stream
        self._connections[connection] = None
        return self._streams[addresses, ports]

    def _remove(self, connection: TcpConnection, events: list[TcpEvent]) -> None:
        if connection not in self._connections:
            return
        del self._connections[connection]
        self._opening.pop(connection, None)
        self._closing.pop(connection, None)
        self._holes.pop(connection, None)
        for stream in connection.streams:
            self._streams.pop(stream.flow.key, None)
            stream.quick = False
            if not stream.syn_frames and stream.first_seq >= 0:
                self._expect_syn(stream)
        events += connection.end()

    def _expect_syn(self, stream: TcpStream) -> None:
        """A SYN with this number, should it come after all, begins no other connection."""
        if len(self._begun) >= EVICTED_LIMIT:
            del self._begun[next(iter(self._begun))]
        self._begun[stream.flow.key] = stream.first_seq - 1 & SEQUENCE_MASK

    def _make_room(self, events: list[TcpEvent]) -> None:
        count = max(1, self.limit // 16)
        leaving = list(islice(self._closing, count))
        if not leaving:
            leaving = sorted(self._connections, key=lambda connection: (connection.wanted, connection.time))[:count]
        self.evicted_full += len(leaving)
        for connection in leaving:
            self._evict(connection, events)

    def _evict(self, connection: TcpConnection, events: list[TcpEvent]) -> None:
        """Let it go before its time. What follows of an open one is not to be called begun before the capture."""
        if not connection.is_over and connection.wanted:
            connection.evicted = True
            self._evicted[connection.flow.key] = None
            if len(self._evicted) > EVICTED_LIMIT:
                del self._evicted[next(iter(self._evicted))]
        self._remove(connection, events)

    # ------------------------------------------------------------------ what falls due

    def _receive_time(self, now: int, events: list[TcpEvent]) -> None:
        """Judge holes, unanswered SYNs and idle connections at capture time `now`."""
        for connection in list(self._holes):
            connection.check_holes(now, events)
            if not connection.waiting:
                del self._holes[connection]
            if connection.is_over:
                self._closing.setdefault(connection)
        self._judge_opening(now, events)
        self._judge_closing(now, events)
        if self._next_sweep == _NEVER:
            self._next_sweep = now + self.open_idle // 4
        elif now >= self._next_sweep:
            self._next_sweep = now + self.open_idle // 4
            self._sweep(now, events)
        # many holes at a time are looked at less often, so that the cost per packet stays bounded
        self.due = now + (HOLE_TIME + len(self._holes) * 100_000 if self._holes else SECOND)

    def _sweep(self, now: int, events: list[TcpEvent]) -> None:
        """Let go what is idle and not wanted, and of what is wanted the longest idle above the limit."""
        idle = [connection for connection in self._connections if now - connection.time >= self.open_idle]
        leaving = [connection for connection in idle if not connection.wanted]
        kept = len(idle) - len(leaving)
        if kept > self.idle_limit:
            wanted = sorted((each for each in idle if each.wanted), key=lambda connection: connection.time)
            leaving += wanted[: kept - self.idle_limit]
        self.evicted_idle += len(leaving)
        for connection in leaving:
            self._evict(connection, events)

    def _judge_opening(self, now: int, events: list[TcpEvent]) -> None:
        for connection in list(islice(self._opening, 1000)):
            last = connection.streams[0].syn_time
            if now - last < SYN_TIMEOUT:
                if len(connection.streams[0].syn_frames) < 2:
                    break
                continue
            connection.judge_timeout(events)
            del self._opening[connection]
            self._closing.setdefault(connection)

    def _judge_closing(self, now: int, events: list[TcpEvent]) -> None:
        while self._closing:
            connection = next(iter(self._closing))
            if now - connection.time < self.closed_idle:
                break
            self._remove(connection, events)
