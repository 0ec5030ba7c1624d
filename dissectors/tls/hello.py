"""ClientHello and ServerHello with every extension kept (RFC 8446 section 4.1, RFC 5246 section 7.4.1, RFC 6066).

An extension that cannot be read is kept as octets and named in `malformed`: the rest of the hello stays readable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from dissectors.errors import DecodeError
from dissectors.tls.cursor import Cursor
from dissectors.tls.registry import ExtensionType as Ext

HELLO_RETRY_REQUEST = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
"""The server random that makes a ServerHello a HelloRetryRequest (RFC 8446 section 4.1.3)."""


@dataclass(frozen=True, slots=True)
class Extension:
    """One extension as it stood in the hello."""

    extension_type: int
    data: bytes


@dataclass(frozen=True, slots=True)
class OfferedPsk:
    """One identity of pre_shared_key with its binder (RFC 8446 section 4.2.11)."""

    identity: bytes
    obfuscated_ticket_age: int
    binder: bytes


@dataclass(frozen=True, slots=True)
class KeyShare:
    """One entry of key_share (RFC 8446 section 4.2.8)."""

    group: int
    key_exchange: bytes


@dataclass(slots=True, kw_only=True)
class Extensions:
    """What the extensions of a hello say; None or empty where the extension is absent."""

    extensions: tuple[Extension, ...] = ()
    "All of them, in order."
    malformed: tuple[DecodeError, ...] = ()
    "Why an extension could not be read; offsets count from the start of the extension's data."
    server_name: str | None = None
    "The DNS host name of server_name (RFC 6066 section 3)."
    max_fragment_length: int | None = None
    "Octets: 512, 1024, 2048 or 4096 (RFC 6066 section 4)."
    record_size_limit: int | None = None
    "RFC 8449."
    supported_groups: tuple[int, ...] = ()
    signature_algorithms: tuple[int, ...] = ()
    alpn: tuple[bytes, ...] = ()
    encrypt_then_mac: bool = False
    extended_master_secret: bool = False
    session_ticket: bytes | None = None
    "The ticket offered; empty when one is asked for, or announced by the server (RFC 5077)."
    renegotiation_info: bytes | None = None
    supported_versions: tuple[int, ...] = ()
    "All that the client offers; the one that the server selected."
    psk_key_exchange_modes: tuple[int, ...] = ()
    key_shares: tuple[KeyShare, ...] = ()
    "In a HelloRetryRequest the group alone."
    cookie: bytes | None = None
    early_data: bool = False

    def extension(self, extension_type: int) -> bytes | None:
        """The octets of an extension, None when it is absent."""
        for each in self.extensions:
            if each.extension_type == extension_type:
                return each.data
        return None


@dataclass(slots=True, kw_only=True)
class ClientHello(Extensions):
    """ClientHello (RFC 8446 section 4.1.2)."""

    legacy_version: int
    random: bytes
    session_id: bytes
    cipher_suites: tuple[int, ...]
    compression_methods: bytes
    psks: tuple[OfferedPsk, ...] = ()
    "pre_shared_key, in the client's order."
    binders_size: int = 0
    "Octets at the end of the message that binders do not cover (RFC 8446 section 4.2.11.2)."


@dataclass(slots=True, kw_only=True)
class ServerHello(Extensions):
    """ServerHello or HelloRetryRequest (RFC 8446 sections 4.1.3 and 4.1.4)."""

    legacy_version: int
    random: bytes
    session_id: bytes
    cipher_suite: int
    compression_method: int
    selected_psk: int | None = None
    "Index of the PSK of the ClientHello that is used (RFC 8446 section 4.2.11)."

    @property
    def version(self) -> int:
        """The version negotiated."""
        return self.supported_versions[0] if self.supported_versions else self.legacy_version

    @property
    def hello_retry_request(self) -> bool:
        """A HelloRetryRequest: the client says hello once more."""
        return self.random == HELLO_RETRY_REQUEST


@dataclass(slots=True, kw_only=True)
class EncryptedExtensions(Extensions):
    """EncryptedExtensions (RFC 8446 section 4.3.1)."""


H = TypeVar("H", bound=Extensions)


def decode_client_hello(body: bytes) -> ClientHello:
    """The body of a client_hello message; raises `DecodeError`."""
    cursor = Cursor(body, "ClientHello")
    hello = ClientHello(
        legacy_version=cursor.pull_uint(2),
        random=cursor.pull_bytes(32),
        session_id=cursor.pull_opaque(1),
        cipher_suites=cursor.pull_uint16s(2),
        compression_methods=cursor.pull_opaque(1),
    )
    _pull_extensions(cursor, hello, _CLIENT)
    return hello


def decode_server_hello(body: bytes) -> ServerHello:
    """The body of a server_hello message; raises `DecodeError`."""
    cursor = Cursor(body, "ServerHello")
    hello = ServerHello(
        legacy_version=cursor.pull_uint(2),
        random=cursor.pull_bytes(32),
        session_id=cursor.pull_opaque(1),
        cipher_suite=cursor.pull_uint(2),
        compression_method=cursor.pull_uint(1),
    )
    _pull_extensions(cursor, hello, _SERVER)
    return hello


def decode_encrypted_extensions(body: bytes) -> EncryptedExtensions:
    """The body of an encrypted_extensions message; raises `DecodeError`."""
    found = EncryptedExtensions()
    _pull_extensions(Cursor(body, "EncryptedExtensions"), found, _ENCRYPTED)
    return found


def _pull_extensions(cursor: Cursor, hello: H, readers: Mapping[int, Callable[[Cursor, H], None]]) -> None:
    if not cursor.more:
        return  # before extensions there were none (RFC 5246 section 7.4.1.2)
    block = cursor.pull_block(2)
    cursor.expect_end()
    kept: list[Extension] = []
    malformed: list[DecodeError] = []
    while block.more:
        extension = Extension(block.pull_uint(2), block.pull_opaque(2))
        kept.append(extension)
        reader = readers.get(extension.extension_type)
        if reader is None:
            continue
        inner = Cursor(extension.data, Ext(extension.extension_type).name)
        try:
            reader(inner, hello)
            inner.expect_end()
        except DecodeError as error:
            malformed.append(error)
    hello.extensions = tuple(kept)
    hello.malformed = tuple(malformed)


def _server_name(cursor: Cursor, hello: Extensions) -> None:
    if not cursor.more:
        return  # the server's acknowledgement
    names = cursor.pull_block(2)
    while names.more:
        name_type = names.pull_uint(1)
        name = names.pull_opaque(2)
        if name_type == 0 and hello.server_name is None:
            hello.server_name = name.decode("utf-8", "backslashreplace")


def _max_fragment_length(cursor: Cursor, hello: Extensions) -> None:
    code = cursor.pull_uint(1)
    if not 1 <= code <= 4:
        raise cursor.error(f"{code} is no max_fragment_length")
    hello.max_fragment_length = 1 << (8 + code)


def _record_size_limit(cursor: Cursor, hello: Extensions) -> None:
    hello.record_size_limit = cursor.pull_uint(2)


def _supported_groups(cursor: Cursor, hello: Extensions) -> None:
    hello.supported_groups = cursor.pull_uint16s(2)


def _signature_algorithms(cursor: Cursor, hello: Extensions) -> None:
    hello.signature_algorithms = cursor.pull_uint16s(2)


def _alpn(cursor: Cursor, hello: Extensions) -> None:
    block = cursor.pull_block(2)
    names = []
    while block.more:
        names.append(block.pull_opaque(1))
    hello.alpn = tuple(names)


def _encrypt_then_mac(cursor: Cursor, hello: Extensions) -> None:
    hello.encrypt_then_mac = True


def _extended_master_secret(cursor: Cursor, hello: Extensions) -> None:
    hello.extended_master_secret = True


def _session_ticket(cursor: Cursor, hello: Extensions) -> None:
    hello.session_ticket = cursor.pull_bytes(cursor.end - cursor.at)


def _renegotiation_info(cursor: Cursor, hello: Extensions) -> None:
    hello.renegotiation_info = cursor.pull_opaque(1)


def _early_data(cursor: Cursor, hello: Extensions) -> None:
    hello.early_data = True


def _cookie(cursor: Cursor, hello: Extensions) -> None:
    hello.cookie = cursor.pull_opaque(2)


def _modes(cursor: Cursor, hello: Extensions) -> None:
    hello.psk_key_exchange_modes = tuple(cursor.pull_opaque(1))


def _client_versions(cursor: Cursor, hello: Extensions) -> None:
    hello.supported_versions = cursor.pull_uint16s(1)


def _server_version(cursor: Cursor, hello: Extensions) -> None:
    hello.supported_versions = (cursor.pull_uint(2),)


def _client_shares(cursor: Cursor, hello: Extensions) -> None:
    block = cursor.pull_block(2)
    shares = []
    while block.more:
        shares.append(KeyShare(block.pull_uint(2), block.pull_opaque(2)))
    hello.key_shares = tuple(shares)


def _server_share(cursor: Cursor, hello: Extensions) -> None:
    group = cursor.pull_uint(2)
    hello.key_shares = (KeyShare(group, cursor.pull_opaque(2) if cursor.more else b""),)


def _client_psks(cursor: Cursor, hello: ClientHello) -> None:
    identities = cursor.pull_block(2)
    offered = []
    while identities.more:
        offered.append((identities.pull_opaque(2), identities.pull_uint(4)))
    size = cursor.end - cursor.at
    block = cursor.pull_block(2)
    binders = []
    while block.more:
        binders.append(block.pull_opaque(1))
    if len(binders) != len(offered):
        raise cursor.error(f"{len(offered)} identities and {len(binders)} binders")
    hello.psks = tuple(OfferedPsk(*each, binder) for each, binder in zip(offered, binders, strict=True))
    hello.binders_size = size


def _server_psk(cursor: Cursor, hello: ServerHello) -> None:
    hello.selected_psk = cursor.pull_uint(2)


def _misplaced(cursor: Cursor, _: EncryptedExtensions) -> None:
    raise cursor.error("it does not belong into EncryptedExtensions (RFC 8446 section 4.2)")


_BOTH: dict[int, Callable[[Cursor, Extensions], None]] = {
    Ext.server_name: _server_name,
    Ext.max_fragment_length: _max_fragment_length,
    Ext.record_size_limit: _record_size_limit,
    Ext.supported_groups: _supported_groups,
    Ext.signature_algorithms: _signature_algorithms,
    Ext.application_layer_protocol_negotiation: _alpn,
    Ext.encrypt_then_mac: _encrypt_then_mac,
    Ext.extended_master_secret: _extended_master_secret,
    Ext.session_ticket: _session_ticket,
    Ext.renegotiation_info: _renegotiation_info,
    Ext.early_data: _early_data,
    Ext.cookie: _cookie,
}
_CLIENT: dict[int, Callable[[Cursor, ClientHello], None]] = {
    **_BOTH,
    Ext.supported_versions: _client_versions,
    Ext.psk_key_exchange_modes: _modes,
    Ext.key_share: _client_shares,
    Ext.pre_shared_key: _client_psks,
}
_SERVER: dict[int, Callable[[Cursor, ServerHello], None]] = {
    **_BOTH,
    Ext.supported_versions: _server_version,
    Ext.key_share: _server_share,
    Ext.pre_shared_key: _server_psk,
}
_ENCRYPTED: dict[int, Callable[[Cursor, EncryptedExtensions], None]] = {
    **_BOTH,
    **dict.fromkeys((Ext.supported_versions, Ext.key_share, Ext.pre_shared_key, Ext.cookie), _misplaced),
}
