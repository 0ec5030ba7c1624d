"""Key log text, as SSLKEYLOGFILE has it and pcapng's Decryption Secrets Block carries it (RFC 9850).

One line: label, client random, secret, in hex. Lines that are none are passed over, as the document asks, and counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

TLS13_LABELS = (
    "CLIENT_EARLY_TRAFFIC_SECRET",
    "EARLY_EXPORTER_SECRET",
    "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
    "SERVER_HANDSHAKE_TRAFFIC_SECRET",
    "CLIENT_TRAFFIC_SECRET_0",
    "SERVER_TRAFFIC_SECRET_0",
    "EXPORTER_SECRET",
)
CLIENT_RANDOM = "CLIENT_RANDOM"
PMS_CLIENT_RANDOM = "PMS_CLIENT_RANDOM"
DSB_SECRETS_TYPE = 0x544C534B
"""Secrets type of TLS key log text in a pcapng Decryption Secrets Block."""

_HEX = rb"((?:[0-9A-Fa-f]{2})+)"
_LINE = re.compile(rb"([A-Z0-9_]+) " + _HEX + rb" " + _HEX)
_RSA_SESSION = re.compile(rb"RSA Session-ID:((?:[0-9A-Fa-f]{2})*) Master-Key:" + _HEX)
_LINE_END = re.compile(rb"\r\n|\r|\n")


class KeyLog:
    """The secrets of key log text, found by client random and label."""

    def __init__(self) -> None:
        self.malformed = 0
        "Lines that are neither empty, nor a comment, nor a key log line."
        self._secrets: dict[tuple[str, bytes], bytes] = {}
        self._rsa: dict[bytes, bytes] = {}  # first 8 octets of the encrypted premaster secret -> premaster secret
        self._sessions: dict[bytes, bytes] = {}  # session id -> master secret

    def __len__(self) -> int:
        """How many secrets it holds."""
        return len(self._secrets) + len(self._rsa) + len(self._sessions)

    def add(self, text: bytes) -> None:
        """Take key log text; a later line for the same session and label counts."""
        for line in _LINE_END.split(text):
            if not line or line.startswith(b"#"):
                continue
            if not self._add_line(line):
                self.malformed += 1

    def add_missing(self, other: KeyLog) -> None:
        """Take over what another key log has beside this one."""
        for ours, theirs in ((self._rsa, other._rsa), (self._sessions, other._sessions)):
            for found, secret in theirs.items():
                ours.setdefault(found, secret)
        for key, secret in other._secrets.items():
            self._secrets.setdefault(key, secret)

    def client_randoms(self) -> set[bytes]:
        """The sessions that it has secrets of."""
        return {client_random for _, client_random in self._secrets}

    def _add_line(self, line: bytes) -> bool:
        line = line.rstrip(b" \t")
        session = _RSA_SESSION.fullmatch(line)
        if session is not None:
            self._sessions[_unhex(session[1])] = _unhex(session[2])
            return True
        match = _LINE.fullmatch(line)
        if match is None:
            return False
        label = match[1].decode("ascii")
        found, secret = _unhex(match[2]), _unhex(match[3])
        if label == "RSA" and len(found) == 8:
            self._rsa[found] = secret
        elif len(found) == 32:
            self._secrets[label, found] = secret
        else:
            return False
        return True

    def secret(self, label: str, client_random: bytes) -> bytes | None:
        """The secret with this label of the session with this client random."""
        return self._secrets.get((label, client_random))

    def rsa_premaster_secret(self, encrypted: bytes) -> bytes | None:
        """The premaster secret that this ciphertext of a ClientKeyExchange hides (``RSA`` line)."""
        return self._rsa.get(encrypted[:8])

    def session_master_secret(self, session_id: bytes) -> bytes | None:
        """The master secret of a session id (``RSA Session-ID`` line)."""
        return self._sessions.get(session_id)

    def lines(self) -> Iterator[str]:
        """The secrets as key log lines, without line ends."""
        for (label, client_random), secret in self._secrets.items():
            yield key_log_line(label, client_random, secret)
        for encrypted, secret in self._rsa.items():
            yield key_log_line("RSA", encrypted, secret)
        for session_id, master in self._sessions.items():
            yield f"RSA Session-ID:{session_id.hex()} Master-Key:{master.hex()}"


def read_key_log(text: bytes) -> KeyLog:
    """The secrets in key log text; lines end with LF, CRLF or CR, malformed lines are counted and passed over."""
    log = KeyLog()
    log.add(text)
    return log


def key_log_line(label: str, client_random: bytes, secret: bytes) -> str:
    """One line, without its end."""
    return f"{label} {client_random.hex()} {secret.hex()}"


def key_log_text(lines: Iterable[str]) -> bytes:
    """Key log text of these lines, each once and ended by LF: a key log file, or the data of a pcapng DSB."""
    return "".join(f"{line}\n" for line in dict.fromkeys(lines)).encode("ascii")


def _unhex(text: bytes) -> bytes:
    return bytes.fromhex(text.decode("ascii"))
