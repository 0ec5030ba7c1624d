"""Counts the octets that go to each address in a world without sockets."""

from __future__ import annotations

from collections import Counter

from lab_world import World

from replay.events import Connect, SendDatagram, Wish

SYN = 60
"Octets of a SYN with Linux's options."
SYNS = 4
"That somebody who does not answer gets within ten seconds."


class CountingWorld(World):
    """Datagrams by where they go, whether somebody is there or not; a connection that is tried counts its SYNs."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.to: Counter[str] = Counter()
        "Octets by address."
        self.places: set[tuple[str, int]] = set()

    def _do(self, name: str, wish: Wish) -> None:
        if isinstance(wish, SendDatagram):
            self.to[wish.peer[0]] += len(wish.data)
            self.places.add(wish.peer)
        elif isinstance(wish, Connect):
            self.to[wish.peer[0]] += SYN * SYNS
            self.places.add(wish.peer)
        super()._do(name, wish)
