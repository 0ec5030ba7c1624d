"""What strangers do to a place that listens: noise, silence, floods, and messages without end."""

from __future__ import annotations

import random
import resource
import select
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress

Endpoint = tuple[str, int]
PATIENCE = 60.0
"s for an answer, on a loaded machine."


def allow_files(count: int) -> bool:
    """Raise the limit of open files; False where the system does not allow so many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard == resource.RLIM_INFINITY or hard >= count


def throw(place: Endpoint, datagrams: Iterable[bytes], source: str = "127.0.0.1") -> None:
    """Send datagrams, and wait for no answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as thrower:
        thrower.bind((source, 0))
        for data in datagrams:
            thrower.sendto(data, place)


def flood(place: Endpoint, requests: Iterable[bytes]) -> int:
    """Send datagrams about as fast as they are answered; returns how many answers came."""
    answers = lost = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as thrower:
        thrower.bind(("127.0.0.1", 0))
        for number, data in enumerate(requests):
            thrower.sendto(data, place)
            while answers + lost < number - 20:
                if select.select([thrower], [], [], 0.05)[0]:
                    thrower.recv(65536)
                    answers += 1
                else:
                    lost = number - answers
        while select.select([thrower], [], [], 0.5)[0]:
            thrower.recv(65536)
            answers += 1
    return answers


def noise(seed: int, count: int, longest: int) -> list[bytes]:
    """Octets by chance."""
    dice = random.Random(seed)
    return [dice.randbytes(dice.randrange(1, longest)) for _ in range(count)]


def say(place: Endpoint, *pieces: bytes, source: str = "127.0.0.1") -> bytes:
    """Connect, say pieces, one after the other, end, and hear what comes until the other side closes, or 1 MB."""
    heard = b""
    with socket.create_connection(place, PATIENCE, source_address=(source, 0)) as line:
        try:
            for piece in pieces:
                line.sendall(piece)
            line.shutdown(socket.SHUT_WR)
            while len(heard) < 1 << 20 and (data := line.recv(65536)):
                heard += data
        except TimeoutError:
            raise
        except OSError:
            return heard  # closed by the other side
    return heard


def hold(place: Endpoint, count: int, said: bytes = b"", source: str = "127.0.0.1") -> list[socket.socket]:
    """Open many connections, say the same on each, and then nothing."""
    lines = []
    for _ in range(count):
        line = socket.create_connection(place, PATIENCE, source_address=(source, 0))
        lines.append(line)
        with suppress(ConnectionError):
            line.sendall(said)
    return lines


def still_open(lines: list[socket.socket]) -> int:
    """How many connections the other side has not closed."""
    poll = select.poll()
    for line in lines:
        poll.register(line, select.POLLIN | select.POLLRDHUP)
    closed = {fd for fd, event in poll.poll(0) if event & (select.POLLRDHUP | select.POLLHUP | select.POLLERR)}
    return len(lines) - len(closed)


def settles(found: Callable[[], int], wanted: int, patience: float = PATIENCE) -> bool:
    """Whether a number gets to what is wanted before patience (s) ends."""
    for _ in range(int(patience / 0.05)):
        if found() == wanted:
            return True
        select.select([], [], [], 0.05)
    return False


def close(lines: list[socket.socket]) -> None:
    """End connections."""
    for line in lines:
        line.close()


def pour(place: Endpoint, head: bytes, piece: bytes, octets: int, source: str = "127.0.0.1") -> tuple[int, bytes]:
    """Say a head and then a piece again and again, so many octets. Returns how many were taken, and the answer."""
    poured, heard = 0, b""
    with socket.create_connection(place, PATIENCE, source_address=(source, 0)) as line:
        try:
            line.sendall(head)
            while poured < octets:
                line.sendall(piece)
                poured += len(piece)
                if select.select([line], [], [], 0)[0]:
                    data = line.recv(65536)
                    if not data:
                        break
                    heard += data
        except (ConnectionError, TimeoutError):
            with suppress(OSError):
                heard += line.recv(65536)
    return poured, heard


def damaged(data: bytes, seed: int, count: int) -> list[bytes]:
    """So many copies, each with a few octets changed, cut out or said twice."""
    dice = random.Random(seed)
    copies = []
    for _ in range(count):
        octets = bytearray(data)
        for _ in range(dice.randrange(1, 6)):
            at, size = dice.randrange(len(octets) + 1), dice.choice((1, 2, 16, 200))
            octets[at : at + dice.choice((0, size))] = dice.choice(
                (b"", dice.randbytes(size), octets[at : at + size] * 2)
            )
        copies.append(bytes(octets[:60_000]) or b"\0")
    return copies
