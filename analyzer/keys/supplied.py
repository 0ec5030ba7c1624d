"""What a keys file can hold, as records; key octets never appear in a `repr`."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path


class KeyKind(Enum):
    """What a supplied key is for; the values are the table names of a keys file."""

    TPK = "tpk"
    "Ticket protection key (RFC 6043 section 4.1.1)."
    KMS_PSK = "kms_psk"
    "Key that a user shares with the KMS: opens REQUEST_RESP and RESOLVE_RESP."
    MPK = "mpk"
    "MPK of a base ticket."
    TGK = "tgk"
    TEK = "tek"
    PSK = "psk"
    "The pre-shared key of TLS itself."


@dataclass(slots=True)
class SuppliedKey:
    """One key with what is said about where it fits; what is empty fits everywhere."""

    kind: KeyKind
    key: bytes = field(repr=False)
    name: str
    "How reports call it: `keys.toml:12 tpk`."
    kms: str = ""
    "Identity of the KMS."
    holder: str = ""
    "Who holds it: IDRpsk, or the initiator that made the ticket (mode 3)."
    csb_id: int | None = None
    spi: bytes = b""
    forked: bool = False
    "A TGK that is forked already (TGK')."
    identity: bytes | None = field(default=None, repr=False)
    "TLS PSK identity."
    address: str = ""
    "IP address of either end."
    port: int | None = None
    used: int = field(default=0, compare=False)
    "Sessions that it opened."
    fits: bool = field(default=False, compare=False)
    "It verified a ticket or a message of MIKEY-TICKET, whether or not TLS was there to be opened."
    failed: int = field(default=0, compare=False)
    "Sessions that it was tried for, and did not open."


@dataclass(slots=True)
class SuppliedKeys:
    """Everything a user supplied."""

    keys: list[SuppliedKey] = field(default_factory=list)
    key_logs: list[Path] = field(default_factory=list)
    "Files in NSS key log format, as named."
    rsa_files: list[Path] = field(default_factory=list)
    "PEM files of servers' RSA keys."
    named_by: dict[Path, str] = field(default_factory=dict)
    "Where the name of such a file stands: `keys.toml, line 3`; not in it where the user named it."
    notes: list[str] = field(default_factory=list)
    "What is worth a line though it can be used."

    def add(self, other: SuppliedKeys) -> None:
        """Take over what another source supplies."""
        self.keys += other.keys
        self.key_logs += other.key_logs
        self.rsa_files += other.rsa_files
        self.named_by |= other.named_by
        self.notes += other.notes

    def __bool__(self) -> bool:
        return bool(self.keys or self.key_logs or self.rsa_files)
