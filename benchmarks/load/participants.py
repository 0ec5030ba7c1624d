"""The participants: they say things, answer what they hear, and check every octet that they rely on.

What is said has the sender's number and a sequence number; every receiver notes for every sender what must come next.
So anything lost, doubled or out of order is counted. The text of a message must be what was said, up to the end-line. A
participant answers as RFC 4975 section 7.2 asks, all requests that came together in one write.

It must not be what is measured: raw sockets and epoll, and one regular expression for all messages of a read.
"""

from __future__ import annotations

import re
import select
import socket
import ssl
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

from replay.edge.psk_tls import psk_context
from replay.events import Endpoint

READ = 1 << 18
RECENT = 256
"Messages of one participant that may be on their way at a time."
DRAIN = 20.0
"s to wait for what is still on its way at the end."


@dataclass(frozen=True, slots=True)
class Seat:
    """Where one participant goes."""

    place: Endpoint
    own_path: str
    peer_path: str
    "MSRP path of the MRFP for this participant."
    room: int


@dataclass(slots=True)
class Heard:
    """What came of a phase."""

    seconds: float = 0.0
    sent: int = 0
    delivered: int = 0
    "Within `seconds`, at all participants together."
    lost: int = 0
    disordered: int = 0
    "Not what had to come next from that sender: out of order, doubled, or something before it is missing."
    latencies: array[float] = field(default_factory=lambda: array("f"))
    "s from the write of the sender to the read of the receiver."
    cpu: float = 0.0
    "s of CPU that the participants themselves took."


class Participant:
    """One connection, and what was heard on it."""

    __slots__ = ("_head", "_line", "_rest", "_waiting", "answers", "expected", "number", "read", "seat", "socket")

    def __init__(self, number: int, seat: Seat, line: socket.socket, members: int) -> None:
        self.number = number
        self.seat = seat
        self.socket = line
        self.read = line.recv
        self.expected = [0] * members
        "The next sequence number of each member of the room."
        self.answers = 0
        "Responses to what this participant said."
        paths = f"To-Path: {seat.peer_path}\r\nFrom-Path: {seat.own_path}\r\n"
        self._head = paths.encode()
        self._line = b" 200 OK\r\n" + self._head + b"-------"
        self._rest = b""
        self._waiting = b""

    def write(self, data: bytes) -> None:
        """Send, or keep what the connection does not take now."""
        if self._waiting:
            self._waiting += data
            return
        try:
            sent = self.socket.send(data)
        except (BlockingIOError, ssl.SSLWantWriteError):
            sent = 0
        self._waiting = data[sent:]

    def flush(self) -> bool:
        """Send what waits; True when something still does."""
        waiting, self._waiting = self._waiting, b""
        if waiting:
            self.write(waiting)
        return bool(self._waiting)

    def take(self, pattern: re.Pattern[bytes], answer: bool) -> list[tuple[bytes, bytes, bytes]]:
        """Read what came; (sender, sequence number, transaction id) of every message."""
        data = self._rest
        try:
            part = self.read(READ)
            while part:
                data += part
                if len(part) < 16_384 and not isinstance(self.socket, ssl.SSLSocket):
                    break
                part = self.read(READ)
            if not part:
                raise ConnectionError("a participant's connection was closed")
        except (BlockingIOError, ssl.SSLWantReadError):
            pass
        end = data.rfind(b"$\r\n") + 3
        if end < 3:
            self._rest = data
            return []
        self._rest = data[end:]
        found: list[tuple[bytes, bytes, bytes]] = pattern.findall(data, 0, end)
        if found and answer:
            line = self._line
            self.write(b"".join([b"MSRP %b%b%b$\r\n" % (tid, line, tid) for _, _, tid in found]))
        self.answers += data.count(b" 200 OK\r\n", 0, end)
        return found

    def request(self, tid: bytes, rest: bytes) -> bytes:
        """A SEND with these lines and body."""
        return b"".join(
            (b"MSRP ", tid, b" SEND\r\n", self._head, b"Message-ID: ", tid, rest, b"-------", tid, b"$\r\n")
        )


class Crowd:
    """All participants of all rooms, each with one message on its way at a time, or at a rate."""

    def __init__(self, seats: Sequence[Seat], *, size: int, key: bytes, answers: bool) -> None:
        """`size`: octets of text of a message. `answers`: requests ask for responses, and get them."""
        members = max(sum(1 for each in seats if each.room == room) for room in {each.room for each in seats})
        self._members = members
        self._answers = answers
        self._filler = b"x" * max(0, size - 19)
        self._pattern = re.compile(
            rb"\r\n\r\nload (\d{4}) (\d{8}) x{%d}\r\n-------(\S{1,32})\$\r\n" % len(self._filler)
        )
        self._epoll = select.epoll()
        self._people: list[Participant] = []
        self._by_fd: dict[int, Participant] = {}
        self._sent = [0] * len(seats)
        self._sent_at = [[0.0] * RECENT for _ in seats]
        self._missing = [0] * len(seats)
        "Deliveries of what each said that have not come yet."
        context = psk_context(is_client=True, psk=key, identity="load") if key else None
        for number, seat in enumerate(seats):
            line = socket.create_connection(seat.place, timeout=10)
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if context is not None:
                line = context.wrap_socket(line)
            person = Participant(number, seat, line, members)
            line.sendall(person.request(b"bind%04d" % number, b"\r\n"))
            line.setblocking(False)
            self._people.append(person)
            self._by_fd[line.fileno()] = person
            self._epoll.register(line.fileno(), select.EPOLLIN)
        # Each room has a line of its own for To, so that it is one conference for the MRFP.
        self._rests = [self._rest(number, seat) for number, seat in enumerate(seats)]

    def settle(self, binds: int) -> None:
        """Wait for the answers to the first requests. TimeoutError."""
        end = time.perf_counter() + DRAIN
        while sum(person.answers for person in self._people) < binds:
            if time.perf_counter() > end:
                raise TimeoutError("not every participant's first request was answered")
            for fd, _ in self._epoll.poll(0.1):
                self._by_fd[fd].take(self._pattern, False)

    def close(self) -> None:
        """Close all connections."""
        for person in self._people:
            person.socket.close()
        self._epoll.close()

    def saturate(self, seconds: float, warm_up: float) -> Heard:
        """Everybody says the next thing once all others heard the one before; counted after the warm-up."""
        heard = Heard()
        for person in self._people:
            self._say(person)
        begin = time.perf_counter()
        warm = Heard()
        self._listen(begin + warm_up, warm, again=True)
        self._count(heard, seconds, again=True)
        heard.disordered += warm.disordered
        self._drain(heard)
        return heard

    def pace(self, seconds: float, rate: float) -> Heard:
        """So many messages are sent a second, by one after the other, going through the rooms."""
        heard = Heard()
        self._count(heard, seconds, rate=rate)
        self._drain(heard)
        return heard

    # ------------------------------------------------------------------ inside

    def _count(self, heard: Heard, seconds: float, *, again: bool = False, rate: float = 0.0) -> None:
        begin, cpu = time.perf_counter(), time.process_time()
        self._listen(begin + seconds, heard, again=again, rate=rate)
        heard.seconds = time.perf_counter() - begin
        heard.cpu = time.process_time() - cpu
        heard.delivered = len(heard.latencies)

    def _drain(self, heard: Heard) -> None:
        """Wait for what is on its way; then what did not come is lost."""
        late = Heard()
        end = time.perf_counter() + DRAIN
        while any(self._missing) and time.perf_counter() < end:
            self._listen(time.perf_counter() + 0.2, late)
        heard.disordered += late.disordered
        heard.sent = sum(self._sent)
        heard.lost = sum(max(0, each) for each in self._missing)
        self._missing = [0] * len(self._people)

    def _listen(self, until: float, heard: Heard, *, again: bool = False, rate: float = 0.0) -> None:
        clock, poll, by_fd, pattern = time.perf_counter, self._epoll.poll, self._by_fd, self._pattern
        answers, members, missing, sent_at = self._answers, self._members, self._missing, self._sent_at
        people, latencies = self._people, heard.latencies
        begin = clock()
        count = 0
        while (now := clock()) < until:
            if rate:
                while count < (now - begin) * rate:
                    self._say(people[self._turn(count)])
                    count += 1
            ready = poll(0.001 if rate else 0.05, 256)
            if not ready:
                for person in people:
                    person.flush()
            for fd, _ in ready:
                person = by_fd[fd]
                person.flush()
                found = person.take(pattern, answers)
                now = clock()
                expected, first = person.expected, person.seat.room * members
                for one, two, _ in found:
                    sender, number = int(one), int(two)
                    if expected[sender - first] != number:
                        heard.disordered += 1
                    expected[sender - first] = number + 1
                    latencies.append(now - sent_at[sender][number % RECENT])
                    missing[sender] -= 1
                    if again and missing[sender] == 0:
                        self._say(people[sender])

    def _say(self, person: Participant) -> None:
        number = person.number
        count = self._sent[number]
        self._sent[number] = count + 1
        self._missing[number] += self._members - 1
        before, after = self._rests[number]
        self._sent_at[number][count % RECENT] = time.perf_counter()
        person.write(person.request(b"m%04d%08d" % (number, count), b"%b%08d%b" % (before, count, after)))

    def _turn(self, count: int) -> int:
        rooms = len(self._people) // self._members
        return count % rooms * self._members + count // rooms % self._members

    def _rest(self, number: int, seat: Seat) -> tuple[bytes, bytes]:
        """The lines and the body behind Message-ID, before and after the sequence number."""
        wrapper = f"From: <sip:u{number:04}@load.example.net>\r\nTo: <sip:room{seat.room:03}@conf.example.net>\r\n\r\n"
        before = f"{wrapper}Content-Type: text/plain\r\n\r\nload {number:04} ".encode()
        after = b" " + self._filler
        size = len(before) + 8 + len(after)
        wish = b"" if self._answers else b"Failure-Report: no\r\n"
        head = b"\r\n%bByte-Range: 1-%d/%d\r\nContent-Type: message/cpim\r\n\r\n" % (wish, size, size)
        return head + before, after + b"\r\n"
