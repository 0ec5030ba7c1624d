"""Media, Mux, Modem and DigitMap descriptors in the binary encoding (H.248.1 Annex A)."""

from __future__ import annotations

import re
from typing import Any

from dissectors.h248.binary_sdp import pull_sdp, push_sdp
from dissectors.h248.binary_values import (
    Coder,
    pull_digit_map_name,
    pull_properties,
    pull_statistics,
    pull_termination,
    push_digit_map_name,
    push_properties,
    push_statistics,
    push_termination,
)
from dissectors.h248.model import MediaDescriptor, StreamParameters, TerminationState

MODES = {
    "sendOnly": "SendOnly",
    "recvOnly": "ReceiveOnly",
    "sendRecv": "SendReceive",
    "inactive": "Inactive",
    "loopBack": "Loopback",
}
SERVICE_STATES = {"test": "Test", "outOfSvc": "OutOfService", "inSvc": "InService"}
_BUFFER_CONTROLS = {"off": "OFF", "lockStep": "LockStep"}
_MUXES = {"h221": "H221", "h223": "H223", "h226": "H226", "v76": "V76", "nx64k": "Nx64Kservice"}
_MODEMS = {
    "v18": "V18",
    "v22": "V22",
    "v22bis": "V22b",
    "v32": "V32",
    "v32bis": "V32b",
    "v34": "V34",
    "v90": "V90",
    "v91": "V91",
    "synchISDN": "SN",
}
_DIGIT_MAP = re.compile(r"(?:([TSLZ])\s*:\s*([0-9]{1,2})\s*,\s*)", re.IGNORECASE | re.ASCII)
_TIMERS = {"T": "startTimer", "S": "shortTimer", "L": "longTimer", "Z": "durationTimer"}


def choice(names: dict[str, str], text: str, what: str) -> str:
    """The binary name of a text form; raises ValueError where there is none."""
    for name, known in names.items():
        if known.lower() == text.lower():
            return name
    raise ValueError(f"the {what} {text} has no binary form")


def pull_media(coder: Coder, part: dict[str, Any]) -> MediaDescriptor:
    """A media descriptor."""
    media = MediaDescriptor()
    if "termStateDescr" in part:
        state = part["termStateDescr"]
        media.termination_state = TerminationState(
            SERVICE_STATES.get(state.get("serviceState"), ""),
            _BUFFER_CONTROLS.get(state.get("eventBufferControl"), ""),
            pull_properties(coder, state["propertyParms"]),
        )
    if "streams" in part:
        kind, streams = part["streams"]
        if kind == "oneStream":
            media.streams[1] = _pull_stream(coder, streams)
        else:
            for stream in streams:
                media.streams[stream["streamID"]] = _pull_stream(coder, stream["streamParms"])
    return media


def push_media(coder: Coder, media: MediaDescriptor) -> dict[str, Any]:
    """The twin of `pull_media`; streams always with their numbers."""
    part: dict[str, Any] = {}
    state = media.termination_state
    if state is not None:
        described: dict[str, Any] = {"propertyParms": push_properties(coder, state.properties)}
        if state.event_buffer_control:
            described["eventBufferControl"] = choice(_BUFFER_CONTROLS, state.event_buffer_control, "buffer control")
        if state.service_state:
            described["serviceState"] = choice(SERVICE_STATES, state.service_state, "service state")
        part["termStateDescr"] = described
    if media.streams:
        part["streams"] = (
            "multiStream",
            [{"streamID": key, "streamParms": _push_stream(coder, each)} for key, each in media.streams.items()],
        )
    return part


def _pull_stream(coder: Coder, part: dict[str, Any]) -> StreamParameters:
    stream = StreamParameters()
    if "localControlDescriptor" in part:
        control = part["localControlDescriptor"]
        stream.has_local_control = True
        stream.mode = MODES.get(control.get("streamMode"), "")
        stream.reserved_value = control.get("reserveValue")
        stream.reserved_group = control.get("reserveGroup")
        stream.properties = pull_properties(coder, control["propertyParms"])
    if "localDescriptor" in part:
        stream.local = pull_sdp(part["localDescriptor"]["propGrps"])
    if "remoteDescriptor" in part:
        stream.remote = pull_sdp(part["remoteDescriptor"]["propGrps"])
    if "statisticsDescriptor" in part:
        stream.statistics = pull_statistics(coder, part["statisticsDescriptor"])
    return stream


def _push_stream(coder: Coder, stream: StreamParameters) -> dict[str, Any]:
    part: dict[str, Any] = {}
    if stream.has_local_control:
        control: dict[str, Any] = {"propertyParms": push_properties(coder, stream.properties)}
        if stream.mode:
            control["streamMode"] = choice(MODES, stream.mode, "mode")
        if stream.reserved_value is not None:
            control["reserveValue"] = stream.reserved_value
        if stream.reserved_group is not None:
            control["reserveGroup"] = stream.reserved_group
        part["localControlDescriptor"] = control
    if stream.local is not None:
        part["localDescriptor"] = {"propGrps": push_sdp(stream.local)}
    if stream.remote is not None:
        part["remoteDescriptor"] = {"propGrps": push_sdp(stream.remote)}
    if stream.statistics is not None:
        part["statisticsDescriptor"] = push_statistics(coder, stream.statistics)
    return part


# ---------------------------------------------------------------------- Mux, Modem, DigitMap: kept as text in the model


def pull_mux(coder: Coder, part: dict[str, Any]) -> str:
    """A Mux descriptor as `H221{t1,t2}`."""
    names = ",".join(pull_termination(coder, each) for each in part["termList"])
    return f"{_MUXES.get(part['muxType'], part['muxType'])}{{{names}}}"


def push_mux(coder: Coder, text: str) -> dict[str, Any]:
    """The twin of `pull_mux`; raises ValueError."""
    kind, brace, rest = text.partition("{")
    names = [each.strip() for each in rest.rstrip().removesuffix("}").split(",")] if brace else []
    kind = kind.strip()
    return {
        "muxType": choice(_MUXES, "Nx64Kservice" if kind.upper() == "N64" else kind, "mux type"),
        "termList": [push_termination(coder, name) for name in names if name],
    }


def pull_modem(coder: Coder, part: dict[str, Any]) -> str:
    """A Modem descriptor as `[V18,V90]{properties}`."""
    kinds = [_MODEMS.get(kind, kind) for kind in part["mtl"]]
    values = pull_properties(coder, part["mpl"])
    shown = ",".join(f"{each.name}={','.join(each.values)}" for each in values)
    return f"[{','.join(kinds)}]" + (f"{{{shown}}}" if shown else "")


def push_modem(coder: Coder, text: str) -> dict[str, Any]:
    """The twin of `pull_modem`; raises ValueError, also for modem properties."""
    kinds, _, values = text.strip().partition("{")
    if values.strip(" \t\r\n}"):
        raise ValueError("the properties of a modem have no binary form here")
    names = [each.strip() for each in kinds.strip(" \t\r\n=[]").split(",")]
    names = ["SN" if name.lower() == "synchisdn" else name for name in names if name]
    return {"mtl": [choice(_MODEMS, name, "modem type") for name in names], "mpl": []}


def pull_digit_map(part: dict[str, Any]) -> str:
    """A DigitMap descriptor as `name{T:1,S:23,(0s|00s)}`."""
    text = pull_digit_map_name(part["digitMapName"]) if "digitMapName" in part else ""
    return text + (pull_digit_map_value(part["digitMapValue"]) if "digitMapValue" in part else "")


def push_digit_map(text: str) -> dict[str, Any]:
    """The twin of `pull_digit_map`; raises ValueError."""
    name, brace, _ = text.partition("{")
    part: dict[str, Any] = {}
    if name.strip():
        part["digitMapName"] = push_digit_map_name(name.strip())
    if brace:
        part["digitMapValue"] = push_digit_map_value(text[len(name) :])
    return part


def pull_digit_map_value(part: dict[str, Any]) -> str:
    """The braced part of a digit map."""
    timers = "".join(f"{letter}:{part[key]}," for letter, key in _TIMERS.items() if key in part)
    return f"{{{timers}{part['digitMapBody']}}}"


def push_digit_map_value(text: str) -> dict[str, Any]:
    """The twin of `pull_digit_map_value`; raises ValueError."""
    body = text.strip()[1:].removesuffix("}").strip()
    part: dict[str, Any] = {}
    while (match := _DIGIT_MAP.match(body)) is not None:
        part[_TIMERS[match[1].upper()]] = int(match[2])
        body = body[match.end() :]
    if not body.isascii():
        raise ValueError("a digit map has letters that IA5 lacks")
    part["digitMapBody"] = body
    return part
