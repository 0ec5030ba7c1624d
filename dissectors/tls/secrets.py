"""What an observer is given to open sessions with: PSKs, a key log, RSA keys, and the sessions it has opened before."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from dissectors.tls.keylog import KeyLog


@dataclass(frozen=True, slots=True)
class KeySource:
    """Which key opened a session."""

    kind: str
    "``psk``, ``key_log``, ``rsa_key``, ``resumption``, or ``none`` where the suite does not encrypt."
    label: object = None
    "What the `PskCandidate` was labelled with; of a resumed session, of the session it resumes."
    origin: KeySource | None = None
    "What opened the session that is resumed."


@dataclass(frozen=True, slots=True)
class PskCandidate:
    """A key that may be the one."""

    key: bytes = field(repr=False)
    label: object = None
    "For the caller; comes back in `KeySource.label`."
    hash_name: str = "sha256"
    "The hash that goes with the key where it is imported into TLS 1.3 (RFC 9258)."


@dataclass(frozen=True, slots=True)
class PskQuery:
    """What is known about a handshake whose PSK is wanted."""

    psk_identity: bytes | None
    "None where the message that carries it is lost. Of an imported PSK, the external identity."
    psk_identity_hint: bytes | None
    client_random: bytes
    server_random: bytes
    version: int
    cipher_suite: int
    context: object
    "What the observer was made with: addresses, for instance."


PskFinder = Callable[[PskQuery], Iterable[PskCandidate]]
"""Returns the keys to try, the likeliest first. They are tried in this order, none is trusted."""


@dataclass(frozen=True, slots=True)
class CachedSession:
    """A session that may be resumed, or the reason why it cannot be opened."""

    secret: bytes = field(repr=False)
    "Master secret, in TLS 1.3 the PSK of the ticket; empty where it is not known."
    source: KeySource | None
    reason: str = ""
    "`OutcomeKind` value of the session where `secret` is empty."
    hash_name: str = ""
    "TLS 1.3: hash of the suite that the ticket was given under."


class SessionCache:
    """Sessions by session id and by ticket, shared by the observers of a capture; the oldest make room."""

    def __init__(self, max_sessions: int = 20_000) -> None:
        self._sessions: OrderedDict[tuple[str, bytes], CachedSession] = OrderedDict()
        self._max = max_sessions

    def add(self, kind: str, key: bytes, session: CachedSession) -> None:
        """Remember it by its ``session_id`` or ``ticket``."""
        if key:
            self._sessions[kind, key] = session
            self._sessions.move_to_end((kind, key))
            if len(self._sessions) > self._max:
                self._sessions.popitem(last=False)

    def find(self, kind: str, key: bytes) -> CachedSession | None:
        """The session with this ``session_id`` or ``ticket``."""
        return self._sessions.get((kind, key)) if key else None


@dataclass(slots=True)
class TlsSecrets:
    """Everything that may open sessions; one object serves all connections of a capture."""

    psks: PskFinder | None = None
    key_log: KeyLog = field(default_factory=KeyLog)
    rsa_keys: Sequence[RSAPrivateKey] = ()
    sessions: SessionCache = field(default_factory=SessionCache)


def always(*candidates: PskCandidate) -> PskFinder:
    """A finder that offers the same keys for every session."""
    return lambda query: candidates
