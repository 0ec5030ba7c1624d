"""Message statistics of one participant (GEN-3; H.248.69 package msrpstat), from the gateway's point of view."""

from __future__ import annotations

from dataclasses import dataclass

from dissectors.h248.model import Property
from replay.mrfp.pieces import Piece


@dataclass(slots=True)
class Counters:
    """Messages with content, their octets, and the chunks that they came in."""

    messages_received: int = 0
    octets_received: int = 0
    chunks_received: int = 0
    messages_sent: int = 0
    octets_sent: int = 0
    chunks_sent: int = 0
    dropped: int = 0
    "Messages that the filter dropped (GEN-4)."

    def count_received(self, piece: Piece) -> None:
        """A piece of a message came from the participant."""
        if piece.body is not None:
            self.octets_received += len(piece.body)
            if piece.closes:
                self.chunks_received += 1
                self.messages_received += piece.flag == "$"

    def add(self, other: Counters) -> None:
        """Add what others counted."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def properties(self) -> list[Property]:
        """As a Statistics descriptor tells them."""
        values = {
            "msrpstat/mr": self.messages_received,
            "msrpstat/or": self.octets_received,
            "msrpstat/cr": self.chunks_received,
            "msrpstat/ms": self.messages_sent,
            "msrpstat/os": self.octets_sent,
            "msrpstat/cs": self.chunks_sent,
            "mf/dropped": self.dropped,
        }
        return [Property(name, [str(value)]) for name, value in values.items()]
