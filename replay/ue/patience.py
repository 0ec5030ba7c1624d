"""How long a UE waits for others, by the state of its call: whatever dies out there, no call hangs.

CALLING             for a final response to INVITE, then CANCEL (RFC 3261 section 9.1)
CALLING, cancelled  for the final response, which comes at once or never
TALKING             for an MSRP session that works; for the focus to end the call, once it works no more
LEAVING             for the response to BYE
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from replay.sip.transactions import GIVE_UP
from replay.ue.call import Call, CallState
from replay.ue.connection import Link
from replay.ue.ways import Ways

TIMER = "patience"
"Name on the agenda."


class Wait(Enum):
    """What is waited for."""

    ANSWER = "no answer"
    CANCELLED = "no response to CANCEL"
    SESSION = "no MSRP session"
    FOCUS = "MSRP connection"
    GOODBYE = "no response"


@dataclass(slots=True)
class Patience:
    """The one thing that a UE waits for at a time."""

    ways: Ways
    _waits: tuple[Call, Wait] | None = None

    def watch(self, call: Call | None, now: float) -> None:
        """Something happened: see what is waited for now, and since when."""
        waits = (call, wait) if call is not None and (wait := _wait_of(call)) is not None else None
        if waits == self._waits:
            return
        self._waits = waits
        self.ways.agenda.drop(TIMER)
        if waits is not None:
            self.ways.agenda.put(TIMER, now + self._seconds(waits[1]))

    def _seconds(self, wait: Wait) -> float:
        config = self.ways.config
        if wait is Wait.ANSWER:
            return config.answer_wait
        if wait in (Wait.SESSION, Wait.FOCUS):
            return config.session_wait
        return (GIVE_UP + 1) * config.t1  # the transaction has its own end before

    @property
    def over(self) -> Wait | None:
        """What was waited for in vain, when the timer ran out."""
        return self._waits[1] if self._waits is not None else None


def _wait_of(call: Call) -> Wait | None:
    if call.state is CallState.CALLING:
        return Wait.CANCELLED if call.ended_by else Wait.ANSWER
    if call.state is CallState.LEAVING:
        return Wait.GOODBYE
    connection = call.connection
    if call.state is not CallState.TALKING or connection is None or connection.link is Link.UP:
        return None
    return Wait.FOCUS if connection.link is Link.GONE else Wait.SESSION
