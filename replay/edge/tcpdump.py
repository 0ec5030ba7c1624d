"""Records an interface with tcpdump: from the first packet to the last, and says what the kernel dropped."""

from __future__ import annotations

import ctypes
import re
import secrets
import signal
import socket
import subprocess
import threading
from types import TracebackType
from typing import IO, BinaryIO

from analyzer.export.pcapng import PcapngWriter
from replay.edge.namespace import UnavailableError
from replay.edge.pcap_stream import PcapStream

BUFFER = 32_768
"KiB that the kernel keeps for tcpdump."
BETWEEN_HOSTS = "ip[12:4] != ip[16:4]"
"Filter: what a host says to itself is on no wire."
MARK_FROM, MARK_TO = "127.0.0.1", ("127.0.0.2", 9)
MARK_AGAIN = 0.5
"s after which the mark is sent again."
PATIENCE = 30.0
"s for tcpdump to begin, to come to the end, and to go."
PR_SET_PDEATHSIG = 1


def command(interface: str) -> list[str]:
    """tcpdump that writes pcap to its standard output, each packet at once (`--immediate-mode`, `-U`).

    It stays root (`-Z`): a change of user would undo that it dies with us.
    """
    options = ["--immediate-mode", "-U", "-n", "-p", "-B", str(BUFFER), "--time-stamp-precision=nano", "-Z", "root"]
    return ["tcpdump", "-i", interface, *options, "-w", "-", BETWEEN_HOSTS]


def dropped(said: str) -> int:
    """Packets that are missing from the recording, by what tcpdump says at its end; -1 where it does not say."""
    counts = re.findall(r"^(\d+) packets? dropped by (?:kernel|interface)", said, re.M)
    return sum(map(int, counts)) if counts else -1


class Tcpdump:
    """Records while it is entered; leaving it without an error waits until all that was sent is written."""

    def __init__(self, out: BinaryIO, interface: str) -> None:
        self._out = out
        self._command = command(interface)
        self._mark = secrets.token_bytes(32)
        self._stream = PcapStream(PcapngWriter("mrfscope lab, tcpdump"), self._mark)
        self._begun, self._complete = threading.Event(), threading.Event()
        "It listens, or never will; all that it recorded is converted, or never will be."
        self._is_listening = False
        self._said: list[str] = []
        self._error: OSError | None = None
        self._threads: list[threading.Thread] = []
        self.dropped = 0
        "Packets that the kernel could not keep for tcpdump; -1: it did not say."

    def __enter__(self) -> Tcpdump:
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C at a terminal is for us; we end it
            preexec_fn=_die_with_parent,
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        for read, pipe in ((self._convert, self._process.stdout), (self._listen, self._process.stderr)):
            thread = threading.Thread(target=read, args=(pipe,), daemon=True)
            thread.start()
            self._threads.append(thread)
        try:
            self._begun.wait(PATIENCE)
            if not self._is_listening:
                raise UnavailableError(f"tcpdump record: {self._last_words(2)}")
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._await_mark()
        finally:
            self._end()
        if kind is not None:
            return
        if self._error is not None:
            raise self._error
        self.dropped = dropped("".join(self._said))
        if not self._stream.ended:
            raise OSError(0, f"tcpdump ended before the recording was complete: {self._last_words()}")

    def _end(self) -> None:
        """Have it go, by force where need be."""
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(PATIENCE)
        except BaseException:  # also a second Ctrl-C
            self._process.kill()
            raise
        finally:
            self._process.wait()
            for thread in self._threads:
                thread.join(PATIENCE)
            for pipe in (self._process.stdout, self._process.stderr):
                assert pipe is not None
                pipe.close()

    def _await_mark(self) -> None:
        """Send the last packet of the recording, again where the kernel dropped it, until tcpdump has seen it."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.bind((MARK_FROM, 0))
            for _ in range(int(PATIENCE / MARK_AGAIN)):
                sender.sendto(self._mark, MARK_TO)
                if self._complete.wait(MARK_AGAIN):
                    return

    def _convert(self, pipe: IO[bytes]) -> None:
        try:
            while data := pipe.read1(1 << 16):  # type: ignore[attr-defined]
                if self._error is None:
                    self._write(data)
        finally:
            self._complete.set()

    def _write(self, data: bytes) -> None:
        try:
            self._out.write(self._stream.feed(data))
        except OSError as error:
            self._error = error
        except ValueError as error:
            self._error = OSError(0, str(error))
        if self._stream.ended or self._error is not None:
            self._complete.set()

    def _listen(self, pipe: IO[bytes]) -> None:
        """What it says; it says where it listens once it does."""
        for line in pipe:
            self._said.append(line.decode("utf-8", "replace"))
            if b"listening on" in line:
                self._is_listening = True
                self._begun.set()
        self._begun.set()

    def _last_words(self, lines: int = 1) -> str:
        said = " ".join(each.strip() for each in self._said[-lines:])
        return said.removeprefix("tcpdump: ") or "it says nothing"


def _die_with_parent() -> None:
    """In the process that becomes tcpdump: it ends when we do, whatever ends us."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
