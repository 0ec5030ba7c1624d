"""The gateway's association with a controller (H.248.1 clauses 7.2.8 and 11; Annex D over TCP).

After its start the gateway says ServiceChange Restart to the first controller, and to the next one if that does not
answer within T-MAX, again and again. When a controller that it is registered with answers no more, or the connection is
lost, it says Disconnected to it, then to the next. A reply may name another controller, or a lower version.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from dissectors.h248 import NULL_CONTEXT, Command, CommandName, ContextAction, TransactionReply
from dissectors.h248.model import ServiceChange
from replay.events import Close, Connect, Endpoint
from replay.h248 import Route, TcpRoute, Transactions, UdpRoute
from replay.mrfp.node import Node

RESTART = ("Restart", "901 Cold Boot")
FREED = ("Restart", "902 Warm Boot")
"Said once contexts were freed for want of a controller."
DISCONNECTED = ("Disconnected", "900 Service Restored")
HANDED_OFF = ("HandOff", "903 MGC Directed Change")
OUT_OF_SERVICE = ("Forced", "905 Termination Taken Out Of Service")
REGISTER = "register"
"Topic of our ServiceChange."
ORPHANS = "orphans"
"Kind of the deadline until which contexts are kept without a controller."
DEFAULT_PORT = 2944
MAX_REDIRECTS = 8
"Controllers that name another one, in a row."

_MID = re.compile(r"\[([0-9A-Fa-f.:]+)\](?::([0-9]{1,5}))?|([0-9]{1,5})")


@dataclass(slots=True)
class Registration:
    """With whom the gateway is registered, or tries to be."""

    node: Node
    transactions: Transactions
    registered: Callable[[], None]
    "Told when a controller has us."
    is_registered: bool = False
    route: Route | None = None
    "The way to the controller; None while a connection is missing."
    _controllers: list[Endpoint] = field(default_factory=list)
    _connection: int | None = None
    _cause: tuple[str, str] = RESTART
    _open: int | None = None
    "Transaction id of the ServiceChange that waits for a reply."
    _redirects: int = 0
    _stopped: bool = False

    def start(self) -> None:
        """Register after a start."""
        self._controllers = list(self.node.config.controllers)
        self._reach()

    def stop(self) -> None:
        """Say that the gateway goes out of service."""
        self._stopped = True
        if self.is_registered and self.route is not None:
            self._ask(OUT_OF_SERVICE)
        self.is_registered = False
        if self._connection is not None:
            self.node.wishes.append(Close(self._connection))

    def is_controller(self, route: Route) -> bool:
        """Whether a request comes from the controller: others may not give orders (error 504)."""
        if isinstance(route, TcpRoute):
            return route == self.route
        return bool(self._controllers) and route.peer_address == self._controllers[0][0]

    # ------------------------------------------------------------------ ways

    def _reach(self) -> None:
        """Take the way to the first controller, and register there."""
        if self._stopped:
            return
        self.node.agenda.drop((REGISTER, None))
        controller = self._controllers[0]
        if self.node.config.transport != "tcp":
            self.route = UdpRoute(self.node.config.h248, controller)
            self._ask(self._cause)
            return
        if self._connection is not None:
            self.node.wishes.append(Close(self._connection))
            self.transactions.detach(self._connection)
        self.route = None
        self._connection = self.node.next_connection()
        self.node.wishes.append(Connect(self._connection, (self.node.config.h248[0], 0), controller))

    def owns(self, connection: int) -> bool:
        """Whether this is the connection to the controller."""
        return connection == self._connection

    def connected(self) -> None:
        """The connection to the controller is up."""
        if self._connection is not None:
            self.route = self.transactions.attach(self._connection, self._controllers[0][0])
            self._ask(self._cause)

    def disconnected(self, why: str) -> None:
        """The connection to the controller is gone, or could not be had."""
        self._connection = None
        self.route = None
        if self.is_registered:
            self.lose(why)
        else:
            self._try_later()

    # ------------------------------------------------------------------ ServiceChange

    def _ask(self, cause: tuple[str, str]) -> None:
        if self.route is None:
            return
        if self._open is not None:
            self.transactions.abandon(self._open)
        config = self.node.config
        method, reason = cause
        change = ServiceChange(method, reason, timestamp=self.node.timestamp())
        if cause is not OUT_OF_SERVICE:
            change.version = self.transactions.version
            change.profile = config.h248_profile
        command = Command(CommandName.SERVICE_CHANGE, ["ROOT"], service_change=change)
        topic = (REGISTER, cause)
        self._open, wishes = self.transactions.request(
            self.route, [ContextAction(NULL_CONTEXT, [command])], self.node.now, topic
        )
        self.node.wishes += wishes

    def answered(self, reply: TransactionReply) -> None:
        """The controller answered our ServiceChange."""
        self._open = None
        if self._stopped:
            return
        error = reply.error
        services = None
        for action in reply.actions:
            error = error or action.error
            for command in action.commands:
                error = error or command.error
                services = command.service_change or services
        if error is not None:
            self.node.note("h248 registration refused", code=error.code)
            if error.code == 406 and self.transactions.version > 1:
                self.transactions.version -= 1
            self._next_controller()
            self._try_later()
            return
        if services is not None and services.mgc_id_to_try and self._redirects < MAX_REDIRECTS:
            self._redirects += 1
            self._go_to(services.mgc_id_to_try)
            return
        if services is not None and services.version is not None:
            self.transactions.version = max(1, min(self.transactions.version, services.version))
        if services is not None and services.address and isinstance(self.route, UdpRoute):
            other = _endpoint(services.address, self.route.peer)
            if other is not None and other[0] == self.route.peer[0]:
                self.route = UdpRoute(self.route.local, other)
        self._redirects = 0
        self.is_registered = True
        self._cause = RESTART
        self.node.agenda.drop((ORPHANS, None))
        self.node.note("h248 registered", version=self.transactions.version, controller=self._controllers[0][0])
        self.registered()

    def gave_up(self, why: str) -> None:
        """No answer to our ServiceChange: on to the next controller."""
        self._open = None
        if self._stopped:
            return
        self.node.note("h248 registration failed", why=why)
        self._next_controller()
        self._reach()

    def lose(self, why: str) -> None:
        """The controller that we are registered with is gone."""
        if not self.is_registered or self._stopped:
            return
        self.node.note("h248 controller lost", why=why)
        self.is_registered = False
        self._cause = DISCONNECTED
        if self.node.config.orphans:
            self.node.agenda.put((ORPHANS, None), self.node.now + self.node.config.orphans)
        if self.node.config.transport == "tcp" and self.route is None:
            self._try_later()
        else:
            self._reach()

    def hand_off(self, mgc: str) -> bool:
        """The controller sends us to another one; False where that may not be one."""
        if self._controller(mgc) is None:
            return False
        self.is_registered = False
        self._cause = HANDED_OFF
        self._go_to(mgc)
        return True

    def begin_anew(self) -> None:
        """No controller came back in time, and all contexts are freed: the next one is told that there are none."""
        self._cause = FREED
        if self._open is not None:
            self._ask(self._cause)

    def retry(self) -> None:
        """The time to try again has come."""
        self._reach()

    def _go_to(self, mgc: str) -> None:
        controller = self._controller(mgc)
        if controller is None:
            self.node.note("h248 controller without an address that may be one")
            self._try_later()
            return
        if controller in self._controllers:
            self._controllers.remove(controller)
        self._controllers.insert(0, controller)
        del self._controllers[len(self.node.config.controllers) + MAX_REDIRECTS :]
        self._reach()

    def _controller(self, mgc: str) -> Endpoint | None:
        """The place that a controller names; None for none, and for a host that is not listed.

        Over UDP anybody can speak in a controller's name, and we would speak to that host again and again.
        """
        config, known = self.node.config, self._controllers[0]
        found = _endpoint(mgc, known)
        if found is None or found[0] in (host for host, _ in config.controllers):
            return found
        return found if config.admission.fits(known[0], found[0]) else None

    def _next_controller(self) -> None:
        self._controllers.append(self._controllers.pop(0))

    def _try_later(self) -> None:
        self.node.agenda.put((REGISTER, None), self.node.now + self.node.config.retry)


def is_registration(topic: Any) -> bool:
    """Whether a request of ours with this topic was a ServiceChange of the association."""
    return isinstance(topic, tuple) and bool(topic) and topic[0] == REGISTER


def _endpoint(text: str, known: Endpoint) -> Endpoint | None:
    """An address and port as ServiceChange names them; the port alone is one of the known host. Names are unknown."""
    match = _MID.fullmatch(text.strip())
    if match is None:
        return None
    address, port, alone = match.groups()
    number = int(alone or port or DEFAULT_PORT)
    if not 0 < number < 65536:
        return None
    return (known[0], number) if alone else (address, number)
