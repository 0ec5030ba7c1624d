"""Events that the controller asked for, and Notify when they happen (H.248.1 clauses 7.1.9 and 7.2.7).

Set-up failures of TCP and TLS (rows TCP-F, DIN-F), released bearers (g/cause), heartbeats (hangterm/thb, H.248.36). A
Notify is repeated until it is answered; what cannot be told because the controller is gone waits until it is back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from dissectors.h248 import Command, CommandName, ContextAction
from dissectors.h248.model import Event, EventsDescriptor, ObservedEvent, ObservedEvents, Property
from replay.mrfp.leg import Leg
from replay.mrfp.node import Node
from replay.mrfp.packages import CAUSE, HEARTBEAT, ROOT_ONLY, check_item
from replay.mrfp.refusal import Refusal
from replay.mrfp.terminations import Termination

RELEASED = frozenset({"rel", "released"})
ESTABLISHED = frozenset({"est", "established"})
MAX_WAITING = 10_000
"Notifications that wait for a controller; beyond that the oldest is lost."
MAX_HEARTBEAT = 10**7
HANGING = frozenset({411, 430, 435})
"Errors to a heartbeat by which the controller says that it knows of no such termination."


def check_events(descriptor: EventsDescriptor, more: frozenset[str]) -> None:
    """Whether the gateway can detect what is asked for; Refusal 440, 444, 449, 451 or 501."""
    for event in descriptor.events:
        name = check_item("event", event.name, more)
        if event.digit_map is not None:
            raise Refusal(444, "unsupported descriptor DigitMap")
        if event.embedded_events is not None or event.embedded_signals is not None:
            raise Refusal(501, "embedded descriptors are not implemented")
        if name == HEARTBEAT:
            heartbeat_period(event)
        if name in ROOT_ONLY:
            raise Refusal(512, f"{name} happens to ROOT alone, and is provisioned")


def heartbeat_period(event: Event) -> int:
    """The parameter timerx, in s. Refusal 457 or 449."""
    value = next((each.values[0] for each in event.parameters if each.name.lower() == "timerx" and each.values), None)
    if value is None:
        raise Refusal(457, "missing parameter timerx")
    if not value.isdecimal() or not 0 < int(value[:9]) <= MAX_HEARTBEAT:
        raise Refusal(449, f"timerx={value}")
    return int(value)


@dataclass(slots=True)
class Notices:
    """What is to be told to the controller."""

    node: Node
    send: Callable[[Termination, Command], bool]
    "Send a command to the controller; False when there is none now."
    owner: dict[Leg, Termination] = field(default_factory=dict)
    _waiting: deque[tuple[Termination, Command]] = field(default_factory=lambda: deque(maxlen=MAX_WAITING))

    def arm(self, termination: Termination, descriptor: EventsDescriptor) -> None:
        """Detect these events from now on, and no others."""
        termination.events = descriptor
        self.node.agenda.drop(("heartbeat", termination))
        for event in descriptor.events:
            if event.name.lower() == HEARTBEAT:
                self.node.agenda.put(("heartbeat", termination), self.node.now + heartbeat_period(event))

    def beat(self, termination: Termination) -> None:
        """The period of a heartbeat is over."""
        for event in termination.events.events if termination.events is not None else ():
            if event.name.lower() == HEARTBEAT:
                self._notify(termination, ObservedEvent(event.name, timestamp=self.node.timestamp()))
                self.node.agenda.put(("heartbeat", termination), self.node.now + heartbeat_period(event))

    def asks_established(self, termination: Termination, stream_id: int) -> bool:
        """Whether the controller wants to know when TCP is up: then it will say itself that TLS shall start."""
        names = self.node.config.names.tcp_events
        return any(
            _asked_types(event) & ESTABLISHED
            for event in (termination.events.events if termination.events is not None else ())
            if event.name.lower() in names and event.stream_id in (None, 0, stream_id)
        )

    def saw(self, leg: Leg, layer: str, outcome: str, why: str) -> None:
        """Something became of a leg's connection (`connections.Watcher`)."""
        termination = self.owner.get(leg)
        if termination is None or termination.events is None:
            return
        fault = "DIN-F" if leg.is_secure else "TCP-F"
        if outcome == "failed" and fault in self.node.faults:
            return
        names = self.node.config.names
        watched = names.tcp_events if layer == "tcp" else names.tls_events
        for event in termination.events.events:
            name = event.name.lower()
            if event.stream_id not in (None, 0, leg.stream_id):
                continue
            if name in watched or (name.endswith("/*") and any(each.startswith(name[:-1]) for each in watched)):
                self._report_state(termination, leg, event, outcome)
            elif name in (CAUSE, "g/*") and outcome == "released":
                cause = Property("Generalcause", ["NR" if why == "closed" else "FT"])
                moment = self.node.timestamp()
                self._notify(termination, ObservedEvent(event.name, leg.stream_id, moment, [cause]))

    def _report_state(self, termination: Termination, leg: Leg, event: Event, outcome: str) -> None:
        failed = self.node.config.names.failure_types - RELEASED
        meant = {"failed": failed, "established": ESTABLISHED, "released": RELEASED}[outcome]
        asked = _asked_types(event)
        if asked and not asked & meant:
            return
        kind = next((each for each in event.parameters if each.name.lower() == "type"), None)
        spelled = [value for value in kind.values if value.lower() in meant] if kind is not None else []
        tag = kind.tag if kind is not None else 0
        value = Property(kind.name if kind is not None else "Type", spelled[:1] or [outcome], tag=tag)
        name = event.name if not event.name.endswith("*") else f"{event.name[:-1]}BNCChange"
        self._notify(termination, ObservedEvent(name, leg.stream_id, self.node.timestamp(), [value]))

    def _notify(self, termination: Termination, observed: ObservedEvent) -> None:
        request_id = termination.events.request_id if termination.events is not None else None
        if request_id is None:
            return
        self.tell(
            termination,
            Command(CommandName.NOTIFY, [termination.name], observed_events=ObservedEvents(request_id, [observed])),
        )

    def tell(self, termination: Termination, command: Command) -> None:
        """Send a Notify, now or as soon as there is a controller."""
        if not self.send(termination, command):
            self._waiting.append((termination, command))

    def tell_again(self, termination: Termination, command: Command) -> None:
        """A Notify was not answered: it is the first to be sent when the controller is back."""
        self._waiting.appendleft((termination, command))

    def tell_waiting(self) -> None:
        """The controller is back: tell it what it missed, of terminations that still exist."""
        waiting = list(self._waiting)
        self._waiting.clear()
        for termination, command in waiting:
            if termination.name.lower() in termination.context.terminations:
                self.tell(termination, command)


def _asked_types(event: Event) -> set[str]:
    return {value.lower() for each in event.parameters if each.name.lower() == "type" for value in each.values}


def notification(termination: Termination, command: Command) -> list[ContextAction]:
    """The action that carries a command about a termination."""
    return [ContextAction(termination.context.context_id, [command])]
