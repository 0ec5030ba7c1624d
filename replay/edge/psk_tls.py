"""TLS-PSK over memory, for either role: ciphertext in, plaintext out (RFC 4279; OpenSSL does the work)."""

from __future__ import annotations

import ssl
from typing import Any

from replay.edge.psk_ways import KeyOf, PskError, PskWay, check_identity, check_psk, psk_way

CIPHERS = "PSK-AES128-GCM-SHA256:PSK-AES256-GCM-SHA384:PSK-AES128-CBC-SHA256:PSK-AES128-CBC-SHA:PSK-AES256-CBC-SHA"
"PSK without Diffie-Hellman (RFC 5487, RFC 4279): what TS 23.333 names, and what a recording can be opened with."
TLS_1_2 = ssl.TLSVersion.TLSv1_2


def psk_context(
    *,
    is_client: bool,
    psk: bytes = b"",
    identity: str = "",
    key_of: KeyOf | None = None,
    hint: str = "",
    ciphers: str = CIPHERS,
    version: ssl.TLSVersion = TLS_1_2,
    way: PskWay | None = None,
) -> ssl.SSLContext:
    """A context for one version of TLS, for `PskTls`, sockets, and asyncio.

    A client offers `identity` with `psk`. A server asks `key_of`, or takes every identity with `psk`. `hint` and
    `ciphers` are for TLS 1.2. Raises PskError for a key or an identity that TLS cannot use, PskUnavailableError where
    this Python cannot.
    """
    check_identity(identity if is_client else hint)
    if is_client and not identity and version == ssl.TLSVersion.TLSv1_3:
        raise PskError("a PSK identity of TLS 1.3 has at least one octet")  # RFC 8446 section 4.2.11
    if is_client or key_of is None:
        check_psk(psk)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT if is_client else ssl.PROTOCOL_TLS_SERVER)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    context.set_ciphers(ciphers)
    way = way or psk_way()
    if is_client:
        way.arm_client(context, identity, psk)
        return context
    # No resumption: OpenSSL asks for the key of a TLS 1.3 ticket too, as if it were an identity.
    context.num_tickets = 0
    way.arm_server(context, key_of or (lambda offered: psk), hint)
    return context


class _NotedKeys:
    """The keys of one connection, and the last identity that had one: of several offered, the one that was taken.

    It does not know its connection: a circle through `ssl` objects is never freed.
    """

    def __init__(self, key_of: KeyOf, identity: str) -> None:
        self._key_of = key_of
        self.identity = identity

    def key_of(self, offered: str) -> bytes | None:
        psk = self._key_of(offered)
        if psk is not None:
            self.identity = offered
        return psk


class PskTls:
    """One TLS connection; call `receive` with what comes and send what is in `outgoing` after every call."""

    def __init__(
        self,
        *,
        is_client: bool,
        psk: bytes = b"",
        identity: str = "",
        key_of: KeyOf | None = None,
        hint: str = "",
        ciphers: str = CIPHERS,
        version: ssl.TLSVersion = TLS_1_2,
        way: PskWay | None = None,
    ) -> None:
        """As `psk_context`, which this connection has for itself. Raises PskError."""
        if is_client or key_of is None:
            check_psk(psk)
        self._keys = _NotedKeys(key_of or (lambda offered: psk), identity if is_client else "")
        context = psk_context(
            is_client=is_client,
            psk=psk,
            identity=identity,
            key_of=None if is_client else self._keys.key_of,
            hint=hint,
            ciphers=ciphers,
            version=version,
            way=way,
        )
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls: Any = context.wrap_bio(self._incoming, self._outgoing, server_side=not is_client)
        self.is_up = False
        self.is_closed = False
        "The other side announced its end."

    @property
    def psk_identity(self) -> str:
        """What this client offers; at a server that `is_up` what the client offered, which its key confirmed."""
        return self._keys.identity

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
