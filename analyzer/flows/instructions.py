"""Which events and signals of a command are about setting up TCP or TLS (TS 23.333 clause 6.2.20, H.248.89, H.248.90).

The item names are data (`analyzer.profile`); whatever else a vendor puts into one of these packages counts as well,
since no reachable text fixes the names.
"""

from __future__ import annotations

from analyzer.evidence import Order
from analyzer.profile import Profile
from dissectors.h248.model import Event


def names_of_tcp_events(order: Order, profile: Profile) -> list[str]:
    """Events of a command that report a failed TCP set-up."""
    return [event.name for event in order.events() if is_failure_event(event, profile.tcp_events, profile)]


def names_of_tls_events(order: Order, profile: Profile) -> list[str]:
    """Events of a command that report a failed TLS set-up."""
    return [event.name for event in order.events() if is_failure_event(event, profile.tls_events, profile)]


def is_failure_event(event: Event, wanted: frozenset[str], profile: Profile) -> bool:
    """An event of the wanted kind that fires on failure: of any type, or of a failure type."""
    name = event.name.lower()
    if name not in wanted:
        packages = {each.partition("/")[0] for each in wanted}
        return name.partition("/")[0] in packages
    types = [each for each in event.parameters if each.name.lower() == "type"]
    told = {str(value).strip('"').lower() for each in types for value in each.values}
    return not told or bool(told & profile.failure_types)


def start_wanted(order: Order, profile: Profile) -> bool:
    """Does a command tell the MRFP to open TCP: by a signal, or package-less by `a=setup:active` in Local?"""
    for signal in order.signals():
        if signal.name.lower() in profile.start_tcp:
            return True
    return order.local is not None and order.local.setup == "active"


def start_tls_wanted(order: Order, profile: Profile) -> bool:
    """Does a command tell the MRFP to open TLS once TCP is up?"""
    return any(signal.name.lower() in profile.start_tls for signal in order.signals())
