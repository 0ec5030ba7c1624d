"""Audit descriptors in the binary encoding: whole descriptors as bits, single items as IndAud parameters.

Source: H.248.1 Annex A; single items came with version 2. The model keeps audit items as text: `M`, `SA`,
`M{O{pkg/prop}}`, `E=1{pkg/ev}`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from dissectors.h248.binary_media import MODES, SERVICE_STATES, choice
from dissectors.h248.binary_values import Coder, pull_digit_map_name, push_digit_map_name
from dissectors.h248.tokens import SHORT

_BITS = ("MX", "MD", "M", "E", "SG", "DM", "SA", "OE", "PG", "EB")
"auditToken by bit number."
_MODE_TOKENS = {"SendOnly": "SO", "ReceiveOnly": "RC", "SendReceive": "SR", "Inactive": "IN", "Loopback": "LB"}
_STATE_TOKENS = {"Test": "TE", "OutOfService": "OS", "InService": "IV"}
_WORD = re.compile(r"[{},=]|[^{},=\s]+")
_PACKAGE = re.compile(r"(.+)-([0-9]{1,2})")


@dataclass(slots=True)
class _Item:
    name: str
    value: str = ""
    parts: list[_Item] = field(default_factory=list)

    @property
    def token(self) -> str:
        low = self.name.lower()
        return SHORT.get(low, low).upper()

    def number(self) -> int:
        if not self.value.isdecimal():
            raise ValueError(f"the audit item {self.name} needs a number")
        return int(self.value)


def pull_audit(coder: Coder, part: dict[str, Any]) -> list[str]:
    """The items of an audit descriptor, in the order of their bits and then as sent."""
    items = pull_audit_tokens(part)
    for kind, item in part.get("auditPropertyToken", ()):
        reader = _PULL.get(kind)
        if reader is None:
            coder.faults.append("an audit item of unknown kind was left out")
        else:
            items.append(reader(coder, item))
    return items


def pull_audit_tokens(part: dict[str, Any]) -> list[str]:
    """The descriptors named by bits."""
    if "auditToken" not in part:
        return []
    number, size = part["auditToken"]
    return [name for bit, name in enumerate(_BITS) if bit < size and number >> (size - 1 - bit) & 1]


def push_audit(coder: Coder, items: list[str]) -> dict[str, Any]:
    """The twin of `pull_audit`; raises ValueError for an item that has no binary form."""
    tokens, singles = [], []
    for item in (_parse(text) for text in items):
        if item.token in _BITS and not item.parts and not item.value:
            tokens.append(item.token)
        else:
            singles.append(_push_single(coder, item))
    part = push_audit_tokens(tokens) if tokens else {}
    if singles:
        part["auditPropertyToken"] = singles
    return part


def push_audit_tokens(tokens: list[str]) -> dict[str, Any]:
    """The twin of `pull_audit_tokens`."""
    bits = {_BITS.index(token) for token in tokens}
    size = max(bits) + 1
    return {"auditToken": (sum(1 << (size - 1 - bit) for bit in bits), size)}


def _parse(text: str) -> _Item:
    words = _WORD.findall(text)
    words.reverse()
    if len(words) > 200:
        raise ValueError("an audit item that is too long")
    item = _parse_item(words, 0)
    if words:
        raise ValueError("an audit item that is not understood")
    return item


def _parse_item(words: list[str], depth: int) -> _Item:
    if not words or words[-1] in "{},=" or depth > 6:
        raise ValueError("an audit item that is not understood")
    item = _Item(words.pop())
    if words and words[-1] == "=":
        words.pop()
        item.value = words.pop() if words else ""
    if words and words[-1] == "{":
        words.pop()
        while words and words[-1] != "}":
            item.parts.append(_parse_item(words, depth + 1))
            if words and words[-1] == ",":
                words.pop()
        if words:
            words.pop()
    return item


# ---------------------------------------------------------------------- single items


def _stream(part: dict[str, Any]) -> str:
    return f"{{ST={part['streamID']}}}" if "streamID" in part else ""


def _pull_media(coder: Coder, part: dict[str, Any]) -> str:
    found = []
    if "termStateDescr" in part:
        state = part["termStateDescr"]
        inner = [coder.packages.item_name("property", each["name"]) for each in state["propertyParms"]]
        if "eventBufferControl" in state:
            inner.append("BF")
        if "serviceStateSel" in state:
            inner.append("SI=" + _STATE_TOKENS[SERVICE_STATES[state["serviceStateSel"]]])
        elif "serviceState" in state:
            inner.append("SI")
        found.append(_braced("TS", inner))
    if "streams" in part:
        kind, streams = part["streams"]
        if kind == "oneStream":
            found += _pull_stream(coder, streams)
        else:
            found += [_braced(f"ST={each['streamID']}", _pull_stream(coder, each["streamParms"])) for each in streams]
    return _braced("M", found)


def _pull_stream(coder: Coder, part: dict[str, Any]) -> list[str]:
    found = []
    if "localControlDescriptor" in part:
        control = part["localControlDescriptor"]
        inner = []
        if "streamModeSel" in control:
            inner.append("MO=" + _MODE_TOKENS[MODES[control["streamModeSel"]]])
        elif "streamMode" in control:
            inner.append("MO")
        inner += [mark for key, mark in (("reserveValue", "RV"), ("reserveGroup", "RG")) if key in control]
        inner += [coder.packages.item_name("property", each["name"]) for each in control.get("propertyParms", ())]
        found.append(_braced("O", inner))
    for key, mark in (("localDescriptor", "L"), ("remoteDescriptor", "R")):
        if key in part:
            found.append(mark)
            if part[key]["propGrps"]:
                coder.faults.append("the lines of an audited Local or Remote descriptor were left out")
    if "statisticsDescriptor" in part:
        found.append(_pull_statistic(coder, part["statisticsDescriptor"]))
    return found


def _pull_events(coder: Coder, part: dict[str, Any]) -> str:
    title = f"E={part['requestID']}" if "requestID" in part else "E"
    return f"{title}{{{coder.packages.item_name('event', part['pkgdName'])}{_stream(part)}}}"


def _pull_buffer(coder: Coder, part: dict[str, Any]) -> str:
    return f"EB{{{coder.packages.item_name('event', part['eventName'])}{_stream(part)}}}"


def _pull_signals(coder: Coder, part: tuple[str, dict[str, Any]]) -> str:
    kind, value = part
    if kind == "signal":
        return f"SG{{{_pull_signal(coder, value)}}}"
    inner = [_pull_signal(coder, value["signalList"])] if "signalList" in value else []
    return f"SG{{{_braced('SL=' + str(value['id']), inner)}}}"


def _pull_signal(coder: Coder, part: dict[str, Any]) -> str:
    inner = [f"ST={part['streamID']}"] if "streamID" in part else []
    if "signalRequestID" in part:
        inner.append(f"SPARQ={part['signalRequestID']}")
    return _braced(coder.packages.item_name("signal", part["signalName"]), inner)


def _pull_digit_map(coder: Coder, part: dict[str, Any]) -> str:
    return "DM" + ("=" + pull_digit_map_name(part["digitMapName"]) if "digitMapName" in part else "")


def _pull_statistic(coder: Coder, part: dict[str, Any]) -> str:
    return f"SA{{{coder.packages.item_name('statistic', part['statName'])}}}"


def _pull_package(coder: Coder, part: dict[str, Any]) -> str:
    name = coder.packages.package_name(int.from_bytes(part["packageName"], "big"))
    return f"PG{{{name}-{part['packageVersion']}}}"


def _braced(title: str, inner: list[str]) -> str:
    return f"{title}{{{','.join(inner)}}}" if inner else title


_PULL: dict[str, Any] = {
    "indaudmediaDescriptor": _pull_media,
    "indaudeventsDescriptor": _pull_events,
    "indaudeventBufferDescriptor": _pull_buffer,
    "indaudsignalsDescriptor": _pull_signals,
    "indauddigitMapDescriptor": _pull_digit_map,
    "indaudstatisticsDescriptor": _pull_statistic,
    "indaudpackagesDescriptor": _pull_package,
}


def _push_single(coder: Coder, item: _Item) -> tuple[str, Any]:
    table, token = coder.packages, item.token
    only = item.parts[0] if len(item.parts) == 1 else None
    if token == "M":
        return "indaudmediaDescriptor", _push_media(coder, item.parts)
    if token == "DM":
        return "indauddigitMapDescriptor", {"digitMapName": push_digit_map_name(item.value)}
    if only is None:
        raise ValueError(f"the audit item {item.name} has no binary form")
    if token == "SA":
        return "indaudstatisticsDescriptor", {"statName": table.item_octets("statistic", only.name)}
    if token == "PG" and (match := _PACKAGE.fullmatch(only.name)) is not None:
        number = table.package_number(match[1]).to_bytes(2, "big")
        return "indaudpackagesDescriptor", {"packageName": number, "packageVersion": int(match[2])}
    if token == "E":
        part = {"pkgdName": table.item_octets("event", only.name), **_push_stream_id(only)}
        if item.value:
            part["requestID"] = item.number()
        return "indaudeventsDescriptor", part
    if token == "EB":
        return "indaudeventBufferDescriptor", {
            "eventName": table.item_octets("event", only.name),
            **_push_stream_id(only),
        }
    if token == "SG" and only.token == "SL":
        value: dict[str, Any] = {"id": only.number()}
        if only.parts:
            value["signalList"] = _push_signal(coder, only.parts[0])
        return "indaudsignalsDescriptor", ("seqSigList", value)
    if token == "SG":
        return "indaudsignalsDescriptor", ("signal", _push_signal(coder, only))
    raise ValueError(f"the audit item {item.name} has no binary form")


def _push_stream_id(item: _Item) -> dict[str, Any]:
    return next(({"streamID": each.number()} for each in item.parts if each.token == "ST"), {})


def _push_signal(coder: Coder, item: _Item) -> dict[str, Any]:
    part = {"signalName": coder.packages.item_octets("signal", item.name), **_push_stream_id(item)}
    for each in item.parts:
        if each.token == "SPARQ":
            part["signalRequestID"] = each.number()
    return part


def _push_media(coder: Coder, items: list[_Item]) -> dict[str, Any]:
    part: dict[str, Any] = {}
    bare = []
    for item in items:
        if item.token == "TS":
            part["termStateDescr"] = _push_state(coder, item.parts)
        elif item.token == "ST":
            numbered = {"streamID": item.number(), "streamParms": _push_stream(coder, item.parts)}
            part.setdefault("streams", ("multiStream", []))[1].append(numbered)
        else:
            bare.append(item)
    if bare and "streams" not in part:
        part["streams"] = ("oneStream", _push_stream(coder, bare))
    elif bare:
        raise ValueError("audit items with and without a stream have no binary form")
    return part


def _push_state(coder: Coder, items: list[_Item]) -> dict[str, Any]:
    names = []
    part: dict[str, Any] = {}
    for item in items:
        if item.token == "SI":
            if item.value:
                part["serviceStateSel"] = _chosen(SERVICE_STATES, _STATE_TOKENS, item.value, "service state")
            else:
                part["serviceState"] = 0
        elif item.token == "BF":
            part["eventBufferControl"] = 0
        else:
            names.append({"name": coder.packages.item_octets("property", item.name)})
    return {"propertyParms": names, **part}


def _push_stream(coder: Coder, items: list[_Item]) -> dict[str, Any]:
    part: dict[str, Any] = {}
    for item in items:
        if item.token == "O":
            part["localControlDescriptor"] = _push_control(coder, item.parts)
        elif item.token in ("L", "R") and not item.parts:
            part["localDescriptor" if item.token == "L" else "remoteDescriptor"] = {"propGrps": []}
        elif item.token == "SA" and len(item.parts) == 1:
            octets = coder.packages.item_octets("statistic", item.parts[0].name)
            part["statisticsDescriptor"] = {"statName": octets}
        else:
            raise ValueError(f"the audit item {item.name} of a stream has no binary form")
    return part


def _push_control(coder: Coder, items: list[_Item]) -> dict[str, Any]:
    part: dict[str, Any] = {}
    for item in items:
        if item.token == "MO":
            if item.value:
                part["streamModeSel"] = _chosen(MODES, _MODE_TOKENS, item.value, "mode")
            else:
                part["streamMode"] = 0
        elif item.token in ("RV", "RG"):
            part["reserveValue" if item.token == "RV" else "reserveGroup"] = 0
        else:
            part.setdefault("propertyParms", []).append({"name": coder.packages.item_octets("property", item.name)})
    return part


def _chosen(names: dict[str, str], tokens: dict[str, str], text: str, what: str) -> str:
    for long, short in tokens.items():
        if short == text.upper():
            text = long
    return choice(names, text, what)
