"""What the gateway tells of itself and its terminations (AuditValue, AuditCapability: H.248.1 clauses 7.2.5, 7.2.6)."""

from __future__ import annotations

from dissectors.h248 import Command
from dissectors.h248.model import (
    Event,
    EventsDescriptor,
    MediaDescriptor,
    ObservedEvents,
    Property,
    Signal,
    StreamParameters,
    TerminationState,
)
from replay.mrfp.config import MrfpConfig
from replay.mrfp.counters import Counters
from replay.mrfp.packages import PACKAGES, package_list
from replay.mrfp.refusal import Refusal
from replay.mrfp.terminations import StreamState, Termination

_ITEMS = {
    "m": "M",
    "media": "M",
    "e": "E",
    "events": "E",
    "sg": "SG",
    "signals": "SG",
    "sa": "SA",
    "statistics": "SA",
    "pg": "PG",
    "packages": "PG",
    "oe": "OE",
    "observedevents": "OE",
}


def wanted_items(audit: list[str] | None) -> set[str]:
    """The items of an Audit descriptor, in short form; a single item stands for its descriptor. Refusal 444."""
    found = set()
    for item in audit or ():
        head = item.partition("{")[0].partition("=")[0].strip().lower()
        if head not in _ITEMS:
            raise Refusal(444, f"unsupported descriptor {head}")
        found.add(_ITEMS[head])
    return found


def tell_root(reply: Command, items: set[str], config: MrfpConfig) -> None:
    """Put what is asked of the gateway as a whole into the reply."""
    if "M" in items:
        limits = config.limits
        values = {
            "root/maxNumberOfContexts": limits.contexts,
            "root/maxTerminationsPerContext": limits.terminations_per_context,
            "root/MGProvisionalResponseTimerValue": round(config.timers.provisional * 1000),
        }
        state = TerminationState(
            "InService", properties=[Property(name, [str(value)]) for name, value in values.items()]
        )
        reply.media = MediaDescriptor(termination_state=state)
    if "PG" in items:
        reply.packages = package_list()
    if "E" in items:
        reply.events = EventsDescriptor()
    if "SG" in items:
        reply.signals = []


def tell_termination(reply: Command, items: set[str], termination: Termination, with_statistics: bool) -> None:
    """Put what is asked of a termination into the reply."""
    if "M" in items:
        streams = {number: _stream(state) for number, state in termination.streams.items()}
        reply.media = MediaDescriptor(streams, TerminationState(termination.service_state))
    if "PG" in items:
        reply.packages = package_list()
    if "E" in items:
        reply.events = termination.events or EventsDescriptor()
    if "SG" in items:
        reply.signals = []  # all signals of this gateway are brief
    if "OE" in items:
        reply.observed_events = ObservedEvents(0)
    if "SA" in items and with_statistics:
        reply.statistics = statistics(termination)


def tell_capability(reply: Command, items: set[str]) -> None:
    """Put what a termination could do into the reply."""
    if "M" in items:
        control = StreamParameters("SendReceive", has_local_control=True)
        reply.media = MediaDescriptor({1: control})
    if "PG" in items:
        reply.packages = package_list()
    if "E" in items:
        names = [f"{package}/{item}" for package, each in PACKAGES.items() for item in sorted(each.events)]
        reply.events = EventsDescriptor(0, [Event(name) for name in names])
    if "SG" in items:
        names = [f"{package}/{item}" for package, each in PACKAGES.items() for item in sorted(each.signals)]
        reply.signals = [Signal(name) for name in names]
    if "SA" in items:
        reply.statistics = [Property(each.name, []) for each in Counters().properties()]


def statistics(termination: Termination) -> list[Property]:
    """The message statistics of a termination, all streams together (GEN-3)."""
    total = Counters()
    for state in termination.streams.values():
        if state.leg is not None:
            total.add(state.leg.counters)
    return total.properties()


def _stream(state: StreamState) -> StreamParameters:
    return StreamParameters(
        state.mode,
        properties=list(state.properties),
        has_local_control=bool(state.mode or state.properties),
        local=state.local,
        remote=state.remote,
    )
