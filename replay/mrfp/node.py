"""What all parts of the MRFP share while one event is dealt with: wishes, the time, chance, numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from replay.agenda import Agenda
from replay.events import Note, Wish
from replay.mrfp.config import MrfpConfig

_POOL = 4096


class Node:
    """The common ground of one MRFP."""

    def __init__(self, config: MrfpConfig, faults: frozenset[str]) -> None:
        self.config = config
        self.faults = faults
        self.now = 0.0
        self.wishes: list[Wish] = []
        "What the event at hand gives; parts append to it."
        self.agenda = Agenda(f"{config.name} media")
        self._pool = b""
        self._next_id = 0
        self._next_connection = 1

    def note(self, what: str, **details: str | int | float) -> None:
        """A line for the log."""
        self.wishes.append(Note(what, details))

    def take_wishes(self) -> list[Wish]:
        """Everything that was wished for since the last time."""
        wishes = self.wishes + self.agenda.wishes()
        self.wishes.clear()
        return wishes

    def draw_id(self) -> bytes:
        """Sixteen hexadecimal digits, 64 bits by chance (RFC 4975 section 7.1)."""
        at = self._next_id
        if at >= len(self._pool):
            self._pool = self.config.random(_POOL // 2).hex().encode()
            at = 0
        self._next_id = at + 16
        return self._pool[at : at + 16]

    def draw_number(self, below: int) -> int:
        """A number by chance."""
        return int.from_bytes(self.config.random(8), "big") % below

    def next_connection(self) -> int:
        """A number for a connection of ours."""
        self._next_connection += 1
        return self._next_connection - 1

    def timestamp(self) -> str:
        """The time as H.248 writes it, `yyyymmddThhmmssss` in hundredths of a second (Annex B.2); or empty."""
        if self.config.epoch is None:
            return ""
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=self.config.epoch + self.now)
        return f"{moment:%Y%m%dT%H%M%S}{moment.microsecond // 10_000:02}"
