"""Where a description says that its party is: `c=` and `m=`, and the entries of `a=path` (RFC 4975 section 8)."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address
from typing import cast

from analyzer.conversations.media import MediaEnd, Place, place_of


@lru_cache(maxsize=4096)
def is_address(text: str) -> bool:
    """An IP address, no host name."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def lines_place(end: MediaEnd) -> Place | None:
    """Address and port of `c=` and `m=`."""
    return (end.address, end.port) if end.address and end.port else None


def path_place(end: MediaEnd) -> Place | None:
    """Host and port of the first entry of `a=path`: where the other side connects to without CEMA."""
    if not end.path:
        return None
    first = end.path[0]
    # Mostly it repeats `c=` and `m=`; that is seen without reading the URI.
    told = lines_place(end)
    return told if told is not None and f"://{told[0]}:{told[1]}/" in first else place_of(first)


def places_of(end: MediaEnd) -> set[Place]:
    """Of `c=`/`m=` and of every entry of `a=path`."""
    places = {lines_place(end), path_place(end)}
    if len(end.path) > 1:
        places.update(map(place_of, end.path[1:]))
    places.discard(None)
    return cast(set[Place], places)


def own_addresses(end: MediaEnd) -> set[str]:
    """Where a party is itself, without the relays before it."""
    found = {end.address} if end.address and len(end.path) < 2 else set()
    last = path_place(end) if len(end.path) == 1 else place_of(end.path[-1]) if end.path else None
    return found | {last[0]} if last is not None else found
