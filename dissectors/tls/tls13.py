"""The flow of a TLS 1.3 connection from its ServerHello on (RFC 8446 sections 2 and 4, appendix A).

    server's turn    [hello_retry_request -> client_hello ->] server_hello, encrypted_extensions ... finished
    client's turn    [end_of_early_data], [certificate ...] finished
    open             new_session_ticket, key_update, in any order

Each direction has its openers in the order in which the sender uses their keys (early data, handshake, application);
the first is in use. A record that it does not open is tried with the next ones: so a key that is missing, a loss across
a change of keys, and early data that the server rejects need no rules of their own.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from dissectors.framing import Framed
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
from dissectors.tls.handshake import CertificateMessage, Finished, KeyUpdate, NewSessionTicket
from dissectors.tls.hello import ClientHello, EncryptedExtensions, ServerHello
from dissectors.tls.lane import Lane, Loss
from dissectors.tls.protection import Tls13Opener
from dissectors.tls.psk13 import PskSearch
from dissectors.tls.reasons import TLS13_LABELS, key_log_wanted, opened_outcome, unfinished, why_closed13
from dissectors.tls.records import TlsRecord
from dissectors.tls.registry import ContentType, ProtocolVersion, version_name
from dissectors.tls.registry import HandshakeType as Hs
from dissectors.tls.schedule13 import (
    KeySchedule,
    derive_secret,
    finished_mac,
    resumption_psk,
)
from dissectors.tls.secrets import CachedSession, KeySource
from dissectors.tls.suites import Suite, suite_of
from dissectors.tls.transcript import Transcript

if TYPE_CHECKING:
    from dissectors.tls.observer import TlsObserver

_HANDSHAKE = ("SERVER_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_HANDSHAKE_TRAFFIC_SECRET")
_APPLICATION = ("SERVER_TRAFFIC_SECRET_0", "CLIENT_TRAFFIC_SECRET_0")
_EARLY = "CLIENT_EARLY_TRAFFIC_SECRET"


class Tls13Connection:
    """A connection for which TLS 1.3 was selected."""

    def __init__(self, observer: TlsObserver, session: TlsSession, hello: bytes, transcript: Transcript) -> None:
        self.observer = observer
        self.session = session
        self._first_hello = hello
        self._binder_digest = b""  # hash of what the binders of the last ClientHello cover
        self.transcript = transcript
        self.broken = False
        "Octets of the handshake are lost: its transcript is not whole, and there are no turns."
        self.suite: Suite | None = None
        self.turn: int | None = 1 - session.client
        self._openers: tuple[list[Tls13Opener], list[Tls13Opener]] = ([], [])
        self._schedule: KeySchedule | None = None
        self._resumption_master = b""
        self._reason: Outcome | None = None
        self._skipping = False  # early data that the server rejected may stand before the client's Finished
        self._retried = False
        self._hello_seen = False

    # Records

    def take(self, lane: Lane, framed: Framed[TlsRecord], record: TlsRecord, out: list[TlsEvent]) -> bool:
        """Take a record, or return False: the other direction's messages come first."""
        observer = self.observer
        content_type = record.content_type
        if content_type == ContentType.application_data:
            client = lane.direction == self.session.client
            if client and self.turn is not None and self.turn != lane.direction and not self.broken:
                return False  # its keys, and whether early data counts, come with the server's flight
            lane.protected = True
            content, inner_type = self._open(lane, record)
            if content is None:
                if self.turn == lane.direction and self._hello_seen and not self._skipping:
                    self.broken = True  # a message of the handshake is in there: no Finished can be checked any more
                return True
            if inner_type == ContentType.application_data:
                early = client and self.turn is not None and self.session.early_data_accepted
                out.append(ApplicationData(lane.direction, framed.start, framed.end, content, early))
            elif inner_type == ContentType.handshake:
                observer.handshake_octets(lane, framed, content, True, out)
            elif inner_type == ContentType.alert:
                observer.alert(lane, framed, content, out)
        elif content_type == ContentType.handshake:
            observer.handshake_octets(lane, framed, record.fragment, False, out)
        elif content_type == ContentType.alert:
            # Outside protection, whatever came before: a side without keys has no other way.
            protected, lane.protected = lane.protected, False
            observer.alert(lane, framed, record.fragment, out)
            lane.protected = protected
        elif content_type == ContentType.change_cipher_spec:
            out.append(ChangeCipherSpecSeen(lane.direction, framed.start, framed.end))
        return True

    def _open(self, lane: Lane, record: TlsRecord) -> tuple[bytes | None, int]:
        openers = self._openers[lane.direction]
        content = None
        if openers:
            opener = openers[0]
            if self._skipping and lane.direction == self.session.client:
                content = opener.attempt(0, record.content_type, record.version, record.fragment)
                if content is not None:
                    self._skipping = False
                    opener.sequence = 1
            else:
                content = opener.open(record.content_type, record.version, record.fragment)
            if content is None and len(openers) > 1:
                content = self._open_later(lane, openers, record)
        if content is None:
            lane.account.unopened += 1
            return None, 0
        lane.account.opened += 1
        lane.stuck = False
        return content, openers[0].inner_type

    def _open_later(self, lane: Lane, openers: list[Tls13Opener], record: TlsRecord) -> bytes | None:
        for number, opener in enumerate(openers[1:], 1):
            if not self.observer.budget.take(len(record.fragment)):
                break
            opener.sequence = 0
            opener.uncertain = openers[0].uncertain
            content = opener.open(record.content_type, record.version, record.fragment)
            if content is not None:
                del openers[:number]
                return content
            opener.sequence = opener.uncertain = 0  # not its record; its own are still to come
        return None

    def lose(self, lane: Lane, loss: Loss) -> None:
        """Octets of this direction are lost."""
        lane.messages.clear()
        lane.blocked = False
        lane.stuck = True
        if self.turn is not None:
            self.broken = True
        openers = self._openers[lane.direction]
        if not openers:
            return
        if loss.one_record:
            openers[0].skip()
        else:
            openers[0].lose(loss.octets, loss.begun)
        if self.turn is None and len(openers) == 1:
            openers.append(openers[0].updated())  # the loss may hide a KeyUpdate

    # Handshake messages

    def agreed(self) -> tuple[int, str]:
        """Version and key exchange, for the decoder of messages."""
        return ProtocolVersion.TLS_1_3, ""

    def may_read(self, lane: Lane, handshake_type: int) -> bool:
        """Whether it is this direction's turn."""
        return self.broken or self.turn is None or self.turn == lane.direction

    def message(self, lane: Lane, message: bytes, seen: HandshakeSeen, out: list[TlsEvent]) -> None:
        """Take a whole handshake message whose turn it is."""
        decoded = seen.message
        handshake_type = message[0]
        if self.turn is None:
            self._after_handshake(lane, decoded)
            return
        client = lane.direction == self.session.client
        if isinstance(decoded, ClientHello):
            if client and self._retried and not self._hello_seen:
                self._binder_digest = self.transcript.digest_with(message[: len(message) - decoded.binders_size])
                self.transcript.add(message)
                self.session.client_hello = decoded
                self.turn = 1 - lane.direction
            return
        if isinstance(decoded, ServerHello):
            if not client and not self._hello_seen:
                self.server_hello(message, decoded)
            return
        if isinstance(decoded, Finished):
            self._finished(lane, message, decoded, client, seen, out)
            return
        self.transcript.add(message)
        if isinstance(decoded, EncryptedExtensions) and not client:
            self.session.early_data_accepted = decoded.early_data
        elif isinstance(decoded, CertificateMessage):
            if client:
                self.session.client_certificates = decoded.certificates
            else:
                self.session.certificates = decoded.certificates
        elif handshake_type == Hs.end_of_early_data and client:
            self._next_key(lane.direction)
        elif isinstance(decoded, KeyUpdate):
            self._update_key(lane.direction)

    def server_hello(self, message: bytes, hello: ServerHello) -> None:
        """Take the ServerHello, or the HelloRetryRequest before it."""
        session = self.session
        session.server_hello = hello
        suite = suite_of(hello.cipher_suite)
        if hello.version != ProtocolVersion.TLS_1_3:
            self._reason = Outcome(OutcomeKind.UNSUPPORTED, f"{version_name(hello.version)} is not supported")
        elif suite is None or not suite.tls13:
            why = f"the cipher suite {session.cipher_suite_name} is not supported"
            self._reason = Outcome(OutcomeKind.UNSUPPORTED, why)
        if self._reason is not None or suite is None:
            self.turn = None
            self._hello_seen = True
            return
        if self.suite is None:
            self.suite = suite
            self.transcript.select(suite.hash)
            covered = len(self._first_hello) - session.client_hello.binders_size
            self._binder_digest = hashlib.new(suite.hash, self._first_hello[:covered]).digest()
        if hello.hello_retry_request and not self._retried:
            self._retried = True
            self.transcript.fold()
            self.transcript.add(message)
            self.turn = session.client
            return
        self._hello_seen = True
        try:
            self._find_keys(message, hello, self.suite)
        except UnsupportedCipherError as error:
            self._reason = Outcome(OutcomeKind.UNSUPPORTED, f"the cryptography library here lacks {error}")
        if self._reason is not None:
            self.turn = None  # nothing of it can be read: no turns

    def _finished(
        self, lane: Lane, message: bytes, decoded: Finished, client: bool, seen: HandshakeSeen, out: list[TlsEvent]
    ) -> None:
        suite = self.suite
        if suite is None:
            return  # no ServerHello chose one: it finishes nothing
        session = self.session
        openers = self._openers[lane.direction]
        if openers and not self.broken:
            expected = finished_mac(suite.hash, openers[0].secret, self.transcript.digest())
            matches = hmac.compare_digest(expected, decoded.verify_data)
            if client:
                session.client_finished = matches
            else:
                session.server_finished = matches
        self.transcript.add(message)
        if client:
            self._client_done(lane, seen, out)
            return
        if self._schedule is not None and not self.broken:
            self._application_keys(self._schedule, suite)
        self._next_key(lane.direction)
        early = session.client_hello.early_data and not self._retried
        if early and session.early_data_accepted and _EARLY in session.secrets:
            self._openers[session.client].insert(0, self._opener(suite, session.secrets[_EARLY]))
        elif early:
            self._skipping = True
        self.turn = session.client

    def _client_done(self, lane: Lane, seen: HandshakeSeen, out: list[TlsEvent]) -> None:
        session = self.session
        if self._schedule is not None and not self.broken:
            schedule = self._schedule
            transcript = self.transcript.digest()
            self._resumption_master = derive_secret(schedule.hash_name, schedule.master, b"res master", transcript)
        self._next_key(lane.direction)
        self.turn = None
        session.established = True
        out.append(SessionEstablished(lane.direction, seen.start, seen.end, session))

    def _after_handshake(self, lane: Lane, decoded: object) -> None:
        if isinstance(decoded, KeyUpdate):
            self._update_key(lane.direction)
        elif isinstance(decoded, NewSessionTicket) and self._resumption_master and self.suite is not None:
            psk = resumption_psk(self.suite.hash, self._resumption_master, decoded.nonce)
            cached = CachedSession(psk, self.session.key_source, hash_name=self.suite.hash)
            self.observer.secrets.sessions.add("ticket", decoded.ticket, cached)

    # Keys

    def _opener(self, suite: Suite, secret: bytes) -> Tls13Opener:
        return Tls13Opener(suite, secret, self.observer.budget)

    def _next_key(self, direction: int) -> None:
        openers = self._openers[direction]
        if len(openers) > 1:
            del openers[0]

    def _update_key(self, direction: int) -> None:
        openers = self._openers[direction]
        if openers:
            openers[:] = [openers[0].updated()]

    def _find_keys(self, message: bytes, hello: ServerHello, suite: Suite) -> None:
        session = self.session
        offered = session.client_hello.psks
        used = None
        if hello.selected_psk is not None and hello.selected_psk < len(offered):
            used = offered[hello.selected_psk]
            session.psk_identity = used.identity
        log = self.observer.secrets.key_log
        logged = {
            label: secret
            for label in (_EARLY, *_HANDSHAKE, *_APPLICATION, "EXPORTER_SECRET")
            if (secret := log.secret(label, session.client_random)) is not None
        }
        if any(label in logged for label in (*_HANDSHAKE, *_APPLICATION)):
            self.transcript.add(message)
            session.secrets.update(logged)
            session.key_source = KeySource("key_log")
            if not all(label in logged for label in _HANDSHAKE):
                self.broken = True  # Finished cannot be read: no turns
            for side, direction in enumerate((1 - session.client, session.client)):
                secrets = (logged.get(_HANDSHAKE[side]), logged.get(_APPLICATION[side]))
                self._openers[direction].extend(self._opener(suite, secret) for secret in secrets if secret is not None)
            return
        search = PskSearch(self.observer, session, suite.hash)
        found = None if used is None else search.find(used, self._binder_digest)
        self.transcript.add(message)
        if found is None or hello.key_shares:
            self._reason = why_closed13(session, found is not None, search.asked)
        else:
            session.key_source, self._schedule = found
            self._handshake_keys(self._schedule, suite)

    def _handshake_keys(self, schedule: KeySchedule, suite: Suite) -> None:
        session = self.session
        schedule.without_dh()
        transcript = self.transcript.digest()
        if session.client_hello.early_data and not self._retried:
            early = hashlib.new(schedule.hash_name, self._first_hello).digest()
            session.secrets[_EARLY] = derive_secret(schedule.hash_name, schedule.early, b"c e traffic", early)
        for side, direction in enumerate((1 - session.client, session.client)):
            label = (b"s hs traffic", b"c hs traffic")[side]
            secret = derive_secret(schedule.hash_name, schedule.handshake, label, transcript)
            session.secrets[_HANDSHAKE[side]] = secret
            self._openers[direction].append(self._opener(suite, secret))

    def _application_keys(self, schedule: KeySchedule, suite: Suite) -> None:
        session = self.session
        transcript = self.transcript.digest()
        for side, direction in enumerate((1 - session.client, session.client)):
            label = (b"s ap traffic", b"c ap traffic")[side]
            secret = derive_secret(schedule.hash_name, schedule.master, label, transcript)
            session.secrets[_APPLICATION[side]] = secret
            self._openers[direction].append(self._opener(suite, secret))
        session.secrets["EXPORTER_SECRET"] = derive_secret(
            schedule.hash_name, schedule.master, b"exp master", transcript
        )

    # The end

    def outcome(self) -> Outcome:
        """How it ended."""
        observer = self.observer
        session = self.session
        failed = observer.fatal_alert is not None and not session.established
        if self._reason is not None and not failed:
            return self._reason
        if failed or session.key_source is None:
            return unfinished(observer, session)
        opened = sum(lane.account.opened for lane in observer.lanes)
        unopened = sum(lane.account.unopened for lane in observer.lanes)
        if not session.established and not (self.broken and opened + unopened):
            return unfinished(observer, session)
        if self.broken and unopened and self._schedule is not None:
            why = f"octets of the handshake are lost, and with them the keys of {unopened} records"
            return Outcome(OutcomeKind.GAP, f"{why}; {key_log_wanted(session, TLS13_LABELS)}")
        return opened_outcome(observer, session)
