"""The command that `mrfscope lab up --openssl` prints, run as it stands: openssl is in the conference, and is heard."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import pytest
from oracles import need

from analyzer.keys.keys_file import read_keys
from tests.analyzer.cli.processes import COMMAND, mrfscope, needs_command

pytestmark = [needs_command, pytest.mark.interop]

NET = f"127.{64 + (os.getpid() >> 8) % 32}.{os.getpid() & 0xFF}"
"Apart from other runs on this machine."
CHATTER = 60.0
"s for something to be said; a loaded machine is slow."


def lab_file(folder: Path) -> Path:
    places = {"mrfc_sip": "10:5060", "mrfc_h248": "10:2944", "mrfp_h248": "20:2944", "mrfp_media": "30"}
    places |= {"kms": "40:8080", "ue_sip": "50:5060", "openssl_sip": "52:5060"}
    path = folder / "lab.toml"
    path.write_text("".join(f'{key} = "{NET}.{place}"\n' for key, place in places.items()))
    return path


@contextmanager
def lab_up(*options: str | Path) -> Iterator[str]:
    """A lab; gives the command that it prints for openssl."""
    command = [str(COMMAND), "lab", "up", "-q", "--openssl", *map(str, options)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as lab:
        assert lab.stdout is not None
        try:
            lines = iter(lab.stdout.readline, "")
            yield next(line for line in lines if "openssl s_client" in line).removeprefix("  openssl     ").strip()
        finally:
            lab.send_signal(signal.SIGTERM)
            assert lab.wait(30) == 0


class Typist:
    """Somebody at a shell in which the command runs."""

    def __init__(self, command: str, folder: Path) -> None:
        pipe = subprocess.PIPE
        self.shell = subprocess.Popen(
            ["sh", "-c", command], stdin=pipe, stdout=pipe, text=True, cwd=folder, start_new_session=True
        )
        self._kill = threading.Timer(CHATTER, self._end)
        self._kill.start()
        self.seen = ""

    def until(self, text: str) -> None:
        """Read until this was shown."""
        while text not in self.seen:
            line = _pipe(self.shell.stdout).readline()
            assert line, self.seen
            self.seen += line

    def type(self, text: str) -> None:
        _pipe(self.shell.stdin).write(text)
        _pipe(self.shell.stdin).flush()

    def leave(self) -> None:
        self._kill.cancel()
        self._end()
        self.shell.communicate(timeout=60)

    def _end(self) -> None:
        """The shell and all that it started."""
        with suppress(ProcessLookupError):
            os.killpg(self.shell.pid, signal.SIGKILL)


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


def test_the_printed_command_joins(tmp_path: Path) -> None:
    """Rows DOUT-12 and DOUT-13 with a TLS of others; twice, since the leg outlives the connection."""
    need("openssl")
    keys, config, capture = tmp_path / "keys of it.toml", lab_file(tmp_path), tmp_path / "x.pcapng"
    with lab_up("--config", config, "--keys-out", keys, "-w", capture) as command:
        found = [each for each in read_keys(keys.read_text(), keys).keys if each.kind.value == "psk"]
        assert len(found) == 1
        assert found[0].key.hex() not in command
        first = Typist(command, tmp_path)
        first.until("MSRP hello1 200 OK")
        first.leave()
        typist = Typist(command, tmp_path)
        typist.until("-------hello1$")
        said = ("--dial", "chat-17", "--say", "hello openssl", "--hear", "1", "-q")
        ue = subprocess.Popen(
            [str(COMMAND), "lab", "ue", "--config", str(config), *said], stdout=subprocess.PIPE, text=True
        )
        typist.until("hello openssl")
        to_path, from_path = re.findall(r"(?:To|From)-Path: (\S+?)\\n", command)
        typist.type(
            f"MSRP hello2 SEND\nTo-Path: {to_path}\nFrom-Path: {from_path}\nMessage-ID: hello2\n"
            "Content-Type: message/cpim\n\nFrom: <sip:openssl@ims.example.net>\nTo: <sip:chat-17@conf.example.net>\n\n"
            "Content-Type: text/plain\n\nHello by hand\n-------hello2$\n"
        )
        typist.until("MSRP hello2 200 OK")
        heard, _ = ue.communicate(timeout=60)
        assert (ue.returncode, heard) == (0, "ue: heard 1 messages, 1 of 1 requests of its own went well; left\n")
        typist.leave()
    report = json.loads(mrfscope("analyze", capture, "-k", keys, "-f", "json").stdout)
    assert sorted(each["verdict"] for each in report["sessions"]) == ["failed", "ok"]
    (leg,) = (each for each in report["sessions"] if each["verdict"] == "failed")
    # The lab was stopped in mid-call, and openssl killed before it could say close_notify; the keys opened TLS.
    assert {each["code"] for each in leg["findings"]} == {"SIP-REASON", "TLS-5"}


def test_the_key_is_shown_when_asked_for(tmp_path: Path) -> None:
    need("openssl")
    with lab_up("--config", lab_file(tmp_path), "--show-keys") as command:
        assert re.search(r'-psk "[0-9a-f]{32}"$', command)
        typist = Typist(command, tmp_path)
        typist.until("MSRP hello1 200 OK")
        typist.leave()


def test_a_wrong_key_ends_the_call_and_another_is_made(tmp_path: Path) -> None:
    """Row DIN-F of a leg that was dialled out: TLS failed, BYE; then a new call with a key of its own."""
    need("openssl")
    config = lab_file(tmp_path)
    command = [str(COMMAND), "lab", "up", "-q", "--openssl", "--show-keys", "--config", str(config)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as lab:
        lines = (line for line in iter(_pipe(lab.stdout).readline, "") if "openssl s_client" in line)
        first = next(lines).removeprefix("  openssl     ").strip()
        wrong = re.sub(r'-psk "\w+"', f'-psk "{"00" * 16}"', first)
        done = subprocess.run(["sh", "-c", wrong], input="", capture_output=True, text=True, timeout=60, check=False)
        assert "MSRP" not in done.stdout
        second = next(lines).removeprefix("  openssl     ").strip()
        assert second != first
        typist = Typist(second, tmp_path)
        typist.until("MSRP hello1 200 OK")
        typist.leave()
        lab.send_signal(signal.SIGTERM)
        assert lab.wait(30) == 0
