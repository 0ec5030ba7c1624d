"""What all parts of the MRFP share while one event is dealt with: wishes, the time, chance, numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from replay.agenda import Agenda, Named
from replay.events import Note, Send, Wish
from replay.mrfp.config import MrfpConfig

_POOL = 256
"Ids that are drawn together."


class Node:
    """The common ground of one MRFP."""

    def __init__(self, config: MrfpConfig, faults: frozenset[str]) -> None:
        self.config = config
        self.faults = faults
        self.now = 0.0
        self.wishes: list[Wish] = []
        "What the event at hand gives; parts append to it."
        self.agenda: Agenda[Named] = Agenda(f"{config.name} media")
        self.octets: dict[int, list[bytes]] = {}
        "What the event at hand sends on each connection; it goes out in one piece, before what else is wished for."
        self.queued = 0
        "Octets that wait for participants who read slowly, all together."
        self._ids: list[bytes] = []
        self._next_connection = 1

    def note(self, what: str, **details: str | int | float) -> None:
        """A line for the log."""
        self.wishes.append(Note(what, details))

    def send(self, connection: int, data: bytes) -> None:
        """Send octets on a connection."""
        waiting = self.octets.get(connection)
        if waiting is None:
            self.octets[connection] = [data]
        else:
            waiting.append(data)

    def take_wishes(self) -> list[Wish]:
        """Everything that was wished for since the last time."""
        wishes: list[Wish] = [
            Send(connection, parts[0] if len(parts) == 1 else b"".join(parts))
            for connection, parts in self.octets.items()
        ]
        wishes += self.wishes
        wishes += self.agenda.wishes()
        self.octets.clear()
        self.wishes.clear()
        return wishes

    def draw_id(self) -> bytes:
        """Sixteen hexadecimal digits, 64 bits by chance (RFC 4975 section 7.1)."""
        ids = self._ids
        if not ids:
            digits = self.config.random(8 * _POOL).hex().encode()
            ids += [digits[at : at + 16] for at in range(0, 16 * _POOL, 16)]
        return ids.pop()

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
