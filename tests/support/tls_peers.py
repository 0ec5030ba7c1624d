"""Real TLS programs talking to each other over loopback, and what passed between them, octet for octet.

OpenSSL's `s_server` and `s_client` (or GnuTLS's programs) are joined by a relay that keeps what each side sent.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from dissectors.tls.events import ApplicationData, Outcome, TlsEvent
from dissectors.tls.observer import TlsObserver
from dissectors.tls.secrets import TlsSecrets

OPENSSL = shutil.which("openssl") or "openssl"
TIMEOUT = 60.0

Chunk = tuple[int, bytes]
"""Direction (0: from who opened the TCP connection) and octets, as one read of the relay gave them."""


class Relay:
    """Passes one TCP connection on to a port of loopback and keeps its octets."""

    def __init__(self, port: int) -> None:
        self.chunks: list[Chunk] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._target = port
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self._listener.settimeout(TIMEOUT)
        try:
            near, _ = self._listener.accept()
        except TimeoutError:
            return
        finally:
            self._listener.close()
        with near, socket.create_connection(("127.0.0.1", self._target)) as far:
            back = threading.Thread(target=self._pass, args=(far, near, 1), daemon=True)
            back.start()
            self._pass(near, far, 0)
            back.join(TIMEOUT)

    def _pass(self, source: socket.socket, sink: socket.socket, direction: int) -> None:
        try:
            while data := source.recv(65536):
                with self._lock:
                    self.chunks.append((direction, data))
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def join(self) -> None:
        """Wait until both directions have ended."""
        self._thread.join(TIMEOUT)


class Peer:
    """A running program with its output collected."""

    def __init__(self, *command: str) -> None:
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0
        )
        self.output = bytearray()
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    def _collect(self) -> None:
        assert self.process.stdout is not None
        while data := self.process.stdout.read(65536):
            with self._changed:
                self.output += data
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def wait_for(self, text: bytes, times: int = 1) -> None:
        """Wait until its output has this text so many times."""
        with self._changed:
            self._changed.wait_for(lambda: self.output.count(text) >= times or not self._thread.is_alive(), TIMEOUT)
        if self.output.count(text) < times:
            raise AssertionError(f"no {text[:40]!r} in: {bytes(self.output[-2000:])!r}")

    def send(self, data: bytes) -> None:
        """Write to its standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write(data)

    def close(self) -> None:
        """Close its standard input, and wait for its end."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            self.stop()

    def stop(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait()
        self._thread.join()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


@dataclass
class Talk:
    """One recorded connection."""

    chunks: list[Chunk]
    sent: tuple[bytes, bytes]
    "Application data by direction, as it went into the programs."
    output: str = field(repr=False, default="")
    "What the client program wrote."


def payload(name: str, lines: int) -> bytes:
    """Lines that no command letter of s_client begins."""
    return b"".join(b"x %s %d %s\n" % (name.encode(), n, b"0123456789abcdef" * 3) for n in range(lines))


def openssl_server(*options: str) -> tuple[Peer, int]:
    """A running `openssl s_server` and its port."""
    server = Peer(OPENSSL, "s_server", "-accept", "127.0.0.1:0", *options)
    server.wait_for(b"ACCEPT 127.0.0.1:")
    deadline = time.monotonic() + TIMEOUT
    while b"\n" not in server.output.partition(b"ACCEPT 127.0.0.1:")[2]:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    port = int(server.output.partition(b"ACCEPT 127.0.0.1:")[2].split()[0])
    return server, port


def openssl_client(port: int, *options: str) -> Peer:
    """A running `openssl s_client`."""
    return Peer(OPENSSL, "s_client", "-connect", f"127.0.0.1:{port}", *options)


COMMANDS = {b"R": b"RENEGOTIATING", b"K": b"KEYUPDATE"}
"""Letters that make s_client renegotiate, or update its key, and what it says then."""


def talk(server: Peer, client: Peer, relay: Relay, *, command: bytes = b"", rounds: int = 2) -> Talk:
    """Send lines both ways, with a command for s_client after each round but the last, and end the connection."""
    sent = [b"", b""]
    try:
        for number in range(rounds):
            for direction, (source, sink) in enumerate(((client, server), (server, client))):
                data = payload(f"{'cs'[direction]}{number}", 3 + 40 * number)
                source.send(data)
                sink.wait_for(data)
                sent[direction] += data
            if command and (number < rounds - 1 or rounds == 1):
                client.send(command + b"\n")
                client.wait_for(COMMANDS[command], number + 1)
        client.close()
        relay.join()
    finally:
        client.stop()
    return Talk(relay.chunks, (sent[0], sent[1]), client.output.decode("latin-1"))


def openssl_talk(
    server_options: list[str], client_options: list[str], *, command: bytes = b"", rounds: int = 2
) -> Talk:
    """One connection between OpenSSL's server and client."""
    server, port = openssl_server(*server_options)
    try:
        relay = Relay(port)
        return talk(server, openssl_client(relay.port, *client_options), relay, command=command, rounds=rounds)
    finally:
        server.stop()


@dataclass
class Observed:
    """What an observer made of a recorded connection."""

    observer: TlsObserver
    events: list[TlsEvent]
    outcome: Outcome

    def data(self, direction: int) -> bytes:
        """Application data of a direction."""
        return b"".join(e.data for e in self.events if isinstance(e, ApplicationData) and e.direction == direction)


def observe(chunks: list[Chunk], secrets: TlsSecrets | None = None, cut: int = 0, context: object = None) -> Observed:
    """Feed a recording, in pieces of at most `cut` octets if given, and end it."""
    observer = TlsObserver(secrets, context=context)
    events: list[TlsEvent] = []
    for direction, data in chunks:
        for at in range(0, len(data), cut or len(data)):
            events += observer.receive_data(direction, data[at : at + (cut or len(data))])
    for direction in (0, 1):
        events += observer.receive_eof(direction)
    return Observed(observer, events, observer.finish())


def make_certificate(folder: Path, run: Callable[..., object] = subprocess.run) -> tuple[str, str]:
    """A fresh RSA key and self-signed certificate: paths of the key and of the certificate."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subject = ("-subj", "/CN=localhost", "-days", "2")
    options = ("-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(certificate))
    run([OPENSSL, "req", "-x509", *options, *subject], check=True, capture_output=True)
    return str(key), str(certificate)
