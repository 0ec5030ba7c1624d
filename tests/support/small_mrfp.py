"""A small MRFP for tests of the MRFC and the UE: it does what the flows need, and no more."""

from __future__ import annotations

from itertools import count

from dissectors.h248 import CHOOSE_CONTEXT, NULL_CONTEXT, Command, CommandName, ContextAction, ErrorDescriptor
from dissectors.h248.model import (
    MediaDescriptor,
    ObservedEvent,
    ObservedEvents,
    Property,
    ServiceChange,
    StreamParameters,
)
from dissectors.msrp import MsrpStream, build_response, replace_headers, session_id_of
from replay.events import (
    Accepted,
    Close,
    Connect,
    Connected,
    ConnectFailed,
    Ended,
    Hold,
    Listen,
    Received,
    Secure,
    Secured,
    SecureFailed,
    Send,
)
from replay.h248 import Answered, Asked, Transactions, UdpRoute


class Leg:
    def __init__(self, termination: str, context: int, port: int, path: str, secured: bool) -> None:
        self.termination, self.context, self.port, self.path, self.secured = termination, context, port, path, secured
        self.remote_path = self.remote_end = None
        self.psk = b""
        self.connection = 0
        self.request_id = 0
        self.up = False
        self.held = False
        self.wants_tls = False
        self.opener = False
        self.stream = MsrpStream()
        self.received: list = []


class SmallMrfp:
    """Reserves, connects, fans out."""

    def __init__(
        self, h248, mrfc, address, *, refuse: int = 0, name: str = "mrfp", register: str = "Restart", life: int = 1
    ) -> None:
        self.name = name
        self.refuse = refuse
        self.register = register
        self.h248, self.address = h248, address
        self.transactions = Transactions(name, f"[{h248[0]}]:{h248[1]}", first_id=1000 * life)
        self.transactions.serve(h248)
        self.route = UdpRoute(h248, mrfc)
        self.legs: dict[str, Leg] = {}
        self.requests: list[Command] = []
        self.contexts = count(17)
        self.ids = count(1)
        self.connections = count(1)
        self.silent = False
        "Takes requests and does not answer."

    def start(self, now):
        if not self.register:
            return []
        change = ServiceChange(self.register, "901 Cold Boot", version=2, profile="Mp/1")
        command = Command(CommandName.SERVICE_CHANGE, ["ROOT"], service_change=change)
        return self.transactions.request(self.route, [ContextAction(NULL_CONTEXT, [command])], now, "register")[1]

    def stop(self, now):
        return []

    def receive(self, event, now):
        self.wishes = []
        outcomes, wishes = self.transactions.receive(event, now)
        for outcome in outcomes:
            if isinstance(outcome, Asked) and not self.silent:
                actions = [self._action(action) for action in outcome.request.actions]
                wishes += self.transactions.reply(outcome, actions, now)
            elif isinstance(outcome, Answered):
                self.last_answer = outcome.reply
        leg = next((leg for leg in self.legs.values() if leg.connection == getattr(event, "connection", 0)), None)
        if isinstance(event, Accepted):
            leg = next(leg for leg in self.legs.values() if leg.port == event.local[1])
            leg.connection = event.connection
            self._tcp_up(leg)
        elif leg is None:
            pass
        elif isinstance(event, Connected):
            self._tcp_up(leg)
        elif isinstance(event, Secured):
            self._ready(leg)
        elif isinstance(event, Received):
            self._msrp(leg, event.data)
        elif isinstance(event, ConnectFailed | SecureFailed):
            name = "tcpbcc/BNCChange" if isinstance(event, ConnectFailed) else "tlsbsc/BNCChange"
            wishes += self.notify(leg, name, now)
        elif isinstance(event, Ended):
            leg.connection = 0
        return wishes + self.wishes

    def notify(self, leg, name, now):
        observed = ObservedEvents(leg.request_id, [ObservedEvent(name, 1, "", [Property("Type", ["failed"])])])
        command = Command(CommandName.NOTIFY, [leg.termination], observed_events=observed)
        return self.transactions.request(self.route, [ContextAction(leg.context, [command])], now, "notify")[1]

    # ------------------------------------------------------------------ commands

    def _action(self, action):
        made = ContextAction(action.context_id)
        for command in action.commands:
            self.requests.append(command)
            reply = Command(command.name, command.termination_ids)
            if command.name is CommandName.ADD:
                if self.refuse:
                    reply.error = ErrorDescriptor(self.refuse)
                else:
                    if action.context_id == CHOOSE_CONTEXT:
                        made.context_id = next(self.contexts)
                    elif not any(leg.context == action.context_id for leg in self.legs.values()):
                        reply.error = ErrorDescriptor(411)
                        made.commands.append(reply)
                        continue
                    self._add(made.context_id, command, reply)
            elif command.name is CommandName.MODIFY:
                self._configure(self.legs[command.termination_ids[0]], command)
            elif command.name is CommandName.SUBTRACT:
                all_of_them = list(self.legs.values()) if command.termination_ids == ["*"] else []
                for each in all_of_them:
                    del self.legs[each.termination]
                leg = self.legs.pop(command.termination_ids[0], None)
                if all_of_them:
                    self.wishes += [Close(each.connection) for each in all_of_them if each.connection]
                elif leg is None:
                    reply.error = ErrorDescriptor(430)
                else:
                    reply.statistics = [Property("msrpstat/mr", [str(len(leg.received))])]
                    if leg.connection:
                        self.wishes.append(Close(leg.connection))
            made.commands.append(reply)
        return made

    def _add(self, context, command, reply):
        number = next(self.ids)
        termination = f"ip/1/mb/{number}"
        (stream,) = command.media.streams.values()
        media = stream.local_sdp[0].media[0]
        secured = "TLS" in media.proto
        port = 28560 + number if media.port is None else media.port
        path = f"{'msrps' if secured else 'msrp'}://{self.address}:{port}/s{number}x9Q4mB7t;tcp"
        leg = self.legs[termination] = Leg(termination, context, port, path, secured)
        self.wishes.append(Listen((self.address, port)))
        local = (
            f"v=0\r\nc=IN IP4 {self.address}\r\nm=message {port} {media.proto} *\r\n"
            f"a=setup:{media.setup or 'active'}\r\na=path:{path}\r\n"
        ).encode()
        reply.termination_ids = [termination]
        reply.media = MediaDescriptor({1: StreamParameters(local=local)})
        self._configure(leg, command)

    def _configure(self, leg, command):
        if command.media is None:
            return
        (stream,) = command.media.streams.values()
        if command.events is not None:
            leg.request_id = command.events.request_id
        for each in stream.properties:
            if each.name == "tlsbsc/psk":
                leg.psk = bytes.fromhex(each.values[0])
        if stream.remote_sdp:
            media = stream.remote_sdp[0].media[0]
            leg.remote_path = " ".join(media.path)
            leg.remote_end = (media.connection.address, media.port) if media.connection else None
        signals = {signal.name for signal in command.signals or []}
        leg.wants_tls = leg.wants_tls or "tlsbsc/EstBNC" in signals
        if "tcpbcc/EstBNC" in signals and leg.remote_end:
            leg.opener = True
            leg.connection = next(self.connections)
            self.wishes.append(Connect(leg.connection, (self.address, 0), leg.remote_end))
        elif leg.held and leg.psk:
            self._secure(leg)

    # ------------------------------------------------------------------ the connection

    def _tcp_up(self, leg):
        if not leg.secured:
            self._ready(leg)
        elif leg.psk:
            self._secure(leg)
        else:
            leg.held = True
            self.wishes.append(Hold(leg.connection))

    def _secure(self, leg):
        self.wishes.append(Secure(leg.connection, leg.wants_tls, leg.psk, "mrfp" if leg.wants_tls else ""))

    def _ready(self, leg):
        leg.up = True
        if leg.opener:
            self._send(leg, f"MSRP bind{leg.port} SEND", "Message-ID: b1\r\n", f"bind{leg.port}")

    def _send(self, leg, start, headers, tid):
        text = f"{start}\r\nTo-Path: {leg.remote_path}\r\nFrom-Path: {leg.path}\r\n{headers}-------{tid}$\r\n"
        self.wishes.append(Send(leg.connection, text.encode()))

    def _msrp(self, leg, data):
        for framed in leg.stream.receive_data(data):
            message = framed.message
            if message is None or not message.is_request or message.method == "REPORT":
                continue
            known = session_id_of(message.to_path) == session_id_of(leg.path)
            response = build_response(message, 200 if known else 481, "OK" if known else "No session")
            self.wishes.append(Send(leg.connection, _octets(response)))
            if message.method != "SEND" or message.body is None or not known:
                continue
            leg.received.append(message)
            for other in self.legs.values():
                if other is not leg and other.context == leg.context and other.up:
                    paths = {"To-Path": other.remote_path, "From-Path": other.path}
                    self.wishes.append(Send(other.connection, _octets(replace_headers(message, paths))))


def _octets(message):
    body = b"" if message.body is None else message.body + b"\r\n"
    return message.head + body + f"-------{message.transaction_id}{message.flag}\r\n".encode()
