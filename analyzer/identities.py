"""Subscriber identities in text that goes into reports: masked unless asked for (decision 6)."""

from __future__ import annotations

import re
from collections.abc import Sequence

_NUMBER = re.compile(r"\+?[0-9().-]{5,}(;.*)?")

_MSRP_USER = re.compile(r"^(\w+://)[^/@]*@")


def masked_identity(uri: str) -> str:
    """A URI without what names the subscriber: `sip:...@ims.example.net`; the rest goes altogether."""
    scheme, colon, rest = uri.partition(":")
    if not colon:
        return "..." if uri else ""
    _, at, host = rest.rpartition("@")
    if at:
        return f"{scheme}:...@{host}"
    if scheme.lower() in ("sip", "sips") and (rest.count(".") == 3 or not _NUMBER.fullmatch(rest)):
        return uri
    return uri if uri.lower().startswith("urn:service:") else f"{scheme}:..."


def masked_path(path: Sequence[str]) -> list[str]:
    """MSRP URIs without their user part (RFC 4975 section 6)."""
    return [_MSRP_USER.sub(r"\1...@", uri) if "@" in uri else uri for uri in path]


def path_text(path: Sequence[str]) -> str:
    """An `a=path` value for a finding, or a word for none."""
    return " ".join(masked_path(path)) or "no a=path"


_URI_IN_TEXT = re.compile(r"\b(sips?|tel|im|pres|xmpp|msrps?|mailto):[^\s\"<>;,()]+", re.IGNORECASE)
_ADDRESS_IN_TEXT = re.compile(r"[^\s\"<>;,():/@]+@(?=[\w.-])")
SHOWN = 120
"Characters of a text from the wire that are shown at most."


def masked_text(text: str) -> str:
    """Free text from the wire (a reason phrase, a Warning) in one short line, without what names subscribers."""
    plain = " ".join(text.split())[: 4 * SHOWN]
    plain = _URI_IN_TEXT.sub(lambda found: masked_identity(found[0]), plain)
    plain = _ADDRESS_IN_TEXT.sub("...@", plain)
    return plain if len(plain) <= SHOWN else plain[: SHOWN - 3] + "..."
