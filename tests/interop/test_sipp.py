"""SIPp dials into the lab's conference and leaves, many times at once: its SIP, our MRFC and MRFP."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest
from oracles import need

from tests.analyzer.cli.processes import COMMAND, ROOT, mrfscope, needs_command

pytestmark = [needs_command, pytest.mark.interop]

NET = f"127.{32 + (os.getpid() >> 8) % 32}.{os.getpid() & 0xFF}"
"Apart from other runs on this machine."
CALLS = 500
RATE = 100
"Calls begun in a second."
AT_ONCE = 100
"Calls at a time, however slow the machine is: a conference takes 200."


@contextmanager
def lab_up(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """`mrfscope lab up`, ended by SIGTERM."""
    places = ["--mrfc-sip", f"{NET}.10:5060", "--mrfc-h248", f"{NET}.10:2944", "--mrfp-h248", f"{NET}.20:2944"]
    places += ["--mrfp-media", f"{NET}.30", "--kms", f"{NET}.40:8080"]
    places += ["--metrics", f"{NET}.60:9100"]
    command = [str(COMMAND), "lab", "up", "-q", "-w", str(folder / "sipp.pcapng"), *places]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as lab:
        assert lab.stdout is not None
        assert lab.stdout.readline().startswith("The lab is up")
        try:
            yield lab
        finally:
            lab.send_signal(signal.SIGTERM)
            _, said = lab.communicate(timeout=60)
        assert (lab.returncode, said) == (0, "")


class MsrpEnd:
    """Takes MSRP connections where SIPp says that they go, and answers every SEND with 200, and no more."""

    def __init__(self, address: str) -> None:
        self.answered = 0
        self._place = socket.create_server((address, 7394), backlog=CALLS)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._place.shutdown(socket.SHUT_RDWR)
        self._place.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._place.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        octets = b""
        with connection:
            while data := connection.recv(65536):
                octets += data
                while (head := re.search(rb"MSRP (\S+) SEND\r\n(.*?)-------\1\$\r\n", octets, re.S)) is not None:
                    to_path, from_path = (
                        re.search(name + rb": (.*?)\r\n", head[2])[1]  # type: ignore[index]
                        for name in (b"To-Path", b"From-Path")
                    )
                    octets = octets[head.end() :]
                    lines = (b"MSRP %b 200 OK" % head[1], b"To-Path: " + from_path, b"From-Path: " + to_path)
                    connection.sendall(b"\r\n".join((*lines, b"-------%b$\r\n" % head[1])))
                    self.answered += 1


def held() -> dict[str, float]:
    """What MRFC and MRFP hold, and the connections that are open."""
    with urlopen(f"http://{NET}.60:9100/metrics", timeout=60) as answer:
        text = answer.read().decode()
    return {
        (kind or function + " connections"): float(value)
        for kind, function, value in re.findall(
            r'^mrfscope_lab_(?:in_use\{function="\w+",kind="(\w+)"|connections\{function="(\w+)")\} (\S+)$', text, re.M
        )
    }


def until_nothing_is_held() -> dict[str, float]:
    """The last SIPp call is over once it has its 200; the MRFP may still be at its Subtract."""
    until = time.monotonic() + 60
    while any((found := held()).values()) and time.monotonic() < until:
        time.sleep(0.1)
    return found


@pytest.mark.parametrize("transport", ["u1", "t1"])
def test_sipp_dials_in_and_leaves(transport: str, tmp_path: Path) -> None:
    """Every call goes through, ends by BYE, is judged `ok`; nothing is left of them afterwards."""
    sipp = need("sipp")
    (scenario,) = re.findall(r"```xml\n(.*?)```", (ROOT / "docs" / "lab.md").read_text(), re.S)
    (tmp_path / "dial-in.xml").write_text(scenario)
    end = MsrpEnd(f"{NET}.50")
    with lab_up(tmp_path):
        command = [sipp, f"{NET}.10:5060", "-sf", "dial-in.xml", "-s", "chat-17", "-i", f"{NET}.50", "-p", "5070"]
        command += [
            "-t",
            transport,
            "-m",
            str(CALLS),
            "-r",
            str(RATE),
            "-l",
            str(AT_ONCE),
            "-nostdin",
            "-timeout",
            "90",
            "-trace_err",
        ]
        screen = tmp_path / "screen.txt"
        with screen.open("w") as out, subprocess.Popen(command, cwd=tmp_path, stdout=out) as running:
            most = 0.0
            while running.poll() is None:
                most = max(most, held().get("terminations", 0.0))
                time.sleep(0.1)
        left = until_nothing_is_held()
    end.close()
    # On a slow machine a request is repeated; the answer to the repetition may come when SIPp is done with the call.
    errors = "".join(path.read_text() for path in tmp_path.glob("*errors.log"))
    events = re.findall(r"^\S+\t\S+\t\S+: (.*)", errors, re.M)
    troubles = [
        each for each in events if not re.match(r"Dead call \S+ \(successful\), received 'SIP/2.0 200 OK", each)
    ]
    assert (running.returncode, troubles) == (0, []), screen.read_text()[-2000:]
    assert most > 1
    assert end.answered == CALLS
    assert left == {
        "calls": 0,
        "conferences": 0,
        "contexts": 0,
        "terminations": 0,
        "mrfp connections": 0,
        **({"mrfc connections": 0} if transport == "t1" else {}),
    }
    judged = mrfscope("analyze", tmp_path / "sipp.pcapng", "-f", "json")
    assert [(each["verdict"], each["findings"]) for each in json.loads(judged.stdout)["sessions"]] == [
        ("ok", [])
    ] * CALLS
