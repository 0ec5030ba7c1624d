"""SDP in the binary encoding.

Property groups with the numbers of H.248.1 Annex C.11, one group a session description.
"""

from __future__ import annotations

from typing import Any

from dissectors.h248.binary_values import IA5, UTF8, pull_value, wrap
from dissectors.h248.package_table import UNKNOWN

_LINES = "vosiuepcbzkatrm"
"Line types in the order of their numbers, from 0xB001 on."
_NATIVE = "a=x-h248-"
"How a property that is no SDP line is kept among the lines: its number, a colon, its octets in hex."


def pull_sdp(groups: list[list[dict[str, Any]]]) -> bytes:
    """The SDP text of property groups, lines ended by CRLF."""
    lines: list[bytes] = []
    for at, group in enumerate(groups):
        for place, part in enumerate(group):
            number = int.from_bytes(part["name"], "big")
            letter = _LINES[number - 0xB001] if 0xB001 <= number <= 0xB00F else ""
            if at and not place and letter != "v":
                lines.append(b"v=0")  # in text, only a v line tells one description from the next
            if not letter:
                octets = b"".join(part["value"]).hex()
                lines.append(f"{_NATIVE}{number:08x}:{octets}".encode())
                continue
            for value in part["value"] or [wrap(IA5, b"$")]:
                text, tag = pull_value(value, UNKNOWN)
                clean = text.replace("\r", " ").replace("\n", " ")
                lines.append(f"{letter}=".encode() + clean.encode("utf-8" if tag == UTF8 else "latin-1"))
    return b"\r\n".join(lines) + b"\r\n" if lines else b""


def push_sdp(octets: bytes) -> list[list[dict[str, Any]]]:
    """The twin of `pull_sdp`; raises ValueError where a line is no SDP."""
    groups: list[list[dict[str, Any]]] = []
    for line in octets.replace(b"\r", b"\n").split(b"\n"):
        if not line.strip():
            continue
        line = line.lstrip(b" \t")
        letter, value = line[:1].decode("latin-1"), line[2:]
        if line[1:2] != b"=" or letter not in _LINES:
            raise ValueError("a line of a Local or Remote descriptor that is no SDP has no binary form")
        if letter == "v" or not groups:
            groups.append([])
        if line.startswith(_NATIVE.encode()):
            number, colon, content = line[len(_NATIVE) :].partition(b":")
            if colon and len(number) == 8:
                values = [bytes.fromhex(content.decode("latin-1"))] if content else []
                groups[-1].append({"name": bytes.fromhex(number.decode("latin-1")), "value": values})
                continue
        name = (0xB001 + _LINES.index(letter)).to_bytes(4, "big")
        groups[-1].append({"name": name, "value": [_push_line(value)]})
    return groups


def _push_line(value: bytes) -> bytes:
    # Annex C.11 asks for IA5String, which has no octets above 0x7F; what is no UTF-8 either goes bare.
    if value.isascii():
        return wrap(IA5, value)
    try:
        value.decode()
    except UnicodeDecodeError:
        return value
    return wrap(UTF8, value)
