"""One spelling for messages that mean the same, whatever the encoding, the token forms and the white space.

Names, tokens and property values lose their case (H.248.1 Annex B.2), numbers their base, lists without an order of
their own get one, and SDP is compared line by line without blanks at the edges. Case in quoted property values is lost,
too: the binary encoding does not tell a quoted string from a bare word.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from collections.abc import Callable
from typing import Any, TypeVar

from dissectors.h248.model import (
    Command,
    CommandName,
    ContextAction,
    ErrorDescriptor,
    Event,
    H248Message,
    Property,
    ServiceChange,
    Signal,
    StreamParameters,
    Topology,
)
from dissectors.h248.tokens import SHORT

T = TypeVar("T")

_HEX = re.compile(r"0x[0-9a-f]{1,16}")
_ADDRESS = re.compile(r"\[([0-9a-f.:]+)\](.*)")
_WORD = re.compile(r"[a-z][a-z0-9]*(?![/\-])")
_SPACE = re.compile(r"\s+")
_TIMER = re.compile(r"\s*([tslz])\s*:\s*([0-9]{1,2})\s*,", re.IGNORECASE | re.ASCII)


def canonical(message: H248Message) -> H248Message:
    """A copy of the message in its one spelling; two messages mean the same when these copies are equal."""
    return _whole(message)


def _whole(part: T) -> T:
    """A copy of a dataclass, field by field."""
    kind = type(part)
    changed: dict[str, Any] = {}
    for each in dataclasses.fields(part):  # type: ignore[arg-type]
        if not each.init or not each.compare:
            continue
        value = getattr(part, each.name)
        rule = _RULES.get((kind, each.name))
        changed[each.name] = _any(value) if rule is None or value is None else rule(value)
    copy = kind(**changed)
    finish = _FINISH.get(kind)
    if finish is not None:
        finish(copy)
    return copy


def _any(value: Any) -> Any:
    if isinstance(value, str):
        return value.lower()
    if isinstance(value, list):
        return [_any(each) for each in value]
    if isinstance(value, dict):
        return {key: _any(each) for key, each in value.items()}
    if isinstance(value, Property):
        return _property(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _whole(value)
    return value


def _property(value: Property) -> Property:
    values = [_value(each) for each in value.values] or ["$"]  # no value is CHOOSE in the binary encoding
    form = value.form if len(values) > 1 else ""
    return Property(value.name.lower(), values, value.relation, form)


def _value(text: str) -> str:
    low = text.lower()
    return str(int(low, 16)) if _HEX.fullmatch(low) else low


def _statistics(values: list[Property]) -> list[Property]:
    return [_property(each) if each.values else Property(each.name.lower(), []) for each in values]


def _sdp(octets: bytes) -> bytes:
    lines = (line.strip() for line in octets.replace(b"\r", b"\n").split(b"\n"))
    return b"\n".join(line for line in lines if line)


def _mid(text: str) -> str:
    low = text.lower()
    match = _ADDRESS.fullmatch(low)
    if match is not None:
        try:
            return f"[{ipaddress.ip_address(match[1])}]{match[2]}"
        except ValueError:
            return low
    return low


def _tokens(text: str) -> str:
    low = _SPACE.sub("", text.lower())
    return _WORD.sub(lambda match: SHORT.get(match[0], match[0]), low)


def _audit(items: list[str]) -> list[str]:
    return sorted(_tokens(item) for item in items)


def _digit_map(text: str) -> str:
    name, brace, body = text.partition("{")
    if not brace:
        return name.strip().lower()
    body = body.rstrip().removesuffix("}")
    timers = []
    while (match := _TIMER.match(body)) is not None:
        timers.append(f"{match[1].lower()}:{int(match[2])},")
        body = body[match.end() :]
    return f"{name.strip().lower()}{{{''.join(sorted(timers))}{body.strip()}}}"


def _modem(text: str) -> str:
    kinds, _, values = _tokens(text).partition("{")
    values = values.removesuffix("}")
    return kinds.strip("=[]") + (f"{{{values}}}" if values else "")


def _direction(text: str) -> str:
    low = text.lower()
    return SHORT.get(low, low)


def _squeeze(items: list[str]) -> list[str]:
    return [_SPACE.sub(" ", item).strip() for item in items]


def _same(value: T) -> T:
    return value


def _finish_command(command: Command) -> None:
    if command.name in (CommandName.AUDIT_VALUE, CommandName.AUDIT_CAPABILITY) and command.audit is None:
        command.audit = []
    if command.service_change == ServiceChange():
        command.service_change = None


_RULES: dict[tuple[type, str], Callable[[Any], Any]] = {
    (H248Message, "mid"): _mid,
    (ContextAction, "audit"): _audit,
    (ErrorDescriptor, "text"): _same,
    (StreamParameters, "local"): _sdp,
    (StreamParameters, "remote"): _sdp,
    (StreamParameters, "statistics"): _statistics,
    (Command, "statistics"): _statistics,
    (Command, "audit"): _audit,
    (Command, "digit_map"): _digit_map,
    (Command, "modem"): _modem,
    (Command, "mux"): _tokens,
    (Command, "extensions"): _squeeze,
    (Event, "digit_map"): _digit_map,
    (Signal, "notify_completion"): _audit,
    (ServiceChange, "reason"): _same,
    (ServiceChange, "address"): _mid,
    (ServiceChange, "mgc_id_to_try"): _mid,
    (ServiceChange, "audit_items"): _audit,
    (Topology, "direction"): _direction,
}
"""How a field is brought to its one spelling, where lower case is not enough."""

_FINISH: dict[type, Callable[[Any], None]] = {Command: _finish_command}
