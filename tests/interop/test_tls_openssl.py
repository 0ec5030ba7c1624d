"""What OpenSSL's own server and client send each other over loopback, decrypted and compared with what went in."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from oracles import need
from tls_peers import (
    Observed,
    Relay,
    Talk,
    make_certificate,
    observe,
    openssl_client,
    openssl_server,
    openssl_talk,
    talk,
)

from dissectors.tls.events import AlertSeen, OutcomeKind, SessionEstablished
from dissectors.tls.keylog import read_key_log
from dissectors.tls.registry import AlertDescription
from dissectors.tls.secrets import KeySource, PskCandidate, PskQuery, TlsSecrets, always

pytestmark = pytest.mark.interop
KEY = "000102030405060708090a0b0c0d0e0f"
PSK = ["-psk", KEY, "-psk_identity", "id"]
RIGHT = PskCandidate(bytes.fromhex(KEY), "right")
WRONG = PskCandidate(b"\xff" * 16, "wrong")
LEVEL = ":@SECLEVEL=0"


def suites(selector: str, *options: str) -> list[str]:
    """OpenSSL's names of the suites that it can negotiate, empty where there is no OpenSSL."""
    command = ["openssl", "ciphers", "-s", *options, selector + LEVEL]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip().split(":")
    except (OSError, subprocess.CalledProcessError):
        return []


@pytest.fixture(autouse=True)
def _openssl() -> None:
    need("openssl")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


def psk_talk(server: list[str], client: list[str], *, command: bytes = b"", rounds: int = 2) -> Talk:
    return openssl_talk(["-nocert", *PSK, *server], ["-brief", *PSK, *client], command=command, rounds=rounds)


def check_decrypted(found: Observed, sent: Talk, source: KeySource) -> None:
    assert (found.outcome.kind, found.outcome.explanation) == (
        OutcomeKind.DECRYPTED,
        f"{sum(a.opened for a in found.observer.accounts)} records were decrypted",
    )
    assert (found.data(0), found.data(1)) == sent.sent
    for session in found.observer.sessions:
        assert session.key_source == source
        assert (session.client_finished, session.server_finished) == (True, True)
        assert session.established
        assert session.client == 0
    assert found.observer.close_notify[0]


def check_closed(found: Observed, kind: OutcomeKind) -> None:
    assert found.outcome.kind == kind
    assert (found.data(0), found.data(1)) == (b"", b"")
    assert found.observer.key_log_lines() == []


PSK_SUITES = suites("kPSK:!eNULL", "-psk", "-tls1_2")
NULL_SUITES = suites("eNULL+kPSK", "-psk", "-tls1_2")


@pytest.mark.parametrize("suite", PSK_SUITES)
def test_psk_suites_of_tls_1_2(suite: str) -> None:
    """RFC 4279, 4785, 5487, 6655, 7905 (and 6209, 6367): the PSK opens it, the second candidate is the right one."""
    options = ["-tls1_2", "-cipher", suite + LEVEL]
    sent = psk_talk(options, options)
    asked: list[PskQuery] = []

    def finder(query: PskQuery) -> list[PskCandidate]:
        asked.append(query)
        return [WRONG, RIGHT]

    found = observe(sent.chunks, TlsSecrets(psks=finder), context="addresses")
    check_decrypted(found, sent, KeySource("psk", "right"))
    (session,) = found.observer.sessions
    assert session.cipher_suite is not None
    assert asked == [
        PskQuery(b"id", None, session.client_random, session.server_random, 0x0303, session.cipher_suite, "addresses")
    ]
    check_closed(observe(sent.chunks, TlsSecrets(psks=always(WRONG))), OutcomeKind.WRONG_KEY)
    check_closed(observe(sent.chunks), OutcomeKind.NO_KEY)
    assert observe(sent.chunks, TlsSecrets(psks=always(RIGHT)), cut=1).events == found.events


@pytest.mark.parametrize("suite", NULL_SUITES)
def test_null_suites_are_read_without_a_key_and_verified_with_it(suite: str) -> None:
    options = ["-tls1_2", "-cipher", suite + LEVEL]
    sent = psk_talk(options, options)
    check_decrypted(observe(sent.chunks, TlsSecrets(psks=always(RIGHT))), sent, KeySource("psk", "right"))
    for secrets in (TlsSecrets(), TlsSecrets(psks=always(WRONG))):
        found = observe(sent.chunks, secrets)
        assert (found.data(0), found.data(1)) == sent.sent
        assert found.outcome.kind == OutcomeKind.DECRYPTED
        assert "not verified" in found.outcome.explanation
        assert found.observer.sessions[0].key_source == KeySource("none")
        assert found.observer.key_log_lines() == []


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1", "-tls1_2"])
@pytest.mark.parametrize("etm", [True, False])
@pytest.mark.parametrize("suite", ["PSK-AES128-CBC-SHA", "PSK-AES256-CBC-SHA384"])
def test_cbc_in_each_version_with_and_without_encrypt_then_mac(version: str, etm: bool, suite: str) -> None:
    """RFC 2246 (chained IV), RFC 4346 (explicit IV), RFC 5246; RFC 7366."""
    options = [version, "-cipher", suite + LEVEL]
    sent = psk_talk(options + ([] if etm else ["-no_etm"]), options, rounds=3)
    found = observe(sent.chunks, TlsSecrets(psks=always(RIGHT)))
    check_decrypted(found, sent, KeySource("psk", "right"))
    assert found.observer.sessions[0].encrypt_then_mac is etm
    assert found.observer.sessions[0].version == {"-tls1": 0x0301, "-tls1_1": 0x0302, "-tls1_2": 0x0303}[version]
    check_closed(observe(sent.chunks, TlsSecrets(psks=always(WRONG))), OutcomeKind.WRONG_KEY)


@pytest.mark.parametrize("version", ["-tls1", "-tls1_2"])
@pytest.mark.parametrize("suite", ["PSK-AES128-CBC-SHA", "PSK-AES256-GCM-SHA384"])
def test_renegotiation(version: str, suite: str) -> None:
    """RFC 5246 section 7.4.1.1: a handshake inside the protection of the one before."""
    if version == "-tls1" and "GCM" in suite:
        pytest.skip("GCM needs TLS 1.2")
    options = [version, "-cipher", suite + LEVEL]
    sent = psk_talk(["-client_renegotiation", *options], options, command=b"R", rounds=3)
    found = observe(sent.chunks, TlsSecrets(psks=always(RIGHT)))
    check_decrypted(found, sent, KeySource("psk", "right"))
    assert [s.renegotiation for s in found.observer.sessions] == [False, True, True]
    assert sum(isinstance(e, SessionEstablished) for e in found.events) == 3
    check_closed(observe(sent.chunks, TlsSecrets(psks=always(WRONG))), OutcomeKind.WRONG_KEY)


def test_renegotiation_that_is_refused_leaves_the_session_open() -> None:
    options = ["-tls1_2", "-cipher", "PSK-AES128-GCM-SHA256" + LEVEL]
    sent = psk_talk(options, options, command=b"R", rounds=1)
    found = observe(sent.chunks, TlsSecrets(psks=always(RIGHT)))
    assert [s.renegotiation for s in found.observer.sessions] == [False, True]
    assert AlertDescription.no_renegotiation in [e.description for e in found.events if isinstance(e, AlertSeen)]
    assert found.outcome.kind == OutcomeKind.DECRYPTED
    assert (found.data(0), found.data(1)) == sent.sent


NO_COMMON_GROUP = (["-groups", "P-256"], ["-groups", "P-384"])
"""With no group in common OpenSSL's server agrees to psk_ke, where both sides allow it."""
TLS13_SUITES = ["TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_CCM_SHA256",
                "TLS_AES_128_CCM_8_SHA256"]  # fmt: skip


@pytest.mark.parametrize("suite", TLS13_SUITES)
def test_tls_1_3_psk_ke_with_key_updates(suite: str) -> None:
    """RFC 8446 sections 4.2.9 and 4.6.3: the external PSK opens it, told by the binder."""
    # OpenSSL from 3.2 on has CCM_8, a tag of 64 bits, at security level 0 alone; `-cipher` sets that for TLS 1.3 too.
    options = ["-tls1_3", "-allow_no_dhe_kex", "-ciphersuites", suite, "-cipher", "DEFAULT" + LEVEL]
    sent = psk_talk([*options, *NO_COMMON_GROUP[0]], [*options, *NO_COMMON_GROUP[1]], command=b"K", rounds=3)
    found = observe(sent.chunks, TlsSecrets(psks=always(WRONG, RIGHT)))
    check_decrypted(found, sent, KeySource("psk", "right"))
    (session,) = found.observer.sessions
    assert (session.psk_identity, session.psk_dhe, session.version_name) == (b"id", False, "TLS 1.3")
    check_closed(observe(sent.chunks, TlsSecrets(psks=always(WRONG))), OutcomeKind.WRONG_KEY)
    check_closed(observe(sent.chunks), OutcomeKind.NO_KEY)
    again = observe(sent.chunks, TlsSecrets(key_log=read_key_log("\n".join(found.observer.key_log_lines()).encode())))
    assert (again.data(0), again.data(1)) == sent.sent
    assert observe(sent.chunks, TlsSecrets(psks=always(RIGHT)), cut=1).events == found.events


@pytest.mark.parametrize("groups", [[], ["-groups", "P-384"]], ids=["", "hello_retry_request"])
def test_tls_1_3_psk_dhe_ke_needs_a_key_log(groups: list[str], tmp_path: Path) -> None:
    """The binder tells the PSK all the same, after a HelloRetryRequest too (RFC 8446 section 4.2.11.2)."""
    log = tmp_path / "keys.log"
    sent = psk_talk(["-tls1_3", *groups], ["-tls1_3", "-keylogfile", str(log)], command=b"K", rounds=3)
    found = observe(sent.chunks, TlsSecrets(psks=always(RIGHT)))
    check_closed(found, OutcomeKind.FORWARD_SECRECY)
    assert "the PSK is the right one" in found.outcome.explanation
    assert "supply a key log" in found.outcome.explanation
    check_closed(observe(sent.chunks, TlsSecrets(psks=always(WRONG))), OutcomeKind.FORWARD_SECRECY)
    opened = observe(sent.chunks, TlsSecrets(key_log=read_key_log(log.read_bytes())))
    check_decrypted(opened, sent, KeySource("key_log"))


@pytest.mark.parametrize("suite", ["psk_ke", "PSK-AES256-GCM-SHA384", "PSK-AES128-CBC-SHA256"])
def test_our_key_log_is_the_one_openssl_writes(suite: str, tmp_path: Path) -> None:
    """An independent witness for every secret of the key schedules."""
    log = tmp_path / "keys.log"
    if suite == "psk_ke":
        options = ["-tls1_3", "-allow_no_dhe_kex", "-ciphersuites", "TLS_AES_128_GCM_SHA256"]
        server, client = [*options, *NO_COMMON_GROUP[0]], [*options, *NO_COMMON_GROUP[1]]
    else:
        server = client = ["-tls1_2", "-cipher", suite + LEVEL]
    sent = psk_talk(server, [*client, "-keylogfile", str(log)])
    found = observe(sent.chunks, TlsSecrets(psks=always(RIGHT)))
    theirs = {line for line in log.read_text().lower().splitlines() if not line.startswith("#")}
    assert {line.lower() for line in found.observer.key_log_lines()} == theirs


@pytest.mark.parametrize("suite", suites("kECDHEPSK:kDHEPSK:!eNULL", "-psk", "-tls1_2"))
def test_psk_with_diffie_hellman_has_forward_secrecy(suite: str, tmp_path: Path) -> None:
    """RFC 4279 section 3, RFC 5489, RFC 8442: not from the PSK, only from a key log."""
    log = tmp_path / "keys.log"
    options = ["-tls1_2", "-cipher", suite + LEVEL]
    sent = psk_talk([*options, "-psk_hint", "hint"], [*options, "-keylogfile", str(log)])
    found = observe(sent.chunks, TlsSecrets(psks=always(RIGHT)))
    check_closed(found, OutcomeKind.FORWARD_SECRECY)
    (session,) = found.observer.sessions
    assert (session.psk_identity, session.psk_identity_hint) == (b"id", b"hint")
    assert session.client_random.hex() in found.outcome.explanation
    opened = observe(sent.chunks, TlsSecrets(key_log=read_key_log(log.read_bytes())))
    check_decrypted(opened, sent, KeySource("key_log"))


@pytest.mark.parametrize("suite", suites("kRSAPSK:!eNULL", "-psk", "-tls1_2"))
def test_rsa_psk_needs_the_server_key_too(suite: str, certificate: tuple[str, str]) -> None:
    """RFC 4279 section 4."""
    options = ["-tls1_2", "-cipher", suite + LEVEL]
    key, crt = certificate
    sent = openssl_talk([*PSK, "-key", key, "-cert", crt, *options], ["-brief", *PSK, *options])
    found = observe(sent.chunks, TlsSecrets(psks=always(WRONG, RIGHT), rsa_keys=[private_key(key)]))
    check_decrypted(found, sent, KeySource("psk", "right"))
    closed = observe(sent.chunks, TlsSecrets(psks=always(RIGHT)))
    check_closed(closed, OutcomeKind.NO_KEY)
    assert "RSA private key" in closed.outcome.explanation
    wrong = observe(sent.chunks, TlsSecrets(psks=always(WRONG), rsa_keys=[private_key(key)]))
    check_closed(wrong, OutcomeKind.WRONG_KEY)


def private_key(path: str) -> RSAPrivateKey:
    key = load_pem_private_key(Path(path).read_bytes(), None)
    assert isinstance(key, RSAPrivateKey)
    return key


CERTIFICATE_SUITES = ["AES128-SHA", "AES256-SHA256", "AES128-GCM-SHA256", "AES128-CCM", "ECDHE-RSA-AES128-SHA",
                      "ECDHE-RSA-AES256-SHA384", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305",
                      "DHE-RSA-AES128-GCM-SHA256", "DHE-RSA-AES256-CCM8", "DHE-RSA-CHACHA20-POLY1305",
                      "ECDHE-RSA-CAMELLIA128-SHA256", "ECDHE-ARIA128-GCM-SHA256"]  # fmt: skip


@pytest.mark.parametrize("suite", CERTIFICATE_SUITES)
def test_certificate_suites_with_a_key_log(suite: str, certificate: tuple[str, str], tmp_path: Path) -> None:
    log = tmp_path / "keys.log"
    key, crt = certificate
    options = ["-tls1_2", "-cipher", suite + LEVEL]
    sent = openssl_talk(
        ["-key", key, "-cert", crt, *options],
        ["-brief", "-servername", "msrp.example", *options, "-keylogfile", str(log)],
    )
    found = observe(sent.chunks, TlsSecrets(key_log=read_key_log(log.read_bytes())))
    check_decrypted(found, sent, KeySource("key_log"))
    (session,) = found.observer.sessions
    assert session.server_name == "msrp.example"
    printed = subprocess.run(
        ["openssl", "x509", "-in", crt, "-noout", "-fingerprint", "-sha256"], capture_output=True, text=True, check=True
    )
    assert [c.sha256 for c in session.certificates] == [printed.stdout.strip().partition("=")[2]]
    static_rsa = "DHE" not in suite and not suite.startswith("EC")
    with_key = observe(sent.chunks, TlsSecrets(rsa_keys=[private_key(key)]))
    if static_rsa:
        check_decrypted(with_key, sent, KeySource("rsa_key"))
        check_closed(observe(sent.chunks), OutcomeKind.NO_KEY)
    else:
        check_closed(with_key, OutcomeKind.FORWARD_SECRECY)


@pytest.mark.parametrize("groups", [[], ["-groups", "P-384"]], ids=["", "hello_retry_request"])
def test_tls_1_3_certificate_with_a_key_log(groups: list[str], certificate: tuple[str, str], tmp_path: Path) -> None:
    """Also after a HelloRetryRequest (RFC 8446 section 4.1.4): the server wants another group."""
    log = tmp_path / "keys.log"
    key, crt = certificate
    sent = openssl_talk(["-key", key, "-cert", crt, "-tls1_3", *groups], ["-brief", "-tls1_3", "-keylogfile", str(log)])
    found = observe(sent.chunks, TlsSecrets(key_log=read_key_log(log.read_bytes())))
    check_decrypted(found, sent, KeySource("key_log"))
    check_closed(observe(sent.chunks), OutcomeKind.FORWARD_SECRECY)
    assert len(found.observer.sessions[0].certificates) == 1


@pytest.mark.parametrize("ticket", [True, False], ids=["ticket", "session_id"])
def test_resumption(ticket: bool, tmp_path: Path) -> None:
    """RFC 5246 section 7.3 and RFC 5077: the second handshake names no PSK; it takes the master secret of the first."""
    saved = str(tmp_path / "session.pem")
    options = ["-tls1_2", "-cipher", "PSK-AES128-CBC-SHA256" + LEVEL]
    server, port = openssl_server("-nocert", *PSK, *options, *([] if ticket else ["-no_ticket"]))
    talks = []
    try:
        for extra in (["-sess_out", saved], ["-sess_in", saved]):
            relay = Relay(port)
            talks.append(talk(server, openssl_client(relay.port, "-brief", *PSK, *options, *extra), relay))
    finally:
        server.stop()
    secrets = TlsSecrets(psks=always(RIGHT))
    check_decrypted(observe(talks[0].chunks, secrets), talks[0], KeySource("psk", "right"))
    second = observe(talks[1].chunks, secrets)
    check_decrypted(second, talks[1], KeySource("resumption", "right", KeySource("psk", "right")))
    assert second.observer.sessions[0].resumed
    assert second.observer.sessions[0].psk_identity is None
    alone = observe(talks[1].chunks, TlsSecrets(psks=always(RIGHT)))
    check_closed(alone, OutcomeKind.HANDSHAKE_NOT_CAPTURED)
    wrong = TlsSecrets(psks=always(WRONG))
    check_closed(observe(talks[0].chunks, wrong), OutcomeKind.WRONG_KEY)
    check_closed(observe(talks[1].chunks, wrong), OutcomeKind.WRONG_KEY)


def test_tls_1_3_resumption_by_ticket(tmp_path: Path) -> None:
    """RFC 8446 section 4.6.1: the ticket's PSK follows from the resumption master secret, seen or derived."""
    saved = str(tmp_path / "session.pem")
    options = ["-tls1_3", "-allow_no_dhe_kex", "-ciphersuites", "TLS_AES_128_GCM_SHA256"]
    server, port = openssl_server("-nocert", *PSK, *options, *NO_COMMON_GROUP[0])
    talks = []
    try:
        for extra in ([*PSK, "-sess_out", saved], ["-sess_in", saved]):
            relay = Relay(port)
            client = openssl_client(relay.port, "-brief", *options, *NO_COMMON_GROUP[1], *extra)
            talks.append(talk(server, client, relay))
    finally:
        server.stop()
    secrets = TlsSecrets(psks=always(RIGHT))
    check_decrypted(observe(talks[0].chunks, secrets), talks[0], KeySource("psk", "right"))
    second = observe(talks[1].chunks, secrets)
    check_decrypted(second, talks[1], KeySource("resumption", "right", KeySource("psk", "right")))


def test_the_server_refuses_the_key() -> None:
    """A wrong key at one side: the server cannot read Finished and says so in the clear (RFC 5246 section 7.2.2)."""
    options = ["-tls1_2", "-cipher", "PSK-AES128-GCM-SHA256" + LEVEL]
    server, port = openssl_server("-nocert", *PSK, *options)
    try:
        relay = Relay(port)
        client = openssl_client(relay.port, "-brief", "-psk", "ff" * 16, "-psk_identity", "id", *options)
        client.process.wait(60)
        client.stop()
        relay.join()
    finally:
        server.stop()
    found = observe(relay.chunks, TlsSecrets(psks=always(RIGHT)))
    assert found.outcome.kind == OutcomeKind.HANDSHAKE_FAILED
    assert found.outcome.explanation == "the server ended the handshake with the alert bad_record_mac"
    alerts = [e for e in found.events if isinstance(e, AlertSeen)]
    assert [(a.direction, a.level, a.description, a.encrypted) for a in alerts[:1]] == [
        (1, 2, AlertDescription.bad_record_mac, False)
    ]
