"""Who agrees on keys, and with which keys of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from dissectors.mikey import Idr, IdRole, IdType, MikeyMessage, Verification, idr, make_message

Chance = Callable[[int], bytes]
"Draws so many random octets."


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """One end of key agreements; its keys are left out of `repr`."""

    kms: str = "kms.example.net"
    "The identity of the KMS."
    kms_key: bytes = field(default=b"", repr=False)
    "Shared with the KMS, for the exchanges with it."
    kms_key_identity: str = ""
    "IDRpsk: which key that is; empty where the identity of the user tells it."
    ticket_keys: Mapping[int, bytes] = field(default_factory=dict, repr=False)
    """By mode (RFC 6043 section 4.1.1) the ticket key that this end has: as responder for mode 2, shared with the KMS;
    as initiator for mode 3, shared with the KMS; for mode 4, shared with the other end."""
    prot_type: int = 2
    "What stands for TLS as the protocol of a crypto session; none is registered."
    tek_length: int = 16
    "Octets of the TEK, the Pre-Shared Key of TLS."
    ticket_lifetime: int = 86400
    "s, of tickets that it asks for or makes."
    clock_skew: float = 300.0
    "s that the clocks of two ends may differ."


def unagreed(uri: str) -> bytes:
    """The key that both ends take for a user where a row that is broken on purpose has them do without an agreement.

    It is no secret, but one for each user, so that legs do not share it (row MRFP-TLS-2).
    """
    return sha256(f"unagreed {uri.lower()}".encode("utf-8", "surrogateescape")).digest()[:16]


def not_by_chance(octets: int) -> bytes:
    """What is drawn where one key for all is to come of it (row MRFP-TLS-2)."""
    return bytes(range(octets))


class KeyingRefused(Exception):  # noqa: N818 - it is an answer to a peer, not a fault of ours
    """A key agreement that is not to be; the text names no key and no identity."""


def identity(role: IdRole, uri: str) -> Idr:
    """An identity payload for a URI."""
    return idr(role, IdType.URI, uri)


def spoil_mac(message: MikeyMessage) -> MikeyMessage:
    """The message with a MAC that does not fit, for faults that are asked for."""
    v = message.verification
    if v is None:
        return message
    wrong = Verification(v.auth_alg, v.mac[:-1] + bytes([v.mac[-1] ^ 1]))
    return make_message(message.header, [*message.payloads[:-1], wrong])
