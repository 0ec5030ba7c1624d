"""The keys file: TOML, or the same tables as JSON (docs/keys.md).

    key_log = ["sslkeys.log"]

    [[tpk]]
    kms = "kms.example.net"
    holder = "sip:mrfc@example.net"
    key = "000102030405060708090a0b0c0d0e0f"

Whatever is wrong is told with its line.
"""

from __future__ import annotations

import base64
import binascii
import re
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from analyzer.keys.secrecy import may_be_key, without_keys
from analyzer.keys.supplied import KeyKind, SuppliedKey, SuppliedKeys
from analyzer.user_text import TextError, read_json, read_toml

MAX_KEY_OCTETS = 1024
MIKEY_OCTETS = range(16, 65)
"Lengths that keys of MIKEY-TICKET have: 128 bits at least, and no more than a block of its hashes."
_FIELDS: dict[KeyKind, frozenset[str]] = {
    KeyKind.TPK: frozenset({"kms", "holder"}),
    KeyKind.KMS_PSK: frozenset({"kms", "holder"}),
    KeyKind.MPK: frozenset({"kms", "holder"}),
    KeyKind.TGK: frozenset({"csb_id", "spi", "forked"}),
    KeyKind.TEK: frozenset({"csb_id", "spi"}),
    KeyKind.PSK: frozenset({"identity", "identity_hex", "address"}),
}
"Fields of each table beside `key` and `name`."
_LISTS = ("key_log", "rsa_key")


class KeysFileError(ValueError):
    """A keys file cannot be used: `line` (from 1, 0 when unknown) and why."""

    def __init__(self, why: str, line: int = 0) -> None:
        super().__init__(f"line {line}: {why}" if line else why)
        self.why = why
        self.line = line


def read_keys(text: str, path: Path) -> SuppliedKeys:
    """The keys of a file's text; `path` names it, and files that it names lie beside it. Raises KeysFileError."""
    tables = _tables(text)
    found = SuppliedKeys()
    for name in _LISTS:
        values = tables.pop(name, [])
        values = [values] if isinstance(values, str) else values
        if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
            raise KeysFileError(f"{name} is a list of file names", _line(text, name))
        files = [path.parent / each for each in values]
        (found.key_logs if name == "key_log" else found.rsa_files).extend(files)
        line = _line(text, name)
        found.named_by |= dict.fromkeys(files, f"{path}, line {line}" if line else str(path))
    kinds = {kind.value: kind for kind in KeyKind}
    for name, entries in tables.items():
        if name not in kinds:
            known = ", ".join((*kinds, *_LISTS))
            raise KeysFileError(f"there is no table {_said(name)}; known are {known}", _line(text, name))
        if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
            raise KeysFileError(f"write [[{name}]] before each of its keys", _line(text, name))
        for number, entry in enumerate(entries, 1):
            key = _key(kinds[name], entry, text, number, path)
            found.keys.append(key)
            if key.kind is not KeyKind.PSK and len(key.key) not in MIKEY_OCTETS:
                found.notes.append(f"{path}, line {_line(text, name, number)}: {_unusual(key)}")
    return found


def _unusual(key: SuppliedKey) -> str:
    octets = f"{len(key.key)} octet{'' if len(key.key) == 1 else 's'}"
    few = len(key.key) < MIKEY_OCTETS.start
    bound = f"fewer than {MIKEY_OCTETS.start}" if few else f"more than {MIKEY_OCTETS.stop - 1}"
    return f"a {key.kind.value} of {octets} is no likely key ({bound}); is it copied whole?"


def _repeats(name: str, key: bytes) -> bool:
    return without_keys(name) != name or (len(key) > 1 and key.hex() in re.sub(r"[\s:]", "", name).lower())


def _said(name: str) -> str:
    """A name that nobody knows, unless it may be a key that was written in its place."""
    return "of this name (not shown, it may be a key)" if may_be_key(name) else repr(name)


def _tables(text: str) -> dict[str, Any]:
    try:
        if text.lstrip()[:1] != "{":
            return read_toml(text)
        read = read_json(text)
    except TextError as error:
        raise KeysFileError(without_keys(error.why), error.line) from None
    if not isinstance(read, dict):
        raise KeysFileError("the JSON form is an object with the tables of the TOML form")
    return read


def _key(kind: KeyKind, entry: dict[str, Any], text: str, number: int, path: Path) -> SuppliedKey:
    name = kind.value

    def refuse(why: str, field: str = "") -> KeysFileError:
        return KeysFileError(f"[[{name}]] number {number}: {why}", _line(text, name, number, field))

    allowed = _FIELDS[kind] | {"key", "name"}
    for field in entry:
        if field not in allowed:
            raise refuse(f"no field {_said(field)}; known are {', '.join(sorted(allowed))}", field)
    for field, value in entry.items():
        if field in ("csb_id", "forked"):
            continue
        if not isinstance(value, str):
            raise refuse(f"{field} is a text", field)
    if "key" not in entry:
        raise refuse("it has no key")
    line = _line(text, name, number)
    made = SuppliedKey(kind, b"", entry.get("name") or f"{path.name}:{line} {name}" if line else f"{path.name} {name}")
    try:
        made.key = key_octets(entry["key"])
    except ValueError as error:
        raise refuse(str(error), "key") from None
    if _repeats(entry.get("name", ""), made.key):
        raise refuse("name is, or looks like, a key; reports show names", "name")
    made.kms = entry.get("kms", "")
    made.holder = entry.get("holder", "")
    if "csb_id" in entry:
        made.csb_id = _csb_id(entry["csb_id"])
        if made.csb_id is None:
            raise refuse("csb_id is a number of 32 bits, such as 0x12345678", "csb_id")
    try:
        made.spi = bytes.fromhex(entry.get("spi", ""))
    except ValueError:
        raise refuse("spi is hexadecimal", "spi") from None
    forked = entry.get("forked", False)
    if not isinstance(forked, bool):
        raise refuse("forked is true or false", "forked")
    made.forked = forked
    _place(made, entry, refuse)
    return made


def _place(made: SuppliedKey, entry: dict[str, Any], refuse: Any) -> None:
    if "identity" in entry and "identity_hex" in entry:
        raise refuse("identity and identity_hex exclude each other", "identity_hex")
    if "identity" in entry:
        try:
            made.identity = entry["identity"].encode()
        except UnicodeEncodeError:  # half a surrogate pair, which JSON can say
            raise refuse("identity is no text; write its octets as identity_hex", "identity") from None
    elif "identity_hex" in entry:
        try:
            made.identity = bytes.fromhex(entry["identity_hex"])
        except ValueError:
            raise refuse("identity_hex is hexadecimal", "identity_hex") from None
    if "address" in entry:
        try:
            made.address, made.port = read_address(entry["address"])
        except ValueError as error:
            raise refuse(str(error), "address") from None


def key_octets(text: str) -> bytes:
    """A key as hexadecimal, with or without blanks and colons, or as `base64:...`. Raises ValueError."""
    if text.startswith("base64:"):
        try:
            found = base64.b64decode(text[7:], validate=True)
        except binascii.Error:
            raise ValueError("the key is no base64") from None
    else:
        digits = re.sub(r"[\s:]", "", text)
        if not re.fullmatch(r"(?:[0-9a-fA-F]{2})*", digits):
            # Not the text itself: it is a key.
            raise ValueError("the key is not hexadecimal (two digits an octet), and does not begin with base64:")
        found = bytes.fromhex(digits)
    if not 0 < len(found) <= MAX_KEY_OCTETS:
        raise ValueError(f"a key has 1 to {MAX_KEY_OCTETS} octets, this one {len(found)}")
    return found


def read_address(text: str) -> tuple[str, int | None]:
    """`192.0.2.1`, `192.0.2.1:2855`, `2001:db8::1` or `[2001:db8::1]:2855`. Raises ValueError."""
    host, port = text, ""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":")
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    try:
        address = str(ip_address(host))
    except ValueError:
        raise ValueError("address is an IP address, with or without a port") from None
    if port and not (port.isascii() and port.isdecimal() and len(port) <= 5 and 0 < int(port) < 65536):
        raise ValueError("the port of an address is a number from 1 to 65535")
    return address, int(port) if port else None


def _csb_id(value: object) -> int | None:
    if isinstance(value, str):
        try:
            value = int(value, 0)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 32:
        return None
    return value


def _line(text: str, table: str, number: int = 1, field: str = "") -> int:
    """The line of a table or of a field in it, as files are usually written; 0 where it is written otherwise."""
    heads = re.compile(rf"^\s*(?:\[\[\s*{re.escape(table)}\s*\]\]|\[\s*{re.escape(table)}\s*\]|{re.escape(table)}\s*=)")
    any_head = re.compile(r"^\s*\[")
    seen = 0
    begin = 0
    for index, line in enumerate(text.split("\n"), 1):
        if begin:
            if any_head.match(line):
                break
            if re.match(rf"\s*\"?{re.escape(field)}\"?\s*=", line):
                return index
        elif heads.match(line):
            seen += 1
            if seen == number:
                if not field:
                    return index
                begin = index
    return begin
