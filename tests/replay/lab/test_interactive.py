"""`mrfscope lab ue --interactive` at pseudo terminals: two people talk, to all and to each other, and leave."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from replay.lab.interactive import Prompt
from replay.ue import Answer, Leave, Octets, Say, SendContent, SetNickname, Spoken
from tests.analyzer.cli.processes import COMMAND, needs_command

NET = f"127.{160 + (os.getpid() >> 8) % 32}.{os.getpid() & 0xFF}"
"Apart from other runs on this machine."
ROOM = "sip:chat-17@conf.example.net"


@contextmanager
def lab_up(folder: Path) -> Iterator[str]:
    """A lab to join; gives its file."""
    places = {"mrfc_sip": "10:5060", "mrfc_h248": "10:2944", "mrfp_h248": "20:2944", "mrfp_media": "30"}
    places |= {"kms": "40:8080", "ue_sip": "50:5060"}
    path = folder / "lab.toml"
    path.write_text("".join(f'{key} = "{NET}.{place}"\n' for key, place in places.items()))
    command = [str(COMMAND), "lab", "up", "-q", "--config", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as lab:
        assert lab.stdout is not None
        assert lab.stdout.readline().startswith("The lab is up")
        try:
            yield str(path)
        finally:
            lab.send_signal(signal.SIGTERM)
            assert lab.wait(30) == 0


class Person:
    """Somebody at a terminal of their own."""

    def __init__(self, *arguments: str) -> None:
        self._terminal, inside = pty.openpty()
        command = [str(COMMAND), "lab", "ue", "--dial", "chat-17", "--interactive", *arguments]
        self.process = subprocess.Popen(command, stdin=inside, stdout=inside, stderr=inside, close_fds=True)
        os.close(inside)
        self.seen = ""

    def __enter__(self) -> Person:
        return self

    def __exit__(self, *error: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._terminal)

    def type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def sees(self, line: str) -> None:
        """Wait until this line is shown, by itself; what comes before is forgotten."""
        wanted = f"\n{line}\r\n"
        until = time.monotonic() + 60
        while wanted not in f"\n{self.seen}":
            ready, _, _ = select.select([self._terminal], [], [], max(0.0, until - time.monotonic()))
            assert ready, self.seen
            try:
                self.seen += os.read(self._terminal, 65_536).decode("utf-8", "replace")
            except OSError:  # the process is gone
                raise AssertionError(self.seen) from None
        self.seen = f"\n{self.seen}".partition(wanted)[2]


@needs_command
def test_two_people_talk(tmp_path: Path) -> None:
    (tmp_path / "two lines.txt").write_text("first\nsecond\n")
    (tmp_path / "octets").write_bytes(bytes(3000))
    with ExitStack() as stack:
        places = ("--config", stack.enter_context(lab_up(tmp_path)), "--at")
        ann = stack.enter_context(Person(*places, f"{NET}.51:5060", "--uri", "sip:ann@ims.example.net"))
        bob = stack.enter_context(Person(*places, f"{NET}.52:5060", "--uri", "sip:bob@ims.example.net"))
        for person, name in ((ann, "Ann"), (bob, 'Bob "the" builder')):
            person.sees(f"* you are in {ROOM}")
            person.type(f"/nick {name}\n")
            person.sees(f"* the nickname {name} is yours")
        bob.type("/nick ann\n")
        bob.sees("* the nickname ann was refused: 425")
        ann.type("hello, all\n")
        bob.sees("Ann: hello, all")
        ann.type("/to zoe psst\n")
        ann.sees("* zoe was not heard yet; name the URI instead: /to sip:... TEXT")
        bob.type("/to ann psst\n")
        ann.sees('Bob "the" builder (to you alone): psst')
        ann.type('/to bob "the" builder ä\n')
        bob.sees("Ann (to you alone): ä")
        ann.type(f"/file {tmp_path / 'two lines.txt'}\n/file {tmp_path / 'octets'}\n/file {tmp_path}\n/what\n")
        ann.sees(f"* {tmp_path}: cannot be read: Is a directory")
        ann.sees("* a line is said to all; /nick NAME, /to NICK TEXT, /file PATH, /quit")
        for line in ("first", "second", "[application/octet-stream, 3000 octets]"):
            bob.sees(f"Ann: {line}")
        bob.type("/quit\n")
        bob.sees("mrfscope: ue: heard 4 messages, 2 of 3 requests of its own went well; left")
        ann.type("\x04")  # the end of the input
        ann.sees("ue: heard 1 messages, 5 of 5 requests of its own went well; left")
        assert (ann.process.wait(60), bob.process.wait(60)) == (0, 1)


@needs_command
def test_input_that_is_no_terminal(tmp_path: Path) -> None:
    """Lines that come before the call is there are said once it is."""
    with lab_up(tmp_path) as config:
        command = [str(COMMAND), "lab", "ue", "--config", config, "--dial", "chat-17", "--interactive"]
        done = subprocess.run(command, input="one\ntwo", capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1:] == [
        f"* you are in {ROOM}",
        "ue: heard 0 messages, 2 of 2 requests of its own went well; left",
    ]


def test_nobody_writes_to_the_terminal_but_text() -> None:
    shown: list[str] = []
    prompt = Prompt(ROOM, shown.append)
    prompt.heard(Spoken("\x1b[2JEve", "sip:eve@x", ROOM, "text/plain", b"\x1b]0;x\x07\nhi\xff"))
    prompt.heard(Spoken("", "sip:eve@x", "sip:me@x", "image/png", b"12"))
    prompt.heard(Answer(481))
    prompt.heard(Answer(200))
    assert shown == [
        "�[2JEve: �]0;x�",
        "�[2JEve: hi�",
        "sip:eve@x (to you alone): [image/png, 2 octets]",
        "* a message was not delivered: 481",
    ]


def test_what_lines_mean(tmp_path: Path) -> None:
    prompt = Prompt(ROOM, lambda line: None)
    (tmp_path / "a.png").write_bytes(b"x")
    assert prompt.read("  hello ") == Say("hello")
    assert prompt.read("   ") is None
    assert prompt.read("/nick The Ann") == SetNickname("The Ann")
    assert prompt.read("/to sip:bob@x hi there") == Say("hi there", to="sip:bob@x")
    assert prompt.read("/to sip:bob@x") is None
    assert prompt.read(f"/file {tmp_path}/a.png") == SendContent("image/png", Octets(b"x"))
    assert prompt.read("/quit") == Leave()
    assert prompt.read("/nick") is None
