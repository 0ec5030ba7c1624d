"""The MRFP as its controller sees it: registration, requests, notifications, and whether it is there (H.248.1).

An MRFP comes into service by ServiceChange on ROOT (clause 7.2.8), or is taken to be when the configuration names it.
It is lost when a request or an audit gets no answer (Annex D.1.4), when its connection ends, or when it says that it
goes. One that comes back with contexts of which nothing is known here any more is emptied before it is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from dissectors.h248 import (
    ALL_CONTEXTS,
    NULL_CONTEXT,
    Command,
    CommandName,
    ContextAction,
    ErrorDescriptor,
    TransactionReply,
)
from dissectors.h248.model import ObservedEvent, ServiceChange
from replay.agenda import Agenda
from replay.events import (
    Accepted,
    Close,
    Congested,
    Ended,
    Event,
    Expired,
    Listen,
    Note,
    Received,
    Relieved,
    Wish,
)
from replay.h248 import Answered, Asked, GaveUp, Outcome, Route, TcpRoute, Transactions, UdpRoute
from replay.keying import Chance
from replay.mrfc.config import MrfcConfig
from replay.visitors import Hospitality, Visitors

ROOT = "ROOT"
VERSION = 2
"Of H.248, at most."
AUDIT, EMPTY = "audit", "empty"
"Topics of requests of our own."


@dataclass(frozen=True, slots=True)
class Reply:
    """A request was answered, or will not be."""

    topic: Any
    context_id: int
    command: Command | None
    "The first command of the reply; None where there is none."
    error: ErrorDescriptor | None


@dataclass(frozen=True, slots=True)
class Notified:
    """Something happened to a termination."""

    context_id: int
    termination: str
    event: ObservedEvent


@dataclass(frozen=True, slots=True)
class Gone:
    """The MRFP is lost, or has begun anew: its contexts are gone."""

    why: str


@dataclass(frozen=True, slots=True)
class TerminationGone:
    """The MRFP took a termination out of service."""

    termination: str


GatewayNews = Reply | Notified | Gone | TerminationGone


class Gateway:
    """The one MRFP of this MRFC."""

    def __init__(self, config: MrfcConfig, chance: Chance) -> None:
        address = config.h248[0]
        host = f"[{address}]"
        self._config = config
        self._transactions = Transactions(
            config.name,
            f"{host}:{config.h248[1]}",
            version=VERSION,
            encoding=config.encoding,
            timers=config.h248_timers,
            first_id=1 + int.from_bytes(chance(3), "big"),
        )
        self._transactions.serve(config.h248)
        self._agenda: Agenda[str] = Agenda(f"{config.name} audit")
        self._visitors = Visitors(f"{config.name} h248 visitors", "h248", Hospitality(strangers=16, visitors=64))
        self._wishes: list[Wish] = []
        self._news: list[GatewayNews] = []
        self._route: Route | None = None
        self._accepts = True
        "False after a graceful ServiceChange, and while it is being emptied: no new terminations."
        self._life = 0
        "Of the MRFP: what an earlier one does not answer says nothing about this one."
        if config.mrfp is not None:
            self._route = UdpRoute(config.h248, config.mrfp)

    @property
    def in_service(self) -> bool:
        """May terminations be asked for?"""
        return self._route is not None and self._accepts

    def start(self, now: float) -> list[Wish]:
        """Listen for TCP; the edge takes datagrams at the same place."""
        self._plan_audit(now)
        return [Listen(self._config.h248), *self._agenda.wishes()]

    def take_wishes(self) -> list[Wish]:
        """What the edge is to do, since it was asked last."""
        wishes = self._wishes + self._agenda.wishes() + self._visitors.take_wishes()
        self._wishes = []
        return wishes

    # ------------------------------------------------------------------ asking

    def request(self, context_id: int, command: Command, topic: Any, now: float) -> bool:
        """Send one command; False when the MRFP is not there."""
        if self._route is None:
            return False
        action = ContextAction(context_id, [command])
        try:
            _, wishes = self._transactions.request(self._route, [action], now, (self._life, topic))
        except ValueError as trouble:
            self._wishes.append(Note("h248 request not sent", {"why": str(trouble)}))
            return False
        self._wishes += wishes
        return True

    def _plan_audit(self, now: float) -> None:
        if self._config.audit_interval and self._route is not None:
            self._agenda.put("audit", now + self._config.audit_interval)

    # ------------------------------------------------------------------ hearing

    def receive(self, event: Event, now: float) -> list[GatewayNews]:
        """Take an event; one that is not about H.248 gives nothing."""
        if isinstance(event, Accepted) and event.local == self._config.h248:
            self._accept(event, now)
            return []
        if isinstance(event, Expired) and event.timer == self._visitors.timer:
            self._visitors.tick(now)
            return []
        if isinstance(event, Expired) and event.timer == self._agenda.timer:
            for _ in self._agenda.take_due(now):
                self.request(NULL_CONTEXT, Command(CommandName.AUDIT_VALUE, [ROOT], audit=[]), AUDIT, now)
                self._plan_audit(now)
            return []
        outcomes, wishes = self._transactions.receive(event, now)
        self._wishes += wishes
        if isinstance(event, Received) and event.connection in self._visitors:
            stream = self._transactions.stream(event.connection)
            self._visitors.heard(event.connection, now, whole=bool(outcomes), inside=stream.is_inside)
            if stream.is_lost:
                self._visitors.refuse(event.connection, "unreadable")
        elif isinstance(event, Congested | Relieved):
            self._visitors.receive(event, now)
        elif isinstance(event, Ended):
            self._visitors.left(event.connection)
        for outcome in outcomes:
            self._take(outcome, now)
        route = self._route
        if isinstance(event, Ended) and isinstance(route, TcpRoute) and route.connection == event.connection:
            self._lose("its connection ended")
        news, self._news = self._news, []
        return news

    def _accept(self, event: Accepted, now: float) -> None:
        """A gateway connects, or somebody who is none."""
        allowed = self._allowed()
        if allowed and event.peer[0] not in allowed:
            self._wishes.append(Close(event.connection, abort=True))
            self._wishes.append(Note("h248 connection refused", {"why": "no MRFP of ours", "address": event.peer[0]}))
        elif self._visitors.accept(event, now):
            self._transactions.attach(event.connection, event.peer[0])

    def _allowed(self) -> tuple[str, ...]:
        """The addresses of MRFPs that may register; empty: any."""
        named = self._config.mrfp
        return self._config.mrfp_allowed or ((named[0],) if named is not None else ())

    def _take(self, outcome: Outcome, now: float) -> None:
        if isinstance(outcome, Asked):
            begin = len(self._wishes)
            actions = [self._execute(outcome, action, now) for action in outcome.request.actions]
            # The reply goes before what we ask for in turn.
            self._wishes[begin:begin] = self._transactions.reply(outcome, actions, now)
            return
        life, topic = outcome.topic
        if isinstance(outcome, Answered):
            if topic == EMPTY:
                self._emptied(life)
            elif topic != AUDIT:
                self._news.append(_reply(outcome.reply, topic))
        elif isinstance(outcome, GaveUp):
            if topic not in (AUDIT, EMPTY):
                self._news.append(Reply(topic, 0, None, ErrorDescriptor(0, outcome.why)))
            if life == self._life:
                self._lose(outcome.why)

    def _lose(self, why: str) -> None:
        if self._route is not None:
            self._route = None
            self._life += 1
            self._agenda.drop("audit")
            self._wishes.append(Note("mrfp lost", {"why": why}))
            self._news.append(Gone(why))

    def _execute(self, asked: Asked, action: ContextAction, now: float) -> ContextAction:
        made = ContextAction(action.context_id)
        for command in action.commands:
            reply = Command(command.name, command.termination_ids)
            if command.name is CommandName.SERVICE_CHANGE:
                self._service_change(asked, command, reply, now)
            elif not self._is_ours(asked.route):
                reply.error = ErrorDescriptor(505, "no ServiceChange before this request")
            elif command.name is CommandName.NOTIFY and command.observed_events is not None:
                for event in command.observed_events.events:
                    self._news.append(Notified(action.context_id, command.termination_ids[0], event))
            elif command.name is not CommandName.NOTIFY:
                reply.error = ErrorDescriptor(443, "unsupported or unknown command")
            made.commands.append(reply)
        return made

    def _is_ours(self, route: Route) -> bool:
        return self._route is not None and route.peer_address == self._route.peer_address

    # ------------------------------------------------------------------ registration

    def _service_change(self, asked: Asked, command: Command, reply: Command, now: float) -> None:
        said = command.service_change or ServiceChange()
        if [each.upper() for each in command.termination_ids] != [ROOT]:  # text has no case (clause B.1)
            if said.method.lower() in ("forced", "graceful"):
                self._news += [TerminationGone(each) for each in command.termination_ids]
            return
        allowed = self._allowed()
        if not allowed and self._route is not None:
            allowed = (self._route.peer_address,)  # one MRFP at a time
        if allowed and asked.route.peer_address not in allowed:
            reply.error = ErrorDescriptor(402, "unauthorized")
            return
        method = said.method.lower()
        if method in ("forced", "graceful"):
            self._accepts = False
            if method == "forced":
                self._lose("it goes out of service")
            return
        if method not in ("restart", "failover", "disconnected", "handoff"):
            reply.error = ErrorDescriptor(449, "unsupported or unknown parameter or property value")
            return
        # Restart and failover begin with nothing; disconnected, only the association was lost (clause 7.2.8).
        is_unknown = self._route is None
        if method != "disconnected" and self._route is not None:
            self._life += 1
            self._news.append(Gone("it began anew"))
        self._route = _route(asked.route, said)
        self._accepts = True
        version = min(said.version or 1, VERSION)
        self._transactions.version = version
        time = datetime.fromtimestamp(now + self._config.clock, UTC)
        stamp = f"{time:%Y%m%dT%H%M%S}{time.microsecond // 10_000:02}"
        reply.service_change = ServiceChange(version=version, profile=said.profile, timestamp=stamp)
        self._plan_audit(now)
        if method == "disconnected" and is_unknown:
            # What it still has belongs to calls that we ended when it was lost, or to whoever controlled it before us.
            self._accepts = False
            self.request(ALL_CONTEXTS, Command(CommandName.SUBTRACT, ["*"], audit=[], wildcard_return=True), EMPTY, now)
            return
        self._in_service(said.method, version)

    def _emptied(self, life: int) -> None:
        """All its terminations are gone; an error says that there were none."""
        if life == self._life:
            self._accepts = True
            self._in_service("Disconnected", self._transactions.version)

    def _in_service(self, method: str, version: int) -> None:
        self._wishes.append(Note("mrfp in service", {"method": method, "version": version}))


def _route(route: Route, said: ServiceChange) -> Route:
    """Where the MRFP wants to be spoken to: at the port of its ServiceChangeAddress, or at the source.

    Another host is not taken: over UDP anybody can speak in the MRFP's name.
    """
    if isinstance(route, UdpRoute) and said.address:
        host, _, port = said.address.strip().rpartition(":")
        is_there = host.strip("[]") in ("", route.peer[0])
        if is_there and port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536:
            return UdpRoute(route.local, (route.peer[0], int(port)))
    return route


def _reply(reply: TransactionReply, topic: Any) -> Reply:
    error = reply.error
    action = reply.actions[0] if reply.actions else None
    command = action.commands[0] if action is not None and action.commands else None
    error = error or (action.error if action is not None else None) or (command.error if command is not None else None)
    return Reply(topic, action.context_id if action is not None else 0, command, error)
