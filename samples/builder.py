"""From the steps of a scenario to packets: Ethernet, IPv4, UDP and a whole TCP (RFC 9293), checksums right.

Nothing here asks the clock or a random source: building twice gives the same octets.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from zlib import crc32

from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from samples.scenario import Node, Scenario, ScenarioError, Step

MSS = 1460
WINDOW, SCALE = 502, 7
"Window as the header has it; the window of a SYN is never scaled (RFC 7323 section 2.2)."
SEGMENT_GAP = 12_000
"Nanoseconds between segments sent back to back (1460 octets at 1 Gbit/s)."
SYN_REPEATS = (0, 1, 3, 7)
"Seconds at which an unanswered SYN is sent (RFC 6298 section 5.5: 1 s, doubled each time)."


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


@dataclass(slots=True)
class Builder:
    """Turns steps into packets, keeping the state of every TCP connection and the IP identification of every host."""

    scenario: Scenario
    packets: list[Packet] = field(default_factory=list)
    _connections: dict[frozenset[tuple[str, int]], _Connection] = field(default_factory=dict)
    _ip_id: dict[str, int] = field(default_factory=dict)

    def build(self) -> list[Packet]:
        """All packets in order of time. Raises ScenarioError where TCP could not have carried a step."""
        for step in self.scenario.steps:
            if step.protocol == "tcp":
                self._tcp_action(step)
            elif step.protocol == "msrp":
                self._tcp_data(step)
            else:
                source, target = _end(step.source), _end(step.target)
                self._emit(step, step.at, step.source, step.target, UDP(sport=source[1], dport=target[1]), step.octets)
        self.packets.sort(key=lambda packet: packet.time)
        return self.packets

    def _emit(
        self,
        step: Step,
        at: int,
        source: tuple[Node, str],
        target: tuple[Node, str],
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

    def _segment(
        self, step: Step, at: int, source: tuple[Node, str], target: tuple[Node, str], flags: str, load: bytes = b""
    ) -> None:
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
        connection = self._connections.get(frozenset((_end(step.source), _end(step.target))))
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
        """One message as segments of at most MSS octets; the receiver acknowledges every second one, and the last."""
        parts = [step.octets[at : at + MSS] for at in range(0, len(step.octets), MSS)]
        source, target = step.source, step.target
        at = step.at
        for number, part in enumerate(parts, 1):
            last = number == len(parts)
            self._segment(step, at, source, target, "PA" if last else "A", part)
            if last or number % 2 == 0:
                at += target[0].delay
                self._segment(step, at, target, source, "A")
            at += SEGMENT_GAP


def _end(side: tuple[Node, str]) -> tuple[str, int]:
    return side[0].ends[side[1]]
