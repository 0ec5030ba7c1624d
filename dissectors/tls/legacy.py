"""The flow of a TLS 1.0 to 1.2 connection (RFC 5246 section 7.3): whose turn it is, when protection changes.

    idle             client_hello                                            -> server's turn
    server's turn    server_hello ... server_hello_done                      -> client's turn
                     or server_hello, [new_session_ticket], CCS, finished    -> client's turn (abbreviated: resumption)
    client's turn    ... client_key_exchange ... CCS, finished               -> server's turn; abbreviated: idle
    server's turn    [new_session_ticket], CCS, finished                     -> idle

A handshake that starts from idle under protection is a renegotiation. Once octets of a handshake are lost there are no
turns any more: what comes is read as it comes, and protection is told by what authenticates.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from dissectors.framing import Framed
from dissectors.tls import prf
from dissectors.tls.ciphers import UnsupportedCipherError
from dissectors.tls.events import (
    ApplicationData,
    ChangeCipherSpecSeen,
    HandshakeSeen,
    Outcome,
    OutcomeKind,
    SessionEstablished,
    TlsEvent,
    TlsSession,
)
from dissectors.tls.handshake import (
    CertificateMessage,
    ClientKeyExchange,
    Finished,
    NewSessionTicket,
    ServerKeyExchange,
)
from dissectors.tls.hello import ClientHello, ServerHello
from dissectors.tls.keylog import CLIENT_RANDOM
from dissectors.tls.lane import Lane, Loss
from dissectors.tls.negotiation import Candidate, Negotiation
from dissectors.tls.protection import MAX_UNKNOWN_LOSS, RecordOpener, null_opener
from dissectors.tls.reasons import opened_outcome, unfinished, why_closed
from dissectors.tls.records import TlsRecord
from dissectors.tls.registry import ContentType, ProtocolVersion, name_of
from dissectors.tls.registry import HandshakeType as Hs
from dissectors.tls.secrets import CachedSession, KeySource
from dissectors.tls.suites import Mode
from dissectors.tls.tls13 import Tls13Connection

if TYPE_CHECKING:
    from dissectors.tls.observer import TlsObserver

MAX_TRIES = 3
"""Records of a direction that are tried with candidates of keys, should the first be damaged."""

MAX_UNCERTAIN = 64
"""Sequence numbers that are tried for each candidate where the first protected records are lost."""
MAX_HANDSHAKES = 256
"""Handshakes that are followed in one connection, renegotiations included."""


class LegacyConnection:
    """A connection as it starts; it stays one of TLS 1.0 to 1.2 unless TLS 1.3 is selected."""

    def __init__(self, observer: TlsObserver) -> None:
        self.observer = observer
        self.negotiation: Negotiation | None = None
        self.turn: int | None = None
        "Direction whose handshake messages are to be read; None between handshakes."
        self.finished: set[int] = set()
        self._reason: Outcome | None = None  # why a handshake before this one was not opened
        self._earlier: Negotiation | None = None  # the last handshake before this one that was
        self._broken = False  # octets were lost while no ClientHello had been seen

    # Records

    def take(self, lane: Lane, framed: Framed[TlsRecord], record: TlsRecord, out: list[TlsEvent]) -> bool:
        """Take a record, or return False: the other direction's messages come first."""
        content_type = record.content_type
        if content_type == ContentType.application_data:
            if not lane.protected:
                negotiation = self.negotiation
                if not lane.uncertain or negotiation is None or negotiation.session.server_hello is None:
                    return self._unprotected_data(lane)
                lane.protected = True  # ChangeCipherSpec is among the lost octets
            content = self._open(lane, record)
            if content is not None:
                out.append(ApplicationData(lane.direction, framed.start, framed.end, content))
            if self._ungated and lane.direction not in self.finished and not self._renegotiating:
                self._advance(lane, framed.start, framed.end, out)  # so is Finished
            return True
        if content_type == ContentType.handshake:
            return self._take_handshake(lane, framed, record, out)
        if content_type == ContentType.change_cipher_spec:
            return self._take_change_cipher_spec(lane, framed, record, out)
        content = self._open(lane, record) if lane.protected else record.fragment
        if content_type == ContentType.alert:
            self.observer.alert(lane, framed, content, out)
            if content is not None and content[1:2] == b"\x64" and self._renegotiating:  # no_renegotiation
                self.turn = None
        return True

    def _unprotected_data(self, lane: Lane) -> bool:
        if self.observer.client is None:
            return self._not_captured()
        # Early data of a TLS 1.3 client comes before the ServerHello that tells the version.
        return self.turn is None or self.turn == lane.direction

    def _take_handshake(self, lane: Lane, framed: Framed[TlsRecord], record: TlsRecord, out: list[TlsEvent]) -> bool:
        observer = self.observer
        if not lane.protected:
            content = self._try_protected(lane, record)
            if content is None:
                observer.handshake_octets(lane, framed, record.fragment, False, out)
            else:
                observer.handshake_octets(lane, framed, content, True, out)
            return True
        content = self._open(lane, record)
        if content is not None:
            observer.handshake_octets(lane, framed, content, True, out)
        elif self.turn is not None and lane.direction not in self.finished:
            self._advance(lane, framed.start, framed.end, out)  # no key: this can only be Finished
        return True

    def _try_protected(self, lane: Lane, record: TlsRecord) -> bytes | None:
        """After a loss that may hide ChangeCipherSpec: the record's content if a key opens it."""
        negotiation = self.negotiation
        if not lane.uncertain or negotiation is None or negotiation.session.server_hello is None:
            return None
        content = self._try_candidates(negotiation, lane, record)
        if content is not None:
            lane.protected = True
            lane.account.opened += 1
            lane.stuck = False
        return content

    def _take_change_cipher_spec(
        self, lane: Lane, framed: Framed[TlsRecord], record: TlsRecord, out: list[TlsEvent]
    ) -> bool:
        negotiation = self.negotiation
        if negotiation is None:
            # The other direction's ClientHello may be on its way; a client does not begin so.
            return self._not_captured()
        client = lane.direction == self.observer.client
        if not self._ungated:
            if self.turn is None and (client or lane.opener is None):
                if lane.protected:
                    self._open(lane, record)
                return True  # within a renegotiation that cannot be read, or out of place
            if self.turn != lane.direction:
                return False
            if negotiation.session.server_hello is None:
                return True
        out.append(ChangeCipherSpecSeen(lane.direction, framed.start, framed.end))
        if lane.protected:
            self._open(lane, record)
        if not client and not negotiation.done and self.turn == lane.direction and not self.finished:
            negotiation.session.resumed = not negotiation.broken
        lane.change_cipher_spec()
        return True

    # Opening

    def _open(self, lane: Lane, record: TlsRecord) -> bytes | None:
        opener = lane.opener
        if opener is None:
            content = self._open_first(lane, record)
        else:
            content = opener.open(record.content_type, record.version, record.fragment)
        if content is None:
            lane.account.unopened += 1
        else:
            lane.account.opened += 1
            lane.stuck = False
        return content

    def _open_first(self, lane: Lane, record: TlsRecord) -> bytes | None:
        negotiation = self.negotiation
        if negotiation is None:
            return None
        content = self._try_candidates(negotiation, lane, record)
        if content is None:
            lane.spec_records += 1
        return content

    def _try_candidates(self, negotiation: Negotiation, lane: Lane, record: TlsRecord) -> bytes | None:
        lane.tries += 1
        if lane.tries > MAX_TRIES:
            return None
        observer = self.observer
        if negotiation.chosen is not None:
            candidates = iter((negotiation.chosen,))
        else:
            candidates = negotiation.candidates(observer.secrets, observer.context, observer.max_candidates)
        for candidate in candidates:
            if not observer.budget.take(len(record.fragment)):
                break
            opener = self._opener(negotiation, candidate, lane)
            content = None if opener is None else opener.open(record.content_type, record.version, record.fragment)
            if content is not None:
                lane.opener = opener
                if negotiation.chosen is None:
                    self._choose(negotiation, candidate)
                return content
        suite = negotiation.suite
        if not lane.protected:
            lane.tries -= 1
        elif suite is not None and suite.cipher.mode is Mode.NULL and not negotiation.unsupported:
            lane.opener = null_opener(suite, observer.budget)
            if negotiation.session.key_source is None:
                negotiation.session.key_source = KeySource("none")
            return lane.opener.open(record.content_type, record.version, record.fragment)
        return None

    def _opener(self, negotiation: Negotiation, candidate: Candidate, lane: Lane) -> RecordOpener | None:
        try:
            opener = candidate.opener(negotiation, lane.direction == self.observer.client, self.observer.budget)
        except UnsupportedCipherError as error:
            negotiation.lacking = str(error)
            return None
        opener.sequence = lane.spec_records
        opener.uncertain = min(lane.uncertain, MAX_UNCERTAIN)
        return opener

    def _choose(self, negotiation: Negotiation, candidate: Candidate) -> None:
        negotiation.chosen = candidate
        session = negotiation.session
        session.key_source = candidate.source
        session.secrets[CLIENT_RANDOM] = candidate.master
        if negotiation.reason is not None:
            negotiation.reason = None
            self._remember(negotiation)
        for lane in self.observer.lanes:  # a direction whose first records did not open may open from here on
            lane.tries = 0

    # Handshake messages

    @property
    def _ungated(self) -> bool:
        return self.negotiation is not None and self.negotiation.broken and self.turn is not None

    @property
    def _renegotiating(self) -> bool:
        return self.turn is not None and self.negotiation is not None and self.negotiation.session.renegotiation

    def agreed(self) -> tuple[int, str]:
        """Version and key exchange of the handshake that is on, as far as known."""
        negotiation = self.negotiation
        if negotiation is None or negotiation.session.server_hello is None:
            return 0, ""
        suite = negotiation.suite
        return negotiation.session.version, "" if suite is None else suite.key_exchange

    def may_read(self, lane: Lane, handshake_type: int) -> bool:
        """Whether it is this direction's turn."""
        if handshake_type == Hs.hello_request or self._ungated:
            return True
        client = self.observer.client
        if client is None:
            if handshake_type not in (Hs.client_hello, Hs.server_hello):
                self._not_captured()
            return handshake_type == Hs.client_hello
        if self.turn is None:
            return lane.direction == client  # what the server says to a hello waits for that hello
        return self.turn == lane.direction

    def message(self, lane: Lane, message: bytes, seen: HandshakeSeen, out: list[TlsEvent]) -> None:
        """Take a whole handshake message whose turn it is."""
        decoded = seen.message
        if isinstance(decoded, ClientHello):
            self._client_hello(lane, message, decoded)
            return
        negotiation = self.negotiation
        if negotiation is None or message[0] == Hs.hello_request or self.turn is None:
            if negotiation is None and message[0] == Hs.client_hello:
                self.observer.give_up(OutcomeKind.UNSUPPORTED, f"the ClientHello cannot be read: {seen.error}")
            return
        if isinstance(decoded, Finished):
            self._finished(negotiation, lane, decoded)
            negotiation.transcript.add(message)
            self._advance(lane, seen.start, seen.end, out)
            return
        if isinstance(decoded, ServerHello):
            # A second one within a handshake: no peer goes on with that.
            if negotiation.session.server_hello is None:
                self._server_hello(negotiation, message, decoded)
            return
        if negotiation.session.server_hello is None:
            if not negotiation.broken and lane.direction != self.observer.client:
                self.observer.give_up(OutcomeKind.UNSUPPORTED, _no_server_hello(message, seen))
            return  # out of order before there is a hash: kept nowhere
        negotiation.transcript.add(message)
        self._note(negotiation, lane, message, decoded)

    def _client_hello(self, lane: Lane, message: bytes, hello: ClientHello) -> None:
        observer = self.observer
        if self.turn is not None and not self._ungated:
            return  # a second hello within a handshake: no peer goes on with that
        again = self.negotiation is not None
        if len(observer.sessions) == MAX_HANDSHAKES:
            observer.give_up(OutcomeKind.UNSUPPORTED, f"more than {MAX_HANDSHAKES} handshakes in one connection")
            return
        if self.negotiation is not None:
            self._reason = self._reason or self.negotiation.reason
            self._earlier = self.negotiation if self.negotiation.chosen is not None else self._earlier
        if observer.client is None:
            observer.client = lane.direction
        session = TlsSession(observer.client, hello, renegotiation=again)
        observer.sessions.append(session)
        self.negotiation = Negotiation(session, message)
        self.negotiation.broken = self._broken
        self.finished.clear()
        self.turn = 1 - lane.direction

    def _server_hello(self, negotiation: Negotiation, message: bytes, hello: ServerHello) -> None:
        observer = self.observer
        if hello.version >= ProtocolVersion.TLS_1_3 and not negotiation.session.renegotiation:
            negotiation.session.server_hello = hello
            phase = Tls13Connection(observer, negotiation.session, negotiation.hello, negotiation.transcript)
            phase.broken = negotiation.broken
            observer.hand_over(phase)
            phase.server_hello(message, hello)
            return
        negotiation.answer(hello)
        negotiation.transcript.add(message)

    def _note(self, negotiation: Negotiation, lane: Lane, message: bytes, decoded: object) -> None:
        session = negotiation.session
        handshake_type = message[0]
        if handshake_type == Hs.server_hello_done:
            negotiation.done = True
            self.turn = 1 - lane.direction
        elif isinstance(decoded, ServerKeyExchange):
            session.psk_identity_hint = decoded.psk_identity_hint
        elif isinstance(decoded, ClientKeyExchange):
            negotiation.exchange = decoded
            session.psk_identity = decoded.psk_identity
        elif isinstance(decoded, CertificateMessage):
            if lane.direction == session.client:
                session.client_certificates = decoded.certificates
            else:
                session.certificates = decoded.certificates
        elif isinstance(decoded, NewSessionTicket):
            negotiation.ticket = decoded.ticket
        if handshake_type == Hs.client_key_exchange and not negotiation.broken:
            negotiation.session_hash = negotiation.transcript.digest()

    def _finished(self, negotiation: Negotiation, lane: Lane, decoded: Finished) -> None:
        if negotiation.chosen is None or negotiation.broken:
            return
        client = lane.direction == self.observer.client
        expected = prf.verify_data(
            negotiation.hash_name, negotiation.chosen.master, client, negotiation.transcript.digest()
        )
        matches = hmac.compare_digest(expected, decoded.verify_data)
        if client:
            negotiation.session.client_finished = matches
        else:
            negotiation.session.server_finished = matches

    def _advance(self, lane: Lane, start: int, end: int, out: list[TlsEvent]) -> None:
        """This direction has sent Finished."""
        self.finished.add(lane.direction)
        negotiation = self.negotiation
        if len(self.finished) < 2 or negotiation is None:
            self.turn = 1 - lane.direction
            return
        self.turn = None
        session = negotiation.session
        session.established = True
        if session.key_source is None:
            negotiation.reason = why_closed(negotiation, self.observer.secrets)
        self._remember(negotiation)
        out.append(SessionEstablished(lane.direction, start, end, session))

    def _remember(self, negotiation: Negotiation) -> None:
        """Keep for a resumption what opens this session, or why nothing does."""
        chosen = negotiation.chosen
        hello = negotiation.session.server_hello
        if hello is None:
            return
        if chosen is not None:
            cached = CachedSession(chosen.master, chosen.source)
        elif negotiation.reason is not None:
            cached = CachedSession(b"", None, negotiation.reason.kind.value)
        else:
            return
        cache = self.observer.secrets.sessions
        cache.add("session_id", hello.session_id, cached)
        cache.add("ticket", negotiation.ticket, cached)

    # Losses and the end

    def lose(self, lane: Lane, loss: Loss) -> None:
        """Octets of this direction are lost."""
        observer = self.observer
        lane.messages.clear()
        lane.blocked = False
        lane.stuck = True
        opener = lane.opener
        if opener is None:
            lane.spec_records += loss.begun
            if not loss.one_record:
                lane.uncertain += loss.octets // 21 + 1 if loss.octets else MAX_UNKNOWN_LOSS
            elif not lane.protected:
                lane.uncertain += 1
        elif loss.one_record:
            opener.skip()
        else:
            opener.lose(loss.octets, loss.begun)
        if observer.client is None:
            observer.lost_before_hello = True
            self._broken = True
        elif self.turn is not None and self.negotiation is not None:
            self.negotiation.broken = True

    def _not_captured(self) -> bool:
        if self.observer.lost_before_hello:
            why = "the beginning of the connection is lost"
        else:
            why = "the connection was open before the capture began"
        self.observer.give_up(
            OutcomeKind.HANDSHAKE_NOT_CAPTURED, f"{why}, so its keys cannot be found; capture from the TCP SYN on"
        )
        return False

    def outcome(self) -> Outcome:
        """How it ended."""
        observer = self.observer
        negotiation = self.negotiation
        if negotiation is None:
            return unfinished(observer, None)
        session = negotiation.session
        if session.renegotiation and not session.established:
            # A renegotiation that was refused, or that the end of the capture cut: the session before it counts.
            reason = self._reason
            if reason is None and self._earlier is not None:
                session = self._earlier.session
        elif self.turn is not None and not (negotiation.broken and any(lane.protected for lane in observer.lanes)):
            return unfinished(observer, session)
        else:
            reason = self._reason or negotiation.reason
            if reason is None and session.key_source is None:
                reason = why_closed(negotiation, observer.secrets)
        return reason or opened_outcome(observer, session)


def _no_server_hello(message: bytes, seen: HandshakeSeen) -> str:
    if message[0] == Hs.server_hello:
        return f"the ServerHello cannot be read: {seen.error}"
    return f"the server sent {name_of(Hs, message[0])} where server_hello belongs"
