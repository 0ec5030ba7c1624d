"""TLS-PSK by every way that this Python has: TLS 1.2 (RFC 4279) and TLS 1.3 (RFC 8446 section 4.2.11)."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import ssl
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest
from tls_psk import LAYER, PSK, TLS_1_2, TLS_1_3, VERSIONS, WAYS, WRONG

from replay.edge.psk_tls import PskTls, psk_context
from replay.edge.psk_ways import MAX_IDENTITY, MAX_PSK, KeyOf, PskError, PskWay, psk_way

BAD_RECORD_MAC, HANDSHAKE_FAILURE, ILLEGAL_PARAMETER, DECRYPT_ERROR, UNKNOWN_PSK_IDENTITY = 20, 40, 47, 51, 115


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> PskWay:
    return WAYS[request.param]


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> ssl.TLSVersion:
    return VERSIONS[request.param]


def fatal(alert: int) -> bytes:
    """The record of an alert in plain (RFC 5246 section 7.2)."""
    return bytes([21, 3, 3, 0, 2, 2, alert])


def shake_hands(client: PskTls, server: PskTls) -> bytes:
    """Until both are up, or the server ends it: then what it sent last."""
    client.start()
    server.start()
    for _ in range(4):
        try:
            server.receive(client.outgoing)
        except ssl.SSLError:
            return server.outgoing
        client.receive(server.outgoing)
    assert (client.is_up, server.is_up) == (True, True)
    return b""


def test_the_way_of_this_python() -> None:
    assert psk_way().name == ("ssl" if sys.version_info >= (3, 13) else "ctypes")
    assert psk_way() is psk_way()


@pytest.mark.parametrize("identity", ["user@example.net", "Zürich 東京", "", "i" * MAX_IDENTITY])
@pytest.mark.parametrize("length", [1, 16, 64, MAX_PSK])
def test_octets_pass_both_ways(way: PskWay, version: ssl.TLSVersion, identity: str, length: int) -> None:
    """RFC 4279 section 5.3: keys of 64 octets and identities of 128 octets must be supported."""
    psk = bytes(range(1, 1 + min(length, 255))).ljust(length, b"x")
    if not identity and version == TLS_1_3:
        with pytest.raises(PskError, match=r"of TLS 1\.3 has at least one octet"):
            psk_context(is_client=True, psk=psk, identity=identity, version=version, way=way)
        return
    client = PskTls(is_client=True, psk=psk, identity=identity, version=version, way=way)
    server = PskTls(is_client=False, key_of={identity: psk}.get, version=version, way=way)
    assert shake_hands(client, server) == b""
    client.send(b"x" * 40_000)
    assert server.receive(client.outgoing) == b"x" * 40_000
    server.send(b"y" * 40_000)
    assert client.receive(server.outgoing) == b"y" * 40_000
    assert (client.psk_identity, server.psk_identity) == (identity, identity)
    client.close()
    assert server.receive(client.outgoing) == b""
    assert server.is_closed


@pytest.mark.parametrize(
    ("version", "alerts"), [(TLS_1_2, {BAD_RECORD_MAC}), (TLS_1_3, {DECRYPT_ERROR, ILLEGAL_PARAMETER})]
)
def test_a_wrong_key(way: PskWay, version: ssl.TLSVersion, alerts: set[int]) -> None:
    """RFC 4279 section 2; RFC 8446 section 6.2: `decrypt_error` for a binder, where OpenSSL 3.0 says another."""
    client = PskTls(is_client=True, psk=PSK, identity="a", version=version, way=way)
    server = PskTls(is_client=False, psk=WRONG, version=version, way=way)
    assert shake_hands(client, server) in map(fatal, alerts)


def raise_it(error: BaseException) -> KeyOf:
    def key_of(identity: str) -> bytes | None:
        raise error

    return key_of


UNUSABLE: dict[str, KeyOf] = {
    "none": lambda identity: None,
    "empty": lambda identity: b"",
    "too long": lambda identity: bytes(MAX_PSK + 1),
    "no octets": lambda identity: "text",  # type: ignore[arg-type, return-value]
    "an error": raise_it(ValueError("no such user")),
    "an interrupt": raise_it(KeyboardInterrupt()),
}


@pytest.mark.parametrize("key_of", UNUSABLE.values(), ids=UNUSABLE)
@pytest.mark.parametrize(("version", "alert"), [(TLS_1_2, UNKNOWN_PSK_IDENTITY), (TLS_1_3, HANDSHAKE_FAILURE)])
def test_an_identity_without_a_key(
    way: PskWay, version: ssl.TLSVersion, alert: int, key_of: KeyOf, capfd: pytest.CaptureFixture[str]
) -> None:
    """RFC 4279 section 2: `unknown_psk_identity`. Nothing that Python raises gets into OpenSSL, or on stderr."""
    client = PskTls(is_client=True, psk=PSK, identity="a", version=version, way=way)
    server = PskTls(is_client=False, key_of=key_of, version=version, way=way)
    assert shake_hands(client, server) == fatal(alert)
    assert "Traceback" not in capfd.readouterr().err


def test_why_there_is_no_key_is_logged(way: PskWay, caplog: pytest.LogCaptureFixture) -> None:
    client = PskTls(is_client=True, psk=PSK, identity="a", way=way)
    server = PskTls(is_client=False, key_of=raise_it(ValueError("no such user")), way=way)
    with caplog.at_level(logging.WARNING, "mrfscope.lab"):
        shake_hands(client, server)
    assert "no key for a TLS client: no such user" in caplog.messages


@pytest.mark.parametrize(
    ("psk", "identity", "why"),
    [
        (b"", "a", "1 to 256 octets, not 0"),
        (bytes(MAX_PSK + 1), "a", "1 to 256 octets, not 257"),
        (PSK, "i" * (MAX_IDENTITY + 1), f"this one has {MAX_IDENTITY + 1}"),
        (PSK, "a\0b", "without NUL"),
        (PSK, "a\udcff", "of UTF-8"),
    ],
)
def test_what_tls_cannot_say(way: PskWay, psk: bytes, identity: str, why: str) -> None:
    with pytest.raises(PskError, match=why):
        psk_context(is_client=True, psk=psk, identity=identity, way=way)
    if identity == "a":
        with pytest.raises(PskError, match=why):
            PskTls(is_client=False, psk=psk, way=way)
    else:
        with pytest.raises(PskError, match=why):
            psk_context(is_client=False, psk=psk, hint=identity, way=way)


def test_an_unarmed_context_of_the_same_kind_has_no_key(way: PskWay) -> None:
    """A client's context serves no server, and the other way round: refused, not answered with somebody's key."""
    context = psk_context(is_client=True, psk=PSK, identity="a", way=way)
    bare = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    bare.set_ciphers("PSK")
    bare.maximum_version = TLS_1_2
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client, server = context.wrap_bio(to_client, to_server), bare.wrap_bio(to_server, to_client, server_side=True)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    with pytest.raises(ssl.SSLError):
        server.do_handshake()


def test_contexts_are_freed_with_their_connections(way: PskWay, version: ssl.TLSVersion) -> None:
    """Without help from the garbage collector; and nothing is kept of them."""
    gc.collect()
    gc.disable()
    try:
        kept = len(LAYER._armed)
        for _ in range(50):
            client = PskTls(is_client=True, psk=PSK, identity="a", version=version, way=way)
            server = PskTls(is_client=False, psk=PSK, version=version, way=way)
            shake_hands(client, server)
        contexts = [weakref.ref(each._tls.context) for each in (client, server)]
        del client, server
        assert [each() for each in contexts] == [None, None]
        assert len(LAYER._armed) == kept
    finally:
        gc.enable()


def test_many_threads_at_once(way: PskWay, version: ssl.TLSVersion) -> None:
    """Each connection is asked for its own key."""

    def work(number: int) -> list[str]:
        found = []
        for turn in range(20):
            identity, psk = f"{number}-{turn}", b"%08d" % (100 * number + turn)
            client = PskTls(is_client=True, psk=psk, identity=identity, version=version, way=way)
            server = PskTls(is_client=False, key_of={identity: psk}.get, version=version, way=way)
            shake_hands(client, server)
            found.append(server.psk_identity)
        return found

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(work, range(6))) == [[f"{number}-{turn}" for turn in range(20)] for number in range(6)]


def test_one_context_for_many_clients(way: PskWay, version: ssl.TLSVersion) -> None:
    """asyncio's own server and clients, with `ssl=`."""
    keys = {f"user{number}": b"%016d" % number for number in range(20)}
    server_context = psk_context(is_client=False, key_of=keys.get, version=version, way=way)

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        await writer.drain()
        writer.close()

    async def ask(port: int, identity: str, psk: bytes) -> bytes:
        context = psk_context(is_client=True, psk=psk, identity=identity, version=version, way=way)
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        writer.write(identity.encode() + b"\n")
        try:
            return await reader.readline()
        finally:
            writer.close()

    async def work() -> list[bytes | BaseException]:
        server = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=server_context)
        async with server:
            port = server.sockets[0].getsockname()[1]
            return await asyncio.gather(*(ask(port, *each) for each in keys.items()))

    assert asyncio.run(work()) == [each.encode() + b"\n" for each in keys]


def test_sockets_that_block(way: PskWay, version: ssl.TLSVersion) -> None:
    ours, theirs = socket.socketpair()
    ours.settimeout(60)
    theirs.settimeout(60)
    server = psk_context(is_client=False, psk=PSK, version=version, way=way)
    client = psk_context(is_client=True, psk=PSK, identity="a", version=version, way=way)
    heard: list[tuple[str | None, bytes]] = []

    def serve() -> None:
        with server.wrap_socket(theirs, server_side=True) as tls:
            heard.append((tls.version(), tls.recv(100)))

    thread = threading.Thread(target=serve)
    thread.start()
    with client.wrap_socket(ours) as tls:
        tls.sendall(b"hello")
        thread.join()
    assert heard == [(version.name.replace("_", "."), b"hello")]
