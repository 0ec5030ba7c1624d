"""GnuTLS's server and client over loopback: suites and options that OpenSSL 3 does not negotiate."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from oracles import need
from tls_peers import Peer, Relay, Talk, observe, payload

from dissectors.tls.events import OutcomeKind
from dissectors.tls.keylog import read_key_log
from dissectors.tls.secrets import KeySource, PskCandidate, TlsSecrets, always

pytestmark = pytest.mark.interop
KEY = "000102030405060708090a0b0c0d0e0f"
RIGHT = PskCandidate(bytes.fromhex(KEY), "right")
WRONG = PskCandidate(b"\xff" * 16, "wrong")
PRIORITY = "NONE:+COMP-NULL:+GROUP-ALL:+SIGN-ALL:%ALLOW_SMALL_RECORDS"


PORTS = 5
"Ports that are tried: between our look at a free one and the server's, another program may take it."


def _serve(program: str, *options: str) -> tuple[Peer, int]:
    """gnutls-serv, and its port; where that is taken for IPv4, it says so and goes on with IPv6 alone."""
    for _ in range(PORTS):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        server = Peer(program, "-p", str(port), *options)
        try:
            server.wait_for(b"port %d...done" % port)
        except BaseException:
            server.stop()
            raise
        if b"bind() failed" not in server.output:
            return server, port
        server.stop()
    raise AssertionError(f"no free port in {PORTS} tries: {bytes(server.output)!r}")


def gnutls_talk(priority: str, folder: Path) -> Talk:
    """One connection; the server echoes what the client sends."""
    server_program, client_program = need("gnutls-serv"), need("gnutls-cli")
    passwords = folder / "psk.txt"
    passwords.write_text(f"id:{KEY}\n")
    options = ("--priority", f"{PRIORITY}:{priority}")
    server, port = _serve(server_program, "--echo", "--pskpasswd", str(passwords), "--noticket", *options)
    try:
        relay = Relay(port)
        identity = ("--pskusername", "id", "--pskkey", KEY)
        client = Peer(
            "env", f"SSLKEYLOGFILE={folder / 'keys.log'}", client_program, "127.0.0.1", "-p", str(relay.port),
            "--no-ca-verification", *identity, *options,
        )  # fmt: skip
        try:
            client.wait_for(b"Simple Client Mode")
            sent = b""
            for number in range(3):
                data = payload(f"echo{number}", 4 + 30 * number)
                client.send(data)
                client.wait_for(data)
                sent += data
            client.close()
            relay.join()
        finally:
            client.stop()
    finally:
        server.stop()
    return Talk(relay.chunks, (sent, sent))


SUITES = {
    "PSK 3DES": "+VERS-TLS1.2:+PSK:+3DES-CBC:+SHA1",
    "PSK RC4": "+VERS-TLS1.2:+PSK:+ARCFOUR-128:+SHA1",
    "PSK RC4 TLS 1.0": "+VERS-TLS1.0:+PSK:+ARCFOUR-128:+SHA1",
    "PSK 3DES TLS 1.0": "+VERS-TLS1.0:+PSK:+3DES-CBC:+SHA1",
    "PSK Camellia GCM 128": "+VERS-TLS1.2:+PSK:+CAMELLIA-128-GCM:+AEAD",
    "PSK Camellia GCM 256": "+VERS-TLS1.2:+PSK:+CAMELLIA-256-GCM:+AEAD",
    "PSK Camellia CBC": "+VERS-TLS1.2:+PSK:+CAMELLIA-128-CBC:+SHA256",
    "PSK AES GCM without EMS": "+VERS-TLS1.2:+PSK:+AES-128-GCM:+AEAD:%NO_SESSION_HASH",
    "PSK AES CBC without EMS and ETM": "+VERS-TLS1.2:+PSK:+AES-256-CBC:+SHA1:%NO_SESSION_HASH:%NO_ETM",
    "PSK AES CBC without EMS TLS 1.1": "+VERS-TLS1.1:+PSK:+AES-128-CBC:+SHA1:%NO_SESSION_HASH",
    "PSK AES CCM 8": "+VERS-TLS1.2:+PSK:+AES-128-CCM-8:+AEAD",
    "PSK ChaCha20": "+VERS-TLS1.2:+PSK:+CHACHA20-POLY1305:+AEAD",
    "TLS 1.3 psk_ke AES GCM": "+VERS-TLS1.3:+PSK:+AES-128-GCM:+AEAD",
    "TLS 1.3 psk_ke ChaCha20": "+VERS-TLS1.3:+PSK:+CHACHA20-POLY1305:+AEAD",
}


@pytest.mark.parametrize("name", SUITES)
def test_psk(name: str, tmp_path: Path) -> None:
    """RFC 4279, 6367, 6655, 7905; RFC 7627 and 7366 absent; RFC 8446 section 4.2.9."""
    sent = gnutls_talk(SUITES[name], tmp_path)
    found = observe(sent.chunks, TlsSecrets(psks=always(WRONG, RIGHT)))
    assert (found.data(0), found.data(1)) == sent.sent
    assert found.outcome.kind == OutcomeKind.DECRYPTED
    (session,) = found.observer.sessions
    assert session.key_source == KeySource("psk", "right")
    assert (session.client_finished, session.server_finished) == (True, True)
    assert session.psk_identity == b"id"
    assert session.extended_master_secret is not ("EMS" in name or "1.3" in name)
    assert not (session.encrypt_then_mac and "ETM" in name)
    wrong = observe(sent.chunks, TlsSecrets(psks=always(WRONG)))
    assert (wrong.data(0), wrong.data(1), wrong.outcome.kind) == (b"", b"", OutcomeKind.WRONG_KEY)
    assert observe(sent.chunks, TlsSecrets(psks=always(RIGHT)), cut=1).events == found.events


def test_forward_secrecy(tmp_path: Path) -> None:
    """psk_dhe_ke. (gnutls-cli 3.7.9 crashes on ECDHE_PSK in TLS 1.2, which OpenSSL shows in its place.)"""
    sent = gnutls_talk("+VERS-TLS1.3:+ECDHE-PSK:+AES-128-GCM:+AEAD", tmp_path)
    closed = observe(sent.chunks, TlsSecrets(psks=always(RIGHT)))
    assert (closed.outcome.kind, closed.data(0)) == (OutcomeKind.FORWARD_SECRECY, b"")
    log = read_key_log((tmp_path / "keys.log").read_bytes())
    found = observe(sent.chunks, TlsSecrets(key_log=log))
    assert (found.data(0), found.data(1)) == sent.sent
    assert found.outcome.kind == OutcomeKind.DECRYPTED
