"""What the lab counts, for Prometheus: events and octets of each function, its connections and notes, what it holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Protocol, runtime_checkable

from dissectors.http import HttpMessage
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
from replay.http_place import Answer, HttpPlace


@runtime_checkable
class Holds(Protocol):
    """A core that tells what it holds for its peers."""

    @property
    def in_use(self) -> Mapping[str, int]:
        """How many there are of each kind, such as `calls`; the kinds are always the same."""
        ...


class Metrics:
    """Counters of one lab, and the place where they are read."""

    def __init__(self, place: Endpoint) -> None:
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
        self.place = place

    def text(self) -> bytes:
        """All of them, as Prometheus reads them."""
        from prometheus_client import generate_latest

        return generate_latest(self._registry)


class MetricsPage:
    """Answers GET /metrics; a core like others, so that it takes no more from strangers than they do."""

    name = "metrics"

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._place = HttpPlace(metrics.place, self._answer)

    def start(self, now: float) -> Sequence[Wish]:
        """Listen."""
        return self._place.start()

    def stop(self, now: float) -> Sequence[Wish]:
        """Close every connection."""
        return self._place.stop()

    def receive(self, event: Event, now: float) -> Sequence[Wish]:
        """Take what came on a connection."""
        return self._place.receive(event, now)

    def _answer(self, request: HttpMessage) -> Answer:
        if request.method != "GET":
            return 405, "Method Not Allowed", "", b"", ""
        if request.target.partition("?")[0] not in ("/metrics", "/"):
            return 404, "Not Found", "", b"", ""
        return 200, "OK", "text/plain; version=0.0.4; charset=utf-8", self._metrics.text(), ""


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
                # Read when it is asked for: nothing is counted on the way.
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
