"""Records, hellos, messages and key log text on their own: exact values, and any octets."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tls_made import CLIENT_RANDOM, SERVER_RANDOM, client_hello, extension, message, server_hello, vector

from dissectors.errors import DecodeError
from dissectors.tls.cipher_suites import cipher_suite_name
from dissectors.tls.handshake import (
    Certificate,
    CertificateMessage,
    KeyUpdate,
    NewSessionTicket,
    OtherMessage,
    decode_handshake,
)
from dissectors.tls.hello import (
    ClientHello,
    Extension,
    KeyShare,
    OfferedPsk,
    ServerHello,
    decode_encrypted_extensions,
)
from dissectors.tls.keylog import key_log_text, read_key_log
from dissectors.tls.records import MAX_FRAGMENT, RecordStream
from dissectors.tls.registry import AlertDescription, ExtensionType, HandshakeType, name_of, registered, version_name
from dissectors.tls.schedule13 import ImportedIdentity


def decoded_client(extensions: bytes) -> ClientHello:
    hello = decode_handshake(client_hello(0x00A8, extensions))
    assert isinstance(hello, ClientHello)
    return hello


def test_client_hello_extensions() -> None:
    """RFC 6066, 7301, 7366, 7627, 8446 section 4.2, 8449: typed where used, all kept."""
    name = vector(2, b"\0" + vector(2, b"mrfp.example"))
    shares = vector(2, (29).to_bytes(2, "big") + vector(2, b"public"))
    psks = vector(2, vector(2, b"id") + b"\0\0\0\5") + vector(2, vector(1, b"b" * 32))
    block = b"".join(
        (
            extension(0, name),
            extension(1, b"\3"),
            extension(10, vector(2, b"\0\x1d\0\x17")),
            extension(13, vector(2, b"\4\3")),
            extension(16, vector(2, vector(1, b"msrp"))),
            extension(22),
            extension(23),
            extension(28, b"\x40\1"),
            extension(35, b"ticket"),
            extension(43, vector(1, b"\3\4\3\3")),
            extension(44, vector(2, b"cookie")),
            extension(45, b"\2\0\1"),
            extension(51, shares),
            extension(0x1A1A, b"grease"),
            extension(65281, b"\0"),
            extension(41, psks),
        )
    )
    hello = decoded_client(block)
    assert hello.malformed == ()
    assert hello.server_name == "mrfp.example"
    assert (hello.max_fragment_length, hello.record_size_limit) == (2048, 16385)
    assert (hello.supported_groups, hello.signature_algorithms) == ((29, 23), (0x0403,))
    assert hello.alpn == (b"msrp",)
    assert (hello.encrypt_then_mac, hello.extended_master_secret, hello.session_ticket) == (True, True, b"ticket")
    assert (hello.supported_versions, hello.psk_key_exchange_modes) == ((0x0304, 0x0303), (0, 1))
    assert hello.key_shares == (KeyShare(29, b"public"),)
    assert (hello.cookie, hello.renegotiation_info) == (b"cookie", b"")
    assert hello.psks == (OfferedPsk(b"id", 5, b"b" * 32),)
    assert hello.binders_size == 35
    assert hello.extension(0x1A1A) == b"grease"
    assert hello.extension(5) is None
    assert len(hello.extensions) == 16


def test_a_malformed_extension_is_kept_and_named() -> None:
    hello = decoded_client(extension(1, b"\x09") + extension(43, b"\5\3") + extension(0, b"\0\1\0"))
    assert hello.extensions == (Extension(1, b"\x09"), Extension(43, b"\5\3"), Extension(0, b"\0\1\0"))
    assert [error.what for error in hello.malformed] == ["max_fragment_length", "supported_versions", "server_name"]
    assert hello.supported_versions == ()


def test_server_hello_selects() -> None:
    block = extension(43, b"\3\4") + extension(41, b"\0\2") + extension(51, b"\0\x1d" + vector(2, b"y"))
    hello = decode_handshake(server_hello(0x1301, block))
    assert isinstance(hello, ServerHello)
    assert (hello.version, hello.selected_psk, hello.key_shares) == (0x0304, 2, (KeyShare(29, b"y"),))
    assert not hello.hello_retry_request
    retry = decode_handshake(
        server_hello(0x1301, extension(43, b"\3\4")).replace(
            SERVER_RANDOM, hashlib.sha256(b"HelloRetryRequest").digest()
        )
    )
    assert isinstance(retry, ServerHello)
    assert retry.hello_retry_request  # RFC 8446 section 4.1.3: SHA-256 of "HelloRetryRequest"


@pytest.mark.parametrize(
    "kind", [ExtensionType.pre_shared_key, ExtensionType.key_share, ExtensionType.supported_versions]
)
def test_extensions_that_do_not_belong_into_encrypted_extensions(kind: ExtensionType) -> None:
    """RFC 8446 section 4.2: pre_shared_key and others stand in hellos alone; elsewhere they mean nothing."""
    body = vector(2, extension(kind, b"\0\0") + extension(ExtensionType.early_data))
    found = decode_encrypted_extensions(body)
    assert found.early_data
    assert found.extension(kind) == b"\0\0"
    assert [str(error) for error in found.malformed] == [
        f"{kind.name} at octet 0: it does not belong into EncryptedExtensions (RFC 8446 section 4.2)"
    ]


def test_hello_without_extensions() -> None:
    """RFC 5246 section 7.4.1.2: the block may be absent."""
    whole = client_hello(0x002F)
    hello = decode_handshake(message(1, whole[4:-2]))
    assert isinstance(hello, ClientHello)
    assert (hello.extensions, hello.cipher_suites, hello.random) == ((), (0x002F,), CLIENT_RANDOM)


def test_certificates() -> None:
    """RFC 5246 section 7.4.2 and RFC 8446 section 4.4.2; fingerprints as RFC 8122 section 5 writes them."""
    old = message(11, vector(3, vector(3, b"first") + vector(3, b"second")))
    new = message(11, b"\0" + vector(3, vector(3, b"first") + b"\0\0" + vector(3, b"second") + b"\0\0"))
    both = CertificateMessage((Certificate(b"first"), Certificate(b"second")))
    assert decode_handshake(old, 0x0303) == both
    assert decode_handshake(new, 0x0304) == both
    assert decode_handshake(old) == OtherMessage(11, old[4:])
    expected = hashlib.sha256(b"first").hexdigest().upper()
    assert both.certificates[0].sha256 == ":".join(expected[at : at + 2] for at in range(0, 64, 2))
    assert both.certificates[0].sha1.replace(":", "") == hashlib.sha1(b"first").hexdigest().upper()


def test_tickets_and_key_update() -> None:
    """RFC 5077 section 3.3; RFC 8446 sections 4.6.1 and 4.6.3."""
    assert decode_handshake(message(4, b"\0\0\1\x2c" + vector(2, b"ticket")), 0x0303) == NewSessionTicket(
        300, b"ticket"
    )
    body = b"\0\0\1\x2c\0\0\0\7" + vector(1, b"n") + vector(2, b"ticket") + b"\0\0"
    assert decode_handshake(message(4, body), 0x0304) == NewSessionTicket(300, b"ticket", b"n", 7)
    assert decode_handshake(message(24, b"\1")) == KeyUpdate(True)
    with pytest.raises(DecodeError, match="KeyUpdate at octet 0"):
        decode_handshake(message(24, b"\2"))


@pytest.mark.parametrize("cut", [n for n in range(1, 48) if n != 6])
def test_a_cut_hello_is_an_error(cut: int) -> None:
    """Without its last six octets it is a hello without extensions."""
    whole = client_hello(0x00A8, extension(23))
    body = whole[4 : max(4, len(whole) - cut)]
    with pytest.raises(DecodeError) as error:
        decode_handshake(message(1, body))
    assert error.value.what == "ClientHello"


def test_names() -> None:
    assert name_of(AlertDescription, 115) == "unknown_psk_identity"
    assert name_of(AlertDescription, 200) == "200"
    assert registered(HandshakeType, 16) is HandshakeType.client_key_exchange
    assert registered(HandshakeType, 77) == 77
    assert [cipher_suite_name(c) for c in (0xC0AA, 0x1A1A, 0xFEFE)] == [
        "TLS_PSK_DHE_WITH_AES_128_CCM_8",
        "GREASE",
        "0xFEFE",
    ]
    assert [version_name(v) for v in (0x0300, 0x0303, 0x7F1C)] == ["SSL 3.0", "TLS 1.2", "0x7F1C"]


def test_imported_identity() -> None:
    """RFC 9258 section 5.1."""
    identity = ImportedIdentity(vector(2, b"id") + vector(2, b"context") + b"\3\4\0\1")
    assert (identity.external_identity, identity.context, identity.hash_name) == (b"id", b"context", "sha256")
    for wrong in (
        b"id",
        vector(2, b"id") + vector(2, b"") + b"\3\3\0\1",
        vector(2, b"") + vector(2, b"") + b"\3\4\0\1",
    ):
        with pytest.raises(DecodeError):
            ImportedIdentity(wrong)


# Records


def record(kind: int, body: bytes) -> bytes:
    return bytes((kind, 3, 3)) + vector(2, body)


def framed(stream: RecordStream, data: bytes) -> list[tuple[int, int, bytes | None]]:
    return [(f.start, f.end, f.message.fragment if f.message else None) for f in stream.receive_data(data)]


def test_records_whole_and_in_pieces() -> None:
    data = record(22, b"one") + record(23, b"") + record(21, b"two")
    expected = [(0, 8, b"one"), (8, 13, b""), (13, 21, b"two")]
    assert framed(RecordStream(), data) == expected
    for size in (1, 2, 3, 7):
        stream = RecordStream()
        found = [f for at in range(0, len(data), size) for f in framed(stream, data[at : at + size])]
        assert found == expected


def test_what_is_no_record_is_skipped_and_said() -> None:
    stream = RecordStream()
    found = framed(
        stream, record(23, b"a") + b"noise\x17\x03" + record(23, b"b") + b"\x17\3\3\xff\xff" + record(23, b"c")
    )
    assert found == [(0, 6, b"a"), (6, 13, None), (13, 19, b"b"), (19, 24, None), (24, 30, b"c")]
    for piece in (framed(RecordStream(), b"GET / HTTP/1.1\r\n"), framed(RecordStream(), b"\x80\x2e\1\3\1")):
        assert piece == []


def test_a_loss_within_a_record_ends_where_its_header_says() -> None:
    stream = RecordStream()
    assert framed(stream, record(23, b"x" * 100)[:50]) == []
    assert stream.reaches_over(20)
    assert [(f.start, f.end, f.error is None) for f in stream.receive_gap(20)] == [(0, 50, False)]
    looks_like_one = record(23, b"fake")
    rest = looks_like_one + b"x" * (35 - len(looks_like_one))
    assert framed(stream, rest + record(23, b"next")) == [(70, 105, None), (105, 114, b"next")]
    assert stream.receive_eof() == []


def test_a_loss_of_unknown_size_and_an_unfinished_end() -> None:
    stream = RecordStream()
    assert framed(stream, record(23, b"one")[:6]) == []
    assert [(f.start, f.end) for f in stream.receive_gap(0)] == [(0, 6)]
    assert framed(stream, b"tail" + record(23, b"two") + b"\x17\3") == [(6, 10, None), (10, 18, b"two")]
    (end,) = stream.receive_eof()
    assert (end.start, end.end, end.message) == (18, 20, None)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=12))
def test_any_octets_are_accounted_for(pieces: list[bytes]) -> None:
    """Every octet is in a record or in a stretch that is none, in order; memory stays within one record."""
    stream = RecordStream()
    found = [f for piece in pieces for f in stream.receive_data(piece)] + stream.receive_eof()
    at = 0
    for each in found:
        assert each.start == at
        at = each.end
    assert at == sum(map(len, pieces))


def test_a_stream_of_noise_keeps_nothing() -> None:
    stream = RecordStream()
    for _ in range(50):
        stream.receive_data(b"\x17\3\3\xff" * 1000)
        assert stream._held < MAX_FRAGMENT


# Any octets for every decoder


@settings(max_examples=400, deadline=None)
@given(
    st.integers(0, 30),
    st.binary(max_size=120),
    st.sampled_from([0, 0x0301, 0x0303, 0x0304]),
    st.sampled_from(["", "PSK", "DHE_PSK", "ECDHE_PSK", "RSA_PSK", "RSA", "DHE_RSA", "ECDHE_RSA", "SRP_SHA"]),
)
def test_any_message_decodes_or_is_a_decode_error(kind: int, body: bytes, version: int, exchange: str) -> None:
    offset = 0
    try:
        decode_handshake(message(kind, body), version, exchange)
    except DecodeError as error:
        offset = error.offset
    assert 0 <= offset <= len(body)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_mutated_hello_decodes_or_is_a_decode_error(data: st.DataObject) -> None:
    psks = vector(2, vector(2, b"id") + bytes(4)) + vector(2, vector(1, b"b" * 32))
    whole = bytearray(
        client_hello(0x1301, extension(43, b"\2\3\4") + extension(51, vector(2, b"")) + extension(41, psks))
    )
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(4, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        hello = decode_handshake(bytes(whole))
    except DecodeError:
        return
    assert isinstance(hello, ClientHello)


# Key log

RANDOM = "ab" * 32


def test_key_log_lines_of_every_kind() -> None:
    """RFC 9850 section 3; CR, LF and CRLF; comments; case; malformed lines are counted."""
    text = (
        "# made by hand\r\n"
        f"CLIENT_RANDOM {RANDOM} {'01' * 48}\r"
        f"CLIENT_TRAFFIC_SECRET_0 {RANDOM.upper()} {'02' * 32}\n\n"
        f"PMS_CLIENT_RANDOM {RANDOM} {'03' * 16}\n"
        f"RSA {'04' * 8} {'05' * 48}\n"
        f"RSA Session-ID:{'06' * 32} Master-Key:{'07' * 48}\n"
        f"CLIENT_RANDOM {RANDOM[:-2]} {'01' * 48}\n"
        f"CLIENT_RANDOM {RANDOM} 0\n"
        f"CLIENT_RANDOM  {RANDOM} {'01' * 48}\n"
        "\ufeffCLIENT_RANDOM\n"
    ).encode()
    log = read_key_log(text)
    assert log.malformed == 4
    assert len(log) == 5
    random = bytes.fromhex(RANDOM)
    assert log.secret("CLIENT_RANDOM", random) == b"\1" * 48
    assert log.secret("CLIENT_TRAFFIC_SECRET_0", random) == b"\2" * 32
    assert log.secret("PMS_CLIENT_RANDOM", random) == b"\3" * 16
    assert log.rsa_premaster_secret(b"\4" * 128) == b"\5" * 48
    assert log.session_master_secret(b"\6" * 32) == b"\7" * 48
    assert log.secret("SERVER_TRAFFIC_SECRET_0", random) is None


def test_key_log_text_round_trips() -> None:
    """The data of a pcapng Decryption Secrets Block: every line ended by LF, none twice."""
    text = key_log_text([f"CLIENT_RANDOM {RANDOM} {'01' * 48}", f"RSA {'04' * 8} {'05' * 48}"] * 2)
    assert text == f"CLIENT_RANDOM {RANDOM} {'01' * 48}\nRSA {'04' * 8} {'05' * 48}\n".encode()
    assert key_log_text(read_key_log(text).lines()) == text


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_text_is_a_key_log(text: bytes) -> None:
    log = read_key_log(text)
    assert len(log) + log.malformed <= len(text)
