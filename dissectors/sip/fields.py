"""Typed values of the header fields that link and explain SIP sessions.

RFC 3262 (RSeq, RAck), RFC 3326 (Reason), RFC 3840 and 4579 (isfocus), RFC 7315 (P-Charging-Vector), RFC 7989
(Session-ID).
A value that cannot be read gives None, as if it were absent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from dissectors.errors import DecodeError
from dissectors.sip.address import address_uri, parse_name_addr
from dissectors.sip.parameters import parse_parameters

_NUMBER = re.compile(r"[0-9]{1,10}")
# sess-uuid = 32(DIGIT / %x61-66); upper case is read too.
_SESSION_UUID = re.compile(r"[0-9A-Fa-f]{32}")


@dataclass(slots=True)
class Reason:
    """One reason-value (RFC 3326 section 2)."""

    protocol: str
    "`SIP`, `Q.850`, ... as written."
    cause: int | None
    "The protocol's own code: a SIP status, a Q.850 cause."
    text: str


def read_number(value: str | None) -> int | None:
    """An unsigned number of at most 32 bits."""
    if value is None or _NUMBER.fullmatch(value) is None:
        return None
    number = int(value)
    return number if number < 1 << 32 else None


def read_rack(value: str | None) -> tuple[int, int, str] | None:
    """RAck = response-num LWS CSeq-num LWS Method (RFC 3262 section 10)."""
    words = value.split() if value is not None else []
    if len(words) != 3:
        return None
    response_number, cseq = read_number(words[0]), read_number(words[1])
    return None if response_number is None or cseq is None else (response_number, cseq, words[2])


def read_contact_uri(contacts: list[str]) -> str | None:
    """The URI of the first contact; None for `*` and for what is no address."""
    if not contacts or contacts[0] == "*":
        return None
    try:
        return address_uri(contacts[0]) or None
    except DecodeError:
        return None


def read_is_focus(contacts: list[str]) -> bool:
    """Has a contact the feature parameter `isfocus`?"""
    for contact in contacts:
        if "isfocus" in contact.lower():
            try:
                if "isfocus" in parse_name_addr(contact).params:
                    return True
            except DecodeError:
                continue
    return False


def read_icid(value: str | None) -> str | None:
    """icid-value = gen-value, quoted or not (RFC 7315 section 5.6)."""
    return None if value is None else parse_parameters(";" + value).get("icid-value") or None


def read_session_id(value: str | None) -> tuple[str, str] | None:
    """session-ID-value = local-uuid *(SEMI sess-id-param), with `remote` (RFC 7989 section 5), in lower case."""
    if value is None:
        return None
    local, semicolon, rest = value.partition(";")
    local = local.strip()
    if _SESSION_UUID.fullmatch(local) is None:
        return None
    remote = parse_parameters(semicolon + rest).get("remote") or ""
    return local.lower(), remote.lower() if _SESSION_UUID.fullmatch(remote) else ""


def read_reasons(values: list[str]) -> list[Reason]:
    """Reason values in order; a cause that is no number is None."""
    reasons = []
    for value in values:
        protocol, semicolon, rest = value.partition(";")
        params = parse_parameters(semicolon + rest)
        reasons.append(Reason(protocol.strip(), read_number(params.get("cause")), params.get("text") or ""))
    return reasons
