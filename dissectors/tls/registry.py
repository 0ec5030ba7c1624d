"""Numbers of TLS with the spelling of their IANA registries (RFC 8446, RFC 5246 and the extensions' own documents)."""

from __future__ import annotations

from enum import IntEnum
from typing import TypeVar

E = TypeVar("E", bound=IntEnum)


class ContentType(IntEnum):
    """TLS ContentType: what a record carries."""

    change_cipher_spec = 20
    alert = 21
    handshake = 22
    application_data = 23
    heartbeat = 24


class ProtocolVersion(IntEnum):
    """Protocol versions as they stand on the wire."""

    SSL_3_0 = 0x0300
    TLS_1_0 = 0x0301
    TLS_1_1 = 0x0302
    TLS_1_2 = 0x0303
    TLS_1_3 = 0x0304


class HandshakeType(IntEnum):
    """TLS HandshakeType."""

    hello_request = 0
    client_hello = 1
    server_hello = 2
    hello_verify_request = 3
    new_session_ticket = 4
    end_of_early_data = 5
    encrypted_extensions = 8
    certificate = 11
    server_key_exchange = 12
    certificate_request = 13
    server_hello_done = 14
    certificate_verify = 15
    client_key_exchange = 16
    finished = 20
    certificate_url = 21
    certificate_status = 22
    supplemental_data = 23
    key_update = 24
    compressed_certificate = 25
    message_hash = 254


class AlertLevel(IntEnum):
    """TLS AlertLevel."""

    warning = 1
    fatal = 2


class AlertDescription(IntEnum):
    """TLS Alerts."""

    close_notify = 0
    unexpected_message = 10
    bad_record_mac = 20
    decryption_failed = 21
    record_overflow = 22
    decompression_failure = 30
    handshake_failure = 40
    no_certificate = 41
    bad_certificate = 42
    unsupported_certificate = 43
    certificate_revoked = 44
    certificate_expired = 45
    certificate_unknown = 46
    illegal_parameter = 47
    unknown_ca = 48
    access_denied = 49
    decode_error = 50
    decrypt_error = 51
    export_restriction = 60
    protocol_version = 70
    insufficient_security = 71
    internal_error = 80
    inappropriate_fallback = 86
    user_canceled = 90
    no_renegotiation = 100
    missing_extension = 109
    unsupported_extension = 110
    certificate_unobtainable = 111
    unrecognized_name = 112
    bad_certificate_status_response = 113
    bad_certificate_hash_value = 114
    unknown_psk_identity = 115
    certificate_required = 116
    no_application_protocol = 120
    ech_required = 121


class ExtensionType(IntEnum):
    """TLS ExtensionType Values."""

    server_name = 0
    max_fragment_length = 1
    client_certificate_url = 2
    trusted_ca_keys = 3
    truncated_hmac = 4
    status_request = 5
    supported_groups = 10
    ec_point_formats = 11
    srp = 12
    signature_algorithms = 13
    use_srtp = 14
    heartbeat = 15
    application_layer_protocol_negotiation = 16
    status_request_v2 = 17
    signed_certificate_timestamp = 18
    client_certificate_type = 19
    server_certificate_type = 20
    padding = 21
    encrypt_then_mac = 22
    extended_master_secret = 23
    token_binding = 24
    cached_info = 25
    compress_certificate = 27
    record_size_limit = 28
    session_ticket = 35
    pre_shared_key = 41
    early_data = 42
    supported_versions = 43
    cookie = 44
    psk_key_exchange_modes = 45
    certificate_authorities = 47
    oid_filters = 48
    post_handshake_auth = 49
    signature_algorithms_cert = 50
    key_share = 51
    renegotiation_info = 65281


class PskKeyExchangeMode(IntEnum):
    """TLS PskKeyExchangeMode (RFC 8446 section 4.2.9)."""

    psk_ke = 0
    "The PSK alone: who holds it can read the session."
    psk_dhe_ke = 1
    "With a Diffie-Hellman exchange: forward secrecy."


def registered(registry: type[E], value: int) -> E | int:
    """The registry's member for this value, or the number itself."""
    return registry._value2member_map_.get(value, value)  # type: ignore[return-value]


def name_of(registry: type[IntEnum], value: int) -> str:
    """The registered name, or the number as text."""
    member = registry._value2member_map_.get(value)
    return str(value) if member is None else str(member._name_)


def version_name(version: int) -> str:
    """``TLS 1.2``, ``SSL 3.0``, or the version in hex."""
    if version in ProtocolVersion._value2member_map_:
        protocol, major, minor = ProtocolVersion(version).name.split("_")
        return f"{protocol} {major}.{minor}"
    return f"0x{version:04X}"
