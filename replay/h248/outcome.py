"""What the transaction layer tells the network function above it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dissectors.h248 import TransactionReply, TransactionRequest
from replay.h248.route import Route


@dataclass(frozen=True, slots=True)
class Asked:
    """A request came, for the first time: it is to be answered with `Transactions.reply`, at once or later."""

    route: Route
    mid: str
    "Who sent it, by the message's header."
    version: int
    "Of the message's header."
    encoding: str
    "`text` or `binary`; the reply goes back in the same."
    request: TransactionRequest

    @property
    def key(self) -> tuple[str, str, int]:
        """What a repetition has in common: address, message identifier, transaction id (H.248.1 clause 8.1)."""
        return (self.route.peer_address, self.mid, self.request.transaction_id)


@dataclass(frozen=True, slots=True)
class Answered:
    """The reply to a request of ours."""

    transaction_id: int
    reply: TransactionReply
    topic: Any
    "What `Transactions.request` was given."
    mid: str
    version: int


@dataclass(frozen=True, slots=True)
class GaveUp:
    """A request of ours will not be answered any more."""

    transaction_id: int
    topic: Any
    why: str
    "`no reply`, `too many pendings` or `connection lost`."


Outcome = Asked | Answered | GaveUp
