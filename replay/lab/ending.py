"""How a participant's part in a scenario ends, and which end a scenario or a fault demands."""

from __future__ import annotations

from enum import Enum

from replay.lab.scenarios import REFUSED, Scenario
from replay.ue import Ue
from replay.ue.call import Call, CallState


class Ending(Enum):
    """Of one participant."""

    THROUGH = "said and heard everything, and left"
    REFUSED = "was not let in"
    ENDED = "was in, and the call was ended because its MSRP connection failed"
    SILENT = "stayed in a call without MSRP, of which the MRFC knows nothing"
    UNHEARD = "said everything, was refused, and left"


def own_ending(scenario: Scenario, number: int) -> Ending:
    """The end that a scenario demands for a participant when nothing is broken on purpose."""
    if scenario.is_turned_away(number):
        return Ending.REFUSED if scenario.behaviours_of(number) & REFUSED else Ending.ENDED
    return Ending.THROUGH


def ending_of(scenario: Scenario, number: int, ue: Ue) -> Ending | None:
    """How it ended for the participant of this number.

    None for an end that nothing demands, such as waiting for a message in vain.
    """
    call = ue.call
    if call is None:
        return None
    if call.state is CallState.OVER and call.dialog is None:
        return Ending.REFUSED if call.ended_by and call.ended_by != "left" else None
    if call.state is CallState.TALKING:
        return None if _has_msrp(call) else Ending.SILENT
    if not ue.done:
        return None
    if call.ended_by != "left":
        return Ending.ENDED
    statuses = ue.tally.settled.values()
    if any(status != 200 for status in statuses):
        return Ending.UNHEARD
    heard_all = ue.tally.heard >= ue.config.script[-1].heard
    return Ending.THROUGH if heard_all and not scenario.is_turned_away(number) else None


def in_words(ue: Ue, ending: Ending | None) -> str:
    """How it ended for a participant."""
    call = ue.call
    if call is None:
        return f"{ue.name} was not called"
    if ending in (Ending.REFUSED, Ending.ENDED):
        return f"{ue.name} is out: {call.ended_by}"
    if ending is Ending.SILENT:
        return f"{ue.name} is in a call without MSRP"
    if ending is Ending.UNHEARD:
        return f"{ue.name} was refused messages"
    if ending is Ending.THROUGH:
        return f"{ue.name} went through"
    return f"{ue.name} is out: {call.ended_by}" if call.ended_by else f"{ue.name} is left {call.state.value}"


def _has_msrp(call: Call) -> bool:
    connection = call.connection
    return connection is not None and connection.msrp is not None and connection.msrp.bound
