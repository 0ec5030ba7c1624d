"""The first octets of one direction of a connection, until they show who speaks.

A protocol is told by its octets, however they were cut into segments: a start line may come one octet at a time.
"""

from __future__ import annotations

from collections import deque

from analyzer.streams.speakers import StreamSpeaker, stream_speaker
from analyzer.transport.tcp import Piece

LISTENED = 18_000
"Octets of a direction that are looked at before a connection counts as none of ours: a dozen full segments."
KEPT = 2_048
"The latest octets that are looked at together: a start line, and what may stand before it."


class EarlyOctets:
    """The pieces that came while nobody knew what speaks; at most `KEPT` octets beside the latest piece."""

    __slots__ = ("_kept", "_listened", "_pieces")

    def __init__(self) -> None:
        self._pieces: deque[Piece] = deque()
        self._kept = 0
        self._listened = 0

    @property
    def was_heard(self) -> bool:
        """Any octet came while nobody knew what speaks."""
        return self._listened > 0

    @property
    def is_exhausted(self) -> bool:
        """So much was looked at in vain that nothing of ours speaks here."""
        return self._listened >= LISTENED

    def receive(self, piece: Piece) -> StreamSpeaker | None:
        """Take the next piece; who speaks, once it shows. `take` then gives the pieces to be read."""
        pieces = self._pieces
        if pieces and pieces[-1].offset + len(pieces[-1].data) != piece.offset:
            self._forget()
        pieces.append(piece)
        self._kept += len(piece.data)
        self._listened += len(piece.data)
        speaker = stream_speaker(piece.data)
        if speaker is not None:
            while len(pieces) > 1:
                pieces.popleft()
            return speaker
        if len(pieces) == 1:
            return None
        while self._kept - len(pieces[0].data) >= KEPT:
            self._kept -= len(pieces.popleft().data)
        return stream_speaker(b"".join([each.data for each in pieces]))

    def take(self) -> list[Piece]:
        """The pieces in which the speaker begins, and what came since; they are kept no longer."""
        pieces = list(self._pieces)
        self._forget()
        return pieces

    def _forget(self) -> None:
        self._pieces.clear()
        self._kept = 0
