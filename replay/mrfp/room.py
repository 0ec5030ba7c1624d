"""Who is in a conference, and whom a message is for (RFC 7701 sections 5 to 7)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from replay.mrfp.envelope import Envelope

if TYPE_CHECKING:
    from replay.mrfp.leg import Leg

_NICKNAME = re.compile(r'"((?:[^"\\\x00-\x1f\x7f]|\\.)*)"', re.DOTALL)
MAX_NICKNAME = 1023
"Octets (RFC 7701 section 7.1)."


class Undeliverable(Exception):  # noqa: N818 - it is an answer of the protocol
    """Why a message, or a nickname, is not taken: an MSRP response code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@dataclass(slots=True)
class Room:
    """The participants of one medium of one context."""

    legs: list[Leg] = field(default_factory=list)
    uri: str = ""
    "Of the conference, in its comparable spelling; told by the controller, or learnt from the first message to all."
    nicknames: dict[str, Leg] = field(default_factory=dict)
    "By what two nicknames have in common that are taken for the same."

    def add(self, leg: Leg) -> None:
        """A participant comes."""
        self.legs.append(leg)
        leg.room = self

    def remove(self, leg: Leg) -> None:
        """A participant goes, and the nickname is free again."""
        self.legs.remove(leg)
        leg.room = None
        self._forget_nickname(leg)

    def others(self, leg: Leg) -> list[Leg]:
        """Everybody else to whom messages can be sent now."""
        return [each for each in self.legs if each is not leg and each.is_ready and each.may_get]

    def check_sender(self, leg: Leg, envelope: Envelope) -> None:
        """A participant writes under its own URIs alone (RFC 7701 section 6.1); Undeliverable with 403.

        Where the controller did not tell them, the first one that a participant uses is its own, while it is there.
        """
        if envelope.sender in leg.uris:
            return
        holder = self._holder(envelope.sender)
        is_taken = holder is not None and (holder.line is not None or holder.are_uris_told)
        if leg.uris or envelope.sender == self.uri or is_taken:
            raise Undeliverable(403)
        if holder is not None:
            holder.uris.discard(envelope.sender)  # learnt from one that is gone
        leg.uris = {envelope.sender}

    def find_recipients(self, leg: Leg, envelope: Envelope) -> tuple[list[Leg], bool]:
        """Whom a message is for, and whether it is private. Undeliverable with 403, 404 or 428."""
        if len(envelope.recipients) != 1:
            raise Undeliverable(403)
        (wanted,) = envelope.recipients
        if wanted == self.uri:
            return self.others(leg), False
        holder = self._holder(wanted)
        if holder is None:
            if self.uri:
                raise Undeliverable(404)
            self.uri = wanted
            return self.others(leg), False
        if not holder.takes_private:
            raise Undeliverable(428)
        if not holder.is_ready or not holder.may_get:
            raise Undeliverable(404)
        return [holder], True

    def set_nickname(self, leg: Leg, text: str | None) -> None:
        """Take a Use-Nickname value (RFC 7701 section 7). Undeliverable with 424 or 425: then the old one stays."""
        match = _NICKNAME.fullmatch(text or "")
        if match is None or len(match[1].encode("utf-8", "surrogateescape")) > MAX_NICKNAME:
            raise Undeliverable(424)
        wanted = " ".join(match[1].split()).casefold()
        if not wanted:
            if match[1]:
                raise Undeliverable(424)
            self._forget_nickname(leg)
            return
        holder = self.nicknames.get(wanted)
        if holder is not None and holder is not leg:
            if holder.line is not None:
                raise Undeliverable(425)
            self._forget_nickname(holder)  # its participant is gone, or has to ask again once it is back
        self._forget_nickname(leg)
        self.nicknames[wanted] = leg
        leg.nickname = wanted

    def _forget_nickname(self, leg: Leg) -> None:
        if leg.nickname:
            del self.nicknames[leg.nickname]
            leg.nickname = ""

    def _holder(self, uri: str) -> Leg | None:
        """Whose URI this is: of several the one that is there, since who died may have come again."""
        holders = [each for each in self.legs if uri in each.uris]
        return next((each for each in holders if each.line is not None), holders[0] if holders else None)
