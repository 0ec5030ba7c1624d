"""Media descriptors of the text encoding (H.248.1 Annex B.2 production mediaDescriptor, clause 7.1.4).

Each function that reads an item returns the mark behind it; see `text_words`.
"""

from __future__ import annotations

from dissectors.h248.model import MediaDescriptor, Property, StreamParameters, TerminationState
from dissectors.h248.text_values import read_properties, read_property, spelled
from dissectors.h248.text_words import Reader

_PARTS = spelled({token: token for token in ("L{", "R{", "O", "ST", "TS", "SA", "L", "R")})
_CONTROLS = spelled({token: token for token in ("MO", "RV", "RG", "}")})
_STATES = spelled({token: token for token in ("SI", "BF", "}")})
_MODES = spelled(
    {"SO": "SendOnly", "RC": "ReceiveOnly", "SR": "SendReceive", "IN": "Inactive", "LB": "Loopback"},
)
_SERVICES = spelled({"TE": "Test", "OS": "OutOfService", "IV": "InService"})
_BUFFERS = spelled({"SP": "LockStep", "OFF": "OFF"})

MEDIA_PARTS = frozenset(_PARTS)
"""The words that begin a part of a Media descriptor."""


def read_media(reader: Reader, mark: str) -> tuple[MediaDescriptor, str]:
    """A Media descriptor behind its token."""
    streams: dict[int, StreamParameters] = {}
    media = MediaDescriptor(streams)
    if mark != "{":
        return media, mark
    take = reader.take
    while True:
        word = take()
        if word == "ST" or _PARTS.get(word) == "ST":
            if take() != "=":
                raise reader.fail("stream", "'=' expected")
            number = reader.number("stream id", 65535)
            stream = streams.get(number)
            if stream is None:
                stream = streams[number] = StreamParameters()
            mark = take()
            if mark == "{":
                while True:
                    word = take()
                    if word == "}":
                        break
                    mark = _read_stream_part(reader, word, stream)
                    if mark == "}":
                        break
                    if mark != ",":
                        raise reader.fail("stream", "',' or '}' expected")
                mark = take()
        elif word == "}":
            return media, take()
        else:
            mark = read_media_part(reader, word, media)
        if mark == "}":
            return media, take()
        if mark != ",":
            raise reader.fail("media", "',' or '}' expected")


def read_media_part(reader: Reader, word: str, media: MediaDescriptor) -> str:
    """A part of a Media descriptor that is no stream with a number."""
    if (_PARTS.get(word) or _PARTS.get(word.lower())) == "TS":
        media.termination_state, mark = _read_state(reader)
        return mark
    if word.lower() in ("st", "stream"):
        mark, number = reader.take(), 0
        if mark != "=":
            raise reader.fail("stream", "'=' expected")
        number = reader.number("stream id", 65535)
        stream = media.streams.setdefault(number, StreamParameters())
        mark = reader.take()
        if mark != "{":
            return mark
        while True:
            word = reader.take()
            if word == "}" or reader.closed(_read_stream_part(reader, word, stream), "stream"):
                return reader.take()
    # Without Stream there is one stream, number 1 (clause 7.1.4).
    return _read_stream_part(reader, word, media.streams.setdefault(1, StreamParameters()))


def _read_stream_part(reader: Reader, word: str, stream: StreamParameters) -> str:
    token = _PARTS.get(word) or _PARTS.get(word.lower())
    take = reader.take
    if token == "L{":
        stream.local = _octets(take())
        return take()
    if token == "R{":
        stream.remote = _octets(take())
        return take()
    if token == "O":
        stream.has_local_control = True
        return _read_control(reader, stream)
    if token == "SA":
        stream.statistics, mark = read_properties(reader, take(), "statistics")
        return mark
    if token == "L":
        stream.local = b""
        return take()
    if token == "R":
        stream.remote = b""
        return take()
    if word[1:2] == "=" or (len(word) == 1 and word in "voscmabt"):
        # Seen in the field: the lines of Local right behind `M {`, its token lost.
        reader.faults.append("Local without its token")
        text, mark = reader.text_to_brace()
        stream.local = _octets(text)
        return mark
    raise reader.fail("media", "no part of a stream")


def _octets(text: str) -> bytes:
    if "\\" in text:
        text = text.replace("\\}", "}")
    return text.lstrip(" \t\r\n").encode("latin-1")


def _read_control(reader: Reader, stream: StreamParameters) -> str:
    take = reader.take
    mark = take()
    if mark != "{":
        return mark
    properties = stream.properties
    while True:
        word = take()
        token = _CONTROLS.get(word) or _CONTROLS.get(word.lower())
        if token is None:
            mark = read_property(reader, word, properties)
        elif token == "}":
            reader.faults.append("comma before the closing brace of local control")
            return take()
        else:
            if take() != "=":
                raise reader.fail("local control", "'=' expected")
            value = take()
            if token == "MO":
                stream.mode = _MODES.get(value) or _MODES.get(value.lower()) or value
            elif token == "RV":
                stream.reserved_value = value.lower() == "on"
            else:
                stream.reserved_group = value.lower() == "on"
            mark = take()
        if mark == "}":
            return take()
        if mark != ",":
            raise reader.fail("local control", "',' or '}' expected")


def _read_state(reader: Reader) -> tuple[TerminationState, str]:
    take = reader.take
    state = TerminationState()
    mark = take()
    if mark != "{":
        return state, mark
    while True:
        word = take()
        token = _STATES.get(word) or _STATES.get(word.lower())
        if token is None:
            mark = read_property(reader, word, state.properties)
        elif token == "}":
            return state, take()
        else:
            # Read like a property: `ServiceStates = { InService }` is seen in the field.
            values: list[Property] = []
            mark = read_property(reader, word, values)
            text = values[0].values[0] if values[0].values else ""
            if token == "SI":
                state.service_state = _SERVICES.get(text) or _SERVICES.get(text.lower()) or text
            else:
                state.event_buffer_control = _BUFFERS.get(text) or _BUFFERS.get(text.lower()) or text
        if reader.closed(mark, "termination state"):
            return state, take()
