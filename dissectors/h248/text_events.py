"""Events, signals and observed events of the text encoding (H.248.1 Annex B.2; clauses 7.1.9, 7.1.11, 7.1.17).

Each function that reads an item returns the mark behind it; see `text_words`.
"""

from __future__ import annotations

from dissectors.h248.model import Event, EventsDescriptor, ObservedEvent, ObservedEvents, Signal, SignalList
from dissectors.h248.text_values import TIMESTAMP, read_list, read_property, spelled
from dissectors.h248.text_words import Reader

MAX_EMBEDDING = 4
"""Events inside events that are followed; the grammar has one level."""

ANY_REQUEST = 0xFFFFFFFF
"""The request id written as `*`."""

_EVENT_PARTS = spelled(
    {token: token for token in ("ST", "KA", "EM", "DM", "NBIN", "NBRN", "NBNN", "RSE", "}")},
)
_EMBEDDED = spelled({token: token for token in ("SG", "E", "}")})
_SIGNAL_PARTS = spelled(
    {token: token for token in ("ST", "SY", "DR", "NC", "KA", "SPADI", "SPARQ", "SPAIS", "}")},
)
_SIGNAL_TYPES = spelled({"OO": "OnOff", "TO": "TimeOut", "BR": "Brief"})
_COMPLETIONS = spelled({token: token for token in ("TO", "IBE", "IBS", "OR", "IR")})
_DIRECTIONS = spelled({token: token for token in ("EX", "IT", "B")})
_LISTS = spelled({"SL": "SL"})
_STREAMS = spelled({"ST": "ST"})


def _request_id(reader: Reader) -> int:
    word = reader.take()
    if word == "*":
        return ANY_REQUEST
    if word.isdecimal() and word.isascii() and len(word) <= 10:
        return int(word)
    raise reader.fail("request id", "a number or '*' expected")


def _stream_id(reader: Reader) -> int:
    if reader.take() != "=":
        raise reader.fail("stream id", "'=' expected")
    return reader.number("stream id", 65535)


# ---------------------------------------------------------------------- events


def read_events(reader: Reader, mark: str, depth: int = 0) -> tuple[EventsDescriptor, str]:
    """An Events descriptor behind its token."""
    if depth > MAX_EMBEDDING:
        raise reader.fail("events", "events embedded too deeply")
    if mark != "=":
        return EventsDescriptor(), mark
    descriptor = EventsDescriptor(_request_id(reader))
    mark = reader.take()
    if mark == "{":
        mark = read_event_list(reader, descriptor.events, depth)
    return descriptor, mark


def read_event_list(reader: Reader, events: list[Event], depth: int = 0) -> str:
    """Events up to the closing brace, and the mark behind it."""
    take = reader.take
    while True:
        word = take()
        if word == "}":
            return take()
        event = Event(word)
        events.append(event)
        mark = take()
        if mark == "{":
            parameters = event.parameters
            while True:
                word = take()
                token = _EVENT_PARTS.get(word) or _EVENT_PARTS.get(word.lower())
                if token is None:
                    mark = read_property(reader, word, parameters)
                elif token == "ST":
                    event.stream_id = _stream_id(reader)
                    mark = take()
                elif token == "}":
                    break
                else:
                    mark = _read_event_part(reader, token, event, depth)
                if mark == "}":
                    break
                if mark != ",":
                    raise reader.fail("event", "',' or '}' expected")
            mark = take()
        if mark == "}":
            return take()
        if mark != ",":
            raise reader.fail("events", "',' or '}' expected")


def _read_event_part(reader: Reader, token: str, event: Event, depth: int) -> str:
    if token == "KA":
        event.keep_active = True
    elif token == "EM":
        return _read_embedded(reader, reader.take(), event, depth)
    elif token == "DM":
        event.digit_map, mark = read_digit_map(reader, reader.take())
        return mark
    elif token == "RSE":
        event.reset_events = True
    else:
        event.notify_behaviour = token
        # What a regulated notification embeds stands behind its token.
        return _read_embedded(reader, reader.take(), event, depth)
    return reader.take()


def _read_embedded(reader: Reader, mark: str, event: Event, depth: int) -> str:
    if mark != "{":
        return mark
    while True:
        word = reader.take()
        token = _EMBEDDED.get(word) or _EMBEDDED.get(word.lower())
        if token == "SG":
            event.embedded_signals, mark = read_signals(reader, reader.take())
        elif token == "E":
            event.embedded_events, mark = read_events(reader, reader.take(), depth + 1)
        elif token == "}":
            return reader.take()
        elif word.lower() in ("em", "embed"):
            mark = reader.take()
            if mark != "{" or depth >= MAX_EMBEDDING:
                raise reader.fail("embedded descriptor", "'{' expected")
            mark = _read_embedded(reader, mark, event, depth + 1)
        else:
            raise reader.fail("embedded descriptor", "Signals or Events expected")
        if reader.closed(mark, "embedded descriptor"):
            return reader.take()


def read_digit_map(reader: Reader, mark: str) -> tuple[str, str]:
    """A DigitMap descriptor behind its token, as `name{value}`, and the mark behind it."""
    name = ""
    if mark == "=":
        mark = reader.take()
        if mark not in "{},":
            name, mark = mark, reader.take()
    text, mark = reader.braced_text(mark, "digit map")
    return name + text, mark


def read_observed(reader: Reader, mark: str) -> tuple[ObservedEvents, str]:
    """An ObservedEvents descriptor behind its token; the bare token, as audits have it, is one without events."""
    if mark != "=":
        return ObservedEvents(0), mark
    observed = ObservedEvents(_request_id(reader))
    take = reader.take
    mark = take()
    if mark != "{":
        return observed, mark
    while True:
        word = take()
        if word == "}":
            return observed, take()
        timestamp = ""
        match = TIMESTAMP.match(word)
        if match is not None and (match.end() == len(word) or word[match.end()] == ":"):
            timestamp = match[0].upper()
            word = word[match.end() :].lstrip(":")
            while not word:
                word = take().lstrip(":")
        event = ObservedEvent(word, None, timestamp)
        observed.events.append(event)
        mark = take()
        if mark == "{":
            while True:
                word = take()
                if word == "}":
                    break
                if _STREAMS.get(word) or _STREAMS.get(word.lower()):
                    event.stream_id = _stream_id(reader)
                    mark = take()
                else:
                    mark = read_property(reader, word, event.parameters)
                if reader.closed(mark, "observed event"):
                    break
            mark = take()
        if reader.closed(mark, "observed events"):
            return observed, take()


# ---------------------------------------------------------------------- signals


def read_signals(reader: Reader, mark: str) -> tuple[list[Signal | SignalList], str]:
    """A Signals descriptor behind its token."""
    found: list[Signal | SignalList] = []
    if mark != "{":
        return found, mark
    take = reader.take
    while True:
        word = take()
        if word == "}":
            return found, take()
        mark = take()
        if mark == "=" and (_LISTS.get(word) or _LISTS.get(word.lower())):
            signal_list = SignalList(reader.number("signal list id", 65535))
            found.append(signal_list)
            mark = take()
            if mark == "{":
                while True:
                    word = take()
                    if word == "}":
                        break
                    signal = Signal(word)
                    signal_list.signals.append(signal)
                    mark = take()
                    if reader.closed(_read_signal(reader, signal) if mark == "{" else mark, "signal list"):
                        break
                mark = take()
        else:
            signal = Signal(word)
            found.append(signal)
            if mark == "{":
                mark = _read_signal(reader, signal)
        if mark == "}":
            return found, take()
        if mark != ",":
            raise reader.fail("signals", "',' or '}' expected")


def _read_signal(reader: Reader, signal: Signal) -> str:
    take = reader.take
    while True:
        word = take()
        token = _SIGNAL_PARTS.get(word) or _SIGNAL_PARTS.get(word.lower())
        if token is None:
            mark = read_property(reader, word, signal.parameters)
        elif token == "ST":
            signal.stream_id = _stream_id(reader)
            mark = take()
        elif token == "}":
            return take()
        else:
            mark = _read_signal_part(reader, token, signal)
        if mark == "}":
            return take()
        if mark != ",":
            raise reader.fail("signal", "',' or '}' expected")


def _read_signal_part(reader: Reader, token: str, signal: Signal) -> str:
    if token == "KA":
        signal.keep_active = True
        return reader.take()
    if reader.take() != "=":
        raise reader.fail("signal", "'=' expected")
    if token == "NC":
        names, mark = read_list(reader, reader.take(), "notify completion")
        signal.notify_completion = [_COMPLETIONS.get(name.lower(), name.upper()) for name in names]
        return mark
    if token == "DR":
        signal.duration = reader.number("duration")
    elif token == "SPARQ":
        signal.request_id = _request_id(reader)
    elif token == "SPAIS":
        signal.intersignal_delay = reader.number("intersignal delay")
    else:
        word = reader.take()
        if token == "SY":
            signal.signal_type = _SIGNAL_TYPES.get(word.lower(), word)
        else:
            signal.direction = _DIRECTIONS.get(word.lower(), word.upper())
    return reader.take()
