"""Descriptors of the model as trees of the text encoding (H.248.1 Annex B.2; clause 7.1)."""

from __future__ import annotations

import re

from dissectors.h248.model import (
    Command,
    ErrorDescriptor,
    Event,
    EventsDescriptor,
    MediaDescriptor,
    ObservedEvents,
    Property,
    ServiceChange,
    Signal,
    SignalList,
    StreamParameters,
)
from dissectors.h248.text_events import ANY_REQUEST
from dissectors.h248.text_layout import Braced, Layout, Node, Octets, quoted
from dissectors.h248.tokens import SHORT

_BARE = re.compile(r'[^\s{}=,<>#\[\]";]+')
"What can stand without quotes and is read back as one word."
_PROFILE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}/[0-9]{1,2}")
_TIMESTAMP = re.compile(r"[0-9]{8}T[0-9]{8}")
_DIGIT_MAP = re.compile(r"[A-Za-z0-9_]{0,64}\s*(?:\{[^{}\"]*\})?")


def _fitting(form: re.Pattern[str], text: str, what: str) -> str:
    """The text if it has the form the grammar gives it: nothing else may slip into the message with it."""
    if form.fullmatch(text) is None:
        raise ValueError(f"the {what} has not the form of the text encoding")
    return text


def _timestamp(text: str) -> str:
    return _fitting(_TIMESTAMP, text, "time stamp")


def _digit_map(text: str) -> str:
    return _fitting(_DIGIT_MAP, text, "digit map")


def command_nodes(layout: Layout, command: Command) -> list[Node]:
    """The descriptors of a command, in the order in which the grammar lists them."""
    nodes: list[Node] = []
    token, equal = layout.token, layout.equal
    if command.media is not None:
        nodes.append(_media(layout, command.media))
    if command.modem is not None:
        nodes.append(token("MD") + command.modem)
    if command.mux is not None:
        nodes.append(f"{token('MX')}{equal}{command.mux}" if command.mux else token("MX"))
    if command.events is not None:
        nodes.append(_events(layout, command.events))
    if command.event_buffer is not None:
        nodes.append(_listed(token("EB"), [_event(layout, each) for each in command.event_buffer]))
    if command.signals is not None:
        nodes.append(_signals(layout, command.signals))
    if command.digit_map is not None:
        nodes.append(f"{token('DM')}{equal}{_digit_map(command.digit_map)}" if command.digit_map else token("DM"))
    if command.observed_events is not None:
        nodes.append(_observed(layout, command.observed_events))
    if command.packages is not None:
        nodes.append(_listed(token("PG"), [*command.packages]))
    if command.statistics is not None:
        nodes.append(_listed(token("SA"), [property_node(layout, each) for each in command.statistics]))
    if command.audit is not None:
        nodes.append(audit_node(layout, "AT", command.audit))
    if command.service_change is not None:
        nodes.append(Braced(token("SV"), _services(layout, command.service_change)))
    nodes += command.extensions
    if command.error is not None:
        nodes.append(error_node(layout, command.error))
    return nodes


def termination_ids(names: list[str]) -> str:
    """One termination id as it is, several in brackets (version 3)."""
    return names[0] if len(names) == 1 else f"[{','.join(names)}]"


def error_node(layout: Layout, error: ErrorDescriptor) -> Node:
    """An error descriptor."""
    return f"{layout.token('ER')}{layout.equal}{error.code}{{{quoted(error.text) if error.text else ''}}}"


def audit_node(layout: Layout, token: str, items: list[str]) -> Node:
    """An audit descriptor; its items are kept as text already."""
    return Braced(layout.token(token), [*items])


def property_node(layout: Layout, value: Property) -> Node:
    """A property, statistic or parameter."""
    if not value.values and not value.form:
        return value.name
    if value.quoted:
        values = [quoted(each) for each in value.values]
    else:
        values = [each if _BARE.fullmatch(each) else quoted(each) for each in value.values]
    relation = layout.equal if value.relation == "=" else f" {value.relation} " if layout.pretty else value.relation
    if value.form == "{}":
        text = f"{{{','.join(values)}}}"
    elif value.form == "[:]":
        text = f"[{':'.join(values)}]"
    elif value.form or len(values) > 1:
        text = f"[{','.join(values)}]"
    else:
        text = values[0]
    return f"{value.name}{relation}{text}"


def _listed(title: str, parts: list[Node]) -> Node:
    # Where a descriptor is empty, some peers take only the bare token.
    return Braced(title, parts) if parts else title


def _request(request_id: int) -> str:
    return "*" if request_id == ANY_REQUEST else str(request_id)


# ---------------------------------------------------------------------- media


def _media(layout: Layout, media: MediaDescriptor) -> Node:
    token, equal = layout.token, layout.equal
    parts: list[Node] = [
        Braced(f"{token('ST')}{equal}{number}", _stream(layout, stream)) for number, stream in media.streams.items()
    ]
    state = media.termination_state
    if state is not None:
        nodes: list[Node] = [property_node(layout, each) for each in state.properties]
        if state.event_buffer_control:
            nodes.append(f"{token('BF')}{equal}{_word(layout, state.event_buffer_control)}")
        if state.service_state:
            nodes.append(f"{token('SI')}{equal}{_word(layout, state.service_state)}")
        parts.append(_listed(token("TS"), nodes))
    return _listed(token("M"), parts)


def _stream(layout: Layout, stream: StreamParameters) -> list[Node]:
    token, equal = layout.token, layout.equal
    parts: list[Node] = []
    if stream.has_local_control:
        control: list[Node] = []
        if stream.mode:
            control.append(f"{token('MO')}{equal}{_word(layout, stream.mode)}")
        for name, flag in (("RV", stream.reserved_value), ("RG", stream.reserved_group)):
            if flag is not None:
                control.append(f"{token(name)}{equal}{'ON' if flag else 'OFF'}")
        control += [property_node(layout, each) for each in stream.properties]
        parts.append(Braced(token("O"), control))
    if stream.local is not None:
        parts.append(Octets(token("L"), stream.local))
    if stream.remote is not None:
        parts.append(Octets(token("R"), stream.remote))
    if stream.statistics is not None:
        parts.append(_listed(token("SA"), [property_node(layout, each) for each in stream.statistics]))
    return parts


def _word(layout: Layout, long: str) -> str:
    """A value token, which the model has in its long form."""
    return long if layout.pretty else SHORT.get(long.lower(), long).upper()


# ---------------------------------------------------------------------- events and signals


def _events(layout: Layout, descriptor: EventsDescriptor) -> Node:
    if descriptor.request_id is None:
        return layout.token("E")
    title = f"{layout.token('E')}{layout.equal}{_request(descriptor.request_id)}"
    return _listed(title, [_event(layout, each) for each in descriptor.events])


def _event(layout: Layout, event: Event) -> Node:
    token, equal = layout.token, layout.equal
    parts: list[Node] = []
    if event.stream_id is not None:
        parts.append(f"{token('ST')}{equal}{event.stream_id}")
    if event.keep_active:
        parts.append(token("KA"))
    if event.digit_map is not None:
        parts.append(f"{token('DM')}{equal}{_digit_map(event.digit_map)}")
    embedded: list[Node] = []
    if event.embedded_signals is not None:
        embedded.append(_signals(layout, event.embedded_signals))
    if event.embedded_events is not None:
        embedded.append(_events(layout, event.embedded_events))
    if event.notify_behaviour == "NBRN" and embedded:
        parts.append(Braced(token("NBRN"), [Braced(token("EM"), embedded)]))
    else:
        if embedded:
            parts.append(Braced(token("EM"), embedded))
        if event.notify_behaviour:
            parts.append(token(event.notify_behaviour))
    if event.reset_events:
        parts.append(token("RSE"))
    parts += [property_node(layout, each) for each in event.parameters]
    return _listed(event.name, parts)


def _signals(layout: Layout, signals: list[Signal | SignalList]) -> Node:
    parts: list[Node] = []
    for each in signals:
        if isinstance(each, Signal):
            parts.append(_signal(layout, each))
        else:
            title = f"{layout.token('SL')}{layout.equal}{each.list_id}"
            parts.append(Braced(title, [_signal(layout, one) for one in each.signals]))
    return _listed(layout.token("SG"), parts)


def _signal(layout: Layout, signal: Signal) -> Node:
    token, equal = layout.token, layout.equal
    parts: list[Node] = []
    if signal.stream_id is not None:
        parts.append(f"{token('ST')}{equal}{signal.stream_id}")
    if signal.signal_type:
        parts.append(f"{token('SY')}{equal}{_word(layout, signal.signal_type)}")
    if signal.duration is not None:
        parts.append(f"{token('DR')}{equal}{signal.duration}")
    if signal.notify_completion is not None:
        names = ",".join(token(name) for name in signal.notify_completion)
        parts.append(f"{token('NC')}{equal}{{{names}}}")
    if signal.keep_active:
        parts.append(token("KA"))
    if signal.direction:
        parts.append(f"{token('SPADI')}{equal}{token(signal.direction)}")
    if signal.request_id is not None:
        parts.append(f"{token('SPARQ')}{equal}{_request(signal.request_id)}")
    if signal.intersignal_delay is not None:
        parts.append(f"{token('SPAIS')}{equal}{signal.intersignal_delay}")
    parts += [property_node(layout, each) for each in signal.parameters]
    return _listed(signal.name, parts)


def _observed(layout: Layout, observed: ObservedEvents) -> Node:
    if not observed.request_id and not observed.events:
        return layout.token("OE")
    token, equal = layout.token, layout.equal
    events: list[Node] = []
    for event in observed.events:
        parts: list[Node] = []
        if event.stream_id is not None:
            parts.append(f"{token('ST')}{equal}{event.stream_id}")
        parts += [property_node(layout, each) for each in event.parameters]
        events.append(_listed(f"{_timestamp(event.timestamp)}:{event.name}" if event.timestamp else event.name, parts))
    return Braced(f"{token('OE')}{equal}{_request(observed.request_id)}", events)


# ---------------------------------------------------------------------- service change


def _services(layout: Layout, change: ServiceChange) -> list[Node]:
    token, equal = layout.token, layout.equal
    parts: list[Node] = []
    if change.method:
        parts.append(f"{token('MT')}{equal}{_word(layout, change.method)}")
    if change.reason:
        parts.append(f"{token('RE')}{equal}{quoted(change.reason)}")
    if change.delay is not None:
        parts.append(f"{token('DL')}{equal}{change.delay}")
    if change.address:
        parts.append(f"{token('AD')}{equal}{change.address}")
    if change.mgc_id_to_try:
        parts.append(f"{token('MG')}{equal}{change.mgc_id_to_try}")
    if change.profile:
        parts.append(f"{token('PF')}{equal}{_fitting(_PROFILE, change.profile, 'profile')}")
    if change.version is not None:
        parts.append(f"{token('V')}{equal}{change.version}")
    if change.timestamp:
        parts.append(_timestamp(change.timestamp))
    if change.incomplete:
        parts.append(token("SIC"))
    if change.audit_items:
        parts.append(audit_node(layout, "AT", change.audit_items))
    parts += [property_node(layout, each) for each in change.extensions]
    return parts
