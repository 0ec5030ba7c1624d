"""What a UE is to do, and when."""

from __future__ import annotations

from dataclasses import dataclass, field

from replay.ue.content import Content


@dataclass(frozen=True, slots=True)
class DialIn:
    """Call a conference."""

    conference: str
    secured: bool = False


@dataclass(frozen=True, slots=True)
class Say:
    """Send a text to the room, or to one participant."""

    text: str = field(repr=False)
    to: str = ""
    "URI of a participant; empty for the room."
    success_report: bool = False


@dataclass(frozen=True, slots=True)
class SendContent:
    """Send content of any size and type to the room."""

    content_type: str
    content: Content
    success_report: bool = False


@dataclass(frozen=True, slots=True)
class SetNickname:
    """Ask for a nickname (RFC 7701 section 7)."""

    nickname: str


@dataclass(frozen=True, slots=True)
class Refer:
    """Ask the focus to invite somebody (RFC 4579 section 5.5)."""

    uri: str


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Watch who is in the conference (RFC 4575)."""


@dataclass(frozen=True, slots=True)
class Leave:
    """End the call."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Do nothing; for the conditions of its step."""


Action = DialIn | Say | SendContent | SetNickname | Refer | Subscribe | Leave | Pause


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to do, once the step before is done and what this one needs is there."""

    do: Action
    after: float = 0.0
    "s to wait then."
    joined: bool | None = None
    "Needs an MSRP session that works; None: unless the action is to dial in."
    heard: int = 0
    "Needs so many messages from others, since the start."
    settled: bool = False
    "Needs an answer to everything that was sent."
    participants: int = 0
    "Needs so many participants in the conference, as the focus says; for those who subscribed."
