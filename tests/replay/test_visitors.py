"""Who may connect, for how long, and who is closed when too many do."""

from __future__ import annotations

from replay.events import Accepted, Close, Congested, Expired, Note, Pause, Relieved, Resume, SetTimer, Wish
from replay.visitors import Hospitality, Visitors

PLACE = ("192.0.2.1", 5060)
BOUNDS = Hospitality(strangers=2, of_one_address=4, visitors=6)


class Door:
    """Visitors, and the timer that they asked for."""

    def __init__(self, bounds: Hospitality = BOUNDS) -> None:
        self.visitors = Visitors("door", "sip", bounds)
        self.due: float | None = None
        self.notes: list[str] = []
        self.now = 0.0

    def came(self, number: int, address: str = "198.51.100.1") -> bool:
        return self.visitors.accept(Accepted(number, PLACE, (address, 50_000)), self.now)

    def said(self, number: int, *, whole: bool = True, inside: bool = False) -> None:
        self.visitors.heard(number, self.now, whole=whole, inside=inside)

    def wishes(self) -> list[Wish]:
        """What is wished for, but for timers and notes."""
        wishes = self.visitors.take_wishes()
        for wish in wishes:
            if isinstance(wish, SetTimer):
                self.due = wish.at
        self.notes += [str(wish.details["why"]) for wish in wishes if isinstance(wish, Note)]
        return [wish for wish in wishes if not isinstance(wish, SetTimer | Note)]

    def wait(self, until: float) -> list[Wish]:
        """Let time pass."""
        made = self.wishes()
        while self.due is not None and self.due <= until:
            self.now, self.due = self.due, None
            assert Expired("door").timer == self.visitors.timer
            self.visitors.tick(self.now)
            made += self.wishes()
        self.now = until
        return made


def test_who_says_nothing_whole_is_closed_after_half_a_minute() -> None:
    door = Door()
    door.came(-1)
    door.came(-2)
    door.now = 10.0
    door.said(-1)
    door.said(-2, whole=False, inside=True)
    assert door.wait(29.9) == []
    assert door.wait(1000.0) == [Close(-2, abort=True)]
    assert door.notes == ["says nothing whole"]
    assert -1 in door.visitors


def test_a_message_that_begins_must_end() -> None:
    """Octet by octet does not help: the time runs from the first."""
    door = Door()
    door.came(-1)
    door.said(-1)
    door.wait(100.0)
    for second in range(100, 131):
        assert door.wait(float(second)) == ([Close(-1, abort=True)] if second == 130 else [])
        door.said(-1, whole=False, inside=True)


def test_a_next_message_has_time_of_its_own() -> None:
    door = Door()
    door.came(-1)
    door.said(-1, inside=True)
    door.wait(20.0)
    door.said(-1, whole=True, inside=True)
    assert door.wait(49.9) == []
    assert door.wait(50.0) == [Close(-1, abort=True)]


def test_silence_between_messages() -> None:
    door = Door(Hospitality(silence=60.0))
    door.came(-1)
    door.said(-1)
    assert door.wait(59.9) == []
    assert door.wait(60.0) == [Close(-1, abort=True)]


def test_of_many_strangers_the_oldest_are_closed_after_a_moment() -> None:
    door = Door()
    for number in (-1, -2, -3):
        door.came(number)
    door.wait(1.0)
    door.came(-4)
    door.said(-2)
    assert door.wait(1.9) == []
    assert door.wait(2.0) == [Close(-1, abort=True)]
    assert door.wait(29.0) == []
    assert door.notes == ["many came after it"]


def test_there_is_no_room_for_more_of_one_address() -> None:
    """A stranger of that address makes room; those who spoke stay, and others may still come."""
    door = Door()
    for number in (-1, -2, -3, -4):
        assert door.came(number)
        if number != -3:
            door.said(number)
    assert door.came(-5)
    assert door.wishes() == [Close(-3, abort=True)]
    door.said(-5)
    assert not door.came(-6)
    assert door.wishes() == [Close(-6, abort=True)]
    assert door.came(-7, "198.51.100.2")
    assert door.wishes() == []
    door.visitors.left(-1)
    assert door.came(-8)


def test_there_is_no_room_for_more_in_all() -> None:
    door = Door()
    for number in range(6):
        assert door.came(number, f"198.51.100.{number}")
    assert door.came(6, "198.51.100.6"), "a stranger makes room"
    assert door.wishes() == [Close(0, abort=True)]
    for number in range(1, 7):
        door.said(number)
    assert not door.came(7, "198.51.100.7")
    assert door.wishes() == [Close(7, abort=True)]
    assert door.notes == ["many came after it", "too many"]


def test_who_does_not_read_is_not_heard_and_then_closed() -> None:
    door = Door()
    door.came(-1)
    door.said(-1)
    door.visitors.receive(Congested(-1), 0.0)
    assert door.wishes() == [Pause(-1)]
    door.visitors.receive(Relieved(-1), 1.0)
    assert door.wishes() == [Resume(-1)]
    assert door.wait(50.0) == []
    door.visitors.receive(Congested(-1), 50.0)
    assert door.wait(80.0) == [Pause(-1), Close(-1, abort=True)]
    assert door.notes == ["reads nothing"]


def test_nothing_is_kept_of_who_left() -> None:
    door = Door()
    for number in range(1000):
        door.came(number)
        door.said(number, inside=True)
        door.visitors.left(number)
    assert door.wait(1000.0) == []
    assert (door.visitors._all, door.visitors._strangers, door.visitors._of_address) == ({}, {}, {})
