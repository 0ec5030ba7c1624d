"""TLS-PSK over memory, for either role: ciphertext in, plaintext out (RFC 4279; OpenSSL does the work).

Below Python 3.13 the callbacks come from sslpsk3. It arms them again at every step of the handshake, which resets a
server over memory; so they are armed once here.
"""

from __future__ import annotations

import ssl
import sys
import weakref
from typing import Any

from sslpsk3 import SSLPSKContext
from sslpsk3.sslpsk3 import SSLPSKObject, psk_contexts

CIPHERS = "PSK-AES128-GCM-SHA256:PSK-AES256-GCM-SHA384:PSK-AES128-CBC-SHA256:PSK-AES128-CBC-SHA:PSK-AES256-CBC-SHA"
"PSK without Diffie-Hellman (RFC 5487, RFC 4279): what TS 23.333 names, and what a recording can be opened with."


class _ArmedOnce(SSLPSKObject):  # type: ignore[misc]
    """An SSLObject whose PSK callbacks are set before the handshake alone."""

    def do_handshake(self) -> None:
        if sys.version_info < (3, 13) and not getattr(self, "_is_armed", False):
            self._is_armed = True
            self.context.setup_psk_callbacks(self)
        ssl.SSLObject.do_handshake(self)


class _Context(SSLPSKContext):  # type: ignore[misc]
    """A context that sslpsk3 forgets with the connection; by itself it keeps every one for ever."""

    def setup_psk_callbacks(self, tls: Any) -> None:
        known = len(psk_contexts)
        super().setup_psk_callbacks(tls)
        if len(psk_contexts) > known:
            weakref.finalize(tls, psk_contexts.pop, next(reversed(psk_contexts)), None)


def psk_context(*, is_client: bool, psk: bytes, identity: str, ciphers: str = CIPHERS) -> ssl.SSLContext:
    """A context for TLS 1.2 with this key, for `PskTls`, sockets, and asyncio."""
    context = _Context(ssl.PROTOCOL_TLS_CLIENT if is_client else ssl.PROTOCOL_TLS_SERVER)
    context.sslobject_class = _ArmedOnce
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(ciphers)
    if is_client:
        context.set_psk_client_callback(lambda hint: (identity, psk))
    else:
        context.set_psk_server_callback(lambda offered: psk)
    made: ssl.SSLContext = context
    return made


class PskTls:
    """One TLS connection; call `receive` with what comes and send what is in `outgoing` after every call."""

    def __init__(self, *, is_client: bool, psk: bytes, identity: str, ciphers: str = CIPHERS) -> None:
        context = psk_context(is_client=is_client, psk=psk, identity=identity, ciphers=ciphers)
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls: Any = context.wrap_bio(self._incoming, self._outgoing, server_side=not is_client)
        self.is_up = False
        self.is_closed = False
        "The other side announced its end."

    @property
    def outgoing(self) -> bytes:
        """Ciphertext to send; taken out."""
        return self._outgoing.read()

    def start(self) -> None:
        """Begin the handshake; a client says hello."""
        self._handshake()

    def receive(self, data: bytes) -> bytes:
        """Take ciphertext; returns what was in it. Raises ssl.SSLError when the handshake or a record is faulty."""
        self._incoming.write(data)
        if not self.is_up:
            self._handshake()
        return self._read() if self.is_up else b""

    def send(self, data: bytes) -> None:
        """Encrypt octets; the handshake must be over."""
        view = memoryview(data)
        while view:
            view = view[self._tls.write(view) :]

    def close(self) -> None:
        """Say close_notify."""
        try:
            self._tls.unwrap()
        except (ssl.SSLError, ValueError):
            return

    def _handshake(self) -> None:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return
        self.is_up = True

    def _read(self) -> bytes:
        parts = []
        while True:
            try:
                part = self._tls.read(1 << 16)
            except ssl.SSLWantReadError:
                break
            except ssl.SSLZeroReturnError:
                part = b""
            if not part:
                self.is_closed = True
                break
            parts.append(part)
        return b"".join(parts)


def reason_of(error: ssl.SSLError) -> str:
    """The fault in words, as an alert is named where it is one."""
    return (error.reason or str(error)).lower().replace("_", " ")
