"""Record `e2e-openssl`: the scenario of `recorded.toml` with real TLS, `openssl s_client` and `s_server` on loopback.

    python -m samples.record_openssl [--output FILE]

The two processes speak through a relay, which is this program: what passes is what the capture holds, octet for octet,
in TCP segments, addresses and times of the scenario. Each MSRP message is written to one process's input and must come
out of the other's. Randoms are OpenSSL's, so no two recordings are the same: the capture is kept, not rebuilt.
"""

from __future__ import annotations

import argparse
import os
import select
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

if __package__ in (None, ""):  # run as a file: python samples/record_openssl.py
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from samples.builder import Builder
from samples.pcapng import encode
from samples.scenario import Scenario
from samples.tls_psk import CLIENT, SERVER, TlsParameters

DESCRIPTION = Path(__file__).resolve().parent / "e2e-openssl" / "recorded.toml"
NAMES = {
    "TLS_PSK_WITH_AES_128_CBC_SHA": "PSK-AES128-CBC-SHA",
    "TLS_PSK_WITH_AES_128_CBC_SHA256": "PSK-AES128-CBC-SHA256",
    "TLS_PSK_WITH_AES_128_GCM_SHA256": "PSK-AES128-GCM-SHA256",
}
"Cipher suites as OpenSSL calls them."
QUIET_S = 0.3
"Seconds without octets after which a side has said what it has to say."
PATIENCE_S = 10.0


class RecordingError(RuntimeError):
    """OpenSSL did not do what the scenario needs; the message says what."""


@dataclass
class OpensslSession:
    """Both ends of one TLS session, with the interface of `samples.tls_psk.TlsSession`."""

    parameters: TlsParameters
    _processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _sockets: list[socket.socket] = field(default_factory=list)
    "The relay's connections to the two processes, by side."
    _pending: list[bytes] = field(default_factory=lambda: [b"", b""])
    "What each side sent and the other has not got yet."

    agrees = True

    def client_hello(self) -> bytes:
        """Start both; flight 1."""
        self._start()
        return self._said(CLIENT)

    def server_flight(self) -> bytes:
        """Flight 2."""
        self._hand_over(CLIENT)
        return self._said(SERVER)

    def client_flight(self) -> bytes:
        """Flight 3."""
        self._hand_over(SERVER)
        return self._said(CLIENT)

    def server_finish(self) -> bytes:
        """Flight 4, with a session ticket if the server gives one."""
        self._hand_over(CLIENT)
        return self._said(SERVER)

    def data(self, side: int, octets: bytes) -> bytes:
        """Put octets into one process, and see them come out of the other."""
        self._hand_over(1 - side)
        into = self._processes[side].stdin
        assert into is not None
        into.write(octets)
        into.flush()
        sent = self._said(side)
        self._hand_over(side)
        self._pending[side] = b""
        if self._output(1 - side, len(octets)) != octets:
            raise RecordingError("what came out is not what went in")
        return sent

    def alert(self, side: int, name: str, *, fatal: bool = True) -> bytes:
        """close_notify, which the client sends when its input ends."""
        if name != "close_notify" or fatal or side != CLIENT:
            raise RecordingError(f"OpenSSL cannot be made to send {name} here")
        into = self._processes[side].stdin
        assert into is not None
        into.close()
        return self._said(side)

    def key_log_line(self) -> str:
        """Not known: use the PSK."""
        raise NotImplementedError

    def close(self) -> None:
        """End both processes and the relay."""
        for each in self._sockets:
            each.close()
        for process in self._processes:
            process.terminate()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None and not pipe.closed:
                    pipe.close()

    # ------------------------------------------------------------------ the relay

    def _start(self) -> None:
        psk, identity = self.parameters.psk.hex(), self.parameters.psk_identity.decode()
        # The PSK stands in the process list while this runs: it is a sample's, made up and published.
        common = ["-quiet", "-tls1_2", "-psk", psk, "-psk_identity", identity]
        common += ["-cipher", NAMES[self.parameters.suite]]
        hint = ["-psk_hint", self.parameters.psk_hint.decode()] if self.parameters.psk_hint is not None else []
        with socket.create_server(("127.0.0.1", 0)) as reserved:
            port = reserved.getsockname()[1]
        server = _run(["s_server", "-accept", f"127.0.0.1:{port}", "-nocert", "-naccept", "1", *hint, *common])
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(PATIENCE_S)
            near = listener.getsockname()[1]
            client = _run(["s_client", "-connect", f"127.0.0.1:{near}", *common, "-no_ign_eof"])
            self._processes = [client, server]
            from_client, _ = listener.accept()
        self._sockets = [from_client, _connect(port)]

    def _said(self, side: int) -> bytes:
        """What one side says until it is quiet."""
        found = b""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            ready, _, _ = select.select([self._sockets[side]], [], [], QUIET_S)
            if not ready and found:
                break
            part = self._sockets[side].recv(65536) if ready else b""
            if ready and not part:
                break
            found += part
        if not found:
            raise RecordingError(f"the {'server' if side else 'client'} said nothing")
        self._pending[side] += found
        return found

    def _hand_over(self, side: int) -> None:
        """Give the other side what this one said."""
        if self._pending[side]:
            self._sockets[1 - side].sendall(self._pending[side])
            self._pending[side] = b""

    def _output(self, side: int, size: int) -> bytes:
        pipe = self._processes[side].stdout
        assert pipe is not None
        found = b""
        end = time.monotonic() + PATIENCE_S
        while len(found) < size and time.monotonic() < end:
            ready, _, _ = select.select([pipe], [], [], QUIET_S)
            if ready:
                found += os.read(pipe.fileno(), size - len(found))
        return found


def _run(arguments: list[str]) -> subprocess.Popen[bytes]:
    command = ["openssl", *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def _connect(port: int) -> socket.socket:
    """The server needs a moment until it listens."""
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        except ConnectionRefusedError:
            if time.monotonic() > end:
                raise RecordingError("openssl s_server does not listen") from None
            time.sleep(0.05)


def record(description: Path = DESCRIPTION) -> bytes:
    """A capture with real TLS. Raises RecordingError, ScenarioError, OSError."""
    scenario = Scenario.load(description)
    sessions: list[OpensslSession] = []

    def real(parameters: TlsParameters) -> OpensslSession:
        sessions.append(OpensslSession(parameters))
        return sessions[-1]

    try:
        return encode(Builder(scenario, tls=real).build(), scenario.interface)
    finally:
        for session in sessions:
            session.close()


def main(arguments: list[str] | None = None) -> int:
    """Record, and write the capture."""
    parser = argparse.ArgumentParser(prog="samples.record_openssl", description=__doc__)
    parser.add_argument("--output", type=Path, default=DESCRIPTION.with_name("capture.pcapng"))
    options = parser.parse_args(arguments)
    try:
        data = record()
    except (RecordingError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    options.output.write_bytes(data)
    print(f"{options.output}: {len(data)} octets")
    return 0


if __name__ == "__main__":
    sys.exit(main())
