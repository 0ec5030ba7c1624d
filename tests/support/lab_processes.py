"""A lab whose functions are processes of their own, at loopback addresses and ports that nobody else has.

What a process says is read as it comes; waiting is for what it says, never for a time.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.request import urlopen

from replay.lab.config import LabConfig
from replay.lab.keys import draw_keys
from tests.analyzer.cli.processes import COMMAND

NET = f"127.{192 + (os.getpid() >> 8) % 32}.{os.getpid() & 0xFF}"
PATIENCE = 60.0
"s after which something does not come any more; a loaded machine takes its time."

Details = dict[str, Any]


class LabProcess:
    """`mrfscope lab NAME ...` with its log as JSON."""

    def __init__(self, *arguments: str | Path) -> None:
        self.notes: list[tuple[str, Details]] = []
        "What it noted, with details, in order."
        self.said: list[str] = []
        "Other lines on standard error."
        self._news = threading.Condition()
        self._process = subprocess.Popen(
            [str(COMMAND), "lab", *map(str, arguments), "--log-json"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            with self._news:
                if line.startswith("{"):
                    note = json.loads(line)
                    self.notes.append((note["what"], note.get("details", {})))
                else:
                    self.said.append(line.rstrip("\n"))
                self._news.notify_all()

    def is_up(self) -> None:
        """Wait for its greeting."""
        assert self._process.stdout is not None
        assert self._process.stdout.readline().endswith(" is up.\n"), self.said

    def heard(self, what: str, times: int = 1) -> Details:
        """Wait until it noted this so many times; returns the details of the last."""

        def all_of_them() -> list[Details]:
            return [details for noted, details in self.notes if noted == what]

        with self._news:
            assert self._news.wait_for(lambda: len(all_of_them()) >= times, PATIENCE), (what, self.notes, self.said)
            return all_of_them()[times - 1]

    def signal(self, number: int) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """`kill -9`, and wait until it is gone."""
        self._process.kill()
        assert self._process.wait(PATIENCE) == -signal.SIGKILL

    def ended(self) -> tuple[int, str]:
        """Wait until it ends by itself: its exit code, and its last line."""
        code = self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        assert self._process.stdout is not None
        lines = self._process.stdout.read().splitlines() + self.said
        assert not any("Traceback" in line for line in lines)
        return code, lines[-1]

    def close(self) -> None:
        """End it, whatever it does; one that was told to stop ends with 0."""
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            try:
                self._process.wait(PATIENCE)
            finally:
                self._process.kill()
        self._reader.join(PATIENCE)
        self._process.stdout.close()
        self._process.stderr.close()


class LabProcesses:
    """The lab's file, keys, and the processes; all are ended with the `with` statement."""

    def __init__(self, folder: Path, **values: str | float) -> None:
        """`values` are further keys of the lab's file."""
        self._folder = folder
        self._stack = ExitStack()
        self._ues = 0
        places = {
            "mrfc_sip": self.place(10),
            "mrfc_h248": self.place(10),
            "mrfp_h248": self.place(20),
            "kms": self.place(40),
        }
        lines = [f'{key} = "{place}"' for key, place in places.items()]
        lines.append(f'mrfp_media = "{NET}.30"')
        lines += [
            f'{key} = "{value}"' if isinstance(value, str) else f"{key} = {value}" for key, value in values.items()
        ]
        users = tuple(f"sip:{name}@ims.example.net" for name in ("alice", "bob", "carol", "dave", "erin"))
        self.places = places
        self.config = folder / "lab.toml"
        self.config.write_text("\n".join(lines) + "\n")
        self.keys = folder / "keys.toml"
        self.keys.write_text(draw_keys(LabConfig(users=users)).text())

    def __enter__(self) -> LabProcesses:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def place(self, host: int) -> str:
        """An address of this lab with a port that is free for TCP and UDP."""
        while True:
            with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
                tcp.bind((f"{NET}.{host}", 0))
                port: int = tcp.getsockname()[1]
                try:
                    udp.bind((f"{NET}.{host}", port))
                except OSError:
                    continue
                return f"{NET}.{host}:{port}"

    def start(self, name: str, *arguments: str) -> LabProcess:
        """Start KMS, MRFC or MRFP, and wait until it is up."""
        made = self._run(name, *arguments)
        made.is_up()
        return made

    def ue(self, user: str, *arguments: str) -> LabProcess:
        """Start a UE that dials in; each is at an address of its own."""
        self._ues += 1
        uri = f"sip:{user}@ims.example.net"
        return self._run("ue", "--dial", "chat-17", "--uri", uri, "--at", self.place(50 + self._ues), *arguments)

    def participants(self, *users: str) -> list[LabProcess]:
        """UEs that are in the conference, and stay."""
        made = [self.ue(user, "--stay", "3600") for user in users]
        for each in made:
            each.heard("joined")
        return made

    def _run(self, *arguments: str) -> LabProcess:
        name, *others = arguments
        made = LabProcess(name, "--config", self.config, "--keys", self.keys, *others)
        self._stack.callback(made.close)
        return made


def metric(place: str, line: str) -> str:
    """The value that follows this on a page of metrics; empty where it is not there, or not yet."""
    try:
        with urlopen(f"http://{place}/metrics", timeout=PATIENCE) as answer:
            text: str = answer.read().decode()
    except OSError:
        return ""
    return next((each.removeprefix(line).strip() for each in text.splitlines() if each.startswith(line)), "")
