"""What a participant says and hears: CPIM messages to the room or to one, nicknames (RFC 7701, RFC 3862)."""

from __future__ import annotations

from datetime import UTC, datetime

from dissectors.errors import DecodeError
from dissectors.msrp import build_cpim, decode_cpim
from replay.ue.call import Call
from replay.ue.connection import Link
from replay.ue.content import Content, Headed, Octets
from replay.ue.msrp_session import Heard, Tally
from replay.ue.script import Say, SendContent, SetNickname
from replay.ue.ways import Ways

MAX_KEPT = 1000
"Texts of messages that are kept."


class Talk:
    """The words of one UE."""

    def __init__(self, ways: Ways, tally: Tally) -> None:
        self.ways = ways
        self.tally = tally

    def do(self, call: Call, action: Say | SendContent | SetNickname, now: float) -> None:
        """Say it, if the session is there."""
        connection = call.connection
        if connection is None or connection.msrp is None or connection.link is not Link.UP:
            return
        if isinstance(action, SetNickname):
            connection.msrp.set_nickname(action.nickname, now)
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
        headers = [("From", self.ways.named()), ("To", f"<{to}>"), ("DateTime", at)]
        return Headed(build_cpim(headers, content_type, b"").head, content)

    def keep(self, heard: Heard) -> None:
        """Keep the text of a message that came."""
        body = heard.message.body
        if body is None:
            return
        try:
            cpim = decode_cpim(body)
        except DecodeError:
            return
        if cpim.content_type.lower().startswith("text/"):
            self.tally.last.append(cpim.body.decode("utf-8", "replace"))
            del self.tally.last[:-MAX_KEPT]
