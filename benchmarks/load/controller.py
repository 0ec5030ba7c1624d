"""The MRFC of the benchmark: it registers an MRFP, and adds terminations one after the other (H.248.1, text, UDP).

A thread takes what comes, so that the MRFP is answered, and does not take us for gone, while others are busy.
"""

from __future__ import annotations

import queue
import re
import socket
import threading

from replay.events import Endpoint

PATIENCE = 10.0
"s to wait for a message of the MRFP."
_SDP = "{{\nv=0\nc=IN IP4 {at}\nm=message {port} {proto} *\na=setup:{setup}\na=path:{path}\n}}"
_ASKED = re.compile(r"\nT=(\d+)\{C=-\{(SC|N)=ROOT")


class Controller:
    """Orders of one MRFP. TimeoutError when it does not answer, RuntimeError when it refuses."""

    def __init__(self, local: Endpoint) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(local)
        self._socket.settimeout(0.2)
        self._head = b"!/2 [%b]:%d\n" % (local[0].encode(), local[1])
        self._gateway: Endpoint = ("", 0)
        self._registered = threading.Event()
        self._replies: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._is_closed = False
        self._count = 0
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Give the place back."""
        self._is_closed = True
        self._thread.join()
        self._socket.close()

    def register(self) -> None:
        """Wait for the ServiceChange of the MRFP."""
        if not self._registered.wait(PATIENCE):
            raise TimeoutError("the MRFP did not register")

    def add(self, context: str, remote_path: str, key: bytes) -> tuple[str, str, Endpoint]:
        """Add a participant who will connect, with a key by TLS-PSK. Returns context, our path, where to connect."""
        proto = "TCP/TLS/MSRP" if key else "TCP/MSRP"
        local = _SDP.format(at="$", port="$", proto=proto, setup="passive", path="$")
        remote = _SDP.format(at="127.0.0.1", port=9, proto=proto, setup="active", path=remote_path)
        secret = f",tlsbsc/psk={key.hex()}" if key else ""
        self._count += 1
        stream = f"ST=1{{O{{MO=SR{secret}}},L{local},R{remote}}}"
        self._send(f"T={self._count}{{C={context}{{A=ip/1/mb/${{M{{{stream}}}}}}}}}")
        try:
            while f"P={self._count}{{" not in (text := self._replies.get(timeout=PATIENCE)):
                pass
        except queue.Empty:
            raise TimeoutError("the MRFP did not answer") from None
        found = re.search(r"C=(\d+)\{.*c=IN IP4 (\S+).*m=message (\d+) .*a=path:(\S+)", text, re.DOTALL)
        if found is None:
            raise RuntimeError(f"the MRFP refused to add a participant: {text}")
        return found[1], found[4], (found[2], int(found[3]))

    def _listen(self) -> None:
        while not self._is_closed:
            try:
                data, sender = self._socket.recvfrom(65536)
            except TimeoutError:
                continue
            text = data.decode()
            asked = _ASKED.search(text)
            if asked is None:
                self._replies.put(text)
                continue
            self._gateway = sender[:2]
            registers = asked[2] == "SC"
            self._send(f"P={asked[1]}{{C=-{{{asked[2]}=ROOT{'{SV{V=2}}' if registers else ''}}}}}")
            if registers:
                self._registered.set()

    def _send(self, text: str) -> None:
        self._socket.sendto(self._head + text.encode(), self._gateway)
