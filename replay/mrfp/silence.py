"""Is the controller still there, of which nothing is heard? (H.248.14, inactivity timer package, its event provisioned)

Over UDP a controller that died is not missed until something is asked of it. So a gateway that heard nothing for a
while says Notify with it/ito on ROOT; no reply means that control is lost, an error 505 that the controller began anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dissectors.h248 import NULL_CONTEXT, Command, CommandName, ContextAction
from dissectors.h248.model import ObservedEvent, ObservedEvents
from replay.mrfp.node import Node

INACTIVITY = "it/ito"
SILENCE = "silence"
"Topic of the Notify, and kind of the deadline."
PROVISIONED = 0
"Request id of an event that no controller asked for."


@dataclass(slots=True)
class Silence:
    """When the controller was heard last, and what is done about its silence."""

    node: Node
    send: Callable[[list[ContextAction]], bool]
    "Ask the controller something; False when there is none."
    _heard_at: float = 0.0
    _asks: bool = False
    "A Notify of ours waits for its reply."

    def heard(self) -> None:
        """The controller said something."""
        self._heard_at = self.node.now
        if self.node.config.inactivity and (SILENCE, None) not in self.node.agenda:
            self.node.agenda.put((SILENCE, None), self.node.now + self.node.config.inactivity)

    def check(self) -> None:
        """The deadline: ask, unless something was heard meanwhile."""
        node = self.node
        due = self._heard_at + node.config.inactivity
        if due > node.now:
            node.agenda.put((SILENCE, None), due)
            return
        if not self._asks:
            observed = ObservedEvents(PROVISIONED, [ObservedEvent(INACTIVITY, timestamp=node.timestamp())])
            command = Command(CommandName.NOTIFY, ["ROOT"], observed_events=observed)
            self._asks = self.send([ContextAction(NULL_CONTEXT, [command])])
        node.agenda.put((SILENCE, None), node.now + node.config.inactivity)

    def settled(self) -> None:
        """The Notify was answered, or never will be."""
        self._asks = False
