"""Whatever comes on any port: no exception, bounded memory, and the others are served."""

from __future__ import annotations

import random
import time

from mrfp_script import MEDIA, MG, MGC, Participant, Script

from replay.events import (
    Accepted,
    Close,
    Congested,
    Connected,
    ConnectFailed,
    Datagram,
    Ended,
    Event,
    Expired,
    Received,
    Relieved,
    Secured,
    SecureFailed,
    SetTimer,
)
from replay.mrfp import Limits


def room() -> tuple[Script, Participant, Participant]:
    script = Script()
    ann = script.join(name="ann")
    return script, ann, script.join(ann.added.context, "bob")


def still_serves(ann: Participant, bob: Participant) -> None:
    bob.take()
    ann.take()
    ann.say("still here", message_id="last")
    assert ann.status() == 200
    assert len(bob.take()) == 1


def test_noise_on_a_connection_closes_it_alone() -> None:
    script, ann, bob = room()
    chance = random.Random(1)
    for _ in range(200):
        eve = script.accept(ann.added.port)
        script.tell(Received(eve, chance.randbytes(chance.randrange(1, 3000))))
        assert script.of(Close) == [Close(eve)]
    still_serves(ann, bob)


def test_a_participant_that_sends_noise_is_lost_alone() -> None:
    script, ann, bob = room()
    cid = script.join(ann.added.context, "cid")
    cid.give(b"\xff" * 100)
    assert script.of(Close) == [Close(cid.connection)]
    still_serves(ann, bob)


def test_mutated_requests_never_raise() -> None:
    chance = random.Random(2)
    script, ann, bob = room()
    body = ann.wrapped("hello")
    seed = (
        f"MSRP tid00001 SEND\r\nTo-Path: {ann.added.path}\r\nFrom-Path: {ann.path}\r\nMessage-ID: 1\r\n"
        f"Byte-Range: 1-{len(body)}/{len(body)}\r\nContent-Type: message/cpim\r\n\r\n{body}\r\n-------tid00001$\r\n"
    ).encode()
    for _ in range(3000):
        data = bytearray(seed)
        for _ in range(chance.randrange(1, 8)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        eve = script.accept(ann.added.port)
        script.tell(Received(eve, bytes(data)))
        script.tell(Ended(eve))
        script.octets.clear()
    for _ in range(1000):
        data = bytearray(seed)
        data[chance.randrange(len(data))] = chance.randrange(256)
        ann.give(bytes(data))
        if script.of(Close):
            script.tell(Ended(ann.connection))
            script.octets.clear()
            ann.open()
    script.octets.clear()
    dan = script.join(ann.added.context, "dan")
    dan.say("fresh", to=script.mrfp.legs[0].room.uri)  # type: ignore[union-attr]
    assert dan.status() == 200
    assert len(bob.take()) >= 1


def test_mutated_orders_never_raise() -> None:
    chance = random.Random(3)
    script, ann, _ = room()
    orders = [
        b'T=9{C=${A=ip/1/mb/${M{ST=1{O{MO=SR,mf/script="keep;"},L{\nv=0\nc=IN IP4 $\nm=message $ TCP/MSRP *\na=path:$\n'
        b"},R{\nv=0\nc=IN IP4 198.51.100.7\nm=message 7394 TCP/MSRP *\na=path:msrp://198.51.100.7:7394/x;tcp\n}}},"
        b"E=1{tcpbcc/BNCChange{ST=1,Type=failed},hangterm/thb{timerx=60}},SG{tcpbcc/EstBNC{ST=1}}}}}",
        b'T=9{C=*{W-AV=ip/*{AT{M,E,SG,SA,PG}}},C=-{AC=ROOT{AT{PG}},SC=ROOT{SV{MT=GR,RE="905"}}}}',
        b"T=9{C=5{MF=ip/1/mb/7{M{ST=2{O{MO=IN}}},SA},MV=ip/1/mb/8,O-S=ip/1/mb/9{AT{SA}}}}",
        b'P=9{C=5{N=ip/1/mb/7{ER=430{"x"}}}}K{1-4294967295}PN=5{}',
    ]
    replies = 0
    for number in range(1500):
        order = bytearray(chance.choice(orders).replace(b"T=9", b"T=%d" % (10_000 + number)))
        for _ in range(chance.randrange(0, 6)):
            order[chance.randrange(len(order))] = chance.randrange(256)
        script.tell(Datagram(MG, MGC, b"!/2 [192.0.2.10]:2944\n" + bytes(order)), 0.01)
        replies += len(script.of(object))
        if len(script.mrfp.legs) > 300:
            script.order("C=*{W-S=*{AT{}}}")
    assert replies > 800
    assert ann.added.context


def test_events_in_any_order_never_raise() -> None:
    """Whatever the edge, or a racing network, tells: also about connections that are long gone."""
    chance = random.Random(4)
    script, ann, _ = room()
    secure = script.add(ann.added.context, proto="TCP/TLS/MSRP", control="MO=SR,tlsbsc/psk=00112233")
    numbers = [-1, -2, -3, -4, -5, 1, 2, 3]
    ports = [ann.added.port, secure.port, 1]
    for _ in range(5000):
        number = chance.choice(numbers)
        event: Event = chance.choice(
            [
                Accepted(number, (MEDIA, chance.choice(ports)), ("198.51.100.7", 5)) if number < 0 else Ended(number),
                Connected(number, (MEDIA, 5), ("198.51.100.7", 7394)),
                ConnectFailed(number, "refused"),
                Received(number, b"MSRP abcd SEND\r\nTo-Path: x\r\nFrom-Path: y\r\n-------abcd$\r\n"),
                Received(number, chance.randbytes(20)),
                Secured(number, "x"),
                SecureFailed(number, "bad record mac"),
                Ended(number, chance.random() < 0.5),
                Congested(number),
                Relieved(number),
                Expired("mrfp media"),
                Expired("mrfp h248"),
                Expired("another"),
            ]
        )
        script.tell(event, chance.random())


def test_ten_thousand_connections_cost_nothing_that_stays() -> None:
    script, ann, bob = room()
    eves = [script.accept(ann.added.port) for _ in range(10_000)]
    assert len(script.mrfp._connections._lines) == 2 + 8
    for eve in eves[-8:]:
        script.tell(Received(eve, b"MSRP "))
    bob.take()
    ann.say("still here", headers="Failure-Report: partial\r\n")
    assert len(bob.take()) == 1
    script.wait(30.0)
    assert script.of(Close) == [Close(eve) for eve in eves[-8:]]
    assert len(script.mrfp._connections._lines) == 2


def test_one_octet_at_a_time() -> None:  # slow loris
    script, ann, bob = room()
    eve = script.accept(ann.added.port)
    begin = time.perf_counter()
    for octet in b"MSRP tid1 SEND\r\n" + b"X: y\r\n" * 2600:
        script.tell(Received(eve, bytes((octet,))))
    assert time.perf_counter() - begin < 5.0
    still_serves(ann, bob)


def test_a_request_in_the_path_of_another_message() -> None:
    """A hostile To, From-Path or Message-ID is carried as text, and cannot end a line."""
    _, ann, bob = room()
    hostile = "sip:chat@conf.example.net>\x00<sip:x@y"
    ann.say("x", to=hostile)
    assert ann.status() == 200
    bob.take()
    ann.request("SEND", "Message-ID: \udcff\x00 1\r\nContent-Type: message/cpim\r\n", ann.wrapped("y", hostile))
    assert ann.status() == 200
    (got,) = bob.take()
    assert got.body == ann.wrapped("y", hostile).encode()


def test_timers_are_only_set_when_needed() -> None:
    script, ann, _ = room()
    count = 0
    for number in range(200):
        ann.say("x", message_id=f"m{number}")
        count += len(script.of(SetTimer))
    assert count <= 1


def test_queues_are_bounded_over_all() -> None:
    script = Script(limits=Limits(queue=50_000, throttle=1 << 30))
    ann = script.join(name="ann")
    slow = [script.join(ann.added.context, f"slow{number}") for number in range(20)]
    for each in slow:
        script.tell(Congested(each.connection))
    for number in range(200):
        ann.say("x" * 1000, message_id=f"m{number}", headers="Failure-Report: no\r\n")
        assert sum(leg.queued for leg in script.mrfp.legs) <= 20 * 51_500
    assert all(not leg.is_ready for leg in script.mrfp.legs[1:])
