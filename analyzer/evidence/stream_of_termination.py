"""A termination as one of its streams sees it: what commands, events and signals say of the others is left out.

Events and signals without a stream id are about the termination as a whole (H.248.1 clauses 7.1.9 and 7.1.11).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol, TypeVar

from analyzer.conversations.h248_termination import Termination
from analyzer.conversations.h248_transactions import CommandPair
from analyzer.conversations.media import MediaEnd
from dissectors.h248 import Command, CommandName
from dissectors.h248.model import Signal, SignalList


class _OfStream(Protocol):
    @property
    def stream_id(self) -> int | None: ...


T = TypeVar("T", bound=_OfStream)


def narrowed(life: Termination, stream_id: int) -> Termination:
    """The termination with this stream alone; itself where it has no other."""
    if {*life.local, *life.remote} <= {stream_id} and all(number == stream_id for _, _, number in life.earlier_ends):
        return life
    # Commands before the first that names the stream are about others: it was added later.
    begin = min((each.transaction.first for each in life.pairs if _names(each, stream_id)), default=0)
    pairs = [_pair(each, stream_id) for each in life.pairs if each.transaction.first >= begin]
    return replace(
        life,
        local=_one(life.local, stream_id),
        remote=_one(life.remote, stream_id),
        earlier_ends=[each for each in life.earlier_ends if each[2] == stream_id],
        pairs=pairs,
        stream_added=life.added and not any(each.command.name == CommandName.ADD for each in pairs),
    )


def _names(pair: CommandPair, stream_id: int) -> bool:
    medias = [each.media for each in (pair.request, pair.reply) if each is not None]
    return any(media is not None and stream_id in media.streams for media in medias)


def _one(ends: dict[int, MediaEnd], stream_id: int) -> dict[int, MediaEnd]:
    return {stream_id: ends[stream_id]} if stream_id in ends else {}


def _pair(pair: CommandPair, stream_id: int) -> CommandPair:
    request, reply = _command(pair.request, stream_id), _command(pair.reply, stream_id)
    return replace(pair, request=request, reply=reply, command=request or reply or pair.command)


def _command(command: Command | None, stream_id: int) -> Command | None:
    if command is None:
        return None
    media, events, observed = command.media, command.events, command.observed_events
    if media is not None:
        media = replace(media, streams={key: each for key, each in media.streams.items() if key == stream_id})
    if events is not None:
        events = replace(events, events=_own(events.events, stream_id))
    if observed is not None:
        observed = replace(observed, events=_own(observed.events, stream_id))
    return replace(command, media=media, events=events, observed_events=observed, signals=_signals(command, stream_id))


def _own(each_with_stream: Iterable[T], stream_id: int) -> list[T]:
    return [each for each in each_with_stream if each.stream_id in (None, stream_id)]


def _signals(command: Command, stream_id: int) -> list[Signal | SignalList] | None:
    if command.signals is None:
        return None
    found: list[Signal | SignalList] = []
    for each in command.signals:
        if isinstance(each, SignalList):
            found.append(replace(each, signals=_own(each.signals, stream_id)))
        elif each.stream_id in (None, stream_id):
            found.append(each)
    return found
