"""One chat conference of five participants, from the first INVITE to the last FIN (TS 23.333 clause 6.2.20.1).

Each joins at a time of its own, says a few things that the MRFP gives out to the others, and leaves. Some messages ask
for a success report, some come as chunks, some two in one segment. No session has a fault.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from benchmarks import texts
from benchmarks.packets import ACK, FIN, SYN, Frame, Write, tcp, udp
from benchmarks.texts import CSCF, MRFC, Leg

PARTICIPANTS = 5
MS, SECOND = 10**6, 10**9
CHUNK = 2048
"Octets of body after which an MSRP sender must be able to stop (RFC 4975 section 5.1)."
MRFPS = (("192.0.2.20", "203.0.113.5"), ("192.0.2.21", "203.0.113.6"))
"H.248 and MSRP address of each."
H248_PORT = 2944
DYNAMIC_PORTS = 8_000
"Ports from 65535 down that MSRP uses; below, tshark takes some for other protocols whatever is in them."
TEXT = """
the site north south rectifier alarm fibre was replaced cut on Monday who has the figures of last week please look
before nine traffic moved to second MRFP capacity busy hour Grüße aus Köln agenda meeting minutes next call yes no
"""
WORDS = TEXT.split()


@dataclass(slots=True)
class Counts:
    """What was written, for a benchmark to compare with what the analyzer says."""

    packets: int = 0
    sip: int = 0
    sdp: int = 0
    "Session descriptions in SIP and H.248."
    h248: int = 0
    msrp: int = 0
    sessions: int = 0
    conferences: int = 0
    streams: int = 0
    "TCP connections."
    reports: int = 0
    chunks: int = 0
    noise: int = 0
    "Packets of RTP and RTCP among `packets`."


@dataclass(slots=True)
class Numbers:
    """What the nodes hand out, each number once: users, transaction ids, contexts, terminations, ports."""

    counts: Counts
    users: int = 0
    transaction: int = 4711
    context: list[int] = field(default_factory=lambda: [16, 16])
    termination: list[int] = field(default_factory=lambda: [32, 32])
    port: list[int] = field(default_factory=lambda: [0, 0])

    def next_transaction(self) -> int:
        self.transaction += 1
        return self.transaction


@dataclass(slots=True)
class Participant:
    """One of those in a conference: the leg, its times, and what its TCP connection carries."""

    leg: Leg
    delay: int
    "Nanoseconds from a packet sent to the UE until its answer is seen beside the MRFP."
    joins: int
    leaves: int
    ready: int = 0
    "When the MSRP session is bound and messages are given out to it."
    writes: list[Write] = field(default_factory=list)
    received: list[int] = field(default_factory=lambda: [0, 0])
    "Messages and octets that the MRFP had from it."
    sent: list[int] = field(default_factory=lambda: [0, 0])


def conference(
    rng: random.Random, numbers: Numbers, start: int, epoch: int, size: int = PARTICIPANTS
) -> Iterator[Frame]:
    """All packets of one conference that begins at `start`, not in order of time; `epoch` is the capture's start."""
    counts = numbers.counts
    counts.conferences += 1
    counts.sessions += size
    counts.streams += size
    people = participants(rng, numbers, start, size)
    for person in people:
        yield from _joining(rng, numbers, person, person is people[0])
    for person in people:
        for _ in range(rng.choice((2, 3, 3, 4))):
            time = rng.randrange(person.ready + SECOND // 2, person.leaves - 2 * SECOND)
            others = [
                other for other in people if other is not person and other.ready < time < other.leaves - 2 * SECOND
            ]
            _say(rng, counts, person, others, time, (time - epoch) // SECOND)
    for person in people:
        yield from _leaving(numbers, person)
        initial = rng.getrandbits(32), rng.getrandbits(32)
        yield from tcp(person.leg.mrfp, person.leg.ue, initial, person.writes)


def participants(rng: random.Random, numbers: Numbers, start: int, size: int = PARTICIPANTS) -> list[Participant]:
    """People who join the next conference from `start` on, with names and numbers of their own."""
    chosen = numbers.counts.conferences % len(MRFPS)
    control, media = MRFPS[chosen]
    numbers.context[chosen] += 1
    uri = f"sip:chat-{numbers.counts.conferences}@conf.example.net"
    joins = [start, *sorted(start + rng.randrange(SECOND // 5, 15 * SECOND) for _ in range(size - 1))]
    people = []
    for time in joins:
        number = numbers.users
        numbers.users += 1
        # 198.18.0.0/15 is set aside for benchmarks (RFC 2544 appendix C.2.2).
        host = number % 0x1FF00 + 1
        address = f"198.{18 + (host >> 16)}.{host >> 8 & 255}.{host & 255}"
        numbers.termination[chosen] += 1
        numbers.port[chosen] = (numbers.port[chosen] + 1) % DYNAMIC_PORTS
        leg = texts.leg(
            rng,
            f"user{number:05}",
            uri,
            (address, 0xFFFF - rng.randrange(DYNAMIC_PORTS)),
            (media, 0xFFFF - numbers.port[chosen]),
            (control, H248_PORT),
            numbers.context[chosen],
            f"ip/1/mb/{numbers.termination[chosen]}",
        )
        life = rng.randrange(20 * SECOND, 60 * SECOND)
        people.append(Participant(leg, rng.randrange(5 * MS, 40 * MS), time, time + life))
    return people


def _id(rng: random.Random) -> str:
    return f"{rng.getrandbits(44):011x}"


def _h248(leg: Leg, numbers: Numbers, time: int, request: bytes, reply: bytes) -> Iterator[Frame]:
    numbers.counts.h248 += 2
    controller = (MRFC[0], H248_PORT)
    yield time, udp(controller, leg.control, request)
    yield time + 3 * MS, udp(leg.control, controller, reply)


def _joining(rng: random.Random, numbers: Numbers, person: Participant, first: bool) -> Iterator[Frame]:
    leg, time, delay, counts = person.leg, person.joins, person.delay, numbers.counts
    transaction = numbers.next_transaction()
    counts.sip += 4
    counts.sdp += 5
    yield time, udp(CSCF, MRFC, texts.invite(leg))
    yield time + 2 * MS, udp(MRFC, CSCF, texts.trying(leg))
    add, reply = texts.h248_add(leg, transaction, first), texts.h248_add_reply(leg, transaction)
    yield from _h248(leg, numbers, time + 5 * MS, add, reply)
    time += 11 * MS
    person.writes += [
        Write(time, True, flags=SYN),
        Write(time + delay, False, flags=SYN | ACK),
        Write(time + delay + MS // 5, True, flags=ACK),
    ]
    time += delay + 4 * MS
    yield time, udp(MRFC, CSCF, texts.answer(leg))
    time += delay + 8 * MS
    yield time, udp(CSCF, MRFC, texts.request_in_dialog(leg, "ACK", 1))
    # The active side's first SEND has no body (RFC 4975 section 5.4).
    _exchange(rng, counts, person, True, time + 10 * MS, "SEND", f"Message-ID: {_id(rng)}\r\n")
    person.ready = time + 10 * MS + 2 * delay
    if rng.random() < 0.5:
        _exchange(rng, counts, person, False, person.ready + 200 * MS, "NICKNAME", f'Use-Nickname: "{leg.user}"\r\n')
    if rng.random() < 0.15:
        transaction = numbers.next_transaction()
        request, reply = texts.h248_modify(leg, transaction), texts.h248_reply(leg, transaction, "MF")
        yield from _h248(leg, numbers, person.ready + 5 * SECOND, request, reply)


def _leaving(numbers: Numbers, person: Participant) -> Iterator[Frame]:
    leg, time = person.leg, person.leaves
    numbers.counts.sip += 2
    yield time, udp(CSCF, MRFC, texts.request_in_dialog(leg, "BYE", 2))
    yield time + 3 * MS, udp(MRFC, CSCF, texts.bye_ok(leg))
    transaction = numbers.next_transaction()
    statistics = ",".join(
        f"msrpstat/{name}={value}"
        for name, value in zip(("mr", "or", "ms", "os"), person.received + person.sent, strict=True)
    )
    request = texts.h248_subtract(leg, transaction)
    yield from _h248(leg, numbers, time + 5 * MS, request, texts.h248_reply(leg, transaction, "S", statistics))
    time += 12 * MS
    person.writes += [
        Write(time, True, flags=FIN | ACK),
        Write(time + person.delay, False, flags=FIN | ACK),
        Write(time + person.delay + MS // 5, True, flags=ACK),
    ]


def _exchange(
    rng: random.Random, counts: Counts, person: Participant, to_ue: bool, time: int, method: str, lines: str
) -> None:
    """A request without a body, and its 200."""
    transaction = _id(rng)
    request = texts.msrp_request(person.leg, to_ue, method, transaction, lines, None, "$")
    person.writes.append(Write(time, to_ue, request))
    person.writes.append(Write(time + _answer_time(person, to_ue), not to_ue, _ok(person, not to_ue, transaction)))
    counts.msrp += 2


def _answer_time(person: Participant, to_ue: bool) -> int:
    return person.delay if to_ue else 2 * MS


def _ok(person: Participant, to_ue: bool, transaction: str) -> bytes:
    return texts.msrp_ok(person.leg, to_ue, transaction)


def _say(
    rng: random.Random, counts: Counts, speaker: Participant, others: list[Participant], time: int, clock: int
) -> None:
    """Something that a participant says at `time`, and what the MRFP makes of it."""
    kind = rng.random()
    words = 520 if kind < 0.06 else 12
    texts_said = [" ".join(rng.choices(WORDS, k=rng.randrange(words // 2, words)))]
    if 0.06 <= kind < 0.16:  # two messages in one segment
        texts_said.append(" ".join(rng.choices(WORDS, k=5)))
    report = 0.16 <= kind < 0.30
    bodies = [texts.cpim(speaker.leg, clock, text) for text in texts_said]
    _send(rng, counts, speaker, False, time, bodies, report)
    for other in others:
        _send(rng, counts, other, True, time + rng.randrange(2500, 4000) * 1000, bodies, False)


def _send(
    rng: random.Random, counts: Counts, person: Participant, to_ue: bool, time: int, bodies: list[bytes], report: bool
) -> None:
    """Messages sent to or by a participant, with their responses; a long one goes in chunks, several go together."""
    leg, statistics = person.leg, person.sent if to_ue else person.received
    later = _answer_time(person, to_ue)
    requests, responses = [], []
    for body in bodies:
        size = len(body)
        statistics[0] += 1
        statistics[1] += size
        message_id = _id(rng)
        asked = "Success-Report: yes\r\n" if report else ""
        for first in range(0, size, CHUNK):
            part = body[first : first + CHUNK]
            last = first + len(part) == size
            # A chunk of more than 2048 octets may be cut short, so it does not say where it ends.
            where = f"{first + 1}-{size if last else '*'}/{size}"
            transaction = _id(rng)
            lines = f"Message-ID: {message_id}\r\n{asked}Byte-Range: {where}\r\nContent-Type: message/cpim\r\n"
            requests.append(texts.msrp_request(leg, to_ue, "SEND", transaction, lines, part, "$" if last else "+"))
            responses.append(_ok(person, not to_ue, transaction))
            counts.chunks += size > CHUNK
        if report:
            lines = f"Message-ID: {message_id}\r\nByte-Range: 1-{size}/{size}\r\nStatus: 000 200 OK\r\n"
            responses.append(texts.msrp_request(leg, not to_ue, "REPORT", _id(rng), lines, None, "$"))
            counts.reports += 1
    counts.msrp += len(requests) + len(responses)
    if len(bodies) > 1:
        requests, responses = [b"".join(requests)], [b"".join(responses)]
    for number, request in enumerate(requests):
        person.writes.append(Write(time + number * 10 * MS, to_ue, request))
    for number, response in enumerate(responses):
        # A report waits for the whole message (RFC 4975 section 7.1.2); half of them share the segment of the 200.
        at = time + number * 10 * MS + later
        together = report and number == len(responses) - 1 and rng.random() < 0.5
        if together:
            person.writes[-1].load += response
        else:
            person.writes.append(Write(at, not to_ue, response))
    if rng.random() < 0.1:
        person.writes.append(Write(time + len(requests) * 10 * MS + later + 40 * MS, to_ue, flags=ACK))
