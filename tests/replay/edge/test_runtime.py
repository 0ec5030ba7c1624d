"""Cores on real sockets: datagrams, connections, TLS-PSK in either role, timers; and the capture written of it."""

from __future__ import annotations

import asyncio
import io
import socket
import ssl
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from oracles import need, tshark_fields

from replay.edge.address_plan import AddressPlan
from replay.edge.psk_tls import PskTls
from replay.edge.recorder import Recorder
from replay.edge.runtime import Runtime
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
    Hold,
    Listen,
    Pause,
    Received,
    Resume,
    Secure,
    Secured,
    SecureFailed,
    Send,
    SendDatagram,
    SetTimer,
    Wish,
)

PSK = bytes.fromhex("d73b445215885ef24535de9e1e5e9a55")
PLAN = AddressPlan({"192.0.2.1": "127.0.71.1", "192.0.2.2": "127.0.71.2"})
ONE, OTHER = ("192.0.2.1", 0), ("192.0.2.2", 0)
"Each test has ports of its own: a connection that was closed keeps its pair of ends for a minute (TIME-WAIT)."
_PORTS = iter(range(20_000 + time.time_ns() // 1_000_000 % 40_000, 65_000))


@pytest.fixture(autouse=True)
def _fresh_ports() -> None:
    global ONE, OTHER
    ONE, OTHER = (ONE[0], next(_PORTS)), (OTHER[0], next(_PORTS))


class Scripted:
    """A core that notes what it is told and answers from a table of event types."""

    def __init__(self, name: str, at_start: Sequence[Wish] = (), **answers: Sequence[Wish]) -> None:
        self.name = name
        self.told: list[Event] = []
        self._at_start = at_start
        self._answers = answers

    def start(self, now: float) -> Sequence[Wish]:
        return self._at_start

    def receive(self, event: Event, now: float) -> Sequence[Wish]:
        self.told.append(event)
        return self._answers.get(type(event).__name__, ())

    def stop(self, now: float) -> Sequence[Wish]:
        return ()


def run(one: Scripted, other: Scripted, until: object, recorder: Recorder | None = None, udp: bool = False) -> None:
    """Run both until one of them was told an event of this type, or two seconds are over."""

    async def work() -> None:
        places = ([ONE], [OTHER]) if udp else ([], [])
        runtimes = [
            Runtime(core, udp=place, plan=PLAN, recorder=recorder)
            for core, place in zip((other, one), places[::-1], strict=True)
        ]
        for runtime in runtimes:
            await runtime.start()
        for _ in range(200):
            if any(isinstance(event, until) for core in (one, other) for event in core.told):  # type: ignore[arg-type]
                break
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.02)
        for runtime in runtimes:
            await runtime.stop()
        await asyncio.sleep(0.01)

    asyncio.run(work())


def test_datagrams_and_timers() -> None:
    one = Scripted("one", [SendDatagram(ONE, OTHER, b"hello"), SetTimer("t", 0.0)])
    other = Scripted("other", Datagram=[SendDatagram(OTHER, ONE, b"hello yourself")])
    run(one, other, Datagram, udp=True)
    assert one.told == [Expired("t"), Datagram(ONE, OTHER, b"hello yourself")]
    assert other.told == [Datagram(OTHER, ONE, b"hello")]


def test_a_place_is_open_before_it_is_announced() -> None:
    """Whoever is told of it in the next message may connect at once."""
    one = Scripted("one", [SendDatagram(ONE, OTHER, b"where?")], Datagram=[Connect(1, (ONE[0], 0), OTHER)])
    other = Scripted("other", Datagram=[Listen(OTHER), SendDatagram(OTHER, ONE, b"here")])
    run(one, other, Accepted | ConnectFailed, udp=True)
    assert [type(event) for event in one.told[:2]] == [Datagram, Connected]


def test_a_place_that_is_taken_fails_the_start() -> None:
    async def start() -> None:
        with socket.create_server(PLAN.socket(OTHER)):
            await Runtime(Scripted("other", [Listen(OTHER)]), plan=PLAN).start()

    with pytest.raises(OSError, match=rf"cannot listen at 127.0.71.2:{OTHER[1]}: Address already in use"):
        asyncio.run(start())


def test_a_connection_in_plain() -> None:
    one = Scripted("one", [Connect(1, ONE, OTHER)], Connected=[Send(1, b"ping")], Received=[Close(1)])
    other = Scripted("other", [Listen(OTHER)], Received=[Send(-1, b"pong")])
    run(one, other, Ended)
    assert one.told[:2] == [Connected(1, ONE, OTHER), Received(1, b"pong")]
    assert other.told == [Accepted(-1, OTHER, ONE), Received(-1, b"ping"), Ended(-1)]


@pytest.mark.parametrize("peer", [("192.0.2.1", 99_999_999), ("evil.example.net", 5060), ("203.0.113.9", 5060)])
def test_a_peer_may_name_what_is_no_place(peer: tuple[str, int], caplog: pytest.LogCaptureFixture) -> None:
    """No such port, a name, beyond loopback: nothing is sent there, and the socket goes on (RFC 4475 has such Vias)."""
    wishes = [SendDatagram(ONE, peer, b"x"), Connect(1, (ONE[0], 0), peer), SendDatagram(ONE, OTHER, b"y")]
    one = Scripted("one", wishes)
    other = Scripted("other", Datagram=[SendDatagram(OTHER, ONE, b"z")])
    run(one, other, ConnectFailed, udp=True)
    assert ConnectFailed(1, "unreachable") in one.told
    assert Datagram(ONE, OTHER, b"z") in one.told
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith("one: a datagram was not sent: ")


def test_no_more_connections_than_files(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Further ones are closed at once, which is said once, and the core is not troubled."""
    monkeypatch.setattr("resource.getrlimit", lambda which: (128, 128))
    one = Scripted("one", [Connect(1, (ONE[0], 0), OTHER), Connect(2, (ONE[0], 0), OTHER)])
    other = Scripted("other", [Listen(OTHER)])
    run(one, other, Ended)
    assert {type(event) for event in one.told} == {Connected, Ended}
    assert other.told == []
    assert [record.getMessage() for record in caplog.records] == [
        "other: too many open files; further connections are closed at once"
    ]


def test_who_does_not_read_does_not_keep_a_closed_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("replay.edge.stream.LINGER", 0.1)
    one = Scripted("one", [Connect(1, ONE, OTHER)], Connected=[Pause(1)])
    other = Scripted("other", [Listen(OTHER)], Accepted=[Send(-1, bytes(30_000_000)), Close(-1)])
    run(one, other, Ended)
    assert other.told[-1] == Ended(-1)


def test_what_is_written_together_keeps_its_order() -> None:
    """Little waits for what else comes, much does not, and a close waits for both."""
    said = [b"a" * 40_000, b"b" * 40_000, b"c", b"d" * 70_000, b"e"]
    one = Scripted("one", [Connect(1, ONE, OTHER)], Connected=[*(Send(1, each) for each in said), Close(1)])
    other = Scripted("other", [Listen(OTHER)])
    run(one, other, Ended)
    assert b"".join(event.data for event in other.told if isinstance(event, Received)) == b"".join(said)
    assert other.told[-1] == Ended(-1)


@pytest.mark.parametrize("resumed", [True, False])
def test_a_paused_connection_is_not_read(resumed: bool) -> None:
    one = Scripted("one", [Connect(1, ONE, OTHER)], Connected=[Send(1, b"ping"), SetTimer("t", 0.0)])
    resume = [SetTimer("t", 0.0)] if resumed else []
    other = Scripted("other", [Listen(OTHER)], Accepted=[Pause(-1), *resume], Expired=[Resume(-1)])
    run(one, other, Received)
    assert (Received(-1, b"ping") in other.told) == resumed


def test_a_refused_connection() -> None:
    one = Scripted("one", [Connect(1, ONE, OTHER)])
    run(one, Scripted("other"), ConnectFailed)
    assert one.told == [ConnectFailed(1, "refused")]


def test_a_place_that_is_deaf_answers_no_syn() -> None:
    """Nobody gets in or is refused; the time for a connection is bounded, and the recording shows the SYNs."""
    one, other = Scripted("one", [Connect(1, (ONE[0], 0), OTHER)]), Scripted("other", [Listen(OTHER, deaf=True)])
    out = io.BytesIO()

    async def work() -> None:
        runtimes = [
            Runtime(core, plan=PLAN, recorder=Recorder(out, time.time_ns), connect_timeout=1.2) for core in (other, one)
        ]
        for runtime in runtimes:
            await runtime.start()
        while not one.told:
            await asyncio.sleep(0.01)
        for runtime in runtimes:
            await runtime.stop()

    asyncio.run(work())
    assert one.told == [ConnectFailed(1, "timeout")]
    assert other.told == []
    assert out.getvalue().count(b"\x50\x02\xff\xff") == 2  # SYN alone, at 0 and 1 s


@pytest.mark.parametrize("connecting_is_client", [True, False])
@pytest.mark.parametrize("held", [True, False])
def test_tls_psk_whatever_the_tcp_role(connecting_is_client: bool, held: bool, tmp_path: Path) -> None:
    """TS 23.333 clause 6.2.19.2.1: who starts TLS is a datum of its own; a key may come after the ClientHello."""
    secure = Secure(-1, not connecting_is_client, PSK, "lab")
    late = [Hold(-1), SetTimer("key", 0.0)] if held else [secure]
    one = Scripted(
        "one",
        [Connect(1, ONE, OTHER)],
        Connected=[Secure(1, connecting_is_client, PSK, "lab")],
        Secured=[Send(1, b"ping")],
        Received=[Close(1)],
    )
    other = Scripted("other", [Listen(OTHER)], Accepted=late, Expired=[secure], Received=[Send(-1, b"pong")])
    out = io.BytesIO()
    run(one, other, Ended, Recorder(out, time.time_ns))
    assert one.told[:3] == [Connected(1, ONE, OTHER), Secured(1, "lab"), Received(1, b"pong")]
    assert Secured(-1, "lab") in other.told
    assert Received(-1, b"ping") in other.told
    need("tshark")
    path = tmp_path / "tls.pcapng"
    path.write_bytes(out.getvalue())
    option = ("-o", f"tls.psk:{PSK.hex()}")
    opened = tshark_fields(path, "tls.app_data", ["ip.src", "tls.handshake.type", "data.data"], *option)
    assert [row[2] for row in opened if row[2]] == [b"ping".hex(), b"pong".hex()]
    assert tshark_fields(path, "_ws.malformed || tcp.analysis.flags", ["frame.number"]) == []
    hello = tshark_fields(path, "tls.handshake.type == 1", ["ip.src"])
    assert hello == [[ONE[0] if connecting_is_client else OTHER[0]]]


def test_different_keys_fail_on_both_sides() -> None:
    one = Scripted("one", [Connect(1, ONE, OTHER)], Connected=[Secure(1, True, PSK, "lab")])
    other = Scripted("other", [Listen(OTHER)], Accepted=[Secure(-1, False, bytes(16), "lab")])
    run(one, other, SecureFailed)
    failures = [event for core in (one, other) for event in core.told if isinstance(event, SecureFailed)]
    assert {event.connection for event in failures} == {1, -1}
    assert not any(isinstance(event, Secured) for core in (one, other) for event in core.told)


@pytest.mark.parametrize(
    ("psk", "identity", "why"), [(b"", "lab", "a Pre-Shared Key has 1 to 256 octets"), (PSK, "i" * 300, "has 300")]
)
def test_a_key_that_tls_cannot_use(psk: bytes, identity: str, why: str) -> None:
    """Both are in H.248 as peers like; the connection fails, and says why."""
    one = Scripted("one", [Connect(1, ONE, OTHER)], Connected=[Secure(1, True, psk, identity)])
    other = Scripted("other", [Listen(OTHER)], Accepted=[Secure(-1, False, PSK, "lab")])
    run(one, other, SecureFailed)
    (failure,) = (event for event in one.told if isinstance(event, SecureFailed))
    assert why in failure.why
    assert any(isinstance(event, SecureFailed) for event in other.told)


def test_the_server_tells_the_identity_that_was_offered() -> None:
    one = Scripted("one", [Connect(1, ONE, OTHER)], Connected=[Secure(1, True, PSK, "of the client")])
    other = Scripted("other", [Listen(OTHER)], Accepted=[Secure(-1, False, PSK, "of the server")])
    run(one, other, Secured)
    assert Secured(-1, "of the client") in other.told


def test_nothing_goes_beyond_loopback_unasked() -> None:
    with pytest.raises(PermissionError, match=r"192\.0\.2\.9 is no loopback address"):
        PLAN.socket(("192.0.2.9", 5060))
    assert AddressPlan(beyond_loopback=True).socket(("192.0.2.9", 5060)) == ("192.0.2.9", 5060)


def test_tls_over_memory_needs_the_same_key() -> None:
    client = PskTls(is_client=True, psk=PSK, identity="a")
    server = PskTls(is_client=False, psk=PSK, identity="a")
    client.start()
    server.start()
    for _ in range(4):
        server.receive(client.outgoing)
        client.receive(server.outgoing)
    assert (client.is_up, server.is_up) == (True, True)
    client.send(b"x" * 40_000)
    assert server.receive(client.outgoing) == b"x" * 40_000
    wrong = PskTls(is_client=False, psk=bytes(16), identity="a")
    client = PskTls(is_client=True, psk=PSK, identity="a")
    client.start()
    wrong.receive(client.outgoing)
    client.receive(wrong.outgoing)
    with pytest.raises(ssl.SSLError):
        wrong.receive(client.outgoing)


def test_a_capture_of_everything_reads_well(tmp_path: Path) -> None:
    """Long datagrams in fragments, refusals, resets: tshark finds nothing malformed and all checksums right."""
    need("tshark")
    out = io.BytesIO()
    clock = iter(range(10**18, 10**18 + 10**9, 1000))
    recorder = Recorder(out, lambda: next(clock))
    recorder.datagram(ONE, OTHER, b"x" * 4000)
    recorder.trying(ONE, OTHER)
    recorder.refused(ONE, OTHER)
    recorder.connected(ONE, OTHER)
    recorder.octets(OTHER, ONE, b"y" * 3000)
    recorder.ended(ONE, OTHER, reset=True)
    recorder.octets(OTHER, ONE, b"nobody hears it")
    recorder.connected(("2001:db8::1", 1), ("2001:db8::2", 2))
    recorder.octets(("2001:db8::2", 2), ("2001:db8::1", 1), b"z")
    recorder.ended(("2001:db8::1", 1), ("2001:db8::2", 2))
    recorder.ended(("2001:db8::2", 2), ("2001:db8::1", 1))
    path = tmp_path / "c.pcapng"
    path.write_bytes(out.getvalue())
    check = [
        option
        for name in ("tcp.check_checksum", "udp.check_checksum", "ip.check_checksum")
        for option in ("-o", f"{name}:TRUE")
    ]
    bad = "tcp.checksum.status == 0 || udp.checksum.status == 0 || ip.checksum.status == 0 || _ws.malformed"
    assert tshark_fields(path, bad, ["frame.number"], *check) == []
    assert tshark_fields(path, "udp", ["udp.length"], *check) == [["4008"]]
    assert tshark_fields(path, "tcp.analysis.lost_segment || tcp.analysis.ack_lost_segment", ["frame.number"]) == []
