"""SEND requests as parts of messages: Byte-Range held against the octets, chunks joined (RFC 4975 sections 5.1, 7.1.1).

Bodies are not kept; their octets are counted, and their characters where the octets do not agree with what was said.
Kinds and details of observations are those of `msrp_facts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analyzer.conversations.connection import Row
from analyzer.conversations.msrp_facts import RESPONSE_TIME, Detail
from analyzer.conversations.msrp_watch import Ending, ExchangeWatch
from analyzer.conversations.msrp_way import Way
from dissectors.msrp import JoinedMessage, MessageAssembler, MsrpMessage

_CONTINUATION = bytes(range(0x80, 0xC0))
"The octets of UTF-8 that begin no character (RFC 3629 section 3)."

Key = tuple[int, int, str]
"session, direction, Message-ID"


@dataclass(slots=True)
class _Begun:
    """A message of which chunks came, and not all."""

    first: Row
    last: Row
    whole: bool
    "Nothing of it can have been lost in a gap of the capture."
    characters: int | None = 0
    "None: a body was not kept."
    ended: bool = False
    "Its last chunk came."


def characters_of(body: bytes | None) -> int | None:
    """How many characters the octets of a UTF-8 text are, also of a part of one; None for what is not there."""
    return None if body is None else len(body.translate(None, _CONTINUATION))


def _counted(announced: int, octets: int, characters: int | None, before: int = 0) -> dict[str, Detail]:
    """The detail `characters`, where counting characters explains what was announced."""
    if characters is not None and characters != octets and before + characters == announced:
        return {"characters": characters}
    return {}


class ChunkWatch:
    """The SEND requests of one connection, other than those that are usual in every way."""

    __slots__ = ("_assembler", "_begun", "_watch", "_ways")

    def __init__(self, watch: ExchangeWatch, ways: Sequence[tuple[Way, Way]]) -> None:
        self._watch = watch
        self._ways = ways
        self._assembler: MessageAssembler | None = None
        self._begun: dict[Key, _Begun] = {}

    def send(self, message: MsrpMessage, way: Way, row: Row, whole: bool) -> None:
        """A SEND passed; `whole`: it is a message, not a part of one."""
        size = message.body_size
        if size and not message.content_type:
            self._watch.observe("no-content-type", row, {"message_id": message.message_id, "octets": size})
        announced_total = self._hold_range(message, way, row, whole)
        if not whole:
            self._join(message, way, row)
            return
        way.whole_message(size, row[1][-1])
        if announced_total is not None and announced_total != size:
            self._observe_total(row, message.message_id, announced_total, size, characters_of(message.body))

    def _hold_range(self, message: MsrpMessage, way: Way, row: Row, whole: bool) -> int | None:
        """Hold a Byte-Range against the body; returns the total it announces."""
        byte_range = message.byte_range
        if byte_range is None:
            return None
        start, end, total = byte_range
        size = message.body_size
        if total is not None and (start > total + 1 or (end is not None and end > total)):
            detail: dict[str, Detail] = {"message_id": message.message_id, "start": start, "end": end, "total": total}
            self._watch.observe("range-beyond-total", row, detail)
        # Who gives up says so with `#`, behind fewer octets than announced. A total that is wrong in the same way is
        # one fact with it.
        if end is not None and end != start + size - 1 and message.flag != "#" and not (whole and end == total):
            more = _counted(end, size, characters_of(message.body), start - 1)
            detail = {"message_id": message.message_id, "start": start, "announced": end, "octets": size, **more}
            self._watch.observe("range-end", row, detail)
        return total

    def _observe_total(self, row: Row, message_id: str, announced: int, size: int, characters: int | None) -> None:
        more = _counted(announced, size, characters)
        detail: dict[str, Detail] = {"message_id": message_id, "announced": announced, "octets": size, **more}
        self._watch.observe("range-total", row, detail)

    def _join(self, message: MsrpMessage, way: Way, row: Row) -> None:
        if self._assembler is None:
            self._assembler = MessageAssembler(max_kept=0)
        key = way.index, way.direction, message.message_id
        begun = self._begun.get(key)
        if begun is None:
            at_start = message.byte_range is None or message.byte_range.start == 1
            begun = self._begun[key] = _Begun(row, row, at_start or not self._watch.lost[way.direction])
        begun.last = row
        begun.ended = begun.ended or message.flag == "$"
        characters = characters_of(message.body) if message.body_size else 0
        begun.characters = None if begun.characters is None or characters is None else begun.characters + characters
        for joined in self._assembler.receive_chunk(message, key):
            self._take(joined)

    def _take(self, joined: JoinedMessage) -> None:
        """A message is complete, was given up by its sender, or is one too many to wait for."""
        key: Key = joined.key  # type: ignore[assignment]
        begun = self._begun.pop(key)
        way = self._ways[key[0]][key[1]]
        message_id = joined.message_id
        if joined.overlaps and begun.whole:
            twice = sum(last - first + 1 for first, last in joined.overlaps)
            self._watch.observe("chunk-overlap", begun.first, {"message_id": message_id, "twice": twice}, begun.last)
        if joined.complete:
            way.joined += 1
            way.whole_message(joined.size, begun.last[1][-1])
            if message_id in way.asked:
                way.joined_sizes[message_id] = joined.size
            announced = joined.declared_total
            if announced is not None and announced != joined.size:
                self._observe_total(begun.last, message_id, announced, joined.size, begun.characters)
        elif joined.aborted:
            self._watch.observe("aborted", begun.last, {"message_id": message_id, "octets": joined.size}, begun.first)
            way.settled.add(message_id)

    def lose(self, direction: int) -> None:
        """Octets of a direction are missing here: nothing is said of what it has begun."""
        for (_, begun_direction, _), begun in self._begun.items():
            if begun_direction == direction:
                begun.whole = False

    def finish(self, ending: Ending) -> None:
        """Judge what was not finished."""
        if self._assembler is None:
            return
        for joined in self._assembler.receive_eof():
            key: Key = joined.key  # type: ignore[assignment]
            _, direction, message_id = key
            begun = self._begun.pop(key)
            waited = ending.last - begun.last[0]
            if not begun.whole or not (ending.finished[direction] or waited >= RESPONSE_TIME):
                continue
            if begun.ended:
                missing = sum(last - first + 1 for first, last in joined.holes)
                detail: dict[str, Detail] = {"message_id": message_id, "octets": joined.size, "missing": missing}
                self._watch.observe("chunk-lost", begun.last, detail, begun.first)
            else:
                detail = {"message_id": message_id, "octets": joined.size, "waited": waited}
                self._watch.observe("unfinished", begun.last, detail, begun.first)
