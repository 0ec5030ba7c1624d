"""The User Equipment: a scripted participant of message conferences (TS 23.333, RFC 4975)."""

from replay.ue.answering import LEFT_TO_OTHERS
from replay.ue.config import Behaviour, UeConfig
from replay.ue.content import Content, Octets
from replay.ue.core import Ue
from replay.ue.faults import FAULTS
from replay.ue.script import (
    Action,
    DialIn,
    Leave,
    Pause,
    Refer,
    Say,
    SendContent,
    SetNickname,
    Step,
    Subscribe,
)
from replay.ue.talk import Answer, Spoken

__all__ = [
    "FAULTS",
    "LEFT_TO_OTHERS",
    "Action",
    "Answer",
    "Behaviour",
    "Content",
    "DialIn",
    "Leave",
    "Octets",
    "Pause",
    "Refer",
    "Say",
    "SendContent",
    "SetNickname",
    "Spoken",
    "Step",
    "Subscribe",
    "Ue",
    "UeConfig",
]
