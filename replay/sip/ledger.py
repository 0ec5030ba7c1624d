"""How many octets may go to an address that has not shown that it is there: at most three times what came from it.

The source of a UDP datagram is easily forged. Until an address has shown, by octets of ours that only a receiver knows,
that it gets what we send, it is sent no more than a multiple of what it sent (the bound of QUIC, RFC 9000 section 8.1).
So whoever forges the address of somebody else does no more harm than three times what sending there directly would do,
however often a request is to be repeated.
"""

from __future__ import annotations

from collections import Counter

FACTOR = 3
"Octets that may go to an address for each that came from it (RFC 9000 section 8.1)."
MOST = 1 << 16
"Octets that an address may have to its credit."
LAPSE = 64.0
"""s after the last word of an address, from when nothing that it said pays any more: time for a 200 without an ACK,
and for the BYE after it (64 T1 each, RFC 3261 section 13.3.1.4)."""
MAX_ADDRESSES = 10_000
"Addresses with an account; of more than these the one that was heard least recently loses its own."


class Ledger:
    """Accounts by IP address: ports are chosen by whoever sends, and are no other host."""

    def __init__(self) -> None:
        self._credit: dict[str, tuple[int, float]] = {}
        "With the time when the address was heard last."
        self.held_back: Counter[str] = Counter()
        "Octets that were not sent, by address; of addresses with an account alone."

    def __len__(self) -> int:
        return len(self._credit)

    def credit(self, address: str, now: float) -> int:
        """Octets that may go there now."""
        credit, heard = self._credit.get(address, (0, now))
        return credit if now - heard <= LAPSE else 0

    def heard(self, address: str, octets: int, now: float) -> None:
        """So many octets came from there, or from somebody else who asks for something to be sent there."""
        credit = self.credit(address, now)
        self._credit.pop(address, None)
        if len(self._credit) >= MAX_ADDRESSES:
            oldest = next(iter(self._credit))
            del self._credit[oldest]
            self.held_back.pop(oldest, None)
        self._credit[address] = min(credit + FACTOR * octets, MOST), now

    def spend(self, address: str, octets: int, now: float) -> bool:
        """Take octets off an account; False where there are not so many, and nothing may be sent."""
        credit = self.credit(address, now)
        if credit < octets:
            if address in self._credit:
                self.held_back[address] += octets
            return False
        self._credit[address] = credit - octets, self._credit.get(address, (0, now))[1]
        return True
