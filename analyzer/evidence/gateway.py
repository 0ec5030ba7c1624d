"""What the MRFC asked of the MRFP about one participant, command by command (TS 23.333 clauses 8.20 to 8.22)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from analyzer.conversations.h248_termination import Termination
from analyzer.conversations.h248_transactions import CommandPair
from analyzer.evidence.announced import Descriptor, read_descriptor
from analyzer.model import Message
from dissectors.h248 import Command, CommandName
from dissectors.h248.model import Event, EventsDescriptor, MediaDescriptor, Signal, SignalList, StreamParameters


@dataclass(slots=True)
class Order:
    """One command of the MRFC with the MRFP's reply, seen for the MSRP stream alone."""

    pair: CommandPair
    name: CommandName
    request: Message | None
    "The message that carries the command; None when it was not captured."
    reply: Message | None
    local: Descriptor | None
    "Local as requested; None when the command does not touch it."
    remote: Descriptor | None
    replied_local: Descriptor | None
    replied_remote: Descriptor | None
    _events: list[Event] | None = field(default=None, repr=False)
    _signals: list[Signal] | None = field(default=None, repr=False)

    @property
    def executed(self) -> bool:
        """The reply says that it was done."""
        return self.pair.reply is not None and self.pair.error is None

    @property
    def asked(self) -> int:
        """When the command was first sent, ns; 0 where a reply before it shows that the capture lacks that copy."""
        if self.request is None or (self.reply is not None and self.reply.time < self.request.time):
            return 0
        return self.request.time

    @property
    def answered(self) -> int:
        """When the reply was there; 0 where it was sent again, since the first may have escaped the capture."""
        transaction = self.pair.transaction
        if self.reply is None or transaction.reply_copies or transaction.request_copies:
            return 0
        return self.reply.time

    @property
    def frames(self) -> tuple[int, ...]:
        """Frames of the request, else of the reply."""
        message = self.request or self.reply
        return message.frames if message is not None else ()

    @property
    def reply_frames(self) -> tuple[int, ...]:
        return self.reply.frames if self.reply is not None else ()

    @property
    def command(self) -> Command | None:
        return self.pair.request

    def events(self) -> list[Event]:
        """Events asked for, embedded ones included."""
        if self._events is None:
            command = self.pair.request
            asked = command.events if command is not None else None
            self._events = list(_events(asked)) if asked is not None else []
        return self._events

    def signals(self) -> list[Signal]:
        """Signals asked for, those in lists and those embedded in events included."""
        if self._signals is None:
            command = self.pair.request
            found = list(_signals(command.signals)) if command is not None and command.signals else []
            for event in self.events():
                if event.embedded_signals:
                    found.extend(_signals(event.embedded_signals))
            self._signals = found
        return self._signals


def _events(descriptor: EventsDescriptor) -> Iterator[Event]:
    for event in descriptor.events:
        yield event
        if event.embedded_events is not None:
            yield from _events(event.embedded_events)


def _signals(signals: list[Signal | SignalList]) -> Iterator[Signal]:
    for each in signals:
        if isinstance(each, SignalList):
            yield from each.signals
        else:
            yield each


def orders(life: Termination) -> list[Order]:
    """The commands about a termination that can touch its media, in order of time."""
    found: list[Order] = []
    for pair in life.pairs:
        name = pair.command.name
        if name not in (CommandName.ADD, CommandName.MODIFY, CommandName.MOVE):
            continue
        transaction = pair.transaction
        asked = _stream(pair.request, life)
        told = _stream(pair.reply, life)
        found.append(
            Order(
                pair,
                name,
                transaction.request_message if pair.request is not None else None,
                transaction.reply_message if transaction.reply is not None else None,
                _descriptor(asked.local if asked is not None else None),
                _descriptor(asked.remote if asked is not None else None),
                _descriptor(told.local if told is not None else None),
                _descriptor(told.remote if told is not None else None),
            )
        )
    found.sort(key=_when)
    return found


def _when(order: Order) -> tuple[int, tuple[int, ...]]:
    message = order.request or order.reply
    return (message.time, message.frames) if message is not None else (0, ())


def _stream(command: Command | None, life: Termination) -> StreamParameters | None:
    """The MSRP stream of a command: by what the descriptors of the termination say, else the only one."""
    media: MediaDescriptor | None = command.media if command is not None else None
    if media is None or not media.streams:
        return None
    if len(media.streams) == 1 and len(life.local) < 2 and len(life.remote) < 2:
        return next(iter(media.streams.values()))
    ours = {
        stream_id for ends in (life.local, life.remote) for stream_id, end in ends.items() if end.is_msrp or end.path
    }
    for stream_id, stream in media.streams.items():
        if stream_id in ours:
            return stream
    for stream in media.streams.values():
        if b"MSRP" in (stream.local or b"").upper() + (stream.remote or b"").upper():
            return stream
    return next(iter(media.streams.values())) if not ours and len(media.streams) == 1 else None


def _descriptor(octets: bytes | None) -> Descriptor | None:
    return None if octets is None else read_descriptor(octets)
