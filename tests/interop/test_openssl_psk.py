"""TLS-PSK of the lab against OpenSSL's own programs, in both roles, in TLS 1.2 and 1.3, by every way of this Python."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from oracles import need
from tls_peers import Peer, openssl_client, openssl_server
from tls_psk import PSK, TLS_1_2, TLS_1_3, VERSIONS, WAYS, WRONG

from replay.edge.psk_tls import PskTls, psk_context
from replay.edge.psk_ways import PskWay

pytestmark = pytest.mark.interop
OPTION = {TLS_1_2: "-tls1_2", TLS_1_3: "-tls1_3"}


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> PskWay:
    return WAYS[request.param]


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> ssl.TLSVersion:
    return VERSIONS[request.param]


class Served:
    """One connection of `openssl s_client` to a `PskTls`, which echoes a line."""

    def __init__(self, server: PskTls) -> None:
        self.server = server
        self.error: ssl.SSLError | None = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        with self._listener:
            self._listener.settimeout(60)
            line, _ = self._listener.accept()
        with line:
            line.settimeout(60)
            self.server.start()
            try:
                while data := line.recv(65536):
                    heard = self.server.receive(data)
                    if heard:
                        self.server.send(heard)
                        self.server.close()
                    line.sendall(self.server.outgoing)
            except ssl.SSLError as error:
                self.error = error
                line.sendall(self.server.outgoing)

    def join(self) -> None:
        self._thread.join(20)
        assert not self._thread.is_alive()


def options(version: ssl.TLSVersion, identity: str | bytes = "id", *more: str) -> list[Any]:
    return [OPTION[version], "-psk", PSK.hex(), "-psk_identity", identity, *more]


def test_openssl_as_client(way: PskWay, version: ssl.TLSVersion) -> None:
    need("openssl")
    served = Served(PskTls(is_client=False, key_of={"id": PSK}.get, hint="who?", version=version, way=way))
    client = openssl_client(served.port, *options(version))
    try:
        client.send(b"hello, PSK\n")
        client.wait_for(b"hello, PSK")
        client.close()
    finally:
        client.stop()
    served.join()
    assert served.error is None
    assert served.server.psk_identity == "id"
    said = client.output.decode()
    assert ("PSK identity hint: who?" in said) == (version == TLS_1_2)
    assert f", {version.name.replace('_', '.')}, Cipher is " in said


@pytest.mark.parametrize("identity", [b"\xff\xfe", b"other"], ids=["no UTF-8", "unknown"])
@pytest.mark.parametrize(("version", "alert"), [(TLS_1_2, b"115"), (TLS_1_3, b"40")])
def test_a_stranger_as_client(
    way: PskWay, version: ssl.TLSVersion, alert: bytes, identity: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    """RFC 4279 section 5.1: identities are UTF-8; one that is not is nobody's, and makes no noise."""
    need("openssl")
    served = Served(PskTls(is_client=False, key_of={"id": PSK}.get, version=version, way=way))
    client = openssl_client(served.port, *options(version, identity))
    try:
        client.wait_for(b"SSL alert number " + alert)
    finally:
        client.stop()
    served.join()
    assert served.error is not None
    assert "Traceback" not in capfd.readouterr().err


@pytest.fixture
def openssl_echoes(version: ssl.TLSVersion) -> Iterator[tuple[Peer, int]]:
    """`openssl s_server`, which sends every line back, its octets in the other order."""
    need("openssl")
    server, port = openssl_server(*options(version, "id", "-nocert", "-rev", "-psk_hint", "who?"))
    yield server, port
    server.stop()


@pytest.mark.parametrize(("psk", "identity"), [(PSK, "id"), (WRONG, "id")], ids=["right", "wrong"])
def test_openssl_as_server(
    way: PskWay, version: ssl.TLSVersion, openssl_echoes: tuple[Peer, int], psk: bytes, identity: str
) -> None:
    context = psk_context(is_client=True, psk=psk, identity=identity, version=version, way=way)
    with socket.create_connection(("127.0.0.1", openssl_echoes[1]), 20) as line:
        if psk == WRONG:
            # OpenSSL 3.0 has illegal_parameter where RFC 8446 section 6.2 has decrypt_error.
            alert = "bad record mac" if version == TLS_1_2 else "(decrypt error|illegal parameter)"
            with pytest.raises(ssl.SSLError, match=f"alert {alert}"):
                context.wrap_socket(line)
            return
        with context.wrap_socket(line) as tls:
            tls.sendall(b"hello, PSK\n")
            assert tls.recv(100) == b"KSP ,olleh\n"
            assert tls.version() == version.name.replace("_", ".")
