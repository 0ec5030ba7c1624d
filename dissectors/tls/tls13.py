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
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from dissectors.errors import DecodeError
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
from dissectors.tls.hello import ClientHello, EncryptedExtensions, OfferedPsk, ServerHello
from dissectors.tls.lane import Lane, Loss
from dissectors.tls.protection import Tls13Opener
from dissectors.tls.reasons import key_log_wanted, opened_outcome, unfinished
from dissectors.tls.records import TlsRecord
from dissectors.tls.registry import ContentType, ProtocolVersion, version_name
from dissectors.tls.registry import HandshakeType as Hs
from dissectors.tls.schedule13 import (
    EXTERNAL_BINDER,
    HASH_SIZE,
    IMPORTED_BINDER,
    RESUMPTION_BINDER,
    ImportedIdentity,
    KeySchedule,
    derive_secret,
    finished_mac,
    resumption_psk,
)
from dissectors.tls.secrets import CachedSession, KeySource, PskQuery
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
        self._asked = False  # whether there was any PSK to verify

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
                if self.turn == lane.direction and not self._skipping:
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
            self._find_keys(message, hello)
        except UnsupportedCipherError as error:
            self._reason = Outcome(OutcomeKind.UNSUPPORTED, f"the cryptography library here lacks {error}")
        if self._reason is not None:
            self.turn = None  # nothing of it can be read: no turns

    def _finished(
        self, lane: Lane, message: bytes, decoded: Finished, client: bool, seen: HandshakeSeen, out: list[TlsEvent]
    ) -> None:
        assert self.suite is not None
        session = self.session
        openers = self._openers[lane.direction]
        if openers and not self.broken:
            expected = finished_mac(self.suite.hash, openers[0].secret, self.transcript.digest())
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
            self._application_keys(self._schedule)
        self._next_key(lane.direction)
        early = session.client_hello.early_data and not self._retried
        if early and session.early_data_accepted and _EARLY in session.secrets:
            self._openers[session.client].insert(0, self._opener(session.secrets[_EARLY]))
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

    def _opener(self, secret: bytes) -> Tls13Opener:
        assert self.suite is not None
        return Tls13Opener(self.suite, secret, self.observer.budget)

    def _next_key(self, direction: int) -> None:
        openers = self._openers[direction]
        if len(openers) > 1:
            del openers[0]

    def _update_key(self, direction: int) -> None:
        openers = self._openers[direction]
        if openers:
            openers[:] = [openers[0].updated()]

    def _find_keys(self, message: bytes, hello: ServerHello) -> None:
        session = self.session
        assert self.suite is not None
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
                self._openers[direction].extend(self._opener(secret) for secret in secrets if secret is not None)
            return
        found = None if used is None else self._verify_psk(used)
        self.transcript.add(message)
        if used is None or hello.key_shares:
            self._reason = self._forward_secrecy(used, found)
        elif found is None:
            self._reason = self._no_psk()
        else:
            session.key_source, self._schedule = found
            self._handshake_keys(self._schedule)

    def _handshake_keys(self, schedule: KeySchedule) -> None:
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
            self._openers[direction].append(self._opener(secret))

    def _application_keys(self, schedule: KeySchedule) -> None:
        session = self.session
        transcript = self.transcript.digest()
        for side, direction in enumerate((1 - session.client, session.client)):
            label = (b"s ap traffic", b"c ap traffic")[side]
            secret = derive_secret(schedule.hash_name, schedule.master, label, transcript)
            session.secrets[_APPLICATION[side]] = secret
            self._openers[direction].append(self._opener(secret))
        session.secrets["EXPORTER_SECRET"] = derive_secret(
            schedule.hash_name, schedule.master, b"exp master", transcript
        )

    # PSKs

    def _verify_psk(self, used: OfferedPsk) -> tuple[KeySource, KeySchedule] | None:
        """The key whose binder is the one sent (section 4.2.11.2)."""
        assert self.suite is not None
        hash_name = self.suite.hash
        if len(used.binder) != HASH_SIZE[hash_name]:
            return None
        for source, label, psk in islice(self._psks(used, hash_name), self.observer.max_candidates):
            self._asked = True
            schedule = KeySchedule(hash_name, psk)
            if hmac.compare_digest(schedule.binder(label, self._binder_digest), used.binder):
                return source, schedule
        return None

    def _psks(self, used: OfferedPsk, hash_name: str) -> Iterator[tuple[KeySource, bytes, bytes]]:
        secrets = self.observer.secrets
        cached = secrets.sessions.find("ticket", used.identity)
        if cached is not None and cached.source is not None and cached.hash_name == hash_name:
            origin = cached.source.origin or cached.source
            yield KeySource("resumption", cached.source.label, origin), RESUMPTION_BINDER, cached.secret
        if secrets.psks is None:
            return
        for candidate in secrets.psks(self._query(used.identity)):
            yield KeySource("psk", candidate.label), EXTERNAL_BINDER, candidate.key
        try:
            imported = ImportedIdentity(used.identity)
        except DecodeError:
            return
        if imported.hash_name != hash_name:
            return
        for candidate in secrets.psks(self._query(imported.external_identity)):
            psk = imported.imported_psk(candidate.key, candidate.hash_name)
            yield KeySource("psk", candidate.label), IMPORTED_BINDER, psk

    def _query(self, identity: bytes) -> PskQuery:
        session = self.session
        assert session.server_hello is not None
        return PskQuery(
            psk_identity=identity,
            psk_identity_hint=None,
            client_random=session.client_random,
            server_random=session.server_random,
            version=session.version,
            cipher_suite=session.server_hello.cipher_suite,
            context=self.observer.context,
        )

    # The end

    def _forward_secrecy(self, used: OfferedPsk | None, found: tuple[KeySource, KeySchedule] | None) -> Outcome:
        if used is None:
            why = "TLS 1.3 without a PSK has forward secrecy: no long-term key opens a recording"
        elif found is not None:
            why = (
                "the PSK is the right one (its binder matches), but psk_dhe_ke has forward secrecy: it does not suffice"
            )
        elif self._asked:
            why = "psk_dhe_ke has forward secrecy: no PSK suffices, and none of those supplied is this session's either"
        else:
            why = "psk_dhe_ke has forward secrecy: the PSK alone does not open it"
        return Outcome(OutcomeKind.FORWARD_SECRECY, f"{why}; {self._wanted()}")

    def _no_psk(self) -> Outcome:
        if self._asked:
            why = "none of the PSKs supplied for this session gives the binder of its ClientHello"
            return Outcome(OutcomeKind.WRONG_KEY, f"{why}; supply the key that the two sides used")
        why = "no PSK is supplied for this session's PSK identity; supply it, or"
        return Outcome(OutcomeKind.NO_KEY, f"{why} {self._wanted().removeprefix('supply ')}")

    def _wanted(self) -> str:
        return key_log_wanted(self.session, "CLIENT_HANDSHAKE_TRAFFIC_SECRET and the other TLS 1.3")

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
            return Outcome(OutcomeKind.GAP, f"{why}; {self._wanted()}")
        return opened_outcome(observer, session)
