"""The network in memory does for cores what the edge with real sockets does: events, times, packets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from replay.events import (
    Accepted,
    Close,
    Connect,
    Connected,
    ConnectFailed,
    Datagram,
    Ended,
    Event,
    Expired,
    Listen,
    Received,
    Secure,
    Secured,
    SecureFailed,
    Send,
    SendDatagram,
    SetTimer,
    StopTimer,
    Wish,
)
from replay.lab.functions import Function
from samples.virtual.network import NEAR, Network
from samples.virtual.play import chance_of
from samples.virtual.tape import Tape

HERE, THERE = ("192.0.2.1", 1000), ("192.0.2.2", 2000)


@dataclass
class Puppet:
    """A core that notes what it is told, and does what a test says."""

    name: str
    first: Sequence[Wish] = ()
    answers: Callable[[Event], Sequence[Wish]] = lambda event: ()
    told: list[tuple[float, Event]] = field(default_factory=list)

    def start(self, now: float) -> Sequence[Wish]:
        return self.first

    def receive(self, event: Event, now: float) -> Sequence[Wish]:
        self.told.append((now, event))
        return self.answers(event)

    def stop(self, now: float) -> Sequence[Wish]:
        return ()

    @property
    def events(self) -> list[Event]:
        return [event for _, event in self.told]


def network_of(one: Puppet, other: Puppet) -> tuple[Network, Tape]:
    tape = Tape(0)
    network = Network(tape, chance_of("test"), {})
    network.add(Function(other, (THERE,), frozenset({THERE[0]})))
    network.add(Function(one, (HERE,), frozenset({HERE[0]})))
    network.run(100.0)
    return network, tape


def flags(tape: Tape) -> list[int]:
    """Of TCP, packet by packet."""
    return [packet[47] for _, packet in tape.sorted()]


def test_a_datagram_takes_its_time() -> None:
    one = Puppet("one", [SendDatagram(HERE, THERE, b"x")])
    other = Puppet("other")
    _, tape = network_of(one, other)
    ((at, event),) = other.told
    ((sent, packet),) = tape.sorted()
    assert event == Datagram(THERE, HERE, b"x")
    assert at == pytest.approx(sent / 1e9 + NEAR)
    assert packet[-1:] == b"x"


def test_timers_are_replaced_and_stopped() -> None:
    one = Puppet(
        "one", [SetTimer("a", 5.0), SetTimer("b", 6.0), SetTimer("a", 7.0), SetTimer("c", 8.0), StopTimer("c")]
    )
    network_of(one, Puppet("other"))
    assert one.told == [(6.0, Expired("b")), (7.0, Expired("a"))]


def test_a_connection_from_begin_to_end() -> None:
    """SYN, SYN ACK, ACK, data and FIN before the ACK of the data comes, FIN back, ACK; nothing is told after it."""
    one = Puppet("one", [Connect(1, (HERE[0], 0), THERE)])
    one.answers = lambda event: [Send(1, b"hello"), Close(1)] if isinstance(event, Connected) else []
    other = Puppet("other", [Listen(THERE)])
    _, tape = network_of(one, other)
    local = (HERE[0], 49_152)
    assert one.events == [Connected(1, local, THERE)]
    assert other.events == [Accepted(-1, THERE, local), Received(-1, b"hello"), Ended(-1)]
    assert flags(tape) == [0x02, 0x12, 0x10, 0x18, 0x11, 0x10, 0x11, 0x10]


def test_nobody_listens() -> None:
    one = Puppet("one", [Connect(1, HERE, THERE)])
    _, tape = network_of(one, Puppet("other"))
    assert one.events == [ConnectFailed(1, "refused")]
    assert flags(tape) == [0x02, 0x14]


@pytest.mark.parametrize("silent", [False, True])
def test_tls_and_its_end(silent: bool) -> None:
    """The side that opened TCP may be the TLS server; close_notify is left out where the core wishes it."""
    one = Puppet("one", [Connect(1, HERE, THERE)])
    one.answers = lambda event: (
        [Secure(1, False, b"k" * 16)]
        if isinstance(event, Connected)
        else [Send(1, b"secret"), Close(1, silent=silent)]
        if isinstance(event, Secured)
        else []
    )
    other = Puppet("other", [Listen(THERE)])
    other.answers = lambda event: [Secure(-1, True, b"k" * 16, "me")] if isinstance(event, Accepted) else []
    _, tape = network_of(one, other)
    assert one.events == [Connected(1, HERE, THERE), Secured(1, "")]
    assert other.events[1:] == [Secured(-1, "me"), Received(-1, b"secret"), Ended(-1)]
    records = [packet[54] for _, packet in tape.sorted() if len(packet) > 54]
    assert records == [22, 22, 22, 20, 23] + ([] if silent else [21])
    assert not any(b"secret" in packet for _, packet in tape.packets)


def test_tls_with_two_keys_fails_for_both() -> None:
    one = Puppet("one", [Connect(1, HERE, THERE)])
    one.answers = lambda event: [Secure(1, True, b"k" * 16, "me")] if isinstance(event, Connected) else []
    other = Puppet("other", [Listen(THERE)])
    other.answers = lambda event: [Secure(-1, False, b"q" * 16)] if isinstance(event, Accepted) else []
    network_of(one, other)
    assert [type(event) for event in one.events] == [Connected, SecureFailed]
    assert other.events[1:] == [SecureFailed(-1, "decryption failed or bad record mac")]


def test_the_same_seed_gives_the_same_octets() -> None:
    draws = [chance_of("a"), chance_of("a"), chance_of("b")]
    first, again, another = ([draw(16), draw(40), draw(3)] for draw in draws)
    assert first == again
    assert not set(first) & set(another)
    assert [len(each) for each in first] == [16, 40, 3]
