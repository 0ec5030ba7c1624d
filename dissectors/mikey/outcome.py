"""What is known beforehand, and what comes of opening a key exchange with it: keys, checks, and why not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from dissectors.mikey.key_data import KeyData


class SecretKind(Enum):
    """What a key is for."""

    TPK = "ticket protection key"
    "Shared by KMS and initiator, responder, both or none: the mode says who (RFC 6043 section 4.1.1)."
    KMS_PSK = "key shared with the KMS"
    "Of the initiator (opens REQUEST_RESP) or of the responder (opens RESOLVE_RESP)."
    MPK = "MPK of a base ticket"
    TGK = "TGK"
    "Not forked."
    FORKED_TGK = "TGK'"
    TEK = "TEK"


@dataclass(frozen=True, slots=True)
class Secret:
    """A key that somebody supplies; its octets are left out of `repr`."""

    kind: SecretKind
    key: bytes = field(repr=False)
    name: str = ""
    "How its owner calls it, for traces and failures."
    spi: bytes = b""
    "For TGK and TEK: only for crypto sessions with this SPI; empty for any."


class Reason(Enum):
    """Why something could not be opened, or is not as it should be. One that is about a key blames no message."""

    NO_KEY = "no key was supplied that could open it"
    WRONG_TICKET_KEY = "the ticket's MAC does not fit the ticket key"
    UNREADABLE_TICKET = "the ticket data is not that of a base ticket"
    WRONG_KMS_KEY = "neither message of the exchange with the KMS fits the key"
    WRONG_KMS_RESPONSE = "the request to the KMS fits the key, its response does not"
    KMS_REFUSED = "the KMS answered with an Error message"
    OTHER_TICKET = "the exchange with the KMS was about another ticket"
    WRONG_TRANSFER_INIT = "the MAC of TRANSFER_INIT does not fit the ticket"
    WRONG_INITIATOR_DATA = "Vi or Vr in the ticket does not fit TRANSFER_INIT and the ticket"
    RESPONSE_MISSING = "the key depends on TRANSFER_RESP, which is not there"
    RESPONSE_MISMATCH = "what is given as TRANSFER_RESP answers something else"
    RESPONSE_INCOMPLETE = "TRANSFER_RESP lacks what the key depends on"
    WRONG_TRANSFER_RESP = "the MAC of TRANSFER_RESP does not fit"
    TRANSFER_REFUSED = "the responder answered with an Error message"
    WRONG_KEMAC = "encrypted keys in a message do not decrypt to keys"
    NO_SESSION_KEY = "no TGK or TEK for a crypto session"
    NO_CRYPTO_SESSION = "the messages have no crypto session"
    NO_TICKET = "the message has no ticket"
    UNSUPPORTED = "an algorithm is not known"
    UNREADABLE = "part of a message cannot be read"


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that went wrong."""

    reason: Reason
    detail: str = ""
    "What exactly, without keys and identities."
    secret: Secret | None = None
    "The key that was tried."

    def __str__(self) -> str:
        name = f"{self.secret.kind.value} {self.secret.name}".strip() + ": " if self.secret else ""
        return f"{name}{self.reason.value}" + (f" ({self.detail})" if self.detail else "")


class RefusalError(Exception):
    """Raised inside the package to end an attempt with its failure."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySource:
    """The keys that one secret led to, before they are used."""

    secret: Secret
    trace: tuple[str, ...]
    "The way there: TPK, ticket."
    mpk_i: bytes | None = field(default=None, repr=False)
    mpk_r: bytes | None = field(default=None, repr=False)
    "Not forked."
    mpk_r_forked: bytes | None = field(default=None, repr=False)
    keys: tuple[KeyData, ...] = ()
    "TGK, TEK and GTGK."
    forked: bool = False
    "Whether the TGKs are forked already, as in RESOLVE_RESP."


@dataclass(frozen=True, slots=True)
class Tek:
    """The key of one crypto session; for TLS it is the PSK (TS 33.328 Annex H.3)."""

    cs_id: int
    prot_type: int
    key: bytes = field(repr=False)
    trace: tuple[str, ...]
    "The way there: TPK, ticket, TGK, TGK', TEK."
    spi: bytes = b""
    transported: bool = False
    "Carried as it is; else derived, and its length is the one asked for."
    salt: bytes | None = field(default=None, repr=False)
    "The salt that came with the key, if one did."

    @property
    def how(self) -> str:
        """The trace for a reader."""
        return " -> ".join(self.trace)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """Which MACs fit; None for what could not be checked or is not there."""

    ticket: bool | None = None
    "The ticket, or the response of the KMS that stands for it."
    transfer_init: bool | None = None
    vi: bool | None = None
    vr: bool | None = None
    transfer_resp: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What one secret led to."""

    secret: Secret
    teks: tuple[Tek, ...] = ()
    checks: Checks = field(default_factory=Checks)
    failures: tuple[Failure, ...] = ()

    @property
    def opened(self) -> bool:
        """Whether there are session keys and nothing speaks against them, be it checked or not."""
        return bool(self.teks) and not self.failures


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlocked:
    """What became of a transfer: the best attempt, and all of them."""

    teks: tuple[Tek, ...] = ()
    "In the order of crypto sessions, keys and lengths; also where a MAC does not fit: see `opened` and `authentic`."
    checks: Checks = field(default_factory=Checks)
    failures: tuple[Failure, ...] = ()
    "Of the best attempt; when no secret opened anything, those of all."
    attempts: tuple[Attempt, ...] = ()

    @property
    def authentic(self) -> bool:
        """Whether there are session keys, and ticket and messages are proven to be from those who share its key.

        False for a TGK or TEK that somebody supplied: the MACs are under other keys.
        """
        return bool(self.teks) and not self.failures and bool(self.checks.ticket and self.checks.transfer_init)

    @property
    def opened(self) -> bool:
        """Whether there are session keys and nothing speaks against them, be it checked or not."""
        return bool(self.teks) and not self.failures

    def candidates(self) -> list[tuple[Secret, Tek]]:
        """Every TEK that any secret gave, the best attempt's first: for whoever can tell which opens the session."""
        ranked = sorted(self.attempts, key=_rank, reverse=True)
        return [(attempt.secret, tek) for attempt in ranked for tek in attempt.teks]

    def reasons(self) -> list[Reason]:
        """The reasons of the failures."""
        return [failure.reason for failure in self.failures]


def choose(attempts: Sequence[Attempt], failures: Sequence[Failure] = ()) -> Unlocked:
    """The attempt with keys and nothing against them, the most checked; else one with keys, else the most checked.

    `failures` are those that stand whatever was tried.
    """
    best = max(attempts, key=_rank, default=None)
    if best is None or not (best.teks or _depth(best)):
        found = [failure for attempt in attempts for failure in attempt.failures]
        return Unlocked(failures=(*failures, *found), attempts=tuple(attempts))
    return Unlocked(
        teks=best.teks,
        checks=best.checks,
        failures=(*failures, *best.failures),
        attempts=tuple(attempts),
    )


def _rank(attempt: Attempt) -> tuple[bool, bool, int]:
    return attempt.opened, bool(attempt.teks), _depth(attempt)


def _depth(attempt: Attempt) -> int:
    """How many MACs fit, the ticket's first of all."""
    checks = attempt.checks
    return sum(each is True for each in (checks.ticket, checks.transfer_init, checks.transfer_resp))
