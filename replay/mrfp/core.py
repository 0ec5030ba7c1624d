"""The MRFP: an H.248 gateway that mixes MSRP sessions into conferences, without sockets and clocks.

    H.248 --> Transactions --> Commands --> Configuring --> Leg, Connections
                                                               |
    MSRP  --> Connections --> Inbound --> Passing --> Leg <----+      and Notices back to H.248

Sources: TS 23.333 clauses 6.2.10.3.1, 6.2.19.2 and 6.2.20.1 (what the gateway does), H.248.1 (how it is told), RFC 4975
and RFC 7701 (what it does with messages).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dissectors.h248 import Command, ContextAction, ErrorDescriptor, TransactionReply
from replay.events import Connected, ConnectFailed, Datagram, Ended, Event, Expired, Listen, Received, Unlisten, Wish
from replay.h248 import Answered, Asked, GaveUp, Outcome, Transactions
from replay.mrfp.commands import Commands
from replay.mrfp.config import MrfpConfig
from replay.mrfp.configuring import Configuring
from replay.mrfp.connections import Connections
from replay.mrfp.faults import FAULTS
from replay.mrfp.leg import Leg
from replay.mrfp.node import Node
from replay.mrfp.notices import HANGING, Notices, notification
from replay.mrfp.packages import HEARTBEAT
from replay.mrfp.ports import PortPool
from replay.mrfp.registration import ORPHANS, REGISTER, Registration, is_registration
from replay.mrfp.silence import SILENCE, Silence
from replay.mrfp.terminations import Contexts, Termination

UNKNOWN = "the controller does not know us"


class Mrfp:
    """The core of one MRFP (`replay.events.Core`)."""

    def __init__(self, config: MrfpConfig, faults: Iterable[str] = ()) -> None:
        """`faults`: rows of the requirements to break, of those in `FAULTS`. ValueError for another one."""
        unknown = sorted(set(faults) - FAULTS.keys())
        if unknown:
            raise ValueError(f"the MRFP cannot break {', '.join(unknown)}")
        self.name = config.name
        self._node = node = Node(config, frozenset(faults))
        self._transactions = Transactions(
            config.name,
            config.identifier,
            version=config.version,
            encoding=config.encoding,
            timers=config.timers,
            first_id=1 + node.draw_number(1 << 30),
        )
        self._transactions.serve(config.h248)
        self._notices = Notices(node, self._send_notice)
        self._connections = Connections(node, self._notices)
        ports = PortPool(config.media_ports, node.draw_number(max(1, len(config.media_ports))))
        self._contexts = Contexts(
            config.termination_prefix,
            config.limits.contexts,
            config.limits.terminations_per_context,
            1 + node.draw_number(1 << 16),
        )
        configuring = Configuring(node, ports, self._connections, self._notices)
        self._registration = Registration(node, self._transactions, self._notices.tell_waiting)
        self._commands = Commands(node, self._contexts, configuring, self._registration.hand_off)
        self._silence = Silence(node, self._ask_controller)
        self._running: dict[int, Asked] = {}
        self._run = 0

    @property
    def is_registered(self) -> bool:
        """Whether a controller has us."""
        return self._registration.is_registered

    @property
    def legs(self) -> Sequence[Leg]:
        """The MSRP sessions there are, for whoever watches the gateway."""
        return [
            state.leg
            for termination in self._contexts.terminations.values()
            for state in termination.streams.values()
            if state.leg is not None
        ]

    @property
    def in_use(self) -> Mapping[str, int]:
        """What is held for the controller."""
        return {"contexts": len(self._contexts.contexts), "terminations": len(self._contexts.terminations)}

    def start(self, now: float) -> list[Wish]:
        """Register with the controller."""
        self._node.now = now
        self._registration.start()
        return self._node.take_wishes()

    def stop(self, now: float) -> list[Wish]:
        """Tell the controller, and close all sessions."""
        self._node.now = now
        self._registration.stop()
        self._commands.remove_all()
        return self._node.take_wishes()

    def receive(self, event: Event, now: float) -> list[Wish]:
        """Take an event; never raises for what peers send."""
        node = self._node
        node.now = now
        if self._connections.receive(event):
            return node.take_wishes()
        if isinstance(event, Expired) and event.timer == node.agenda.timer:
            for name in node.agenda.take_due(now):
                self._expire(*name)
        elif isinstance(event, Connected) and self._registration.owns(event.connection):
            self._registration.connected()
        elif isinstance(event, ConnectFailed) and self._registration.owns(event.connection):
            self._registration.disconnected(event.why)
        else:
            self._receive_h248(event)
        return node.take_wishes()

    def _receive_h248(self, event: Event) -> None:
        outcomes, wishes = self._transactions.receive(event, self._node.now)
        self._node.wishes += wishes
        if self._is_of_controller(event):
            self._silence.heard()
        if isinstance(event, Ended) and self._registration.owns(event.connection):
            self._registration.disconnected("connection lost")
        for outcome in outcomes:
            self._take(outcome)

    def _take(self, outcome: Outcome) -> None:
        if isinstance(outcome, Asked):
            self._receive_request(outcome)
        elif is_registration(outcome.topic):
            if isinstance(outcome, Answered):
                self._registration.answered(outcome.reply)
            elif outcome.why != "connection lost":
                self._registration.gave_up(outcome.why)
        elif outcome.topic == SILENCE:
            self._silence.settled()
            if isinstance(outcome, GaveUp) and outcome.why != "connection lost":
                self._registration.lose(outcome.why)
            elif isinstance(outcome, Answered) and _is_unknown(_error_of(outcome.reply)):
                self._registration.lose(UNKNOWN)
        elif isinstance(outcome, Answered):
            self._receive_notice_reply(outcome)
        else:
            self._lose_notice(outcome)

    def _expire(self, kind: str, what: Any) -> None:
        if kind == REGISTER:
            self._registration.retry()
        elif kind == "execute":
            self._execute(self._running.pop(what))
        elif kind == "heartbeat":
            self._notices.beat(what)
        elif kind == SILENCE:
            self._silence.check()
        elif kind == ORPHANS:
            self._free_orphans()
        else:
            self._connections.expire(kind, what)

    # ------------------------------------------------------------------ the controller

    def _is_of_controller(self, event: Event) -> bool:
        """Did the controller say something?"""
        if isinstance(event, Datagram):
            route = self._registration.route
            return route is not None and event.peer[0] == route.peer_address
        return isinstance(event, Received) and self._registration.owns(event.connection)

    def _ask_controller(self, actions: list[ContextAction]) -> bool:
        route = self._registration.route
        if not self._registration.is_registered or route is None:
            return False
        _, wishes = self._transactions.request(route, actions, self._node.now, SILENCE)
        self._node.wishes += wishes
        return True

    def _free_orphans(self) -> None:
        """Nobody controls the contexts any more."""
        self._node.note("h248 contexts freed", terminations=len(self._contexts.terminations))
        self._commands.remove_all()
        self._registration.begin_anew()

    # ------------------------------------------------------------------ requests

    def _receive_request(self, asked: Asked) -> None:
        if not self._registration.is_controller(asked.route):
            self._node.note("h248 request of a stranger", address=asked.route.peer_address)
            self._node.wishes += self._transactions.refuse(asked, 504, "command received from unauthorized entity")
        elif self._node.config.execution_time > 0:
            self._run += 1
            self._running[self._run] = asked
            self._node.agenda.put(("execute", self._run), self._node.now + self._node.config.execution_time)
        else:
            self._execute(asked)

    def _execute(self, asked: Asked) -> None:
        begin = len(self._node.wishes)
        actions = self._commands.execute(asked.request, asked.encoding == "binary")
        ordered = self._node.wishes[begin:]
        # Places are open before the reply announces them; it goes before what else was ordered, such as a connection.
        places = [wish for wish in ordered if isinstance(wish, Listen | Unlisten)]
        rest = [wish for wish in ordered if not isinstance(wish, Listen | Unlisten)]
        self._node.wishes[begin:] = [*places, *self._transactions.reply(asked, actions, self._node.now), *rest]

    # ------------------------------------------------------------------ notifications

    def _send_notice(self, termination: Termination, command: Command) -> bool:
        route = self._registration.route
        if not self._registration.is_registered or route is None:
            return False
        actions = notification(termination, command)
        topic = ("notify", termination, command)
        try:
            _, wishes = self._transactions.request(route, actions, self._node.now, topic)
        except ValueError as error:
            self._node.note("h248 notification lost", termination=termination.name, why=str(error))
        else:
            self._node.wishes += wishes
        return True

    def _receive_notice_reply(self, answered: Answered) -> None:
        error = _error_of(answered.reply)
        if error is None or not isinstance(answered.topic, tuple):
            return
        _, termination, command = answered.topic
        self._node.note("h248 notification refused", termination=termination.name, code=error.code)
        if _is_unknown(error):
            self._notices.tell_again(termination, command)
            self._registration.lose(UNKNOWN)
        elif error.code in HANGING and self._is_heartbeat(command) and self._exists(termination):
            self._node.note("h248 hanging termination removed", termination=termination.name)
            self._commands.remove(termination)

    def _lose_notice(self, gave_up: GaveUp) -> None:
        if isinstance(gave_up.topic, tuple):
            _, termination, command = gave_up.topic
            self._notices.tell_again(termination, command)
        if gave_up.why != "connection lost":
            self._registration.lose(gave_up.why)

    def _exists(self, termination: Termination) -> bool:
        return self._contexts.terminations.get(termination.name.lower()) is termination

    @staticmethod
    def _is_heartbeat(command: Command) -> bool:
        observed = command.observed_events
        return observed is not None and any(each.name.lower() == HEARTBEAT for each in observed.events)


def _is_unknown(error: ErrorDescriptor | None) -> bool:
    """Did the controller refuse a Notify for want of a ServiceChange (H.248.8)?"""
    return error is not None and error.code == 505


def _error_of(reply: TransactionReply) -> ErrorDescriptor | None:
    """The first error of a reply."""
    if reply.error is not None:
        return reply.error
    for action in reply.actions:
        if action.error is not None:
            return action.error
        for command in action.commands:
            if command.error is not None:
                return command.error
    return None
