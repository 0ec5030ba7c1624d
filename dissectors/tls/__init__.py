"""TLS 1.0 to 1.3: records, messages, key schedules, key logs, and the observer that opens a captured connection."""

from dissectors.tls.cipher_suites import CipherSuite, cipher_suite_name
from dissectors.tls.events import (
    AlertSeen,
    ApplicationData,
    ChangeCipherSpecSeen,
    HandshakeSeen,
    LaneAccount,
    Outcome,
    OutcomeKind,
    SessionEstablished,
    TlsEvent,
    TlsSession,
)
from dissectors.tls.handshake import decode_handshake
from dissectors.tls.hello import ClientHello, ServerHello
from dissectors.tls.keylog import DSB_SECRETS_TYPE, KeyLog, key_log_line, key_log_text, read_key_log
from dissectors.tls.observer import TlsObserver
from dissectors.tls.records import RecordStream, TlsRecord
from dissectors.tls.registry import AlertDescription, AlertLevel, ContentType, HandshakeType, ProtocolVersion
from dissectors.tls.secrets import KeySource, PskCandidate, PskFinder, PskQuery, SessionCache, TlsSecrets, always

__all__ = [
    "DSB_SECRETS_TYPE",
    "AlertDescription",
    "AlertLevel",
    "AlertSeen",
    "ApplicationData",
    "ChangeCipherSpecSeen",
    "CipherSuite",
    "ClientHello",
    "ContentType",
    "HandshakeSeen",
    "HandshakeType",
    "KeyLog",
    "KeySource",
    "LaneAccount",
    "Outcome",
    "OutcomeKind",
    "ProtocolVersion",
    "PskCandidate",
    "PskFinder",
    "PskQuery",
    "RecordStream",
    "ServerHello",
    "SessionCache",
    "SessionEstablished",
    "TlsEvent",
    "TlsObserver",
    "TlsRecord",
    "TlsSecrets",
    "TlsSession",
    "always",
    "cipher_suite_name",
    "decode_handshake",
    "key_log_line",
    "key_log_text",
    "read_key_log",
]
