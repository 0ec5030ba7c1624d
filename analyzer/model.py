"""The nouns of the analysis: messages, links, sessions, conferences, and the account of what was read.

A `Message` is the one currency between decoding and correlation; a `Session` is what correlation makes of messages,
and what reports print. Times are nanoseconds since 1970 UTC as the capture has them; frame numbers are Wireshark's.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from operator import attrgetter
from typing import Any, NamedTuple

from analyzer.transport.flow import Flow


@dataclass(slots=True)
class Message:
    """One decoded protocol message with its place in the capture."""

    protocol: str
    "`sip`, `h248`, or `http` (with a KMS); MSRP and TCP stay inside their connection (see `conversations.connection`)."
    flow: Flow
    time: int
    "Capture time of the packet that completed it, in ns."
    frames: tuple[int, ...]
    "The frames its octets came in, in stream order."
    decoded: Any
    "`SipMessage`, `H248Message` or `HttpMessage`."


class TimelineEntry(NamedTuple):
    """One line of a session's ladder; a tuple, since there is one for every message of a capture."""

    time: int
    frames: tuple[int, ...]
    protocol: str
    "`sip`, `h248`, `http`, `tcp`, `tls`, `msrp`."
    flow: Flow
    summary: str
    "What was said, without bodies, keys or subscriber identities."
    step: str | None = None
    "The id of the flow step it fulfils, once flows are matched."


class Confidence(StrEnum):
    """How sure a link is."""

    CERTAIN = "certain"
    "Two independent keys agree, or one that is unique by construction."
    LIKELY = "likely"
    "One key agrees and nothing contradicts it."
    POSSIBLE = "possible"
    "Only time or a weak key speaks for it."


@dataclass(slots=True)
class Link:
    """Why something belongs to a session."""

    to: str
    "What is linked: `h248 context 17 ip/1/mb/33`, `tcp 203.0.113.5:28563 > 198.51.100.7:7394`, `session s-...`."
    reason: str
    confidence: Confidence


class Verdict(StrEnum):
    """The outcome of a session in one word (contract in docs/json.md)."""

    OK = "ok"
    WARNINGS = "warnings"
    FAILED = "failed"
    INCOMPLETE = "incomplete"


@dataclass(slots=True)
class CaptureInfo:
    """One capture file as it was read."""

    path: str
    format: str
    packets: int
    first: int | None
    last: int | None
    damage: str | None = None
    skipped: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Undecoded:
    """A stretch of octets that speaks a known protocol and could not be decoded."""

    protocol: str
    frame: int
    offset: int
    "Octet offset inside the message."
    reason: str


@dataclass(slots=True)
class Gap:
    """Octets of a stream that the capture does not hold."""

    flow: str
    frame: int
    "The first frame after the hole; 0 at the end of the stream."
    octets: int


MAX_LISTED = 1000
"How many undecodable messages, gaps and unlinked things are listed one by one; all are counted."


@dataclass(slots=True)
class Coverage:
    """What became of every packet read: nothing is silently missing."""

    packets: int = 0
    ignored: Counter[str] = field(default_factory=Counter)
    "Packets by the reason they were not used."
    messages: Counter[str] = field(default_factory=Counter)
    "Messages as sent on the wire, by protocol; `sdp` counts bodies."
    copies: Counter[str] = field(default_factory=Counter)
    "Packets that a mirror port doubled, by the protocol of the message (`other`: TCP and the rest); not in `messages`."
    undecoded: list[Undecoded] = field(default_factory=list)
    undecoded_total: int = 0
    gaps: list[Gap] = field(default_factory=list)
    gaps_total: int = 0
    tls_sessions: int = 0
    tls_undecrypted: Counter[str] = field(default_factory=Counter)
    tls_foreign: int = 0
    "Of the undecrypted those of other services than MSRP and SIP, which are no sessions (`correlate.foreign_tls`)."
    keys: list[tuple[str, int, int]] = field(default_factory=list)
    "Every supplied key by name: sessions that it opened, and sessions it was tried for in vain."
    keys_fitting: set[str] = field(default_factory=set)
    "Of these the names that verified a ticket or a message of MIKEY-TICKET."
    unlinked: Counter[str] = field(default_factory=Counter)
    "Messages that belong to no session, by protocol."
    unlinked_list: list[str] = field(default_factory=list)
    streams: Counter[str] = field(default_factory=Counter)
    "TCP connections and SCTP associations by what spoke in them."
    notes: Counter[str] = field(default_factory=Counter)
    "Everything else worth a line: retransmissions, evictions, faults tolerated."

    @property
    def used(self) -> int:
        """Packets whose octets became part of a message or of a connection of interest."""
        return self.packets - sum(self.ignored.values())

    def add_undecoded(self, item: Undecoded) -> None:
        self.undecoded_total += 1
        if len(self.undecoded) < MAX_LISTED:
            self.undecoded.append(item)

    def add_gap(self, gap: Gap) -> None:
        self.gaps_total += 1
        if len(self.gaps) < MAX_LISTED:
            self.gaps.append(gap)

    def merge(self, other: Coverage) -> None:
        """Add the account of another lane."""
        self.packets += other.packets
        for mine, its in (
            (self.ignored, other.ignored),
            (self.messages, other.messages),
            (self.copies, other.copies),
            (self.tls_undecrypted, other.tls_undecrypted),
            (self.unlinked, other.unlinked),
            (self.streams, other.streams),
            (self.notes, other.notes),
        ):
            mine.update(its)
        self.tls_sessions += other.tls_sessions
        self.tls_foreign += other.tls_foreign
        # In order of frames, whichever lane they were read in.
        self.undecoded = sorted([*self.undecoded, *other.undecoded], key=attrgetter("frame", "offset"))[:MAX_LISTED]
        self.undecoded_total += other.undecoded_total
        for gap in other.gaps:
            self.add_gap(gap)
        self.gaps_total += other.gaps_total - len(other.gaps)
