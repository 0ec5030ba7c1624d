"""The keys of a lab: drawn anew, or read from the file that an earlier run wrote; `mrfscope analyze -k` reads the same.

A `[[kms_psk]]` is what a user shares with the KMS; a `[[tpk]]` with a holder is that user's ticket key, one without the
KMS's own (RFC 6043 section 4.1.1).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from pathlib import Path

from analyzer.errors import UserError
from analyzer.keys.keys_file import KeysFileError, read_keys
from analyzer.keys.supplied import KeyKind
from analyzer.user_text import TextError, utf8_text
from replay.keying import Chance
from replay.lab.config import LabConfig

KMS_IDENTITY = "kms.example.net"
OCTETS = 16


@dataclass(frozen=True, slots=True)
class LabKeys:
    """Who shares which key with the KMS."""

    kms: bytes = field(repr=False)
    "The KMS's own ticket key, for mode 1."
    shared: dict[str, bytes] = field(repr=False)
    "By identity, the key shared with the KMS."
    tickets: dict[str, bytes] = field(repr=False)
    "By identity, the ticket key shared with the KMS."
    psk: tuple[str, bytes] | None = field(default=None, repr=False)
    "Identity and key of one leg's TLS, for a program that ends the leg; it is read by no function of the lab."

    def text(self) -> str:
        """As a keys file (docs/keys.md)."""
        lines = ["# Keys of a lab, made by mrfscope lab.", *_table("tpk", "", self.kms)]
        for holder, key in self.tickets.items():
            lines += _table("tpk", holder, key)
        for holder, key in self.shared.items():
            lines += _table("kms_psk", holder, key)
        if self.psk is not None:
            lines += ["", "[[psk]]", f'identity = "{self.psk[0]}"', f'key = "{self.psk[1].hex()}"']
        return "\n".join(lines) + "\n"


def _table(kind: str, holder: str, key: bytes) -> list[str]:
    named = [f'holder = "{holder}"'] if holder else []
    return ["", f"[[{kind}]]", f'kms = "{KMS_IDENTITY}"', *named, f'key = "{key.hex()}"']


def draw_keys(config: LabConfig, chance: Chance = secrets.token_bytes) -> LabKeys:
    """Keys by chance: the conferences, which are the MRFC's, share one of each kind."""
    own, ticket = chance(OCTETS), chance(OCTETS)
    shared = dict.fromkeys(config.conferences, own)
    shared |= {user: chance(OCTETS) for user in config.users}
    return LabKeys(chance(OCTETS), shared, dict.fromkeys(config.conferences, ticket))


def load_keys(path: Path) -> LabKeys:
    """The keys of a file. Raises UserError."""
    try:
        found = read_keys(utf8_text(path.read_bytes()), path).keys
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (TextError, KeysFileError) as error:
        raise UserError(f"{path}: {error}", "`mrfscope lab up --keys-out FILE` writes one") from error
    kms = next((each.key for each in found if each.kind is KeyKind.TPK and not each.holder), b"")
    shared = {each.holder: each.key for each in found if each.kind is KeyKind.KMS_PSK and each.holder}
    tickets = {each.holder: each.key for each in found if each.kind is KeyKind.TPK and each.holder}
    if not kms or not shared:
        raise UserError(f"{path}: not the keys of a lab", "`mrfscope lab up --keys-out FILE` writes one")
    return LabKeys(kms, shared, tickets)
