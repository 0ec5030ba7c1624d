"""TCP connections read as messages: each gets a `Connection` digest, and the decoders of what speaks in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from analyzer.conversations.connection import GAP_PLACES, Connection
from analyzer.conversations.msrp_exchange import MsrpExchange
from analyzer.conversations.tls_transcript import HANDSHAKE_OCTETS, TlsRoom, TlsTranscript
from analyzer.model import Coverage, Gap, Undecoded
from analyzer.streams.kms_listener import MAY_BE_KMS, KmsListener
from analyzer.streams.speakers import StreamSpeaker, stream_speaker
from analyzer.transport.flow import Flow
from analyzer.transport.tcp import Gap as TcpGap
from analyzer.transport.tcp import Lifecycle, Piece, TcpConnection, TcpEvent, TcpStep, TcpStream
from dissectors.framing import Framed, StreamDecoder
from dissectors.http import HttpStream
from dissectors.msrp import MsrpStream

PROBES = 12
"Pieces of each direction that are looked at before a connection counts as none of ours."
_STEP_WORDS = {
    TcpStep.SYN: "SYN",
    TcpStep.SYN_ACK: "SYN ACK",
    TcpStep.ESTABLISHED: "ACK, established",
    TcpStep.FIN: "FIN",
    TcpStep.RST: "RST",
    TcpStep.REFUSED: "RST, connection refused",
    TcpStep.TIMEOUT: "SYN never answered",
}
_OUTCOMES = {
    TcpStep.CLOSED: "closed",
    TcpStep.RST: "reset",
    TcpStep.REFUSED: "refused",
    TcpStep.TIMEOUT: "timeout",
}

Emit = Callable[[str, Flow, int, tuple[int, ...], Any], None]
"""protocol, flow, time, frames, decoded message: what a connection hands on that is not MSRP."""


class _Side:
    """One direction and its decoder."""

    __slots__ = ("base", "decoder", "probes")

    def __init__(self) -> None:
        self.decoder: StreamDecoder[Any] | None = None
        self.base = 0
        "Stream offset at which the decoder began."
        self.probes = 0


class _MsrpTaker:
    """One direction of MSRP: takes pieces that are one common message each, before they become events.

    Whatever it leaves goes through `ConnectionReader.receive`, with the same result; this way costs a third.
    """

    __slots__ = ("_counts", "_decoder", "_direction", "_exchange")

    def __init__(self, decoder: MsrpStream, exchange: MsrpExchange, direction: int, counts: Counter[str]) -> None:
        self._decoder = decoder
        self._exchange = exchange
        self._direction = direction
        self._counts = counts

    def take(self, data: bytes, frame: int, time: int) -> bool:
        """See `Taker`."""
        glance = self._decoder.receive_glance(data)
        if glance is None:
            return False
        self._exchange.add_glance(glance, self._direction, time, (frame,))
        self._counts["msrp"] += 1
        return True


class ConnectionReader:
    """Follows one connection."""

    __slots__ = ("_coverage", "_emit", "_exchange", "_kms", "_sides", "_tcp", "_tls_room", "digest", "speaker")

    def __init__(
        self, tcp: TcpConnection, coverage: Coverage, emit: Emit, flow: Flow, back: Flow, tls_room: TlsRoom
    ) -> None:
        first = tcp.lifecycle[0] if tcp.lifecycle else None
        started = first.time if first is not None else tcp.time
        self.digest = Connection(flow, back, started, started, tcp.number, tcp.guessed)
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
        stream = piece.stream
        side = self._sides[stream.direction]
        decoder = side.decoder
        if decoder is None:
            if self.speaker is None and not self._listen(piece, side):
                return side.probes < PROBES
            if self.digest.transcript is not None:
                return self._record(self.digest.transcript, piece)
            decoder = self._begin(piece, side)
            if decoder is None:
                return False
            if stream.taker is not None and stream.taker(piece.data, piece.frame, piece.time):
                stream.released = piece.offset + len(piece.data)
                return True
        found = decoder.receive_data(piece.data)
        if found:
            self._take(found, stream, side.base)
        if self._kms is not None:
            assert isinstance(decoder, HttpStream)
            return not self._kms.gives_up(decoder)
        return True

    def _listen(self, piece: Piece, side: _Side) -> bool:
        self.speaker = stream_speaker(piece.data)
        if self.speaker is None:
            side.probes += 1
            return False
        self.digest.protocol = self.speaker.name
        self._coverage.streams[self.speaker.name] += 1
        if self.speaker.name == "msrp":
            self._exchange = MsrpExchange(self.digest)
        elif self.speaker.name == "http":
            self._kms = KmsListener()
        elif self.speaker.name == "tls":
            self._coverage.tls_sessions += 1
            self.digest.transcript = TlsTranscript()
        return True

    def _record(self, transcript: TlsTranscript, piece: Piece) -> bool:
        """Keep octets of TLS; False once both directions have more than is kept."""
        stream = piece.stream
        transcript.add(stream.direction, piece.time, piece.frame, piece.data, self._tls_room)
        stream.released = piece.offset + len(piece.data)
        return not all(transcript.left_out)

    def _begin(self, piece: Piece, side: _Side) -> StreamDecoder[Any] | None:
        assert self.speaker is not None
        if self.speaker.decoder is None or (self.is_other_http and not MAY_BE_KMS.match(piece.data)):
            return None
        decoder = side.decoder = self.speaker.decoder()
        side.base = piece.offset
        if self._exchange is not None and isinstance(decoder, MsrpStream):
            stream = piece.stream
            stream.taker = _MsrpTaker(decoder, self._exchange, stream.direction, self._coverage.messages).take
        return decoder

    def _take(self, found: list[Framed[Any]], stream: TcpStream, base: int) -> None:
        direction = stream.direction
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
                self._undecoded(framed, frames)
            elif exchange is not None:
                exchange.add(message, direction, time, frames)
            elif self._kms is None or self._kms.wants(message):
                assert self.speaker is not None
                flow = self.digest.server if direction else self.digest.client
                self._emit(self.speaker.name, flow, time, frames, message)
            stream.released = end
        if exchange is not None:
            self._coverage.messages["msrp"] += len(found)

    def _undecoded(self, framed: Framed[Any], frames: tuple[int, ...]) -> None:
        if self._exchange is not None:
            self._coverage.messages["msrp"] -= 1
        if framed.error is not None and not self.is_other_http:
            frame = frames[0] if frames else 0
            name = self.speaker.name if self.speaker is not None else "tcp"
            self._coverage.add_undecoded(Undecoded(name, frame, framed.error.offset, framed.error.why))

    def gap(self, gap: TcpGap) -> None:
        """Octets of one direction are not in the capture."""
        self.digest.gaps += 1
        if len(self.digest.gap_places) < GAP_PLACES:
            self.digest.gap_places.append((gap.stream.direction, gap.time, gap.size))
        side = self._sides[gap.stream.direction]
        if self.digest.transcript is not None:
            flow = self.digest.server if gap.stream.direction else self.digest.client
            self._coverage.add_gap(Gap(f"{flow.src} > {flow.dst}", gap.frame, gap.size))
            self.digest.transcript.add_gap(gap.stream.direction, gap.time, gap.frame, gap.size)
        elif side.decoder is not None and not self.is_other_http:
            flow = self.digest.server if gap.stream.direction else self.digest.client
            self._coverage.add_gap(Gap(f"{flow.src} > {flow.dst}", gap.frame, gap.size))
        if side.decoder is not None:
            self._take(side.decoder.receive_gap(gap.size), gap.stream, side.base)

    def step(self, event: Lifecycle) -> None:
        """Note a step in the life of the connection."""
        digest = self.digest
        digest.last = max(digest.last, event.time)
        if not digest.rows:
            digest.started = min(digest.started, event.time)
        word = _STEP_WORDS.get(event.step)
        if word is not None:
            digest.rows.append((event.time, (event.frame,), event.direction, "tcp", word, -1))
        if event.step is TcpStep.ESTABLISHED:
            digest.established = event.time
        outcome = _OUTCOMES.get(event.step)
        if outcome is not None and digest.outcome != "reset":
            digest.outcome = outcome
            digest.ended = event.time
        if event.step is TcpStep.END:
            self._end()

    def _end(self) -> None:
        for stream, side in zip(self._tcp.streams, self._sides, strict=True):
            if side.decoder is not None:
                self._take(side.decoder.receive_eof(), stream, side.base)
            self.digest.packets += stream.packets
            self.digest.retransmissions += stream.retransmissions
        self.digest.guessed = self._tcp.guessed
        if self.digest.rows:
            self.digest.last = max(self.digest.rows, key=itemgetter(0))[0]


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
                if not connection.ignored and not reader.receive(event):
                    self._give_up(connection, reader)
            elif type(event) is Lifecycle:
                connection = event.connection
                reader = readers.get(connection)
                if reader is None:
                    reader = self._begin(connection)
                reader.step(event)
                if event.step is TcpStep.END:
                    del readers[connection]
                    self._finish(reader)
                    connection.dissolve()
            else:
                assert type(event) is TcpGap
                reader = readers.get(event.stream.connection)
                if reader is not None:
                    reader.gap(event)

    def _begin(self, connection: TcpConnection) -> ConnectionReader:
        there, back = connection.streams
        reader = ConnectionReader(connection, self._coverage, self._emit, there.flow, back.flow, self._tls_room)
        self._readers[connection] = reader
        self.opened.append(there.flow)
        return reader

    def _give_up(self, connection: TcpConnection, reader: ConnectionReader) -> None:
        """None of our protocols: its packets are dropped by selection from now on."""
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
        if not digest.protocol and any(side.probes for side in reader._sides):
            digest.protocol = "unknown"
            self._coverage.streams["unknown"] += 1
        if reader.is_other_http or digest.protocol == "unknown":
            self._coverage.ignored[f"tcp {digest.protocol}" if digest.protocol == "http" else "tcp other"] += (
                digest.packets
            )
        if digest.transcript is not None and self._tls_room.each <= HANDSHAKE_OCTETS:
            self._tls_room.give_back(digest.transcript)
        self.done.append(digest)
