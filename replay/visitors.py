"""Who connects to a place of ours: how many there may be, and how long they may take to say something whole.

A stranger is a connection on which nothing whole was said so far. There is room for few of them, after a moment in
which many may come at once; then the oldest are closed, for whoever means well speaks soon. So ten thousand silent
connections keep nobody out, whatever address they come from. Whoever begins a message and does not end it is closed as
well, and so is who does not read: it is not listened to until it has read.
"""

from __future__ import annotations

from dataclasses import dataclass

from replay.agenda import Agenda, Named
from replay.events import Accepted, Close, Congested, Event, Note, Pause, Relieved, Resume, Wish


@dataclass(frozen=True, slots=True)
class Hospitality:
    """Bounds of one place."""

    strangers: int = 128
    "Beyond `grace`."
    grace: float = 2.0
    "s in which a stranger is not closed for others."
    of_one_address: int = 1024
    visitors: int = 4096
    patience: float = 30.0
    "s for a whole message, from the connection or from what began it."
    silence: float = 0.0
    "s between two messages; 0: any time."


@dataclass(slots=True)
class _Visitor:
    address: str
    is_stranger: bool = True
    is_inside: bool = False
    "A message began, and its end did not come yet."


class Visitors:
    """Those who connected to one place. The owner tells it their events; it wishes for them to be closed."""

    def __init__(self, timer: str, place: str, bounds: Hospitality) -> None:
        """`timer` is its own among those of the core; `place` names the place in notes."""
        self._agenda: Agenda[Named] = Agenda(timer)
        self._place = place
        self._bounds = bounds
        self._all: dict[int, _Visitor] = {}
        self._strangers: dict[int, float] = {}
        "When each came, in that order."
        self._of_address: dict[str, int] = {}
        self._wishes: list[Wish] = []

    def __contains__(self, connection: int) -> bool:
        return connection in self._all

    @property
    def timer(self) -> str:
        """The name of its timer."""
        return self._agenda.timer

    def take_wishes(self) -> list[Wish]:
        """What the edge is to do, since it was asked last."""
        wishes = self._wishes + self._agenda.wishes()
        self._wishes = []
        return wishes

    def accept(self, event: Accepted, now: float) -> bool:
        """Somebody connected; False when there is no room, and the connection is closed."""
        address, bounds = event.peer[0], self._bounds
        is_address_full = self._count(address) >= bounds.of_one_address
        if is_address_full or len(self._all) >= bounds.visitors:
            fitting = (each for each in self._strangers if not is_address_full or self._all[each].address == address)
            oldest = next(fitting, None)
            if oldest is None:
                self._note("connection refused", "too many", address)
                self._wishes.append(Close(event.connection, abort=True))
                return False
            self._close(oldest, "many came after it")
        self._all[event.connection] = _Visitor(address)
        self._of_address[address] = self._count(address) + 1
        self._strangers[event.connection] = now
        if len(self._strangers) == bounds.strangers + 1:
            self._agenda.put(("crowd", 0), now + bounds.grace)
        self._agenda.put(("speak", event.connection), now + bounds.patience)
        return True

    def heard(self, connection: int, now: float, *, whole: bool, inside: bool) -> None:
        """Octets came: whether a message became whole with them, and whether another one began."""
        visitor = self._all.get(connection)
        if visitor is None:
            return
        if whole and visitor.is_stranger:
            visitor.is_stranger = False
            del self._strangers[connection]
        if inside and (whole or not (visitor.is_inside or visitor.is_stranger)):
            self._agenda.put(("speak", connection), now + self._bounds.patience)
        elif whole and self._bounds.silence:
            self._agenda.put(("speak", connection), now + self._bounds.silence)
        elif whole:
            self._agenda.drop(("speak", connection))
        visitor.is_inside = inside

    def refuse(self, connection: int, why: str) -> None:
        """Close a connection for what was said on it."""
        if connection in self._all:
            self._close(connection, why)

    def receive(self, event: Event, now: float) -> None:
        """Somebody reads too slowly, or again."""
        if isinstance(event, Congested):
            self._wishes.append(Pause(event.connection))
            self._agenda.put(("read", event.connection), now + self._bounds.patience)
        elif isinstance(event, Relieved):
            self._wishes.append(Resume(event.connection))
            self._agenda.drop(("read", event.connection))

    def left(self, connection: int) -> None:
        """A connection is gone."""
        self._agenda.drop(("speak", connection))
        self._agenda.drop(("read", connection))
        self._strangers.pop(connection, None)
        visitor = self._all.pop(connection, None)
        if visitor is not None:
            count = self._of_address[visitor.address] - 1
            if count:
                self._of_address[visitor.address] = count
            else:
                del self._of_address[visitor.address]

    def tick(self, now: float) -> None:
        """Its timer ran out."""
        for name in self._agenda.take_due(now):
            kind, connection = name
            if kind == "crowd":
                self._disperse(now)
                continue
            self._close(connection, "reads nothing" if kind == "read" else "says nothing whole")

    def _disperse(self, now: float) -> None:
        """Close the oldest strangers of too many; those who came this moment may still speak."""
        bounds = self._bounds
        while len(self._strangers) > bounds.strangers:
            oldest, came = next(iter(self._strangers.items()))
            if came + bounds.grace > now:
                self._agenda.put(("crowd", 0), came + bounds.grace)
                return
            self._close(oldest, "many came after it")

    def _count(self, address: str) -> int:
        return self._of_address.get(address, 0)

    def _close(self, connection: int, why: str) -> None:
        visitor = self._all.get(connection)
        self._note("connection closed", why, visitor.address if visitor is not None else "")
        self._wishes.append(Close(connection, abort=True))
        self.left(connection)

    def _note(self, what: str, why: str, address: str) -> None:
        self._wishes.append(Note(f"{self._place} {what}", {"why": why, "address": address}))
