"""MIKEY messages that were seen before (RFC 6043 section 5.3, RFC 3830 section 5.4).

Only authentic messages are kept in mind, else anybody could have the old ones forgotten: a message is taken note of
when it comes, so that a second one beside it is refused, and forgotten when it turns out to be good for nothing.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

MAX_REMEMBERED = 65536


@dataclass(slots=True)
class Replays:
    """Remembers messages for as long as their timestamps are taken for fresh."""

    keep_for: float
    "s"
    _seen: dict[bytes, float] = field(default_factory=dict)
    "By digest, until when; in order of time."

    def is_new(self, octets: bytes, now: float) -> bool:
        """Take note of a message; False when it was seen before."""
        while self._seen:
            oldest = next(iter(self._seen))
            if self._seen[oldest] > now and len(self._seen) < MAX_REMEMBERED:
                break
            del self._seen[oldest]
        digest = _digest(octets)
        if digest in self._seen:
            return False
        self._seen[digest] = now + self.keep_for
        return True

    def forget(self, octets: bytes) -> None:
        """Nothing came of a message: its MAC does not fit, or nobody could tell."""
        self._seen.pop(_digest(octets), None)


def _digest(octets: bytes) -> bytes:
    return hashlib.sha256(octets).digest()
