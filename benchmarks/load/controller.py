"""The MRFC of the benchmark: it registers an MRFP, and adds terminations one after the other (H.248.1, text, UDP)."""

from __future__ import annotations

import re
import socket

from replay.events import Endpoint

PATIENCE = 5.0
"s to wait for a message of the MRFP."
_SDP = "{{\nv=0\nc=IN IP4 {at}\nm=message {port} {proto} *\na=setup:{setup}\na=path:{path}\n}}"


class Controller:
    """Orders of one MRFP. TimeoutError when it does not answer, RuntimeError when it refuses."""

    def __init__(self, local: Endpoint) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(local)
        self._socket.settimeout(PATIENCE)
        self._head = b"!/2 [%b]:%d\n" % (local[0].encode(), local[1])
        self._gateway: Endpoint = ("", 0)
        self._count = 0

    def close(self) -> None:
        """Give the place back."""
        self._socket.close()

    def register(self) -> None:
        """Take the ServiceChange of the MRFP."""
        while True:
            text, self._gateway = self._receive()
            asked = re.search(r"\nT=(\d+)\{", text)
            if asked is not None and "SC=ROOT" in text:
                self._send(f"P={asked[1]}{{C=-{{SC=ROOT{{SV{{V=2}}}}}}}}")
                return

    def add(self, context: str, remote_path: str, key: bytes) -> tuple[str, str, Endpoint]:
        """Add a participant who will connect, with a key by TLS-PSK. Returns context, our path, where to connect."""
        proto = "TCP/TLS/MSRP" if key else "TCP/MSRP"
        local = _SDP.format(at="$", port="$", proto=proto, setup="passive", path="$")
        remote = _SDP.format(at="127.0.0.1", port=9, proto=proto, setup="active", path=remote_path)
        secret = f",tlsbsc/psk={key.hex()}" if key else ""
        self._count += 1
        stream = f"ST=1{{O{{MO=SR{secret}}},L{local},R{remote}}}"
        self._send(f"T={self._count}{{C={context}{{A=ip/1/mb/${{M{{{stream}}}}}}}}}")
        while True:
            text, _ = self._receive()
            if f"P={self._count}{{" in text:
                break
        found = re.search(r"C=(\d+)\{.*c=IN IP4 (\S+).*m=message (\d+) .*a=path:(\S+)", text, re.DOTALL)
        if found is None:
            raise RuntimeError(f"the MRFP refused to add a participant: {text}")
        return found[1], found[4], (found[2], int(found[3]))

    def _send(self, text: str) -> None:
        self._socket.sendto(self._head + text.encode(), self._gateway)

    def _receive(self) -> tuple[str, Endpoint]:
        data, sender = self._socket.recvfrom(65536)
        return data.decode(), sender[:2]
