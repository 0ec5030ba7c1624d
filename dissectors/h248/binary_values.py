"""Values, identifiers and addresses of the binary encoding.

Source: H.248.1 Annex A; property values by clause 12.2, `double wrapping`.

A value is BER of its own inside an OCTET STRING. Some peers (OTP's megaco among them) put bare text there: that is
read, too. Text never begins with the tag of a primitive type, since those are control characters.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import Any

from dissectors.errors import DecodeError
from dissectors.h248.model import ErrorDescriptor, Property
from dissectors.h248.package_table import UNKNOWN, ItemKind, ItemType, PackageTable

BOOLEAN, INTEGER, OCTETS, ENUMERATED, UTF8, IA5 = 0x01, 0x02, 0x04, 0x0A, 0x0C, 0x16
BARE_TEXT = -1
BARE_OCTETS = -2
"""`Property.tag` of values without BER of their own."""

_STRINGS = {UTF8: "utf-8", IA5: "latin-1", 0x12: "latin-1", 0x13: "latin-1", 0x1A: "latin-1"}
_RELATIONS = {"greaterThan": ">", "smallerThan": "<", "unequalTo": "#"}
_RELATION_NAMES = {sign: name for name, sign in _RELATIONS.items()}
_ROOT = b"\xff" * 8
_DIGIT_MAP_NAME = re.compile(r"dialplan([0-9A-F])([0-9A-F])", re.IGNORECASE | re.ASCII)
_DECIMAL = re.compile(r"0|-?[1-9][0-9]{0,19}")
_HEX = re.compile(r"0x[0-9a-f]{1,16}", re.IGNORECASE | re.ASCII)


@dataclass(slots=True)
class Coder:
    """What the coding of one message has to hand."""

    packages: PackageTable
    id_octets: int = 3
    faults: list[str] = field(default_factory=list)


# ---------------------------------------------------------------------- wrapped values


def pull_value(octets: bytes, item_type: ItemType) -> tuple[str, int]:
    """The text of one value and its tag."""
    size = len(octets)
    if size >= 2 and octets[0] < 0x20 and octets[1] < 0x80 and octets[1] + 2 == size:
        head = 2
    elif size >= 131 and octets[0] < 0x20 and octets[1] == 0x81 and octets[2] + 3 == size:
        head = 3
    elif size >= 260 and octets[0] < 0x20 and octets[1] == 0x82 and int.from_bytes(octets[2:4], "big") + 4 == size:
        head = 4
    else:
        return _pull_bare(octets)
    tag, content = octets[0], octets[head:]
    if tag == BOOLEAN and len(content) == 1:
        return "on" if content[0] else "off", tag
    if tag in (INTEGER, ENUMERATED) and 0 < len(content) <= 9:
        number = int.from_bytes(content, "big", signed=True)
        for name, known in item_type.values.items():
            if known == number and tag == ENUMERATED:
                return name, tag
        return str(number), tag
    if tag in _STRINGS:
        try:
            return content.decode(_STRINGS[tag]), tag
        except UnicodeDecodeError:
            return _pull_bare(octets)
    if tag == OCTETS:
        return content.hex(), tag
    return _pull_bare(octets)


def _pull_bare(octets: bytes) -> tuple[str, int]:
    # Octets of 0x80 and above in bare text are kept one by one, as latin-1 does; control characters are no text.
    if octets and all(octet >= 0x20 or octet in (9, 10, 13) for octet in octets):
        return octets.decode("latin-1"), BARE_TEXT
    return octets.hex(), BARE_OCTETS


def push_value(text: str, item_type: ItemType, tag: int, quoted: bool) -> bytes:
    """One value as BER: by the tag it came with, by what the table says, else by how it looks."""
    if tag == BARE_TEXT:
        return _latin(text)
    if tag == BARE_OCTETS and _is_hex(text):
        return bytes.fromhex(text)
    if not tag:
        tag = _tag_of(text, item_type, quoted)
    low = text.lower()
    if tag == BOOLEAN and low in ("on", "off"):
        return b"\x01\x01\xff" if low == "on" else b"\x01\x01\x00"
    if tag in (INTEGER, ENUMERATED):
        number = _number(text, item_type)
        if number is not None:
            return wrap(tag, number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True))
    if tag == OCTETS and _is_hex(low.removeprefix("0x")):
        return wrap(OCTETS, bytes.fromhex(low.removeprefix("0x")))
    if tag in _STRINGS and tag != UTF8 and text.isascii():
        return wrap(tag, text.encode("ascii"))
    return wrap(IA5, text.encode("ascii")) if text.isascii() else wrap(UTF8, text.encode())


def wrap(tag: int, content: bytes) -> bytes:
    """One BER element, definite length."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def _tag_of(text: str, item_type: ItemType, quoted: bool) -> int:
    known = {"int": INTEGER, "bool": BOOLEAN, "str": IA5, "oct": OCTETS, "enum": ENUMERATED}.get(item_type.name)
    if known is not None:
        return known
    if quoted:
        return IA5
    if text.lower() in ("on", "off"):
        return BOOLEAN
    return INTEGER if _number(text, UNKNOWN) is not None else IA5


def _number(text: str, item_type: ItemType) -> int | None:
    for name, number in item_type.values.items():
        if name.lower() == text.lower():
            return number
    if _DECIMAL.fullmatch(text):
        return int(text)
    return int(text, 16) if _HEX.fullmatch(text) else None


def _is_hex(text: str) -> bool:
    return len(text) % 2 == 0 and all(each in "0123456789abcdefABCDEF" for each in text)


def _latin(text: str) -> bytes:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()


# ---------------------------------------------------------------------- properties and parameters


def _pull(name: str, part: dict[str, Any], item_type: ItemType) -> Property:
    pulled = [pull_value(octets, item_type) for octets in part["value"]]
    values = [text for text, _ in pulled] or ["$"]  # no value at all is CHOOSE (Annex A, comment on PropertyParm)
    tags = {tag for _, tag in pulled}
    tag = tags.pop() if len(tags) == 1 else 0
    relation, form = "=", ""
    if "extraInfo" in part:
        kind, what = part["extraInfo"]
        if kind == "relation":
            relation = _RELATIONS[what]
        elif kind == "range":
            form = "[:]" if what else ""
        else:
            form = "[]" if what else "{}"
    elif len(values) > 1:
        form = "{}"
    return Property(name, values, relation, form, tag in _STRINGS, tag)


def _push(value: Property, item_type: ItemType) -> dict[str, Any]:
    choose = value.values == ["$"] or not value.values
    part: dict[str, Any] = {
        "value": [] if choose else [push_value(each, item_type, value.tag, value.quoted) for each in value.values]
    }
    if value.relation != "=":
        part["extraInfo"] = ("relation", _RELATION_NAMES[value.relation])
    elif value.form == "[:]":
        part["extraInfo"] = ("range", True)
    elif value.form:
        part["extraInfo"] = ("sublist", value.form == "[]")
    return part


def pull_properties(coder: Coder, parts: list[dict[str, Any]]) -> list[Property]:
    """Property parameters, named by package and item."""
    table = coder.packages
    return [
        _pull(table.item_name("property", part["name"]), part, table.item_type("property", part["name"]))
        for part in parts
    ]


def push_properties(coder: Coder, values: list[Property]) -> list[dict[str, Any]]:
    """The twin of `pull_properties`."""
    parts = []
    for value in values:
        name = coder.packages.item_octets("property", value.name)
        parts.append({"name": name, **_push(value, coder.packages.item_type("property", name))})
    return parts


def pull_parameters(coder: Coder, kind: ItemKind, item: bytes, parts: list[dict[str, Any]]) -> list[Property]:
    """Parameters of an event or a signal."""
    table, key = coder.packages, "sigParameterName" if kind == "signal" else "eventParameterName"
    return [
        _pull(table.parameter_name(kind, item, part[key]), part, table.parameter_type(kind, item, part[key]))
        for part in parts
    ]


def push_parameters(coder: Coder, kind: ItemKind, item: bytes, values: list[Property]) -> list[dict[str, Any]]:
    """The twin of `pull_parameters`."""
    table, key, parts = coder.packages, "sigParameterName" if kind == "signal" else "eventParameterName", []
    for value in values:
        name = table.parameter_octets(kind, item, value.name)
        parts.append({key: name, **_push(value, table.parameter_type(kind, item, name))})
    return parts


def pull_statistics(coder: Coder, parts: list[dict[str, Any]]) -> list[Property]:
    """Statistics; one without a value is only asked for."""
    found = []
    for part in parts:
        octets = part["statName"]
        name, item_type = coder.packages.item_name("statistic", octets), coder.packages.item_type("statistic", octets)
        found.append(
            _pull(name, {"value": part["statValue"]}, item_type) if part.get("statValue") else Property(name, [])
        )
    return found


def push_statistics(coder: Coder, values: list[Property]) -> list[dict[str, Any]]:
    """The twin of `pull_statistics`."""
    parts = []
    for value in values:
        name = coder.packages.item_octets("statistic", value.name)
        part: dict[str, Any] = {"statName": name}
        if value.values:
            part["statValue"] = _push(value, coder.packages.item_type("statistic", name))["value"]
        parts.append(part)
    return parts


# ---------------------------------------------------------------------- identifiers


def pull_termination(coder: Coder, part: dict[str, Any]) -> str:
    """A termination id as text: eight bits a level, a wildcard where its bits begin (Annex A type TerminationID)."""
    octets: bytes = part["id"]
    wildcards: list[bytes] = part["wildcard"]
    if octets == _ROOT and not wildcards:
        return "ROOT"
    levels = [f"{octet:08b}" for octet in octets]
    if wildcards:
        coder.id_octets = len(octets)
    for (field_octet,) in wildcards:
        mark = "*" if field_octet & 0x80 else "$"
        level, bit = divmod(len(octets) * 8 - 1 - (field_octet & 0x3F), 8)
        if not 0 <= level < len(levels):
            raise DecodeError("H.248 termination id", 0, "its wildcard begins outside the id")
        levels[level] = levels[level][:bit] + mark
        if field_octet & 0x40:
            del levels[level + 1 :]
    return "/".join(levels)


def push_termination(coder: Coder, name: str) -> dict[str, Any]:
    """The twin of `pull_termination`. Raises ValueError for a name that has no binary form."""
    if name.upper() == "ROOT":
        return {"wildcard": [], "id": _ROOT}
    octets, wildcards = bytearray(), []
    levels = name.split("/")
    if len(levels) > 8:
        raise ValueError("a binary termination id has no more than eight octets")
    wildcarded = any(level[-1:] in ("*", "$") for level in levels)
    # A wildcard at the end covers the levels below it, which the text does not show.
    total = max(coder.id_octets, len(levels)) if levels[-1][-1:] in ("*", "$") else len(levels)
    for at, level in enumerate(levels):
        bits = level.rstrip("*$")
        if bits.strip("01") or len(level) > len(bits) + 1 or (len(bits) != 8 and bits == level) or len(bits) > 8:
            raise ValueError(f"the termination id {name} has no binary form: eight bits a level are expected")
        octets.append(int(bits.ljust(8, "0"), 2))
        if bits != level:
            if len(bits) == 8:
                raise ValueError(f"the termination id {name} has no binary form: its wildcard follows eight bits")
            below = 0x40 if at == len(levels) - 1 else 0
            position = total * 8 - 1 - at * 8 - len(bits)
            wildcards.append(bytes(((0x80 if level[-1] == "*" else 0) | below | position,)))
    return {"wildcard": wildcards if wildcarded else [], "id": bytes(octets).ljust(total, b"\x00")}


def pull_mid(part: tuple[str, Any]) -> str:
    """A message identifier or a ServiceChange address as text (Annex B production mId)."""
    kind, value = part
    if kind == "portNumber":
        return str(value)
    if kind == "deviceName":
        return str(value)
    if kind == "mtpAddress":
        return f"MTP{{{value.hex().upper()}}}"
    port = f":{value['portNumber']}" if "portNumber" in value else ""
    if kind == "domainName":
        return f"<{value['name']}>{port}"
    if kind in ("ip4Address", "ip6Address"):
        return f"[{ipaddress.ip_address(value['address'])}]{port}"
    raise DecodeError("H.248 message identifier", 0, "an address of unknown type")


_MID = re.compile(r"(?:\[([0-9A-Fa-f.:]+)\]|<([^<>]+)>)(?::([0-9]{1,5}))?|MTP\{([0-9A-Fa-f]{4,8})\}")


def push_mid(text: str, what: str = "message identifier") -> tuple[str, Any]:
    """The twin of `pull_mid`; raises ValueError."""
    match = _MID.fullmatch(text)
    if match is None:
        if text.isdecimal() and what != "message identifier":
            return "portNumber", int(text)
        if not text.isascii() or not 1 <= len(text) <= 64:
            raise ValueError(f"not a {what}")
        return "deviceName", text
    address, domain, port, mtp = match.groups()
    if mtp is not None:
        if len(mtp) % 2:
            raise ValueError("an MTP address of half an octet")
        return "mtpAddress", bytes.fromhex(mtp)
    value: dict[str, Any] = {"portNumber": int(port)} if port is not None else {}
    if domain is not None:
        return "domainName", {"name": domain, **value}
    packed = ipaddress.ip_address(address).packed
    return ("ip4Address" if len(packed) == 4 else "ip6Address"), {"address": packed, **value}


def pull_digit_map_name(octets: bytes) -> str:
    """Two octets as `dialplan` and two digits where they are such, else as 0x and four."""
    if octets[0] < 16 and octets[1] < 16:
        return f"dialplan{octets[0]:X}{octets[1]:X}"
    return f"0x{octets.hex()}"


def push_digit_map_name(name: str) -> bytes:
    """The twin of `pull_digit_map_name`; raises ValueError."""
    match = _DIGIT_MAP_NAME.fullmatch(name)
    if match is not None:
        return bytes((int(match[1], 16), int(match[2], 16)))
    if _HEX.fullmatch(name) and len(name) == 6:
        return bytes.fromhex(name[2:])
    raise ValueError(f"the digit map name {name} has no binary form")


def pull_error(part: dict[str, Any]) -> ErrorDescriptor:
    """An error descriptor."""
    return ErrorDescriptor(part["errorCode"], part.get("errorText", ""))


def push_error(error: ErrorDescriptor) -> dict[str, Any]:
    """The twin of `pull_error`."""
    return {"errorCode": error.code, **({"errorText": error.text} if error.text else {})}
