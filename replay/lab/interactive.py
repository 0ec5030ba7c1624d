"""A participant at a terminal: a line that is typed is said, what others say is shown with their nicknames.

hello                to everybody
/nick NAME           ask for a nickname (RFC 7701 section 7)
/to NICK TEXT        to one participant, by nickname or by URI (RFC 7701 section 6.2)
/file PATH           send a file to everybody
/quit                leave; so does the end of the input
"""

from __future__ import annotations

import asyncio
import math
import mimetypes
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from replay.lab.lab import Lab
from replay.ue import Action, Answer, Leave, Octets, Say, SendContent, SetNickname, Spoken, Step, Ue

HELP = "a line is said to all; /nick NAME, /to NICK TEXT, /file PATH, /quit"
LONGEST_LINE = 1 << 16
"Octets typed without an end of line; more are said as they are."


@dataclass(slots=True)
class Prompt:
    """What lines mean, and how messages are shown; `show` writes one line."""

    conference: str
    show: Callable[[str], None]
    known: dict[str, str] = field(default_factory=dict)
    "URIs of those who were heard, by nickname in lower case."

    def read(self, line: str) -> Action | None:
        """What to do for a line; None where there is nothing to be done, which is said where it is a mistake."""
        word, _, rest = line.strip().partition(" ")
        rest = rest.strip()
        if not word.startswith("/"):
            return Say(line.strip()) if word else None
        if word == "/quit":
            return Leave()
        if word == "/nick" and rest:
            return SetNickname(rest)
        if word == "/to" and rest:
            return self._private(rest)
        if word == "/file" and rest:
            return self._file(Path(rest).expanduser())
        self.show(f"* {HELP}")
        return None

    def _private(self, rest: str) -> Action | None:
        # A nickname may have blanks: the longest one that fits.
        for name in sorted(self.known, key=len, reverse=True):
            if rest.lower().startswith(f"{name} "):
                return Say(rest[len(name) :].strip(), to=self.known[name])
        name, _, text = rest.partition(" ")
        if name.startswith(("sip:", "sips:")) and text:
            return Say(text.strip(), to=name)
        self.show(f"* {_plain(name)} was not heard yet; name the URI instead: /to sip:... TEXT")
        return None

    def _file(self, path: Path) -> Action | None:
        try:
            octets = path.read_bytes()
        except OSError as error:
            self.show(f"* {_plain(str(path))}: cannot be read: {error.strerror or error}")
            return None
        return SendContent(mimetypes.guess_type(path.name)[0] or "application/octet-stream", Octets(octets))

    def heard(self, news: Spoken | Answer) -> None:
        """Show what somebody said, or that something of ours went wrong."""
        if isinstance(news, Answer):
            if news.nickname:
                what = "is yours" if news.status == 200 else f"was refused: {news.status}"
                self.show(f"* the nickname {_plain(news.nickname)} {what}")
            elif news.status != 200:
                self.show(f"* a message was not delivered: {news.status}")
            return
        name = _plain(news.name or news.uri)
        if news.name and news.uri:
            self.known[news.name.lower()] = news.uri
        if news.to and news.to.lower() != self.conference.lower():
            name += " (to you alone)"
        if news.content_type.lower().startswith("text/"):
            for line in news.content.decode("utf-8", "replace").splitlines() or [""]:
                self.show(f"{name}: {_plain(line)}")
        else:
            self.show(f"{name}: [{_plain(news.content_type)}, {len(news.content)} octets]")


def _plain(text: str) -> str:
    """Without what a terminal would act on."""
    return "".join(each if each.isprintable() else "�" for each in text)


async def converse(lab: Lab, ue: Ue, prompt: Prompt, source: int) -> None:
    """Say what is typed at a file descriptor, until it ends; then leave once all is answered."""
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str | None] = asyncio.Queue()

    def read() -> None:
        for line in _lines(source):
            loop.call_soon_threadsafe(lines.put_nowait, line)

    # A thread of its own: a terminal, a pipe and a file cannot all be watched by the loop. It ends with the process.
    threading.Thread(target=read, daemon=True).start()
    ue.talk.listener = prompt.heard
    await _say(lab, ue, prompt, lines)


async def welcome(lab: Lab, ue: Ue, prompt: Prompt) -> None:
    """Say so once it has joined."""
    if ue.call is None or not ue.call.was_in:
        await lab.noted(ue.name, "joined", math.inf)
    prompt.show(f"* you are in {ue.call.conference if ue.call is not None else prompt.conference}")


async def _say(lab: Lab, ue: Ue, prompt: Prompt, lines: asyncio.Queue[str | None]) -> None:
    loop = asyncio.get_running_loop()
    while (line := await lines.get()) is not None:
        action = prompt.read(line)
        if isinstance(action, Leave):
            break
        if action is not None:
            lab.do(ue.name, list(ue.do_next(Step(do=action), loop.time())))
    if ue.call is not None:
        lab.do(ue.name, list(ue.do_next(Step(do=Leave(), settled=True), loop.time())))


def _lines(source: int) -> Iterator[str | None]:
    """Lines without their ends, then None."""
    rest = b""
    while data := _read(source):
        *whole, rest = (rest + data).split(b"\n")
        if len(rest) > LONGEST_LINE:
            whole, rest = [*whole, rest], b""
        for line in whole:
            yield line.decode("utf-8", "replace").rstrip("\r")
    if rest:
        yield rest.decode("utf-8", "replace")
    yield None


def _read(source: int) -> bytes:
    try:
        return os.read(source, 65_536)
    except OSError:
        return b""  # the terminal is gone
