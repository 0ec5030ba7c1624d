"""Lists, parameters and quoted strings in SIP header fields (RFC 3261 sections 7.3.1 and 25.1).

All expressions are possessive, so that hostile values cost linear time.
"""

from __future__ import annotations

import re

# generic-param = token [ EQUAL gen-value ], gen-value = token / host / quoted-string
_PARAMETER = re.compile(r';[ \t]*([^\s;=,"<>]+)[ \t]*(?:=[ \t]*(?:"([^"\\]*(?:\\.[^"\\]*)*)"|([^;,\s"]*)))?', re.DOTALL)
# One element of a comma-separated list; an unclosed quote or bracket runs to the end.
_ELEMENT = re.compile(r'(?:[^,"<]+|"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|<[^>]*(?:>|\Z))+', re.DOTALL)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)


def unquote(text: str) -> str:
    """Resolve the quoted-pairs of a quoted-string's inside (RFC 3261 section 25.1)."""
    return _QUOTED_PAIR.sub(r"\1", text) if "\\" in text else text


def parse_parameters(text: str) -> dict[str, str | None]:
    """Read `;name=value;flag` into a dict with lower-case names; a flag has the value None.

    Quoted values come unquoted. Of a repeated name the first value counts. What is no parameter is passed over.
    """
    found: dict[str, str | None] = {}
    for match in _PARAMETER.finditer(text):
        name, quoted, plain = match.groups()
        found.setdefault(name.lower(), unquote(quoted) if quoted is not None else plain)
    return found


def split_list(value: str) -> list[str]:
    """Split a header field value at the commas outside quotes and angle brackets (RFC 3261 section 7.3.1)."""
    if "," not in value:
        value = value.strip()
        return [value] if value else []
    elements = (match.group().strip() for match in _ELEMENT.finditer(value))
    return [element for element in elements if element]
