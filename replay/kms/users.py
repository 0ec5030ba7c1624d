"""Whom the KMS knows: users with the key that each shares with it, ticket keys, and who may have which ticket."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from analyzer.user_text import TextError, read_toml
from replay.events import Endpoint
from replay.kms.faults import FAULTS


@dataclass(frozen=True, slots=True)
class KmsUser:
    """One KMS user identity (RFC 6043 section 3)."""

    identity: str
    psk: bytes = field(repr=False)
    "Shared with the KMS: protects the exchanges with it."
    tpk: bytes | None = field(default=None, repr=False)
    "A ticket key of its own, for tickets that it makes itself (mode 3) or opens itself (mode 2)."
    may_request: bool = True
    may_resolve: bool = True


@dataclass(frozen=True, slots=True)
class KmsConfig:
    """How one KMS is set up."""

    local: Endpoint
    identity: str = "kms.example.net"
    users: tuple[KmsUser, ...] = ()
    tpk: bytes = field(default=b"", repr=False)
    "The KMS's own ticket key, for mode 1."
    lifetime: int = 86400
    "s for which tickets are valid."
    clock_skew: int = 300
    "s by which the clock of who asks may differ."
    faults: frozenset[str] = frozenset()
    "Rows of `FAULTS` to break."

    def __post_init__(self) -> None:
        if unknown := self.faults - FAULTS.keys():
            raise ValueError(f"the KMS cannot break {', '.join(sorted(unknown))}")

    def user(self, identity: bytes) -> KmsUser | None:
        """Whose identity this is."""
        return next((each for each in self.users if each.identity.encode() == identity), None)

    def ticket_keys(self) -> list[bytes]:
        """Every ticket key that the KMS knows, its own first."""
        return [key for key in (self.tpk, *(user.tpk for user in self.users)) if key]


def read_config(text: str, local: Endpoint) -> KmsConfig:
    """A users file: `identity`, `tpk`, `lifetime`, and `[[user]]` tables. Raises ValueError that says what is wrong."""
    try:
        raw = read_toml(text)
    except TextError as error:
        raise ValueError(f"users file: {error}") from None
    tables = raw.get("user", [])
    if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
        raise ValueError("users file: write [[user]] before each user")
    users = []
    for number, table in enumerate(tables, 1):
        where = f"users file: [[user]] number {number}"
        unknown = table.keys() - {"identity", "psk", "tpk", "may_request", "may_resolve"}
        if unknown:
            raise ValueError(f"{where}: no field {', '.join(sorted(unknown))}")
        if not isinstance(table.get("identity"), str):
            raise ValueError(f"{where}: identity is a text")
        users.append(
            KmsUser(
                table["identity"],
                _key(table, "psk", where) or b"",
                _key(table, "tpk", where, needed=False),
                bool(table.get("may_request", True)),
                bool(table.get("may_resolve", True)),
            )
        )
    tpk = _key(raw, "tpk", "users file", needed=False) or b""
    lifetime = raw.get("lifetime", 86400)
    if not isinstance(lifetime, int) or lifetime < 1:
        raise ValueError("users file: lifetime is a number of seconds")
    return KmsConfig(local, str(raw.get("identity", "kms.example.net")), tuple(users), tpk, lifetime)


def _key(table: dict[str, Any], name: str, where: str, *, needed: bool = True) -> bytes | None:
    value = table.get(name)
    if value is None and not needed:
        return None
    try:
        found = bytes.fromhex(value) if isinstance(value, str) else b""
    except ValueError:
        found = b""
    if not found:
        raise ValueError(f"{where}: {name} is a key in hexadecimal")
    return found
