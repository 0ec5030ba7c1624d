"""From the steps of a scenario to packets: Ethernet, IPv4, UDP and a whole TCP (RFC 9293), checksums right.

Nothing here asks the clock or a random source: building twice gives the same octets.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from zlib import crc32

from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from samples.scenario import Node, Scenario, ScenarioError, Step
from samples.tls_psk import ALERTS, SERVER, SUITES, Tls, TlsParameters, TlsSession, random_of

FOLDER = Path(__file__).resolve().parent
MSS = 1460
WINDOW, SCALE = 502, 7
"Window as the header has it; the window of a SYN is never scaled (RFC 7323 section 2.2)."
SEGMENT_GAP = 12_000
"Nanoseconds between segments sent back to back (1460 octets at 1 Gbit/s)."
SYN_REPEATS = (0, 1, 3, 7)
"Seconds at which an unanswered SYN is sent (RFC 6298 section 5.5: 1 s, doubled each time)."

_Side = tuple[Node, str]
"""A node and the name of its end point."""


@dataclass(slots=True)
class Packet:
    """One packet of the capture."""

    time: int
    "Nanoseconds since 1970 UTC."
    data: bytes
    step: str
    "The step that it belongs to, so that a test can name frames by step."


@dataclass(slots=True)
class _Connection:
    """One TCP connection; `next_seq` is what each end sends next, by end point."""

    next_seq: dict[tuple[str, int], int]
    last: int = 0
    closed: bool = False
    tls: Tls | None = None
    "TLS on it, once a handshake began; from its end on, messages go protected."
    tls_client: tuple[str, int] = ("", 0)
    tls_is_up: bool = False


@dataclass(slots=True)
class Builder:
    """Turns steps into packets, keeping the state of every TCP connection and the IP identification of every host."""

    scenario: Scenario
    packets: list[Packet] = field(default_factory=list)
    tls: Callable[[TlsParameters], Tls] = TlsSession
    "What makes the two ends of a TLS session."
    _connections: dict[frozenset[tuple[str, int]], _Connection] = field(default_factory=dict)
    _ip_id: dict[str, int] = field(default_factory=dict)

    def build(self) -> list[Packet]:
        """All packets in order of time. Raises ScenarioError where TCP could not have carried a step."""
        for step in self.scenario.steps:
            if step.protocol == "tcp":
                self._tcp_action(step)
            elif step.protocol == "tls":
                self._tls_action(step)
            elif step.protocol in ("msrp", "http") or _ends(step) in self._connections:
                self._tcp_data(step)  # SIP too, where its ends have a TCP connection
            else:
                source, target = _end(step.source), _end(step.target)
                self._emit(step, step.at, step.source, step.target, UDP(sport=source[1], dport=target[1]), step.octets)
        self.packets.sort(key=lambda packet: packet.time)
        return self.packets

    def tls_sessions(self) -> list[Tls]:
        """The TLS sessions of what was built, for their keys."""
        return [each.tls for each in self._connections.values() if each.tls is not None]

    def _emit(
        self,
        step: Step,
        at: int,
        source: _Side,
        target: _Side,
        layer: UDP | TCP,
        load: bytes = b"",
    ) -> None:
        ip, peer = _end(source)[0], _end(target)[0]
        number = self._ip_id[ip] = (self._ip_id.get(ip, crc32(ip.encode())) + 1) & 0xFFFF
        frame = (
            Ether(src=source[0].mac, dst=target[0].mac) / IP(src=ip, dst=peer, id=number, ttl=64, flags="DF") / layer
        )
        data = bytes(frame / Raw(load)) if load else bytes(frame)
        self.packets.append(Packet(self.scenario.start + at, data, step.name))

    def _segment(self, step: Step, at: int, source: _Side, target: _Side, flags: str, load: bytes = b"") -> None:
        here, there = _end(source), _end(target)
        connection = self._connection(step, at)
        seq, ack = connection.next_seq[here], connection.next_seq[there]
        options = [("MSS", MSS), ("SAckOK", b""), ("NOP", None), ("WScale", SCALE)] if "S" in flags else []
        window = WINDOW << SCALE if "S" in flags else WINDOW
        layer = TCP(sport=here[1], dport=there[1], seq=seq, flags=flags, window=window, options=options)
        layer.ack = ack if "A" in flags else 0
        self._emit(step, at, source, target, layer, load)
        connection.next_seq[here] = (seq + len(load) + ("S" in flags) + ("F" in flags)) & 0xFFFFFFFF
        connection.last = at

    def _connection(self, step: Step, at: int) -> _Connection:
        connection = self._connections.get(_ends(step))
        if connection is None or connection.closed:
            raise ScenarioError(f"step {step.name}: there is no open TCP connection between its ends")
        if at < connection.last:
            raise ScenarioError(f"step {step.name}: the step before it on the connection has not ended yet")
        return connection

    def _tcp_action(self, step: Step) -> None:
        client, server, at = step.source, step.target, step.at
        key = frozenset((_end(client), _end(server)))
        if step.do in ("connect", "refused", "unanswered"):
            ends = (_end(client), _end(server))
            sequence = {end: crc32(f"{step.name} {end}".encode()) for end in ends}
            self._connections[key] = _Connection(sequence, last=at)
        there, here = at + server[0].delay, at + server[0].delay + client[0].delay
        match step.do:
            case "connect":
                self._segment(step, at, client, server, "S")
                self._segment(step, there, server, client, "SA")
                self._segment(step, here, client, server, "A")
            case "refused":
                self._segment(step, at, client, server, "S")
                # A reset for a SYN has sequence number 0 (RFC 9293 section 3.10.7.1).
                self._connections[key].next_seq[_end(server)] = 0
                self._segment(step, there, server, client, "RA")
                self._connections[key].closed = True
            case "unanswered":
                first = self._connections[key].next_seq[_end(client)]
                for seconds in SYN_REPEATS:
                    self._connections[key].next_seq[_end(client)] = first
                    self._segment(step, at + seconds * 10**9, client, server, "S")
                self._connections[key].closed = True
            case "close":
                self._segment(step, at, client, server, "FA")
                self._segment(step, there, server, client, "FA")
                self._segment(step, here, client, server, "A")
                self._connections[key].closed = True
            case "abort":
                self._segment(step, at, client, server, "RA")
                self._connections[key].closed = True
            case _:
                raise ScenarioError(f"step {step.name}: do = {step.do!r} is not known")

    def _tcp_data(self, step: Step) -> None:
        """One message, as it is or in records of TLS."""
        connection = self._connection(step, step.at)
        octets = step.octets
        if connection.tls is not None and connection.tls_is_up:
            octets = connection.tls.data(int(_end(step.source) != connection.tls_client), octets)
        self._octets(step, step.at, step.source, step.target, octets)

    def _tls_action(self, step: Step) -> None:
        """A handshake, or an alert."""
        connection = self._connection(step, step.at)
        if step.do == "handshake":
            self._tls_handshake(step, connection)
            return
        tls = connection.tls
        if tls is None or step.do not in ("alert", "close_notify"):
            raise ScenarioError(f"step {step.name}: do = {step.do!r} is not known, or there is no TLS to do it")
        side = int(_end(step.source) != connection.tls_client)
        name = "close_notify" if step.do == "close_notify" else step.options["alert"]
        self._octets(step, step.at, step.source, step.target, tls.alert(side, name, fatal=step.do == "alert"))

    def _tls_handshake(self, step: Step, connection: _Connection) -> None:
        """ClientHello and what follows, each flight once the one before has arrived.

        `fails` ends it: `client_hello` or `client_finished` is answered with `alert`. A server that holds another key
        cannot read Finished and says bad_record_mac (RFC 5246 section 7.4.9; RFC 4279 section 2).
        """
        options = step.options
        tls = connection.tls = self.tls(_parameters(step))
        if tls.parameters.suite not in SUITES:
            raise ScenarioError(f"step {step.name}: the suite {tls.parameters.suite} is not known")
        client, server = step.source, step.target
        connection.tls_client = _end(client)
        fails, alert = options.get("fails", ""), options.get("alert", "bad_record_mac")
        if not fails and not tls.agrees:
            fails = "client_finished"
        if fails not in ("", "client_hello", "client_finished") or (alert and alert not in ALERTS):
            raise ScenarioError(f"step {step.name}: fails = {fails!r}, alert = {alert!r} are not known")
        at = self._flight(step, step.at, client, server, tls.client_hello())
        if fails == "client_hello":
            self._give_up(step, at, tls, alert)
            return
        at = self._flight(step, at, server, client, tls.server_flight())
        at = self._flight(step, at, client, server, tls.client_flight())
        at = max(at, round(options.get("finished_at", 0) * 10**9))
        if fails:
            self._give_up(step, at, tls, alert)
            return
        self._octets(step, at, server, client, tls.server_finish())
        connection.tls_is_up = True

    def _give_up(self, step: Step, at: int, tls: Tls, alert: str) -> None:
        """The server's alert, or nothing."""
        if alert:
            self._octets(step, at, step.target, step.source, tls.alert(SERVER, alert))

    def _flight(self, step: Step, at: int, source: _Side, target: _Side, octets: bytes) -> int:
        """Octets that the other side acknowledges with what it answers; returns when it can answer."""
        parts = [octets[begin : begin + MSS] for begin in range(0, len(octets), MSS)]
        for number, part in enumerate(parts, 1):
            self._segment(step, at, source, target, "PA" if number == len(parts) else "A", part)
            at += SEGMENT_GAP if number < len(parts) else target[0].delay
        return at

    def _octets(self, step: Step, at: int, source: _Side, target: _Side, octets: bytes) -> None:
        """Octets as segments of at most MSS; the receiver acknowledges every second one, and the last."""
        parts = [octets[begin : begin + MSS] for begin in range(0, len(octets), MSS)]
        for number, part in enumerate(parts, 1):
            last = number == len(parts)
            self._segment(step, at, source, target, "PA" if last else "A", part)
            if last or number % 2 == 0:
                at += target[0].delay
                self._segment(step, at, target, source, "A")
            at += SEGMENT_GAP


def _parameters(step: Step) -> TlsParameters:
    """What a handshake step says, with randoms from its name where it gives none."""
    options = step.options
    certificate = options.get("certificate", "")
    return TlsParameters(
        psk=bytes.fromhex(options.get("psk", "")),
        server_psk=bytes.fromhex(options.get("server_psk", "")),
        psk_identity=options.get("psk_identity", "").encode(),
        psk_hint=options["psk_hint"].encode() if "psk_hint" in options else None,
        suite=options.get("suite", "TLS_PSK_WITH_AES_128_GCM_SHA256"),
        extended_master_secret=options.get("extended_master_secret", True),
        client_random=bytes.fromhex(options.get("client_random", "")) or random_of(f"client {step.name}"),
        server_random=bytes.fromhex(options.get("server_random", "")) or random_of(f"server {step.name}"),
        certificate=(FOLDER / certificate).read_bytes() if certificate else b"",
    )


def _ends(step: Step) -> frozenset[tuple[str, int]]:
    return frozenset((_end(step.source), _end(step.target)))


def _end(side: _Side) -> tuple[str, int]:
    return side[0].ends[side[1]]
