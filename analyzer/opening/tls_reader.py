"""One TLS connection read through: its handshake as facts and rows, and the MSRP that was inside."""

from __future__ import annotations

from analyzer.conversations.connection import Connection
from analyzer.conversations.msrp_exchange import MsrpExchange
from analyzer.conversations.msrp_watch import Ending
from analyzer.conversations.tls_facts import TlsFacts, TlsMoment
from analyzer.conversations.tls_transcript import TlsTranscript
from analyzer.opening.records import Places
from dissectors.framing import Framed
from dissectors.msrp import MsrpMessage, MsrpStream
from dissectors.tls.cipher_suites import cipher_suite_name
from dissectors.tls.events import (
    AlertSeen,
    ApplicationData,
    HandshakeSeen,
    OutcomeKind,
    SessionEstablished,
    TlsEvent,
    TlsSession,
)
from dissectors.tls.hello import ClientHello, ServerHello
from dissectors.tls.observer import TlsObserver
from dissectors.tls.registry import HandshakeType
from dissectors.tls.secrets import KeySource, TlsSecrets

EVICTED = "the connection was let go for want of room, and with it its handshake; analyse fewer connections at a time"


class TlsReader:
    """Reads the transcript of a connection once."""

    def __init__(
        self, connection: Connection, secrets: TlsSecrets, context: object, *, keep_plain: bool = False
    ) -> None:
        self._connection = connection
        self._transcript = connection.transcript if connection.transcript is not None else TlsTranscript()
        self._observer = TlsObserver(secrets, context=context)
        self._places = (Places(), Places())
        self._plain = (Places(), Places())
        self._decoders: list[MsrpStream | None] = [None, None]
        self._unopened = [0, 0]
        self._rows = connection.rows_to_change()
        self._exchange: MsrpExchange | None = None
        self._lost = [connection.guessed, connection.guessed]
        "Octets of this direction are missing: what they were is not known."
        self._facts = TlsFacts()
        self.plain: list[tuple[int, int, bytes]] = []
        "What was decrypted, where it is to be kept: direction, time, octets."
        self._keep_plain = keep_plain
        self.messages = 0
        "MSRP messages found."

    @property
    def key_source(self) -> KeySource | None:
        """Which key opened the first session that was opened."""
        return next((each.key_source for each in self._observer.sessions if each.key_source is not None), None)

    def key_log_lines(self) -> list[str]:
        """What opens this connection in other tools: secrets."""
        return self._observer.key_log_lines()

    def read(self) -> TlsFacts:
        """Read everything that was kept."""
        transcript = self._transcript
        observer = self._observer
        for direction, time, frame, size, data in transcript.pieces:
            self._places[direction].add(size, (frame,), time)
            if data is None:
                self._lose(direction)
                self._take(observer.receive_gap(direction, size))
            else:
                self._take(observer.receive_data(direction, data))
        if self._connection.is_over:
            for direction in (0, 1):
                if not transcript.left_out[direction]:
                    self._take(observer.receive_eof(direction))
        outcome = observer.finish()
        self._end()
        facts = self._facts
        facts.outcome, facts.explanation = outcome.kind.value, outcome.explanation
        left_out = sum(transcript.left_out)
        if outcome.kind is OutcomeKind.DECRYPTED and left_out:
            facts.explanation += f"; {left_out} octets were not kept"
        if self._connection.continues and outcome.kind is OutcomeKind.HANDSHAKE_NOT_CAPTURED:
            facts.outcome, facts.explanation = OutcomeKind.GAP.value, EVICTED
        facts.client = observer.client
        facts.close_notify = (observer.close_notify[0], observer.close_notify[1])
        facts.opened = sum(each.opened for each in observer.accounts)
        facts.unopened = sum(each.unopened for each in observer.accounts)
        if observer.sessions:
            self._tell(observer.sessions[0])
        self._connection.transcript = None
        return facts

    def _tell(self, session: TlsSession) -> None:
        facts = self._facts
        facts.version = session.version_name
        facts.cipher_suite = session.cipher_suite_name
        facts.psk_identity = session.psk_identity
        facts.psk_hint = session.psk_identity_hint
        if session.server_hello is not None:
            in_hello = session.server_hello.selected_psk is not None
            facts.is_psk = "_PSK_" in session.cipher_suite_name or in_hello
        facts.client_random = session.client_random
        facts.server_random = session.server_random
        facts.server_name = session.server_name or ""
        facts.resumed = session.resumed
        facts.certificates = tuple(each.sha256 for each in session.certificates)

    # ------------------------------------------------------------------ events

    def _take(self, events: list[TlsEvent]) -> None:
        for event in events:
            if isinstance(event, ApplicationData):
                self._data(event)
            elif isinstance(event, HandshakeSeen):
                self._handshake(event)
            elif isinstance(event, AlertSeen):
                moment = self._row(event.direction, event.start, event.end, f"alert: {event.name}")
                self._facts.alerts.append(moment)
                if event.name.startswith("fatal") and self._facts.fatal is None:
                    self._facts.fatal = moment
            elif isinstance(event, SessionEstablished) and self._facts.established is None:
                self._facts.established = self._row(event.direction, event.start, event.end, "Finished, established")

    def _handshake(self, event: HandshakeSeen) -> None:
        message = event.message
        if isinstance(message, ClientHello):
            moment = self._row(event.direction, event.start, event.end, "ClientHello")
            if self._facts.hello is None:
                self._facts.hello = moment
            self._facts.offers_psk = bool(self._facts.offers_psk) or _offers_psk(message)
        elif isinstance(message, ServerHello):
            session = self._observer.sessions[-1] if self._observer.sessions else None
            told = f" {session.version_name} {session.cipher_suite_name}" if session is not None else ""
            self._row(event.direction, event.start, event.end, f"ServerHello{told}")
        elif event.handshake_type == HandshakeType.finished and self._facts.established is None:
            return  # told once, when both are there

    def _row(self, direction: int, start: int, end: int, what: str) -> TlsMoment:
        places = self._places[direction]
        moment = TlsMoment(places.time_of(start, end), places.frames_of(start, end), direction, what)
        self._rows.append((moment.time, moment.frames, direction, "tls", what, -1))
        return moment

    # ------------------------------------------------------------------ what was inside

    def _data(self, event: ApplicationData) -> None:
        direction = event.direction
        places = self._places[direction]
        decoder = self._decoders[direction]
        if decoder is None:
            decoder = self._decoders[direction] = MsrpStream()
        frames, time = places.frames_of(event.start, event.end), places.time_of(event.start, event.end)
        unopened = self._observer.accounts[direction].unopened
        if unopened != self._unopened[direction]:
            self._unopened[direction] = unopened
            self._plain[direction].add(1, frames, time)
            self._messages(direction, decoder.receive_gap(1))
            self._lose(direction)
        self._plain[direction].add(len(event.data), frames, time)
        if self._keep_plain:
            self.plain.append((direction, time, event.data))
        self._messages(direction, decoder.receive_data(event.data))

    def _messages(self, direction: int, found: list[Framed[MsrpMessage]]) -> None:
        plain = self._plain[direction]
        for framed in found:
            message = framed.message
            if message is None:
                self._connection.undecoded += framed.error is not None
                self._lose(direction)
                continue
            if self._exchange is None:
                self._exchange = MsrpExchange(self._connection)
                self._connection.protocol = "msrp"
                for way in (0, 1):
                    if self._lost[way]:
                        self._exchange.lose(way)
            time = plain.time_of(framed.start, framed.end)
            self._exchange.add(message, direction, time, plain.frames_of(framed.start, framed.end))
            if framed.error is not None:
                self._exchange.broken(direction, framed.error.why)
            self.messages += 1

    def _lose(self, direction: int) -> None:
        self._lost[direction] = True
        if self._exchange is not None:
            self._exchange.lose(direction)

    def _end(self) -> None:
        for direction, decoder in enumerate(self._decoders):
            if decoder is not None:
                self._messages(direction, decoder.receive_eof())
        if self._exchange is not None:
            self._exchange.finish(self._ending())

    def _ending(self) -> Ending:
        """How the connection went out, as far as it was kept."""
        connection, transcript = self._connection, self._transcript
        heard = [0, 0]
        for direction, time, *_ in transcript.pieces:
            heard[direction] = max(heard[direction], time)
        steps = [(row[0], row[2], row[4]) for row in connection.rows if row[3] == "tcp"]
        ends = [time for time, _, what in steps if what in ("FIN", "RST")]
        finished = tuple(any(what == "FIN" and way == each for _, way, what in steps) for each in (0, 1))
        kept = not any(transcript.left_out)
        last = max(heard) if not kept else connection.last
        return Ending(last, min(ends, default=None), (heard[0], heard[1]), (kept and finished[0], kept and finished[1]))


def _offers_psk(hello: ClientHello) -> bool:
    """A PSK suite of TLS 1.2 (RFC 4279) in a ClientHello, or a key that TLS 1.3 is to use.

    Tickets of resumption have an age; a key from elsewhere has 0 for it (RFC 8446 section 4.2.11).
    """
    return any(not each.obfuscated_ticket_age for each in hello.psks) or any(
        "_PSK_" in cipher_suite_name(each) for each in hello.cipher_suites
    )
