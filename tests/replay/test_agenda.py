"""Many deadlines behind one timer."""

from __future__ import annotations

from replay.agenda import Agenda
from replay.events import SetTimer


def test_what_is_due_comes_in_order_of_time() -> None:
    agenda = Agenda("t")
    agenda.put("late", 3.0)
    agenda.put("soon", 1.0)
    agenda.put("next", 2.0)
    assert agenda.take_due(0.5) == []
    assert agenda.take_due(2.0) == ["soon", "next"]
    assert agenda.take_due(2.0) == []
    assert len(agenda) == 1


def test_an_entry_can_be_replaced_and_dropped() -> None:
    agenda = Agenda("t")
    agenda.put("a", 1.0)
    agenda.put("a", 5.0)
    agenda.put("b", 2.0)
    agenda.drop("b")
    agenda.drop("never there")
    assert agenda.take_due(4.0) == []
    assert "a" in agenda
    assert agenda.take_due(5.0) == ["a"]


def test_the_edge_is_asked_only_when_the_earliest_moves_forward() -> None:
    agenda = Agenda("t")
    agenda.put("a", 5.0)
    assert agenda.wishes() == [SetTimer("t", 5.0)]
    agenda.put("b", 6.0)
    assert agenda.wishes() == []
    agenda.put("c", 4.0)
    assert agenda.wishes() == [SetTimer("t", 4.0)]
    agenda.drop("c")
    assert agenda.wishes() == []  # it goes off for nothing at 4.0
    assert agenda.take_due(4.0) == []
    assert agenda.wishes() == [SetTimer("t", 5.0)]


def test_what_is_replaced_again_and_again_does_not_pile_up() -> None:
    agenda = Agenda("t")
    for number in range(10_000):
        agenda.put("a", float(number))
    assert len(agenda._heap) <= 70
    assert agenda.take_due(9999.0) == ["a"]
