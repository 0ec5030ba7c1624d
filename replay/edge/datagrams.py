"""A UDP socket of a function: what comes to it becomes events."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from replay.events import Datagram, Endpoint

if TYPE_CHECKING:
    from replay.edge.runtime import Runtime

log = logging.getLogger("mrfscope.lab")


class Datagrams(asyncio.DatagramProtocol):
    """One UDP socket."""

    def __init__(self, runtime: Runtime, local: Endpoint) -> None:
        self._runtime = runtime
        self._local = local

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        peer = self._runtime.plan.named((addr[0], addr[1]))
        recorder = self._runtime.records_datagrams_of(peer)
        if recorder is not None:
            recorder.datagram(peer, self._local, data)
        self._runtime.tell(Datagram(self._local, peer, data))

    def error_received(self, exc: Exception) -> None:
        log.debug("%s: %s", self._runtime.core.name, exc)
