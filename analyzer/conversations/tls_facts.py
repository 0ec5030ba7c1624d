"""What a TLS connection showed: its handshake, how it ended, and whether it could be opened and why."""

from __future__ import annotations

from dataclasses import dataclass, field

from analyzer.findings import Finding


@dataclass(slots=True)
class TlsMoment:
    """Something that happened in the clear, or came to light."""

    time: int
    frames: tuple[int, ...]
    direction: int
    what: str


@dataclass(slots=True)
class TlsFacts:
    """One TLS connection; direction 0 is that of the side that opened the TCP connection."""

    outcome: str = "no_key"
    "`decrypted`, or the reason why not: a key of `coverage.tls.undecrypted`."
    explanation: str = ""
    "What was found, and what to supply."
    version: str = ""
    cipher_suite: str = ""
    client: int | None = None
    "Direction of the side that sent ClientHello."
    psk_identity: bytes | None = field(default=None, repr=False)
    psk_hint: bytes | None = field(default=None, repr=False)
    is_psk: bool | None = None
    "A PSK authenticates it: a PSK suite, or pre_shared_key in TLS 1.3. None: no ServerHello seen."
    offers_psk: bool | None = None
    "A ClientHello offered a PSK suite, or an external key of TLS 1.3. None: no ClientHello seen."
    client_random: bytes = b""
    server_random: bytes = b""
    server_name: str = ""
    resumed: bool = False
    hello: TlsMoment | None = None
    "The first ClientHello."
    established: TlsMoment | None = None
    "When both sides had sent Finished."
    alerts: list[TlsMoment] = field(default_factory=list)
    "`fatal unknown_psk_identity`, `encrypted alert`, ..."
    fatal: TlsMoment | None = None
    close_notify: tuple[bool, bool] = (False, False)
    key: str = ""
    "Which key opened it, and how it was derived: `keys.toml:3 tpk: TPK > ticket > TGK > TEK`."
    certificates: tuple[str, ...] = ()
    "SHA-256 fingerprints of the server's certificates, colon-separated hexadecimal."
    opened: int = 0
    "Protected records that were opened."
    unopened: int = 0
    frames: tuple[int, ...] = ()
    "Every frame that carries its octets; only kept for a hand-over."
    plain: list[tuple[int, int, bytes]] = field(default_factory=list, repr=False)
    "What was decrypted: direction, time, octets; only kept for a hand-over."
    internal: Finding | None = None
    "What failed while it was read; a finding of its session."
    key_log: tuple[str, ...] = field(default=(), repr=False)
    "Key log lines that open it elsewhere: secrets."

    @property
    def decrypted(self) -> bool:
        return self.outcome == "decrypted"
