"""What Add and Modify say of a termination: checked first, then carried out (H.248.1 clauses 7.1.4 to 7.1.11)."""

from __future__ import annotations

from dataclasses import dataclass, field

from dissectors.h248 import Command, CommandName
from dissectors.h248.model import MediaDescriptor, Property, Signal, StreamParameters
from replay.mrfp.connections import Connections
from replay.mrfp.envelope import comparable
from replay.mrfp.leg import Leg
from replay.mrfp.media_choice import LocalRequest, RemoteEnd, read_local, read_remote
from replay.mrfp.node import Node
from replay.mrfp.notices import Notices, check_events
from replay.mrfp.packages import FILTER_SCRIPT, PARTICIPANT_URI, PSK_IDENTITY, ROOM_URI, check_item
from replay.mrfp.ports import PortPool
from replay.mrfp.refusal import Refusal
from replay.mrfp.sieve import Filter, read_filter
from replay.mrfp.terminations import StreamState, Termination

MODES = {
    "": (True, True),
    "sendreceive": (True, True),
    "sendonly": (True, False),
    "receiveonly": (False, True),
    "inactive": (False, False),
}
"""Whether messages go to the participant, and come from it; the gateway's point of view (clause 7.1.7)."""
MAX_PSK = 256
"Octets of a Pre-Shared Key; OpenSSL takes no more."
DEFAULT_IDENTITY = "mrfp"


@dataclass(slots=True)
class _Plan:
    """What is wanted of one stream, read and found possible."""

    stream_id: int
    parameters: StreamParameters
    local: LocalRequest | None = None
    remote: RemoteEnd | None = None
    psk: bytes | None = None
    properties: list[Property] = field(default_factory=list)
    values: dict[str, list[str]] = field(default_factory=dict)
    "Properties by lower-case name."
    filter: Filter | None = None
    starts_tcp: bool = False
    starts_tls: bool = False
    releases: bool = False


@dataclass(slots=True)
class Configuring:
    """Carries out media, events and signals."""

    node: Node
    ports: PortPool
    connections: Connections
    notices: Notices

    def apply(self, termination: Termination, command: Command) -> MediaDescriptor | None:
        """Do what the descriptors of a command say; returns what the gateway chose. Refusal says why not."""
        _check_descriptors(command)
        media = command.media or MediaDescriptor()
        state = media.termination_state
        for each in state.properties if state is not None else ():
            check_item("property", each.name)
            raise Refusal(445, f"unsupported property {each.name}")
        plans = {number: self._plan(number, parameters, command) for number, parameters in media.streams.items()}
        if command.events is not None:
            names = self.node.config.names
            check_events(command.events, names.tcp_events | names.tls_events)
        self._plan_signals(termination, command, plans)
        chosen = MediaDescriptor()
        for plan in plans.values():
            self._check(termination, plan)
        for plan in plans.values():
            self._carry_out(termination, plan, chosen)
        if state is not None and state.service_state:
            termination.service_state = state.service_state
        if command.events is not None:
            self.notices.arm(termination, command.events)
        for plan in plans.values():
            self._start(termination, plan)
        return chosen if chosen.streams else None

    def release(self, termination: Termination) -> None:
        """Let go of everything that a termination holds."""
        self.node.agenda.drop(("heartbeat", termination))
        for state in termination.streams.values():
            leg = state.leg
            if leg is not None:
                self.connections.close(leg)
                if leg.room is not None:
                    leg.room.remove(leg)
                self.notices.owner.pop(leg, None)
                self.ports.give_back(leg.local[1])
                state.leg = None

    # ------------------------------------------------------------------ reading

    def _plan(self, stream_id: int, parameters: StreamParameters, command: Command) -> _Plan:
        plan = _Plan(stream_id, parameters)
        mode = parameters.mode.lower()
        if mode not in MODES:
            raise Refusal(517, f"unsupported mode {parameters.mode}")
        names = self.node.config.names
        for each in parameters.properties:
            name = check_item("property", each.name, names.psk_properties)
            if name.startswith("root/"):
                raise Refusal(455, f"property illegal in this descriptor: {each.name}")
            if name in names.psk_properties:
                plan.psk = _psk(each)
                continue
            plan.properties.append(each)
            plan.values[name] = each.values
        script = plan.values.get(FILTER_SCRIPT)
        if script is not None:
            if "GEN-4" in self.node.faults and command.name is CommandName.MODIFY:
                raise Refusal(701, "unsupported require")
            plan.filter = read_filter(script[0] if script else "")
        if parameters.local:
            plan.local = read_local(parameters.local)
        if parameters.remote:
            plan.remote = read_remote(parameters.remote)
        return plan

    def _plan_signals(self, termination: Termination, command: Command, plans: dict[int, _Plan]) -> None:
        names = self.node.config.names
        for each in command.signals or ():
            for signal in [each] if isinstance(each, Signal) else each.signals:
                name = check_item("signal", signal.name, names.start_tcp | names.start_tls)
                numbers = [signal.stream_id] if signal.stream_id else sorted({*termination.streams, *plans})
                if not numbers:
                    raise Refusal(441, "missing Remote or Local descriptor")
                for number in numbers:
                    plan = plans.setdefault(number, _Plan(number, StreamParameters()))
                    plan.starts_tcp |= name in names.start_tcp
                    plan.starts_tls |= name in names.start_tls
                    plan.releases |= name.endswith("/relbnc")

    def _check(self, termination: Termination, plan: _Plan) -> None:
        """What can be told to be impossible before anything is done."""
        state = termination.streams.get(plan.stream_id, StreamState())
        leg = state.leg
        if plan.local is not None:
            if leg is None and not self.ports:
                raise Refusal(510, "insufficient resources: no TCP port is free")
            if leg is not None and leg.is_secure != plan.local.is_secure:
                raise Refusal(473, "the transport of a session cannot change")
        if plan.starts_tcp or plan.starts_tls:
            if leg is None and plan.local is None:
                raise Refusal(441, "missing Remote or Local descriptor")
            is_secure = plan.local.is_secure if plan.local is not None else leg is not None and leg.is_secure
            if plan.starts_tls and not is_secure:
                raise Refusal(513, "TLS cannot be started: the transport is TCP/MSRP")
            if plan.starts_tls and not plan.psk and not (leg is not None and leg.psk):
                raise Refusal(472, "required information missing: no Pre-Shared Key")
        if plan.starts_tcp:
            remote = plan.remote.end if plan.remote is not None else leg.remote if leg is not None else None
            if remote is None:
                raise Refusal(441, "missing Remote or Local descriptor")

    # ------------------------------------------------------------------ doing

    def _carry_out(self, termination: Termination, plan: _Plan, chosen: MediaDescriptor) -> None:
        state = termination.streams.setdefault(plan.stream_id, StreamState())
        parameters = plan.parameters
        if plan.local is not None:
            leg = state.leg or self._new_leg(termination, plan.stream_id, plan.local.is_secure)
            state.leg = leg
            asked = b"$" in (parameters.local or b"")
            with_path = "MRFP-1" not in self.node.faults
            state.local = plan.local.fill(leg.local[0], leg.local[1], leg.uri, with_path)
            state.setup = plan.local.setup
            if asked:
                chosen.streams[plan.stream_id] = StreamParameters(local=state.local)
        elif parameters.local is not None:
            state.local = b""
            if state.leg is not None:
                self.connections.release(state.leg)
        if parameters.has_local_control:
            # Properties that are not named keep their values (clause 7.1.1).
            state.mode = parameters.mode or state.mode
            kept = [each for each in state.properties if each.name.lower() not in plan.values]
            state.properties = kept + plan.properties
        if parameters.remote is not None:
            state.remote = parameters.remote
        if state.leg is not None:
            self._set_up(state, state.leg, plan)

    def _set_up(self, state: StreamState, leg: Leg, plan: _Plan) -> None:
        if plan.parameters.has_local_control:
            leg.may_get, leg.may_give = MODES[state.mode.lower()]
        if FILTER_SCRIPT in plan.values:
            leg.filter = plan.filter
        if plan.psk is not None:
            leg.psk = plan.psk
        leg.psk_identity = next(iter(plan.values.get(PSK_IDENTITY, ())), leg.psk_identity or DEFAULT_IDENTITY)
        if PARTICIPANT_URI in plan.values:
            leg.set_uris(plan.values[PARTICIPANT_URI])
        room = plan.values.get(ROOM_URI)
        if room and leg.room is not None:
            leg.room.uri = comparable(room[0])
        if plan.remote is not None:
            leg.remote = plan.remote.end
            state.remote_setup = plan.remote.setup
            leg.takes_private = plan.remote.takes_private
            leg.set_path(plan.remote.path)

    def _new_leg(self, termination: Termination, stream_id: int, is_secure: bool) -> Leg:
        port = self.ports.take()
        if port is None:
            raise Refusal(510, "insufficient resources: no TCP port is free")
        # At least 80 bits by chance: who knows a session-id may take the session over (RFC 4975 section 14.1).
        session_id = self.node.config.random(10).hex()
        leg = Leg(self.node, termination.name, stream_id, (self.node.config.media_address, port), session_id, is_secure)
        self.connections.open(leg)
        self.notices.owner[leg] = termination
        termination.context.room(stream_id).add(leg)
        return leg

    def _start(self, termination: Termination, plan: _Plan) -> None:
        """Open, or await, the connection: by signal, or without packages by `a=setup` (H.248.89 clause 10)."""
        state = termination.streams[plan.stream_id]
        leg = state.leg
        if leg is None:
            return
        if plan.releases:
            self.connections.release(leg)
            return
        # Where Local does not say it, Remote does: one is active, the other passive (RFC 4145 section 4).
        is_active = plan.starts_tcp or state.setup == "active" or (not state.setup and state.remote_setup == "passive")
        is_swapped = ("DOUT-12" if leg.is_secure else "CONN-1") in self.node.faults and not is_active
        if leg.is_secure:
            state.starts_tls |= plan.starts_tls
            if state.starts_tls:
                self.connections.set_tls_role(leg, "client")
            elif self.notices.asks_established(termination, plan.stream_id) or "DIN-4d" in self.node.faults:
                self.connections.set_tls_role(leg, "wait")
            elif is_swapped:
                self.connections.set_tls_role(leg, "server")
            else:
                self.connections.try_tls(leg)
        if leg.remote is not None and (is_active or is_swapped):
            self.connections.connect(leg)
        elif not is_active:
            self.connections.listen(leg)
        self.connections.expect(leg)
        self.connections.greet(leg)


def _check_descriptors(command: Command) -> None:
    """Descriptors that this gateway has no use for. Refusal 444 or 447."""
    for what, value in (
        ("Modem", command.modem),
        ("Mux", command.mux),
        ("DigitMap", command.digit_map),
        ("EventBuffer", command.event_buffer),
        ("extension", command.extensions or None),
    ):
        if value is not None:
            raise Refusal(444, f"unsupported descriptor {what}")
    if command.observed_events is not None or command.service_change is not None or command.packages is not None:
        raise Refusal(447, "descriptor not legal in this command")
    for each in command.statistics or ():
        check_item("statistic", each.name)


def _psk(value: Property) -> bytes:
    """The Pre-Shared Key, in hexadecimal. Refusal 449, which does not show it."""
    text = value.values[0] if value.values else ""
    try:
        psk = bytes.fromhex(text[2:] if text[:2].lower() == "0x" else text)
    except ValueError:
        psk = b""
    if not 0 < len(psk) <= MAX_PSK:
        raise Refusal(449, f"{value.name}: not a key in hexadecimal")
    return psk
