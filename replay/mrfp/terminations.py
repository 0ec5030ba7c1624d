"""Contexts and terminations of the gateway (H.248.1 clause 6), with their names and wildcards."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from dissectors.h248 import ALL_CONTEXTS, CHOOSE_CONTEXT, NULL_CONTEXT
from dissectors.h248.model import EventsDescriptor, Property, Signal, SignalList
from replay.mrfp.leg import Leg
from replay.mrfp.refusal import Refusal
from replay.mrfp.room import Room

ROOT = "ROOT"
MAX_NAME = 64
"Characters of a termination id (H.248.1 Annex B.2)."


@dataclass(slots=True)
class StreamState:
    """One stream of a termination, as an audit tells it."""

    mode: str = ""
    properties: list[Property] = field(default_factory=list)
    "Of LocalControl; without the Pre-Shared Key, which is told to nobody."
    local: bytes | None = None
    remote: bytes | None = None
    setup: str = ""
    "`a=setup` of Local."
    remote_setup: str = ""
    starts_tls: bool = False
    "The controller said that we start TLS."
    leg: Leg | None = None


@dataclass(slots=True, eq=False)
class Termination:
    """One ephemeral termination."""

    name: str
    context: Context
    streams: dict[int, StreamState] = field(default_factory=dict)
    events: EventsDescriptor | None = None
    signals: list[Signal | SignalList] = field(default_factory=list)
    service_state: str = "InService"


@dataclass(slots=True, eq=False)
class Context:
    """One context: a conference."""

    context_id: int
    terminations: dict[str, Termination] = field(default_factory=dict)
    rooms: dict[int, Room] = field(default_factory=dict)
    "By stream: participants hear each other within a stream."

    def room(self, stream_id: int) -> Room:
        return self.rooms.setdefault(stream_id, Room())


@dataclass(slots=True)
class Contexts:
    """All contexts and terminations."""

    prefix: str
    max_contexts: int
    max_terminations: int
    first: int = 1
    _next_context: int = 0
    _next_termination: int = 0
    contexts: dict[int, Context] = field(default_factory=dict)
    terminations: dict[str, Termination] = field(default_factory=dict)
    "By name in lower case."

    def new_context(self) -> Context:
        """A context with a number that was free longest. Refusal 412."""
        if len(self.contexts) >= self.max_contexts:
            raise Refusal(412, "no ContextID available")
        while True:
            number = self.first + self._next_context % 0xFFFFFF00
            self._next_context += 1
            if number not in self.contexts and NULL_CONTEXT < number < CHOOSE_CONTEXT:
                break
        context = self.contexts[number] = Context(number)
        return context

    def find_context(self, context_id: int) -> Context:
        """The context of this number. Refusal 411."""
        context = self.contexts.get(context_id)
        if context is None:
            raise Refusal(411, f"unknown ContextID {context_id}")
        return context

    def select(self, context_id: int) -> list[Context]:
        """The contexts that an action is about; `*` leaves out the null context (clause 6.1.2)."""
        if context_id == ALL_CONTEXTS:
            return list(self.contexts.values())
        return [self.find_context(context_id)]

    def new_name(self, wanted: str, binary: bool) -> str:
        """A name for `$`, or for a name with `$` in it. Refusal 430 for what is no name that we choose."""
        self._next_termination += 1
        number = self.first + self._next_termination - 1
        if binary:
            # Eight bits a level, four levels: the binary encoding has no other names (Annex A type TerminationID).
            bits = f"{0x10000000 + number & 0xFFFFFFFF:032b}"
            name = "/".join(bits[at : at + 8] for at in range(0, 32, 8))
            if wanted == "$":
                return name
        else:
            name = f"{self.prefix}/{number}"
        if not _covers(wanted.replace("$", "*"), name):
            raise Refusal(430, f"unknown TerminationID {wanted}")
        return name

    def add(self, context: Context, name: str) -> Termination:
        """A new termination. Refusal 434."""
        if len(context.terminations) >= self.max_terminations:
            raise Refusal(434, "max number of terminations in context exceeded")
        termination = Termination(name, context)
        context.terminations[name.lower()] = self.terminations[name.lower()] = termination
        return termination

    def remove(self, termination: Termination) -> None:
        """A termination goes, and its context with the last one (clause 6.1.1)."""
        context = termination.context
        del self.terminations[termination.name.lower()]
        del context.terminations[termination.name.lower()]
        self.drop_if_empty(context)

    def drop_if_empty(self, context: Context) -> None:
        if not context.terminations:
            self.contexts.pop(context.context_id, None)

    def move(self, termination: Termination, context: Context) -> None:
        """A termination goes into another context. Refusal 434."""
        if len(context.terminations) >= self.max_terminations:
            raise Refusal(434, "max number of terminations in context exceeded")
        old = termination.context
        del old.terminations[termination.name.lower()]
        self.drop_if_empty(old)
        termination.context = context
        context.terminations[termination.name.lower()] = termination

    def find(self, contexts: list[Context], wanted: str) -> list[Termination]:
        """The terminations of these contexts that a name stands for.

        Refusal 430 where there is none of this name, 435 where it is in another context, 431 where none matches.
        """
        if len(wanted) > MAX_NAME:
            raise Refusal(410, "incorrect identifier")
        if "*" in wanted:
            found = [each for context in contexts for each in matching(context, wanted)]
            if not found:
                raise Refusal(431, "no TerminationID matched a wildcard")
            return found
        termination = self.terminations.get(wanted.lower())
        if termination is None:
            raise Refusal(430, f"unknown TerminationID {wanted}")
        if termination.context not in contexts:
            raise Refusal(435, "TerminationID is not in specified context")
        return [termination]


def matching(context: Context, wanted: str) -> Iterator[Termination]:
    """The terminations of a context that a name with `*` stands for."""
    for name, termination in context.terminations.items():
        if _covers(wanted.lower(), name):
            yield termination


def _covers(wanted: str, name: str) -> bool:
    """Level by level; `*` at the end stands for all levels below as well."""
    if wanted == "*":
        return True
    levels, have = wanted.lower().split("/"), name.lower().split("/")
    if len(levels) > len(have) or (len(levels) < len(have) and not levels[-1].endswith("*")):
        return False
    for level, one in zip(levels, have, strict=False):
        pattern = ".*".join(re.escape(part) for part in level.split("*")) if level.count("*") <= 2 else None
        if pattern is None or re.fullmatch(pattern, one) is None:
            return False
    return True
