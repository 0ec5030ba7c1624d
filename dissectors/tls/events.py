"""What an observer of a TLS connection reports: messages, data, alerts, the facts of each handshake, the outcome."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from dissectors.errors import DecodeError
from dissectors.tls.cipher_suites import cipher_suite_name
from dissectors.tls.handshake import Certificate, HandshakeMessage
from dissectors.tls.hello import ClientHello, ServerHello
from dissectors.tls.registry import AlertDescription, AlertLevel, HandshakeType, name_of, version_name
from dissectors.tls.secrets import KeySource


@dataclass(slots=True)
class TlsSession:
    """What one handshake of a connection agreed on; filled in as its messages are seen."""

    client: int
    "Direction of what the TLS client sends: who sent ClientHello, whoever opened the TCP connection."
    client_hello: ClientHello
    server_hello: ServerHello | None = None
    psk_identity: bytes | None = None
    "As sent; in TLS 1.3 the identity that the server selected."
    psk_identity_hint: bytes | None = None
    certificates: tuple[Certificate, ...] = ()
    "The server's, where they are sent in the clear or could be decrypted."
    client_certificates: tuple[Certificate, ...] = ()
    resumed: bool = False
    renegotiation: bool = False
    early_data_accepted: bool = False
    established: bool = False
    "Both sides have sent Finished."
    client_finished: bool | None = None
    "Whether the client's Finished matches the messages seen; None when it could not be checked."
    server_finished: bool | None = None
    key_source: KeySource | None = None
    "Which key opened it; None while none has."
    secrets: dict[str, bytes] = field(default_factory=dict, repr=False)
    "What opens it, by key log label."

    @property
    def version(self) -> int:
        """The version negotiated; what the client offers at most, before the server answered."""
        if self.server_hello is not None:
            return self.server_hello.version
        return max((self.client_hello.legacy_version, *self.client_hello.supported_versions))

    @property
    def version_name(self) -> str:
        """``TLS 1.2``."""
        return version_name(self.version)

    @property
    def cipher_suite(self) -> int | None:
        """The suite that the server selected."""
        return None if self.server_hello is None else self.server_hello.cipher_suite

    @property
    def cipher_suite_name(self) -> str:
        """Its registered name, empty before the server answered."""
        return "" if self.server_hello is None else cipher_suite_name(self.server_hello.cipher_suite)

    @property
    def client_random(self) -> bytes:
        """32 octets."""
        return self.client_hello.random

    @property
    def server_random(self) -> bytes:
        """32 octets; empty before the server answered."""
        return b"" if self.server_hello is None else self.server_hello.random

    @property
    def server_name(self) -> str | None:
        """The host name that the client asks for."""
        return self.client_hello.server_name

    @property
    def extended_master_secret(self) -> bool:
        """Both hellos carry the extension (RFC 7627)."""
        return self.server_hello is not None and self.server_hello.extended_master_secret

    @property
    def encrypt_then_mac(self) -> bool:
        """The server accepted it (RFC 7366)."""
        return self.server_hello is not None and self.server_hello.encrypt_then_mac

    @property
    def psk_dhe(self) -> bool:
        """TLS 1.3 with a Diffie-Hellman exchange beside the PSK."""
        return self.server_hello is not None and bool(self.server_hello.key_shares)


@dataclass(slots=True)
class HandshakeSeen:
    """A handshake message."""

    direction: int
    start: int
    "Stream offset of the record in which the message begins."
    end: int
    "Stream offset after the record in which it ends."
    handshake_type: int
    message: HandshakeMessage | None
    "None where `error` says why it cannot be read."
    encrypted: bool
    error: DecodeError | None = None

    @property
    def name(self) -> str:
        """The type as the registry spells it."""
        return name_of(HandshakeType, self.handshake_type)


@dataclass(slots=True)
class ChangeCipherSpecSeen:
    """A ChangeCipherSpec; in TLS 1.3 it means nothing (RFC 8446 appendix D.4)."""

    direction: int
    start: int
    end: int


@dataclass(slots=True)
class ApplicationData:
    """The plaintext of one application data record. It authenticated, or the suite has no encryption (NULL)."""

    direction: int
    start: int
    end: int
    data: bytes
    early: bool = False
    "0-RTT data (RFC 8446 section 2.3)."


@dataclass(slots=True)
class AlertSeen:
    """An alert."""

    direction: int
    start: int
    end: int
    level: int | None
    "None where it is encrypted and no key opens it."
    description: int | None
    encrypted: bool

    @property
    def name(self) -> str:
        """``fatal handshake_failure``, or ``encrypted alert``."""
        if self.level is None or self.description is None:
            return "encrypted alert"
        return f"{name_of(AlertLevel, self.level)} {name_of(AlertDescription, self.description)}"


@dataclass(slots=True)
class SessionEstablished:
    """Both sides have sent Finished; `session` holds the facts, decrypted or not."""

    direction: int
    "Who sent the last Finished."
    start: int
    end: int
    session: TlsSession


TlsEvent = HandshakeSeen | ChangeCipherSpecSeen | ApplicationData | AlertSeen | SessionEstablished


class OutcomeKind(Enum):
    """How the decryption of a connection ended; the values are the keys of ``coverage.tls`` in the JSON report."""

    DECRYPTED = "decrypted"
    NO_KEY = "no_key"
    WRONG_KEY = "wrong_key"
    FORWARD_SECRECY = "forward_secrecy"
    HANDSHAKE_NOT_CAPTURED = "handshake_not_captured"
    GAP = "gap"
    HANDSHAKE_FAILED = "handshake_failed"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended, and why."""

    kind: OutcomeKind
    explanation: str
    "What was found, and where something is missing, what to supply. No secret stands in it."


@dataclass(slots=True)
class LaneAccount:
    """What became of the octets of one direction."""

    octets: int = 0
    "Received."
    lost_octets: int = 0
    "Announced as lost; losses of unknown size count nothing."
    losses: int = 0
    skipped_octets: int = 0
    "Received, and not in a whole record."
    records: int = 0
    "Whole records."
    opened: int = 0
    "Of them, protected ones that were opened."
    unopened: int = 0
    "Of them, protected ones that were not."
