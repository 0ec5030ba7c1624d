"""Commands, their replies and ServiceChange in the binary encoding (H.248.1 Annex A types Command and CommandReply)."""

from __future__ import annotations

from typing import Any

from dissectors.errors import DecodeError
from dissectors.h248.binary_audit import pull_audit, pull_audit_tokens, push_audit, push_audit_tokens
from dissectors.h248.binary_events import (
    pull_event_buffer,
    pull_events,
    pull_observed,
    pull_signals,
    pull_time,
    push_event_buffer,
    push_events,
    push_observed,
    push_signals,
    push_time,
)
from dissectors.h248.binary_media import (
    choice,
    pull_digit_map,
    pull_media,
    pull_modem,
    pull_mux,
    push_digit_map,
    push_media,
    push_modem,
    push_mux,
)
from dissectors.h248.binary_values import (
    BARE_OCTETS,
    IA5,
    Coder,
    pull_error,
    pull_mid,
    pull_statistics,
    pull_termination,
    pull_value,
    push_error,
    push_mid,
    push_statistics,
    push_termination,
    wrap,
)
from dissectors.h248.model import (
    Command,
    CommandName,
    EventsDescriptor,
    MediaDescriptor,
    ObservedEvents,
    Property,
    ServiceChange,
)
from dissectors.h248.package_table import UNKNOWN

_REQUESTS = {
    "addReq": CommandName.ADD,
    "moveReq": CommandName.MOVE,
    "modReq": CommandName.MODIFY,
    "subtractReq": CommandName.SUBTRACT,
    "auditCapRequest": CommandName.AUDIT_CAPABILITY,
    "auditValueRequest": CommandName.AUDIT_VALUE,
    "notifyReq": CommandName.NOTIFY,
    "serviceChangeReq": CommandName.SERVICE_CHANGE,
}
_REPLIES = {
    "addReply": CommandName.ADD,
    "moveReply": CommandName.MOVE,
    "modReply": CommandName.MODIFY,
    "subtractReply": CommandName.SUBTRACT,
    "auditCapReply": CommandName.AUDIT_CAPABILITY,
    "auditValueReply": CommandName.AUDIT_VALUE,
    "notifyReply": CommandName.NOTIFY,
    "serviceChangeReply": CommandName.SERVICE_CHANGE,
}
_REQUEST_TYPES = {name: kind for kind, name in _REQUESTS.items()}
_REPLY_TYPES = {name: kind for kind, name in _REPLIES.items()}
_AUDITS = (CommandName.AUDIT_VALUE, CommandName.AUDIT_CAPABILITY)
_METHODS = {
    "failover": "Failover",
    "forced": "Forced",
    "graceful": "Graceful",
    "restart": "Restart",
    "disconnected": "Disconnected",
    "handOff": "HandOff",
}

Described = tuple[str, Any]


def pull_terminations(coder: Coder, parts: list[dict[str, Any]]) -> list[str]:
    """A list of termination ids as text."""
    return [pull_termination(coder, part) for part in parts]


def push_terminations(coder: Coder, names: list[str]) -> list[dict[str, Any]]:
    """The twin of `pull_terminations`."""
    return [push_termination(coder, name) for name in names]


# ---------------------------------------------------------------------- requests


def pull_request(coder: Coder, part: dict[str, Any]) -> Command:
    """One CommandRequest."""
    kind, value = part["command"]
    name = _REQUESTS.get(kind)
    if name is None:
        raise DecodeError("H.248 command", 0, "a command of unknown kind")
    ids = value["terminationID"]
    command = Command(name, [], "optional" in part, "wildcardReturn" in part)
    if name in _AUDITS:
        command.termination_ids = pull_terminations(coder, value.get("terminationIDList") or [ids])
        command.audit = pull_audit(coder, value["auditDescriptor"])
        return command
    command.termination_ids = pull_terminations(coder, ids)
    if "descriptors" in value:
        _pull_descriptors(coder, command, value["descriptors"])
    if "auditDescriptor" in value:
        command.audit = pull_audit(coder, value["auditDescriptor"])
    if "observedEventsDescriptor" in value:
        command.observed_events = pull_observed(coder, value["observedEventsDescriptor"])
    if "errorDescriptor" in value:
        command.error = pull_error(value["errorDescriptor"])
    if "serviceChangeParms" in value:
        command.service_change = _pull_service_change(coder, value["serviceChangeParms"])
    return command


def push_request(coder: Coder, command: Command) -> dict[str, Any]:
    """The twin of `pull_request`; raises ValueError where the command lacks what Annex A asks for."""
    name = command.name
    ids = push_terminations(coder, command.termination_ids)
    if not ids:
        raise ValueError("a command without a termination id has no binary form")
    value: dict[str, Any] = {"terminationID": ids}
    if name in _AUDITS:
        value = {"terminationID": ids[0], "auditDescriptor": push_audit(coder, command.audit or [])}
        if len(ids) > 1:
            value["terminationIDList"] = ids
    elif name is CommandName.SUBTRACT:
        if command.audit is not None:
            value["auditDescriptor"] = push_audit(coder, command.audit)
    elif name is CommandName.NOTIFY:
        if command.observed_events is None:
            raise ValueError("a Notify request without observed events has no binary form")
        value["observedEventsDescriptor"] = push_observed(coder, command.observed_events)
        if command.error is not None:
            value["errorDescriptor"] = push_error(command.error)
    elif name is CommandName.SERVICE_CHANGE:
        if command.service_change is None:
            raise ValueError("a ServiceChange request without services has no binary form")
        value["serviceChangeParms"] = _push_service_change(coder, command.service_change)
    else:
        beyond = (command.observed_events, command.packages, command.error, command.service_change)
        if command.extensions or any(part is not None for part in beyond):
            raise ValueError("a descriptor that has no place in such a request has no binary form")
        value["descriptors"] = _push_descriptors(coder, command, in_reply=False)
    part: dict[str, Any] = {"command": (_REQUEST_TYPES[name], value)}
    if command.optional:
        part["optional"] = 0
    if command.wildcard_return:
        part["wildcardReturn"] = 0
    return part


# ---------------------------------------------------------------------- replies


def pull_reply(coder: Coder, part: Described) -> Command:
    """One CommandReply."""
    kind, value = part
    name = _REPLIES.get(kind)
    if name is None:
        raise DecodeError("H.248 command", 0, "a reply of unknown kind")
    command = Command(name, [])
    if name in _AUDITS:
        result, value = value
        if result == "contextAuditResult":
            command.context_terminations = pull_terminations(coder, value)
        elif result == "error":
            command.context_terminations = []
            command.error = pull_error(value)
        elif result in ("auditResult", "auditResultTermList"):
            ids = [value["terminationID"]] if result == "auditResult" else value["terminationIDList"]
            command.termination_ids = pull_terminations(coder, ids)
            _pull_descriptors(coder, command, value["terminationAuditResult"])
        return command
    command.termination_ids = pull_terminations(coder, value["terminationID"])
    if "terminationAudit" in value:
        _pull_descriptors(coder, command, value["terminationAudit"])
    if "errorDescriptor" in value:
        command.error = pull_error(value["errorDescriptor"])
    if "serviceChangeResult" in value:
        result, change = value["serviceChangeResult"]
        if result == "errorDescriptor":
            command.error = pull_error(change)
        elif change:
            command.service_change = _pull_service_result(change)
    return command


def push_reply(coder: Coder, command: Command) -> Described:
    """The twin of `pull_reply`; raises ValueError."""
    name = command.name
    if command.extensions:
        raise ValueError("a descriptor that the model does not know has no binary form")
    ids = push_terminations(coder, command.termination_ids)
    if name in _AUDITS:
        return _REPLY_TYPES[name], _push_audit_reply(coder, command, ids)
    value: dict[str, Any] = {"terminationID": ids}
    if name is CommandName.NOTIFY:
        if command.error is not None:
            value["errorDescriptor"] = push_error(command.error)
    elif name is CommandName.SERVICE_CHANGE:
        if command.error is not None:
            value["serviceChangeResult"] = ("errorDescriptor", push_error(command.error))
        else:
            change = command.service_change or ServiceChange()
            value["serviceChangeResult"] = ("serviceChangeResParms", _push_service_result(change))
    else:
        described = _push_descriptors(coder, command, in_reply=True)
        if described:
            value["terminationAudit"] = described
    return _REPLY_TYPES[name], value


def _push_audit_reply(coder: Coder, command: Command, ids: list[dict[str, Any]]) -> Described:
    if command.context_terminations is not None:
        if command.error is not None:
            return "error", push_error(command.error)
        return "contextAuditResult", push_terminations(coder, command.context_terminations)
    described = _push_descriptors(coder, command, in_reply=True)
    if len(ids) == 1:
        return "auditResult", {"terminationID": ids[0], "terminationAuditResult": described}
    return "auditResultTermList", {"terminationIDList": ids, "terminationAuditResult": described}


# ---------------------------------------------------------------------- descriptors


def _pull_descriptors(coder: Coder, command: Command, parts: list[Described]) -> None:
    for kind, value in parts:
        if kind == "mediaDescriptor":
            command.media = pull_media(coder, value)
        elif kind == "eventsDescriptor":
            command.events = pull_events(coder, value)
        elif kind == "signalsDescriptor":
            command.signals = pull_signals(coder, value)
        elif kind == "statisticsDescriptor":
            command.statistics = pull_statistics(coder, value)
        elif kind == "errorDescriptor":
            command.error = pull_error(value)
        elif kind == "observedEventsDescriptor":
            command.observed_events = pull_observed(coder, value)
        elif kind == "packagesDescriptor":
            command.packages = [
                f"{coder.packages.package_name(int.from_bytes(each['packageName'], 'big'))}-{each['packageVersion']}"
                for each in value
            ]
        elif kind == "auditDescriptor":
            command.audit = pull_audit(coder, value)
        elif kind == "eventBufferDescriptor":
            command.event_buffer = pull_event_buffer(coder, value)
        elif kind == "digitMapDescriptor":
            command.digit_map = pull_digit_map(value)
        elif kind == "modemDescriptor":
            command.modem = pull_modem(coder, value)
        elif kind == "muxDescriptor":
            command.mux = pull_mux(coder, value)
        elif kind == "emptyDescriptors":
            for token in pull_audit_tokens(value):
                _make_empty(command, token)
        else:
            coder.faults.append("a descriptor of unknown kind was left out")


def _make_empty(command: Command, token: str) -> None:
    """Descriptors that an audit found empty: in the model the same as those sent without content."""
    if token == "M":
        command.media = MediaDescriptor()
    elif token == "E":
        command.events = EventsDescriptor()
    elif token == "SG":
        command.signals = []
    elif token == "DM":
        command.digit_map = ""
    elif token == "SA":
        command.statistics = []
    elif token == "OE":
        command.observed_events = ObservedEvents(0)
    elif token == "PG":
        command.packages = []
    elif token == "EB":
        command.event_buffer = []
    elif token == "MX":
        command.mux = ""
    elif token == "MD":
        command.modem = ""


def _push_descriptors(coder: Coder, command: Command, *, in_reply: bool) -> list[Described]:
    parts: list[Described] = []
    empty: list[str] = []
    media, observed = command.media, command.observed_events
    if media is not None:
        if in_reply and not media.streams and media.termination_state is None:
            empty.append("M")
        else:
            parts.append(("mediaDescriptor", push_media(coder, media)))
    if command.modem is not None:
        parts.append(("modemDescriptor", push_modem(coder, command.modem))) if command.modem else empty.append("MD")
    if command.mux is not None:
        parts.append(("muxDescriptor", push_mux(coder, command.mux))) if command.mux else empty.append("MX")
    if command.events is not None:
        parts.append(("eventsDescriptor", push_events(coder, command.events)))
    if command.event_buffer is not None:
        parts.append(("eventBufferDescriptor", push_event_buffer(coder, command.event_buffer)))
    if command.signals is not None:
        parts.append(("signalsDescriptor", push_signals(coder, command.signals)))
    if command.digit_map is not None:
        if command.digit_map or not in_reply:
            parts.append(("digitMapDescriptor", push_digit_map(command.digit_map)))
        else:
            empty.append("DM")
    if in_reply and command.packages is not None:
        if command.packages:
            parts.append(("packagesDescriptor", [_push_package(coder, each) for each in command.packages]))
        else:
            empty.append("PG")
    if command.statistics is not None:
        if command.statistics or not in_reply:
            parts.append(("statisticsDescriptor", push_statistics(coder, command.statistics)))
        else:
            empty.append("SA")
    if in_reply:
        if observed is not None:
            if observed.events or observed.request_id:
                parts.append(("observedEventsDescriptor", push_observed(coder, observed)))
            else:
                empty.append("OE")
        if empty:
            parts.append(("emptyDescriptors", push_audit_tokens(empty)))
        if command.error is not None:
            parts.append(("errorDescriptor", push_error(command.error)))
    elif command.audit is not None:
        parts.append(("auditDescriptor", push_audit(coder, command.audit)))
    return parts


def _push_package(coder: Coder, text: str) -> dict[str, Any]:
    name, _, version = text.rpartition("-")
    if not version.isdecimal():
        raise ValueError(f"the package {text} has no version")
    return {"packageName": coder.packages.package_number(name).to_bytes(2, "big"), "packageVersion": int(version)}


# ---------------------------------------------------------------------- ServiceChange


def _pull_service_change(coder: Coder, part: dict[str, Any]) -> ServiceChange:
    change = _pull_service_result(part)
    change.method = _METHODS.get(part["serviceChangeMethod"], "")
    # The reason is a value of its own BER; OTP's megaco leaves that out.
    change.reason = ",".join(pull_value(octets, UNKNOWN)[0] for octets in part["serviceChangeReason"])
    change.delay = part.get("serviceChangeDelay")
    change.timestamp = pull_time(part.get("timeStamp"))
    change.incomplete = "serviceChangeIncompleteFlag" in part
    if "serviceChangeInfo" in part:
        change.audit_items = pull_audit(coder, part["serviceChangeInfo"])
    if "nonStandardData" in part:
        kind, who = part["nonStandardData"]["nonStandardIdentifier"]
        if kind == "experimental":
            # The text form of an experimental identifier is its own name (Annex B production extensionParameter).
            octets = part["nonStandardData"]["data"].hex()
            change.extensions.append(Property(who.strip(), [octets], tag=BARE_OCTETS))
        else:
            coder.faults.append("non-standard data of a ServiceChange was left out")
    return change


def _push_service_change(coder: Coder, change: ServiceChange) -> dict[str, Any]:
    part = _push_service_result(change)
    if "timestamp" in part:
        part["timeStamp"] = part.pop("timestamp")
    part["serviceChangeMethod"] = choice(_METHODS, change.method, "method")
    part["serviceChangeReason"] = [wrap(IA5, change.reason.encode("ascii", "replace"))]
    if change.delay is not None:
        part["serviceChangeDelay"] = change.delay
    if change.incomplete:
        part["serviceChangeIncompleteFlag"] = 0
    if change.audit_items:
        part["serviceChangeInfo"] = push_audit(coder, change.audit_items)
    for extension in change.extensions:
        if len(extension.name) > 8 or extension.tag != BARE_OCTETS or "nonStandardData" in part:
            raise ValueError(f"the parameter {extension.name} has no binary form")
        who = ("experimental", extension.name.ljust(8))
        part["nonStandardData"] = {"nonStandardIdentifier": who, "data": bytes.fromhex(extension.values[0])}
    return part


def _pull_service_result(part: dict[str, Any]) -> ServiceChange:
    change = ServiceChange(version=part.get("serviceChangeVersion"), timestamp=pull_time(part.get("timestamp")))
    if "serviceChangeAddress" in part:
        change.address = pull_mid(part["serviceChangeAddress"])
    if "serviceChangeMgcId" in part:
        change.mgc_id_to_try = pull_mid(part["serviceChangeMgcId"])
    if "serviceChangeProfile" in part:
        change.profile = part["serviceChangeProfile"]["profileName"]
    return change


def _push_service_result(change: ServiceChange) -> dict[str, Any]:
    part: dict[str, Any] = {}
    if change.address:
        part["serviceChangeAddress"] = push_mid(change.address, "service change address")
    if change.mgc_id_to_try:
        part["serviceChangeMgcId"] = push_mid(change.mgc_id_to_try)
    if change.version is not None:
        part["serviceChangeVersion"] = change.version
    if change.profile:
        part["serviceChangeProfile"] = {"profileName": change.profile}
    if change.timestamp:
        part["timestamp"] = push_time(change.timestamp)
    return part
