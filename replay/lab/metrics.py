"""What the lab counts, for Prometheus: events and octets of each function, its connections and notes, what it holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Protocol, runtime_checkable

from replay.events import (
    Accepted,
    Connected,
    Core,
    Datagram,
    Ended,
    Endpoint,
    Event,
    Note,
    Received,
    SecureFailed,
    Send,
    SendDatagram,
    Wish,
)


@runtime_checkable
class Holds(Protocol):
    """A core that tells what it holds for its peers."""

    @property
    def in_use(self) -> Mapping[str, int]:
        """How many there are of each kind, such as `calls`; the kinds are always the same."""
        ...


class Metrics:
    """Counters of one lab, and the place where they are read."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge

        self._registry = CollectorRegistry()
        self.events = Counter(
            "mrfscope_lab_events", "Events that a function was told.", ["function", "event"], registry=self._registry
        )
        self.octets = Counter(
            "mrfscope_lab_octets", "Octets of payload.", ["function", "direction"], registry=self._registry
        )
        self.connections = Gauge(
            "mrfscope_lab_connections", "Open TCP connections.", ["function"], registry=self._registry
        )
        self.notes = Counter(
            "mrfscope_lab_notes", "Notes of a function, as in the log.", ["function", "what"], registry=self._registry
        )
        self.in_use = Gauge(
            "mrfscope_lab_in_use", "What a function holds for its peers.", ["function", "kind"], registry=self._registry
        )
        self._server: Any = None

    def serve(self, place: Endpoint) -> None:
        """Answer GET /metrics. Raises OSError when the place is taken."""
        from prometheus_client import start_http_server

        self._server, _ = start_http_server(place[1], place[0], self._registry)

    def stop(self) -> None:
        """Close the place."""
        if self._server is not None:
            with suppress(OSError):
                self._server.shutdown()
                self._server.server_close()


def _held(core: Holds, kind: str) -> float:
    return core.in_use[kind]


class Metered:
    """A core whose events and wishes are counted."""

    def __init__(self, core: Core, metrics: Metrics) -> None:
        self.name = core.name
        self._core = core
        self._metrics = metrics
        self._open: set[int] = set()
        if isinstance(core, Holds):
            for kind in core.in_use:
                # Read where it is asked for, in the thread that answers: nothing is counted on the way.
                metrics.in_use.labels(core.name, kind).set_function(partial(_held, core, kind))

    def start(self, now: float) -> Sequence[Wish]:
        """As the core does."""
        return self._count(self._core.start(now))

    def receive(self, event: Event, now: float) -> Sequence[Wish]:
        """As the core does."""
        metrics, name = self._metrics, self.name
        metrics.events.labels(name, type(event).__name__).inc()
        if isinstance(event, Datagram | Received):
            metrics.octets.labels(name, "received").inc(len(event.data))
        elif isinstance(event, Accepted | Connected):
            self._open.add(event.connection)
            metrics.connections.labels(name).set(len(self._open))
        elif isinstance(event, Ended | SecureFailed):
            self._open.discard(event.connection)
            metrics.connections.labels(name).set(len(self._open))
        return self._count(self._core.receive(event, now))

    def stop(self, now: float) -> Sequence[Wish]:
        """As the core does."""
        return self._count(self._core.stop(now))

    def _count(self, wishes: Sequence[Wish]) -> Sequence[Wish]:
        for wish in wishes:
            if isinstance(wish, Send | SendDatagram):
                self._metrics.octets.labels(self.name, "sent").inc(len(wish.data))
            elif isinstance(wish, Note):
                self._metrics.notes.labels(self.name, wish.what).inc()
        return wishes
