"""Key schedules, messages and the key log against a handshake that OpenSSL 3.0 made, and published vectors."""

from __future__ import annotations

import hashlib

import pytest

from dissectors.tls.aria import Aria
from dissectors.tls.ciphers import BlockGcm
from dissectors.tls.events import ApplicationData, OutcomeKind, SessionEstablished
from dissectors.tls.handshake import ClientKeyExchange, Finished, ServerKeyExchange, decode_handshake
from dissectors.tls.hello import ClientHello, ServerHello
from dissectors.tls.observer import TlsObserver
from dissectors.tls.prf import (
    MD5_SHA1,
    extended_master_secret,
    key_block,
    master_secret,
    prf,
    psk_premaster_secret,
    verify_data,
)
from dissectors.tls.schedule13 import KeySchedule, derive_secret, hkdf_expand_label
from dissectors.tls.secrets import PskCandidate, TlsSecrets, always
from dissectors.tls.suites import Mode, suite_of

PSK = bytes.fromhex("000102030405060708090a0b0c0d0e0f")
CLIENT_RANDOM = bytes.fromhex("6b7bb131b62efcce60b9c917088f42cd6abd6df5dd47b7dc005ab128507b8e57")
SERVER_RANDOM = bytes.fromhex("2d555441ff68d884326e61477a0fa931360ec14e4f25082ff67da2d17329ec7d")
CLIENT_HELLO = bytes.fromhex(
    "0100006703036b7bb131b62efcce60b9c917088f42cd6abd6df5dd47b7dc005ab128507b8e5700000400a800ff0100003a00230000001600"
    "0000170000000d002a0028040305030603080708080809080a080b080408050806040105010601030303010302040205020602"
)
SERVER_HELLO = bytes.fromhex(
    "0200003503032d555441ff68d884326e61477a0fa931360ec14e4f25082ff67da2d17329ec7d0000a800000dff010001000023000000170000"
)
SERVER_KEY_EXCHANGE = bytes.fromhex("0c000006000468696e74")
SERVER_HELLO_DONE = bytes.fromhex("0e000000")
CLIENT_KEY_EXCHANGE = bytes.fromhex("100000090007746573742d6964")
MASTER = bytes.fromhex(
    "053ec5b061fbeca5472efa813ac5744b3695c97b5cf0a8239b03b23db0abe851d09f070dcd6efb827919755d51039c3e"
)
CLIENT_FINISHED = bytes.fromhex("1400000c27538fc05c9cc871d338dfc6")
HANDSHAKE = CLIENT_HELLO + SERVER_HELLO + SERVER_KEY_EXCHANGE + SERVER_HELLO_DONE + CLIENT_KEY_EXCHANGE


def test_premaster_secret_of_plain_psk() -> None:
    """RFC 4279 section 2."""
    assert psk_premaster_secret(PSK).hex() == "0010" + "00" * 16 + "0010" + PSK.hex()
    assert psk_premaster_secret(b"ab", b"xyz") == b"\0\3xyz\0\2ab"


def test_extended_master_secret() -> None:
    """RFC 7627 section 4; the session hash covers ClientHello to ClientKeyExchange."""
    session_hash = hashlib.sha256(HANDSHAKE).digest()
    assert session_hash.hex() == "34c30f2b592258cbe2c883e9681442c26d5a1c2c9a64bc46f8600046b405171a"
    assert extended_master_secret("sha256", psk_premaster_secret(PSK), session_hash) == MASTER


def test_master_secret_and_key_block() -> None:
    """RFC 5246 sections 8.1 and 6.3."""
    plain = master_secret("sha256", psk_premaster_secret(PSK), CLIENT_RANDOM, SERVER_RANDOM)
    assert plain.hex() == (
        "67ee35918c75c7e1a6d86d8991e9a5c58c858c98dfb104c4a4374d0bf2a553ce0c6b3ae982a3975711a709559ad71f6d"
    )
    assert key_block("sha256", MASTER, CLIENT_RANDOM, SERVER_RANDOM, 40).hex() == (
        "c042e6aaae6cf98af5da30d0bc38aca4c3082d4dbdce98dbea74bb5bac73f1842639729814cf0022"
    )


def test_finished() -> None:
    """RFC 5246 section 7.4.9. A NewSessionTicket that is not in the vector precedes the server's: it is not checked."""
    assert verify_data("sha256", MASTER, True, hashlib.sha256(HANDSHAKE).digest()) == CLIENT_FINISHED[4:]


def test_prf_of_tls_1_0() -> None:
    """RFC 2246 section 5; the vector that passed around on the TLS list in 1999 (ietf-tls, "PRF test vector")."""
    out = prf(MD5_SHA1, b"\xab" * 48, b"PRF Testvector", b"\xcd" * 64, 104)
    assert out.hex() == (
        "d3d4d1e349b5d515044666d51de32bab258cb521b6b053463e354832fd976754443bcf9a296519bc289abcbc1187e4ebd31e602353776c40"
        "8aafb74cbc85eff69255f9788faa184cbb957a9819d84a5d7eb006eb459d3ae8de9810454b8b2d8f1afbc655a8c9a013"
    )


def test_messages() -> None:
    """The messages of the same handshake, taken apart."""
    client = decode_handshake(CLIENT_HELLO)
    assert isinstance(client, ClientHello)
    assert (client.legacy_version, client.random, client.session_id) == (0x0303, CLIENT_RANDOM, b"")
    assert (client.cipher_suites, client.compression_methods) == ((0x00A8, 0x00FF), b"\0")
    assert [e.extension_type for e in client.extensions] == [35, 22, 23, 13]
    assert (client.session_ticket, client.encrypt_then_mac, client.extended_master_secret) == (b"", True, True)
    assert client.malformed == ()
    server = decode_handshake(SERVER_HELLO)
    assert isinstance(server, ServerHello)
    assert (server.version, server.random, server.cipher_suite) == (0x0303, SERVER_RANDOM, 0x00A8)
    assert (server.extended_master_secret, server.encrypt_then_mac) == (True, False)
    assert decode_handshake(SERVER_KEY_EXCHANGE, 0x0303, "PSK") == ServerKeyExchange(b"hint", b"")
    assert decode_handshake(CLIENT_KEY_EXCHANGE, 0x0303, "PSK") == ClientKeyExchange(b"test-id", b"")
    assert decode_handshake(CLIENT_FINISHED) == Finished(CLIENT_FINISHED[4:])


def test_tls_1_3_early_and_handshake_secrets_without_psk() -> None:
    """RFC 8448 section 3: the early secret of no PSK, the salt derived from it, and keys of a known secret."""
    schedule = KeySchedule("sha256", bytes(32))
    assert schedule.early.hex() == "33ad0a1c607ec03b09e6cd9893680ce210adf300aa1f2660e1b22e10f170f92a"
    derived = derive_secret("sha256", schedule.early, b"derived", hashlib.sha256().digest())
    assert derived.hex() == "6f2615a108c702c5678f54fc9dbab69716c076189c48250cebeac3576c3611ba"
    secret = bytes.fromhex("b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38")
    assert hkdf_expand_label("sha256", secret, b"key", b"", 16).hex() == "3fce516009c21727d0f2e4e86ee403bc"
    assert hkdf_expand_label("sha256", secret, b"iv", b"", 12).hex() == "5d313eb2671276ee13000b30"


ARIA_PLAIN = bytes.fromhex("00112233445566778899aabbccddeeff")


@pytest.mark.parametrize(
    ("size", "cipher"),
    [
        (16, "d718fbd6ab644c739da95f3be6451778"),
        (24, "26449c1805dbe7aa25a468ce263a9e79"),
        (32, "f92bd7c79fb72e2f2b8f80c1972d24fc"),
    ],
)
def test_aria(size: int, cipher: str) -> None:
    """RFC 5794 appendix A."""
    aria = Aria(bytes(range(size)))
    assert aria.encrypt_blocks(ARIA_PLAIN).hex() == cipher
    assert aria.decrypt_blocks(bytes.fromhex(cipher)) == ARIA_PLAIN


def test_gcm_over_a_block_cipher_is_gcm() -> None:
    """Our GCM over the library's AES block cipher equals the library's GCM."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    key, nonce = bytes(range(16)), bytes(range(12))
    ours = BlockGcm(Cipher(algorithms.AES(key), modes.ECB()).encryptor().update)
    for size in (0, 1, 15, 16, 17, 300):
        data = bytes(n & 0xFF for n in range(size))
        assert ours.decrypt(nonce, AESGCM(key).encrypt(nonce, data, b"associated"), b"associated") == data


# RFC 4279, 4785, 5487, 5489, 6209, 6367, 6655, 7905, 8442; RFC 8446 appendix B.4.
SUITES = [
    (0x002C, "PSK", "NULL", "sha1", "sha256"),
    (0x008A, "PSK", "RC4", "sha1", "sha256"),
    (0x008F, "DHE_PSK", "3DES", "sha1", "sha256"),
    (0x0094, "RSA_PSK", "AES", "sha1", "sha256"),
    (0x00A9, "PSK", "AES", "", "sha384"),
    (0x00AE, "PSK", "AES", "sha256", "sha256"),
    (0x00AF, "PSK", "AES", "sha384", "sha384"),
    (0x00B1, "PSK", "NULL", "sha384", "sha384"),
    (0xC037, "ECDHE_PSK", "AES", "sha256", "sha256"),
    (0xC06B, "PSK", "ARIA", "", "sha384"),
    (0xC08E, "PSK", "CAMELLIA", "", "sha256"),
    (0xC0A4, "PSK", "AES", "", "sha256"),
    (0xC0A8, "PSK", "AES", "", "sha256"),
    (0xC0AA, "DHE_PSK", "AES", "", "sha256"),
    (0xCCAB, "PSK", "CHACHA20", "", "sha256"),
    (0xD003, "ECDHE_PSK", "AES", "", "sha256"),
    (0xD005, "ECDHE_PSK", "AES", "", "sha256"),
    (0x1302, "", "AES", "", "sha384"),
    (0x1305, "", "AES", "", "sha256"),
]


@pytest.mark.parametrize(("code", "exchange", "algorithm", "mac", "hash_name"), SUITES)
def test_suites_are_read_from_their_names(code: int, exchange: str, algorithm: str, mac: str, hash_name: str) -> None:
    suite = suite_of(code)
    assert suite is not None
    assert (suite.key_exchange, suite.cipher.algorithm, suite.mac, suite.hash) == (exchange, algorithm, mac, hash_name)
    assert suite.cipher.tag_size == (8 if suite.name.endswith(("CCM_8", "CCM_8_SHA256")) else 16)
    assert (suite.cipher.mode is Mode.CCM) == ("CCM" in suite.name)


def test_signalling_values_and_unknown_suites_are_none() -> None:
    assert [suite_of(code) for code in (0x0000, 0x00FF, 0x5600, 0x1306, 0x0A0A, 0xFFFF)] == [None] * 6


def records(*parts: tuple[int, bytes]) -> bytes:
    return b"".join(bytes((kind, 3, 3)) + len(body).to_bytes(2, "big") + body for kind, body in parts)


def protect(key: bytes, salt: bytes, sequence: int, kind: int, plain: bytes) -> tuple[int, bytes]:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    explicit = sequence.to_bytes(8, "big")
    header = explicit + bytes((kind, 3, 3)) + len(plain).to_bytes(2, "big")
    return kind, explicit + AESGCM(key).encrypt(salt + explicit, plain, header)


def test_the_observer_opens_the_session_of_the_vector() -> None:
    """From the messages of the vector and records protected with its key block; the server's Finished is our own."""
    block = key_block("sha256", MASTER, CLIENT_RANDOM, SERVER_RANDOM, 40)
    client, server, client_salt, server_salt = block[:16], block[16:32], block[32:36], block[36:]
    server_data = hashlib.sha256(HANDSHAKE + CLIENT_FINISHED).digest()
    server_finished = b"\x14\0\0\x0c" + verify_data("sha256", MASTER, False, server_data)
    observer = TlsObserver(TlsSecrets(psks=always(PskCandidate(PSK, "k"))))
    events = observer.receive_data(1, records((22, CLIENT_HELLO)))
    events += observer.receive_data(0, records((22, SERVER_HELLO + SERVER_KEY_EXCHANGE), (22, SERVER_HELLO_DONE)))
    finished = protect(client, client_salt, 0, 22, CLIENT_FINISHED)
    hello = protect(client, client_salt, 1, 23, b"hello")
    events += observer.receive_data(1, records((22, CLIENT_KEY_EXCHANGE), (20, b"\1"), finished, hello))
    finished = protect(server, server_salt, 0, 22, server_finished)
    events += observer.receive_data(0, records((20, b"\1"), finished))
    (established,) = [e for e in events if isinstance(e, SessionEstablished)]
    session = established.session
    assert session.client == 1  # who opened TCP is not who sent ClientHello
    assert (session.client_finished, session.server_finished) == (True, True)
    assert (session.psk_identity, session.psk_identity_hint) == (b"test-id", b"hint")
    assert [e.data for e in events if isinstance(e, ApplicationData)] == [b"hello"]
    assert observer.finish().kind == OutcomeKind.DECRYPTED
    assert observer.key_log_lines() == [f"CLIENT_RANDOM {CLIENT_RANDOM.hex()} {MASTER.hex()}"]
