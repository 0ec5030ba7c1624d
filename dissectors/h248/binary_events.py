"""Events, observed events and signals in the binary encoding (H.248.1 Annex A)."""

from __future__ import annotations

from typing import Any

from dissectors.h248.binary_media import (
    choice,
    pull_digit_map_value,
    push_digit_map_value,
)
from dissectors.h248.binary_values import (
    Coder,
    pull_digit_map_name,
    pull_parameters,
    push_digit_map_name,
    push_parameters,
)
from dissectors.h248.model import (
    Event,
    EventsDescriptor,
    ObservedEvent,
    ObservedEvents,
    Signal,
    SignalList,
)

_SIGNAL_TYPES = {"brief": "Brief", "onOff": "OnOff", "timeOut": "TimeOut"}
_DIRECTIONS = {"internal": "IT", "external": "EX", "both": "B"}
_BEHAVIOURS = {"notifyImmediate": "NBIN", "notifyRegulated": "NBRN", "neverNotify": "NBNN"}
_COMPLETIONS = ("TO", "IBE", "IBS", "OR", "IR")
"NotifyCompletion by bit number."


# ---------------------------------------------------------------------- events


def pull_events(coder: Coder, part: dict[str, Any]) -> EventsDescriptor:
    """An Events descriptor, also one that is embedded in another."""
    return EventsDescriptor(part.get("requestID"), [_pull_event(coder, each) for each in part["eventList"]])


def push_events(coder: Coder, descriptor: EventsDescriptor, *, embedded: bool = False) -> dict[str, Any]:
    """The twin of `pull_events`; raises ValueError where events are embedded twice, which Annex A has no room for."""
    part: dict[str, Any] = {"eventList": [_push_event(coder, each, embedded) for each in descriptor.events]}
    if descriptor.request_id is not None:
        part["requestID"] = descriptor.request_id
    return part


def _pull_event(coder: Coder, part: dict[str, Any]) -> Event:
    name = part["pkgdName"]
    event = Event(coder.packages.item_name("event", name), part.get("streamID"))
    event.parameters = pull_parameters(coder, "event", name, part["evParList"])
    action = part.get("eventAction")
    if action is None:
        return event
    event.keep_active = action.get("keepActive", False)
    if "eventDM" in action:
        kind, value = action["eventDM"]
        event.digit_map = pull_digit_map_name(value) if kind == "digitMapName" else pull_digit_map_value(value)
    embedded = action
    if "notifyBehaviour" in action:
        kind, value = action["notifyBehaviour"]
        event.notify_behaviour = _BEHAVIOURS.get(kind, "")
        if kind == "notifyRegulated" and value:
            embedded = {**value, **action}
    if "secondEvent" in embedded:
        event.embedded_events = pull_events(coder, embedded["secondEvent"])
    if "signalsDescriptor" in embedded:
        event.embedded_signals = pull_signals(coder, embedded["signalsDescriptor"])
    event.reset_events = "resetEventsDescriptor" in action
    return event


def _push_event(coder: Coder, event: Event, embedded: bool) -> dict[str, Any]:
    name = coder.packages.item_octets("event", event.name)
    part: dict[str, Any] = {"pkgdName": name, "evParList": push_parameters(coder, "event", name, event.parameters)}
    if event.stream_id is not None:
        part["streamID"] = event.stream_id
    action: dict[str, Any] = {}
    if event.keep_active:
        action["keepActive"] = True
    if event.digit_map is not None:
        title = event.digit_map.partition("{")[0].strip()
        if title:
            action["eventDM"] = ("digitMapName", push_digit_map_name(title))
        else:
            action["eventDM"] = ("digitMapValue", push_digit_map_value(event.digit_map))
    if event.embedded_events is not None:
        if embedded:
            raise ValueError("events embedded in embedded events have no binary form")
        action["secondEvent"] = push_events(coder, event.embedded_events, embedded=True)
    if event.embedded_signals is not None:
        action["signalsDescriptor"] = push_signals(coder, event.embedded_signals)
    if event.notify_behaviour:
        kind = choice(_BEHAVIOURS, event.notify_behaviour, "notify behaviour")
        regulated = {}
        if kind == "notifyRegulated":  # what is embedded belongs to the notification then
            regulated = {key: action.pop(key) for key in ("secondEvent", "signalsDescriptor") if key in action}
        action["notifyBehaviour"] = (kind, regulated if kind == "notifyRegulated" else 0)
    if event.reset_events:
        action["resetEventsDescriptor"] = 0
    if action:
        part["eventAction"] = action
    return part


def pull_event_buffer(coder: Coder, parts: list[dict[str, Any]]) -> list[Event]:
    """An EventBuffer descriptor."""
    found = []
    for part in parts:
        name = part["eventName"]
        event = Event(coder.packages.item_name("event", name), part.get("streamID"))
        event.parameters = pull_parameters(coder, "event", name, part["eventParList"])
        found.append(event)
    return found


def push_event_buffer(coder: Coder, events: list[Event]) -> list[dict[str, Any]]:
    """The twin of `pull_event_buffer`."""
    return [_push_named(coder, event) for event in events]


def _push_named(coder: Coder, event: Event | ObservedEvent) -> dict[str, Any]:
    name = coder.packages.item_octets("event", event.name)
    part: dict[str, Any] = {"eventName": name, "eventParList": push_parameters(coder, "event", name, event.parameters)}
    if event.stream_id is not None:
        part["streamID"] = event.stream_id
    return part


# ---------------------------------------------------------------------- observed events


def pull_observed(coder: Coder, part: dict[str, Any]) -> ObservedEvents:
    """An ObservedEvents descriptor."""
    observed = ObservedEvents(part["requestId"])
    for each in part["observedEventLst"]:
        name = each["eventName"]
        observed.events.append(
            ObservedEvent(
                coder.packages.item_name("event", name),
                each.get("streamID"),
                pull_time(each.get("timeNotation")),
                pull_parameters(coder, "event", name, each["eventParList"]),
            )
        )
    return observed


def push_observed(coder: Coder, observed: ObservedEvents) -> dict[str, Any]:
    """The twin of `pull_observed`."""
    parts = []
    for event in observed.events:
        part = _push_named(coder, event)
        if event.timestamp:
            part["timeNotation"] = push_time(event.timestamp)
        parts.append(part)
    return {"requestId": observed.request_id, "observedEventLst": parts}


def pull_time(part: dict[str, Any] | None) -> str:
    """A TimeNotation as `yyyymmddThhmmssss`, empty when there is none."""
    return f"{part['date']}T{part['time']}" if part else ""


def push_time(text: str) -> dict[str, Any]:
    """The twin of `pull_time`."""
    date, _, time = text.upper().partition("T")
    return {"date": date, "time": time}


# ---------------------------------------------------------------------- signals


def pull_signals(coder: Coder, parts: list[tuple[str, dict[str, Any]]]) -> list[Signal | SignalList]:
    """A Signals descriptor."""
    found: list[Signal | SignalList] = []
    for kind, part in parts:
        if kind == "signal":
            found.append(_pull_signal(coder, part))
        elif kind == "seqSigList":
            found.append(SignalList(part["id"], [_pull_signal(coder, each) for each in part["signalList"]]))
        else:
            coder.faults.append("a kind of signal that is not known was left out")
    return found


def push_signals(coder: Coder, signals: list[Signal | SignalList]) -> list[tuple[str, dict[str, Any]]]:
    """The twin of `pull_signals`."""
    parts: list[tuple[str, dict[str, Any]]] = []
    for each in signals:
        if isinstance(each, Signal):
            parts.append(("signal", _push_signal(coder, each)))
        else:
            parts.append(
                ("seqSigList", {"id": each.list_id, "signalList": [_push_signal(coder, one) for one in each.signals]})
            )
    return parts


def _pull_signal(coder: Coder, part: dict[str, Any]) -> Signal:
    name = part["signalName"]
    signal = Signal(
        coder.packages.item_name("signal", name),
        part.get("streamID"),
        _SIGNAL_TYPES.get(part.get("sigType", ""), ""),
        part.get("duration"),
        keep_active=part.get("keepActive", False),
        parameters=pull_parameters(coder, "signal", name, part["sigParList"]),
        direction=_DIRECTIONS.get(part.get("direction", ""), ""),
        request_id=part.get("requestID"),
        intersignal_delay=part.get("intersigDelay"),
    )
    if "notifyCompletion" in part:
        number, size = part["notifyCompletion"]
        signal.notify_completion = [
            name for bit, name in enumerate(_COMPLETIONS) if bit < size and number >> (size - 1 - bit) & 1
        ]
    return signal


def _push_signal(coder: Coder, signal: Signal) -> dict[str, Any]:
    name = coder.packages.item_octets("signal", signal.name)
    part: dict[str, Any] = {"signalName": name, "sigParList": push_parameters(coder, "signal", name, signal.parameters)}
    if signal.stream_id is not None:
        part["streamID"] = signal.stream_id
    if signal.signal_type:
        part["sigType"] = choice(_SIGNAL_TYPES, signal.signal_type, "signal type")
    if signal.duration is not None:
        part["duration"] = signal.duration
    if signal.notify_completion is not None:
        part["notifyCompletion"] = _push_completion(signal.notify_completion)
    if signal.keep_active:
        part["keepActive"] = True
    if signal.direction:
        part["direction"] = choice(_DIRECTIONS, signal.direction, "signal direction")
    if signal.request_id is not None:
        part["requestID"] = signal.request_id
    if signal.intersignal_delay is not None:
        part["intersigDelay"] = signal.intersignal_delay
    return part


def _push_completion(names: list[str]) -> tuple[int, int]:
    try:
        bits = {_COMPLETIONS.index(name.upper()) for name in names}
    except ValueError:
        raise ValueError("a notify completion that has no binary form") from None
    size = max(bits, default=-1) + 1
    return sum(1 << (size - 1 - bit) for bit in bits), size
