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


_PERSONAL = re.compile(r"@|^(?:sips?|tel|urn):|^\+?[0-9().-]{5,}$", re.IGNORECASE)
"What looks like an identity of a subscriber: most PSK identities are names of keys."


def psk_identity_text(identity: bytes, *, identities: bool) -> str:
    """A PSK identity as text; masked where it looks like a subscriber's, unless `identities`."""
    text = identity.decode("utf-8", "backslashreplace")
    return text if identities or not _PERSONAL.search(text) else masked_identity(text)


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
    return shortened(_ADDRESS_IN_TEXT.sub("...@", plain))


def shortened(text: str) -> str:
    """A text from the wire, cut where it is longer than `SHOWN`."""
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."
