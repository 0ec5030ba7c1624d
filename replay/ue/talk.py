"""What a participant says and hears: CPIM messages to the room or to one, nicknames (RFC 7701, RFC 3862)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from dissectors.errors import DecodeError
from dissectors.msrp import CpimMessage, build_cpim, decode_cpim
from dissectors.sip import parse_name_addr
from replay.ue.call import Call
from replay.ue.connection import Link
from replay.ue.content import Content, Headed, Octets
from replay.ue.msrp_session import Heard, Settled, Tally
from replay.ue.script import Say, SendContent, SetNickname
from replay.ue.ways import Ways

MAX_KEPT = 1000
"Texts of messages that are kept."


@dataclass(frozen=True, slots=True)
class Spoken:
    """A message that came, as its CPIM headers tell it."""

    name: str
    "The formal name of who says it; may be empty."
    uri: str
    to: str
    "Whom it is for: the conference, or us alone."
    content_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of something that we said."""

    status: int
    nickname: str = ""
    "Where a nickname was asked for."


class Talk:
    """The words of one UE."""

    def __init__(self, ways: Ways, tally: Tally) -> None:
        self.ways = ways
        self.tally = tally
        self.nickname = ""
        self.listener: Callable[[Spoken | Answer], None] = lambda news: None
        "Told what is said to us, and what becomes of what we say."
        self._asked: dict[str, str] = {}
        "Nicknames that we asked for."

    def do(self, call: Call, action: Say | SendContent | SetNickname, now: float) -> None:
        """Say it, if the session is there."""
        connection = call.connection
        if connection is None or connection.msrp is None or connection.link is not Link.UP:
            return
        if isinstance(action, SetNickname):
            self._asked[connection.msrp.set_nickname(action.nickname, now)] = action.nickname
            return
        if isinstance(action, Say):
            to = action.to or call.conference
            message = self.cpim(to, "text/plain; charset=utf-8", Octets(action.text.encode()), now)
        else:
            message = self.cpim(call.conference, action.content_type, action.content, now)
        connection.msrp.send("message/cpim", message, now, success_report=action.success_report)

    def cpim(self, to: str, content_type: str, content: Content, now: float) -> Content:
        """The content in a CPIM message from us."""
        at = datetime.fromtimestamp(self.ways.unix(now), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        name = self.nickname if self.ways.config.goes_by_nickname else ""
        headers = [("From", self.ways.named(name)), ("To", f"<{to}>"), ("DateTime", at)]
        return Headed(build_cpim(headers, content_type, b"").head, content)

    def answered(self, settled: Settled) -> None:
        """Something that we said was answered, or will not be."""
        nickname = self._asked.pop(settled.message_id, "")
        if nickname and settled.status == 200:
            self.nickname = nickname
        self.listener(Answer(settled.status, nickname))

    def keep(self, heard: Heard) -> None:
        """Keep the text of a message that came, and tell the listener of it."""
        body = heard.message.body
        if body is None:
            return
        try:
            cpim = decode_cpim(body)
        except DecodeError:
            return
        self.listener(_spoken(cpim))
        if cpim.content_type.lower().startswith("text/"):
            self.tally.last.append(cpim.body.decode("utf-8", "replace"))
            del self.tally.last[:-MAX_KEPT]


def _spoken(cpim: CpimMessage) -> Spoken:
    names = []
    for header in ("From", "To"):
        try:
            found = cpim.header(header)
            named = parse_name_addr(found.text if found is not None else "")
        except DecodeError:
            names += ["", ""]
        else:
            names += [named.display_name, named.uri]
    return Spoken(names[0], names[1], names[3], cpim.content_type, cpim.body)
