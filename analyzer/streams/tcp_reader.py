"""TCP connections read as messages: each gets a `Connection` digest, and the decoders of what speaks in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter, itemgetter
from typing import Any

from analyzer.capture.rows import Rows
from analyzer.capture.runs import Runs
from analyzer.conversations.connection import GAP_PLACES, Connection
from analyzer.conversations.msrp_columns import Scan
from analyzer.conversations.msrp_exchange import MsrpExchange
from analyzer.conversations.msrp_watch import Ending
from analyzer.conversations.tls_transcript import HANDSHAKE_OCTETS, TlsRoom, TlsTranscript
from analyzer.internal import log_error, place_of_error
from analyzer.model import Coverage, Gap, Undecoded
from analyzer.streams.early import EarlyOctets
from analyzer.streams.kms_listener import KmsListener, may_be_kms
from analyzer.streams.speakers import StreamSpeaker
from analyzer.transport.flow import Flow
from analyzer.transport.tcp import Gap as TcpGap
from analyzer.transport.tcp import Lifecycle, Piece, TcpConnection, TcpEvent, TcpStep, TcpStream
from analyzer.transport.tcp_stream import HOLE_TIME, SEQUENCE_MASK
from dissectors.framing import Framed, StreamDecoder
from dissectors.http import HttpStream
from dissectors.msrp import MsrpStream

OTHER_OCTETS = "tcp segments sent again with other octets, the first count"
_STEP_WORDS = [""] * (max(TcpStep) + 1)
"By step: its row; the steps that are none are told by others."
_STEP_WORDS[TcpStep.SYN] = "SYN"
_STEP_WORDS[TcpStep.SYN_ACK] = "SYN ACK"
_STEP_WORDS[TcpStep.ESTABLISHED] = "ACK, established"
_STEP_WORDS[TcpStep.FIN] = "FIN"
_STEP_WORDS[TcpStep.RST] = "RST"
_STEP_WORDS[TcpStep.REFUSED] = "RST, connection refused"
_STEP_WORDS[TcpStep.TIMEOUT] = "SYN never answered"
_LATE_PLACES = {TcpStep.SYN: 0, TcpStep.SYN_ACK: 1, TcpStep.ESTABLISHED: 2}
"Where a step that was recorded late stands in the rows of its connection."
_OUTCOMES = [""] * (max(TcpStep) + 1)
_OUTCOMES[TcpStep.CLOSED] = "closed"
_OUTCOMES[TcpStep.RST] = "reset"
_OUTCOMES[TcpStep.REFUSED] = "refused"
_OUTCOMES[TcpStep.TIMEOUT] = "timeout"

Streams = tuple[TcpStream, TcpStream]
"The streams of side 0 and of side 1."
Emit = Callable[[str, Flow, int, tuple[int, ...], Any], None]
"""protocol, flow, time, frames, decoded message: what a connection hands on that is not MSRP."""


class _Side:
    """One direction and its decoder."""

    __slots__ = ("base", "decoder", "early", "is_idle")

    def __init__(self) -> None:
        self.decoder: StreamDecoder[Any] | None = None
        self.base = 0
        "Stream offset at which the decoder began."
        self.early = EarlyOctets()
        self.is_idle = True
        "MSRP: the decoder holds nothing, so whole messages can be read without it."


class ConnectionReader:
    """Follows one connection. Who is its client may be a wrong guess at first: that is put right when it is over."""

    __slots__ = ("_coverage", "_emit", "_exchange", "_kms", "_sides", "_tcp", "_tls_room", "digest", "speaker")

    def __init__(
        self, tcp: TcpConnection, coverage: Coverage, emit: Emit, flow: Flow, back: Flow, tls_room: TlsRoom
    ) -> None:
        first = tcp.lifecycle[0] if tcp.lifecycle else None
        started = first.time if first is not None else tcp.time
        self.digest = Connection(flow, back, started, started, tcp.number, tcp.guessed, tcp.continues)
        self.speaker: StreamSpeaker | None = None
        self._tcp = tcp
        self._coverage = coverage
        self._emit = emit
        self._sides = (_Side(), _Side())
        self._exchange: MsrpExchange | None = None
        self._tls_room = tls_room
        self._kms: KmsListener | None = None

    @property
    def is_other_http(self) -> bool:
        """HTTP, and not with a KMS."""
        return self._kms is not None and not self._kms.is_kms

    def receive(self, piece: Piece) -> bool:
        """Take the next octets of one direction; False when the connection turns out to be none of ours."""
        side = self._sides[piece.stream.index]
        if self.speaker is not None:
            return self._read(piece, side)
        if not self._listen(piece, side):
            return not side.early.is_exhausted
        wanted = True
        for each in self._sides:
            for early in each.early.take():
                # The other side may have spoken before; in mid-stream what it said was the rest of something.
                if each is side or not early.stream.midstream:
                    wanted = self._read(early, each) and wanted
        return wanted

    def _read(self, piece: Piece, side: _Side) -> bool:
        """Read octets of a connection whose protocol is known; False when it turns out to be none of ours."""
        stream = piece.stream
        decoder = side.decoder
        if decoder is None:
            if self.digest.transcript is not None:
                return self._record(self.digest.transcript, piece)
            if self.is_other_http and not may_be_kms(piece.data):
                return False
            decoder = self._begin(piece.offset, side, stream)
            if decoder is None:
                return False
        if side.is_idle and isinstance(decoder, MsrpStream):
            decoder.skip_to(piece.offset - side.base)
        self._decode(decoder, piece.data, stream, side)
        if self._kms is not None and isinstance(decoder, HttpStream):
            return not self._kms.gives_up(decoder)
        return True

    def receive_run(self, rows: Rows, runs: Runs, scan: Scan, first: int, stop: int, streams: Streams) -> None:
        """Take the octets of a run of segments of MSRP, that TCP has taken; `streams` are those of its sides."""
        exchange = self._exchange
        if exchange is None:
            return  # TCP gives runs to MSRP alone
        turned = streams[0].index
        there, back = self._sides
        if there.decoder is None or back.decoder is None:
            self._begin_sides(rows, runs, first, stop, streams)
        place = first
        while place < stop:
            usual = min(scan.until[place], stop)
            at = -1
            if usual > place and there.is_idle and back.is_idle:
                message, last = scan.before[place], scan.before[usual]
                taken = exchange.take(scan, message, last, turned)
                self._coverage.messages["msrp"] += taken - message
                if taken == last:
                    place = usual
                    continue
                place, at = scan.segment[taken], scan.start[taken]
            self._decode_segment(rows, runs, place, at, streams[runs.side[place]])
            place += 1

    def _begin_sides(self, rows: Rows, runs: Runs, first: int, stop: int, streams: Streams) -> None:
        """Begin with the first octets of a direction."""
        for which, stream in enumerate(streams):
            loads = runs.loads[which]
            if self._sides[stream.index].decoder is not None or loads[stop] == loads[first]:
                continue
            place = next(
                each for each in range(first, stop) if runs.side[each] == which and loads[each] < loads[each + 1]
            )
            seq = rows.seq[runs.order[place]]
            self._begin(_offset_of(seq, stream), self._sides[stream.index], stream)

    def _decode_segment(self, rows: Rows, runs: Runs, place: int, at: int, stream: TcpStream) -> None:
        """Take the octets of one segment of a run, or its rest from `at` on."""
        row = runs.order[place]
        start, end = rows.start[row], rows.end[row]
        if start == end:
            return
        at = max(at, start)
        offset = _offset_of(rows.seq[row], stream)
        side = self._sides[stream.index]
        decoder = side.decoder
        if side.is_idle and isinstance(decoder, MsrpStream):
            stream.released = offset + at - start
            decoder.skip_to(stream.released - side.base)
        stream.mark(offset, rows.frame[row], rows.time[row])
        if decoder is None:
            decoder = self._begin(offset, side, stream)
        if decoder is not None:
            self._decode(decoder, rows.data[at:end], stream, side)

    def _decode(self, decoder: StreamDecoder[Any], data: bytes, stream: TcpStream, side: _Side) -> None:
        found = decoder.receive_data(data)
        if found:
            self._take(found, stream, side.base)
        if isinstance(decoder, MsrpStream):
            side.is_idle = decoder.is_idle

    def _listen(self, piece: Piece, side: _Side) -> bool:
        self.speaker = side.early.receive(piece)
        if self.speaker is None:
            return False
        self.digest.protocol = self.speaker.name
        self._coverage.streams[self.speaker.name] += 1
        if self.speaker.remark:
            self._coverage.notes[self.speaker.remark] += 1
        if self.speaker.name == "msrp":
            self._exchange = MsrpExchange(self.digest)
            self._tcp.takes_runs = True
            if self._tcp.guessed:
                self._exchange.lose(0)
                self._exchange.lose(1)
        elif self.speaker.name == "http":
            self._kms = KmsListener()
        elif self.speaker.name == "tls":
            self._coverage.tls_sessions += 1
            self.digest.transcript = TlsTranscript()
        return True

    def _record(self, transcript: TlsTranscript, piece: Piece) -> bool:
        """Keep octets of TLS; False once both directions have more than is kept."""
        stream = piece.stream
        transcript.add(stream.index, piece.time, piece.frame, piece.data, self._tls_room)
        stream.released = piece.offset + len(piece.data)
        return not all(transcript.left_out)

    def _begin(self, offset: int, side: _Side, stream: TcpStream) -> StreamDecoder[Any] | None:
        if self.speaker is None or self.speaker.decoder is None:
            return None
        side.decoder = self.speaker.decoder()
        side.base = offset
        if (offset or stream.midstream) and self._exchange is not None:
            self._exchange.lose(stream.index)
        return side.decoder

    def _take(self, found: list[Framed[Any]], stream: TcpStream, base: int) -> None:
        direction = stream.index
        exchange = self._exchange
        for framed in found:
            start = framed.start + base
            end = framed.end + base
            message = framed.message
            if start >= stream.mark_start:
                frames: tuple[int, ...] = (stream.mark_frame,)
                time = stream.mark_time
            else:
                frames = stream.frames_of(start, end)
                time = stream.time_of(start, end)
            if message is None:
                self._undecoded(framed, frames, direction)
            elif exchange is not None:
                exchange.add(message, direction, time, frames)
                if framed.error is not None:
                    exchange.broken(direction, framed.error.why)
                    self._coverage.add_undecoded(Undecoded("msrp", frames[-1], framed.error.offset, framed.error.why))
            elif self.speaker is not None and (self._kms is None or self._kms.wants(message)):
                flow = self.digest.server if direction else self.digest.client
                self._emit(self.speaker.name, flow, time, frames, message)
            stream.released = end
        if exchange is not None:
            self._coverage.messages["msrp"] += len(found)

    def _undecoded(self, framed: Framed[Any], frames: tuple[int, ...], direction: int) -> None:
        if self._exchange is not None:
            self._coverage.messages["msrp"] -= 1
            self._exchange.lose(direction)
        self.digest.undecoded += framed.error is not None
        if framed.error is not None and not self.is_other_http:
            frame = frames[0] if frames else 0
            name = self.speaker.name if self.speaker is not None else "tcp"
            self._coverage.add_undecoded(Undecoded(name, frame, framed.error.offset, framed.error.why))

    def gap(self, gap: TcpGap) -> None:
        """Octets of one direction are not in the capture."""
        self.digest.gaps += 1
        if len(self.digest.gap_places) < GAP_PLACES:
            self.digest.gap_places.append((gap.stream.index, gap.time, gap.size))
        direction = gap.stream.index
        side = self._sides[direction]
        if self._exchange is not None:
            self._exchange.lose(direction)
        if (side.decoder is not None and not self.is_other_http) or self.digest.transcript is not None:
            flow = self.digest.server if direction else self.digest.client
            self._coverage.add_gap(Gap(f"{flow.src} > {flow.dst}", gap.frame, gap.size))
        if self.digest.transcript is not None:
            self.digest.transcript.add_gap(direction, gap.time, gap.frame, gap.size)
        if side.decoder is not None:
            if side.is_idle and isinstance(side.decoder, MsrpStream):
                side.decoder.skip_to(gap.offset - side.base)
            side.is_idle = False
            self._take(side.decoder.receive_gap(gap.size), gap.stream, side.base)

    def fail(self, error: Exception, frame: int) -> None:
        """A fault of ours: nothing more is read of this connection, and nothing that it lacks is called absent."""
        name = self.digest.protocol or "tcp"
        log_error(f"reading {name} over TCP", error)
        why = f"internal error, please report it: {place_of_error(error)}"
        self._coverage.add_undecoded(Undecoded(name, frame, 0, why))
        self.digest.gaps += 1
        self._tcp.ignore()
        for direction, side in enumerate(self._sides):
            side.decoder = None
            if self._exchange is not None:
                self._exchange.lose(direction)

    def step(self, event: Lifecycle) -> None:
        """Note a step in the life of the connection."""
        digest = self.digest
        digest.last = max(digest.last, event.time)
        if not digest.rows:
            digest.started = min(digest.started, event.time)
        word = _STEP_WORDS[event.step]
        late = event.late and event.time - digest.started > HOLE_TIME
        time = digest.started if late else event.time
        if word:
            direction = event.direction ^ self._tcp.streams[0].index
            row = (time, (event.frame,), direction, "tcp", word, -1)
            if late:  # at the place that its sequence number gives it, and with the time of what followed
                digest.rows.insert(_LATE_PLACES[event.step], row)
                self._coverage.notes[f"tcp {word.partition(',')[0]} recorded after what follows it"] += 1
            else:
                digest.rows.append(row)
        if event.step is TcpStep.ESTABLISHED:
            digest.established = time
        outcome = _OUTCOMES[event.step]
        if outcome and digest.outcome != "reset":
            digest.outcome = outcome
            digest.ended = event.time
        if event.step is TcpStep.END:
            self._end()

    def _end(self) -> None:
        for stream in self._tcp.streams:
            side = self._sides[stream.index]
            if side.decoder is not None:
                self._take(side.decoder.receive_eof(), stream, side.base)
            self._judge_end(stream)
            self.digest.packets += stream.packets
            self.digest.retransmissions += stream.retransmissions
            if stream.differing_overlaps:
                self._coverage.notes[OTHER_OCTETS] += stream.differing_overlaps
        self.digest.guessed = self._tcp.guessed
        if self._tcp.evicted:
            self._note_eviction()
        if self._exchange is not None:
            self._exchange.finish(self._ending())
        if self.digest.rows:
            self.digest.last = max(self.digest.rows, key=itemgetter(0))[0]
        if self._tcp.streams[0].index:
            self.digest.turn()

    def _note_eviction(self) -> None:
        """More may have come: nothing that is not here is to be called absent."""
        if self.digest.outcome == "open":
            self.digest.outcome = "evicted"
        for direction in (0, 1):
            if self._exchange is not None:
                self._exchange.lose(direction)

    def _judge_end(self, stream: TcpStream) -> None:
        """Note octets that were sent last and not captured, or never any: nothing is to be called absent then."""
        unseen = stream.unseen
        if self._exchange is not None and (unseen or stream.next_seq < 0):
            self._exchange.lose(stream.index)
        if self.digest.transcript is not None and unseen > 1:
            self.digest.transcript.add_gap(stream.index, stream.time, 0, unseen)

    def _ending(self) -> Ending:
        there, back = sorted(self._tcp.streams, key=attrgetter("index"))
        last = max(there.time, back.time)
        steps = [each.time for each in self._tcp.lifecycle if each.step in (TcpStep.FIN, TcpStep.RST)]
        closing = min(steps, default=None)
        return Ending(last, closing, (there.time, back.time), (there.finished, back.finished))


def _offset_of(seq: int, stream: TcpStream) -> int:
    """The stream offset of a segment that was taken; TCP stands at the end of its run already."""
    return stream.offset - (stream.next_seq - seq & SEQUENCE_MASK)


class TcpReader:
    """All connections of one lane."""

    def __init__(
        self,
        coverage: Coverage,
        emit: Emit,
        ignore_flow: Callable[[int, int], None],
        tls_room: TlsRoom | None = None,
    ) -> None:
        """`tls_room`: how much is kept of TLS connections; by default their handshakes."""
        self._tls_room = tls_room or TlsRoom()
        self._coverage = coverage
        self._emit = emit
        self._ignore_flow = ignore_flow
        self._readers: dict[TcpConnection, ConnectionReader] = {}
        self.opened: list[Flow] = []
        "Connections begun since the caller last emptied it."
        self.done: list[Connection] = []
        "Digests of connections that ended since the caller last emptied it."

    def receive(self, events: Sequence[TcpEvent]) -> None:
        """Take what reassembly made of one packet."""
        readers = self._readers
        for event in events:
            if type(event) is Piece:
                connection = event.stream.connection
                reader = readers.get(connection)
                if reader is None:
                    reader = self._begin(connection)
                try:
                    if not connection.ignored and not reader.receive(event):
                        self._give_up(connection, reader)
                except Exception as error:
                    reader.fail(error, event.frame)
            elif type(event) is Lifecycle:
                connection = event.connection
                reader = readers.get(connection)
                if reader is None:
                    reader = self._begin(connection)
                try:
                    reader.step(event)
                except Exception as error:
                    reader.fail(error, event.frame)
                if event.step is TcpStep.END:
                    del readers[connection]
                    self._finish(reader)
                    connection.dissolve()
            elif type(event) is TcpGap:
                reader = readers.get(event.stream.connection)
                if reader is not None:
                    try:
                        reader.gap(event)
                    except Exception as error:
                        reader.fail(error, event.frame)

    def receive_run(self, rows: Rows, runs: Runs, scan: Scan, first: int, stop: int, streams: Streams) -> None:
        """Take the octets of a run of segments; see `ConnectionReader.receive_run`."""
        reader = self._readers[streams[0].connection]
        try:
            reader.receive_run(rows, runs, scan, first, stop, streams)
        except Exception as error:
            reader.fail(error, rows.frame[runs.order[first]])

    def _begin(self, connection: TcpConnection) -> ConnectionReader:
        there, back = connection.streams
        reader = ConnectionReader(connection, self._coverage, self._emit, there.flow, back.flow, self._tls_room)
        self._readers[connection] = reader
        self.opened.append(there.flow)
        return reader

    def _give_up(self, connection: TcpConnection, reader: ConnectionReader) -> None:
        """None of our protocols: its packets are dropped by selection from now on."""
        connection.wanted = reader.digest.protocol == "tls"
        if reader.digest.protocol == "tls":
            connection.ignore()
            return
        if not reader.digest.protocol:
            reader.digest.protocol = "unknown"
            self._coverage.streams["unknown"] += 1
        connection.ignore()
        self._ignore_flow(*connection.flow.key)

    def _finish(self, reader: ConnectionReader) -> None:
        digest = reader.digest
        if digest.retransmissions:
            self._coverage.notes["tcp segments sent again"] += digest.retransmissions
        if not digest.protocol and any(side.early.was_heard for side in reader._sides):
            digest.protocol = "unknown"
            self._coverage.streams["unknown"] += 1
        if reader.is_other_http or digest.protocol == "unknown":
            self._coverage.ignored[f"tcp {digest.protocol}" if digest.protocol == "http" else "tcp other"] += (
                digest.packets
            )
        if digest.transcript is not None and self._tls_room.each <= HANDSHAKE_OCTETS:
            self._tls_room.give_back(digest.transcript)
        self.done.append(digest)
