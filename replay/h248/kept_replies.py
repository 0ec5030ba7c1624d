"""Replies that were sent, for requests that come again (H.248.1 clause 8.1.1, Annex D.1.1)."""

from __future__ import annotations

from dataclasses import dataclass, field

Key = tuple[str, str, int]
"""Address of the peer, its message identifier, transaction id (unique per identifier, clause 8.1)."""


@dataclass(slots=True)
class KeptReplies:
    """Each is kept for LONG-TIMER, or until it is acknowledged; beyond a bound the oldest goes first."""

    keep_for: float
    max_kept: int = 16384
    max_octets: int = 1 << 24
    _kept: dict[Key, tuple[float, bytes]] = field(default_factory=dict)
    "When each goes, and its message; in order of time."
    _octets: int = 0

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, key: Key, now: float) -> bytes | None:
        """The message with the reply that was given, or None."""
        while self._kept:
            oldest = next(iter(self._kept))
            if self._kept[oldest][0] > now:
                break
            self.drop(oldest)
        kept = self._kept.get(key)
        return kept[1] if kept is not None else None

    def keep(self, key: Key, octets: bytes, now: float) -> None:
        """Keep the message with a reply."""
        self.drop(key)
        self._kept[key] = (now + self.keep_for, octets)
        self._octets += len(octets)
        while len(self._kept) > self.max_kept or self._octets > self.max_octets:
            self.drop(next(iter(self._kept)))

    def drop(self, key: Key) -> None:
        """Forget a reply, if it is there."""
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._octets -= len(kept[1])
