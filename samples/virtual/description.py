"""`lab.toml`: who comes to a conference, what they say and when, and which requirement row is broken."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any


class LabSampleError(Exception):
    """A description that cannot be meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """One UE."""

    name: str
    comes: float = 0.0
    "s from the start, when it dials in, or is invited."
    leaves: float
    invited: bool = False
    "The MRFC invites it."
    refuses: bool = False
    "It does not listen where it says that it does."
    mode: int = 1
    "MIKEY-TICKET mode of dialling in."
    recorded: bool = True
    "Whether its packets are in the capture; else the capture is one beside those of the others."
    private: bool = True
    "It takes private messages (RFC 7701 section 8)."
    cema: bool = True
    rings: float = 0.0
    "s until it answers."
    wrong_key: bool = False
    "It secures TLS with another key than the agreed one."


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What a participant says, at a time."""

    at: float
    who: str
    says: str = ""
    nickname: str = ""
    sends: str = ""
    "A text of many lines, as text/html, in chunks."
    to: str = ""
    "Name of another participant, for a private message."
    report: bool = False
    "A success report is asked for."


@dataclass(frozen=True, slots=True, kw_only=True)
class LabSample:
    """One capture that the lab's functions make."""

    seed: str
    "Of chance: the name of the sample; a twin has that of its base, so that it differs by its fault."
    title: str
    scenario: str
    "Of those of `mrfscope lab`."
    start: datetime
    "Time of 0."
    room: str = "chat-17"
    faults: frozenset[str] = frozenset()
    participants: tuple[Participant, ...]
    words: tuple[Words, ...] = ()
    suite: str = "TLS_PSK_WITH_AES_128_GCM_SHA256"
    extended_master_secret: bool = True
    begins: float = -1e9
    "s from the start, when the capture begins."

    @property
    def secured(self) -> bool:
        """Does MSRP run over TLS?"""
        return self.scenario.startswith("e2e")


PLAIN = frozenset({"title", "scenario", "start", "room", "suite", "extended_master_secret", "begins"})
"Keys that are taken as they are."
KEYS = PLAIN | {"base", "faults", "participant", "words"}


def load(path: Path) -> LabSample:
    """The description in a file. Raises LabSampleError."""
    try:
        table = _with_base(path)
        participants = tuple(Participant(**each) for each in table["participant"])
        words = tuple(Words(**each) for each in table.get("words", ()))
        sample = LabSample(
            seed=table.get("base", path.parent.name),
            faults=frozenset(table.get("faults", ())),
            participants=participants,
            words=words,
            **{key: value for key, value in table.items() if key in PLAIN},
        )
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise LabSampleError(f"{path}: {error}") from error
    names = {each.name for each in participants}
    for each in words:
        if each.who not in names or each.to not in names | {""}:
            raise LabSampleError(f"{path}: {each.who!r} or {each.to!r} is no participant")
    return sample


def _with_base(path: Path) -> dict[str, Any]:
    """A twin's keys are laid over those of its base."""
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    if unknown := sorted(table.keys() - KEYS):
        raise LabSampleError(f"{path}: {', '.join(unknown)}: not known")
    if "base" not in table:
        return table
    base = _with_base(path.parent.parent / table["base"] / "lab.toml")
    return {**base, **table, "base": base.get("base", table["base"])}
