"""A session: one participant's leg through SIP, SDP, H.248, TCP and MSRP; and the conference it is part of."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from analyzer.conversations.connection import ConnectionPart
from analyzer.conversations.h248_terminations import Termination
from analyzer.conversations.kms_exchange import KmsExchange
from analyzer.conversations.media import MediaEnd
from analyzer.conversations.sip_call import SipCall, SipDigest
from analyzer.correlate.leg_media import LegMedia
from analyzer.correlate.timeline import Packed, pack, signalling_entries, timeline, unpack
from analyzer.findings import Finding, Result, StepResult
from analyzer.model import Link, TimelineEntry, Verdict

if TYPE_CHECKING:
    from dissectors.mikey.outcome import Unlocked


def stable_id(prefix: str, *keys: object) -> str:
    """An id that depends only on what the thing is, so that it is the same in every run, order and format."""
    text = "\x00".join(str(key) for key in keys)
    return f"{prefix}-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:10]}"


@dataclass(slots=True)
class Participant:
    """One party of the session, without saying who it is unless asked."""

    role: str
    address: str
    "IP address of its media or, without media, of its SIP."
    identity: str
    "SIP URI; shown in full only when asked for."


@dataclass(slots=True)
class Session:
    """One participant's leg."""

    id: str
    kind: str
    "`message` (MSRP), `call` (other media), `registration`, `sip` (other SIP), `h248` (no SIP seen), `tcp` (only TCP)."
    state: str
    "How it went, in words: `ended`, `open`, `rejected 488`, ..."
    verdict: Verdict
    first: int
    last: int
    sip: SipDigest | None = None
    call: SipCall | None = None
    "The call with its messages; gone once the session is released."
    terminations: list[Termination] = field(default_factory=list)
    connections: list[ConnectionPart] = field(default_factory=list)
    kms_exchanges: list[KmsExchange] = field(default_factory=list)
    "Ticket Requests and Resolves about the ticket in its offer; gone once the session is released."
    links: list[Link] = field(default_factory=list)
    participants: list[Participant] = field(default_factory=list)
    nodes: dict[str, str] = field(default_factory=dict)
    "Address -> role of every node in the timeline."
    offered: list[MediaEnd] = field(default_factory=list)
    answered: list[MediaEnd] = field(default_factory=list)
    conference: str | None = None
    connection_model: str | None = None
    "Which MSRP connection model is in force (`analyzer.evidence.connection_model.Model`), once judged."
    connection_model_reason: str = ""
    "How that was told, or why it was not."
    border_contexts: frozenset[tuple[str, int]] = frozenset()
    "Contexts of border gateways (IMS-AGW, TrGW), gateway and life: they join two legs of one call."
    borders: dict[tuple[str, int], str] = field(default_factory=dict, repr=False)
    "Contexts of border gateways on whichever evidence, each with what shows it (`analyzer.correlate.borders`)."
    unlocked: Unlocked | None = field(default=None, repr=False)
    "What the supplied keys made of its MIKEY-TICKET exchange: secrets; gone once the session is released."
    unlocked_streams: dict[int, Unlocked | None] = field(default_factory=dict, repr=False)
    "The same by `m=` line, from 1, where a session has several MSRP streams, each with a MIKEY-TICKET exchange."
    stream: int = 0
    "The `m=` line that this is the view of (`analyzer.evidence.streams`); 0 for the session itself."
    other_legs: list[LegMedia] = field(default_factory=list, repr=False)
    "What the other legs of the call announced, for judging; gone once the session is released."
    flow: str | None = None
    "The flow it should follow, once judged."
    flow_reason: str = ""
    "Why it follows none (`analyzer.no_flow`), once judged."
    steps: list[StepResult] = field(default_factory=list)
    results: dict[str, Result] = field(default_factory=dict)
    "What every rule says of it, by code."
    findings: list[Finding] = field(default_factory=list)
    "What is wrong, the worst first."
    is_bare: bool = False
    "Linking failed: nothing but its beginning is known, so there is nothing to judge."
    signalling: Packed | None = field(default=None, repr=False)
    "What SIP, H.248 and HTTP say in the timeline, once the messages are gone."

    @property
    def border(self) -> bool:
        """A border gateway serves this leg."""
        return bool(self.border_contexts)

    def entries(self) -> list[TimelineEntry]:
        """The timeline, by time and frame; put together every time it is asked for, since most of it is kept packed."""
        if self.signalling is not None:
            return timeline(unpack(self.signalling), self.connections)
        return timeline(self._signalling_entries(), self.connections)

    def _signalling_entries(self) -> list[TimelineEntry]:
        return signalling_entries(self.call, self.terminations, self.kms_exchanges)

    def release(self) -> None:
        """Let go of the messages of signalling and keep what reports read: whoever judges messages did so before."""
        try:
            if self.signalling is None:
                self.signalling = pack(self._signalling_entries())
        finally:
            self._let_go()

    def _let_go(self) -> None:
        if self.signalling is None:
            self.signalling = pack(())  # packing failed
        if self.call is not None:
            self.call.release()
        self.call = self.unlocked = None
        self.unlocked_streams.clear()
        self.kms_exchanges.clear()
        self.other_legs = []
        for life in self.terminations:
            life.pairs.clear()
        for part in self.connections:
            part.connection.pack()


@dataclass(slots=True)
class Conference:
    """The sessions that share a focus, or a context."""

    id: str
    uri: str
    "The conference URI, or empty when only the H.248 context shows it."
    sessions: list[str] = field(default_factory=list)
