"""Timers of H.248 over UDP (H.248.1 Annex D.1, application level framing), in seconds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timers:
    """When a transaction is repeated, given up, and forgotten."""

    first_repeat: float = 0.5
    "The wait before the first repetition; each further one is twice as long (D.1.5)."
    longest_repeat: float = 4.0
    "No wait is longer than this."
    give_up: float = 25.0
    "T-MAX: the peer is taken for gone after this long without a reply (D.1.4)."
    keep_reply: float = 30.0
    "LONG-TIMER: how long a reply is kept for repetitions of its request; T-MAX and the network delay (D.1.1)."
    provisional: float = 2.0
    "A request that takes longer is answered with Pending (root package, provisional response timer values)."
    after_pending: float = 8.0
    "The wait before a request is repeated that was answered with Pending."
    pending_limit: int = 20
    "Pendings for one request before it is given up (error 506)."

    def waits(self) -> Iterator[float]:
        """The waits between repetitions."""
        wait = self.first_repeat
        while True:
            yield wait
            wait = min(2 * wait, self.longest_repeat)
