"""What the MRFP gave when it was asked for a termination."""

from __future__ import annotations

from dataclasses import dataclass

from dissectors.errors import DecodeError
from dissectors.h248 import Command
from dissectors.msrp import parse_msrp_uri


@dataclass(frozen=True, slots=True)
class Termination:
    """Address, port and path of its Local descriptor (TS 23.333 clause 6.2.10.3.1)."""

    termination_id: str
    address: str
    port: int
    path: tuple[str, ...]


def other_port(path: tuple[str, ...]) -> tuple[str, ...]:
    """The path with another port, for faults that are asked for; sessions are matched by session-id all the same."""
    uri = parse_msrp_uri(path[0])
    uri.port = (uri.port or 0) + 1
    return (str(uri), *path[1:])


def read_termination(command: Command | None) -> Termination | None:
    """What an Add reply gives; None where it is not all there."""
    if command is None or not command.termination_ids or command.media is None:
        return None
    for stream in command.media.streams.values():
        for description in stream.local_sdp:
            for media in description.media:
                connection, port, path = media.connection, media.port, tuple(media.path)
                if connection is None or not port or not path:
                    continue
                try:
                    parse_msrp_uri(path[0])
                except DecodeError:
                    continue
                return Termination(command.termination_ids[0], connection.address, port, path)
    return None
