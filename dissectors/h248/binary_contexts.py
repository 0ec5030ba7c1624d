"""Actions of the binary encoding: a context, its properties and its commands.

Source: H.248.1 Annex A types ActionRequest, ActionReply.
"""

from __future__ import annotations

from typing import Any

from dissectors.h248.binary_commands import pull_reply, pull_request, push_reply, push_request
from dissectors.h248.binary_values import (
    Coder,
    pull_error,
    pull_properties,
    pull_termination,
    push_error,
    push_properties,
    push_termination,
)
from dissectors.h248.model import ContextAction, Topology
from dissectors.h248.tokens import SHORT

_DIRECTIONS = {"bothway": "BW", "isolate": "IS", "oneway": "OW"}
_DIRECTION_EXTENSIONS = {"onewayexternal": "OWE", "onewayboth": "OWB"}
_AUDITS = {"topology": "TP", "emergency": "EG", "priority": "PR", "iepscallind": "IEPS"}


def pull_action(coder: Coder, part: dict[str, Any], *, in_reply: bool) -> ContextAction:
    """One ActionRequest or ActionReply."""
    action = ContextAction(part["contextId"])
    properties = part.get("contextReply" if in_reply else "contextRequest")
    if properties:
        _pull_context(coder, action, properties)
    if "contextAttrAuditReq" in part:
        action.audit = _pull_context_audit(coder, part["contextAttrAuditReq"])
    if in_reply:
        action.commands = [pull_reply(coder, each) for each in part["commandReply"]]
        if "errorDescriptor" in part:
            action.error = pull_error(part["errorDescriptor"])
    else:
        action.commands = [pull_request(coder, each) for each in part["commandRequests"]]
    return action


def push_action(coder: Coder, action: ContextAction, *, in_reply: bool) -> dict[str, Any]:
    """The twin of `pull_action`; raises ValueError."""
    part: dict[str, Any] = {"contextId": action.context_id}
    properties = _push_context(coder, action)
    if properties:
        part["contextReply" if in_reply else "contextRequest"] = properties
    if in_reply:
        part["commandReply"] = [push_reply(coder, each) for each in action.commands]
        if action.error is not None:
            part["errorDescriptor"] = push_error(action.error)
        return part
    if action.error is not None:
        raise ValueError("an error in a request has no binary form")
    if action.audit is not None:
        part["contextAttrAuditReq"] = _push_context_audit(coder, action.audit)
    part["commandRequests"] = [push_request(coder, each) for each in action.commands]
    return part


def _pull_context(coder: Coder, action: ContextAction, part: dict[str, Any]) -> None:
    action.priority = part.get("priority")
    action.emergency = part.get("emergency")
    action.ieps = part.get("iepscallind")
    if "topologyReq" in part:
        action.topology = [_pull_topology(coder, each) for each in part["topologyReq"]]
    if "contextProp" in part:
        action.properties = pull_properties(coder, part["contextProp"])
    if "contextList" in part:
        action.context_list = [str(each) for each in part["contextList"]]


def _push_context(coder: Coder, action: ContextAction) -> dict[str, Any]:
    part: dict[str, Any] = {}
    if action.priority is not None:
        part["priority"] = action.priority
    if action.emergency is not None:
        part["emergency"] = action.emergency
    if action.topology is not None:
        part["topologyReq"] = [_push_topology(coder, each) for each in action.topology]
    if action.ieps is not None:
        part["iepscallind"] = action.ieps
    if action.properties:
        part["contextProp"] = push_properties(coder, action.properties)
    if action.context_list is not None:
        part["contextList"] = [int(each) for each in action.context_list]
    return part


def _pull_topology(coder: Coder, part: dict[str, Any]) -> Topology:
    direction = _DIRECTION_EXTENSIONS.get(part.get("topologyDirectionExtension", ""), "")
    return Topology(
        pull_termination(coder, part["terminationFrom"]),
        pull_termination(coder, part["terminationTo"]),
        direction or _DIRECTIONS[part["topologyDirection"]],
        part.get("streamID"),
    )


def _push_topology(coder: Coder, topology: Topology) -> dict[str, Any]:
    low = topology.direction.lower()
    token = SHORT.get(low, low).upper()
    part: dict[str, Any] = {
        "terminationFrom": push_termination(coder, topology.one),
        "terminationTo": push_termination(coder, topology.other),
        "topologyDirection": "oneway",
    }
    for names, key in ((_DIRECTIONS, "topologyDirection"), (_DIRECTION_EXTENSIONS, "topologyDirectionExtension")):
        for name, known in names.items():
            if known == token:
                part[key] = name
                break
    if token not in _DIRECTIONS.values() and token not in _DIRECTION_EXTENSIONS.values():
        raise ValueError(f"the topology direction {topology.direction} has no binary form")
    if topology.stream_id is not None:
        part["streamID"] = topology.stream_id
    return part


def _pull_context_audit(coder: Coder, part: dict[str, Any]) -> list[str]:
    items = []
    for key, token in _AUDITS.items():
        if key in part:
            items.append(token)
    items += [coder.packages.item_name("property", each["name"]) for each in part.get("contextPropAud", ())]
    if any(key.startswith("select") for key in part):
        coder.faults.append("the selection of a context audit was left out")
    return items


def _push_context_audit(coder: Coder, items: list[str]) -> dict[str, Any]:
    part: dict[str, Any] = {}
    for item in items:
        token = SHORT.get(item.lower(), item.lower()).upper()
        key = next((key for key, known in _AUDITS.items() if known == token), "")
        if key:
            part[key] = 0
        elif "/" in item and "=" not in item:
            name = coder.packages.item_octets("property", item)
            part.setdefault("contextPropAud", []).append({"name": name})
        else:
            raise ValueError(f"the context audit item {item} has no binary form")
    return part
