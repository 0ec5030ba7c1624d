"""Finding what announces or uses a media end: by MSRP session-id first, by address and port else.

A session-id is random and long (RFC 4975 section 14.1), an address and port may serve thousands (an MRFP with one
MSRP port), so the first is looked up before the second and the second never makes the work grow with the square of
the sessions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import islice
from typing import Generic, TypeVar

T = TypeVar("T")
K = TypeVar("K")

MAX_AT_ONE_PORT = 256
"Candidates looked at for one address and port: the latest ones."


class EndIndex(Generic[T]):
    """Things of one kind by the media ends they have."""

    def __init__(self) -> None:
        self._by_session_id: dict[str, dict[int, T]] = defaultdict(dict)
        self._by_port: dict[tuple[str, int], dict[int, T]] = defaultdict(dict)
        self._keys: dict[int, tuple[set[str], set[tuple[str, int]]]] = {}
        "What each thing was entered under: a termination may have had other ends before."

    def add(self, thing: T, session_ids: Iterable[str], ports: Iterable[tuple[str, int]]) -> None:
        """Enter one thing under its keys; entering it again adds keys."""
        key = id(thing)
        known_ids, known_ports = self._keys.setdefault(key, (set(), set()))
        for session_id in session_ids:
            if session_id and session_id not in known_ids:
                known_ids.add(session_id)
                self._by_session_id[session_id][key] = thing
        for port in ports:
            if port[0] and port[1] and port not in known_ports:
                known_ports.add(port)
                self._by_port[port][key] = thing

    def remove(self, thing: T) -> None:
        """Take one thing out of all the keys it was ever entered under."""
        key = id(thing)
        session_ids, ports = self._keys.pop(key, (set(), set()))
        for session_id in session_ids:
            _drop(self._by_session_id, session_id, key)
        for port in ports:
            _drop(self._by_port, port, key)

    def by_session_id(self, session_id: str) -> list[T]:
        return list(self._by_session_id.get(session_id, {}).values()) if session_id else []

    def by_port(self, address: str, port: int) -> list[T]:
        found = self._by_port.get((address, port))
        return list(islice(reversed(found.values()), MAX_AT_ONE_PORT))[::-1] if found else []


class EndKeys:
    """The keys of many media ends."""

    def __init__(self) -> None:
        self._session_ids: set[str] = set()
        self._ports: set[tuple[str, int]] = set()

    def add(self, session_id: str, address: str, port: int) -> None:
        """Enter one end."""
        if session_id:
            self._session_ids.add(session_id)
        if address and port:
            self._ports.add((address, port))

    def has_any(self, session_ids: Iterable[str], ports: Iterable[tuple[str, int]]) -> bool:
        """Is one of these keys among them?"""
        return any(each in self._session_ids for each in session_ids) or any(each in self._ports for each in ports)


def bare_key(address: str, port: int) -> tuple[str, int]:
    """The key of an end without a session-id: where thousands share a port, those with one are not looked at."""
    return f"{address} bare" if address else "", port


def pair_key(client: str, server: str, port: int) -> tuple[str, int]:
    """The key of a client beside the server's address and port: few connections share it."""
    return f"{client} > {server}", port


def _drop(table: dict[K, dict[int, T]], name: K, key: int) -> None:
    found = table.get(name)
    if found is not None:
        found.pop(key, None)
        if not found:
            del table[name]
