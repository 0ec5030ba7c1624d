"""Opens the TLS connections of a session with the keys of that session, and reads the MSRP inside.

A connection that cannot be opened says exactly one reason why, and what to supply. Nothing that did not authenticate
is ever read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from analyzer.conversations.connection import Connection, ConnectionPart
from analyzer.conversations.tls_facts import TlsFacts
from analyzer.correlate.nodes import NodeTable
from analyzer.correlate.session import Session
from analyzer.evidence import Evidence, Scope
from analyzer.evidence.streams import streams_of
from analyzer.internal import internal_finding
from analyzer.keys.ring import KeyRing
from analyzer.keys.session_keys import SessionKeys, SessionPsk
from analyzer.model import Coverage
from analyzer.opening.tls_reader import TlsReader
from analyzer.profile import DEFAULT_PROFILE, Profile
from dissectors.tls.events import OutcomeKind
from dissectors.tls.keylog import KeyLog, read_key_log
from dissectors.tls.reasons import SUPPLY_IT
from dissectors.tls.secrets import PskCandidate, PskQuery, TlsSecrets


@dataclass(slots=True)
class EmbeddedKeys:
    """The TLS key logs that stood in one capture."""

    path: str
    client_randoms: set[bytes] = field(default_factory=set, repr=False)
    opened: int = 0
    "Sessions that they opened."

    @property
    def name(self) -> str:
        """How reports call them."""
        return f"Decryption Secrets Block of {self.path}"


class Opener:
    """Opens what it is shown; one for a whole analysis, since sessions may be resumed on other connections."""

    def __init__(
        self,
        ring: KeyRing | None = None,
        *,
        key_log: KeyLog | None = None,
        rsa_keys: Sequence[RSAPrivateKey] = (),
        psk_from_h248: bool = False,
        profile: Profile = DEFAULT_PROFILE,
        keep_secrets: bool = False,
    ) -> None:
        """`keep_secrets` keeps the key log lines of what was opened, for a hand-over to other tools."""
        self.ring = ring or KeyRing()
        self._psk_from_h248 = psk_from_h248
        self._profile = profile
        self._keep_secrets = keep_secrets
        self._secrets = TlsSecrets(psks=_find, rsa_keys=rsa_keys)
        if key_log is not None:
            self._secrets.key_log = key_log
        self.expects_secrets = False
        "Captures hold secrets, or may yet bring some: no connection is given up before its session is linked."
        self._embedded: dict[str, EmbeddedKeys] = {}
        "What the captures themselves held, by path."
        self.notes: Counter[str] = Counter()
        "What is worth a line of them."

    def add_embedded(self, path: str, key_log: bytes) -> None:
        """Take over a TLS key log that stood in the capture `path`; what the user supplied goes before it."""
        log = read_key_log(key_log)
        held = self._embedded.setdefault(path, EmbeddedKeys(path))
        held.client_randoms |= log.client_randoms()
        self._secrets.key_log.add_missing(log)
        if log.malformed:
            self.notes["lines of Decryption Secrets Blocks that no key log has"] += log.malformed

    def account(self) -> list[tuple[str, int, int]]:
        """Every key by name: sessions that it opened, and sessions it was tried for in vain."""
        return self.ring.account() + [(each.name, each.opened, 0) for each in self._embedded.values()]

    @property
    def has_keys(self) -> bool:
        """Anything that could open a connection: else only handshakes are worth keeping."""
        secrets = self._secrets
        return (
            bool(self.ring.keys or len(secrets.key_log) or secrets.rsa_keys or self._psk_from_h248)
            or self.expects_secrets
        )

    def look_at(self, connection: Connection, coverage: Coverage) -> None:
        """Without keys there is nothing to wait for: tell what the handshake of a finished connection shows."""
        if not self.has_keys:
            try:
                connection.tls = TlsReader(connection, self._secrets, _NOBODY).read()
            except Exception as error:
                connection.tls = _failed(connection, error)
            coverage.tls_undecrypted[connection.tls.outcome] += 1

    def open(self, session: Session, nodes: NodeTable, scope: Scope, coverage: Coverage) -> None:
        """Open every TLS connection of a session; `connection.tls` says what became of it."""
        parts = [part for part in session.connections if part.connection.transcript is not None]
        if not parts:
            return
        keys = self._keys(session, nodes, scope)
        own = self._keys_of_streams(session, nodes, scope)
        for part in parts:
            try:
                self._open(part, own.get(id(part.connection), keys), coverage)
            except Exception as error:
                facts = part.connection.tls = _failed(part.connection, error)
                coverage.tls_undecrypted[facts.outcome] += 1
        session.unlocked = keys.unlocked()
        self._note_fitting(session)
        if session.kind == "tcp" and any(part.session_indexes for part in parts):
            session.kind = "message"

    def unlock(self, session: Session, nodes: NodeTable, scope: Scope) -> None:
        """Check the MIKEY-TICKET exchange of a session whose TLS is not in the capture."""
        if any(self.ring.keys):
            session.unlocked = SessionKeys(Evidence(session, nodes, scope, self._profile), self.ring).unlocked()
            self._keys_of_streams(session, nodes, scope)
            self._note_fitting(session)

    def _note_fitting(self, session: Session) -> None:
        for unlocked in (session.unlocked, *session.unlocked_streams.values()):
            self.ring.note_fitting(unlocked)

    def _keys(self, session: Session, nodes: NodeTable, scope: Scope) -> SessionKeys:
        return SessionKeys(Evidence(session, nodes, scope, self._profile), self.ring, psk_from_h248=self._psk_from_h248)

    def _keys_of_streams(self, session: Session, nodes: NodeTable, scope: Scope) -> dict[int, SessionKeys]:
        """The keys for each connection, by identity, of a session with several MSRP streams: each has its own."""
        streams, _ = streams_of(session) if session.kind == "message" else ([], 0)
        found = {}
        for _, seen in streams:
            keys = self._keys(seen, nodes, scope)
            session.unlocked_streams[seen.stream] = keys.unlocked()
            found.update({id(part.connection): keys for part in seen.connections})
        return found

    def _open(self, part: ConnectionPart, keys: SessionKeys, coverage: Coverage) -> None:
        connection = part.connection
        asked = _Asked(connection, keys)
        transcript = connection.transcript
        frames = tuple(dict.fromkeys(piece[2] for piece in transcript.pieces)) if transcript is not None else ()
        reader = TlsReader(connection, self._secrets, asked, keep_plain=self._keep_secrets)
        facts = connection.tls = reader.read()
        connection.transcript = None
        self._name_key(facts, reader, asked)
        self._tell_ticket(facts, keys)
        if self._keep_secrets:
            facts.key_log = tuple(reader.key_log_lines())
            facts.frames = frames
            facts.plain = reader.plain
        coverage.messages["msrp"] += reader.messages
        if not facts.decrypted:
            coverage.tls_undecrypted[facts.outcome] += 1
        if connection.sessions:
            part.session_indexes |= set(range(len(connection.sessions)))

    def _tell_ticket(self, facts: TlsFacts, keys: SessionKeys) -> None:
        """Where no PSK was at hand because a ticket key gave none, say so of that key."""
        lacking = keys.no_tek() if facts.outcome == OutcomeKind.NO_KEY.value else None
        if lacking is None:
            return
        key_log = facts.explanation.partition(SUPPLY_IT)[2]
        facts.explanation = f"{lacking.why}; supply the right one" + (f", or {key_log}" if key_log else "")
        for name in lacking.tried:
            self.ring.note(name, opened=False)
        if lacking.wrong:
            facts.outcome = OutcomeKind.WRONG_KEY.value

    def _name_key(self, facts: TlsFacts, reader: TlsReader, asked: _Asked) -> None:
        """Say which key opened it, and count for every supplied key whether it was of use."""
        source = reader.key_source
        label = source.label if source is not None else None
        opened = label if isinstance(label, SessionPsk) else None
        if opened is not None:
            facts.key = str(opened)
            self.ring.note(opened.source, opened=True)
        elif source is not None and source.kind == "key_log":
            held = next((each for each in self._embedded.values() if facts.client_random in each.client_randoms), None)
            facts.key = held.name if held is not None else "key log"
            if held is not None:
                held.opened += 1
        elif source is not None:
            facts.key = {"rsa_key": "RSA key of the server", "none": ""}.get(source.kind, "resumption")
        for psk in asked.tried:
            if opened is None or psk.source != opened.source:
                self.ring.note(psk.source, opened=False)


def _failed(connection: Connection, error: Exception) -> TlsFacts:
    """What is known of a connection that could not be read for a fault of ours."""
    connection.transcript = None
    finding = internal_finding("reading TLS of", error)
    return TlsFacts("unsupported", f"internal error: {finding.actual}", internal=finding)


class _Nobody:
    """No session: there are no keys to ask for."""


_NOBODY = _Nobody()


class _Asked:
    """Who asks for a PSK, and what was answered."""

    def __init__(self, connection: Connection, keys: SessionKeys) -> None:
        flow = connection.client
        self.ends = ((flow.src_ip, flow.sport), (flow.dst_ip, flow.dport))
        self.keys = keys
        self.tried: list[SessionPsk] = []


def _find(query: PskQuery) -> Iterable[PskCandidate]:
    asked = query.context
    if not isinstance(asked, _Asked):
        return
    for psk in asked.keys.candidates(query.psk_identity, asked.ends):
        asked.tried.append(psk)
        yield PskCandidate(psk.key, psk)
