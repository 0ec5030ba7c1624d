"""What is known of the capture as a whole: until when it goes, who was heard, and whether one clock timed it.

A rule may say that something is missing only where the capture would have shown it, so it asks here whether the
two nodes were heard talking at all after the moment in question.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from analyzer.model import Message

if TYPE_CHECKING:
    from analyzer.evidence.clocks import Apart
    from analyzer.evidence.tls_legs import TlsLeg

Pair = tuple[str, str, str]
"""Protocol and the two IP addresses, the smaller text first."""


class Scope:
    """Who was heard, and when: one span for each protocol and pair of addresses."""

    def __init__(self) -> None:
        self.first = 0
        self.last = 0
        "Time of the latest message or connection step, in ns."
        self.one_clock = True
        "One capture file with one interface: times of different nodes can be compared."
        self.identities = False
        "Findings may name subscribers: the user asked for it."
        self.tls_legs: dict[str, list[TlsLeg]] = {}
        "The connections of each conference that were judged: see `analyzer.evidence.tls_legs`."
        self.apart: dict[tuple[str, bool], tuple[Apart, int]] = {}
        "By interface, and whether its clock is ahead: how far at most, and in how many sessions."
        self._heard: dict[tuple[str, int], list[int]] = {}

    @property
    def clocks(self) -> str:
        """What to add to a sentence that compares times of different nodes; empty where one clock timed them."""
        return "" if self.one_clock else "; the capture joins several interfaces, whose clocks may differ"

    def note_clocks(self, apart: Iterable[Apart]) -> None:
        """Note the clocks of a session that differ from that of its SIP."""
        for each in apart:
            key = each.interface, each.offset < 0
            known, sessions = self.apart.get(key, (each, 0))
            self.apart[key] = max(known, each, key=lambda one: abs(one.offset)), sessions + 1

    def clock_notes(self) -> dict[str, int]:
        """A line for each, and the sessions that it is about."""
        return {
            f"{each.sentence}: order across them was not judged": sessions for each, sessions in self.apart.values()
        }

    def hear(self, message: Message) -> None:
        """Note that this protocol was heard between these two addresses."""
        time = message.time
        if time > self.last:
            self.last = time
        elif not self.first or time < self.first:
            self.first = time
        key = (message.protocol, message.flow.addresses)
        span = self._heard.get(key)
        if span is None:
            self._heard[key] = [time, time]
        elif time > span[1]:
            span[1] = time
        elif time < span[0]:
            span[0] = time

    def hear_until(self, time: int) -> None:
        """Note how far the capture goes."""
        self.last = max(self.last, time)

    def heard_after(self, protocol: str, message: Message, time: int) -> bool:
        """Was this protocol heard after `time` in either direction between the two nodes of `message`?"""
        flow = message.flow
        back = flow.reverse_key()[0]
        spans = (self._heard.get((protocol, flow.addresses)), self._heard.get((protocol, back)))
        return any(span is not None and span[1] > time for span in spans)

    def heard_back(self, protocol: str, message: Message, time: int) -> bool:
        """Did the receiver of `message` send this protocol to its sender after `time`?"""
        span = self._heard.get((protocol, message.flow.reverse_key()[0]))
        return span is not None and span[1] > time

    def heard(self, protocol: str) -> bool:
        """Was this protocol heard at all?"""
        return any(name == protocol for name, _ in self._heard)
