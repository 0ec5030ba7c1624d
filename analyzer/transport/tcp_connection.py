"""The life of one TCP connection as a bystander sees it (RFC 9293 section 3.3.2 and 3.5).

A capture may begin in the middle, miss packets, or have them shuffled by a millisecond. So a step is taken from what
proves it rather than from the order of packets: the initiator's first segment that is no SYN completes the handshake
whether or not the SYN-ACK was seen, and a SYN or SYN-ACK that comes late is fitted in by its sequence number: even
after everything else, where it is one below the first octet.
"""

from __future__ import annotations

from analyzer.transport.flow import Flow
from analyzer.transport.tcp_events import Lifecycle, TcpEvent, TcpState, TcpStep
from analyzer.transport.tcp_stream import HOLE_TIME, SEQUENCE_MASK, WINDOW, TcpStream

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
"Control bits (RFC 9293 section 3.1)."

REUSE_TIME = 1_000_000_000
"ns after which a SYN, or data, on an ended connection with unfitting numbers starts another one."
SYN_FRAMES = 16


class TcpConnection:
    """One connection: two streams, its state and the steps it took."""

    __slots__ = (
        "_doubtful_rst",
        "continues",
        "evicted",
        "guessed",
        "ignored",
        "lifecycle",
        "number",
        "simultaneous",
        "state",
        "streams",
        "takes_runs",
        "waiting",
        "wanted",
    )

    def __init__(self, initiator: Flow, number: int = 0) -> None:
        self.number = number
        "Counts the connections of a table from 1."
        self.state = TcpState.SYN_SENT
        self.guessed = False
        "Neither SYN nor SYN-ACK was seen: who is the initiator is a guess."
        self.simultaneous = False
        "Both sides sent a SYN of their own (RFC 9293 section 3.5, figure 7)."
        self.ignored = False
        "The reader wants no octets; only the steps are followed."
        self.wanted = True
        "It may be of a session, so it is kept however long it is quiet; its reader says when it is not."
        self.evicted = False
        "It left the table before its end, for want of room."
        self.continues = False
        "It was evicted before, and is taken up in its middle."
        self.takes_runs = False
        "The reader of its octets takes them as runs; set by it."
        self.waiting = False
        "Octets of either direction are waited for."
        self.lifecycle: list[Lifecycle] = []
        self._doubtful_rst: Lifecycle | None = None
        "An RST that is not where the other side expects it: it counts where its sender says nothing more."
        there = TcpStream(self, 0, initiator)
        back = TcpStream(self, 1, Flow(*initiator.reverse_key()))
        there.peer, back.peer = back, there
        self.streams = (there, back)

    @property
    def flow(self) -> Flow:
        """The direction from the initiator to the responder."""
        return self.streams[0].flow

    @property
    def midstream(self) -> bool:
        """True when the start of the connection was not captured."""
        return not self.streams[0].syn_frames and not self.streams[1].syn_frames

    @property
    def time(self) -> int:
        """Time of its latest packet, ns."""
        return max(self.streams[0].time, self.streams[1].time)

    @property
    def is_over(self) -> bool:
        """True when no octets are to be expected any more."""
        return self.state >= TcpState.CLOSED

    def step(self, step: TcpStep) -> Lifecycle | None:
        """Return the first event of this kind, None when it did not happen."""
        return next((event for event in self.lifecycle if event.step is step), None)

    def ignore(self) -> None:
        """Deliver no octets from now on and hold none."""
        self.ignored = True
        for stream in self.streams:
            stream.held.clear()
            stream.held_octets = 0
            stream.end_offset = stream.end_offset if stream.finished else -1
            if stream.unsettled:
                stream.unsettled, stream.offset = False, 0
            stream.quick = False
        self.waiting = False

    def receive(
        self,
        direction: int,
        frame: int,
        time: int,
        seq: int,
        ack: int,
        flags: int,
        payload: bytes = b"",
        missing: int = 0,
    ) -> list[TcpEvent]:
        """Take one packet (`time` in ns, `missing` octets cut by the snaplen) and return what it brought about."""
        events: list[TcpEvent] = []
        stream = self.streams[direction]
        stream.packets += 1
        stream.time = time
        if flags & RST:
            self._receive_rst(stream, frame, time, seq, ack, flags, events)
        else:
            if self._doubtful_rst is not None and self._doubtful_rst.direction == stream.direction:
                self._doubtful_rst = None
                stream.strange += 1
            if flags & SYN:
                self._receive_syn(stream, frame, time, seq, ack, flags, events)
                seq = (seq + 1) & SEQUENCE_MASK
            else:
                self._establish(stream, frame, time, seq, ack, flags, bool(payload or missing), events)
            if flags & ACK and (stream.acks < 0 or (stream.acks - ack) & SEQUENCE_MASK > WINDOW):
                stream.acks = ack
            if self.ignored:
                if flags & FIN and not stream.finished:
                    self._finish(stream, frame, time, events)
                return events
            if payload or missing or flags & FIN:
                stream.receive_segment(frame, time, seq, payload, missing, bool(flags & FIN), events)
            elif stream.next_seq >= 0 and 0 < stream.distance(seq) <= WINDOW:
                stream.reached = seq
        self._settle(time, events)
        return events

    def _settle(self, now: int, events: list[TcpEvent]) -> None:
        there, back = self.streams
        if there.held or back.held or there.end_offset >= 0 or back.end_offset >= 0:
            self.check_holes(now, events)
        else:
            there.quick = back.quick = self._is_ordinary()
            self.waiting = False

    def _is_ordinary(self) -> bool:
        return self.state is TcpState.ESTABLISHED and not self.ignored and self._doubtful_rst is None

    def check_holes(self, now: int, events: list[TcpEvent]) -> None:
        """Declare holes that are due at `now` and take the steps that become possible by it."""
        ending = self.state >= TcpState.CLOSED
        for stream in self.streams:
            if stream.has_hole:
                stream.check_holes(now, ending=ending, events=events)
            if 0 <= stream.end_offset <= stream.offset and not stream.finished and not stream.unsettled:
                self._finish(stream, stream.end_frame, stream.end_time, events)
        there, back = self.streams
        ordinary = self._is_ordinary() and there.end_offset < 0 > back.end_offset
        there.quick = back.quick = ordinary and not there.held and not back.held
        self.waiting = there.has_hole or back.has_hole

    def end(self) -> list[TcpEvent]:
        """Give up what is waited for: nothing more will come. A SYN without answer becomes a TIMEOUT."""
        events: list[TcpEvent] = []
        for stream in self.streams:
            stream.flush(events)
        time = self.time
        self.check_holes(time, events)
        if not self.evicted:
            self.judge_timeout(events)
        if self._doubtful_rst is not None and self.state < TcpState.CLOSED:
            self._reset(self._doubtful_rst, events)
        self._take(TcpStep.END, 0, time, 0, events)
        return events

    def dissolve(self) -> None:
        """Cut the references that go in rings, when nobody asks anything more: then it is freed without a collector."""
        for stream in self.streams:
            del stream.peer, stream.connection
        self.lifecycle.clear()

    def judge_timeout(self, events: list[TcpEvent]) -> None:
        """Note a SYN that was never answered."""
        if self.state is TcpState.SYN_SENT:
            self.state = TcpState.TIMED_OUT
            stream = self.streams[0]
            self._take(TcpStep.TIMEOUT, stream.syn_frames[-1] if stream.syn_frames else 0, stream.syn_time, 0, events)

    # ------------------------------------------------------------------ is it the same connection?

    def starts_anew(self, direction: int, time: int, seq: int, ack: int, flags: int, has_payload: bool) -> bool:
        """Tell whether a packet with these numbers belongs to another, later connection of the same ports."""
        stream = self.streams[direction]
        is_over = self.state >= TcpState.CLOSED and time - self.time > REUSE_TIME
        if flags & RST:
            return False
        if flags & SYN:
            if not stream.syn_frames and self._begins(stream, seq):
                return False
            if stream.initial_seq >= 0:
                if seq == stream.initial_seq:
                    return is_over and self.state is not TcpState.TIMED_OUT and not flags & ACK
                return True
            peer = self.streams[1 - direction]
            if flags & ACK and peer.initial_seq >= 0:
                # It may acknowledge data that the SYN carried (RFC 9293 section 3.10.7.4, RFC 7413).
                sent = peer.next_seq - 1 - peer.initial_seq & SEQUENCE_MASK if peer.next_seq >= 0 else 0
                return ack - 1 - peer.initial_seq & SEQUENCE_MASK > min(sent, WINDOW)
            if (
                stream.next_seq >= 0
            ):  # data came first: only if the SYN was shuffled behind it is it the same connection
                return time - self.time > HOLE_TIME or not 0 <= stream.next_seq - seq & SEQUENCE_MASK <= WINDOW
            return is_over
        if not has_payload or not is_over:
            return False
        return stream.next_seq < 0 or not -WINDOW <= stream.distance(seq) <= 0

    @staticmethod
    def _begins(stream: TcpStream, seq: int) -> bool:
        """Is a SYN with this number the one that the stream began with, only recorded later than its octets?"""
        if stream.initial_seq >= 0:
            return seq == stream.initial_seq
        first = stream.first_seq
        if first < 0:
            return False
        before = first - seq & SEQUENCE_MASK
        return before == 1 or (before == 2 and stream.next_seq < 0)  # the acknowledgement may count a FIN

    # ------------------------------------------------------------------ steps

    def _receive_syn(
        self, stream: TcpStream, frame: int, time: int, seq: int, ack: int, flags: int, events: list[TcpEvent]
    ) -> None:
        peer = stream.peer
        late = not stream.syn_frames and TcpState.ESTABLISHED <= self.state <= TcpState.RESET
        was_guessed = self.guessed
        if len(stream.syn_frames) < SYN_FRAMES:
            stream.syn_frames.append(frame)
        stream.syn_time = time
        if self.guessed and stream.direction != bool(flags & ACK):
            self._turn()
        self.guessed = False
        stream.synchronise(seq + 1, events)
        is_first = stream.initial_seq < 0
        stream.initial_seq = seq
        if flags & ACK:
            if peer.initial_seq < 0:  # its SYN was not captured, or comes after its answer
                peer.initial_seq = ack - 1 & SEQUENCE_MASK
                peer.synchronise(ack, events)
            if self.state is TcpState.SYN_SENT or self.state >= TcpState.REFUSED:
                self.state = TcpState.SYN_RECEIVED
            if is_first or not any(event.step is TcpStep.SYN_ACK for event in self.lifecycle):
                self._take(TcpStep.SYN_ACK, frame, time, stream.direction, events, late)
        elif len(stream.syn_frames) == 1:
            self._take(TcpStep.SYN, frame, time, stream.direction, events, late)
            if stream.direction and peer.syn_frames:
                self.simultaneous = True
                if self.state is TcpState.SYN_SENT:
                    self.state = TcpState.SYN_RECEIVED
        if late and was_guessed:
            self._take(TcpStep.ESTABLISHED, frame, time, 0, events, late)

    def _turn(self) -> None:
        """Exchange the roles: the guess was wrong."""
        back, there = self.streams
        self.streams = (there, back)
        there.direction, back.direction = 0, 1

    def _establish(
        self,
        stream: TcpStream,
        frame: int,
        time: int,
        seq: int,
        ack: int,
        flags: int,
        has_payload: bool,
        events: list[TcpEvent],
    ) -> None:
        """Complete the handshake with the initiator's first ACK, or with data of either side."""
        if self.state > TcpState.SYN_RECEIVED and self.state is not TcpState.TIMED_OUT:
            return
        if not has_payload and (not flags & ACK or stream.direction):
            return
        if stream.next_seq >= 0 and not -WINDOW <= stream.distance(seq) <= WINDOW:
            return
        self.state = TcpState.ESTABLISHED
        if not self.guessed:
            self._take(TcpStep.ESTABLISHED, frame, time, stream.direction, events)

    def _receive_rst(
        self, stream: TcpStream, frame: int, time: int, seq: int, ack: int, flags: int, events: list[TcpEvent]
    ) -> None:
        if self.state >= TcpState.CLOSED:
            return
        peer = stream.peer
        if self.state is TcpState.SYN_SENT and stream.next_seq < 0:
            # RFC 9293 section 3.10.7.3: an RST that does not acknowledge the SYN belongs to something else
            if not flags & ACK or not -WINDOW <= peer.distance(ack) <= WINDOW:
                stream.strange += 1
                return
            self.state = TcpState.REFUSED
            self._take(TcpStep.REFUSED, frame, time, stream.direction, events)
            return
        if stream.next_seq >= 0 and not -WINDOW <= stream.distance(seq) <= WINDOW:
            stream.strange += 1
            return
        event = Lifecycle(self, TcpStep.RST, frame, time, stream.direction)
        # RFC 9293 section 3.10.7.4: it resets where it is exactly what the receiver expects next; anywhere else it is
        # dropped or only asked about. Octets that the capture lost make it look misplaced: what follows decides.
        if stream.next_seq < 0 or seq in (stream.next_seq, peer.acks):
            self._reset(event, events)
        elif self._doubtful_rst is None:
            self._doubtful_rst = event

    def _reset(self, event: Lifecycle, events: list[TcpEvent]) -> None:
        self.state = TcpState.RESET
        self._doubtful_rst = None
        self.lifecycle.append(event)
        events.append(event)

    def _finish(self, stream: TcpStream, frame: int, time: int, events: list[TcpEvent]) -> None:
        stream.finished = True
        stream.next_seq = (stream.next_seq + 1) & SEQUENCE_MASK
        self._take(TcpStep.FIN, frame, time, stream.direction, events)
        if self.state >= TcpState.CLOSED:
            return
        if stream.peer.finished:
            self.state = TcpState.CLOSED
            self._take(TcpStep.CLOSED, frame, time, stream.direction, events)
        else:
            self.state = TcpState.CLOSING

    def _take(
        self, step: TcpStep, frame: int, time: int, direction: int, events: list[TcpEvent], late: bool = False
    ) -> None:
        event = Lifecycle(self, step, frame, time, direction, late)
        self.lifecycle.append(event)
        events.append(event)
